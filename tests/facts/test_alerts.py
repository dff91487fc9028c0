"""``facts.alerts``, one case for each row of its decision table (docs/facts/alerts.md)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.facts import Facts
from assay.facts.alerts import metrics_of
from assay.kube import build_object
from assay.model.objects import KubeObject, World
from assay.redact import Masker
from tests.unit.test_facts import JSON
from tests.unit.test_verdicts import Nowhere


def facts_of(first: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    """The fact about the first of the objects of a world."""
    objects = tuple(map(built, (first, *others)))
    found = Facts(World("w", "environment", "", True, objects)).fact("alerts").of(objects[0])
    assert isinstance(found, dict)
    return found


def built(body: dict[str, Any]) -> KubeObject:
    return build_object(body, Nowhere(), "s", "", Masker())


def of_kind(kind: str, name: str, namespace: str, spec: Any, **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": kind, "metadata": metadata, "spec": spec}


def prometheus(**spec: Any) -> dict[str, Any]:
    return of_kind("Prometheus", "main", "mon", spec)


def rules(*entries: dict[str, str], namespace: str = "mon", **labels: str) -> dict[str, Any]:
    return of_kind("PrometheusRule", "r", namespace, {"groups": [{"name": "g", "rules": list(entries)}]}, **labels)


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


DOWN = {"alert": "Down", "expr": "up == 0"}


@pytest.mark.parametrize(
    ("case", "spec", "others", "loaded", "unknown"),
    [
        ("ruleSelector is absent", {"ruleNamespaceSelector": {}}, [rules(DOWN)], [], False),
        ("ruleSelector is null", {"ruleSelector": None}, [rules(DOWN)], [], False),
        ("ruleSelector is empty", {"ruleSelector": {}}, [rules(DOWN)], ["mon/r"], False),
        ("a label", {"ruleSelector": {"matchLabels": {"a": "x"}}}, [rules(DOWN, a="x")], ["mon/r"], False),
        ("another label", {"ruleSelector": {"matchLabels": {"a": "x"}}}, [rules(DOWN, a="y")], [], False),
        (
            "ruleNamespaceSelector is absent",
            {"ruleSelector": {}},
            [rules(DOWN, namespace="shop")],
            [],
            False,
        ),
        (
            "ruleNamespaceSelector is empty",
            {"ruleSelector": {}, "ruleNamespaceSelector": {}},
            [rules(DOWN, namespace="shop")],
            ["shop/r"],
            False,
        ),
        (
            "labels of a Namespace that was not seen",
            {"ruleSelector": {}, "ruleNamespaceSelector": {"matchLabels": {"t": "1"}}},
            [rules(DOWN, namespace="shop")],
            [],
            True,
        ),
        (
            "labels of a Namespace that was seen",
            {"ruleSelector": {}, "ruleNamespaceSelector": {"matchLabels": {"t": "1"}}},
            [rules(DOWN, namespace="shop"), namespace("shop", t="1")],
            ["shop/r"],
            False,
        ),
        (
            "the name of a Namespace is always known",
            {"ruleSelector": {}, "ruleNamespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}},
            [rules(DOWN, namespace="shop"), rules(DOWN, namespace="web")],
            ["shop/r"],
            False,
        ),
    ],
)
def test_which_rules_are_loaded(
    case: str, spec: dict[str, Any], others: list[dict[str, Any]], loaded: list[str], unknown: bool
) -> None:
    found = facts_of(prometheus(**spec), *others)
    assert (found["rules"], bool(found["unknown"])) == (loaded, unknown), case


def test_recordings_count_where_an_alert_uses_them() -> None:
    chain = [
        {"record": "a:b", "expr": "rate(first[5m])"},
        {"record": "c:d", "expr": "a:b / second"},
        {"record": "e:f", "expr": "e:f + third"},
        {"alert": "A", "expr": "c:d > 1"},
    ]
    metrics = facts_of(prometheus(ruleSelector={}), rules(*chain))["metrics"]
    assert {"first", "second", "a:b", "c:d"} <= set(metrics)
    assert "third" not in metrics


@pytest.mark.parametrize(
    ("expression", "names", "others"),
    [
        ('up{job="node_load1"}', {"up"}, {"node_load1"}),
        ("absent(up)", {"up"}, {"absent"}),
        ("rate (up[5m])", {"up"}, {"rate"}),
        (r'up{a="\"node_x"} + b', {"up", "b"}, {"node_x"}),
        ('label_replace(a, \'b\', `c`, "d", "")', {"a"}, {"b", "c", "d", "label_replace"}),
        ("", set(), set()),
    ],
)
def test_what_is_a_metric(expression: str, names: set[str], others: set[str]) -> None:
    found = metrics_of(expression)
    assert names <= found
    assert not others & found


def alertmanager(name: str = "main", **spec: Any) -> dict[str, Any]:
    return of_kind("Alertmanager", name, "mon", spec)


def config(default: str, **receivers: list[str]) -> dict[str, Any]:
    entries = [{"name": name, **{f"{kind}Configs": [{}] for kind in kinds}} for name, kinds in receivers.items()]
    return of_kind("AlertmanagerConfig", "routes", "mon", {"route": {"receiver": default}, "receivers": entries})


SENDS = {"ruleSelector": {}, "alerting": {"alertmanagers": [{"name": "am", "namespace": "mon", "port": "web"}]}}
NAMED = alertmanager(alertmanagerConfiguration={"name": "routes"})


@pytest.mark.parametrize(
    ("case", "others", "tells", "unknown"),
    [
        ("a default receiver with an integration", [NAMED, config("page", page=["pagerduty"])], True, False),
        ("one without", [NAMED, config("nobody", nobody=[], page=["pagerduty"])], False, False),
        ("none of that name", [NAMED, config("other", page=["pagerduty"])], False, False),
        ("the configuration is in a Secret", [alertmanager()], False, True),
        ("the configuration was not seen", [NAMED], False, True),
        ("two of one name", [NAMED, config("a", a=["email"]), config("b", b=["email"])], False, True),
        ("no Alertmanager", [], False, True),
        ("two of them", [NAMED, alertmanager("other"), config("page", page=["email"])], False, True),
    ],
)
def test_who_is_told(case: str, others: list[dict[str, Any]], tells: bool, unknown: bool) -> None:
    [entry] = facts_of(prometheus(**SENDS), *others)["alertmanagers"]
    assert (entry["tells"], bool(entry["unknown"])) == (tells, unknown), case


def test_the_receivers_of_an_alertmanager() -> None:
    found = facts_of(NAMED, config("page", page=["pagerduty", "email"], chat=["slack"], nobody=[]))
    assert found["receivers"] == [
        {"name": "page", "kinds": ["email", "pagerduty"]},
        {"name": "chat", "kinds": ["slack"]},
    ]
    assert [receiver["name"] for receiver in found["default"]] == ["page"]


@pytest.mark.parametrize(
    ("expression", "noticed"),
    [
        ("up == 0", True),
        ("up < 1", True),
        ("sum(up == 0) by (job)", True),
        ("up == 1", False),
        ("my_up == 0", False),
        ('up{job="falco"} == 0', True),
        ('up{job="falco-metrics"} == 0', True),
        ('up{job=~"fal.*"} == 0', True),
        ('up{job="loki"} == 0', False),
        ('up{job!="falco"} == 0', False),
        ('up{job!~"loki|falco"} == 0', False),
        ('up{job!="loki"} == 0', True),
        ('up{namespace="shop"} == 0', False),
        ('up{namespace="agents",instance="x"} == 0', True),
        ('absent(up{job="falco"})', True),
        ('absent_over_time(up{job="falco"}[10m])', True),
        ('absent(up{job="loki"})', False),
        ("kube_daemonset_status_number_unavailable > 0", True),
        ('kube_daemonset_status_number_unavailable{daemonset="falco"} > 0', True),
        ('kube_daemonset_status_number_unavailable{daemonset="falco-x"} > 0', False),
        ("kube_deployment_status_replicas_unavailable > 0", False),
        ('up{job=~"("} == 0', False),
    ],
)
def test_who_notices_that_a_workload_is_down(expression: str, noticed: bool) -> None:
    agent = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "falco", "namespace": "agents"}}
    found = facts_of(agent, prometheus(ruleSelector={}), rules({"alert": "A", "expr": expression}))
    assert (bool(found["absence"]), found["watched"]) == (noticed, True)


def test_nobody_watches() -> None:
    agent = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "falco", "namespace": "agents"}}
    assert facts_of(agent, rules(DOWN)) == {"absence": [], "unknown": "", "watched": False}


@given(JSON, JSON, JSON)
def test_specs_of_any_shape_break_nothing(first: Any, second: Any, third: Any) -> None:
    worlds = [of_kind("Prometheus", "main", "mon", first), of_kind("Alertmanager", "main", "mon", second)]
    worlds += [of_kind("PrometheusRule", "r", "mon", third), prometheus(ruleSelector=first, alerting=second)]
    world = World("w", "environment", "", True, tuple(map(built, worlds)))
    fact = Facts(world).fact("alerts")
    for obj in world.objects:
        fact.of(obj)
    assert len(fact.table().rows) == 3


@given(st.text())
def test_expressions_of_any_shape_break_nothing(text: str) -> None:
    metrics_of(text)
    facts_of(prometheus(ruleSelector={}), rules({"alert": "A", "expr": text}))
