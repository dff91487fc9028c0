"""Packs, controls, and the status of a control (docs/verdicts.md)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from assay.model.rules import Tie


class Assessability(StrEnum):
    """How much of a control a cluster can show."""

    AUTOMATED = "automated"
    PARTIAL = "partial"
    MANUAL = "manual"


class Status(StrEnum):
    """The answer for one control."""

    MANUAL = "manual"
    FAIL = "fail"
    NOT_ASSESSED = "not assessed"
    WAIVED = "waived"
    PASS = "pass"  # noqa: S105
    NOT_APPLICABLE = "not applicable"


class Control(NamedTuple):
    """One control of a framework.

    ``seen`` is what a cluster can show of it, ``show`` what a person must bring. ``ties`` are the rules that
    evidence it, from the pack and from the rules themselves.
    """

    pack: str
    id: str
    title: str
    assessability: Assessability
    seen: str
    show: str
    ties: tuple[tuple[str, Tie], ...] = ()


class Pack(NamedTuple):
    """One framework with its complete list of controls, in the framework's own order."""

    id: str
    title: str
    version: str
    source: str
    scope: str
    controls: tuple[Control, ...]


class Population(NamedTuple):
    """How many objects stand behind a status."""

    in_scope: int = 0
    passed: int = 0
    failed: int = 0
    waived: int = 0


class ControlResult(NamedTuple):
    """The status of one control in one world, with everything that must stand beside it."""

    control: Control
    world: str
    status: Status
    reasons: tuple[str, ...]
    tied: int
    assessed: int
    population: Population
    live_rules: tuple[str, ...] = ()
