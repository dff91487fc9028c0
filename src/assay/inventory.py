"""One world: what its sources hold, equal objects once, conflicting ones named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay.model.objects import Identity, KubeObject, Unread, Warned, World
from assay.model.origin import Role
from assay.sources.interface import Batch, Source


def read_world(sources: Sequence[Source], environment: str) -> Batch:
    """What all sources give to one environment."""
    batch = Batch()
    for source in sources:
        batch.add(source.read(environment))
    return batch


def build_world(
    name: str, batch: Batch, *, clock: str, complete: bool | tuple[str, ...], strict: bool
) -> tuple[World, list[Warned]]:
    """The world of what was read, and the identities that two different objects claim.

    Args:
        clock: Now, ISO 8601 in UTC.
        complete: What is said to be complete.
        strict: Whether two objects with one identity make the run incomplete (in a project they do).
    """
    known: dict[Identity, list[KubeObject]] = {}
    kept: list[KubeObject] = []
    warned = list(batch.warned)
    for obj in batch.objects:
        twins = known.setdefault(obj.identity, [])
        named = bool((obj.body.get("metadata") or {}).get("name"))
        if named and any(twin.body == obj.body and twin.api_version == obj.api_version for twin in twins):
            continue
        if named and twins:
            warned.append(_conflict(twins[0], obj, incomplete=strict))
        twins.append(obj)
        kept.append(obj)
    world = World(name, "environment", clock, complete, tuple(kept), tuple(_distinct(batch.unread)))
    return world, warned


def _conflict(first: KubeObject, second: KubeObject, *, incomplete: bool) -> Warned:
    place = second.origin.places(())[0]
    other = first.origin.places(())[0]
    where = other.file if other.role is Role.LIVE else f"{other.file}:{other.line}"
    return Warned(f"{second.identity} is defined twice, also in {where}; each is judged", place, incomplete)


def _distinct(unread: Iterable[Unread]) -> Iterable[Unread]:
    return dict.fromkeys(unread)
