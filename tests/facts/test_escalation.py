"""Who reaches cluster-admin: the table of docs/facts/escalation.md row by row, and a search that tries everything."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.facts.escalation import POWERS, Escalation
from assay.facts.rbac import Subject
from tests.facts.rbac_worlds import GROUP, Maker, Names, Object, aggregated, see, without_circles

ADMISSION, CERTIFICATES = "admissionregistration.k8s.io", "certificates.k8s.io"
CI = Subject("ServiceAccount", "one", "ci")


def rbac(kind: str, name: str, namespace: str | None = None, **body: Any) -> Object:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata, **body}


def bound(account: Subject, namespace: str | None, role: str) -> Object:
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    subject = {"kind": account.kind, "name": account.name, "namespace": account.namespace}
    ref = {"apiGroup": GROUP, "kind": "ClusterRole", "name": role}
    return rbac(kind, f"{account.name}-{role}", namespace, roleRef=ref, subjects=[subject])


def may(*powers: tuple[str, str, str], namespace: str | None = None, names: Iterable[str] = ()) -> list[Object]:
    """The account ci may do this: the objects that say so."""
    named = {"resourceNames": list(names)} if names else {}
    rules = [
        {"verbs": [verb], "apiGroups": [group], "resources": [resource], **named} for verb, group, resource in powers
    ]
    role = f"{powers} {namespace} {names}"
    return [rbac("ClusterRole", role, rules=rules), bound(CI, namespace, role)]


STRONG = bound(Subject("ServiceAccount", "one", "strong"), None, "cluster-admin")
FAR = bound(Subject("ServiceAccount", "two", "strong"), None, "cluster-admin")


def pod(account: str, namespace: str = "one", **spec: Any) -> Object:
    spec = {"serviceAccountName": account, "automountServiceAccountToken": True, "containers": [{"name": "c"}], **spec}
    metadata = {"name": account, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def token(account: str, name: str = "token") -> Object:
    notes = {"kubernetes.io/service-account.name": account}
    metadata = {"name": name, "namespace": "one", "annotations": notes}
    kind = "kubernetes.io/service-account-token"
    return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": metadata}


PRIVILEGED: dict[str, Any] = {"containers": [{"name": "c", "securityContext": {"privileged": True}}]}
BINDS = (("bind", GROUP, "clusterroles"), ("create", GROUP, "clusterrolebindings"))
BINDS_HERE = (("bind", GROUP, "clusterroles"), ("create", GROUP, "rolebindings"))
ESCALATES = (("escalate", GROUP, "clusterroles"), ("update", GROUP, "clusterroles"))
SECRET = (("create", "", "secrets"), ("get", "", "secrets"))
CERTIFICATE = (
    ("create", CERTIFICATES, "certificatesigningrequests"),
    ("update", CERTIFICATES, "certificatesigningrequests/approval"),
)
POLICIES = (
    ("create", ADMISSION, "mutatingadmissionpolicies"),
    ("create", ADMISSION, "mutatingadmissionpolicybindings"),
)

# The rows of the table: what ci has, and whether it reaches cluster-admin.
ROWS: dict[str, tuple[list[Object], bool]] = {
    "every right": (may(("*", "*", "*")), True),
    "every right in one namespace": (may(("*", "*", "*"), namespace="one"), False),
    "every right in kube-system": (may(("*", "*", "*"), namespace="kube-system"), True),
    "every verb on every resource of one group": (may(("*", "apps", "*"), namespace="one"), False),
    "bind any role": (may(*BINDS), True),
    "bind without writing bindings": (may(BINDS[0]), False),
    "write bindings without bind": (may(BINDS[1]), False),
    "bind one weak role": (may(BINDS[0], names=["view"]) + may(BINDS[1]), False),
    "bind cluster-admin by name": (may(BINDS[0], names=["cluster-admin"]) + may(BINDS[1]), True),
    "join the binding of cluster-admin": (may(BINDS[0], ("patch", GROUP, "clusterrolebindings")), True),
    "bind in one namespace": (may(*BINDS_HERE, namespace="one"), False),
    "bind in a namespace with a strong account": ([*may(*BINDS_HERE, namespace="one"), STRONG], True),
    "bind in every namespace": (may(*BINDS_HERE), True),
    "write into a role that it holds": (may(*ESCALATES), True),
    "escalate without writing": (may(ESCALATES[0]), False),
    "escalate a role that it does not hold": (may(*ESCALATES, names=["view"]), False),
    "run Pods beside a strong account": ([*may(("create", "", "pods"), namespace="one"), STRONG], True),
    "run Pods elsewhere": ([*may(("create", "", "pods"), namespace="one"), FAR], False),
    "run Pods everywhere": (may(("create", "", "pods")), True),
    "change a workload by name": ([*may(("patch", "apps", "deployments"), namespace="one", names=["a"]), STRONG], True),
    "create a workload by name, which nobody can": (
        [*may(("create", "apps", "deployments"), namespace="one", names=["a"]), STRONG],
        False,
    ),
    "delete workloads": ([*may(("delete", "apps", "deployments"), namespace="one"), STRONG], False),
    "a shell in a Pod with a strong account": (
        [*may(("create", "", "pods/exec"), namespace="one"), STRONG, pod("strong")],
        True,
    ),
    "a shell where the strong account runs nowhere": (
        [*may(("create", "", "pods/exec"), namespace="one"), STRONG],
        False,
    ),
    "a shell in a Pod without the token": (
        [
            *may(("create", "", "pods/exec"), namespace="one"),
            STRONG,
            pod("strong", automountServiceAccountToken=False),
        ],
        False,
    ),
    "a shell in a Pod that asks for the token": (
        [
            *may(("create", "", "pods/exec"), namespace="one"),
            STRONG,
            pod(
                "strong",
                automountServiceAccountToken=False,
                volumes=[{"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}],
            ),
        ],
        True,
    ),
    "a shell in one Pod by name": (
        [*may(("create", "", "pods/exec"), namespace="one", names=["strong"]), STRONG, pod("strong")],
        True,
    ),
    "a shell in another Pod by name": (
        [*may(("create", "", "pods/exec"), namespace="one", names=["other"]), STRONG, pod("strong")],
        False,
    ),
    "a debug container": (
        [*may(("patch", "", "pods/ephemeralcontainers"), namespace="one"), STRONG, pod("strong")],
        True,
    ),
    "a shell in a privileged Pod": (
        [*may(("create", "", "pods/exec"), namespace="one"), FAR, pod("weak", **PRIVILEGED), pod("strong", "two")],
        True,
    ),
    "a shell in a Pod without privileges": (
        [*may(("create", "", "pods/exec"), namespace="one"), FAR, pod("weak"), pod("strong", "two")],
        False,
    ),
    "the kubelet": ([*may(("get", "", "nodes/proxy")), FAR, pod("strong", "two")], True),
    "the kubelet, bound in a namespace": (
        [*may(("get", "", "nodes/proxy"), namespace="one"), STRONG, pod("strong")],
        False,
    ),
    "a volume of the node": (
        [
            *may(("create", "", "persistentvolumes")),
            *may(("create", "", "persistentvolumeclaims"), ("create", "", "pods"), namespace="one"),
            FAR,
            pod("strong", "two"),
        ],
        True,
    ),
    "a volume of the node without Pods": (
        [*may(("create", "", "persistentvolumes")), FAR, pod("strong", "two")],
        False,
    ),
    "a token of a strong account": ([*may(("create", "", "serviceaccounts/token"), namespace="one"), STRONG], True),
    "a token by name": (
        [*may(("create", "", "serviceaccounts/token"), namespace="one", names=["strong"]), STRONG],
        True,
    ),
    "a token of another account": (
        [*may(("create", "", "serviceaccounts/token"), namespace="one", names=["weak"]), STRONG],
        False,
    ),
    "all Secrets of the cluster": (may(("list", "", "secrets")), True),
    "all Secrets of a namespace": ([*may(("list", "", "secrets"), namespace="one"), STRONG], False),
    "a Secret with a token": ([*may(("get", "", "secrets"), namespace="one"), STRONG, token("strong")], True),
    "a Secret with a token by name": (
        [*may(("get", "", "secrets"), namespace="one", names=["token"]), STRONG, token("strong")],
        True,
    ),
    "another Secret by name": (
        [*may(("get", "", "secrets"), namespace="one", names=["other"]), STRONG, token("strong")],
        False,
    ),
    "make a Secret for a token": ([*may(*SECRET, namespace="one"), STRONG], True),
    "make a Secret without reading it": ([*may(SECRET[0], namespace="one"), STRONG], False),
    "impersonate the group of administrators": (
        may(("impersonate", "", "groups"), ("impersonate", "", "users")),
        True,
    ),
    "impersonate groups and nobody": (may(("impersonate", "", "groups")), False),
    # Found by the search below: users have no namespace, so a RoleBinding lets nobody impersonate one.
    "impersonate groups, and a user by a binding of a namespace": (
        may(("impersonate", "", "groups")) + may(("impersonate", "", "users"), namespace="one"),
        False,
    ),
    "impersonate groups, and a user that is an account": (
        may(("impersonate", "", "groups")) + may(("impersonate", "", "users"), names=["system:serviceaccount:one:ci"]),
        False,
    ),
    "impersonate any user": (may(("impersonate", "", "users")), True),
    "impersonate one user": (may(("impersonate", "", "users"), names=["jane"]), False),
    "impersonate a strong account": ([*may(("impersonate", "", "serviceaccounts"), namespace="one"), STRONG], True),
    "an account as a user, which is asked for as an account": (
        [*may(("impersonate", "", "users"), names=["system:serviceaccount:one:strong"]), STRONG],
        False,
    ),
    "a webhook that changes objects": (may(("create", ADMISSION, "mutatingwebhookconfigurations")), True),
    "a webhook that exists": (may(("patch", ADMISSION, "mutatingwebhookconfigurations"), names=["injector"]), True),
    "a webhook that only checks": (may(("create", ADMISSION, "validatingwebhookconfigurations")), False),
    "a policy that changes objects": (may(*POLICIES), True),
    "a policy without its binding": (may(POLICIES[0]), False),
    "a certificate": (may(*CERTIFICATE, ("approve", CERTIFICATES, "signers")), True),
    "a certificate of the signer for clients": (
        may(*CERTIFICATE) + may(("approve", CERTIFICATES, "signers"), names=["kubernetes.io/kube-apiserver-client"]),
        True,
    ),
    "a certificate of any signer of Kubernetes": (
        may(*CERTIFICATE) + may(("approve", CERTIFICATES, "signers"), names=["kubernetes.io/*"]),
        True,
    ),
    "a certificate of a signer that no one trusts": (
        may(*CERTIFICATE) + may(("approve", CERTIFICATES, "signers"), names=["example.com/own"]),
        False,
    ),
    "a certificate that it may not approve": (may(CERTIFICATE[0], ("approve", CERTIFICATES, "signers")), False),
    "two steps": (
        [
            *may(("create", "", "serviceaccounts/token"), namespace="two"),
            rbac("ClusterRole", "runs", rules=[{"verbs": ["create"], "apiGroups": [""], "resources": ["pods"]}]),
            bound(Subject("ServiceAccount", "two", "middle"), "one", "runs"),
            STRONG,
        ],
        True,
    ),
}


def fact(objects: Iterable[Object], **options: Any) -> Escalation:
    found = see(objects, **options).fact("escalation")
    assert isinstance(found, Escalation)
    return found


@pytest.mark.parametrize("row", ROWS)
def test_table(row: str) -> None:
    objects, reaches = ROWS[row]
    chain = fact(objects).chain(CI)
    assert (chain is not None) is reaches
    for link in chain or ():
        assert list(fact(objects).reviews(link)), "each step can be asked for"


def test_every_power_is_in_the_table() -> None:
    said = {
        (verb, group, resource)
        for objects, _ in ROWS.values()
        for obj in objects
        for rule in obj.get("rules", [])
        for verb, group, resource in itertools.product(rule["verbs"], rule["apiGroups"], rule["resources"])
    }
    without = {name for name, questions in POWERS.items() if said.isdisjoint(questions)}
    # Roles and RoleBindings are what their forms for the cluster are; the search below tries them.
    assert without == {"bind roles", "edit rolebindings", "escalate roles", "edit roles"}


def test_a_chain_names_each_step() -> None:
    objects, _ = ROWS["two steps"]
    assert [str(link) for link in fact(objects).chain(CI) or ()] == [
        "ServiceAccount/one/ci: ask for a token in two -> ServiceAccount/two/middle",
        "ServiceAccount/two/middle: run Pods in one -> ServiceAccount/one/strong",
        "ServiceAccount/one/strong: has every right -> cluster-admin",
    ]


class TestUnknown:
    """What was not seen is never a no."""

    def plain(self, objects: Iterable[Object], **options: Any) -> dict[str, Any]:
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "ci", "namespace": "one"}}
        facts = see([account, *objects], **options)
        escalation = facts.fact("escalation")
        found = escalation.of(next(escalation.index.of_kind("core/ServiceAccount")))
        assert isinstance(found, dict)
        return found

    def test_a_role(self) -> None:
        found = self.plain([bound(CI, "one", "nowhere")])
        assert (found["reaches"], found["unknown"]) == (False, "ClusterRole nowhere was not seen")

    def test_the_role_of_an_account_that_it_can_become(self) -> None:
        beside = bound(Subject("ServiceAccount", "one", "other"), None, "nowhere")
        found = self.plain([*may(("create", "", "pods"), namespace="one"), beside])
        assert (found["reaches"], found["unknown"]) == (False, "ClusterRole nowhere was not seen")

    def test_whether_a_pod_holds_the_token(self) -> None:
        runs = pod("strong")
        del runs["spec"]["automountServiceAccountToken"]
        objects = [*may(("create", "", "pods/exec"), namespace="one"), STRONG, runs]
        assert self.plain(objects)["reaches"]
        found = self.plain(objects, complete=False)
        assert (found["reaches"], found["unknown"]) == (False, "a ServiceAccount that was not seen could change this")

    def test_bindings_that_contradict_each_other(self) -> None:
        other = {**bound(CI, None, "cluster-admin"), "metadata": {"name": "x"}}
        found = self.plain([other, {**other, "roleRef": {**other["roleRef"], "name": "view"}}])
        assert not found["reaches"]
        assert (
            found["unknown"] == "ClusterRoleBinding.rbac.authorization.k8s.io x contradicts another object of its name"
        )

    def test_a_role_that_may_be_bound(self) -> None:
        found = self.plain(may(BINDS[0], names=["nowhere"]) + may(BINDS[1]))
        assert (found["reaches"], found["unknown"]) == (False, "ClusterRole nowhere was not seen")


class Search:
    """Who reaches cluster-admin, by trying every step from everybody until nothing is new.

    Written from the table in docs/facts/escalation.md. Every namespace is known, and every object was seen.
    """

    def __init__(self, objects: list[Object]) -> None:
        bodies = list(aggregated(objects))
        self.roles = {
            (body["kind"], body["metadata"].get("namespace"), body["metadata"]["name"]): body["rules"]
            for body in bodies
            if body["kind"] in ("Role", "ClusterRole")
        }
        everything = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
        self.roles["ClusterRole", None, "cluster-admin"] = everything
        self.bindings = [body for body in bodies if body["kind"].endswith("Binding")]
        self.pods = [body for body in bodies if body["kind"] in ("Pod", "Deployment")]
        self.accounts = [body for body in bodies if body["kind"] == "ServiceAccount"]
        self.tokens = [body for body in bodies if body["kind"] == "Secret"]
        self.names = {
            "",
            *(n for rules in self.roles.values() for rule in rules for n in rule.get("resourceNames", [])),
        }
        found = {(body["metadata"].get("namespace"), "default") for body in bodies if body["metadata"].get("namespace")}
        found |= {("kube-system", "default"), ("kube-system", "clusterrole-aggregation-controller")}
        found |= {(a["metadata"]["namespace"], a["metadata"]["name"]) for a in self.accounts}
        found |= {(p["metadata"]["namespace"], self.spec(p)["serviceAccountName"]) for p in self.pods}
        self.everybody = {("ServiceAccount", *key) for key in found}
        self.everybody |= {self.who(s, b) for b in self.bindings for s in b["subjects"]}
        self.everybody |= {("Group", "", "system:masters"), ("User", "", "system:kube-controller-manager")}
        self.spaces = {who[1] for who in self.everybody if who[0] == "ServiceAccount"}
        self.held = {who: self.given(who) for who in self.everybody}

    @staticmethod
    def spec(body: Object) -> dict[str, Any]:
        spec: dict[str, Any] = body["spec"] if body["kind"] == "Pod" else body["spec"]["template"]["spec"]
        return spec

    @staticmethod
    def who(subject: Object, binding: Object) -> tuple[str, str, str]:
        name = subject["name"]
        if subject["kind"] == "ServiceAccount":
            return ("ServiceAccount", subject.get("namespace") or binding["metadata"]["namespace"], name)
        if subject["kind"] == "User" and name.startswith("system:serviceaccount:"):
            return ("ServiceAccount", *name.split(":")[2:])
        return (subject["kind"], "", name)

    def given(self, who: tuple[str, str, str]) -> list[tuple[tuple[str, Any, str], str | None]]:
        """The roles of somebody, each with the namespace in which it counts."""
        kind, space, name = who
        groups = {"ServiceAccount": {"system:serviceaccounts", f"system:serviceaccounts:{space}"}}.get(kind, set())
        if kind == "Group" and name.startswith("system:serviceaccounts:"):
            groups = {"system:serviceaccounts"}
        names = {who, *(("Group", "", group) for group in {*groups, "system:authenticated"})}
        found = []
        for binding in self.bindings:
            if any(self.who(subject, binding) in names for subject in binding["subjects"]):
                place, ref = binding["metadata"].get("namespace"), binding["roleRef"]
                found.append(((ref["kind"], place if ref["kind"] == "Role" else None, ref["name"]), place))
        return [entry for entry in found if entry[0] in self.roles]

    def can(self, who: tuple[str, str, str], power: str, space: str | None, name: str = "") -> bool:
        return any(
            (place is None or place == space)
            and {verb, "*"} & set(rule["verbs"])
            and {group, "*"} & set(rule["apiGroups"])
            and {resource, "*"} & set(rule["resources"])
            and (not rule.get("resourceNames") or (name != "" and name in rule["resourceNames"]))
            and not (rule.get("resourceNames") and verb == "create" and "/" not in resource)
            for key, place in self.held[who]
            for rule in self.roles[key]
            for verb, group, resource in POWERS[power]
        )

    def some(self, who: tuple[str, str, str], power: str, space: str | None) -> bool:
        return any(self.can(who, power, space, name) for name in self.names)

    def gain(self, who: tuple[str, str, str]) -> Iterator[tuple[tuple[str, Any, str], str | None]]:
        """What somebody can give to itself."""
        admin = ("ClusterRole", None, "cluster-admin")
        for (kind, space, name), place in list(self.held[who]):
            form = "clusterroles" if kind == "ClusterRole" else "roles"
            if self.can(who, f"escalate {form}", space, name) and self.can(who, f"edit {form}", space, name):
                yield admin, place
        for place in (None, *self.spaces):
            form = "clusterrolebindings" if place is None else "rolebindings"
            for key in self.roles:
                if key[0] == "Role" and key[1] != place:
                    continue
                if not self.can(who, f"bind {'clusterroles' if key[0] == 'ClusterRole' else 'roles'}", place, key[2]):
                    continue
                if self.can(who, f"make {form}", place):
                    yield key, place
                if place is None and key == admin and self.can(who, f"edit {form}", place, "cluster-admin"):
                    yield key, place
                for binding in self.bindings:
                    ref, metadata = binding["roleRef"], binding["metadata"]
                    same = (ref["kind"], ref["name"], metadata.get("namespace")) == (key[0], key[2], place)
                    if same and self.can(who, f"edit {form}", place, metadata["name"]):
                        yield key, place

    def holds(self, body: Object) -> bool:
        own = self.spec(body).get("automountServiceAccountToken")
        if own is not None:
            return bool(own)
        space, name = body["metadata"]["namespace"], self.spec(body)["serviceAccountName"]
        said = [a for a in self.accounts if (a["metadata"]["namespace"], a["metadata"]["name"]) == (space, name)]
        return all(a.get("automountServiceAccountToken") is not False for a in said)

    def running(self) -> set[tuple[str, str, str]]:
        return {
            ("ServiceAccount", body["metadata"]["namespace"], self.spec(body)["serviceAccountName"])
            for body in self.pods
            if self.holds(body)
        }

    def entered(self, who: tuple[str, str, str]) -> list[Object]:
        """The Pods in which somebody can run commands."""
        found = []
        for body in self.pods:
            space, own = body["metadata"]["namespace"], body["metadata"]["name"]
            fits = {
                name for name in self.names if name == own or (body["kind"] != "Pod" and name.startswith(f"{own}-"))
            }
            if any(self.can(who, "exec", space, name) for name in {"", *fits}):
                found.append(body)
        return found

    def leads(self, who: tuple[str, str, str]) -> Iterator[tuple[str, str, str] | None]:
        """Whom somebody can become; None is cluster-admin."""
        some, can = self.some, self.can
        admission = some(who, "webhook", None) or (some(who, "policy", None) and some(who, "policy binding", None))
        signer = any(
            can(who, "approve", None, n) for n in ("", "kubernetes.io/kube-apiserver-client", "kubernetes.io/*")
        )
        certificate = can(who, "request", None) and some(who, "approval", None) and signer
        users = {name for name in self.names if not name.startswith("system:serviceaccount:")}
        somebody = any(can(who, "be user", None, name) for name in users)
        somebody = somebody or any(some(who, "be account", space) for space in (None, *self.spaces))
        if (
            can(who, "everything", None)
            or can(who, "read secrets", None)
            or admission
            or certificate
            or (can(who, "be group", None, "system:masters") and somebody)
        ):
            yield None
        yield from (o for o in self.everybody if o[0] == "Group" and somebody and can(who, "be group", None, o[2]))
        yield from (o for o in self.everybody if o[0] == "User" and can(who, "be user", None, o[2]))
        for other in self.everybody:
            if other[0] == "ServiceAccount":
                space, name = other[1:]
                secret = can(who, "make secrets", space) and some(who, "read secrets", space)
                named = can(who, "token", space, name) or can(who, "be account", space, name)
                if some(who, "run", space) or secret or named:
                    yield other
        for body in self.tokens:
            space = body["metadata"]["namespace"]
            account = body["metadata"]["annotations"]["kubernetes.io/service-account.name"]
            if can(who, "read secrets", space, body["metadata"]["name"]):
                yield ("ServiceAccount", space, account)
        entered = self.entered(who)
        yield from (
            ("ServiceAccount", body["metadata"]["namespace"], self.spec(body)["serviceAccountName"])
            for body in entered
            if self.holds(body)
        )
        privileged = any(c["securityContext"]["privileged"] for b in entered for c in self.spec(b)["containers"])
        disk = can(who, "volume", None) and any(can(who, "claim", s) and some(who, "run", s) for s in self.spaces)
        if privileged or disk or some(who, "proxy", None):
            yield from self.running()

    def reached(self) -> set[tuple[str, str, str]]:
        for who in self.everybody:
            while new := [entry for entry in self.gain(who) if entry not in self.held[who]]:
                self.held[who] += new
        steps = {who: set(self.leads(who)) for who in self.everybody}
        found: set[tuple[str, str, str] | None] = {
            None,
            ("Group", "", "system:masters"),
            ("User", "", "system:kube-controller-manager"),
            ("ServiceAccount", "kube-system", "clusterrole-aggregation-controller"),
        }
        while new_ones := {who for who in self.everybody - found if steps[who] & found}:
            found |= new_ones
        return found - {None}  # type: ignore[return-value]


@settings(max_examples=600, deadline=None)
@given(st.integers(min_value=0))
def test_the_same_are_found_by_trying_everything(seed: int) -> None:
    maker = Maker(seed, Names())
    objects = [*without_circles(maker.world(powerful=True)), *maker.workloads()]
    escalation = fact(objects)
    ours = {tuple(subject) for subject in escalation.identities if escalation.chain(subject) is not None}
    assert ours == Search(objects).reached()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "kind", "verbs"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(JSON, JSON, JSON, st.sampled_from(["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"]))
def test_objects_of_any_shape_break_nothing(first: Any, second: Any, third: Any, kind: str) -> None:
    entry = {"verbs": first, "apiGroups": second, "resources": third, "resourceNames": first, "nonResourceURLs": second}
    objects = [
        rbac(kind, "a", "one", rules=first, subjects=second, roleRef=third, aggregationRule=first),
        rbac("ClusterRole", "b", rules=[entry, second], aggregationRule={"clusterRoleSelectors": third}),
        rbac(
            kind, "c", "one", rules=[entry], subjects=[first, {"kind": "User", "name": second}], roleRef={"kind": first}
        ),
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p"},
            "spec": {"serviceAccountName": first, "volumes": second},
        },
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "annotations": first}, "type": second},
        bound(CI, "one", "b"),
    ]
    facts = see(objects, complete=False)
    for name in ("permissions", "escalation"):
        found = facts.fact(name)
        for obj in found.index.world.objects:
            found.of(obj)
        found.table()
