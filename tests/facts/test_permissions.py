"""Who may do what: the table of docs/facts/permissions.md row by row, and a second evaluation written from it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.engine.examples import judge_one
from assay.engine.load import Library, load_library, read_examples
from assay.facts.permissions import Permissions
from assay.facts.rbac import Subject
from assay.model.verdicts import Verdict
from assay.shipped import shipped
from tests.facts.rbac_worlds import GROUP, RESOURCES, Maker, Names, Object, aggregated, see, without_circles

JANE = Subject("User", "", "jane")
CI = Subject("ServiceAccount", "one", "ci")
MASTERS = Subject("Group", "", "system:masters")
RULES = (
    "auditor-account-read-only",
    "binding-duties-deploy-and-rbac-separated",
    "binding-environment-duties-separated",
    "binding-role-exists",
    "binding-service-account-within-tenant",
    "data-store-namespace-access-limited",
    "log-store-write-restricted",
    "pod-no-service-account-token-automount",
    "production-no-human-write",
    "security-agent-write-restricted",
    "workload-service-account-not-cluster-admin",
)


def rbac(kind: str, name: str, namespace: str | None = None, **body: Any) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **body.pop("metadata", {})}
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata, **body}


def rule(verbs: str, resources: str, group: str = "", **more: list[str]) -> Object:
    return {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split(), **more}


def bind(role: str, namespace: str | None = None, subject: Object | None = None, kind: str = "ClusterRole") -> Object:
    ref = {"apiGroup": GROUP, "kind": kind, "name": role}
    subjects = [subject or {"apiGroup": GROUP, "kind": "User", "name": "jane"}]
    return rbac(
        "RoleBinding" if namespace else "ClusterRoleBinding", f"{role}s", namespace, roleRef=ref, subjects=subjects
    )


def granted(*rules: Object, namespace: str | None = None) -> list[Object]:
    """What gives rules to jane."""
    return [rbac("ClusterRole", "own", rules=list(rules)), bind("own", namespace)]


def urls(*paths: str) -> Object:
    return {"verbs": ["get"], "nonResourceURLs": list(paths)}


GET_PODS = ("get", "", "pods", "one", "")
READS = rbac("ClusterRole", "reads", rules=[rule("get", "pods")])
ACCOUNT = {"kind": "ServiceAccount", "name": "ci", "namespace": "one"}
AGGREGATE = {"clusterRoleSelectors": [{"matchLabels": {"to": "top"}}]}
TOP = rbac("ClusterRole", "own", rules=[rule("delete", "pods")], aggregationRule=AGGREGATE)
MIDDLE = rbac(
    "ClusterRole",
    "middle",
    metadata={"labels": {"to": "top"}},
    rules=[],
    aggregationRule={
        "clusterRoleSelectors": [{"matchExpressions": [{"key": "to", "operator": "In", "values": ["mid"]}]}]
    },
)
LEAF = rbac("ClusterRole", "leaf", metadata={"labels": {"to": "mid"}}, rules=[rule("get", "pods")])

Asked = tuple[str, str, str, str | None, str]

# The rows of the table: objects, the question, and the answer; None is unknown.
ROWS: dict[str, tuple[list[Object], Asked, bool | None]] = {
    "nothing is bound": ([], GET_PODS, False),
    "verb, group and resource": (granted(rule("get", "pods")), GET_PODS, True),
    "another verb": (granted(rule("list watch", "pods")), GET_PODS, False),
    "another group": (granted(rule("get", "pods", "apps")), GET_PODS, False),
    "another resource": (granted(rule("get", "services")), GET_PODS, False),
    "all verbs": (granted(rule("*", "pods")), ("escalate", "", "pods", "one", ""), True),
    "all groups": (granted(rule("get", "pods", "*")), GET_PODS, True),
    "all resources are all subresources too": (granted(rule("get", "*")), ("get", "", "pods/log", "one", ""), True),
    "a resource is not its subresources": (granted(rule("get", "pods")), ("get", "", "pods/log", "one", ""), False),
    "a subresource is not its resource": (granted(rule("get", "pods/log")), GET_PODS, False),
    "one subresource of everything": (
        granted(rule("get", "*/scale", "apps")),
        ("get", "apps", "a/scale", "one", ""),
        True,
    ),
    "all subresources of one, which means nothing": (
        granted(rule("get", "pods/*")),
        ("get", "", "pods/log", "one", ""),
        False,
    ),
    "a name": (granted(rule("get", "pods", resourceNames=["a"])), ("get", "", "pods", "one", "a"), True),
    "another name": (granted(rule("get", "pods", resourceNames=["a"])), ("get", "", "pods", "one", "b"), False),
    "names, and a request without one": (granted(rule("create", "pods", resourceNames=["a"])), GET_PODS, False),
    "a binding of another namespace": (granted(rule("get", "pods"), namespace="two"), GET_PODS, False),
    "a binding of the namespace": (granted(rule("get", "pods"), namespace="one"), GET_PODS, True),
    "all namespaces, with a binding of one": (
        granted(rule("get", "pods"), namespace="one"),
        ("get", "", "pods", None, ""),
        False,
    ),
    "what has no namespace, with a binding of one": (
        granted(rule("get", "nodes"), namespace="one"),
        ("get", "", "nodes", None, ""),
        False,
    ),
    "a path": (granted(urls("/metrics")), ("get", "", "/metrics", None, ""), True),
    "a path below": (granted(urls("/metrics")), ("get", "", "/metrics/slis", None, ""), False),
    "an asterisk at the end": (granted(urls("/metrics/*")), ("get", "", "/metrics/slis", None, ""), True),
    "an asterisk in the middle, which means nothing": (
        granted(urls("/m*/slis")),
        ("get", "", "/m/slis", None, ""),
        False,
    ),
    "all paths": (granted(urls("*")), ("get", "", "/metrics", None, ""), True),
    "a path, bound in a namespace": (granted(urls("*"), namespace="one"), ("get", "", "/metrics", None, ""), False),
    "a Role": (
        [rbac("Role", "own", "one", rules=[rule("get", "pods")]), bind("own", "one", kind="Role")],
        GET_PODS,
        True,
    ),
    "a Role of another namespace": (
        [rbac("Role", "own", "two", rules=[rule("get", "pods")]), bind("own", "one", kind="Role")],
        GET_PODS,
        None,
    ),
    "a role that was not seen": ([bind("nowhere")], GET_PODS, None),
    "a role that Kubernetes brings": ([bind("view")], GET_PODS, True),
    "a Role that Kubernetes brings": (
        [bind("extension-apiserver-authentication-reader", "kube-system", kind="Role")],
        ("get", "", "configmaps", "kube-system", "extension-apiserver-authentication"),
        True,
    ),
    "a file that replaces what Kubernetes brings": (
        [rbac("ClusterRole", "view", rules=[]), bind("view")],
        GET_PODS,
        False,
    ),
    "two roles that contradict each other": (
        [*granted(rule("get", "pods")), rbac("ClusterRole", "own", rules=[])],
        GET_PODS,
        None,
    ),
    "two bindings that contradict each other": (
        [*granted(rule("get", "pods")), bind("own", subject=ACCOUNT)],
        GET_PODS,
        None,
    ),
    "aggregated": (
        [TOP, rbac("ClusterRole", "x", metadata={"labels": {"to": "top"}}, rules=[rule("get", "pods")]), bind("own")],
        GET_PODS,
        True,
    ),
    "aggregated over two steps": ([TOP, MIDDLE, LEAF, bind("own")], GET_PODS, True),
    "what an aggregated role says itself, which is written over": (
        [TOP, bind("own")],
        ("delete", "", "pods", "one", ""),
        False,
    ),
    "added to what Kubernetes brings": (
        [
            rbac(
                "ClusterRole",
                "more",
                metadata={"labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
                rules=[rule("get", "things", "example.com")],
            ),
            bind("view"),
        ],
        ("get", "example.com", "things", "one", ""),
        True,
    ),
}


def permissions(objects: list[Object], **options: Any) -> Permissions:
    found = see(objects, **options).fact("permissions")
    assert isinstance(found, Permissions)
    return found


@pytest.mark.parametrize("row", ROWS)
def test_table(row: str) -> None:
    objects, asked, answer = ROWS[row]
    found = permissions(objects)
    assert found.rbac.decide((JANE,), *asked) is answer
    direct = found.subjects_that_may(*asked)
    assert bool(direct) is (answer is True)
    assert all(grant[:3] == JANE and grant.path[0].endswith("s") for grant in direct)
    if answer is None:
        assert found.doubt_in(asked[3])


WHO: dict[str, tuple[Object, bool]] = {
    "the account": (ACCOUNT, True),
    "the name that it logs in with": ({"kind": "User", "name": "system:serviceaccount:one:ci"}, True),
    "all accounts of the namespace": ({"kind": "Group", "name": "system:serviceaccounts:one"}, True),
    "all accounts": ({"kind": "Group", "name": "system:serviceaccounts"}, True),
    "everybody who has logged in": ({"kind": "Group", "name": "system:authenticated"}, True),
    "the account of the same name elsewhere": ({"kind": "ServiceAccount", "name": "ci", "namespace": "two"}, False),
    "all accounts of another namespace": ({"kind": "Group", "name": "system:serviceaccounts:two"}, False),
    "a user of the same name": ({"kind": "User", "name": "ci"}, False),
    "nobody who has logged in": ({"kind": "Group", "name": "system:unauthenticated"}, False),
}


@pytest.mark.parametrize("row", WHO)
def test_subjects(row: str) -> None:
    subject, is_ci = WHO[row]
    found = permissions([READS, bind("reads", subject=subject)])
    assert found.rbac.decide((CI, *CI.groups), *GET_PODS) is is_ci
    assert [str(binding.role) for binding in found.grants_of(CI)] == ["ClusterRole reads"] * is_ci


def test_an_account_without_a_namespace_is_that_of_the_binding() -> None:
    found = permissions([READS, bind("reads", "one", {"kind": "ServiceAccount", "name": "ci"})])
    assert found.rbac.decide((CI,), *GET_PODS) is True


def test_the_group_of_administrators_may_do_everything() -> None:
    assert permissions([]).rbac.decide((MASTERS,), *GET_PODS) is True


def test_live_the_rules_are_what_counts() -> None:
    found = permissions([TOP, LEAF, bind("own")], kind="cluster")
    assert found.rbac.decide((JANE,), "delete", "", "pods", "one") is True
    assert found.rbac.decide((JANE,), *GET_PODS) is False
    assert permissions([bind("view")], kind="cluster").rbac.decide((JANE,), *GET_PODS) is None


def test_what_stays_in_a_circle_is_counted() -> None:
    one = rbac(
        "ClusterRole", "own", metadata={"labels": {"to": "mid"}}, rules=[rule("get", "pods")], aggregationRule=AGGREGATE
    )
    assert permissions([one, MIDDLE, bind("own")]).rbac.decide((JANE,), *GET_PODS) is True


class Second:
    """The same decision from a world in which aggregation is written out, by going through everything."""

    def __init__(self, objects: list[Object]) -> None:
        self.bodies = list(aggregated(objects))

    def decide(
        self, who: tuple[Subject, ...], verb: str, group: str, resource: str, space: str | None, name: str
    ) -> bool | None:
        answer: bool | None = False
        for binding in self.bodies:
            place, ref = binding["metadata"].get("namespace"), binding.get("roleRef")
            if (
                ref is None
                or place not in (None, space)
                or not any(self.names(s, place, who) for s in binding["subjects"])
            ):
                continue
            wanted = (ref["kind"], ref["name"], place if ref["kind"] == "Role" else None)
            roles = [
                b for b in self.bodies if (b["kind"], b["metadata"]["name"], b["metadata"].get("namespace")) == wanted
            ]
            if not roles:
                answer = None if answer is False else answer
            elif any(self.grants(entry, verb, group, resource, name) for entry in roles[0]["rules"]):
                return True
        return answer

    @staticmethod
    def names(subject: Object, place: str | None, who: tuple[Subject, ...]) -> bool:
        if subject["kind"] == "ServiceAccount":
            user = f"system:serviceaccount:{subject.get('namespace', place)}:{subject['name']}"
            return user in [one.user for one in who if one.kind != "Group"]
        return subject["name"] in [one.user for one in who if (one.kind == "Group") == (subject["kind"] == "Group")]

    @staticmethod
    def grants(entry: Object, verb: str, group: str, resource: str, name: str) -> bool:
        if not {verb, "*"} & set(entry["verbs"]):
            return False
        if resource.startswith("/"):
            patterns = entry.get("nonResourceURLs", [])
            return any(p == resource or (p[-1] == "*" and resource.startswith(p[:-1])) for p in patterns)
        wanted = {resource, "*"} | ({"*/" + resource.split("/")[1]} if "/" in resource else set())
        return (
            bool({group, "*"} & set(entry.get("apiGroups", [])))
            and bool(wanted & set(entry.get("resources", [])))
            and (not entry.get("resourceNames") or name in entry["resourceNames"])
        )


@settings(max_examples=500, deadline=None)
@given(st.integers(min_value=0), st.data())
def test_a_second_evaluation_says_the_same(seed: int, data: st.DataObject) -> None:
    objects = without_circles(Maker(seed, Names()).world(powerful=False))
    ours, theirs = permissions(objects), Second(objects)
    plain = [resource for resource in RESOURCES if not resource.startswith("*")]
    for _ in range(5):
        one = data.draw(st.sampled_from([CI, JANE, Subject("User", "", "u0"), Subject("ServiceAccount", "two", "s1")]))
        asked = (
            data.draw(st.sampled_from(["get", "list", "create", "delete"])),
            data.draw(st.sampled_from(["", "apps", "batch"])),
            data.draw(st.sampled_from([*plain, "/metrics", "/debug/pprof", "/logs/a"])),
            data.draw(st.sampled_from([None, "one", "two"])),
            data.draw(st.sampled_from(["", "a", "b"])),
        )
        who = (one, *one.groups, Subject("Group", "", "g0"))
        assert ours.rbac.decide(who, *asked) is theirs.decide(who, *asked)


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(shipped("policies"))


@pytest.mark.parametrize("name", RULES)
def test_what_was_not_seen_never_turns_a_verdict(name: str, library: Library) -> None:
    """Each object that decides is taken out of the world: then it is not known, or decides as before.

    What a rule leaves alone because of an object may fail without it, and never passes.
    """
    found = library.rules[name]
    turned, unknown = [], 0
    for verdict, examples in read_examples(found.file).items():
        for example in examples:
            others = example.get("with", [])
            for index in range(len(others)):
                rest = (*others[:index], *others[index + 1 :])
                got, _, _ = judge_one(found, example["object"], rest, params=example.get("params"), complete=False)
                unknown += got is Verdict.NOT_ASSESSED
                allowed = {verdict, "not assessed", *(["fail"] if verdict == "not applicable" else [])}
                if str(got) not in allowed:
                    turned.append((example["name"], others[index]["kind"], verdict, str(got)))
    assert turned == []
    assert unknown > 0
