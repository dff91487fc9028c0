"""Whether a Pod is in Istio's mesh, and which of its ports take connections without mutual TLS.

Sources: Istio's pages "Installing the Sidecar" (injection), "Add workloads to an ambient mesh", the references of
PeerAuthentication, DestinationRule and resource annotations, and the selectors of the injector's webhooks in the chart
``istio-discovery``. The decision table in ``docs/facts/mtls.md`` names the section of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.index import Index, annotations_of, items, labels_of, maps, part, text
from assay.facts.mesh_selectors import Selectors
from assay.facts.mesh_settings import DEFAULT_ROOT, MeshConfig, mesh_configs

if TYPE_CHECKING:
    from assay.model.objects import KubeObject
    from assay.workloads import PodView

PEER_AUTHENTICATION = "security.istio.io/PeerAuthentication"
DESTINATION_RULE = "networking.istio.io/DestinationRule"

NEVER_INJECTED = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})
"""Namespaces that the injector leaves alone, whatever their labels (Istio, Sidecar Injection Problems)."""

_MODES = ("STRICT", "PERMISSIVE", "DISABLE")
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_OWN_PORTS = frozenset({"15020", "15021", "15090"})
"""Ports of the proxy itself, which the injector always leaves out."""

_INJECT = "sidecar.istio.io/inject"
_DATAPLANE = "istio.io/dataplane-mode"


class Plane(NamedTuple):
    """How a Pod is in the mesh: ``sidecar``, ``ambient``, ``gateway``, ``none``, or ``unknown`` with the reason."""

    name: str
    unknown: str = ""


class Effect(NamedTuple):
    """What the PeerAuthentications that count ask for: a mode, and modes of single ports."""

    mode: str
    ports: tuple[tuple[str, str], ...] = ()


class Peers(NamedTuple):
    """The effect of all PeerAuthentications on a Pod, as far as it is certain.

    ``mode`` and ``ports`` hold every possible mode, joined by "or"; ``open`` are the ports (``*`` is every port) that
    take connections without mutual TLS whichever possibility is true, with the reason.
    """

    mode: str
    source: str
    ports: dict[str, str]
    open: dict[str, str]
    unknown: str


class _Level(NamedTuple):
    """The PeerAuthentications of one level that could be the one that counts, and why it is not one."""

    policies: tuple[KubeObject, ...] = ()
    unknown: str = ""


class Istio:
    """Istio's part of ``facts.mtls``.

    Args:
        index: The objects of the world.
    """

    def __init__(self, index: Index) -> None:
        self._index = index

    @cached_property
    def configs(self) -> list[MeshConfig]:
        """The mesh configurations that were seen."""
        return mesh_configs(self._index)

    @cached_property
    def roots(self) -> tuple[frozenset[str], str]:
        """The namespaces that could be the root of the mesh, and why it is not one for certain."""
        roots = frozenset(config.root for config in self.configs if not config.problem)
        problem = next((config.problem for config in self.configs if config.problem), "")
        if not roots:
            why = problem or "the root namespace of the mesh was not seen (ConfigMap istio)"
            return frozenset({DEFAULT_ROOT}), why
        return roots, problem or ("the mesh configurations name several root namespaces" if len(roots) > 1 else "")

    @cached_property
    def auto_mtls(self) -> bool | None:
        """Whether clients use mutual TLS by themselves where the server can; None where that was not seen."""
        found = {config.auto_mtls for config in self.configs if not config.problem}
        return found.pop() if len(found) == 1 else None

    # ------------------------------------------------------------------ in the mesh or not

    def plane(self, namespace: str | None, labels: Mapping[str, str] | None, view: PodView) -> Plane:
        """How a Pod is in the mesh.

        Args:
            labels: The labels of its namespace; None where they were not seen.
        """
        spec, pod, notes = view.spec, labels_of(view.metadata), annotations_of(view.metadata)
        if spec.get("hostNetwork") is True:
            return Plane("none")
        roles = _proxy_roles(view)
        if roles:
            return Plane("sidecar" if "sidecar" in roles else "gateway")
        if "sidecar.istio.io/status" in notes:
            return _injected(notes)
        injected = self._injected(namespace, labels, pod, notes)
        if injected:
            return _injected(notes)
        own = pod.get(_DATAPLANE)
        excluded = namespace == "kube-system"
        if injected is None or (labels is None and own is None and not excluded):
            return Plane("unknown", f"the labels of the namespace {namespace} were not seen")
        enrolled = own == "ambient" if own is not None else (labels or {}).get(_DATAPLANE) == "ambient"
        return Plane("ambient" if enrolled and not excluded else "none")

    @staticmethod
    def _injected(
        namespace: str | None, labels: Mapping[str, str] | None, pod: Mapping[str, str], notes: Mapping[str, str]
    ) -> bool | None:
        """Whether the injector gives a Pod a sidecar; None where that hangs on labels that were not seen."""
        wanted = pod.get(_INJECT, notes.get(_INJECT, "")).lower()
        if namespace in NEVER_INJECTED or wanted not in ("", "y", "yes", "true", "on"):
            return False
        if labels is None:
            return None
        if "istio-injection" in labels:
            return labels["istio-injection"] == "enabled"
        if "istio.io/rev" in labels:
            return labels["istio.io/rev"] != ""
        return pod.get("istio.io/rev", "") != "" or ("istio.io/rev" not in pod and pod.get(_INJECT) == "true")

    # ------------------------------------------------------------------ PeerAuthentication

    def peers(self, namespace: str | None, labels: Mapping[str, str], *, ambient: bool) -> Peers:
        """What the PeerAuthentications ask of a Pod with labels."""
        # Those with a selector are ignored in the root namespace (PeerAuthentication, note on the mesh level).
        selecting = self._selecting.of(namespace, labels) if {namespace} != self.roots[0] else ()
        key = (namespace, tuple(map(id, selecting)), ambient)
        if key not in self._peers:
            self._peers[key] = self._peers_of(namespace, selecting, ambient=ambient)
        return self._peers[key]

    def _peers_of(self, namespace: str | None, selecting: tuple[KubeObject, ...], *, ambient: bool) -> Peers:
        roots, doubt = self.roots
        if len(roots) > 1 and namespace in roots:
            return Peers("unknown", "", {}, {}, doubt)
        whole = _Level() if namespace in roots else self._level(namespace)
        levels = [*map(self._level, sorted(roots)), whole, _level(selecting)]
        mesh = {effect for level in levels[:-2] for effect in _effects(level)}
        if doubt and namespace not in roots:
            mesh.add(Effect("UNSET"))
        results = {
            _merged(top, own, workload) for top in mesh for own in _effects(whole) for workload in _effects(levels[-1])
        }
        broken = [p for level in levels for p in level.policies if _effect(p).mode == "unreadable"]
        why = next((level.unknown for level in reversed(levels) if level.unknown), doubt)
        deciding = (level for level in reversed(levels) if _effects(level) != {Effect("UNSET")})
        source = ", ".join(map(_name, next(deciding, _Level()).policies))
        peers = _joined(results, source, why, ambient=ambient)
        return peers._replace(unknown=f"PeerAuthentication {_name(broken[0])} cannot be read") if broken else peers

    def _level(self, namespace: str | None) -> _Level:
        """The PeerAuthentications without a selector of one namespace."""
        if namespace not in self._levels:
            policies = self._index.in_namespace(PEER_AUTHENTICATION, namespace)
            self._levels[namespace] = _level(tuple(p for p in policies if not _selector(p)))
        return self._levels[namespace]

    @cached_property
    def _levels(self) -> dict[str | None, _Level]:
        return {}

    @cached_property
    def _peers(self) -> dict[tuple[str | None, tuple[int, ...], bool], Peers]:
        return {}

    @cached_property
    def _selecting(self) -> Selectors:
        """The PeerAuthentications with a selector."""
        policies = self._index.of_kind(PEER_AUTHENTICATION)
        return Selectors((policy, {"matchLabels": found}) for policy in policies if (found := _selector(policy)))

    # ------------------------------------------------------------------ DestinationRule

    def clients(self, services: Callable[[], Iterable[KubeObject]]) -> list[dict[str, str]]:
        """The DestinationRules that keep clients of Services from mutual TLS, each with the clients that it is for."""
        found = []
        if self._weak:
            for service in services():
                namespace, name = service.identity.namespace, service.identity.name
                host = f"{name}.{namespace}.svc.cluster.local"
                suffixes = [host[at:] for at, letter in enumerate(host) if letter == "."]
                for key in (host, *(f"*{suffix}" for suffix in suffixes), "*"):
                    for rule, where, mode in self._weak.get(key, ()):
                        found.append(
                            {"rule": _name(rule), "where": where, "mode": mode, "clients": self._for(rule, namespace)}
                        )
        return found

    def _for(self, rule: KubeObject, server: str | None) -> str:
        """The clients that a rule is for: those of its namespace alone, unless it is the server's or the root."""
        own = rule.identity.namespace
        exported = [name for name in items(rule.body, "spec", "exportTo") if isinstance(name, str)]
        if (own != server and own not in self.roots[0]) or exported == ["."]:
            return f"namespace {own}"
        if not exported or "*" in exported:
            return "every namespace"
        return "namespaces " + ", ".join(str(own) if name == "." else name for name in exported)

    @cached_property
    def _weak(self) -> dict[str, list[tuple[KubeObject, str, str]]]:
        """What keeps clients of a host from mutual TLS: the rule, where it does so, and the mode."""
        found: dict[str, list[tuple[KubeObject, str, str]]] = {}
        for rule in self._index.of_kind(DESTINATION_RULE):
            host = text(rule.body, "spec", "host")
            # A name without a dot is a Service in the namespace of the rule (DestinationRule, host).
            full = host if "." in host or host == "*" else f"{host}.{rule.identity.namespace}.svc.cluster.local"
            for where, mode in _weak_parts(part(rule.body, "spec")):
                found.setdefault(full, []).append((rule, where, mode))
        return found


# ---------------------------------------------------------------------- helpers


def _injected(notes: Mapping[str, str]) -> Plane:
    """What the templates make of an injected Pod (resource annotations, inject.istio.io/templates)."""
    wanted = [name.strip() for name in notes.get("inject.istio.io/templates", "sidecar").split(",")]
    if "sidecar" in wanted:
        return Plane("sidecar")
    if "gateway" in wanted:
        return Plane("gateway")
    return Plane("unknown", f"what the injection template {', '.join(wanted)} does is not known")


def _proxy_roles(view: PodView) -> set[str]:
    """The roles of Istio's proxies in a Pod that has them already: ``sidecar``, or ``router`` and others."""
    roles = set()
    for name in ("containers", "initContainers"):
        for container in maps(view.spec, name):
            if container.get("name") == "istio-proxy":
                roles |= {"sidecar", "router", "waypoint", "ztunnel"} & set(map(str, items(container, "args")))
    return roles


def uncaptured(plane: str, view: PodView, ports: Callable[[], Iterable[int]]) -> tuple[dict[str, str], str]:
    """The ports whose traffic goes around the proxy, with the reason; and why there may be more.

    Args:
        ports: Gives the ports on which the Pod is known to listen.
    """
    notes = annotations_of(view.metadata)
    if plane == "ambient":
        bypass = notes.get("ambient.istio.io/bypass-inbound-capture", "")
        return ({"*": "not captured"} if bypass in _TRUE else {}), ""
    if notes.get("sidecar.istio.io/interceptionMode") == "NONE":
        return {"*": "not captured"}, ""
    included = notes.get("traffic.sidecar.istio.io/includeInboundPorts", "*")
    captured = _ports(included)
    if "*" in captured:
        left_out = _ports(notes.get("traffic.sidecar.istio.io/excludeInboundPorts", ""))
        return {port: "not captured" for port in left_out if port not in _OWN_PORTS}, ""
    if not captured:
        return {"*": "not captured"}, ""
    found = {str(port): "not captured" for port in ports() if str(port) not in captured}
    return found, "" if found else "ports that includeInboundPorts leaves out go around the proxy"


def _ports(written: str) -> list[str]:
    return [port.strip() for port in written.split(",") if port.strip()]


def _selector(policy: KubeObject) -> dict[str, Any]:
    """The labels that a PeerAuthentication asks for; empty if it is for its whole namespace."""
    return part(policy.body, "spec", "selector", "matchLabels")


def _level(policies: tuple[KubeObject, ...]) -> _Level:
    """The policies of one level that could be the oldest, which alone counts."""
    if len(policies) < 2:
        return _Level(policies)
    times = [text(policy.body, "metadata", "creationTimestamp") for policy in policies]
    names = {policy.identity for policy in policies}
    if all(times) and len(names) == len(policies) and times.count(min(times)) == 1 and len(set(map(len, times))) == 1:
        return _Level((policies[times.index(min(times))],))
    shown = " and ".join(map(_name, policies[:2])) + (" and others" if len(policies) > 2 else "")
    return _Level(policies, f"which PeerAuthentication is the oldest and counts is not known: {shown}")


def _effects(level: _Level) -> set[Effect]:
    """What each policy of a level asks for, of which one counts; nothing where there is none."""
    return {_effect(policy) for policy in level.policies} or {Effect("UNSET")}


def _effect(policy: KubeObject) -> Effect:
    """What one PeerAuthentication asks for; ``unreadable`` where it has the wrong form."""
    spec = part(policy.body, "spec")
    selector = spec.get("selector", {})
    labels = selector.get("matchLabels", {}) if isinstance(selector, dict) else None
    levels = spec.get("portLevelMtls", {})
    if (
        not isinstance(policy.body.get("spec", {}), dict)
        or not isinstance(labels, dict)
        or not all(isinstance(value, str) for value in labels.values())
        or not isinstance(levels, dict)
    ):
        return Effect("unreadable")
    ports = tuple(sorted((str(port), _mode(level)) for port, level in levels.items()))
    mode = _mode(spec.get("mtls", {}))
    return Effect("unreadable") if "unreadable" in (mode, *(m for _, m in ports)) else Effect(mode, ports)


def _mode(mtls: Any) -> str:
    mode = mtls.get("mode", "UNSET") if isinstance(mtls, dict) else None
    return mode if mode in ("UNSET", *_MODES) else "unreadable"


def _merged(mesh: Effect, namespace: Effect, workload: Effect) -> Effect:
    """Modes that are unset come from the level above; of all levels unset it is PERMISSIVE.

    Ports count only beside a selector (PeerAuthentication, portLevelMtls).
    """
    mode = next((e.mode for e in (workload, namespace, mesh) if e.mode != "UNSET"), "PERMISSIVE")
    return Effect(mode, tuple((port, mode if own == "UNSET" else own) for port, own in workload.ports))


def _joined(results: set[Effect], source: str, why: str, *, ambient: bool) -> Peers:
    """One answer from all that are possible: open is only what is open in each of them."""
    modes = sorted({result.mode for result in results})
    by_port: dict[str, set[str]] = {}
    for result in results:
        own = dict(result.ports)
        for port in {name for other in results for name, _ in other.ports}:
            by_port.setdefault(port, set()).add(own.get(port, result.mode))
    every = {"*": set(modes), **by_port}
    # In ambient mode DISABLE is not supported (PeerAuthentication, ambient mode): what it does is left open.
    doubtful = {"STRICT", "unreadable", *(["DISABLE"] if ambient else [])}
    if ambient and any("DISABLE" in found for found in every.values()):
        why = f"what the mode DISABLE of PeerAuthentication {source} means in ambient mode is not defined"
    elif not any("STRICT" in found and len(found) > 1 for found in every.values()):
        why = ""
    return Peers(
        " or ".join(modes) if "unreadable" not in modes else "unknown",
        source,
        {port: " or ".join(sorted(found)) for port, found in by_port.items()},
        {port: " or ".join(sorted(found)) for port, found in every.items() if not found & doubtful},
        why,
    )


def _weak_parts(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where a DestinationRule tells clients to go without mutual TLS, and with which mode."""
    policies = [("trafficPolicy", part(spec, "trafficPolicy"))]
    policies += [(f"subset {text(one, 'name')}", part(one, "trafficPolicy")) for one in maps(spec, "subsets")]
    for where, policy in policies:
        ports = maps(policy, "portLevelSettings")
        own = [(f"{where}, port {part(port, 'port').get('number', '?')}", port) for port in ports]
        for place, level in ((where, policy), *own):
            # The first value of the enumeration counts where `tls` names no mode (ClientTLSSettings, TLSmode).
            if isinstance(level.get("tls"), dict) and (mode := level["tls"].get("mode", "DISABLE")) in (
                "DISABLE",
                "SIMPLE",
            ):
                yield place, mode


def _name(obj: KubeObject) -> str:
    return f"{obj.identity.namespace}/{obj.identity.name}"
