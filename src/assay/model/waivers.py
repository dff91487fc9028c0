"""Waivers: dated, owned and reasoned exceptions (docs/waivers.md)."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class WaiverState(StrEnum):
    """What became of a waiver in a run."""

    USED = "used"
    UNUSED = "unused"
    EXPIRED = "expired"


class Waiver(NamedTuple):
    """One entry of the waivers file.

    ``until`` is the last day that counts, ``YYYY-MM-DD`` in UTC. What is empty selects everything; names and paths are
    glob patterns. ``file`` and ``line`` are where the entry stands.
    """

    rule: str
    reason: str
    owner: str
    until: str
    ticket: str = ""
    environments: tuple[str, ...] = ()
    kind: str = ""
    namespace: str = ""
    name: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    path: str = ""
    item: str = ""
    file: str = ""
    line: int = 1

    def expired(self, clock: str) -> bool:
        """Whether the last day is over at a time (ISO 8601 in UTC)."""
        return clock[:10] > self.until
