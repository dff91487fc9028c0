"""The result of a whole run, as reports read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from assay.model.controls import ControlResult, Pack
from assay.model.objects import Identity, Unread, Warned, World
from assay.model.rules import Binding
from assay.model.verdicts import Finding, Verdict
from assay.model.waivers import Waiver, WaiverState


class Inventory(NamedTuple):
    """A relation of a world as a table, which judges nothing; ``unseen`` is what could change it."""

    world: str
    fact: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    unseen: tuple[str, ...]


class Run(NamedTuple):
    """Everything that one scan found.

    ``counts`` are verdicts of items by rule; ``objects`` are (identity, source, world, whether any rule applied).
    ``scopes`` are the scopes that packs have and the project file does not declare. Times are ISO 8601 in UTC.
    """

    id: str
    version: str
    started: str
    ended: str
    command: tuple[str, ...]
    sources: tuple[str, ...]
    worlds: tuple[World, ...]
    packs: tuple[Pack, ...]
    bindings: tuple[Binding, ...]
    params: Mapping[str, Any]
    threshold: str
    findings: tuple[Finding, ...]
    counts: Mapping[str, Counter[Verdict]]
    objects: tuple[tuple[Identity, str, str, bool], ...]
    controls: tuple[ControlResult, ...]
    warnings: tuple[Warned, ...]
    unread: tuple[tuple[str, Unread], ...]  # (world, what was not seen)
    waivers: tuple[tuple[Waiver, WaiverState, int], ...] = ()
    """Each waiver with what became of it and how many failures it answered for."""
    skipped: int = 0
    undeclared_scopes: tuple[str, ...] = ()
    renderers: Mapping[str, str] = {}
    inventory: tuple[Inventory, ...] = ()
    shown_only: tuple[str, ...] = ()
    """The changed files that limit what is shown (``--changed``); empty when everything is."""
