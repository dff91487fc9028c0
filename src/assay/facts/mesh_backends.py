"""Whether a gateway speaks TLS to the Services behind a route.

Source: the Gateway API's reference of BackendTLSPolicy (``targetRefs`` are local, a section name is that of a Service
port) and its section on conflicts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from assay.facts.index import Index, items, labels_of, maps, part, text

if TYPE_CHECKING:
    from assay.model.objects import KubeObject

ROUTE = "gateway.networking.k8s.io/HTTPRoute"
POLICY = "gateway.networking.k8s.io/BackendTLSPolicy"
SERVICE = "core/Service"


class Backends:
    """The Services behind routes.

    Args:
        index: The objects of the world.
        behind: For each workload behind a Service, whether it demands mutual TLS: yes, no or unknown.
    """

    def __init__(self, index: Index, behind: Callable[[KubeObject], list[str]]) -> None:
        self._index = index
        self._behind = behind

    def of(self, route: KubeObject) -> dict[str, dict[str, Any]]:
        """Each Service that a route names, by ``namespace/name:port`` as the route writes it."""
        found = {}
        for rule in maps(route.body, "spec", "rules"):
            for reference in maps(rule, "backendRefs"):
                if reference.get("kind", "Service") == "Service" and reference.get("group", "") == "":
                    namespace, name, port = text(reference, "namespace"), text(reference, "name"), reference.get("port")
                    key = f"{namespace}/{name}:{port if isinstance(port, int) else ''}"
                    found[key] = self._backend(namespace or route.identity.namespace, name, port)
        return found

    def _backend(self, namespace: str | None, name: str, port: Any) -> dict[str, Any]:
        services = self._index.find(SERVICE, namespace, name)
        service = services[0] if len(services) == 1 else None
        tls, unknown = self._tls(namespace, name, service, port)
        if tls != "yes":
            mesh, why = self._mesh(service)
            # What is known of one way does not help where the other is open: the better answer counts.
            tls, unknown = (mesh, why) if mesh == "yes" or tls == "no" else (tls, unknown)
        metadata = part(service.body, "metadata") if service else {}
        return {"protected": tls, "labels": labels_of(metadata), "unknown": unknown}

    def _tls(self, namespace: str | None, name: str, service: KubeObject | None, port: Any) -> tuple[str, str]:
        """Whether BackendTLSPolicies ask for verified TLS to a port."""
        targets = self._policies.get((namespace, name), [])
        if not targets:
            return "no", ""
        if service is None and any(section for section, _ in targets):
            return "unknown", f"the Service {namespace}/{name}, whose port a BackendTLSPolicy names, was not seen"
        entries = maps(service.body, "spec", "ports") if service else []
        own = next((text(entry, "name") for entry in entries if entry.get("port") == port), "")
        # A policy for the port goes before one for the whole Service.
        sound = {ok for section, ok in targets if section and section == own} or {ok for s, ok in targets if not s}
        if len(sound) > 1:
            return "unknown", f"which BackendTLSPolicy of the Service {namespace}/{name} is the oldest is not known"
        return ("yes" if True in sound else "no"), ""

    def _mesh(self, service: KubeObject | None) -> tuple[str, str]:
        """Whether every workload behind a Service demands mutual TLS."""
        demands = self._behind(service) if service else []
        if not demands:
            complete = self._index.world.complete is True
            return ("no", "") if complete else ("unknown", "no workload behind the Service was seen")
        if "no" in demands:
            return "no", ""
        known = "unknown" not in demands
        return ("yes", "") if known else ("unknown", "whether a mesh protects the way to the Service is not known")

    @cached_property
    def _policies(self) -> dict[tuple[str | None, str], list[tuple[str, bool]]]:
        """By Service: the section that a policy names, and whether it verifies the server."""
        found: dict[tuple[str | None, str], list[tuple[str, bool]]] = {}
        for policy in self._index.of_kind(POLICY):
            validation = part(policy.body, "spec", "validation")
            authorities = items(validation, "caCertificateRefs") or text(validation, "wellKnownCACertificates")
            sound = text(validation, "hostname") != "" and bool(authorities)
            for target in maps(policy.body, "spec", "targetRefs"):
                if target.get("kind") == "Service" and target.get("group", "") == "":
                    key = (policy.identity.namespace, text(target, "name"))
                    found.setdefault(key, []).append((text(target, "sectionName"), sound))
        return found
