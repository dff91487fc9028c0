"""What is reachable from where: Services, Ingresses, the Gateway API and Istio's gateways, and the workloads behind.

Sources: the Kubernetes API reference and "Service", "Ingress" in its documentation, the Gateway API reference, Istio's
reference of Gateway and VirtualService, and the annotations of controllers and clouds (docs/facts/exposure.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts import gateway_routes as api
from assay.facts import istio_gateways as istio
from assay.facts.doors import (
    Door,
    Entry,
    door_of,
    engine_of,
    firewall_of,
    ingress_plain,
    ingress_tls,
    is_internal,
    kong_auth,
    middleware_auth,
    port_tls,
    private,
    service_scope,
    service_tls,
    together,
    widest,
)
from assay.facts.index import Index, Workload, annotations_of, items, labels_of, maps, part, selects, text
from assay.facts.interface import Fact, Table
from assay.facts.interfaces import Tool, operated, proxy_ports, signs_on, signs_on_operated, tool_of
from assay.facts.mesh_selectors import Selectors
from assay.workloads import TEMPLATES

if TYPE_CHECKING:
    from assay.facts import Facts
    from assay.facts.references import References
    from assay.model.objects import Identity, KubeObject

_SERVICE = "core/Service"
_INGRESS = "networking.k8s.io/Ingress"
_WORKLOADS = tuple(TEMPLATES)
_POLICY = "gateway.envoyproxy.io/SecurityPolicy"
# What may put a firewall before a Gateway: extensions with Coraza, and a policy of Azure.
_FIREWALLS = (
    "gateway.envoyproxy.io/EnvoyExtensionPolicy",
    "extensions.istio.io/WasmPlugin",
    "alb.networking.azure.io/WebApplicationFirewallPolicy",
)
_NAME_OF_POD = "statefulset.kubernetes.io/pod-name"
# Labels that controllers add to the Pods that they make (well-known labels; Argo Rollouts), and those that Vault,
# OpenBao and Patroni set on their own Pods while they run: no template shows them.
_ADDED = frozenset({
    _NAME_OF_POD, "apps.kubernetes.io/pod-index", "pod-template-hash", "controller-revision-hash",
    "rollouts-pod-template-hash", "job-name", "batch.kubernetes.io/job-name", "vault-active", "vault-initialized",
    "vault-perf-standby", "vault-sealed", "vault-version", "openbao-active", "openbao-initialized",
    "openbao-perf-standby", "openbao-sealed", "openbao-version", "spilo-role",
})  # fmt: skip
_DNS = ("external-dns.alpha.kubernetes.io/hostname", "external-dns.alpha.kubernetes.io/internal-hostname")
_DNS_SET = "external-dns.alpha.kubernetes.io/set-identifier"
_MOST_NAMED = 20
_WORST_TLS = ("none", "unknown", "passthrough", "terminate")
_LOGINS = ("sso", "certificate", "password")


class _Backend(NamedTuple):
    """A Service as something refers to it."""

    namespace: str | None
    name: str
    port: int | str | None


class _Way(NamedTuple):
    """A way through an entry: what :class:`Entry` says, but for the Service, and the backends that it leads to.

    ``doubt`` is why it is not known whether the way exists, ``unknown`` why it is not whether people log in.
    """

    scope: str
    tls: str
    plain: bool | None
    redirects: bool | None
    reencrypts: bool
    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    auth: str
    unknown: str
    doubt: str
    backends: tuple[_Backend, ...]


class Exposure(Fact):
    """``facts.exposure``: the ways to a workload or Service, and what an entry leads to (docs/facts/exposure.md)."""

    turns_pass = (
        _SERVICE, _INGRESS, *api.ROUTES, api.GATEWAY, api.LISTENERS, istio.GATEWAY, istio.VIRTUAL_SERVICE,
    )  # fmt: skip
    turns_fail = turns_pass
    anywhere = frozenset({*api.ROUTES, api.GATEWAY, api.LISTENERS, istio.GATEWAY, istio.VIRTUAL_SERVICE})

    def __init__(self, index: Index, facts: Facts) -> None:
        super().__init__(index, facts)
        self._gateways = api.Gateways(index)
        self._kinds: dict[str, Callable[[KubeObject], dict[str, Any]]] = {
            **dict.fromkeys(TEMPLATES, self._of_workload),
            _SERVICE: self._of_service,
            _INGRESS: self._of_ingress,
            api.GATEWAY: self._of_gateway,
            api.LISTENERS: self._of_gateway,
            **dict.fromkeys(api.ROUTES, self._of_route),
            istio.VIRTUAL_SERVICE: self._of_virtual_service,
        }

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """What leads to a workload or a Service, or what an entry leads to; nothing for all other kinds."""
        kind = self._kinds.get(obj.group_kind)
        return {} if kind is None else kind(obj)

    def table(self) -> Table:
        """One row for each way to a workload."""
        rows = []
        for namespace, workloads in self.index.workloads.items():
            for workload in workloads:
                for way in self._entries_of(workload):
                    own = (namespace, workload.object.kind, workload.object.identity.name)
                    rest = (way.tls, way.plainHttp, way.redirects, way.hosts, way.ports, way.auth, way.unknown)
                    rows.append((*own, f"{way.kind} {way.name}", way.scope, *rest))
        columns = (
            "namespace", "kind", "name", "through", "reached from", "TLS", "plain HTTP", "redirects", "hosts", "ports",
            "login", "unknown",
        )  # fmt: skip
        return Table(columns, tuple(rows))

    # Workloads and Services

    def _of_workload(self, obj: KubeObject) -> dict[str, Any]:
        workload = self._workloads[id(obj)]
        entries = self._entries_of(workload)
        services = self._links[1].get(id(obj), [])
        tool = tool_of(workload)
        return {
            "entries": [entry._asdict() for entry in entries],
            "services": [service.identity.name for service in services],
            "targets": sorted({port for service in services for port in _numbers(service, workload)}),
            "tool": tool.name if tool else "",
            "login": tool.login if tool else False,
            "signsOn": signs_on(self.index, tool, workload) if tool else False,
            "unknown": next((entry.unknown for entry in entries if entry.unknown), ""),
            "unseenEntries": self._unseen_of(self.turns_pass, obj.identity.namespace),
            "unseenServices": self._unseen(_SERVICE, obj.identity.namespace),
        }

    def _entries_of(self, workload: Workload) -> list[Entry]:
        """The ways to a workload; those through a container that makes people log in have single sign-on."""
        found = []
        proxies = proxy_ports(workload)
        for service in self._links[1].get(id(workload.object), ()):
            for entry, ports in self._entries.get(id(service), ()):
                proxied = proxies and not entry.auth and _only(_targets(service, ports), proxies)
                found.append(entry._replace(auth="sso") if proxied else entry)
        own = _of_node(workload)
        return [*found, own] if own else found

    def _of_service(self, obj: KubeObject) -> dict[str, Any]:
        workloads = self._links[0].get(id(obj), [])
        return {
            "workloads": [{"kind": w.object.kind, "name": w.object.identity.name} for w in workloads],
            "unknown": "" if workloads else self._why_none(obj),
            "entries": [entry._asdict() for entry, _ in self._entries.get(id(obj), ())],
            "twins": self._twins(obj),
            "claims": self._names_claimed(obj),
            "unseenClaims": self._unseen(_SERVICE, None),
            "unseenWorkloads": self._unseen_of(_WORKLOADS, obj.identity.namespace),
            "targets": sorted({port for workload in workloads for port in _numbers(obj, workload)}),
        }

    def _why_none(self, service: KubeObject) -> str:
        """Why a Service whose selector fits no workload that was seen may have Pods all the same."""
        namespace = service.identity.namespace
        if not self._selector(service) and part(service.body, "spec", "selector"):
            return "its selector cannot be read"
        if namespace == "kube-system" and self.index.world.kind == "environment":
            return "the Pods of the platform in kube-system were not seen"
        for value in self._selector(service).values():
            # What an operator makes bears the name of its object: so the question about references is answered.
            found = self._references.target("core/Pod", namespace, value)
            if found["exists"] is None and "made by" in found["unknown"]:
                return str(found["unknown"])
        return ""

    @cached_property
    def _workloads(self) -> dict[int, Workload]:
        return {id(w.object): w for workloads in self.index.workloads.values() for w in workloads}

    def _selector(self, service: KubeObject) -> dict[str, str]:
        """The selector of a Service; empty where it selects nothing, or nobody can read it."""
        known = self._selectors.get(id(service))
        if known is None:
            selector = part(service.body, "spec", "selector")
            outside = text(service.body, "spec", "type") == "ExternalName"
            readable = not outside and all(isinstance(value, str) for value in selector.values())
            known = self._selectors[id(service)] = selector if readable else {}
        return known

    @cached_property
    def _selectors(self) -> dict[int, dict[str, str]]:
        return {}

    @cached_property
    def _links(self) -> tuple[dict[int, list[Workload]], dict[int, list[KubeObject]]]:
        """Id of a Service -> the workloads that it selects, and id of a workload -> its Services."""
        services = [service for service in self.index.of_kind(_SERVICE) if self._selector(service)]
        stated = (
            (service, {"matchLabels": {k: v for k, v in self._selector(service).items() if k not in _ADDED}})
            for service in services
        )
        selectors = Selectors(stated)
        workloads: dict[int, list[Workload]] = {id(service): [] for service in services}
        reached: dict[int, list[KubeObject]] = {}
        for namespace, own in self.index.workloads.items():
            for workload in own:
                for service in selectors.of(namespace, workload.labels):
                    if all(_may_bear(workload, key, value) for key, value in self._selector(service).items()):
                        workloads[id(service)].append(workload)
                        reached.setdefault(id(workload.object), []).append(service)
        return workloads, reached

    def _twins(self, service: KubeObject) -> list[str]:
        """Services with the same selector: a headless one beside one that is not is usual, and so is one a protocol."""
        if not self._selector(service):
            return []
        protocols = _protocols(service)
        others = self._by_selector[self._selector_key(service)]
        return [
            other.identity.name
            for other in others[: _MOST_NAMED + 1]
            if other.identity != service.identity and protocols & _protocols(other)
        ]

    def _selector_key(self, service: KubeObject) -> tuple[Any, ...]:
        headless = part(service.body, "spec").get("clusterIP") == "None"
        return service.identity.namespace, frozenset(self._selector(service).items()), headless

    @cached_property
    def _by_selector(self) -> dict[tuple[Any, ...], list[KubeObject]]:
        found: dict[tuple[Any, ...], list[KubeObject]] = {}
        for service in self.index.of_kind(_SERVICE):
            if self._selector(service):
                found.setdefault(self._selector_key(service), []).append(service)
        return found

    def _names_claimed(self, service: KubeObject) -> list[str]:
        """The names in DNS that another Service asks for too; records of one set have identifiers of their own."""
        own = annotations_of(part(service.body, "metadata")).get(_DNS_SET, "")
        found = []
        for name in _dns_names(service):
            for other, mark in self._dns[name][: _MOST_NAMED + 1]:
                if other.identity != service.identity and not (own and mark and own != mark):
                    found.append(f"{name} (Service {other.identity.namespace}/{other.identity.name})")
        return found

    @cached_property
    def _dns(self) -> dict[str, list[tuple[KubeObject, str]]]:
        found: dict[str, list[tuple[KubeObject, str]]] = {}
        for service in self.index.of_kind(_SERVICE):
            mark = annotations_of(part(service.body, "metadata")).get(_DNS_SET, "")
            for name in _dns_names(service):
                found.setdefault(name, []).append((service, mark))
        return found

    # Ways in

    @cached_property
    def _entries(self) -> dict[int, list[tuple[Entry, set[int | str] | None]]]:
        """Id of a Service -> the ways to it, each with the ports that it leads to (None is all of them)."""
        found: dict[int, list[tuple[Entry, set[int | str] | None]]] = {}
        for service in self.index.of_kind(_SERVICE):
            scope = service_scope(service)
            if scope:
                found[id(service)] = [(_own_entry(service, scope, self._twice(service.identity)), None)]
        for obj in self.index.of_kind(_INGRESS, *api.ROUTES, istio.VIRTUAL_SERVICE):
            for way in self._ways(obj):
                reached: dict[tuple[str | None, str], set[int | str]] = {}
                for backend in way.backends:
                    ports = reached.setdefault((backend.namespace, backend.name), set())
                    ports |= {backend.port} if backend.port is not None else set()
                for (namespace, name), ports in reached.items():
                    for service in self.index.find(_SERVICE, namespace, name):
                        twice = self._twice(obj.identity) or self._twice(service.identity)
                        entry = _entry(obj, way._replace(doubt=way.doubt or twice), name)
                        found.setdefault(id(service), []).append((entry, ports or None))
        return found

    def _twice(self, identity: Identity) -> str:
        """Why nothing is sure about an object: another one contradicts it."""
        kind = f"{identity.group or 'core'}/{identity.kind}"
        several = len(self.index.find(kind, identity.namespace, identity.name)) > 1
        return f"{identity.kind} {identity.name} is defined twice" if several and identity.name else ""

    def _ways(self, obj: KubeObject) -> list[_Way]:
        """The ways through an Ingress, a route or a VirtualService."""
        if id(obj) not in self._known_ways:
            kinds = {_INGRESS: self._ways_of_ingress, istio.VIRTUAL_SERVICE: self._ways_of_virtual_service}
            self._known_ways[id(obj)] = list(kinds.get(obj.group_kind, self._ways_of_route)(obj))
        return self._known_ways[id(obj)]

    @cached_property
    def _known_ways(self) -> dict[int, list[_Way]]:
        return {}

    def _ways_of_ingress(self, ingress: KubeObject) -> Iterator[_Way]:
        """One way for each Service, because TLS hangs on the hosts that lead to it."""
        door = self._door(ingress)
        hosts: dict[str, list[str]] = {}
        backends: dict[str, list[_Backend]] = {}
        for host, backend in _ingress_backends(ingress):
            hosts.setdefault(backend.name, []).append(host)
            backends.setdefault(backend.name, []).append(backend)
        for name, own in hosts.items():
            yield self._way_of_ingress(ingress, door, tuple(dict.fromkeys(own)), tuple(backends[name]))

    def _way_of_ingress(
        self, ingress: KubeObject, door: Door, hosts: tuple[str, ...], backends: tuple[_Backend, ...]
    ) -> _Way:
        tls = ingress_tls(ingress, door.controller, hosts)
        plain, redirects = ingress_plain(self.index, ingress, door.controller, tls)
        ports = ((80,) if plain is not False else ()) + ((443,) if tls != "none" else ())
        return _Way(
            door.scope, tls, plain, redirects, door.reencrypts, hosts, ports, door.auth, door.unknown, "", backends
        )

    def _door(self, ingress: KubeObject) -> Door:
        if id(ingress) not in self._doors:
            self._doors[id(ingress)] = door_of(self.index, ingress)
        return self._doors[id(ingress)]

    @cached_property
    def _doors(self) -> dict[int, Door]:
        return {}

    def _ways_of_route(self, route: KubeObject) -> Iterator[_Way]:
        """One way for each Gateway that a route attaches to."""
        by_gateway: dict[int, list[api.Attached]] = {}
        for attached in self._gateways.of_route(route):
            by_gateway.setdefault(id(attached.gateway), []).append(attached)
        backends = tuple(
            backend
            for rule in maps(route.body, "spec", "rules")
            if not api.redirects_rule(rule)
            for backend in self._route_backends(route, rule)
            if self._gateways.granted(route, "Service", backend.namespace, backend.name)
        )
        merely = api.redirects(route)
        reencrypts = bool(backends) and all((b.namespace, b.name) in self._encrypted_backends for b in backends)
        for listeners in by_gateway.values():
            gateway = listeners[0].gateway
            kinds = [api.listener_tls(attached.listener) for attached in listeners]
            plain = "none" in kinds
            tls = next((kind for kind in ("unknown", "passthrough", "terminate") if kind in kinds), "none")
            auth, why = self._route_auth(route, gateway)
            hosts = tuple(dict.fromkeys(host for attached in listeners for host in attached.hosts))
            numbers = [attached.listener.get("port") for attached in listeners]
            ports = tuple(dict.fromkeys(port for port in numbers if isinstance(port, int)))
            doubt = next((attached.unknown for attached in listeners if attached.unknown), "")
            scope = self._gateway_scope(gateway)
            yield _Way(scope, tls, plain, plain and merely, reencrypts, hosts, ports, auth, why, doubt, backends)

    @staticmethod
    def _route_backends(route: KubeObject, rule: Mapping[str, Any]) -> Iterator[_Backend]:
        """The Services of a rule, those that only get a copy of each request included."""
        mirrors = (part(entry, "requestMirror", "backendRef") for entry in maps(rule, "filters"))
        for reference in (*maps(rule, "backendRefs"), *mirrors):
            if reference.get("kind", "Service") == "Service" and reference.get("group", "") == "":
                port = reference.get("port")
                number = port if isinstance(port, int) and not isinstance(port, bool) else None
                namespace = text(reference, "namespace") or route.identity.namespace
                if text(reference, "name"):
                    yield _Backend(namespace, text(reference, "name"), number)

    @cached_property
    def _encrypted_backends(self) -> set[tuple[str | None, str]]:
        """The Services to which gateways speak TLS (BackendTLSPolicy)."""
        return {
            (policy.identity.namespace, text(target, "name"))
            for policy in self.index.of_kind("gateway.networking.k8s.io/BackendTLSPolicy")
            for target in maps(policy.body, "spec", "targetRefs")
            if target.get("kind") == "Service"
        }

    def _route_auth(self, route: KubeObject, gateway: KubeObject) -> tuple[str, str]:
        """Who must log in at a route, and why that is not known."""
        rules = [rule for rule in maps(route.body, "spec", "rules") if not api.redirects_rule(rule)]
        if rules and all(any(text(f, "type") == "ExternalAuth" for f in maps(rule, "filters")) for rule in rules):
            return "sso", ""
        for target in (route, gateway):
            # A policy of a route replaces that of the Gateway.
            policies = self._policies.get((target.kind, target.identity.namespace, target.identity.name), [])
            if policies:
                kinds = {_policy_auth(policy) for policy in policies}
                if len(kinds) > 1:
                    return "", "which SecurityPolicy counts is not known"
                unseen = "" if target is route else self._unseen(_POLICY, route.identity.namespace)
                return ("", unseen) if unseen else (kinds.pop(), "")
        frontend = part(gateway.body, "spec", "tls", "frontend", "default", "validation")
        if items(frontend, "caCertificateRefs") and frontend.get("mode", "AllowValidOnly") == "AllowValidOnly":
            return "certificate", ""
        auth, unseen = kong_auth(
            self.index,
            route.identity.namespace,
            annotations_of(part(route.body, "metadata")).get("konghq.com/plugins", ""),
        )
        if not auth and not unseen:
            auth, unseen = self._extension_auth(route, rules)
        return auth, "" if auth else unseen or self._unseen(_POLICY, None)

    def _extension_auth(self, route: KubeObject, rules: list[dict[str, Any]]) -> tuple[str, str]:
        """The login that filters of an implementation ask for: only Traefik's middlewares are read."""
        found: list[str] = []
        unseen = ""
        for rule in rules:
            own = ""
            for entry in maps(rule, "filters"):
                reference = part(entry, "extensionRef")
                if text(entry, "type") == "ExtensionRef" and reference:
                    kind = f"{text(reference, 'group')}/{text(reference, 'kind')}"
                    seen = self.index.find(kind, route.identity.namespace, text(reference, "name"))
                    if kind == "traefik.io/Middleware" and len(seen) == 1:
                        own = own or middleware_auth(seen[0])
                    else:
                        unseen = (
                            f"what the filter {kind.rpartition('/')[2]} {text(reference, 'name')} does is not known"
                        )
            found.append(own)
        if found and all(found):
            return min(found, key=_LOGINS[::-1].index), ""
        return "", unseen

    @cached_property
    def _policies(self) -> dict[tuple[str, str | None, str], list[KubeObject]]:
        """(kind, namespace, name) -> the SecurityPolicies of Envoy Gateway that target it as a whole."""
        found: dict[tuple[str, str | None, str], list[KubeObject]] = {}
        for policy in self.index.of_kind(_POLICY):
            for target in _policy_targets(policy.body):
                if not text(target, "sectionName"):
                    place = (text(target, "kind"), policy.identity.namespace, text(target, "name"))
                    found.setdefault(place, []).append(policy)
            for wanted in maps(policy.body, "spec", "targetSelectors"):
                kind = f"{wanted.get('group', api.GROUP)}/{text(wanted, 'kind')}"
                for obj in self.index.in_namespace(kind, policy.identity.namespace):
                    if selects(wanted, labels_of(part(obj.body, "metadata"))):
                        found.setdefault((obj.kind, obj.identity.namespace, obj.identity.name), []).append(policy)
        return found

    def _gateway_scope(self, gateway: KubeObject) -> str:
        """Who reaches a Gateway: what asks for its load balancer, else everybody."""
        body = gateway.body
        notes = {
            **annotations_of(part(body, "metadata")),
            **{k: v for k, v in part(body, "spec", "infrastructure", "annotations").items() if isinstance(v, str)},
        }
        name = text(body, "spec", "gatewayClassName")
        kind = notes.get("networking.istio.io/service-type", "")
        if name == "istio-waypoint" or kind == "ClusterIP":
            return "cluster"
        if kind == "NodePort":
            return "node"
        internal = is_internal(notes) or re.search(r"^gke-l7-(rilb|.*internal)", name)
        if internal or private(entry.get("value") for entry in maps(body, "spec", "addresses")):
            return "internal"
        return self._aws_scheme(gateway)

    def _aws_scheme(self, gateway: KubeObject) -> str:
        reference = part(gateway.body, "spec", "infrastructure", "parametersRef")
        if text(reference, "kind") != "LoadBalancerConfiguration":
            return "public"
        found = self.index.find(
            "gateway.k8s.aws/LoadBalancerConfiguration", gateway.identity.namespace, text(reference, "name")
        )
        if len(found) != 1:
            return "unknown"
        return "public" if text(found[0].body, "spec", "scheme") == "internet-facing" else "internal"

    def _ways_of_virtual_service(self, obj: KubeObject) -> Iterator[_Way]:
        """One way for each server of a Gateway that takes the VirtualService."""
        for server in istio.servers_of(self.index, obj):
            places = istio.destinations(self.index, obj, server.routes)
            backends = tuple(_Backend(*place) for place in places)
            scope, homes = self._istio_home(server.gateway)
            why = self._istio_auth({*homes, server.gateway.identity.namespace, *(b.namespace for b in backends)})
            ports = (server.port,) if server.port is not None else ()
            # A server that redirects answers nothing else.
            plain = server.tls == "none"
            yield _Way(
                scope, server.tls, plain, plain and server.redirects, False, server.hosts, ports, "",
                why, server.unknown, () if server.redirects else backends,
            )  # fmt: skip

    def _istio_home(self, gateway: KubeObject) -> tuple[str, tuple[str | None, ...]]:
        """Who reaches the Pods that a Gateway of Istio configures, and their namespaces; everybody if none was seen."""
        selector = {"matchLabels": part(gateway.body, "spec", "selector")}
        if not selector["matchLabels"]:
            # It is for every Pod that is a gateway, and which are is not seen.
            return "public", ()
        key = frozenset((str(k), str(v)) for k, v in selector["matchLabels"].items())
        if key not in self._homes:
            found = [
                service
                for service in self.index.of_kind(_SERVICE)
                if service_scope(service)
                and any(selects(selector, w.labels) for w in self._links[0].get(id(service), ()))
            ]
            namespaces = tuple(dict.fromkeys(service.identity.namespace for service in found))
            self._homes[key] = (widest(map(service_scope, found)) or "public", namespaces)
        return self._homes[key]

    @cached_property
    def _homes(self) -> dict[frozenset[tuple[str, str]], tuple[str, tuple[str | None, ...]]]:
        return {}

    def _istio_auth(self, namespaces: set[str | None]) -> str:
        """Why it is not known whether people log in: policies of the mesh may ask for it."""
        for place in sorted({*namespaces, "istio-system"} - {None}, key=str):
            for policy in self.index.in_namespace("security.istio.io/AuthorizationPolicy", place):
                if text(policy.body, "spec", "action") == "CUSTOM":
                    return f"AuthorizationPolicy {policy.identity.name} may send requests to a login"
            for policy in self.index.in_namespace("security.istio.io/RequestAuthentication", place):
                return f"RequestAuthentication {policy.identity.name} may ask for a login"
        return self._unseen("security.istio.io/AuthorizationPolicy", None)

    # Entries

    def _of_ingress(self, obj: KubeObject) -> dict[str, Any]:
        door = self._door(obj)
        firewall, why, decides = firewall_of(self.index, obj, door.controller)
        if decides and firewall != "unknown":
            why = self._unseen(decides, None)
            firewall = "unknown" if why else firewall
        default = part(obj.body, "spec", "defaultBackend", "service")
        return {
            **self._through(obj),
            "scope": door.scope,
            "controller": door.controller,
            "firewall": firewall,
            "firewallUnknown": why,
            "rules": [
                self._ingress_missing(obj, [part(path, "backend", "service") for path in maps(rule, "http", "paths")])
                for rule in items(obj.body, "spec", "rules")
            ],
            "defaultBackend": self._ingress_missing(obj, [default]),
            "certificates": [self._certificate(obj, entry) for entry in items(obj.body, "spec", "tls")],
            "claims": self._hosts_claimed(obj),
            "unseenClaims": self._unseen(_INGRESS, None),
        }

    def _ingress_missing(self, ingress: KubeObject, services: list[dict[str, Any]]) -> dict[str, Any]:
        """The Services of a rule that do not exist, or lack the port; rules of an ALB in annotations are none."""
        backends = []
        for service in services:
            port = part(service, "port")
            if text(service, "name") and port.get("name") != "use-annotation":
                reference = port.get("number", port.get("name"))
                known = reference if isinstance(reference, (int, str)) and not isinstance(reference, bool) else None
                backends.append(_Backend(ingress.identity.namespace, text(service, "name"), known))
        return self._missing(backends)

    def _missing(self, backends: Iterable[_Backend]) -> dict[str, Any]:
        missing, unknown = [], ""
        for backend in dict.fromkeys(backends):
            key = "" if backend.port is None else str(backend.port)
            found = self._references.target(_SERVICE, backend.namespace, backend.name, key)
            if found["exists"] is False:
                missing.append(f"port {key} of {backend.name}" if found["missing"] == "key" else backend.name)
            unknown = unknown or found["unknown"]
        return {"missing": missing, "unknown": unknown}

    def _certificate(self, ingress: KubeObject, entry: Any) -> dict[str, Any]:
        """Whether the Secret of an entry in ``tls`` exists with the right type, or something is there to make it."""
        name = text(entry, "secretName")
        notes = annotations_of(part(ingress.body, "metadata"))
        # Contour takes certificates of other namespaces by this annotation.
        namespace = notes.get("projectcontour.io/tls-cert-namespace", "") or ingress.identity.namespace
        if not name:
            return {"secret": "", "state": "default", "unknown": ""}
        found = self.index.find("core/Secret", namespace, name)
        if len(found) == 1:
            right = text(found[0].body, "type") == "kubernetes.io/tls"
            return {"secret": name, "state": "there" if right else "wrong type", "unknown": ""}
        makers = self._references.makers(namespace, name)
        if makers and not found:
            return {"secret": name, "state": f"made by {makers[0]}", "unknown": ""}
        known = self._references.target("core/Secret", namespace, name)
        return {"secret": name, "state": "missing" if known["exists"] is False else "", "unknown": known["unknown"]}

    def _hosts_claimed(self, ingress: KubeObject) -> list[str]:
        """The hosts and paths that an Ingress of another namespace and of the same class claims too."""
        own = ingress.identity.namespace
        wanted = _class(ingress)
        found: list[str] = []
        for host, path in _claims(ingress):
            for (namespace, name), (first, *_) in self._claimed[(host, path)].items():
                if namespace != own and (not name or not wanted or name == wanted) and len(found) < _MOST_NAMED:
                    found.append(f"{host or '*'}{path or '/'} (Ingress {namespace}/{first})")
        return found

    @cached_property
    def _claimed(self) -> dict[tuple[str, str], dict[tuple[str | None, str], list[str]]]:
        """(host, path) -> (namespace, class) -> the Ingresses that claim it."""
        found: dict[tuple[str, str], dict[tuple[str | None, str], list[str]]] = {}
        for ingress in self.index.of_kind(_INGRESS):
            place = (ingress.identity.namespace, _class(ingress))
            for claim in _claims(ingress):
                found.setdefault(claim, {}).setdefault(place, []).append(ingress.identity.name)
        return found

    def _of_route(self, obj: KubeObject) -> dict[str, Any]:
        attached = self._gateways.of_route(obj)
        return {
            **self._through(obj, self._unseen_parent(obj)),
            "gateways": list(dict.fromkeys(_called(entry.gateway) for entry in attached)),
            "rules": [self._route_missing(obj, rule) for rule in items(obj.body, "spec", "rules")],
        }

    def _route_missing(self, route: KubeObject, rule: Any) -> dict[str, Any]:
        """The Services of a rule that do not exist, lack the port, or may not be referred to."""
        backends = list(self._route_backends(route, rule))
        found = self._missing(backends)
        refused = [
            f"{b.namespace}/{b.name} without a ReferenceGrant"
            for b in dict.fromkeys(backends)
            if not self._gateways.granted(route, "Service", b.namespace, b.name)
        ]
        found["services"] = len(backends)
        if refused and all(self.facts.seen(api.GRANT, b.namespace) for b in backends):
            found["missing"] += refused
        elif refused:
            found["unknown"] = found["unknown"] or "a ReferenceGrant that was not seen may allow the reference"
        return found

    def _unseen_parent(self, route: KubeObject) -> str:
        for reference in maps(route.body, "spec", "parentRefs"):
            kind = f"{reference.get('group', api.GROUP)}/{reference.get('kind', 'Gateway')}"
            namespace = text(reference, "namespace") or route.identity.namespace
            if kind in (api.GATEWAY, api.LISTENERS) and not self.index.find(kind, namespace, text(reference, "name")):
                return self._unseen(kind, namespace)
        return ""

    def _of_virtual_service(self, obj: KubeObject) -> dict[str, Any]:
        return self._through(obj)

    def _through(self, obj: KubeObject, unseen: str = "") -> dict[str, Any]:
        """What the ways through an entry have in common, the worst of each, and the interfaces that it shows."""
        ways = self._ways(obj)
        plain = [way.plain for way in ways]
        open_ways = [way.redirects for way in ways if way.plain is not False]
        interfaces, hidden = self._interfaces(ways)
        logins = [way.auth for way in ways]
        return {
            "ways": len(ways),
            "tls": min((way.tls for way in ways), key=_WORST_TLS.index, default=""),
            "plainHttp": True if True in plain else (None if None in plain else False),
            "redirects": False if False in open_ways else (None if None in open_ways else bool(open_ways)),
            "auth": "" if "" in logins or not logins else max(logins, key=_LOGINS.index),
            "interfaces": interfaces,
            "unseen": unseen or hidden,
            "unknown": next((way.unknown for way in ways if way.unknown), ""),
            "doubt": next((way.doubt for way in ways if way.doubt), ""),
        }

    def _interfaces(self, ways: list[_Way]) -> tuple[list[dict[str, Any]], str]:
        """The programs with an interface behind some ways, and what may hide one."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        hidden = ""
        for backend in dict.fromkeys(backend for way in ways for backend in way.backends):
            services = self.index.find(_SERVICE, backend.namespace, backend.name)
            workloads = [(service, w) for service in services for w in self._links[0].get(id(service), ())]
            for service, workload in workloads:
                tool = tool_of(workload)
                if tool is not None:
                    ports = _targets(service, {backend.port} if backend.port is not None else None)
                    proxied = _only(ports, proxy_ports(workload))
                    own = True if proxied else signs_on(self.index, tool, workload)
                    called = f"{workload.object.kind} {workload.object.identity.name}"
                    found[(tool.name, called)] = _interface(tool, called, own)
            if not workloads:
                names = {backend.name, *(value for service in services for value in self._selector(service).values())}
                made = list(operated(self.index, backend.namespace, names))
                for obj, tool in made:
                    called = f"{obj.kind} {obj.identity.name}"
                    found[(tool.name, called)] = _interface(tool, called, signs_on_operated(obj))
                hidden = hidden or ("" if made else self._hidden(backend, services))
        return list(found.values()), hidden

    def _hidden(self, backend: _Backend, services: list[KubeObject]) -> str:
        """Why what is behind a Service is not known; empty where nothing is."""
        behind = f"what is behind Service {backend.namespace}/{backend.name} was not seen"
        if not services:
            known = self._references.target(_SERVICE, backend.namespace, backend.name)
            return "" if known["exists"] is False else behind
        if any(not self._selector(service) or self._why_none(service) for service in services):
            return behind
        return behind if self._unseen_of(_WORKLOADS, backend.namespace) else ""

    def _of_gateway(self, obj: KubeObject) -> dict[str, Any]:
        listeners = []
        orphan = ""
        gateways = [obj]
        if obj.group_kind == api.LISTENERS:
            gateways = [gateway for gateway, _ in self._gateways.gateways_of(obj)]
            orphan = "" if gateways else "no Gateway that takes this ListenerSet was seen"
        for number in range(len(items(obj.body, "spec", "listeners"))):
            attached = self._gateways.of_listener(obj, number)
            still = [(route, entry) for route, entry in attached if not api.redirects(route)]
            doubts = (entry.unknown for _, entry in still if entry.unknown)
            listeners.append(
                {
                    "routes": [f"{route.kind} {_called(route)}" for route, _ in attached],
                    "open": [f"{route.kind} {_called(route)}" for route, entry in still if not entry.unknown],
                    "unknown": next(doubts, orphan),
                }
            )
        firewall, why = self._gateway_firewall(gateways[0]) if gateways else ("unknown", orphan)
        return {
            "scope": widest(map(self._gateway_scope, gateways)),
            "listeners": listeners,
            "unseenRoutes": self._unseen_of(api.ROUTES[:2], None),
            "firewall": firewall,
            "firewallUnknown": why,
        }

    def _gateway_firewall(self, gateway: KubeObject) -> tuple[str, str]:
        """The firewall before a Gateway: an extension with Coraza, or one of a cloud."""
        namespace, name = gateway.identity.namespace, gateway.identity.name
        modes = []
        for kind in _FIREWALLS[:2]:
            for policy in self.index.in_namespace(kind, namespace):
                targets = _policy_targets(policy.body)
                labels = part(policy.body, "spec", "selector", "matchLabels")
                named = any(text(t, "kind") == "Gateway" and text(t, "name") == name for t in targets)
                if named or labels.get("gateway.networking.k8s.io/gateway-name") == name:
                    modes.append(engine_of(policy.body.get("spec")))
        modes += [
            "blocking"
            for policy in self.index.in_namespace(_FIREWALLS[2], namespace)
            if any(text(target, "name") == name for target in _policy_targets(policy.body))
        ]
        reference = part(gateway.body, "spec", "infrastructure", "parametersRef")
        if text(reference, "kind") == "LoadBalancerConfiguration":
            kind = "gateway.k8s.aws/LoadBalancerConfiguration"
            found = self.index.find(kind, namespace, text(reference, "name"))
            if len(found) != 1:
                return "unknown", f"the LoadBalancerConfiguration {text(reference, 'name')} was not seen"
            modes.append("blocking" if text(found[0].body, "spec", "wafV2", "webACL") else "")
        mode = next((mode for mode in ("blocking", "detecting") if mode in modes), "none")
        unseen = "" if mode == "blocking" else self._unseen_of(_FIREWALLS, namespace)
        return ("unknown", unseen) if unseen else (mode, "")

    def _unseen_of(self, kinds: tuple[str, ...], namespace: str | None) -> str:
        """Why there may be more objects of some kinds, those of other namespaces included where they count."""
        known = self._doubts.get((kinds, namespace))
        if known is None:
            found = (self._unseen(kind, None if kind in self.anywhere else namespace) for kind in kinds)
            known = self._doubts[(kinds, namespace)] = next((unseen for unseen in found if unseen), "")
        return known

    @cached_property
    def _doubts(self) -> dict[tuple[tuple[str, ...], str | None], str]:
        return {}

    def _unseen(self, kind: str, namespace: str | None) -> str:
        seen = self.facts.seen(kind, namespace)
        return "" if seen else f"a {kind.rpartition('/')[2]} that was not seen could change this"

    @cached_property
    def _references(self) -> References:
        found: Any = self.facts.fact("references")
        return found  # type: ignore[no-any-return]


def _interface(tool: Tool, workload: str, signs: bool | None) -> dict[str, Any]:
    return {"tool": tool.name, "workload": workload, "login": tool.login, "signsOn": signs}


def _called(obj: KubeObject) -> str:
    return f"{obj.identity.namespace}/{obj.identity.name}"


def _protocols(service: KubeObject) -> set[Any]:
    return {text(port, "protocol") or "TCP" for port in maps(service.body, "spec", "ports")} or {"TCP"}


def _may_bear(workload: Workload, key: str, value: str) -> bool:
    """Whether the Pods of a workload bear a label: by their template, or because a controller adds it."""
    if key in workload.labels:
        return workload.labels[key] == value
    name, kind = workload.object.identity.name, workload.object.kind
    if key == _NAME_OF_POD:
        return kind == "StatefulSet" and value.removeprefix(f"{name}-").isdigit() and value.startswith(f"{name}-")
    if key == "apps.kubernetes.io/pod-index":
        return kind == "StatefulSet" and value.isdigit()
    if key in ("job-name", "batch.kubernetes.io/job-name"):
        return (kind == "Job" and value == name) or (kind == "CronJob" and value.startswith(f"{name}-"))
    return key in _ADDED


def _targets(service: KubeObject, ports: set[int | str] | None) -> set[int | str]:
    """The ports of Pods that ports of a Service lead to; without ``targetPort`` it is the same number."""
    found = set()
    for port in maps(service.body, "spec", "ports"):
        if ports is None or port.get("port") in ports or port.get("name") in ports:
            target = port.get("targetPort", port.get("port"))
            if isinstance(target, (int, str)):
                found.add(target)
    return found


def _only(ports: set[int | str], known: set[Any]) -> bool:
    """Whether there are ports, and all of them are known."""
    return bool(ports) and ports <= known


def _numbers(service: KubeObject, workload: Workload) -> Iterator[int]:
    """The numbers of the ports of a workload that a Service leads to."""
    targets = _targets(service, None)
    yield from (target for target in targets if isinstance(target, int))
    names = {target for target in targets if isinstance(target, str)}
    for container in maps(workload.view.spec, "containers") if names else ():
        for port in maps(container, "ports"):
            number = port.get("containerPort")
            if text(port, "name") in names and isinstance(number, int):
                yield number


def _dns_names(service: KubeObject) -> list[str]:
    notes = annotations_of(part(service.body, "metadata"))
    names = ",".join(notes.get(note, "") for note in _DNS).lower().split(",")
    return list(dict.fromkeys(name.strip().removesuffix(".") for name in names if name.strip()))


def _of_node(workload: Workload) -> Entry | None:
    """The ports of its node that a workload takes; on the network of the node these are all that it opens."""
    spec = workload.view.spec
    shared = spec.get("hostNetwork") is True
    found = []
    for container in (*maps(spec, "containers"), *maps(spec, "initContainers")):
        for port in maps(container, "ports"):
            number = port.get("hostPort", port.get("containerPort") if shared else None)
            if isinstance(number, int) and not isinstance(number, bool) and number > 0:
                found.append((number, port_tls(port, port.get("containerPort"))))
    if not found:
        return None
    tls, plain = together(kind for _, kind in found)
    identity = workload.object.identity
    redirects = False if plain is False else None
    return Entry(
        workload.object.kind, identity.name, identity.namespace or "", "", "node", tls, plain, redirects, False, [],
        sorted({number for number, _ in found}), "", "",
    )  # fmt: skip


def _own_entry(service: KubeObject, scope: str, unknown: str) -> Entry:
    """A Service as a way to its Pods. It hands bytes on, so who redirects or logs in is not seen."""
    tls, plain, anew = service_tls(service)
    numbers = [port.get("port") for port in maps(service.body, "spec", "ports")]
    ports = [number for number in numbers if isinstance(number, int)]
    identity = service.identity
    redirects = False if plain is False else None
    return Entry(
        "Service", identity.name, identity.namespace or "", identity.name, scope, tls, plain, redirects, anew, [],
        ports, "", unknown,
    )  # fmt: skip


def _entry(obj: KubeObject, way: _Way, service: str) -> Entry:
    identity = obj.identity
    open_question = way.plain is None or (way.plain and way.redirects is None)
    plain = f"how the controller of {obj.kind} {identity.name} treats plain HTTP is not known" if open_question else ""
    return Entry(
        obj.kind, identity.name, identity.namespace or "", service, way.scope, way.tls, way.plain, way.redirects,
        way.reencrypts, list(way.hosts), list(way.ports), way.auth,
        way.doubt or way.unknown or plain,
    )  # fmt: skip


def _ingress_backends(ingress: KubeObject) -> Iterator[tuple[str, _Backend]]:
    """(host, Service) of each path of an Ingress, and of its default; ``*`` stands for any host."""
    named = [("*", part(ingress.body, "spec", "defaultBackend", "service"))]
    for rule in maps(ingress.body, "spec", "rules"):
        host = text(rule, "host") or "*"
        named += [(host, part(path, "backend", "service")) for path in maps(rule, "http", "paths")]
    for host, service in named:
        port = part(service, "port")
        reference = port.get("number", port.get("name"))
        known = reference if isinstance(reference, (int, str)) and not isinstance(reference, bool) else None
        if text(service, "name"):
            yield host, _Backend(ingress.identity.namespace, text(service, "name"), known)


def _claims(ingress: KubeObject) -> list[tuple[str, str]]:
    """The (host, path) pairs of an Ingress; both are empty where any is meant."""
    found = []
    for rule in maps(ingress.body, "spec", "rules"):
        paths = [text(path, "path") for path in maps(rule, "http", "paths")] or [""]
        found += [(text(rule, "host").lower(), path.rstrip("/")) for path in paths]
    return list(dict.fromkeys(found))


def _class(ingress: KubeObject) -> str:
    notes = annotations_of(part(ingress.body, "metadata"))
    return text(ingress.body, "spec", "ingressClassName") or notes.get("kubernetes.io/ingress.class", "")


def _policy_targets(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a policy names as its targets, in the older field or in the list."""
    return [entry for entry in (part(body, "spec", "targetRef"), *maps(body, "spec", "targetRefs")) if entry]


def _policy_auth(policy: KubeObject) -> str:
    """How a SecurityPolicy of Envoy Gateway makes people log in."""
    spec = part(policy.body, "spec")
    if spec.get("oidc") or spec.get("extAuth") or spec.get("jwt"):
        return "sso"
    return "password" if spec.get("basicAuth") or spec.get("apiKeyAuth") else ""
