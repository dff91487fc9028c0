"""Which routes a verdict is about, and the places behind them (docs/verdicts.md)."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from assay.model.origin import Place, Role, format_route, lookup, parse_route
from assay.model.verdicts import Evidence

if TYPE_CHECKING:
    from assay.model.objects import KubeObject
    from assay.model.origin import Route
    from assay.workloads import PodView


def absolute(text: str, item: Route, view: PodView | None) -> Route:
    """A route of a rule as one from the root of the object.

    ``pod.`` and ``podMetadata.`` start at the effective Pod, ``object.`` at the root, anything else at the item.
    ``.`` is the item itself.
    """
    if text == ".":
        return item
    start, _, rest = text.partition(".")
    if view is not None and start == "pod":
        return (*view.spec_route, *parse_route(rest))
    if view is not None and start == "podMetadata":
        return (*view.metadata_route, *parse_route(rest))
    return parse_route(rest) if start == "object" else (*item, *parse_route(text))


def blame(at: tuple[str, ...], item: Route, view: PodView | None, obj: KubeObject) -> tuple[Route, tuple[Place, ...]]:
    """The route to blame and its places: the first that exists is primary, the others that exist are related.

    If none exists, the nearest existing parent of the first is the place, role ``missing``.
    """
    routes = [absolute(text, item, view) for text in at]
    existing = [route for route in routes if lookup(obj.body, route)[0]]
    if existing:
        places = [place for route in existing for place in obj.origin.places(route)]
        return existing[0], tuple(dict.fromkeys(places))
    first = routes[0]
    parent = first
    while parent and not lookup(obj.body, parent)[0]:
        parent = parent[:-1]
    add = format_route(first[len(parent) :])
    primary, *related = obj.origin.places(first)
    role = primary.role if primary.role in (Role.APPROXIMATE, Role.LIVE) else Role.MISSING
    return first, (primary._replace(role=role, note=f"add {add} here"), *related)


def evidence_of(
    at: tuple[str, ...], more: tuple[str, ...], item: Route, view: PodView | None, obj: KubeObject
) -> tuple[Evidence, ...]:
    """What was found at the routes to blame and at those that the rule adds; nothing at the first if none exists."""
    routes = dict.fromkeys(absolute(text, item, view) for text in (*at, *more))
    found = [(route, *lookup(obj.body, route)) for route in routes]
    return tuple(Evidence(route, value) for route, exists, value in found if exists) or (Evidence(found[0][0], None),)


# The list map keys of the Kubernetes API (x-kubernetes-list-map-keys) for lists whose items have no name.
_LIST_KEYS: dict[str, tuple[str, ...]] = {
    "ports": ("containerPort", "port", "protocol"),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
}


def item_key(list_name: str, value: Any) -> str:
    """What names an item of a list whatever its index: its name, its list map keys, else a digest."""
    if isinstance(value, dict):
        if isinstance(value.get("name"), str):
            return str(value["name"])
        found = [f"{key}={value[key]}" for key in _LIST_KEYS.get(list_name, ()) if key in value]
        if found:
            return ",".join(found)
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return "#" + hashlib.sha256(text.encode()).hexdigest()[:12]


def item_name(route: Route, value: Any) -> str:
    """How people find an item: its name if it has one, else its route; empty for the whole object."""
    if not route:
        return ""
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        return str(value["name"])
    return format_route(route)


def keyed_route(route: Route, body: dict[str, Any]) -> str:
    """A route with item keys instead of indexes, for fingerprints."""
    steps = []
    value: Any = body
    list_name = ""
    for step in route:
        found, child = lookup(value, (step,))
        steps.append(f"[{item_key(list_name, child)}]" if isinstance(step, int) and found else str(step))
        list_name = step if isinstance(step, str) else list_name
        value = child
    return "/".join(steps)


def fingerprint(rule: str, binding: str, obj: KubeObject, route: Route) -> str:
    """What a finding is over time: not its line, file or message (docs/verdicts.md)."""
    identity = obj.identity
    return digest(
        rule,
        binding,
        identity.group,
        identity.kind,
        identity.namespace or "",
        identity.name,
        keyed_route(route, obj.body),
    )


def digest(*parts: str) -> str:
    """A short stable digest of some texts."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
