"""Who may do what, as the API server decides it: access reviews against ``permissions`` and ``escalation``."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from assay.facts.escalation import Escalation, Link
from assay.facts.permissions import Permissions
from assay.facts.rbac import BUILT_IN_NAMESPACED, Subject
from tests.facts.rbac_worlds import GROUP, NAMES, RESOURCES, Maker, Names, Object, aggregated, see, without_circles
from tests.judges.server import Server

WORLDS = 24
QUESTIONS = 100
CHAINED_WORLDS = 30

# Every step that the documentation lists, and the first words of what an identity gives to itself.
EDGES = {
    *("has every right", "read every Secret", "read a Secret with a token", "make a Secret for a token and read it"),
    *("run Pods", "run commands in Pods", "run commands in a privileged Pod", "run commands through the kubelet"),
    *("mount the disk of a node as a volume", "ask for a token", "impersonate", "impersonate system:masters"),
    *("change what is admitted by a webhook", "change what is admitted by a policy", "approve its own certificate"),
    *("bind", "become", "write"),
}

Asked = tuple[tuple[Subject, ...], str, str, str, str | None, str]
"""Who, verb, API group, resource with its subresource (or a path), namespace, name."""


def review(server: Server, asked: Asked) -> bool:
    """What the API server says."""
    who, verb, group, resource, namespace, name = asked
    person = next((subject for subject in who if subject.kind != "Group"), Subject("User", "", server.unique("nobody")))
    spec: dict[str, Any] = {"user": person.user, "groups": [s.name for s in who if s.kind == "Group"]}
    if resource.startswith("/"):
        spec["nonResourceAttributes"] = {"verb": verb, "path": resource}
    else:
        plain, _, subresource = resource.partition("/")
        attributes = {"verb": verb, "group": group, "resource": plain, "subresource": subresource, "name": name}
        spec["resourceAttributes"] = {**attributes, "namespace": namespace or ""}
    made = server.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": spec})
    assert made.ok, made.message
    return bool(made.body["status"]["allowed"])


def apply(server: Server, objects: Iterable[Object]) -> None:
    """Create everything, and wait until the authorizer has seen it: the last of each kind counts for all before it."""
    for obj in objects:
        made = server.create(obj)
        assert made.ok, (obj, made.message)
    space, name = server.namespace(), server.unique("sentinel")
    rule = {"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get"]}
    metadata = {"name": name, "namespace": space}
    subjects = [{"apiGroup": GROUP, "kind": "User", "name": name}]
    for kind in ("Role", "ClusterRole"):
        body = {"apiVersion": f"{GROUP}/v1", "metadata": metadata if kind == "Role" else {"name": name}}
        assert server.create({**body, "kind": kind, "rules": [rule]}).ok
        ref = {"apiGroup": GROUP, "kind": kind, "name": name}
        assert server.create({**body, "kind": f"{kind}Binding", "roleRef": ref, "subjects": subjects}).ok
        if kind == "Role":
            wait(server, ((Subject("User", "", name),), "get", "example.com", "things", space, ""))
            rule = {**rule, "verbs": ["list"]}
    wait(server, ((Subject("User", "", name),), "list", "example.com", "things", None, ""))


def wait(server: Server, asked: Asked) -> None:
    """Until the API server says yes."""
    end = time.monotonic() + 30
    while not review(server, asked):
        assert time.monotonic() < end, asked
        time.sleep(0.05)


def questions(maker: Maker) -> Iterator[Asked]:
    """What to ask about a world, mostly near to what its roles say."""
    chance, names = maker.random, maker.names
    people: list[tuple[Subject, ...]] = [(Subject("Group", "", "system:masters"),)]
    for number in range(3):
        user = Subject("User", "", names.of("u", number))
        people.append((user, Subject("Group", "", names.of("g", chance.randint(0, 2)))))
        people.append((user, *user.groups))
        for namespace in names.namespaces:
            account = Subject("ServiceAccount", namespace, f"s{number}")
            people += [(account, *account.groups), (account,)]
    resources = [resource for resource in RESOURCES if not resource.startswith("*")]
    for _ in range(QUESTIONS):
        who = people[0] if chance.random() < 0.01 else chance.choice(people[1:])
        if chance.random() < 0.15:
            path = chance.choice(("/metrics", "/metrics/slis", "/debug/pprof", "/debug", "/logs", "/logs/kern.log"))
            yield who, chance.choice(("get", "post")), "", path, None, ""
            continue
        where = chance.choice([None, *names.namespaces, *names.namespaces])
        verb = chance.choice(("get", "list", "create", "delete", "escalate", "watch"))
        yield who, verb, chance.choice(("", "apps", "batch")), chance.choice(resources), where, chance.choice(NAMES)


@pytest.fixture(scope="module")
def decisions(api_server: Server) -> Counter[str]:
    """Every generated question, asked twice: how often both say the same, and where they do not."""
    found: Counter[str] = Counter()
    for seed in range(WORLDS):
        names = Names([api_server.namespace(), api_server.namespace()], f"-{api_server.unique('rbac')}")
        maker = Maker(seed, names)
        objects = without_circles(maker.world(powerful=False))
        apply(api_server, aggregated(objects))
        permissions = see(objects).fact("permissions")
        assert isinstance(permissions, Permissions)
        asked = list(questions(maker))
        with ThreadPoolExecutor(4) as threads:
            for ask, theirs in zip(asked, threads.map(lambda ask: review(api_server, ask), asked), strict=True):
                ours = permissions.rbac.decide(*ask)
                # A role that was not seen is not known to us; on the server it is not there and gives nothing.
                if ours is None:
                    found["unknown, and refused there" if not theirs else f"unknown, but allowed there: {ask}"] += 1
                else:
                    found[f"both {theirs}" if ours is theirs else f"seed {seed}: {ask} is {ours}, there {theirs}"] += 1
    return found


def test_decisions_are_those_of_the_api_server(decisions: Counter[str], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{decisions.total()} decisions compared with access reviews: {dict(decisions.most_common(3))}")  # noqa: T201
    assert set(decisions) <= {"both True", "both False", "unknown, and refused there"}
    assert decisions["both True"] + decisions["both False"] >= 2000
    assert decisions["both True"] >= 200


def test_the_roles_of_kubernetes_itself_are_known(api_server: Server) -> None:
    shown = {
        (space, role["metadata"]["name"]): role["rules"]
        for space in ("kube-system", "kube-public")
        for role in api_server.get(f"/apis/{GROUP}/v1/namespaces/{space}/roles").body["items"]
        if role["metadata"].get("labels", {}).get("kubernetes.io/bootstrapping") == "rbac-defaults"
    }

    def in_order(rules: list[Object]) -> list[Object]:
        return [{key: sorted(values) for key, values in rule.items()} for rule in rules]

    assert {key: in_order(rules) for key, rules in BUILT_IN_NAMESPACED.items()} == {
        key: in_order(rules) for key, rules in shown.items()
    }


def test_every_step_of_every_chain_is_allowed(api_server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Each request that a chain needs is granted to who takes the step; what it binds to itself, the test binds."""
    seen: Counter[str] = Counter()
    for seed in range(CHAINED_WORLDS):
        names = Names([api_server.namespace(), api_server.namespace()], f"-{api_server.unique('chain')}")
        maker = Maker(seed, names)
        bound, others = (
            (maker.world(powerful=True), maker.workloads()) if seed else (maker.directed(), maker.strong_pod())
        )
        bound = without_circles(bound)
        apply(api_server, aggregated(bound))
        escalation = see([*bound, *others]).fact("escalation")
        assert isinstance(escalation, Escalation)
        chains = [escalation.chain(subject) or () for subject in escalation.identities]
        for link in dict.fromkeys(itertools.chain(*chains)):
            confirm(api_server, escalation, link)
            seen[link.step.edge] += 1
            seen.update(gain.edge.split()[0] for gain in link.gains)
    with capsys.disabled():
        print(f"\n{seen.total()} steps confirmed by access reviews: {dict(seen)}")  # noqa: T201
    assert seen.total() >= 200
    assert seen.keys() == EDGES


def confirm(server: Server, escalation: Escalation, link: Link) -> None:
    """Ask for everything that a step needs; after each gain, give it."""
    who = (link.subject, *link.subject.groups)
    asked = escalation.reviews(link)
    for gain in link.gains:
        for (verb, group, resource), need in itertools.islice(asked, len(gain.needs)):
            assert review(server, (who, verb, group, resource, need.namespace, need.name)), (str(link), need)
        kind = "ClusterRoleBinding" if gain.namespace is None else "RoleBinding"
        metadata = {"name": server.unique("gain"), **({"namespace": gain.namespace} if gain.namespace else {})}
        subject = {"kind": link.subject.kind, "name": link.subject.name}
        subject |= {"namespace": link.subject.namespace} if link.subject.namespace else {"apiGroup": GROUP}
        ref = {"apiGroup": GROUP, "kind": gain.role.kind, "name": gain.role.name}
        body = {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata, "roleRef": ref, "subjects": [subject]}
        assert server.create(body).ok
    for (verb, group, resource), need in asked:
        question = (who, verb, group, resource, need.namespace, need.name)
        wait(server, question) if link.gains else None
        assert review(server, question), (str(link), need)
