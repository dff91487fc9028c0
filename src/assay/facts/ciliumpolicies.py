"""Policies of Cilium: which Pods they select, and which of them they put into default deny.

Sources: the Cilium documentation, "Policy Enforcement Modes", "Deny Policies" and "Using Kubernetes Constructs In
Policy", and the descriptions of the fields of CiliumNetworkPolicy. A part of a policy puts what it selects into default
deny for each direction in which it has rules, unless ``enableDefaultDeny`` says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.index import items, maps, part, text
from assay.facts.networkpolicies import DIRECTIONS, Block, Direction, chooses

if TYPE_CHECKING:
    from assay.model.objects import KubeObject

POLICY = "cilium.io/CiliumNetworkPolicy"
CLUSTERWIDE = "cilium.io/CiliumClusterwideNetworkPolicy"

_NAMESPACE = "io.kubernetes.pod.namespace"
_NAMESPACE_LABEL = "io.cilium.k8s.namespace.labels."
_ACCOUNT = "io.cilium.k8s.policy.serviceaccount"
_CLUSTER = "io.cilium.k8s.policy.cluster"


# A rule without any of them is about every target.
_TARGETS = ("toEndpoints", "toEntities", "toCIDR", "toCIDRSet", "toFQDNs", "toServices", "toGroups", "toNodes")


class CiliumPart(NamedTuple):
    """``spec`` or one of ``specs`` of a policy, as far as it is about Pods.

    ``namespace`` is None for a clusterwide policy. ``denies`` are the directions in which it puts Pods into default
    deny, ``kept_open`` those in which it says that it does not, ``rules`` those that allow, ``forbids`` the directions
    in which a rule forbids something.
    """

    object: KubeObject
    namespace: str | None
    selector: Mapping[str, Any]
    denies: frozenset[Direction]
    kept_open: frozenset[Direction]
    rules: Mapping[Direction, list[dict[str, Any]]]
    forbids: frozenset[Direction]

    @property
    def name(self) -> str:
        """The policy as reports name it."""
        return f"{self.object.kind}/{self.object.identity.name}"

    def selects(
        self, namespace: str, namespace_labels: Mapping[str, str] | None, labels: Mapping[str, str], account: str
    ) -> bool | None:
        """Whether it selects Pods; None where that hangs on what was not seen."""
        if self.namespace not in (None, namespace):
            return False
        own = {**labels, **_of_namespace(namespace, namespace_labels), _ACCOUNT: account}
        return chooses(self.selector, own, lambda key: _is_doubtful(key, namespace_labels))

    def covers(self, namespace: str, namespace_labels: Mapping[str, str] | None) -> bool | None:
        """Whether it selects every Pod of a namespace, whatever the Pod's labels are."""
        keys = [
            *part(self.selector, "matchLabels"),
            *(term["key"] for term in items(self.selector, "matchExpressions")),
        ]
        if self.namespace not in (None, namespace) or any(not _is_of_namespace(key) for key in keys):
            return False
        return chooses(
            self.selector,
            _of_namespace(namespace, namespace_labels),
            lambda key: _is_doubtful(key, namespace_labels),
        )

    def ports(self, direction: Direction) -> list[str]:
        """The ports that its rules open, as texts such as 53/UDP; ``*`` stands for all of them."""
        found: dict[str, None] = {}
        for rule in self.rules[direction]:
            if not rule:
                continue
            ports = [port for entry in maps(rule, "toPorts") for port in maps(entry, "ports")]
            for port in ports or [{}]:
                found.update(dict.fromkeys(_port_texts(port)))
        return list(found)


def parts_of(obj: KubeObject) -> Iterator[CiliumPart]:
    """The parts of a policy that are about Pods and not about nodes."""
    clusterwide = obj.group_kind == CLUSTERWIDE
    for spec in (obj.body.get("spec"), *items(obj.body, "specs")):
        if not isinstance(spec, dict) or not isinstance(spec.get("endpointSelector"), dict):
            continue
        said = part(spec, "enableDefaultDeny")
        rules = {way: maps(spec, way) for way in DIRECTIONS}
        forbids = frozenset(way for way in DIRECTIONS if items(spec, f"{way}Deny"))
        yield CiliumPart(
            obj,
            None if clusterwide else obj.identity.namespace,
            _plain(spec["endpointSelector"]),
            frozenset(way for way in DIRECTIONS if said.get(way, bool(rules[way] or way in forbids)) is True),
            frozenset(way for way in DIRECTIONS if said.get(way) is False),
            rules,
            forbids,
        )


def named_hosts(rule: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The host names of an egress rule: exact ones, and patterns."""
    entries = maps(rule, "toFQDNs")
    exact = [name for entry in entries for name in (text(entry, "matchName"),) if name]
    return exact, [name for entry in entries for name in (text(entry, "matchPattern"),) if name]


def reaches_world(rule: Mapping[str, Any]) -> bool:
    """Whether an egress rule lets traffic out to addresses of the internet, and not only to names."""
    if not rule:
        return False
    ranges = [*items(rule, "toCIDR"), *(entry.get("cidr") for entry in maps(rule, "toCIDRSet"))]
    return (
        not any(key in rule for key in _TARGETS)
        or bool(items(rule, "toGroups"))
        or any(str(name).startswith("world") or name == "all" for name in items(rule, "toEntities"))
        or any(_is_public(block) for block in ranges)
    )


def _is_public(block: Any) -> bool:
    try:
        return Block(ip_network(str(block), strict=False), ()).public
    except ValueError:
        return True


def _plain(selector: Mapping[str, Any]) -> dict[str, Any]:
    """A selector with keys as Kubernetes has them: Cilium may write a source before them, ``k8s:`` or ``any:``."""
    return {
        "matchLabels": {_bare(key): value for key, value in part(selector, "matchLabels").items()},
        "matchExpressions": [
            {**term, "key": _bare(term["key"])} for term in maps(selector, "matchExpressions") if text(term, "key")
        ],
    }


def _bare(key: str) -> str:
    return key.partition(":")[2] if key.startswith(("k8s:", "any:")) else key


def _of_namespace(namespace: str, labels: Mapping[str, str] | None) -> dict[str, str]:
    return {_NAMESPACE: namespace, **{_NAMESPACE_LABEL + key: value for key, value in (labels or {}).items()}}


def _is_of_namespace(key: str) -> bool:
    return key == _NAMESPACE or key.startswith(_NAMESPACE_LABEL)


def _is_doubtful(key: str, namespace_labels: Mapping[str, str] | None) -> bool:
    return key == _CLUSTER or (namespace_labels is None and key.startswith(_NAMESPACE_LABEL))


def _port_texts(port: Mapping[str, Any]) -> list[str]:
    number, last = str(port.get("port", "*")), port.get("endPort")
    wide = f"{number}-{last}" if last and str(last) != number else number
    protocol = text(port, "protocol").upper() or "ANY"
    if number in ("*", "0"):
        return ["*"] if protocol == "ANY" else [f"*/{protocol}"]
    # SCTP is off unless somebody turns it on.
    return [f"{wide}/{each}" for each in (("TCP", "UDP") if protocol == "ANY" else (protocol,))]
