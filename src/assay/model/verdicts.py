"""Verdicts and findings (docs/verdicts.md)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from assay.model.objects import Identity, Unread
    from assay.model.origin import Place, Route
    from assay.model.waivers import Waiver


class Verdict(StrEnum):
    """What a rule says of an object, worst first."""

    ERROR = "error"
    FAIL = "fail"
    NOT_ASSESSED = "not assessed"
    WAIVED = "waived"
    PASS = "pass"  # noqa: S105
    NOT_APPLICABLE = "not applicable"


_RANK = {verdict: rank for rank, verdict in enumerate(Verdict)}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """An object's verdict for a rule is the worst of its items; of no items it is ``not applicable``."""
    return min(verdicts, key=_RANK.__getitem__, default=Verdict.NOT_APPLICABLE)


class Severity(StrEnum):
    """How bad a failure is, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    def reaches(self, threshold: Severity) -> bool:
        """Whether this severity is at or above a threshold."""
        order = list(Severity)
        return order.index(self) <= order.index(threshold)


class Evidence(NamedTuple):
    """What was found at a route. ``value`` is None where nothing was; secret values are placeholders."""

    route: Route
    value: Any


class Finding(NamedTuple):
    """One verdict about one item of one object; a failure always has a place."""

    rule: str
    params: tuple[tuple[str, Any], ...]
    packs: tuple[str, ...]
    verdict: Verdict
    severity: Severity
    world: str
    message: str
    identity: Identity | None = None
    api_version: str = ""
    item: str = ""
    route: Route = ()
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    places: tuple[Place, ...] = ()
    controls: tuple[tuple[str, str], ...] = ()
    unread: Unread | None = None
    binding: str = ""
    source: str = ""
    fingerprint: str = ""
    waiver: Waiver | None = None
    """The waiver that matches a failure; one that has expired changes no verdict."""


class Tally(NamedTuple):
    """The verdict of one binding for one object of a world, both by their index; never ``not applicable``.

    ``object`` is -1 for what was not seen.
    """

    binding: int
    object: int
    verdict: Verdict
