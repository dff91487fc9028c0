"""Which routes of the Gateway API attach to which listeners.

Source: the Gateway API reference (Listener, AllowedRoutes, ParentReference, ListenerSet) and its section on hostnames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.index import Index, items, maps, part, text

if TYPE_CHECKING:
    from assay.model.objects import KubeObject

GROUP = "gateway.networking.k8s.io"
GATEWAY = f"{GROUP}/Gateway"
LISTENERS = f"{GROUP}/ListenerSet"
GRANT = f"{GROUP}/ReferenceGrant"
ROUTES = tuple(f"{GROUP}/{kind}Route" for kind in ("HTTP", "GRPC", "TLS", "TCP", "UDP"))

# The routes that a listener takes by its protocol; protocols of an implementation take any.
_BY_PROTOCOL = {
    "HTTP": ("HTTPRoute", "GRPCRoute"),
    "HTTPS": ("HTTPRoute", "GRPCRoute"),
    "TLS": ("TLSRoute", "TCPRoute"),
    "TCP": ("TCPRoute",),
    "UDP": ("UDPRoute",),
}


class Attached(NamedTuple):
    """A listener that a route attaches to. ``gateway`` is the Gateway behind it, ``hosts`` those that both serve."""

    owner: KubeObject
    gateway: KubeObject
    number: int
    listener: dict[str, Any]
    hosts: tuple[str, ...]
    unknown: str


class Gateways:
    """The listeners of a world and what attaches to them."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def of_route(self, route: KubeObject) -> list[Attached]:
        """The listeners that a route attaches to, or may attach to (``unknown`` says why)."""
        return self._by_route[id(route)]

    def of_listener(self, owner: KubeObject, number: int) -> list[tuple[KubeObject, Attached]]:
        """The routes that attach to a listener of a Gateway or ListenerSet."""
        return self._by_listener.get((id(owner), number), [])

    def granted(self, route: KubeObject, kind: str, namespace: str | None, name: str) -> bool:
        """Whether a route may refer to something of the core group: in its own namespace, or by a ReferenceGrant."""
        return namespace == route.identity.namespace or any(
            any(
                text(source, "group") == GROUP
                and text(source, "kind") == route.kind
                and text(source, "namespace") == route.identity.namespace
                for source in maps(grant.body, "spec", "from")
            )
            and any(
                text(target, "group") == "" and text(target, "kind") == kind and text(target, "name") in ("", name)
                for target in maps(grant.body, "spec", "to")
            )
            for grant in self._index.in_namespace(GRANT, namespace)
        )

    @cached_property
    def _by_route(self) -> dict[int, list[Attached]]:
        return {id(route): list(self._attached(route)) for route in self._index.of_kind(*ROUTES)}

    @cached_property
    def _by_listener(self) -> dict[tuple[int, int], list[tuple[KubeObject, Attached]]]:
        found: dict[tuple[int, int], list[tuple[KubeObject, Attached]]] = {}
        for route in self._index.of_kind(*ROUTES):
            for attached in self._by_route[id(route)]:
                found.setdefault((id(attached.owner), attached.number), []).append((route, attached))
        return found

    def _attached(self, route: KubeObject) -> Iterator[Attached]:
        hostnames = [host for host in items(route.body, "spec", "hostnames") if isinstance(host, str)]
        met = set()
        for reference in maps(route.body, "spec", "parentRefs"):
            for owner, gateway, doubt in self._parents(route, reference):
                for number, listener in enumerate(items(owner.body, "spec", "listeners")):
                    if not isinstance(listener, dict) or not _meant(reference, listener):
                        continue
                    allowed, unknown = self._allowed(owner, listener, route)
                    hosts = common_hosts(text(listener, "hostname"), hostnames) if _named(listener, route) else ["*"]
                    if allowed and hosts and (id(owner), number) not in met:
                        met.add((id(owner), number))
                        yield Attached(owner, gateway, number, listener, tuple(hosts), unknown or doubt)

    def _parents(self, route: KubeObject, reference: Mapping[str, Any]) -> Iterator[tuple[KubeObject, KubeObject, str]]:
        """(owner of listeners, its Gateway, why that is not known) for each object that a reference may mean."""
        kind = f"{reference.get('group', GROUP)}/{reference.get('kind', 'Gateway')}"
        namespace = text(reference, "namespace") or route.identity.namespace
        found = self._index.find(kind, namespace, text(reference, "name"))
        doubt = f"{text(reference, 'name')} is defined twice" if len(found) > 1 else ""
        for owner in found:
            if kind == GATEWAY:
                yield owner, owner, doubt
            elif kind == LISTENERS:
                for gateway, why in self.gateways_of(owner):
                    yield owner, gateway, doubt or why

    def gateways_of(self, listeners: KubeObject) -> Iterator[tuple[KubeObject, str]]:
        """The Gateway that takes the listeners of a ListenerSet, and why that is not known."""
        reference = part(listeners.body, "spec", "parentRef")
        namespace = text(reference, "namespace") or listeners.identity.namespace
        found = self._index.find(GATEWAY, namespace, text(reference, "name"))
        for gateway in found:
            wanted = part(gateway.body, "spec", "allowedListeners", "namespaces")
            taken, unknown = self._from(wanted, "None", gateway, listeners)
            if taken:
                yield gateway, unknown or (f"Gateway {gateway.identity.name} is defined twice" if found[1:] else "")

    def _allowed(self, owner: KubeObject, listener: Mapping[str, Any], route: KubeObject) -> tuple[bool, str]:
        """Whether a listener takes a route, or may take it for the reason given."""
        kinds = maps(listener, "allowedRoutes", "kinds")
        if kinds and not any(entry.get("kind") == route.kind and entry.get("group", GROUP) == GROUP for entry in kinds):
            return False, ""
        if route.kind not in _BY_PROTOCOL.get(text(listener, "protocol"), (route.kind,)):
            return False, ""
        return self._from(part(listener, "allowedRoutes", "namespaces"), "Same", owner, route)

    def _from(
        self, wanted: Mapping[str, Any], otherwise: str, owner: KubeObject, other: KubeObject
    ) -> tuple[bool, str]:
        """Whether ``from`` and ``selector`` let an object of another namespace in."""
        source, namespace = wanted.get("from", otherwise), other.identity.namespace
        if source == "Selector" and namespace is not None:
            selected = self._index.selects_namespace(part(wanted, "selector"), namespace)
            unseen = f"the Namespace {namespace}, whose labels decide what may attach, was not seen"
            return selected is not False, unseen if selected is None else ""
        return source == "All" or (source == "Same" and namespace == owner.identity.namespace), ""


def _meant(reference: Mapping[str, Any], listener: Mapping[str, Any]) -> bool:
    section, port = reference.get("sectionName"), reference.get("port")
    return section in (None, "", listener.get("name")) and port in (None, listener.get("port"))


def _named(listener: Mapping[str, Any], route: KubeObject) -> bool:
    """Whether hostnames count between a listener and a route."""
    return text(listener, "protocol") not in ("TCP", "UDP") and route.kind not in ("TCPRoute", "UDPRoute")


def common_hosts(own: str, others: Iterable[str]) -> list[str]:
    """The hosts that a listener and a route both serve; ``*`` stands for any."""
    wanted = list(others) or ["*"]
    found = (narrower(own or "*", other) for other in wanted)
    return list(dict.fromkeys(host for host in found if host))


def narrower(one: str, other: str) -> str:
    """The hosts that two names share; a wildcard stands for one label or more. Empty if there are none."""
    one, other = one.lower(), other.lower()
    for wide, narrow in ((one, other), (other, one)):
        if wide in ("*", narrow) or (wide.startswith("*.") and narrow.removeprefix("*").endswith(wide[1:])):
            return narrow
    return ""


def redirects(route: KubeObject) -> bool:
    """Whether a route does nothing but redirect to https."""
    rules = items(route.body, "spec", "rules")
    return bool(rules) and all(redirects_rule(rule) for rule in rules)


def redirects_rule(rule: Any) -> bool:
    """Whether a rule of a route answers with a redirect to https."""
    return any(
        text(entry, "type") == "RequestRedirect" and text(entry, "requestRedirect", "scheme") == "https"
        for entry in maps(rule, "filters")
    )


def listener_tls(listener: Mapping[str, Any]) -> str:
    """Where TLS ends at a listener: ``Terminate`` is the default mode."""
    protocol = text(listener, "protocol")
    if protocol == "HTTP":
        return "none"
    if protocol not in ("HTTPS", "TLS"):
        return "unknown"
    return "passthrough" if text(listener, "tls", "mode") == "Passthrough" else "terminate"
