"""Who must prove itself with mutual TLS to talk to a workload, and what else a mesh demands.

The decision table with its sources stands in ``docs/facts/mtls.md``.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from assay.facts.index import Index, Workload, annotations_of, labels_of, maps, part
from assay.facts.interface import Fact, Table
from assay.facts.mesh_backends import POLICY, ROUTE, SERVICE, Backends
from assay.facts.mesh_istio import PEER_AUTHENTICATION, Istio, Peers, Plane, uncaptured
from assay.facts.mesh_linkerd import AUTHENTICATED, AUTHORIZATION, Inbound, Linkerd
from assay.facts.mesh_policies import AUTHORIZATION_POLICY, REGISTRY_ONLY, SIDECAR, TELEMETRY, NamespacePolicies
from assay.facts.mesh_settings import CONFIG_MAP, cilium_encryption
from assay.workloads import pod_view

if TYPE_CHECKING:
    from assay.facts import Facts
    from assay.facts.selection import Selection
    from assay.model.objects import KubeObject
    from assay.workloads import PodView

_NAMESPACE = "core/Namespace"
_NO_PEERS = Peers("none", "", {}, {}, "")
_LABELS = frozenset({"istio-injection", "istio.io/rev", "istio.io/dataplane-mode", "sidecar.istio.io/inject"})
_GROUPS = ("security.istio.io", "networking.istio.io", "telemetry.istio.io", "extensions.istio.io")


class MutualTls(Fact):
    """``facts.mtls`` of workloads, Namespaces, ConfigMaps, HTTPRoutes and Linkerd's policies."""

    turns_pass = (PEER_AUTHENTICATION,)
    turns_fail = (PEER_AUTHENTICATION, CONFIG_MAP)
    anywhere = frozenset({PEER_AUTHENTICATION, CONFIG_MAP, AUTHORIZATION_POLICY, SIDECAR, TELEMETRY, POLICY})

    def __init__(self, index: Index, facts: Facts) -> None:
        super().__init__(index, facts)
        self._istio = Istio(index)
        self._linkerd = Linkerd(index)
        self._policies = NamespacePolicies(index, self._istio)
        self._backends = Backends(index, self._behind)
        self._known: dict[int, dict[str, Any]] = {}

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """What is known about an object; plain data as ``docs/facts/mtls.md`` lists it."""
        kind = obj.group_kind
        if kind == CONFIG_MAP:
            return self._config(obj)
        if kind == _NAMESPACE:
            return self._namespace(obj)
        if kind == ROUTE:
            namespace = self.index.namespaces.get(obj.identity.namespace or "") or {}
            return {"backends": self._backends.of(obj), "namespaceLabels": namespace}
        if kind == AUTHORIZATION:
            return {"clients": self._linkerd.clients(obj)}
        if obj.identity.group == "policy.linkerd.io":
            return {"clients": {"anyone": False, "networks": [], "unknown": ""}}
        view = pod_view(obj)
        return f"a {obj.kind} has no part in a mesh" if view is None else self._workload(obj, view)

    def table(self) -> Table:
        """One row for each workload."""
        rows = []
        for namespace, workloads in self.index.workloads.items():
            for workload in workloads:
                found = self._workload(workload.object, workload.view)
                istio, linkerd = found["istio"], found["linkerd"]
                ways = [f"{port}: {why}" for port, why in istio["open"].items()]
                clients = [f"{c['rule']} ({c['mode']}, {c['clients']})" for c in istio["clients"]]
                rows.append((
                    namespace, workload.object.kind, workload.object.identity.name, found["mesh"], found["required"],
                    istio["mode"], istio["source"], ways, linkerd["policy"], clients,
                    istio["unknown"] or linkerd["unknown"],
                ))  # fmt: skip
        columns = (
            "namespace", "kind", "name", "mesh", "mutual TLS required", "istio mode", "policy", "open ports",
            "linkerd policy", "weak clients", "unknown",
        )  # fmt: skip
        return Table(columns, tuple(rows))

    # ------------------------------------------------------------------ workloads

    def _workload(self, obj: KubeObject, view: PodView) -> dict[str, Any]:
        if id(obj) not in self._known:
            self._known[id(obj)] = self._computed(Workload(obj, view, labels_of(view.metadata)))
        return self._known[id(obj)]

    def _computed(self, workload: Workload) -> dict[str, Any]:
        namespace, view = workload.namespace, workload.view
        metadata = self._metadata.get(namespace)
        plane = self._istio.plane(namespace, None if metadata is None else labels_of(metadata), view)
        inbound = self._linkerd.inbound(namespace, metadata, view)
        istio = self._istio_part(workload, plane)
        mesh = {"sidecar": "istio-sidecar", "ambient": "istio-ambient", "unknown": "unknown"}.get(plane.name)
        if mesh in (None, "unknown") and inbound.injected != "no":
            mesh = "linkerd" if inbound.injected == "yes" else "unknown"
        return {
            "namespace": namespace or "",
            "mesh": mesh or "none",
            "required": _required(plane, istio, inbound),
            "istio": istio,
            "linkerd": {
                "injected": inbound.injected,
                "used": self._linkerd_used,
                "asked": annotations_of(metadata or {}).get("linkerd.io/inject") in ("enabled", "ingress"),
                "policy": inbound.policy,
                "source": inbound.source,
                "skipped": list(inbound.skipped),
                "servers": list(inbound.servers),
                "unknown": inbound.unknown,
            },
            "cilium": self._cilium,
        }

    def _istio_part(self, workload: Workload, plane: Plane) -> dict[str, Any]:
        peers, doubt = _NO_PEERS, plane.unknown
        bypass: dict[str, str] = {}
        clients: list[dict[str, str]] = []

        def services() -> list[KubeObject]:
            return self._services.get(id(workload.object), [])

        if plane.name in ("sidecar", "ambient"):
            peers = self._istio.peers(workload.namespace, workload.labels, ambient=plane.name == "ambient")
            bypass, doubt = uncaptured(plane.name, workload.view, lambda: _listening(workload, services()))
            clients = self._istio.clients(services)
        elif plane.name == "unknown":
            peers = peers._replace(mode="unknown")
        return {
            "dataplane": plane.name,
            "used": self._istio_used,
            "asked": bool(_asked(labels_of(self._metadata.get(workload.namespace, {})))),
            "mode": peers.mode,
            "source": peers.source,
            "ports": peers.ports,
            "open": {**peers.open, **bypass},
            "clients": clients,
            "autoMtls": self._istio.auto_mtls,
            "unknown": peers.unknown or doubt,
        }

    def _behind(self, service: KubeObject) -> list[str]:
        return [
            self._workload(workload.object, workload.view)["required"]
            for workload in self._selection.selected_by(service)
        ]

    @cached_property
    def _services(self) -> dict[int, list[KubeObject]]:
        """By workload, the Services that select its Pods."""
        found: dict[int, list[KubeObject]] = {}
        for service in self.index.of_kind(SERVICE):
            for workload in self._selection.selected_by(service):
                found.setdefault(id(workload.object), []).append(service)
        return found

    @cached_property
    def _selection(self) -> Selection:
        return cast("Selection", self.facts.fact("selection"))

    @cached_property
    def _metadata(self) -> dict[str | None, dict[str, Any]]:
        """The metadata of every namespace that was seen; two that contradict each other are as good as none."""
        return {
            obj.identity.name: part(obj.body, "metadata")
            for obj in self.index.of_kind(_NAMESPACE)
            if len(self.index.find(_NAMESPACE, None, obj.identity.name)) == 1
        }

    # ------------------------------------------------------------------ the meshes

    @cached_property
    def _istio_used(self) -> bool:
        """Whether anything in the world is Istio's: an object of it, or a label that it reads."""
        kinds = any(obj.identity.group in _GROUPS for obj in self.index.world.objects)
        return (
            kinds or bool(self._istio.configs) or any(found.keys() & _LABELS for found in self._all_metadata("labels"))
        )

    @cached_property
    def _linkerd_used(self) -> bool:
        """Whether anything in the world is Linkerd's: an object of it, or an annotation that it reads."""
        objects = self.index.world.objects
        if any(o.identity.group == "policy.linkerd.io" or o.identity.name == "linkerd-config" for o in objects):
            return True
        notes = self._all_metadata("annotations")
        return any("linkerd.io/inject" in found for found in notes)

    def _all_metadata(self, field: str) -> list[dict[str, str]]:
        """The labels or annotations of all namespaces and Pods."""
        read = labels_of if field == "labels" else annotations_of
        pods = (workload.view.metadata for workloads in self.index.workloads.values() for workload in workloads)
        return [found for metadata in (*self._metadata.values(), *pods) if (found := read(metadata))]

    @cached_property
    def _cilium(self) -> dict[str, str]:
        found = cilium_encryption(self.index)
        return {"encryption": found.value or "unknown", "unknown": found.unknown}

    # ------------------------------------------------------------------ namespaces and the mesh configuration

    def _namespace(self, obj: KubeObject) -> dict[str, Any]:
        name = obj.identity.name
        denied = self._policies.default_deny(name)
        return {
            "planes": sorted(self._planes(name, labels_of(part(obj.body, "metadata")))),
            "configSeen": bool(self._istio.configs),
            "denied": denied.value,
            "deniedBy": denied.by,
            "deniedUnknown": denied.unknown,
            "egress": self._policies.egress(name),
            "logs": self._policies.logs(name),
        }

    def _planes(self, namespace: str, labels: dict[str, str]) -> set[str]:
        """How Pods of a namespace are in Istio's mesh: what its labels ask for, and what its workloads are."""
        found = {
            self._workload(workload.object, workload.view)["istio"]["dataplane"]
            for workload in self.index.workloads.get(namespace, ())
        }
        return (found | {_asked(labels)}) & {"sidecar", "ambient"}

    def _config(self, obj: KubeObject) -> dict[str, Any]:
        """A mesh configuration of Istio; of any other ConfigMap only that it is none."""
        config = next((config for config in self._istio.configs if config.object is obj), None)
        if config is None:
            return {"meshConfig": False}
        meshed = [
            n for n, metadata in self._metadata.items() if "sidecar" in self._planes(n or "", labels_of(metadata))
        ]
        limited = [name for name in meshed if self._limits(name or "")]
        logs = self._policies.mesh_logs()
        covered = bool(meshed) and len(limited) == len(meshed)
        known = self.index.world.complete is True
        return {
            "meshConfig": True,
            "egress": config.egress,
            "covered": covered,
            "coveredUnknown": "" if known else "a namespace of the mesh that was not seen may have no Sidecar",
            "uncovered": [name for name in meshed if name not in limited],
            "logs": logs.value,
            "logsBy": logs.by,
            "unknown": config.problem,
            "logsUnknown": logs.unknown,
        }

    def _limits(self, namespace: str) -> bool:
        egress = self._policies.egress(namespace)
        return bool(egress["decided"]) and egress["mode"] == REGISTRY_ONLY


def _asked(labels: dict[str, str]) -> str:
    """What the labels of a namespace ask for: ``sidecar``, ``ambient``, or nothing."""
    if labels.get("istio-injection", "enabled" if labels.get("istio.io/rev") else "") == "enabled":
        return "sidecar"
    return "ambient" if labels.get("istio.io/dataplane-mode") == "ambient" else ""


def _required(plane: Plane, istio: dict[str, Any], inbound: Inbound) -> str:
    """Whether every connection to a workload needs mutual TLS: ``yes``, ``no`` or ``unknown``."""
    if plane.name in ("sidecar", "ambient"):
        return "no" if istio["open"] else "unknown" if istio["unknown"] else "yes"
    if inbound.injected == "yes":
        if inbound.skipped:
            return "no"
        # A Server replaces the default policy for its port, and what it lets in hangs on other objects.
        if inbound.unknown or inbound.servers:
            return "unknown"
        return "yes" if inbound.policy in AUTHENTICATED else "no"
    return "unknown" if plane.name == "unknown" or inbound.injected == "unknown" else "no"


def _listening(workload: Workload, services: list[KubeObject]) -> list[int]:
    """The ports on which a Pod is known to listen: those of its containers, and those that Services send to."""
    found: list[Any] = []
    for name in ("containers", "initContainers"):
        for container in maps(workload.view.spec, name):
            found += (port.get("containerPort") for port in maps(container, "ports"))
    for service in services:
        found += (entry.get("targetPort", entry.get("port")) for entry in maps(service.body, "spec", "ports"))
    return sorted({port for port in found if isinstance(port, int) and not isinstance(port, bool)})
