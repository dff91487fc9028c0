"""What Istio's policies ask of a whole namespace: deny by default, known hosts only, access logs.

Sources: Istio's references of AuthorizationPolicy, Sidecar (``outboundTrafficPolicy``), Telemetry (AccessLogging) and
MeshConfig, and its page "Authorization policies" (implicit enablement).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.index import Index, annotations_of, maps, part, text

if TYPE_CHECKING:
    from assay.facts.mesh_istio import Istio
    from assay.model.objects import KubeObject

AUTHORIZATION_POLICY = "security.istio.io/AuthorizationPolicy"
SIDECAR = "networking.istio.io/Sidecar"
TELEMETRY = "telemetry.istio.io/Telemetry"

REGISTRY_ONLY = "REGISTRY_ONLY"
_NOT_SEEN = "the mesh configuration was not seen (ConfigMap istio)"
# `response.code >= 500` keeps no refused request; 401 is the lowest code that says one.
_FROM_CODE = re.compile(r"\s*response\.code\s*(>=?)\s*(\d{3})\s*")
_REFUSED = 401


class Answer(NamedTuple):
    """``yes``, ``no`` or ``unknown``, what says so, and why it is not known."""

    value: str
    by: str = ""
    unknown: str = ""


class NamespacePolicies:
    """The policies of Istio about whole namespaces.

    Args:
        index: The objects of the world.
        istio: What is known of the mesh.
    """

    def __init__(self, index: Index, istio: Istio) -> None:
        self._index = index
        self._istio = istio

    def default_deny(self, namespace: str) -> Answer:
        """Whether a policy allows nothing in a namespace, so that every call needs one that allows it."""
        roots, doubt = self._istio.roots
        for place in (namespace, *sorted(roots)):
            for policy in self._index.in_namespace(AUTHORIZATION_POLICY, place):
                if _allows_nothing(policy):
                    twins = self._index.find(AUTHORIZATION_POLICY, place, policy.identity.name)
                    unknown = "" if all(map(_allows_nothing, twins)) else f"there are several policies {_name(policy)}"
                    unknown = unknown or (doubt if place != namespace else "")
                    return Answer("unknown" if unknown else "yes", _name(policy), unknown)
        return Answer("no")

    # ------------------------------------------------------------------ egress

    def egress(self, namespace: str) -> dict[str, Any]:
        """How sidecars of a namespace treat hosts that the mesh does not know.

        ``mode`` is what holds where no Sidecar selects single workloads, ``open`` are the Sidecars of the namespace
        that allow any host, ``decided`` says that a Sidecar and not the mesh configuration decides.
        """
        roots, doubt = self._istio.roots
        own = self._index.in_namespace(SIDECAR, namespace)
        whole = [s for s in own if _is_whole(part(s.body, "spec"), "workloadSelector", "labels")]
        by = whole or ([] if doubt else self._of_root(SIDECAR, ("workloadSelector", "labels"), roots))
        modes = {_mode(sidecar) for sidecar in by} or {""}
        unknown = "" if whole or not doubt else doubt
        if "" in modes:
            configured = {config.egress for config in self._istio.configs if not config.problem}
            unknown = unknown or (_NOT_SEEN if not configured else "")
            modes = (modes - {""}) | configured
        if len(modes) > 1:
            unknown = "Sidecars or mesh configurations contradict each other"
        return {
            "mode": "unknown" if unknown or not modes else modes.pop(),
            "by": [_name(sidecar) for sidecar in by],
            "open": [_name(sidecar) for sidecar in own if _mode(sidecar) == "ALLOW_ANY"],
            "decided": any(_mode(sidecar) for sidecar in by),
            "unknown": unknown,
        }

    def _of_root(self, kind: str, selector: tuple[str, str], roots: Iterable[str]) -> list[KubeObject]:
        """The objects of a kind in the root namespace that are for the whole mesh."""
        return [
            obj
            for root in sorted(roots)
            for obj in self._index.in_namespace(kind, root)
            if _is_whole(part(obj.body, "spec"), *selector)
        ]

    # ------------------------------------------------------------------ access logs

    def logs(self, namespace: str) -> dict[str, Any]:
        """The access logs of a namespace: what the mesh says, and which of its own Telemetries change that."""
        own = [t for t in self._index.in_namespace(TELEMETRY, namespace) if _entries(t)]
        answers = [(_name(telemetry), _logs(telemetry, defaults=True)) for telemetry in own]
        whole = [
            t for t in own if _is_whole(part(t.body, "spec"), "selector", "matchLabels") and _logs(t).value == "yes"
        ]
        mesh = Answer("yes") if whole else self.mesh_logs()
        return {
            "speaks": bool(own),
            "off": [name for name, answer in answers if answer.value == "no"],
            "mesh": mesh.value,
            "unknown": next((answer.unknown for _, answer in answers if answer.unknown), mesh.unknown),
        }

    def mesh_logs(self) -> Answer:
        """Whether sidecars write access logs where no namespace says otherwise."""
        roots, doubt = self._istio.roots
        configured = {config.access_log for config in self._istio.configs if not config.problem}
        telemetries = self._of_root(TELEMETRY, ("selector", "matchLabels"), roots)
        answers = {_logs(t, defaults=True in configured)._replace(by=_name(t)) for t in telemetries if _entries(t)}
        if answers and doubt:
            return Answer("unknown", "", doubt)
        if len(answers) == 1:
            return answers.pop()
        if answers:
            return Answer("unknown", "", "which Telemetry of the root namespace counts is not known")
        if len(configured) != 1:
            return Answer("unknown", "", "mesh configurations contradict each other" if configured else _NOT_SEEN)
        return Answer("yes" if configured.pop() else "no")


def _allows_nothing(policy: KubeObject) -> bool:
    """Whether an AuthorizationPolicy matches no request and allows what it matches; with DENY it would do nothing."""
    spec = policy.body.get("spec", {})
    dry = annotations_of(part(policy.body, "metadata")).get("istio.io/dry-run", "").lower() == "true"
    return (
        isinstance(spec, dict)
        and spec.get("action", "ALLOW") in ("ALLOW", "")
        and spec.get("rules", []) == []
        and _is_whole(spec, "selector", "matchLabels")
        and not dry
    )


def _is_whole(spec: dict[str, Any], selector: str, labels: str) -> bool:
    """Whether a policy selects no single workload and names no target."""
    found = spec.get(selector, {})
    return (
        isinstance(found, dict)
        and found.get(labels, {}) == {}
        and not spec.get("targetRef")
        and not spec.get("targetRefs")
    )


def _mode(sidecar: KubeObject) -> str:
    """The egress mode that a Sidecar names; REGISTRY_ONLY is the first of the enumeration, and may be left out."""
    policy = part(sidecar.body, "spec").get("outboundTrafficPolicy")
    return (text(policy, "mode") or REGISTRY_ONLY) if isinstance(policy, dict) else ""


def _entries(telemetry: KubeObject) -> list[dict[str, Any]]:
    """The entries about the log of the server's side."""
    entries = maps(telemetry.body, "spec", "accessLogging")
    return [entry for entry in entries if text(entry, "match", "mode") != "CLIENT"]


def _logs(telemetry: KubeObject, *, defaults: bool = False) -> Answer:
    """Whether a Telemetry logs requests, refused ones among them.

    Args:
        defaults: There are providers for entries that name none.
    """
    unknown = ""
    for entry in _entries(telemetry):
        if entry.get("disabled") is True or not (entry.get("providers") or defaults):
            continue
        expression = text(entry, "filter", "expression")
        code = _FROM_CODE.fullmatch(expression)
        if not expression or (code and int(code[2]) + (code[1] == ">") <= _REFUSED):
            return Answer("yes")
        if not code:
            unknown = f"what the filter of Telemetry {_name(telemetry)} leaves out is not known"
    return Answer("unknown", "", unknown) if unknown else Answer("no")


def _name(obj: KubeObject) -> str:
    return f"{obj.identity.namespace}/{obj.identity.name}"
