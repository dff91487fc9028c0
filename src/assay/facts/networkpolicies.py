"""NetworkPolicies as the API server takes them, and whether they let a connection pass.

Sources: the NetworkPolicy v1 API reference with its defaults and validation, and the page "Network Policies" of the
Kubernetes documentation. A Pod that no policy selects for a direction is open in it; what the policies that select it
allow adds up; a connection passes if the way out and the way in are both open. A Pod on the network of its node is what
most network plugins see of it: the address of the node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Literal, NamedTuple, TypeGuard

from assay.facts.index import NAME_LABEL, items, part, selects, text
from assay.model.objects import UNSET_NAMESPACE

Direction = Literal["ingress", "egress"]
DIRECTIONS: tuple[Direction, Direction] = ("ingress", "egress")

_ALL_PORTS = (0, 65535)
_PROTOCOLS = ("TCP", "UDP", "SCTP")

# What no address of the internet is: RFC 1918, RFC 6598, RFC 3927, RFC 1122, RFC 4193 and RFC 4291.
_NOT_PUBLIC = tuple(
    ip_network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.168.0.0/16", "224.0.0.0/3", "::/128", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
)


class RefusedError(ValueError):
    """The API server refuses such a policy, or nobody can read it."""


class Block(NamedTuple):
    """Addresses: a range without others."""

    cidr: IPv4Network | IPv6Network
    excepted: tuple[IPv4Network | IPv6Network, ...]

    def holds(self, address: str) -> bool:
        """Whether an address is in the range and in none of the exceptions."""
        ip = ip_address(address)
        return ip in self.cidr and not any(ip in other for other in self.excepted)

    @property
    def public(self) -> bool:
        """Whether some address of the block belongs to the internet."""
        return _reach(self)[0]

    @property
    def private(self) -> bool:
        """Whether some address of the block can be one of a Pod or of the own network."""
        return _reach(self)[1]


@lru_cache(maxsize=1024)
def _reach(block: Block) -> tuple[bool, bool]:
    """Whether a block has addresses of the internet, and others."""
    own = [other for other in _NOT_PUBLIC if other.version == block.cidr.version and other.overlaps(block.cidr)]
    within = (block.cidr if block.cidr.prefixlen >= other.prefixlen else other for other in own)
    return _left(block.cidr, (*block.excepted, *own)), any(_left(each, block.excepted) for each in within)


def _left(network: IPv4Network | IPv6Network, others: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether some address of a network is in none of the others."""
    at, end = int(network.network_address), int(network.broadcast_address)
    taken = sorted(
        (int(other.network_address), int(other.broadcast_address))
        for other in others
        if other.version == network.version
    )
    for first, last in taken:
        if first > at:
            break
        at = max(at, last + 1)
    return at <= end


class Port(NamedTuple):
    """Ports of a protocol: a range of numbers, or what the target's containers call ``name``."""

    protocol: str
    first: int
    last: int
    name: str = ""

    def __str__(self) -> str:
        if self.name:
            return f"{self.name}/{self.protocol}"
        if (self.first, self.last) == _ALL_PORTS:
            return f"*/{self.protocol}"
        return f"{self.first}{f'-{self.last}' if self.last > self.first else ''}/{self.protocol}"


class Peer(NamedTuple):
    """Who may call or be called: a block of addresses, or Pods by their labels and those of their namespaces.

    ``namespaces`` is None where the peer is about the policy's own namespace. An empty selector selects all.
    """

    pods: Mapping[str, Any]
    namespaces: Mapping[str, Any] | None
    block: Block | None


class Rule(NamedTuple):
    """What a rule allows: ``peers`` and ``ports`` are None where it allows all of them."""

    peers: tuple[Peer, ...] | None
    ports: tuple[Port, ...] | None


class Policy(NamedTuple):
    """One NetworkPolicy: its rules are None in a direction that it is not about."""

    namespace: str
    name: str
    pods: Mapping[str, Any]
    ingress: tuple[Rule, ...] | None
    egress: tuple[Rule, ...] | None

    def rules(self, direction: Direction) -> tuple[Rule, ...] | None:
        """Its rules of a direction."""
        return self.ingress if direction == "ingress" else self.egress


class End(NamedTuple):
    """One end of a connection: a Pod of the cluster network, or an address where ``namespace`` is empty.

    ``address`` is empty where it is not known, ``namespace_labels`` is None where the Namespace was not seen, and
    ``ports`` are the names that containers give to their ports, with (protocol, number).
    """

    address: str = ""
    namespace: str = ""
    labels: Mapping[str, str] = {}
    namespace_labels: Mapping[str, str] | None = None
    ports: Mapping[str, frozenset[tuple[str, int]]] = {}


def may_reach(
    policies: Mapping[str, Sequence[Policy]], source: End, target: End, port: int, protocol: str
) -> bool | None:
    """Whether policies, given by namespace, let a connection pass; None where that is not known."""
    way_out = _passes(policies, source, target, "egress", (port, protocol, target))
    way_in = _passes(policies, target, source, "ingress", (port, protocol, target))
    return _every((way_out, way_in))


def _passes(
    policies: Mapping[str, Sequence[Policy]],
    subject: End,
    other: End,
    direction: Direction,
    port: tuple[int, str, End],
) -> bool | None:
    if not subject.namespace:
        return True
    isolating = [
        (policy, rules)
        for policy in policies.get(subject.namespace, ())
        for rules in (policy.rules(direction),)
        if rules is not None and selects(policy.pods, subject.labels)
    ]
    if not isolating:
        return True
    return _some(
        _some(meets(peer, policy.namespace, other) for peer in rule.peers) if rule.peers is not None else True
        for policy, rules in isolating
        for rule in rules
        if rule.ports is None or any(_opens(entry, *port) for entry in rule.ports)
    )


def _opens(entry: Port, port: int, protocol: str, target: End) -> bool:
    if entry.name:
        return entry.protocol == protocol and (protocol, port) in target.ports.get(entry.name, frozenset())
    return entry.protocol == protocol and entry.first <= port <= entry.last


def meets(peer: Peer, namespace: str, end: End) -> bool | None:
    """Whether a peer of a policy in ``namespace`` stands for one end; None where that is not known."""
    if peer.block is not None:
        return peer.block.holds(end.address) if end.address else None
    if not end.namespace or not selects(peer.pods, end.labels):
        return False
    if peer.namespaces is None:
        return end.namespace == namespace
    return in_namespace(peer.namespaces, end.namespace, end.namespace_labels)


def chooses(selector: Mapping[str, Any], labels: Mapping[str, str], doubtful: Callable[[str], bool]) -> bool | None:
    """Whether a LabelSelector selects labels; None if that hangs on a label of which nobody knows whether it is there.

    Args:
        doubtful: Whether a label that is not among ``labels`` may be there all the same.
    """
    terms: list[tuple[str, dict[str, Any]]] = [
        *((key, {"matchLabels": {key: value}}) for key, value in part(selector, "matchLabels").items()),
        *((term["key"], {"matchExpressions": [term]}) for term in items(selector, "matchExpressions")),
    ]
    return _every(selects(term, labels) if key in labels or not doubtful(key) else None for key, term in terms)


def in_namespace(selector: Mapping[str, Any], namespace: str, labels: Mapping[str, str] | None) -> bool | None:
    """Whether a selector selects a namespace; of one that was not seen (``labels`` is None) only the name is known."""
    if labels is not None:
        return selects(selector, labels)
    known = {} if namespace == UNSET_NAMESPACE else {NAME_LABEL: namespace}
    return chooses(selector, known, lambda _key: True)


def _some(known: Iterable[bool | None]) -> bool | None:
    found: bool | None = False
    for one in known:
        if one:
            return True
        if one is None:
            found = None
    return found


def _every(known: Iterable[bool | None]) -> bool | None:
    refuted = _some(None if one is None else not one for one in known)
    return None if refuted is None else not refuted


def read_policy(body: Mapping[str, Any], namespace: str) -> Policy:
    """A NetworkPolicy with its defaults.

    Raises:
        RefusedError: The API server refuses it.
    """
    spec = _map(body, "spec")
    types = _list(spec, "policyTypes")
    if len(types) > 2 or any(kind not in ("Ingress", "Egress") for kind in types):
        raise RefusedError("policyTypes")
    ingress = tuple(_rule(entry, "from") for entry in _list(spec, "ingress"))
    egress = tuple(_rule(entry, "to") for entry in _list(spec, "egress"))
    held = types or (["Ingress", "Egress"] if egress else ["Ingress"])
    return Policy(
        namespace,
        text(body, "metadata", "name"),
        _selector(spec, "podSelector"),
        ingress if "Ingress" in held else None,
        egress if "Egress" in held else None,
    )


def _map(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise RefusedError(name)
    return found


def _list(value: Mapping[str, Any], name: str) -> list[Any]:
    found = value.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise RefusedError(name)
    return found


def _selector(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    selector = _map(value, name)
    if not all(isinstance(wanted, str) for wanted in _map(selector, "matchLabels").values()):
        raise RefusedError(name)
    for term in _list(selector, "matchExpressions"):
        if not isinstance(term, dict) or not isinstance(term.get("key"), str):
            raise RefusedError(name)
        values = _list(term, "values")
        listed = term.get("operator") in ("In", "NotIn")
        if not listed and term.get("operator") not in ("Exists", "DoesNotExist"):
            raise RefusedError(name)
        if bool(values) is not listed or not all(isinstance(wanted, str) for wanted in values):
            raise RefusedError(name)
    return selector


def _rule(entry: Any, name: str) -> Rule:
    if entry is None:
        return Rule(None, None)
    if not isinstance(entry, dict):
        raise RefusedError("a rule")
    peers = tuple(map(_peer, _list(entry, name)))
    ports = tuple(map(_port, _list(entry, "ports")))
    return Rule(peers or None, ports or None)


def _peer(entry: Any) -> Peer:
    if not isinstance(entry, dict):
        raise RefusedError("a peer")
    pods, namespaces, block = entry.get("podSelector"), entry.get("namespaceSelector"), entry.get("ipBlock")
    if (block is None) is (pods is None and namespaces is None):
        raise RefusedError("a peer")
    if block is not None:
        return Peer({}, None, _block(block))
    return Peer(
        _selector(entry, "podSelector"), None if namespaces is None else _selector(entry, "namespaceSelector"), None
    )


def _block(entry: Any) -> Block:
    if not isinstance(entry, dict):
        raise RefusedError("ipBlock")
    try:
        return Block(_network(entry.get("cidr")), tuple(map(_network, _list(entry, "except"))))
    except ValueError as problem:
        raise RefusedError("ipBlock") from problem


def _network(cidr: Any) -> IPv4Network | IPv6Network:
    if not isinstance(cidr, str) or "/" not in cidr:
        raise RefusedError("ipBlock")
    return _parsed(cidr)


@lru_cache(maxsize=1024)
def _parsed(cidr: str) -> IPv4Network | IPv6Network:
    return ip_network(cidr, strict=False)


def _port(entry: Any) -> Port:
    if not isinstance(entry, dict):
        raise RefusedError("a port")
    protocol, port, last = entry.get("protocol"), entry.get("port"), entry.get("endPort")
    if protocol is not None and protocol not in _PROTOCOLS:
        raise RefusedError("protocol")
    protocol = protocol or "TCP"
    if port is None and last is None:
        return Port(protocol, *_ALL_PORTS)
    if isinstance(port, str) and port and last is None:
        return Port(protocol, 0, 0, port)
    last = port if last is None else last
    if not _is_port(port) or not _is_port(last) or last < port:
        raise RefusedError("a port")
    return Port(protocol, port, last)


def _is_port(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535
