"""Whether NetworkPolicies let a connection pass, against the matcher of Cyclonus, which tests network plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.facts.networkpolicies import End, may_reach, read_policy
from tests.judges.conftest import Judge, built

# Namespaces with their labels, of which the API server adds the name.
NAMESPACES: dict[str, dict[str, str]] = {
    "shop": {"env": "a", "team": "a"},
    "cart": {"env": "a"},
    "test": {"env": "b", "team": "a"},
    "bare": {},
}
VALUES = ("a", "b")
ADDRESSES = ("10.0.0.1", "10.0.7.9", "192.0.2.5", "203.0.113.7", "169.254.169.254", "2001:db8::5", "fd00:ec2::254")
BLOCKS = {
    "0.0.0.0/0": ("10.0.0.0/8", "169.254.169.254/32", "192.0.2.0/24"),
    "10.0.0.0/8": ("10.0.7.0/24", "10.0.0.1/32"),
    "192.0.2.0/24": ("192.0.2.4/30",),
    "169.254.169.254/32": (),
    "::/0": ("fd00::/8", "2001:db8::/32"),
    "2001:db8::/32": ("2001:db8::5/128",),
}
PROTOCOLS = ("TCP", "UDP", "SCTP")
PORTS = (53, 80, 443, 8080)
NAMES = {"dns": 53, "http": 80, "https": 443}


def _labels(keys: tuple[str, ...]) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(st.sampled_from(keys), st.sampled_from(VALUES), max_size=2)


def _term(keys: tuple[str, ...]) -> st.SearchStrategy[list[dict[str, Any]]]:
    key = st.sampled_from(keys)
    values = st.lists(st.sampled_from(VALUES), min_size=1, max_size=2, unique=True)
    present = st.builds(lambda k: {"key": k, "operator": "Exists"}, key)
    return st.one_of(
        present.map(lambda term: [term]),
        st.builds(lambda k: [{"key": k, "operator": "DoesNotExist"}], key),
        st.builds(lambda k, v: [{"key": k, "operator": "In", "values": v}], key, values),
        # Cyclonus lets NotIn select no Pod without the label, Kubernetes lets it: see the last test.
        st.builds(
            lambda k, v: [{"key": k, "operator": "Exists"}, {"key": k, "operator": "NotIn", "values": v}], key, values
        ),
    )


def _selector(keys: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.just({}),
        _labels(keys).map(lambda labels: {"matchLabels": labels}),
        _term(keys).map(lambda terms: {"matchExpressions": terms}),
        st.builds(lambda labels, terms: {"matchLabels": labels, "matchExpressions": terms}, _labels(keys), _term(keys)),
    )


POD_SELECTOR = _selector(("app", "tier"))
NAMESPACE_SELECTOR = st.one_of(
    _selector(("env", "team")),
    st.sampled_from(sorted(NAMESPACES)).map(lambda name: {"matchLabels": {"kubernetes.io/metadata.name": name}}),
)


@st.composite
def _block(draw: st.DrawFn) -> dict[str, Any]:
    cidr = draw(st.sampled_from(sorted(BLOCKS)))
    excepted = draw(st.lists(st.sampled_from(BLOCKS[cidr]), unique=True)) if BLOCKS[cidr] else []
    return {"ipBlock": {"cidr": cidr, **({"except": excepted} if excepted else {})}}


PEER = st.one_of(
    POD_SELECTOR.map(lambda pods: {"podSelector": pods}),
    NAMESPACE_SELECTOR.map(lambda namespaces: {"namespaceSelector": namespaces}),
    st.builds(lambda p, n: {"podSelector": p, "namespaceSelector": n}, POD_SELECTOR, NAMESPACE_SELECTOR),
    _block(),
)
PROTOCOL: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}), st.sampled_from(PROTOCOLS).map(lambda name: {"protocol": name})
)
PORT = st.one_of(
    PROTOCOL,
    st.builds(lambda protocol, port: {**protocol, "port": port}, PROTOCOL, st.sampled_from((*PORTS, *sorted(NAMES)))),
    st.builds(
        lambda protocol, port, more: {**protocol, "port": port, "endPort": port + more},
        PROTOCOL,
        st.sampled_from(PORTS),
        st.sampled_from((0, 1, 400, 50000)),
    ),
)


def _rules(name: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    peers, ports = st.lists(PEER, min_size=1, max_size=2), st.lists(PORT, min_size=1, max_size=2)
    rule = st.one_of(
        peers.map(lambda some: {name: some}),
        peers.map(lambda some: {name: some, "ports": []}),
        ports.map(lambda some: {"ports": some}),
        st.builds(lambda some, more: {name: some, "ports": more}, peers, ports),
        st.just({}),
    )
    return st.lists(rule, max_size=2)


# Most policies are about one namespace and all its Pods, so that most connections meet one.
PLACES = st.sampled_from(("shop", "shop", "shop", *sorted(NAMESPACES)))
POLICY = st.builds(
    lambda namespace, pods, types, ingress, egress: {
        "metadata": {"name": "p", "namespace": namespace},
        "spec": {"podSelector": pods, "policyTypes": types, "ingress": ingress, "egress": egress},
    },
    PLACES,
    st.one_of(st.just({}), POD_SELECTOR),
    st.sampled_from((["Ingress"], ["Egress"], ["Ingress", "Egress"])),
    _rules("from"),
    _rules("to"),
)


@st.composite
def _end(draw: st.DrawFn) -> dict[str, Any]:
    """A Pod, or an address: that is also what a Pod on the network of its node is."""
    address = draw(st.sampled_from(ADDRESSES))
    if draw(st.integers(0, 3)) == 0:
        return {"ip": address}
    namespace = draw(PLACES)
    labels = {**NAMESPACES[namespace], "kubernetes.io/metadata.name": namespace}
    return {
        "ip": address,
        "pod": {"namespace": namespace, "labels": draw(_labels(("app", "tier"))), "namespaceLabels": labels},
    }


@st.composite
def _traffic(draw: st.DrawFn) -> dict[str, Any]:
    name, port = draw(st.one_of(st.sampled_from(sorted(NAMES.items())), st.sampled_from(PORTS).map(lambda p: ("", p))))
    ends = {"source": draw(_end()), "target": draw(_end())}
    # Only a Pod gives names to its ports.
    named = name if "pod" in ends["target"] else ""
    return {**ends, "port": port, "name": named, "protocol": draw(st.sampled_from(PROTOCOLS))}


WORLD = st.tuples(st.lists(POLICY, min_size=1, max_size=4), st.lists(_traffic(), min_size=8, max_size=8))


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    made = Judge(built("networkpolicy"))
    yield made
    made.close()


def _ours(policies: list[dict[str, Any]], traffic: dict[str, Any]) -> bool | None:
    read: dict[str, list[Any]] = {}
    for body in policies:
        read.setdefault(body["metadata"]["namespace"], []).append(read_policy(body, body["metadata"]["namespace"]))
    named = {traffic["name"]: frozenset({(traffic["protocol"], traffic["port"])})} if traffic["name"] else {}
    source, target = _end_of(traffic["source"], {}), _end_of(traffic["target"], named)
    return may_reach(read, source, target, traffic["port"], traffic["protocol"])


def _end_of(end: dict[str, Any], ports: dict[str, frozenset[tuple[str, int]]]) -> End:
    pod = end.get("pod")
    if pod is None:
        return End(end["ip"])
    return End(end["ip"], pod["namespace"], pod["labels"], pod["namespaceLabels"], ports)


def test_generated_policies(judge: Judge, compared: Callable[[str], None]) -> None:
    seen = {True: 0, False: 0}

    @settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(WORLD)
    def agree(world: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
        policies, traffic = world
        said = judge.ask({"policies": policies, "traffic": traffic})
        assert said == [_ours(policies, one) for one in traffic]
        for answer in said:
            seen[answer] += 1

    agree()
    compared(f"{sum(seen.values())} connections compared with Cyclonus, of which {seen[True]} pass")
    assert sum(seen.values()) >= 2000
    assert min(seen.values()) >= 500, "both answers occur often"


def pod(namespace: str, address: str = "10.0.0.1", **labels: str) -> dict[str, Any]:
    known = {**NAMESPACES[namespace], "kubernetes.io/metadata.name": namespace}
    return {"ip": address, "pod": {"namespace": namespace, "labels": labels, "namespaceLabels": known}}


def policy(types: list[str], pods: dict[str, Any] | None = None, **rules: Any) -> dict[str, Any]:
    spec = {"podSelector": pods or {}, "policyTypes": types, **rules}
    return {"metadata": {"name": "p", "namespace": "shop"}, "spec": spec}


def call(source: dict[str, Any], target: dict[str, Any], port: int = 80, name: str = "", protocol: str = "TCP") -> Any:
    return {"source": source, "target": target, "port": port, "name": name, "protocol": protocol}


IN, OUT = ["Ingress"], ["Egress"]
NAMED = [{"ports": [{"port": "http"}]}]
FIXED = {
    "no policy": ([], call(pod("cart"), pod("shop")), True),
    "default deny": ([policy(IN)], call(pod("shop"), pod("shop")), False),
    "a deny for the way in does not hold the way out": ([policy(IN)], call(pod("shop"), pod("cart")), True),
    "the way out and the way in": ([policy(OUT)], call(pod("shop"), pod("cart")), False),
    "rules for a direction without the type": ([policy(OUT, ingress=[])], call(pod("cart"), pod("shop")), True),
    "an empty rule": ([policy(IN, ingress=[{}])], call({"ip": "192.0.2.5"}, pod("shop")), True),
    "a Pod on its node is an address": (
        [policy(IN, ingress=[{"from": [{"namespaceSelector": {}}]}])],
        call({"ip": "10.0.0.1"}, pod("shop")),
        False,
    ),
    "an address of a Pod counts for blocks": (
        [policy(IN, ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}])],
        call(pod("cart"), pod("shop")),
        True,
    ),
    "an exception": (
        [policy(OUT, egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}}]}])],
        call(pod("shop"), {"ip": "169.254.169.254"}),
        False,
    ),
    "another family of addresses": (
        [policy(OUT, egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}])],
        call(pod("shop"), {"ip": "2001:db8::5"}),
        False,
    ),
    "a name of a port": ([policy(IN, ingress=NAMED)], call(pod("cart"), pod("shop"), 80, "http"), True),
    "a name that the target does not have": ([policy(IN, ingress=NAMED)], call(pod("cart"), pod("shop"), 80), False),
    "a name for another protocol": (
        [policy(IN, ingress=NAMED)],
        call(pod("cart"), pod("shop"), 80, "http", "UDP"),
        False,
    ),
    "the end of a range": (
        [policy(IN, ingress=[{"ports": [{"port": 80, "endPort": 443}]}])],
        call(pod("cart"), pod("shop"), 443),
        True,
    ),
    "beyond the range": (
        [policy(IN, ingress=[{"ports": [{"port": 80, "endPort": 443}]}])],
        call(pod("cart"), pod("shop"), 444),
        False,
    ),
    "a protocol without a port": (
        [policy(IN, ingress=[{"ports": [{"protocol": "SCTP"}]}])],
        call(pod("cart"), pod("shop"), 9, "", "SCTP"),
        True,
    ),
    "both selectors of one peer must hold": (
        [
            policy(
                IN,
                ingress=[
                    {
                        "from": [
                            {
                                "namespaceSelector": {"matchLabels": {"env": "a"}},
                                "podSelector": {"matchLabels": {"app": "a"}},
                            }
                        ]
                    }
                ],
            )
        ],
        call(pod("cart", app="b"), pod("shop")),
        False,
    ),
    "what several policies allow adds up": (
        [policy(IN), policy(IN, {"matchLabels": {"app": "a"}}, ingress=[{"from": [{"namespaceSelector": {}}]}])],
        call(pod("cart"), pod("shop", app="a")),
        True,
    ),
}


@pytest.mark.parametrize("name", FIXED)
def test_fixed_cases(name: str, judge: Judge) -> None:
    policies, traffic, wanted = FIXED[name]
    assert judge.ask({"policies": policies, "traffic": [traffic]}) == [wanted]
    assert _ours(policies, traffic) is wanted


@pytest.mark.parametrize(
    "selector",
    [{"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["a"]}]}, {"matchLabels": {"app": ""}}],
    ids=["NotIn selects what lacks the label", "an empty value is no missing label"],
)
def test_where_cyclonus_is_not_kubernetes(selector: dict[str, Any], judge: Judge) -> None:
    """Two faults of Cyclonus: the API reference of LabelSelector decides, and here stands what it would have said."""
    policies, traffic = [policy(IN, selector)], call(pod("cart"), pod("shop"))
    passes_there = "matchExpressions" in selector
    assert _ours(policies, traffic) is not passes_there
    assert judge.ask({"policies": policies, "traffic": [traffic]}) == [passes_there]
