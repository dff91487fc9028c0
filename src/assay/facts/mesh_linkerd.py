"""Whether a Pod is in Linkerd's mesh, and what its proxy lets in.

Sources: Linkerd's pages "Automatic Proxy Injection" and "Authorization Policy", the selectors of the injector's
webhook in the chart ``linkerd-control-plane``, and linkerd2 pull request 8185 (no required authentication at all).
"""

from __future__ import annotations

from functools import cached_property
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.index import Index, annotations_of, labels_of, maps, part, text
from assay.facts.mesh_selectors import Selectors
from assay.facts.mesh_settings import LINKERD_POLICIES, Known, linkerd_default_policy

if TYPE_CHECKING:
    from assay.model.objects import KubeObject
    from assay.workloads import PodView

AUTHORIZATION = "policy.linkerd.io/AuthorizationPolicy"
NETWORKS = "policy.linkerd.io/NetworkAuthentication"
SERVER = "policy.linkerd.io/Server"

_INJECT = "linkerd.io/inject"
_POLICY = "config.linkerd.io/default-inbound-policy"
_SKIP = "config.linkerd.io/skip-inbound-ports"
_WIDEST = 3
"""A range of no more bits is an eighth of all addresses, so that the internet in two halves counts as all of it."""

_SKIPPED_NAMESPACES = frozenset({"kube-system", "cert-manager"})
"""Namespaces that the injector's webhook leaves out by default (chart linkerd-control-plane)."""

AUTHENTICATED = frozenset({"deny", "all-authenticated", "cluster-authenticated"})
"""Default policies that let in no connection without mutual TLS."""


class Inbound(NamedTuple):
    """Linkerd's part about a workload: ``injected`` is ``yes``, ``no`` or ``unknown``, ``policy`` empty if unknown."""

    injected: str
    policy: str = ""
    source: str = ""
    skipped: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    unknown: str = ""


class Linkerd:
    """Linkerd's part of ``facts.mtls``.

    Args:
        index: The objects of the world.
    """

    def __init__(self, index: Index) -> None:
        self._index = index

    def inbound(self, namespace: str | None, metadata: dict[str, Any] | None, view: PodView) -> Inbound:
        """What a Pod's proxy lets in.

        Args:
            metadata: The metadata of its namespace; None where it was not seen.
        """
        injected = _injected(namespace, metadata, view)
        if injected == "no":
            return Inbound(injected)
        own, above = annotations_of(view.metadata), annotations_of(metadata or {})
        unseen = f"the annotations of the namespace {namespace} were not seen" if metadata is None else ""
        policy, source = self._policy(own, above, unseen)
        skipped = own.get(_SKIP, above.get(_SKIP, ""))
        return Inbound(
            injected,
            policy.value,
            source,
            tuple(port.strip() for port in skipped.split(",") if port.strip()),
            tuple(server.identity.name for server in self._servers.of(namespace, labels_of(view.metadata))),
            (unseen if injected == "unknown" else "") or policy.unknown,
        )

    def _policy(self, own: dict[str, str], above: dict[str, str], unseen: str) -> tuple[Known, str]:
        """The default inbound policy and where it stands: the Pod's annotation, its namespace's, or the chart's."""
        for source, notes in (("pod", own), ("namespace", above)):
            if _POLICY in notes:
                known = notes[_POLICY] in LINKERD_POLICIES
                why = "" if known else f"Linkerd knows no inbound policy as the {source} names it"
                return Known(notes[_POLICY] if known else "", why), source
        return (Known("", unseen), "") if unseen else (self._default, "linkerd-config")

    @cached_property
    def _default(self) -> Known:
        return linkerd_default_policy(self._index)

    @cached_property
    def _servers(self) -> Selectors:
        return Selectors((server, part(server.body, "spec", "podSelector")) for server in self._index.of_kind(SERVER))

    def clients(self, policy: KubeObject) -> dict[str, Any]:
        """Whom an AuthorizationPolicy lets in: ``anyone`` (no identity from any address), and why that is not known."""
        spec = part(policy.body, "spec")
        references = spec.get("requiredAuthenticationRefs")
        if not isinstance(references, list) or len(maps(spec, "requiredAuthenticationRefs")) < len(references):
            return {"anyone": False, "networks": [], "unknown": "its required authentications cannot be read"}
        wide: list[str] = []
        narrow, unknown = False, ""
        for reference in maps(spec, "requiredAuthenticationRefs"):
            if reference.get("kind") != "NetworkAuthentication":
                # MeshTLSAuthentication or ServiceAccount: whoever comes must have an identity of the mesh.
                narrow = True
                continue
            name = text(reference, "name")
            place = text(reference, "namespace") or policy.identity.namespace
            found = self._index.find(NETWORKS, place, name)
            is_wide = {_whole(network) for network in found}
            if len(is_wide) != 1:
                unknown = f"NetworkAuthentication {place}/{name} was not seen, or there are several"
            elif is_wide.pop():
                wide.append(name)
            else:
                narrow = True
        return {"anyone": not narrow and not unknown, "networks": wide, "unknown": "" if narrow else unknown}


def _injected(namespace: str | None, metadata: dict[str, Any] | None, view: PodView) -> str:
    own = annotations_of(view.metadata).get(_INJECT, "")
    names = [text(c, "name") for key in ("containers", "initContainers") for c in maps(view.spec, key)]
    if "linkerd-proxy" in names:
        return "yes"
    if view.spec.get("hostNetwork") is True or namespace in _SKIPPED_NAMESPACES:
        return "no"
    if own not in ("", "enabled", "ingress"):
        return "no"
    if metadata is None:
        return "unknown"
    if labels_of(metadata).get("config.linkerd.io/admission-webhooks") == "disabled":
        return "no"
    above = annotations_of(metadata).get(_INJECT, "")
    if above not in ("", "enabled", "ingress", "disabled"):
        return "no"
    return "yes" if own or above in ("enabled", "ingress") else "no"


def _whole(network: KubeObject) -> bool:
    """Whether a NetworkAuthentication takes in nearly all addresses; exceptions leave most of them."""
    return any(_is_wide(entry.get("cidr")) for entry in maps(network.body, "spec", "networks"))


def _is_wide(cidr: Any) -> bool:
    try:
        return isinstance(cidr, str) and ip_network(cidr.strip(), strict=False).prefixlen <= _WIDEST
    except ValueError:
        return False
