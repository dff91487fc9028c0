"""Which servers of Istio's gateways lead to which Services.

Source: the references of Gateway (Server, ServerTLSSettings) and VirtualService (hosts, gateways, delegates).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.gateway_routes import narrower
from assay.facts.index import Index, items, maps, part, text

if TYPE_CHECKING:
    from assay.model.objects import KubeObject

GATEWAY = "networking.istio.io/Gateway"
VIRTUAL_SERVICE = "networking.istio.io/VirtualService"


class Server(NamedTuple):
    """A server of a Gateway that takes a VirtualService. ``routes`` is the list of routes that it uses."""

    gateway: KubeObject
    port: int | None
    tls: str
    redirects: bool
    routes: str
    hosts: tuple[str, ...]
    unknown: str


def servers_of(index: Index, service: KubeObject) -> Iterator[Server]:
    """The servers that a VirtualService is bound to; the mesh itself is no gateway."""
    own = service.identity.namespace
    hosts = [host for host in items(service.body, "spec", "hosts") if isinstance(host, str)]
    for name in items(service.body, "spec", "gateways"):
        if not isinstance(name, str) or name == "mesh":
            continue
        place, slash, short = name.rpartition("/")
        found = index.find(GATEWAY, place if slash and place != "." else own, short)
        for gateway in found:
            for server in maps(gateway.body, "spec", "servers"):
                shared = _shared(server, gateway, own, hosts)
                if shared:
                    yield _server(gateway, server, shared, f"Gateway {short} is defined twice" if found[1:] else "")


def _server(gateway: KubeObject, server: Mapping[str, Any], hosts: list[str], unknown: str) -> Server:
    protocol, mode = text(server, "port", "protocol").upper(), text(server, "tls", "mode")
    port = part(server, "port").get("number")
    number = port if isinstance(port, int) else None
    if protocol in ("HTTP", "HTTP2", "GRPC", "GRPC-WEB"):
        redirects = part(server, "tls").get("httpsRedirect") is True
        return Server(gateway, number, "none", redirects, "http", tuple(hosts), unknown)
    if protocol in ("HTTPS", "TLS") and mode in ("PASSTHROUGH", "AUTO_PASSTHROUGH"):
        return Server(gateway, number, "passthrough", False, "tls", tuple(hosts), unknown)
    if protocol in ("HTTPS", "TLS"):
        routes = "http" if protocol == "HTTPS" else "tcp"
        return Server(gateway, number, "terminate", False, routes, tuple(hosts), unknown)
    return Server(gateway, number, "terminate" if mode else "unknown", False, "tcp", tuple(hosts), unknown)


def _shared(server: Mapping[str, Any], gateway: KubeObject, namespace: str | None, hosts: list[str]) -> list[str]:
    """The hosts that a server and a VirtualService both serve; a server may name the namespace of the latter."""
    found = []
    for written in items(server, "hosts"):
        if not isinstance(written, str):
            continue
        place, slash, host = written.rpartition("/")
        if slash and place not in ("*", namespace) and not (place == "." and namespace == gateway.identity.namespace):
            continue
        found += [narrower(host, other) for other in hosts]
    return list(dict.fromkeys(host for host in found if host))


def destinations(index: Index, service: KubeObject, routes: str) -> Iterator[tuple[str | None, str, int | None]]:
    """(namespace, Service, port) of each destination in a list of routes, those of delegates included."""
    for route in maps(service.body, "spec", routes):
        for entry in maps(route, "route"):
            place = _destination(part(entry, "destination"), service.identity.namespace)
            if place is not None:
                yield place
        delegate = part(route, "delegate")
        if delegate:
            namespace = text(delegate, "namespace") or service.identity.namespace
            for other in index.find(VIRTUAL_SERVICE, namespace, text(delegate, "name")):
                for below in maps(other.body, "spec", "http"):
                    for entry in maps(below, "route"):
                        place = _destination(part(entry, "destination"), other.identity.namespace)
                        if place is not None:
                            yield place


def _destination(destination: Mapping[str, Any], own: str | None) -> tuple[str | None, str, int | None] | None:
    """A host as the mesh looks it up: a short name is in the namespace of the VirtualService."""
    name, *rest = text(destination, "host").split(".")
    port = part(destination, "port").get("number")
    number = port if isinstance(port, int) else None
    if not name or (len(rest) > 1 and rest[1] != "svc"):
        return None
    return (rest[0] if rest else own), name, number
