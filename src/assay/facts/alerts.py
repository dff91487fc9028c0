"""Which alerts the Prometheus operator loads, what they look at, and who is told.

Sources: the API reference of the Prometheus operator (PrometheusSpec, AlertmanagerSpec, AlertmanagerConfig) and the
Prometheus documentation (alerting rules, querying basics).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.index import Index, items, labels_of, maps, part, selects, text
from assay.facts.interface import Fact, Table

if TYPE_CHECKING:
    from assay.facts import Facts
    from assay.model.objects import KubeObject

_GROUP = "monitoring.coreos.com"
PROMETHEUS, RULES, ALERTMANAGER, CONFIG = (
    f"{_GROUP}/{kind}" for kind in ("Prometheus", "PrometheusRule", "Alertmanager", "AlertmanagerConfig")
)
# Strings first, so that nothing inside them is taken for a name; a name before a parenthesis is a function.
_TOKEN = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|(?P<name>[a-zA-Z_:][\w:]*)(?P<call>\s*\()?""")


class Alert(NamedTuple):
    """An alert that a Prometheus evaluates, with the metrics of its expression and of the recordings that it uses."""

    name: str
    expression: str
    metrics: frozenset[str]


class _Selected(NamedTuple):
    """What a selector of a Prometheus or Alertmanager selects for certain, and why that may not be all."""

    objects: list[KubeObject]
    unknown: str


class Alerts(Fact):
    """``facts.alerts`` of a Prometheus, of an Alertmanager and of a workload (docs/facts/alerts.md)."""

    turns_pass = ()
    turns_fail = (RULES,)
    anywhere = frozenset({RULES, PROMETHEUS, ALERTMANAGER, CONFIG})

    def __init__(self, index: Index, facts: Facts) -> None:
        super().__init__(index, facts)
        self._prometheuses = {id(obj): self._prometheus(obj) for obj in index.of_kind(PROMETHEUS)}

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """What a Prometheus evaluates, whom an Alertmanager tells, or who notices that a workload is gone."""
        if obj.group_kind == PROMETHEUS:
            return self._prometheuses[id(obj)]
        if obj.group_kind == ALERTMANAGER:
            return self._alertmanager(obj)
        return {
            "absence": [
                alert for found in self._prometheuses.values() for alert in _absence(obj, found["expressions"])
            ],
            "unknown": next((found["unknown"] for found in self._prometheuses.values() if found["unknown"]), ""),
            "watched": bool(self._prometheuses),
        }

    def table(self) -> Table:
        """One row for each Prometheus and Alertmanager."""
        rows: list[tuple[Any, ...]] = []
        for obj in self.index.of_kind(PROMETHEUS):
            found = self._prometheuses[id(obj)]
            told = [entry["alertmanager"] for entry in found["alertmanagers"]]
            rows.append(
                (obj.identity.namespace, obj.kind, obj.identity.name, len(found["alerts"]), told, found["unknown"])
            )
        for obj in self.index.of_kind(ALERTMANAGER):
            known = self._alertmanager(obj)
            receivers = [receiver["name"] for receiver in known["receivers"]]
            rows.append((obj.identity.namespace, obj.kind, obj.identity.name, "", receivers, known["unknown"]))
        return Table(("namespace", "kind", "name", "alerts", "told", "unknown"), tuple(rows))

    def _prometheus(self, obj: KubeObject) -> dict[str, Any]:
        selected = self._selected(obj, RULES, "ruleSelector", "ruleNamespaceSelector")
        alerts = list(_alerts(selected.objects))
        return {
            "rules": [f"{rule.identity.namespace}/{rule.identity.name}" for rule in selected.objects],
            "alerts": [alert.name for alert in alerts],
            "expressions": [alert.expression for alert in alerts],
            "metrics": sorted(frozenset().union(*(alert.metrics for alert in alerts))),
            "alertmanagers": [self._told(obj, entry) for entry in maps(obj.body, "spec", "alerting", "alertmanagers")],
            "unknown": selected.unknown,
        }

    def _told(self, prometheus: KubeObject, entry: dict[str, Any]) -> dict[str, Any]:
        """The Alertmanager behind an endpoint of a Prometheus: the one of the endpoint's namespace."""
        namespace = text(entry, "namespace") or prometheus.identity.namespace
        found = self.index.in_namespace(ALERTMANAGER, namespace)
        name = f"{namespace}/{text(entry, 'name')}"
        if len(found) != 1:
            why = "was not seen" if not found else "is one of several"
            return {"alertmanager": name, "tells": False, "unknown": f"the Alertmanager behind {name} {why}"}
        known = self._alertmanager(found[0])
        return {"alertmanager": name, "tells": bool(known["default"]), "unknown": known["unknown"]}

    def _alertmanager(self, obj: KubeObject) -> dict[str, Any]:
        """Its receivers that tell somebody, and those of its default route.

        The operator takes the configuration from an AlertmanagerConfig that the Alertmanager names, else from a Secret,
        whose content is not read here. Selected AlertmanagerConfigs are routes below it, for their own namespace.
        """
        name = text(obj.body, "spec", "alertmanagerConfiguration", "name")
        selected = self._selected(obj, CONFIG, "alertmanagerConfigSelector", "alertmanagerConfigNamespaceSelector")
        receivers = [receiver for config in selected.objects for receiver in _receivers(config)]
        if not name:
            why = "the configuration of the Alertmanager is in a Secret, which is not read"
            return {"receivers": receivers, "default": [], "unknown": why}
        found = self.index.find(CONFIG, obj.identity.namespace, name)
        if len(found) != 1:
            why = f"the AlertmanagerConfig {name} " + ("was not seen" if not found else "is there twice")
            return {"receivers": receivers, "default": [], "unknown": why}
        own = list(_receivers(found[0]))
        default = text(found[0].body, "spec", "route", "receiver")
        return {
            "receivers": [*own, *receivers],
            "default": [receiver for receiver in own if receiver["name"] == default],
            "unknown": selected.unknown,
        }

    def _selected(self, obj: KubeObject, kind: str, selector: str, of_namespaces: str) -> _Selected:
        """What selectors of an object select: null selects nothing, and only its own namespace."""
        spec = part(obj.body, "spec")
        if not isinstance(spec.get(selector), dict):
            return _Selected([], "")
        objects, unknown = [], ""
        for candidate in self.index.of_kind(kind):
            if not selects(spec[selector], labels_of(part(candidate.body, "metadata"))):
                continue
            namespace = candidate.identity.namespace
            inside: bool | None = namespace == obj.identity.namespace
            if isinstance(spec.get(of_namespaces), dict):
                inside = self.index.selects_namespace(spec[of_namespaces], namespace or "")
            if inside:
                objects.append(candidate)
            elif inside is None:
                unknown = f"whether {of_namespaces} selects the namespace {namespace}, whose labels were not seen"
        return _Selected(objects, unknown)


def _receivers(config: KubeObject) -> Iterator[dict[str, Any]]:
    """The receivers of an AlertmanagerConfig with at least one integration."""
    for receiver in maps(config.body, "spec", "receivers"):
        kinds = [
            name.removesuffix("Configs") for name in receiver if name.endswith("Configs") and items(receiver, name)
        ]
        if kinds and isinstance(receiver.get("name"), str):
            yield {"name": receiver["name"], "kinds": sorted(kinds)}


def _alerts(rules: list[KubeObject]) -> Iterator[Alert]:
    every = [rule for obj in rules for group in maps(obj.body, "spec", "groups") for rule in maps(group, "rules")]
    recorded: dict[str, frozenset[str]] = {}
    for rule in every:
        if text(rule, "record"):
            recorded[rule["record"]] = recorded.get(rule["record"], frozenset()) | metrics_of(_expression(rule))
    for rule in every:
        if text(rule, "alert"):
            yield Alert(rule["alert"], _expression(rule), _resolved(metrics_of(_expression(rule)), recorded))


def _expression(rule: dict[str, Any]) -> str:
    """The expression of a rule; a number is one too."""
    expression = rule.get("expr")
    return expression if isinstance(expression, str) else str(expression or "")


def _resolved(metrics: frozenset[str], recorded: dict[str, frozenset[str]]) -> frozenset[str]:
    """Metrics with those behind the recordings among them."""
    found, open_ = set(metrics), list(metrics)
    while open_:
        new = recorded.get(open_.pop(), frozenset()) - found
        found |= new
        open_ += new
    return frozenset(found)


def metrics_of(expression: str) -> frozenset[str]:
    """The names in a PromQL expression that no parenthesis follows: metrics, and labels and keywords among them."""
    return frozenset(match["name"] for match in _TOKEN.finditer(expression) if match["name"] and not match["call"])


# Alerts on these say that Pods of a DaemonSet or Deployment are missing (kube-state-metrics, "DaemonSet Metrics" and
# "Deployment Metrics").
_MISSING_PODS = {
    "DaemonSet": re.compile(r"kube_daemonset_status_\w+"),
    "Deployment": re.compile(r"kube_deployment_status_replicas\w*"),
    "StatefulSet": re.compile(r"kube_statefulset_status_replicas\w*"),
}
# A target that is down, or a job without any target (Prometheus documentation, "Jobs and instances", "absent()").
_DOWN = re.compile(r"(?<![\w:])up\s*(?:\{([^}]*)\})?\s*(?:==\s*0|!=\s*1|<\s*1)")
_ABSENT = re.compile(r"(?<![\w:])absent(?:_over_time)?\s*\(\s*up\s*\{([^}]*)\}")
_FILTERS = re.compile(r"\s*\{([^}]*)\}")
_FILTER = re.compile(r"""(\w+)\s*(=~|!~|!=|=)\s*(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)')""")


def _absence(obj: KubeObject, expressions: list[str]) -> Iterator[str]:
    """The expressions that notice that a workload is down: a target of its is, or Pods of its are missing."""
    labels = {"namespace": obj.identity.namespace or "", "job": obj.identity.name, obj.kind.lower(): obj.identity.name}
    missing = _MISSING_PODS.get(obj.kind)
    for expression in expressions:
        filters = [match[1] or "" for match in (*_DOWN.finditer(expression), *_ABSENT.finditer(expression))]
        for match in missing.finditer(expression) if missing else ():
            after = _FILTERS.match(expression, match.end())
            filters.append(after[1] if after else "")
        if any(_lets_through(each, labels) for each in filters):
            yield expression


def _lets_through(filters: str, labels: dict[str, str]) -> bool:
    """Whether PromQL label filters let through the series of a workload; labels that are not given are taken to match.

    A job is called after the Service, whose name need not be that of the workload but holds it or is a part of it.
    """
    for key, operator, double, single in _FILTER.findall(filters):
        if key not in labels:
            continue
        wanted, value = double or single, labels[key]
        if "~" in operator:
            try:
                same = re.fullmatch(wanted, value) is not None
            except re.error:  # RE2 knows signs that Python does not
                return False
        else:
            same = wanted == value
        near = key == "job" and not operator.startswith("!") and (value in wanted or wanted in value)
        if (same or near) is operator.startswith("!"):
            return False
    return True
