"""``facts.isolation``, one case for each row of its decision table (docs/facts/isolation.md)."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.facts import Facts
from assay.facts.networkpolicies import End, RefusedError, may_reach, read_policy
from assay.kube import build_object
from assay.model.objects import KubeObject, World
from assay.redact import Masker
from tests.unit.test_facts import JSON
from tests.unit.test_verdicts import Nowhere

Body = dict[str, Any]


def built(body: Body) -> KubeObject:
    return build_object(body, Nowhere(), "s", "", Masker())


def told(first: Body, *others: Body, complete: bool = True) -> Any:
    """What the fact says of the first object of a world."""
    objects = tuple(map(built, (first, *others)))
    return Facts(World("w", "environment", "", complete, objects)).fact("isolation").of(objects[0])


def of_kind(version: str, kind: str, name: str, namespace: str = "", **more: Any) -> Body:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def workload(name: str = "web", namespace: str = "shop", host: Any = False, **labels: str) -> Body:
    template = {"metadata": {"labels": labels or {"app": name}}, "spec": {"hostNetwork": host}}
    return of_kind("apps/v1", "Deployment", name, namespace, spec={"template": template})


def policy(spec: Any, name: str = "p", namespace: str = "shop") -> Body:
    return of_kind("networking.k8s.io/v1", "NetworkPolicy", name, namespace, spec=spec)


def namespace(name: str, **labels: str) -> Body:
    body = of_kind("v1", "Namespace", name)
    body["metadata"]["labels"] = labels
    return body


def cilium(spec: Any, namespace: str = "shop", name: str = "c") -> Body:
    kind = "CiliumNetworkPolicy" if namespace else "CiliumClusterwideNetworkPolicy"
    return of_kind("cilium.io/v2", kind, name, namespace, spec=spec)


def ingress(*peers: Any, **more: Any) -> Body:
    return policy({"podSelector": {}, "ingress": [{"from": list(peers), **more}]})


def from_namespaces(**labels: str) -> Body:
    return ingress({"namespaceSelector": {"matchLabels": labels}})


def block(cidr: str, *excepted: str) -> Body:
    return ingress({"ipBlock": {"cidr": cidr, "except": list(excepted)}})


ALL, CLOSED = ["*"], list[str]()
OPEN = {"own": ALL, "others": ALL, "world": ALL}
NAME = "kubernetes.io/metadata.name"


class Row(NamedTuple):
    """A row of the table: the objects beside a workload in shop, and what is asked of the fact about it."""

    others: list[Body]
    wanted: dict[str, Any]
    """Values by path; the text itself for a fact that is not known."""


ROWS = {
    "no policy selects the Pods": Row(
        [], {"policies": [], "ingress.isolated": False, "egress.isolated": False, "ingress": OPEN, "egress": OPEN}
    ),
    "a policy without policyTypes and egress rules": Row(
        [policy({"podSelector": {}})], {"ingressIsolated": True, "egressIsolated": False, "ingress.own": CLOSED}
    ),
    "a policy without policyTypes and with egress rules": Row(
        [policy({"podSelector": {}, "egress": [{}]})],
        {"ingressIsolated": True, "egressIsolated": True, "ingress.world": CLOSED, "egress": OPEN},
    ),
    "a policy without spec": Row([policy(None)], {"ingressIsolated": True, "egressIsolated": False, "policies": ["p"]}),
    "rules of a direction that policyTypes does not name": Row(
        [policy({"policyTypes": ["Egress"], "ingress": [{"ports": [{"port": 1}]}]})],
        {"ingressIsolated": False, "ingress.own": ALL, "ingress.rules": [], "egress.own": CLOSED},
    ),
    "policies of another namespace, or for other labels": Row(
        [policy({}, namespace="cart"), policy({"podSelector": {"matchLabels": {"app": "db"}}})],
        {"policies": [], "ingressIsolated": False},
    ),
    "rules of several policies": Row(
        [
            policy({}, "deny"),
            policy({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"ports": [{"port": 80}]}]}, "one"),
            policy(
                {
                    "podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]},
                    "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 1, "endPort": 9}]}],
                },
                "two",
            ),
        ],
        {
            "policies": ["deny", "one", "two"],
            "ingress.own": ["80/TCP", "1-9/TCP"],
            "ingress.others": ["80/TCP"],
            "ingress.world": ["80/TCP"],
        },
    ),
    "a rule without peers": Row([ingress()], {"ingressIsolated": True, "ingress": OPEN}),
    "podSelector alone": Row(
        [ingress({"podSelector": {"matchLabels": {"a": "b"}}})],
        {"ingress.own": ALL, "ingress.others": CLOSED, "ingress.world": CLOSED},
    ),
    "namespaceSelector with the name of the own namespace": Row(
        [from_namespaces(**{NAME: "shop"})], {"ingress.own": ALL, "ingress.others": CLOSED}
    ),
    "any other namespaceSelector, the own one selected": Row(
        [from_namespaces(team="a"), namespace("shop", team="a")], {"ingress.own": ALL, "ingress.others": ALL}
    ),
    "any other namespaceSelector, the own one not selected": Row(
        [from_namespaces(team="a"), namespace("shop", team="b")],
        {"ingress.own": CLOSED, "ingress.others": ALL, "ingress.world": CLOSED},
    ),
    "any other namespaceSelector, the own one not seen": Row(
        [from_namespaces(team="a")], {"ingress.own": ALL, "ingress.others": ALL}
    ),
    "ipBlock with addresses of the internet left after except": Row(
        [block("0.0.0.0/0", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", *("100.64.0.0/10", "127.0.0.0/8"))],
        {"ingress.world": ALL},
    ),
    "ipBlock without an address of the internet left": Row(
        [block("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1")], {"ingress": dict.fromkeys(OPEN, CLOSED)}
    ),
    "ipBlock with private addresses left after except": Row(
        [block("10.0.0.0/8", "10.0.0.0/9")], {"ingress.own": ALL, "ingress.others": ALL, "ingress.world": CLOSED}
    ),
    "ipBlock of the internet alone": Row(
        [block("203.0.113.0/24")], {"ingress.own": CLOSED, "ingress.others": CLOSED, "ingress.world": ALL}
    ),
    "ipBlock of IPv6": Row([block("fd00::/8")], {"ingress.own": ALL, "ingress.world": CLOSED}),
    "a port without protocol": Row([ingress(ports=[{"port": "http"}])], {"ingress.own": ["http/TCP"]}),
    "a protocol without a port": Row([ingress(ports=[{"protocol": "UDP"}])], {"ingress.own": ["*/UDP"]}),
    "a policy that the API server refuses": Row(
        [policy({"podSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}})],
        {"": "NetworkPolicy p is not one that the API server takes (podSelector)"},
    ),
    "two policies with one name that differ": Row(
        [policy({}), policy({"ingress": [{}]})],
        {"": "there are several NetworkPolicies p that contradict each other"},
    ),
    "two policies with one name that differ, for other Pods": Row(
        [
            policy({"podSelector": {"matchLabels": {"app": "a"}}}),
            policy({"podSelector": {"matchLabels": {"app": "b"}}}),
        ],
        {"ingressIsolated": False},
    ),
    "a Cilium policy with rules for a direction": Row(
        [cilium({"endpointSelector": {}, "ingress": [{"fromEntities": ["cluster"]}]})],
        {
            "policies": ["CiliumNetworkPolicy/c"],
            "ingressIsolated": True,
            "egressIsolated": False,
            "ingress.unknown": "what the rules of CiliumNetworkPolicy/c let pass is not read",
            "egress.unknown": "",
        },
    ),
    "a Cilium policy with the empty rule alone": Row(
        [cilium({"endpointSelector": {"matchLabels": {"k8s:app": "web"}}, "ingress": [{}]})],
        {"ingressIsolated": True, "ingress.own": CLOSED, "ingress.unknown": ""},
    ),
    "a Cilium policy with deny rules alone": Row(
        [cilium({"endpointSelector": {}, "egressDeny": [{"toEntities": ["world"]}]})],
        {
            "egressIsolated": True,
            "ingressIsolated": False,
            "egress.unknown": "what the rules of CiliumNetworkPolicy/c let pass is not read",
        },
    ),
    "a Cilium policy with enableDefaultDeny false": Row(
        [cilium({"endpointSelector": {}, "ingress": [{}], "enableDefaultDeny": {"ingress": False}})],
        {"ingressIsolated": False},
    ),
    "a Cilium policy with enableDefaultDeny true and no rules": Row(
        [cilium({"endpointSelector": {}, "enableDefaultDeny": {"ingress": True}})], {"ingressIsolated": True}
    ),
    "a Cilium policy with a nodeSelector": Row([cilium({"nodeSelector": {}, "ingress": [{}]})], {"policies": []}),
    "a Cilium policy of another namespace": Row(
        [cilium({"endpointSelector": {}, "ingress": [{}]}, namespace="cart")], {"policies": []}
    ),
    "a Cilium policy by service account": Row(
        [
            cilium(
                {
                    "endpointSelector": {"matchLabels": {"io.cilium.k8s.policy.serviceaccount": "default"}},
                    "ingress": [{}],
                }
            )
        ],
        {"ingressIsolated": True},
    ),
    "a clusterwide Cilium policy by labels of namespaces": Row(
        [
            namespace("shop", zone="a"),
            cilium(
                {
                    "endpointSelector": {"matchLabels": {"io.cilium.k8s.namespace.labels.zone": "a"}},
                    "ingress": [{}],
                },
                "",
            ),
        ],
        {"ingressIsolated": True},
    ),
    "a clusterwide Cilium policy by labels of namespaces that were not seen": Row(
        [
            cilium(
                {"endpointSelector": {"matchLabels": {"io.cilium.k8s.namespace.labels.zone": "a"}}, "ingress": [{}]},
                "",
            )
        ],
        {
            "": "whether CiliumClusterwideNetworkPolicy/c selects the Pods "
            "hangs on labels of a Namespace that was not seen"
        },
    ),
    "an AdminNetworkPolicy": Row(
        [policy({}), of_kind("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", "a")],
        {"ingressIsolated": True, "ingress.unknown": "AdminNetworkPolicy.policy.networking.k8s.io a is not read"},
    ),
    "a policy of Calico": Row(
        [of_kind("crd.projectcalico.org/v1", "GlobalNetworkPolicy", "a")],
        {"egress.unknown": "GlobalNetworkPolicy.crd.projectcalico.org a is not read"},
    ),
    "a policy of Calico in another namespace": Row(
        [of_kind("crd.projectcalico.org/v1", "NetworkPolicy", "a", "cart")], {"ingress.unknown": ""}
    ),
}


def at(found: Any, path: str) -> Any:
    for step in filter(None, path.split(".")):
        found = found[step]
    return found


@pytest.mark.parametrize("name", ROWS)
def test_workloads(name: str) -> None:
    row = ROWS[name]
    found = told(workload(), *row.others)
    for path, wanted in row.wanted.items():
        value = at(found, path)
        assert ({key: value[key] for key in wanted} if isinstance(wanted, dict) else value) == wanted, path


def test_pods_on_the_network_of_their_node() -> None:
    found = told(workload(host=True), policy({"egress": [{}]}))
    assert found["hostNetwork"] is True
    assert found["policies"] == []
    assert found["ingressIsolated"] is False
    assert told(workload(host="true"), policy({}))["hostNetwork"] is False, "the API server takes no text"


@pytest.mark.parametrize(
    ("cidr", "excepted", "reached"),
    [
        ("0.0.0.0/0", [], True),
        ("0.0.0.0/0", ["169.254.0.0/16"], False),
        ("0.0.0.0/0", ["169.254.169.254/32"], False),
        ("0.0.0.0/0", ["169.254.169.253/32"], True),
        ("169.254.0.0/16", [], True),
        ("10.0.0.0/8", [], False),
        ("::/0", [], True),
        ("::/0", ["fd00:ec2::254/128"], False),
        ("fc00::/7", ["fd00:ec2::/32"], False),
    ],
)
def test_the_metadata_service(cidr: str, excepted: list[str], reached: bool) -> None:
    rule = {"to": [{"podSelector": {}}, {"ipBlock": {"cidr": cidr, "except": excepted}}]}
    found = told(workload(), policy({"policyTypes": ["Egress"], "egress": [rule]}))
    assert found["egress"]["metadataService"] == (["p"] if reached else [])


@pytest.mark.parametrize(
    ("spec", "denied"),
    [
        ({}, True),
        ({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []}, True),
        ({"podSelector": {"matchLabels": {"a": "b"}}}, False),
        ({"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}, False),
        ({"podSelector": {}, "policyTypes": ["Egress"]}, False),
        ({"podSelector": {}, "policyTypes": ["Egress"], "ingress": []}, False),
    ],
)
def test_a_namespace_denies_ingress(spec: Body, denied: bool) -> None:
    assert told(namespace("shop"), policy(spec))["ingressDenied"] is denied
    assert told(namespace("cart"), policy(spec))["ingressDenied"] is False


@pytest.mark.parametrize(
    ("spec", "ports"),
    [
        ({}, None),
        ({"policyTypes": ["Egress"]}, []),
        ({"egress": [{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}]}]}, ["53/UDP", "53/TCP"]),
        ({"egress": [{"to": [{"podSelector": {}}]}]}, ["*"]),
        ({"egress": [{}], "policyTypes": ["Ingress"]}, None),
    ],
)
def test_a_namespace_denies_egress(spec: Body, ports: list[str] | None) -> None:
    denials = told(namespace("shop"), policy(spec))["egressDenials"]
    assert denials == ([] if ports is None else [{"policy": "p", "ports": ports}])


def test_what_a_rule_admits_is_grouped_by_labels() -> None:
    objects = [namespace("shop", env="a"), namespace("b1", env="b"), namespace("b2", env="b"), namespace("c", env="c")]
    found = told(objects[0], *objects[1:], ingress({"namespaceSelector": {}}), workload(namespace="dark"))
    (entry,) = found["admits"]
    assert {(*group["names"],): (group["labels"], group["seen"]) for group in entry["namespaces"]} == {
        ("b1", "b2"): ({"env": "b"}, True),
        ("c",): ({"env": "c"}, True),
        ("dark", "kube-system"): ({}, False),
    }
    assert entry["doubtful"] == []
    narrow = told(objects[0], *objects[1:], from_namespaces(env="b"), workload(namespace="dark"))
    assert [group["names"] for group in narrow["admits"][0]["namespaces"]] == [["b1", "b2"]]
    assert narrow["admits"][0]["doubtful"] == ["dark", "kube-system"]


@pytest.mark.parametrize(
    ("peer", "others", "complete", "pods"),
    [
        ({"podSelector": {"matchLabels": {"app": "web"}}}, [workload()], True, "some"),
        ({"podSelector": {"matchLabels": {"app": "web"}}}, [workload(namespace="cart")], True, "none"),
        ({"podSelector": {}}, [], True, "none"),
        ({"namespaceSelector": {"matchLabels": {NAME: "cart"}}}, [workload(namespace="cart")], True, "some"),
        ({"namespaceSelector": {"matchLabels": {NAME: "cart"}}}, [workload()], True, "none"),
        (
            {"namespaceSelector": {"matchLabels": {NAME: "cart"}}},
            [workload()],
            False,
            "Pods of other namespaces were not seen",
        ),
        (
            {"namespaceSelector": {"matchLabels": {"env": "a"}}},
            [workload(namespace="cart"), workload(namespace="kube-system"), namespace("kube-system")],
            True,
            "the labels of the namespace cart were not seen",
        ),
        ({"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}, [], True, None),
    ],
)
def test_peers(peer: Body, others: list[Body], complete: bool, pods: str | None) -> None:
    found = told(ingress(peer), *others, complete=complete)
    assert found["peers"] == [{"peer": peer, "pods": pods or "the Pods of kube-system were not seen"}]


def test_pods_that_an_operator_makes() -> None:
    made = of_kind("postgresql.cnpg.io/v1", "Cluster", "db", "shop")
    peer = {"podSelector": {"matchLabels": {"app": "db"}}}
    unseen = "the Pods that an operator makes for Cluster db were not seen"
    assert told(ingress(peer), made)["peers"] == [{"peer": peer, "pods": unseen}]
    assert told(ingress(peer), made, workload("db"))["peers"] == [{"peer": peer, "pods": "some"}]
    assert told(ingress(peer), made)["unseenPods"] == unseen
    assert told(ingress(peer), {**made, "metadata": {"name": "db", "namespace": "cart"}})["unseenPods"] == ""


def test_how_many_workloads_a_policy_selects() -> None:
    selecting = policy({"podSelector": {"matchLabels": {"app": "web"}}})
    same = [workload("a", app="web"), workload("b", app="web"), workload("c"), workload("d", "cart", app="web")]
    assert told(selecting, *same)["selected"] == 2


def test_a_namespace_that_was_not_seen() -> None:
    read = {"shop": [read_policy(from_namespaces(env="a"), "shop")]}
    dark, target = End("10.0.0.1", "dark", {}, None), End("10.0.0.2", "shop", {}, {})
    assert may_reach(read, dark, target, 80, "TCP") is None
    assert may_reach(read, End("10.0.0.1", "seen", {}, {"env": "a"}), target, 80, "TCP") is True
    assert (
        may_reach({"shop": [read_policy(from_namespaces(**{NAME: "dark"}), "shop")]}, dark, target, 80, "TCP") is True
    )
    assert may_reach({"shop": [read_policy(from_namespaces(**{NAME: "a"}), "shop")]}, dark, target, 80, "TCP") is False


def test_an_address_that_is_not_known() -> None:
    read = {"shop": [read_policy(block("10.0.0.0/8"), "shop")]}
    source, target = End("", "cart", {}, {}), End("10.0.0.2", "shop", {}, {})
    assert may_reach(read, source, target, 80, "TCP") is None
    assert may_reach(read, End("10.9.9.9", "cart", {}, {}), target, 80, "TCP") is True


@pytest.mark.parametrize(
    "spec",
    [
        {"policyTypes": ["Both"]},
        {"policyTypes": ["Ingress", "Egress", "Ingress"]},
        {"podSelector": []},
        {"podSelector": {"matchLabels": {"a": 1}}},
        {"podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": []}]}},
        {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}},
        {"ingress": {}},
        {"ingress": ["all"]},
        {"ingress": [{"from": [{}]}]},
        {"ingress": [{"from": [{"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}]}]},
        {"ingress": [{"from": [{"ipBlock": {"cidr": "everywhere"}}]}]},
        {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": [10]}}]}]},
        {"ingress": [{"ports": [{"port": 0}]}]},
        {"ingress": [{"ports": [{"port": True}]}]},
        {"ingress": [{"ports": [{"port": 80, "endPort": 79}]}]},
        {"ingress": [{"ports": [{"port": "http", "endPort": 80}]}]},
        {"ingress": [{"ports": [{"endPort": 80}]}]},
        {"ingress": [{"ports": [{"port": 80, "protocol": "HTTP"}]}]},
    ],
    ids=str,
)
def test_what_the_api_server_refuses(spec: Body) -> None:
    with pytest.raises(RefusedError):
        read_policy(policy(spec), "shop")


# An independent answer for the table's rows about NetworkPolicies: pairs of a policy and a workload, one by one.
LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"))
SELECTORS = st.one_of(
    LABELS.map(lambda labels: {"matchLabels": labels}),
    st.builds(
        lambda key, operator: {"matchExpressions": [{"key": key, "operator": operator}]},
        st.sampled_from("ab"),
        st.sampled_from(("Exists", "DoesNotExist")),
    ),
)
RULES = st.lists(
    st.one_of(
        st.just({}),
        st.builds(lambda s: {"PEERS": [{"podSelector": s}]}, SELECTORS),
        st.builds(lambda s: {"PEERS": [{"namespaceSelector": s}]}, SELECTORS),
        st.just({"PEERS": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}),
    ),
    max_size=2,
)
PLACES = st.sampled_from(("one", "two"))


@st.composite
def _policies(draw: st.DrawFn) -> list[Body]:
    made = []
    for number in range(draw(st.integers(0, 4))):
        spec: Body = {"podSelector": draw(SELECTORS)}
        for key, name in (("ingress", "from"), ("egress", "to")):
            rules = [{name: rule["PEERS"]} if rule else {} for rule in draw(RULES)]
            if draw(st.booleans()) or rules:
                spec[key] = rules
        if draw(st.booleans()):
            spec["policyTypes"] = draw(st.sampled_from((["Ingress"], ["Egress"], ["Ingress", "Egress"], [])))
        made.append(policy(spec, f"p{number}", draw(PLACES)))
    return made


def _matches(selector: Body, labels: Body) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if key not in labels or labels[key] != value:
            return False
    for term in selector.get("matchExpressions", []):
        if (term["key"] in labels) != (term["operator"] == "Exists"):
            return False
    return True


def _expected(labels: Body, place: str, spaces: dict[str, Body], policies: list[Body]) -> dict[str, Any]:
    answer: dict[str, Any] = {"policies": []}
    opened: dict[str, set[str]] = {"ingress": set(), "egress": set()}
    isolated = {"ingress": False, "egress": False}
    for one in policies:
        spec = one["spec"]
        if one["metadata"]["namespace"] != place or not _matches(spec["podSelector"], labels):
            continue
        answer["policies"].append(one["metadata"]["name"])
        types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
        for way, peers in (("ingress", "from"), ("egress", "to")):
            if way.capitalize() not in types:
                continue
            isolated[way] = True
            for rule in spec.get(way, []):
                for peer in rule.get(peers) or [None]:
                    if peer is None:
                        opened[way] |= {"own", "others", "world"}
                    elif "ipBlock" in peer:
                        opened[way].add("world")
                    elif "podSelector" in peer:
                        opened[way].add("own")
                    else:
                        opened[way].add("others")
                        if _matches(peer["namespaceSelector"], {**spaces[place], NAME: place}):
                            opened[way].add("own")
    for way, isolates in isolated.items():
        answer[way] = {"own", "others", "world"} if not isolates else opened[way]
        answer[f"{way}Isolated"] = isolates
    return answer


@settings(max_examples=500, deadline=None)
@given(_policies(), st.lists(st.tuples(PLACES, LABELS), min_size=1, max_size=4), LABELS, LABELS)
def test_generated_worlds(policies: list[Body], pods: list[tuple[str, Body]], one: Body, two: Body) -> None:
    spaces = {"one": one, "two": two}
    bodies = [workload(f"w{i}", place, **{"w": "w", **labels}) for i, (place, labels) in enumerate(pods)]
    objects = tuple(map(built, (*bodies, *policies, namespace("one", **one), namespace("two", **two))))
    fact = Facts(World("w", "environment", "", True, objects)).fact("isolation")
    for obj, (place, labels) in zip(objects, pods, strict=False):
        found = fact.of(obj)
        assert isinstance(found, dict)
        seen = {key: found[key] for key in ("policies", "ingressIsolated", "egressIsolated")}
        for way in ("ingress", "egress"):
            seen[way] = {whom for whom in ("own", "others", "world") if found[way][whom]}
        assert seen == _expected({"w": "w", **labels}, place, spaces, policies)


HOSTILE = st.sampled_from(
    (
        ("v1", "Namespace"),
        ("v1", "Pod"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("cilium.io/v2", "CiliumNetworkPolicy"),
        ("cilium.io/v2", "CiliumClusterwideNetworkPolicy"),
        ("networking.istio.io/v1", "Sidecar"),
        ("networking.istio.io/v1", "ServiceEntry"),
        ("crd.projectcalico.org/v1", "NetworkPolicy"),
    )
)
FIELDS = st.sampled_from(
    (
        *("podSelector", "endpointSelector", "ingress", "egress", "ingressDeny", "policyTypes", "enableDefaultDeny"),
        *("hostNetwork", "outboundTrafficPolicy", "hosts", "exportTo", "serviceAccountName", "matchLabels"),
        *("matchExpressions", "from", "to", "ports", "toPorts", "toFQDNs", "toCIDR", "toCIDRSet", "toEntities"),
    )
)
SPECS = st.recursive(JSON, lambda inner: st.one_of(st.dictionaries(FIELDS, inner), st.lists(inner, max_size=2)))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(HOSTILE, SPECS, JSON), min_size=1, max_size=4))
def test_any_field_may_have_any_type(bodies: list[tuple[tuple[str, str], Any, Any]]) -> None:
    made = [of_kind(*kind, f"o{i % 2}", "shop", spec=spec, specs=[spec]) for i, (kind, spec, _) in enumerate(bodies)]
    for body, (_, _, labels) in zip(made, bodies, strict=True):
        body["metadata"]["labels"] = labels
    objects = tuple(map(built, (*made, workload())))
    fact = Facts(World("w", "environment", "", True, objects)).fact("isolation")
    for obj in objects:
        assert isinstance(fact.of(obj), (dict, str))
    assert all(len(row) == len(fact.table().columns) for row in fact.table().rows)


def test_time_grows_with_the_world_and_not_with_its_square() -> None:
    """Twice the policies and workloads of one namespace take about twice the time; pairs would take four times it."""

    def seconds(size: int) -> float:
        pods = [workload(f"w{i}", app=f"a{i}") for i in range(size)]
        rules = [{"from": [{"podSelector": {"matchLabels": {"app": "a1"}}}]}]
        made = [
            policy({"podSelector": {"matchLabels": {"app": f"a{i}"}}, "ingress": rules}, f"p{i}") for i in range(size)
        ]
        objects = tuple(map(built, (*pods, *made)))
        started = time.process_time()
        fact = Facts(World("w", "environment", "", True, objects)).fact("isolation")
        for obj in objects:
            fact.of(obj)
        return time.process_time() - started

    assert min(seconds(2000) for _ in range(3)) < 12 * min(seconds(500) for _ in range(3))
