"""Which budgets, autoscalers, Services and monitors belong to which workloads, seen from both sides.

Sources: the API references of PodDisruptionBudget, HorizontalPodAutoscaler and Service, "Specifying a Disruption
Budget for your Application" (percentages are rounded up), and the definitions of VerticalPodAutoscaler, ScaledObject,
ServiceMonitor and PodMonitor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from assay.facts.index import Workload, items, labels_of, maps, part, selects, text
from assay.facts.interface import Fact, Table
from assay.workloads import TEMPLATES, pod_view

if TYPE_CHECKING:
    from assay.facts.references import References
    from assay.model.objects import KubeObject

_BUDGET = "policy/PodDisruptionBudget"
_SERVICE = "core/Service"
_SERVICE_MONITOR = "monitoring.coreos.com/ServiceMonitor"
_POD_MONITOR = "monitoring.coreos.com/PodMonitor"
# Kinds that scale a workload: where they name it, and the fields with their bounds (their API references).
_SCALERS = {
    "autoscaling/HorizontalPodAutoscaler": ("scaleTargetRef", "minReplicas", "maxReplicas", 1),
    "keda.sh/ScaledObject": ("scaleTargetRef", "minReplicaCount", "maxReplicaCount", 0),
}
_VERTICAL = "autoscaling.k8s.io/VerticalPodAutoscaler"
_AUTOSCALERS = (*_SCALERS, _VERTICAL)
# Workloads whose number of Pods is `spec.replicas`, 1 where it is absent.
_COUNTED = frozenset({
    "core/ReplicationController", "apps/Deployment", "apps/StatefulSet", "apps/ReplicaSet", "argoproj.io/Rollout",
    "apps.openshift.io/DeploymentConfig", "apps.kruise.io/CloneSet", "apps.kruise.io/StatefulSet",
})  # fmt: skip
_MOST_SHOWN = 5
"""So many workloads with one user id are named; a chart may have hundreds."""


_T = TypeVar("_T")
_Labels = frozenset[tuple[str, str]]


class _Labelled(Generic[_T]):
    """Things with labels, found by a selector without looking at all of them.

    Those with equal labels are one class; a selector is tried on the classes that bear its rarest label.
    """

    def __init__(self, things: Iterable[tuple[Mapping[str, str], _T]]) -> None:
        self._classes: dict[_Labels, tuple[Mapping[str, str], list[_T]]] = {}
        self._bearers: dict[tuple[str, str], list[_Labels]] = {}
        for own, thing in things:
            labels = frozenset(own.items())
            if labels not in self._classes:
                self._classes[labels] = (own, [])
                for pair in labels:
                    self._bearers.setdefault(pair, []).append(labels)
            self._classes[labels][1].append(thing)

    def selected(self, selector: Mapping[str, Any]) -> list[_T]:
        """What a LabelSelector selects."""
        wanted = [(key, value) for key, value in part(selector, "matchLabels").items() if isinstance(value, str)]
        bearing = [self._bearers.get(pair, []) for pair in wanted]
        candidates = min(bearing, key=len) if bearing else self._classes
        classes = (self._classes[labels] for labels in candidates)
        return [found for own, things in classes if selects(selector, own) for found in things]


class _Limit(NamedTuple):
    """What a budget states: a number, or the percentage of the Pods; ``spare`` if it is how many may be away."""

    value: int
    percent: bool
    spare: bool

    def allows(self, pods: int) -> bool:
        """Whether one of so many healthy Pods may be evicted; percentages are rounded up."""
        amount = ceil(self.value * pods / 100) if self.percent else self.value
        return amount > 0 if self.spare else pods - amount > 0


class Selection(Fact):
    """``facts.selection``: what selects or targets an object, or what it selects (docs/facts/selection.md).

    ``unseen`` says of each kind of object why there may be more of them, so that a rule doubts only what it reads.
    """

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """The relations of a workload, a budget, an autoscaler, a Service or a monitor."""
        kind = obj.group_kind
        if kind in TEMPLATES:
            return self._of_workload(obj)
        if kind == _BUDGET:
            return self._of_budget(obj)
        if kind in _AUTOSCALERS:
            return self._of_autoscaler(obj)
        if kind == _SERVICE:
            return self._of_service(obj)
        if kind in (_SERVICE_MONITOR, _POD_MONITOR):
            return self._of_monitor(obj)
        return f"nothing selects a {obj.kind}, and it selects nothing"

    def table(self) -> Table:
        """One row for each workload."""
        rows = []
        for namespace, workloads in self.index.workloads.items():
            for workload in workloads:
                found = self._of_workload(workload.object)
                named = [[entry["name"] for entry in found[key]] for key in ("budgets", "autoscalers", "services")]
                identity = workload.object.identity
                rows.append((namespace, identity.kind, identity.name, found["replicas"], *named, found["monitors"]))
        columns = ("namespace", "kind", "name", "replicas", "budgets", "autoscalers", "services", "monitors")
        return Table(columns, tuple(rows))

    def selected_by(self, service: KubeObject) -> list[Workload]:
        """The workloads whose Pods a Service selects; none where it has no selector."""
        selector = part(service.body, "spec", "selector")
        if not selector or text(service.body, "spec", "type") == "ExternalName":
            return []
        return self._pods(service.identity.namespace).selected({"matchLabels": selector})

    def _of_workload(self, obj: KubeObject) -> dict[str, Any]:
        scalers = self._by_target.get(_key(obj), [])
        services = self._by_workload[_SERVICE].get(id(obj), [])
        monitored = self._by_workload[_POD_MONITOR].get(id(obj), [])
        monitored = [*monitored, *(m for service in services for m in self._by_service.get(id(service), []))]
        users, shared = self._users.get(id(obj), ([], []))
        return {
            "replicas": self._replicas(obj),
            "stated": "replicas" in part(obj.body, "spec"),
            "portNames": _port_names(obj),
            "budgets": [{"name": budget.identity.name} for budget in self._by_workload[_BUDGET].get(id(obj), [])],
            "autoscalers": [_scaler(scaler) for scaler in scalers if scaler.group_kind in _SCALERS],
            "verticals": [scaler.identity.name for scaler in scalers if scaler.group_kind == _VERTICAL],
            "services": [_service(service) for service in services],
            "monitors": list(dict.fromkeys(monitor.identity.name for monitor in monitored)),
            "users": users,
            "sameUser": shared,
            "unseen": self._unseen(obj.identity.namespace, *_DECIDING),
        }

    def _of_budget(self, obj: KubeObject) -> dict[str, Any]:
        workloads = self._workloads_of(obj)
        # What a controller made is counted with it.
        counts = [self._replicas(workload.object) for workload in workloads if not _owned(workload.object)]
        known = [count for count in counts if count is not None]
        pods = sum(known) if workloads and len(known) == len(counts) else None
        others = {b.identity.name for w in workloads for b in self._by_workload[_BUDGET][id(w.object)] if b is not obj}
        refuses, unknown = self._refuses(obj, pods)
        return {
            "workloads": [_workload(workload) for workload in workloads],
            "pods": pods,
            "refuses": refuses,
            "unknown": unknown,
            "others": sorted(others),
            "unseen": self._unseen(obj.identity.namespace, "budgets", "pods", "autoscalers"),
        }

    def _refuses(self, obj: KubeObject, pods: int | None) -> tuple[bool | None, str]:
        """Whether a budget lets no Pod be evicted although all are healthy, and why that is not known."""
        limit = _limit(part(obj.body, "spec"))
        if limit is None:
            return (None, "its limit cannot be read") if _states_limit(obj) else (True, "")
        scaled = all(w.object.group_kind in _COUNTED for w in self._workloads_of(obj))
        if limit.value == 0 or (limit.percent and limit.value >= 100) or (limit.spare and scaled):
            # None, all, or one Pod of any number: how many there are does not matter.
            return not limit.allows(100), ""
        if pods is None:
            return None, "how many Pods it selects is not known"
        unseen = self._unseen(obj.identity.namespace, "pods", "autoscalers")
        doubt = unseen["pods"] or unseen["autoscalers"]
        return (None, doubt) if doubt else (not limit.allows(pods), "")

    def _of_autoscaler(self, obj: KubeObject) -> dict[str, Any]:
        target = _target(obj)
        scales = _SCALERS if obj.group_kind in _SCALERS else (_VERTICAL,)
        unseen = self._unseen(obj.identity.namespace, "autoscalers", "verticals")
        rivals = [o for o in self._by_target.get(target, []) if o is not obj and o.group_kind in scales]
        found = self.index.find(*target)
        return {
            "target": {
                "kind": target[0],
                "name": target[2],
                "exists": self._references.target(*target)["exists"],
                "owned": _owned(found[0]) if len(found) == 1 else None,
            },
            "rivals": [f"{rival.kind} {rival.identity.name}" for rival in rivals],
            "unseen": {"autoscalers": unseen["autoscalers" if obj.group_kind in _SCALERS else "verticals"]},
        }

    def _of_service(self, obj: KubeObject) -> dict[str, Any]:
        return {
            "workloads": [
                {**_workload(workload), "ports": _found_ports(workload)} for workload in self._workloads_of(obj)
            ],
            "monitors": [monitor.identity.name for monitor in self._by_service.get(id(obj), [])],
            "unseen": self._unseen(obj.identity.namespace, "pods", "monitors"),
        }

    def _of_monitor(self, obj: KubeObject) -> dict[str, Any]:
        services = self._services_of(obj) if obj.group_kind == _SERVICE_MONITOR else []
        return {
            "workloads": [_workload(workload) for workload in self._workloads_of(obj)],
            "services": [_service(service) for service in services],
            "unseen": self._unseen(None, "pods", "services"),
        }

    def _unseen(self, namespace: str | None, *names: str) -> dict[str, str]:
        """Why there may be more objects of what decides; empty texts where all were seen."""
        known = self._doubts.get((namespace, names))
        if known is None:
            known = self._doubts[(namespace, names)] = {}
            for name in names:
                place = None if name in _EVERYWHERE else namespace
                missing = [kind for kind in _DECIDING[name] if not self.facts.seen(kind, place)]
                why = f"a {missing[0].rpartition('/')[2]} that was not seen could change this" if missing else ""
                known[name] = why
        return known

    @cached_property
    def _doubts(self) -> dict[tuple[str | None, tuple[str, ...]], dict[str, str]]:
        return {}

    @cached_property
    def _references(self) -> References:
        found: Any = self.facts.fact("references")
        return found  # type: ignore[no-any-return]

    def _replicas(self, obj: KubeObject) -> int | None:
        """The fewest Pods that a workload is meant to have; None where no number says so.

        An autoscaler sets the number anew, so its minimum counts, and the smallest where several fight.
        """
        scalers = [_scaler(s) for s in self._by_target.get(_key(obj), []) if s.group_kind in _SCALERS]
        if scalers:
            least = [scaler["min"] for scaler in scalers if scaler["min"] is not None]
            return min(least) if len(least) == len(scalers) else None
        if obj.group_kind not in _COUNTED:
            return 1 if obj.group_kind == "core/Pod" else None
        return _number(part(obj.body, "spec").get("replicas", 1))

    def _pods(self, namespace: str | None) -> _Labelled[Workload]:
        if namespace not in self._classes:
            workloads = self.index.workloads.get(namespace, ())
            self._classes[namespace] = _Labelled((workload.labels, workload) for workload in workloads)
        return self._classes[namespace]

    @cached_property
    def _classes(self) -> dict[str | None, _Labelled[Workload]]:
        return {}

    def _services(self, namespace: str | None) -> _Labelled[KubeObject]:
        if namespace not in self._service_classes:
            services = self.index.in_namespace(_SERVICE, namespace)
            labelled = ((labels_of(part(service.body, "metadata")), service) for service in services)
            self._service_classes[namespace] = _Labelled(labelled)
        return self._service_classes[namespace]

    @cached_property
    def _service_classes(self) -> dict[str | None, _Labelled[KubeObject]]:
        return {}

    @cached_property
    def _selected(self) -> dict[int, list[Workload]]:
        """Id of a budget, Service or monitor -> the workloads that it selects."""
        found: dict[int, list[Workload]] = {}
        for budget in self.index.of_kind(_BUDGET):
            # Before policy/v1 the empty selector selected nothing (the API reference of both versions).
            selector = part(budget.body, "spec").get("selector")
            applies = isinstance(selector, dict) and (bool(selector) or budget.api_version == "policy/v1")
            pods = self._pods(budget.identity.namespace)
            found[id(budget)] = pods.selected(selector) if applies and isinstance(selector, dict) else []
        for service in self.index.of_kind(_SERVICE):
            found[id(service)] = self.selected_by(service)
        for monitor in self.index.of_kind(_POD_MONITOR):
            selector = part(monitor.body, "spec", "selector")
            places = self._watched(monitor)
            found[id(monitor)] = [w for namespace in places for w in self._pods(namespace).selected(selector)]
        for monitor in self.index.of_kind(_SERVICE_MONITOR):
            behind = (w for service in self._services_of(monitor) for w in found[id(service)])
            found[id(monitor)] = list({id(w.object): w for w in behind}.values())
        return found

    def _workloads_of(self, obj: KubeObject) -> list[Workload]:
        return self._selected[id(obj)]

    def _watched(self, monitor: KubeObject) -> list[str | None]:
        """The namespaces that a monitor looks into: its own, those that it names, or any (its definition)."""
        wanted = part(monitor.body, "spec", "namespaceSelector")
        if wanted.get("any") is True:
            return list(self.index.namespaces)
        named = [name for name in items(wanted, "matchNames") if isinstance(name, str)]
        return list(dict.fromkeys(named)) or [monitor.identity.namespace]

    def _services_of(self, monitor: KubeObject) -> list[KubeObject]:
        return self._services_by_monitor[id(monitor)]

    @cached_property
    def _services_by_monitor(self) -> dict[int, list[KubeObject]]:
        return {
            id(monitor): [
                service
                for namespace in self._watched(monitor)
                for service in self._services(namespace).selected(part(monitor.body, "spec", "selector"))
            ]
            for monitor in self.index.of_kind(_SERVICE_MONITOR)
        }

    @cached_property
    def _by_service(self) -> dict[int, list[KubeObject]]:
        """Id of a Service -> the ServiceMonitors that select it."""
        found: dict[int, list[KubeObject]] = {}
        for monitor in self.index.of_kind(_SERVICE_MONITOR):
            for service in self._services_of(monitor):
                found.setdefault(id(service), []).append(monitor)
        return found

    @cached_property
    def _by_workload(self) -> dict[str, dict[int, list[KubeObject]]]:
        """Kind of a selecting object -> id of a workload -> the objects of the kind that select it."""
        found: dict[str, dict[int, list[KubeObject]]] = {kind: {} for kind in (_BUDGET, _SERVICE, _POD_MONITOR)}
        for kind, known in found.items():
            for obj in self.index.of_kind(kind):
                for workload in self._workloads_of(obj):
                    known.setdefault(id(workload.object), []).append(obj)
        return found

    @cached_property
    def _by_target(self) -> dict[tuple[str, str | None, str], list[KubeObject]]:
        """(kind, namespace, name) -> the autoscalers that name it."""
        found: dict[tuple[str, str | None, str], list[KubeObject]] = {}
        for obj in self.index.of_kind(*_AUTOSCALERS):
            found.setdefault(_target(obj), []).append(obj)
        return found

    @cached_property
    def _users(self) -> dict[int, tuple[list[int], list[str]]]:
        """Id of a workload -> the user ids that it declares, and who else declares one of them."""
        declared: dict[int, tuple[Workload, list[int]]] = {}
        bearers: dict[int, list[KubeObject]] = {}
        for workload in (w for workloads in self.index.workloads.values() for w in workloads):
            users = _users_of(workload)
            # What a controller made is its template once more.
            if users and not _owned(workload.object):
                declared[id(workload.object)] = (workload, users)
                for user in users:
                    bearers.setdefault(user, []).append(workload.object)
        claims = {key: _claims(workload) for key, (workload, _) in declared.items()}
        return {key: (users, _others(w.object, users, bearers, claims)) for key, (w, users) in declared.items()}


_DECIDING: dict[str, tuple[str, ...]] = {
    "budgets": (_BUDGET,),
    "autoscalers": tuple(_SCALERS),
    "verticals": (_VERTICAL,),
    "services": (_SERVICE,),
    "monitors": (_SERVICE_MONITOR, _POD_MONITOR),
    "pods": tuple(TEMPLATES),
    "workloads": tuple(TEMPLATES),
}
# A monitor may look into other namespaces, and any workload of the cluster may have the same user.
_EVERYWHERE = ("monitors", "workloads")


def _key(obj: KubeObject) -> tuple[str, str | None, str]:
    return (obj.group_kind, obj.identity.namespace, obj.identity.name)


def _target(obj: KubeObject) -> tuple[str, str | None, str]:
    """The (kind, namespace, name) that an autoscaler names; KEDA means apps/v1 and Deployment where it names none."""
    field = _SCALERS[obj.group_kind][0] if obj.group_kind in _SCALERS else "targetRef"
    target = part(obj.body, "spec", field)
    keda = obj.group_kind == "keda.sh/ScaledObject"
    group = text(target, "apiVersion").rpartition("/")[0] or (
        "apps" if keda and not text(target, "apiVersion") else "core"
    )
    kind = text(target, "kind") or ("Deployment" if keda else "")
    return (f"{group}/{kind}", obj.identity.namespace, text(target, "name"))


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _scaler(obj: KubeObject) -> dict[str, Any]:
    _, least, most, otherwise = _SCALERS[obj.group_kind]
    spec = part(obj.body, "spec")
    floor = _number(spec.get(least, otherwise))
    if obj.group_kind == "keda.sh/ScaledObject" and "idleReplicaCount" in spec:
        # While no trigger is active there are as many as this, below the minimum.
        floor = _number(spec["idleReplicaCount"])
    return {"kind": obj.kind, "name": obj.identity.name, "min": floor, "max": _number(spec.get(most))}


def _service(obj: KubeObject) -> dict[str, Any]:
    return {"name": obj.identity.name, "headless": text(obj.body, "spec", "clusterIP") == "None"}


def _workload(workload: Workload) -> dict[str, Any]:
    return {"kind": workload.object.kind, "name": workload.object.identity.name}


def _port_names(obj: KubeObject) -> list[str]:
    """The names of all ports of a workload's containers, as often as they occur."""
    view = pod_view(obj)
    containers = [container for _, _, container in view.containers()] if view else []
    names = [text(port, "name") for container in containers for port in maps(container, "ports")]
    return [name for name in names if name]


def _found_ports(workload: Workload) -> list[str]:
    """The ``name/PROTOCOL`` of the ports of containers and sidecars, by which a Service finds them.

    Init containers that end have no ports by then (the endpoint controllers look at those that restart always).
    """
    found = []
    for _, kind, container in workload.view.containers():
        runs = kind == "container" or (kind == "init" and text(container, "restartPolicy") == "Always")
        ports = maps(container, "ports") if runs else []
        found += [f"{text(port, 'name')}/{text(port, 'protocol') or 'TCP'}" for port in ports]
    return sorted({port for port in found if not port.startswith("/")})


def _owned(obj: KubeObject) -> bool:
    """Whether another workload made it, which its owner references say."""
    owners = maps(obj.body, "metadata", "ownerReferences")
    return any(
        owner.get("controller") is True
        and f"{text(owner, 'apiVersion').rpartition('/')[0] or 'core'}/{text(owner, 'kind')}" in TEMPLATES
        for owner in owners
    )


def _states_limit(obj: KubeObject) -> bool:
    spec = part(obj.body, "spec")
    return any(spec.get(field) not in (None, "") for field in ("maxUnavailable", "minAvailable"))


def _limit(spec: Mapping[str, Any]) -> _Limit | None:
    """The limit of a budget: ``maxUnavailable`` first, as the disruption controller reads it; None for no limit."""
    for field in ("maxUnavailable", "minAvailable"):
        value = spec.get(field)
        spare = field == "maxUnavailable"
        if isinstance(value, int) and not isinstance(value, bool):
            return _Limit(value, percent=False, spare=spare)
        if isinstance(value, str) and value.endswith("%") and value[:-1].isdecimal():
            return _Limit(int(value[:-1]), percent=True, spare=spare)
        if value not in (None, ""):
            return None
    return None


def _users_of(workload: Workload) -> list[int]:
    """The user ids that containers declare, by themselves or by their Pod; none in a user namespace of its own."""
    if workload.view.spec.get("hostUsers") is False:
        return []
    otherwise = part(workload.view.spec, "securityContext").get("runAsUser")
    found = set()
    for _, _, container in workload.view.containers():
        user = _number(part(container, "securityContext").get("runAsUser", otherwise))
        if user is not None:
            found.add(user)
    return sorted(found)


def _claims(workload: Workload) -> set[str]:
    volumes = maps(workload.view.spec, "volumes")
    return {text(volume, "persistentVolumeClaim", "claimName") for volume in volumes} - {""}


def _others(
    obj: KubeObject, users: list[int], bearers: Mapping[int, list[KubeObject]], claims: Mapping[int, set[str]]
) -> list[str]:
    """Who else declares one of the user ids; not those with whom it shares a volume, which need the same one."""
    found: dict[str, None] = {}
    own = claims[id(obj)]
    for user in users:
        for other in bearers[user]:
            if len(found) == _MOST_SHOWN:
                break
            shares = own and other.identity.namespace == obj.identity.namespace and own & claims[id(other)]
            if other is not obj and not shares:
                found[str(other.identity)] = None
    return list(found)
