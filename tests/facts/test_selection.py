"""``facts.selection``, one case for each row of its decision table (docs/facts/selection.md)."""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.facts import Facts
from tests.facts.hostile import BODIES, survives
from tests.facts.storage import Body, fact_of, rows_of, thing, world

Answer = tuple[str, Any]


def workload(kind: str = "Deployment", name: str = "d", labels: Any = None, pod: Any = None, **spec: Any) -> Body:
    template = {"metadata": {"labels": labels or {"app": "a"}}, "spec": pod or {}}
    return thing("apps/v1", kind, name, "shop", spec={"template": template, **spec})


def budget(version: str = "policy/v1", name: str = "b", namespace: str = "shop", **spec: Any) -> Body:
    spec = {"selector": {"matchLabels": {"app": "a"}}, **spec}
    return thing(version, "PodDisruptionBudget", name, namespace, spec={k: v for k, v in spec.items() if v is not ...})


def hpa(name: str = "h", target: str = "d", **spec: Any) -> Body:
    named = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
    return thing("autoscaling/v2", "HorizontalPodAutoscaler", name, "shop", spec={"scaleTargetRef": named, **spec})


def scaled(**spec: Any) -> Body:
    return thing("keda.sh/v1alpha1", "ScaledObject", "k", "shop", spec={"scaleTargetRef": {"name": "d"}, **spec})


def service(**spec: Any) -> Body:
    return thing("v1", "Service", "s", "shop", spec=spec, metadata={"labels": {"app": "a"}})


def monitor(kind: str, namespace: str, **spec: Any) -> Body:
    selector = {"matchLabels": {"app": "a"}}
    return thing("monitoring.coreos.com/v1", kind, "m", namespace, spec={"selector": selector, **spec})


VERTICAL = thing(
    "autoscaling.k8s.io/v1",
    "VerticalPodAutoscaler",
    "v",
    "shop",
    spec={"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}},
)
AS_ONE = {"securityContext": {"runAsUser": 7}, "containers": [{"name": "a"}]}
WITH_CLAIM = {**AS_ONE, "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}
NAMED = [{"name": "b"}]
SERVED = [{"name": "s", "headless": False}]
TWO, SET = workload(replicas=2), workload("DaemonSet")

CASES: list[tuple[str, Body, list[Body], Answer]] = [
    ("a budget whose labels match", workload(), [budget()], ("budgets", NAMED)),
    ("a budget of another namespace", workload(), [budget(namespace="cart")], ("budgets", [])),
    ("an empty selector in policy/v1", workload(), [budget(selector={})], ("budgets", NAMED)),
    ("an empty selector in policy/v1beta1", workload(), [budget("policy/v1beta1", selector={})], ("budgets", [])),
    ("a budget without a selector", workload(), [budget(selector=...)], ("budgets", [])),
    ("replicas are absent", workload(), [], ("replicas", 1)),
    ("an autoscaler with a minimum", workload(replicas=9), [hpa(minReplicas=2)], ("replicas", 2)),
    ("an autoscaler without a minimum", workload(replicas=9), [hpa()], ("replicas", 1)),
    ("a ScaledObject without a minimum", workload(replicas=9), [scaled()], ("replicas", 0)),
    (
        "a ScaledObject that names only a name",
        workload(),
        [scaled(minReplicaCount=3, maxReplicaCount=4)],
        ("autoscalers", [{"kind": "ScaledObject", "name": "k", "min": 3, "max": 4}]),
    ),
    ("a DaemonSet", SET, [], ("replicas", None)),
    ("a budget that lets none be away", budget(maxUnavailable=0), [], ("refuses", True)),
    ("a budget that lets one percent be away", budget(maxUnavailable="1%"), [TWO], ("refuses", False)),
    ("a budget that wants all", budget(minAvailable="100%"), [], ("refuses", True)),
    ("a budget that wants as many as there are", budget(minAvailable=2), [TWO], ("refuses", True)),
    ("a budget that wants fewer", budget(minAvailable=1), [TWO], ("refuses", False)),
    ("three quarters of two", budget(minAvailable="75%"), [TWO], ("refuses", True)),
    ("a budget that states nothing", budget(), [TWO], ("refuses", True)),
    ("two workloads of one budget", budget(minAvailable=2), [TWO, workload(name="e", replicas=1)], ("pods", 3)),
    ("a number, and an autoscaler may be unseen", budget(minAvailable=1), [TWO], ("refuses", None)),
    ("a number, and no workload was seen", budget(minAvailable=1), [], ("refuses", None)),
    ("a share of a DaemonSet", budget(maxUnavailable="10%"), [SET], ("refuses", None)),
    ("a Service with a selector", workload(), [service(selector={"app": "a"})], ("services", SERVED)),
    ("a Service without a selector", workload(), [service()], ("services", [])),
    (
        "a Service that is a name outside",
        workload(),
        [service(selector={"app": "a"}, type="ExternalName")],
        ("services", []),
    ),
    (
        "a ServiceMonitor of any namespace",
        workload(),
        [service(selector={"app": "a"}), monitor("ServiceMonitor", "mon", namespaceSelector={"any": True})],
        ("monitors", ["m"]),
    ),
    ("a PodMonitor of its own namespace", workload(), [monitor("PodMonitor", "shop")], ("monitors", ["m"])),
    ("two autoscalers of one target", hpa(), [scaled(), hpa("other", "e")], ("rivals", ["ScaledObject k"])),
    ("an autoscaler beside a vertical one", hpa(), [VERTICAL], ("rivals", [])),
    (
        "one user id in two workloads",
        workload(pod=AS_ONE),
        [workload(name="e", pod=WITH_CLAIM)],
        ("sameUser", ["Deployment.apps shop/e"]),
    ),
    ("a user id in a user namespace of its own", workload(pod={**AS_ONE, "hostUsers": False}), [], ("users", [])),
    ("one user id and one claim", workload(pod=WITH_CLAIM), [workload(name="e", pod=WITH_CLAIM)], ("sameUser", [])),
]


@pytest.mark.parametrize(("case", "of", "others", "expected"), CASES, ids=[case[0] for case in CASES])
def test_decision(case: str, of: Body, others: list[Body], expected: Answer) -> None:
    found = fact_of("selection", of, *others, complete="may be unseen" not in case)
    assert found[expected[0]] == expected[1]
    if expected[0] == "refuses":
        assert bool(found["unknown"]) is (expected[1] is None)


def test_the_page_lists_these_cases() -> None:
    assert rows_of("selection.md") == {case[0] for case in CASES}


@pytest.mark.parametrize("of", [workload(), budget(), hpa(), service(), monitor("PodMonitor", "shop")])
def test_what_was_not_seen_is_said(of: Body) -> None:
    assert not any(fact_of("selection", of)["unseen"].values())
    assert all(fact_of("selection", of, complete=False)["unseen"].values())


def test_a_child_is_counted_with_its_owner() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "controller": True}
    child = workload("ReplicaSet", "d-1", replicas=2)
    child["metadata"]["ownerReferences"] = [owner]
    assert fact_of("selection", budget(minAvailable=2), TWO, child)["pods"] == 2


def test_ports_are_those_that_a_service_finds() -> None:
    ports = [{"name": "http", "containerPort": 1}, {"containerPort": 2}, {"name": "dns", "protocol": "UDP"}]
    pod = {
        "containers": [{"name": "a", "ports": ports}],
        "initContainers": [
            {"name": "b", "restartPolicy": "Always", "ports": [{"name": "proxy"}]},
            {"name": "c", "ports": [{"name": "gone"}]},
        ],
    }
    assert fact_of("selection", workload(pod=pod))["portNames"] == ["http", "dns", "proxy", "gone"]
    found = fact_of("selection", service(selector={"app": "a"}), workload(pod=pod))
    assert found["workloads"] == [{"kind": "Deployment", "name": "d", "ports": ["dns/UDP", "http/TCP", "proxy/TCP"]}]


LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), max_size=3)
DEMANDS = st.lists(
    st.fixed_dictionaries(
        {"key": st.sampled_from("abc"), "operator": st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"])},
        optional={"values": st.lists(st.sampled_from("xy"), max_size=2)},
    ),
    max_size=2,
)
LIMITS = st.one_of(
    st.integers(0, 5).map(lambda n: {"minAvailable": n}),
    st.integers(0, 5).map(lambda n: {"maxUnavailable": n}),
    st.integers(0, 100).map(lambda n: {"minAvailable": f"{n}%"}),
    st.integers(0, 100).map(lambda n: {"maxUnavailable": f"{n}%"}),
)


def _matches(labels: dict[str, str], exact: dict[str, str], demands: list[dict[str, Any]]) -> bool:
    for key, value in exact.items():
        if labels.get(key) != value:
            return False
    for demand in demands:
        own, values = labels.get(demand["key"]), demand.get("values", [])
        holds = {"In": own in values, "NotIn": own not in values, "Exists": own is not None}
        if not holds.get(demand["operator"], own is None):
            return False
    return True


def _evictable(limit: dict[str, Any], pods: int) -> bool:
    """The table once more, by counting: may one of so many healthy Pods go?"""
    field, value = next(iter(limit.items()))
    number = ceil(int(value[:-1]) * pods / 100) if isinstance(value, str) else value
    needed = number if field == "minAvailable" else max(pods - number, 0)
    return pods > 0 and pods - 1 >= needed


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(LABELS, st.integers(1, 4)), max_size=5), LABELS, DEMANDS, LIMITS)
def test_budgets_as_a_slow_count_of_every_pair(
    workloads: list[tuple[dict[str, str], int]],
    exact: dict[str, str],
    demands: list[dict[str, Any]],
    limit: dict[str, Any],
) -> None:
    of = budget(selector={"matchLabels": exact, "matchExpressions": demands}, **limit)
    bodies = []
    for number, (labels, replicas) in enumerate(workloads):
        body = workload(name=f"w{number}", replicas=replicas)
        body["spec"]["template"]["metadata"]["labels"] = labels
        bodies.append(body)
    seen = world(of, *bodies)
    fact = Facts(seen).fact("selection")
    found = fact.of(seen.objects[0])
    assert isinstance(found, dict)
    expected = [number for number, (labels, _) in enumerate(workloads) if _matches(labels, exact, demands)]
    assert sorted(entry["name"] for entry in found["workloads"]) == [f"w{number}" for number in expected]
    for number, obj in enumerate(seen.objects[1:]):
        other = fact.of(obj)
        assert isinstance(other, dict)
        assert (other["budgets"] != []) is (number in expected)
    pods = sum(workloads[number][1] for number in expected)
    if expected:
        assert found["refuses"] is (not _evictable(limit, pods))


@given(BODIES, st.booleans())
def test_fields_of_any_type_break_nothing(bodies: list[Body], complete: bool) -> None:
    survives("selection", bodies, complete=complete)
