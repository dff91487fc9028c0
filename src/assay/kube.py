"""From plain data to Kubernetes objects: identity, lists unfolded, secrets masked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from assay.kinds import NAMESPACED
from assay.model.objects import UNSET_NAMESPACE, Identity, KubeObject

if TYPE_CHECKING:
    from assay.model.origin import Origin, Route
    from assay.redact import Masker


def is_object(value: Any) -> bool:
    """Whether a document is a Kubernetes object: it has ``apiVersion`` and ``kind``, both texts."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("apiVersion"), str)
        and isinstance(value.get("kind"), str)
        and bool(value["kind"])
    )


def unfold(value: dict[str, Any], route: Route = ()) -> Iterator[tuple[Route, Any]]:
    """The objects of a ``List`` (any kind that ends so and has ``items``), with their routes; else the object."""
    items = value.get("items")
    if not value["kind"].endswith("List") or not isinstance(items, list):
        yield route, value
        return
    for index, item in enumerate(items):
        place = (*route, "items", index)
        if is_object(item):
            yield from unfold(item, place)
        else:
            yield place, item


def problem_of(value: Any) -> str:
    """Why a value cannot be judged as an object; empty if it can."""
    if not is_object(value):
        return "an item of a List is no object with apiVersion and kind"
    metadata = value.get("metadata", {})
    if metadata is not None and not isinstance(metadata, dict):
        return f"`metadata` of a {value['kind']} is no map"
    return ""


def build_object(value: dict[str, Any], origin: Origin, source: str, namespace: str, masker: Masker) -> KubeObject:
    """An object from data that :func:`problem_of` finds nothing wrong with.

    Args:
        namespace: Where objects without a namespace belong; empty if their source does not say.
    """
    api_version = value["apiVersion"]
    group = api_version.rpartition("/")[0]
    metadata = value.get("metadata") or {}
    own = metadata.get("namespace")
    place: str | None = own if isinstance(own, str) and own else namespace or UNSET_NAMESPACE
    if not NAMESPACED.get(f"{group or 'core'}/{value['kind']}", True):
        place = None
    name = metadata.get("name") or metadata.get("generateName") or ""
    identity = Identity(group, value["kind"], place, str(name))
    return KubeObject(identity, api_version, masker.clean(value), origin, source)
