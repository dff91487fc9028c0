"""Exit codes, and the small words that several commands share."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """Documented, tested, stable."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    INCOMPLETE = 3
    INTERRUPTED = 130


_held: list[object] = []


def hold(*things: object) -> None:
    """Keep things until the process ends, or until the next are held: to free a large result takes 10 ms and more."""
    _held[:] = things


def nearest_word(word: str, known: Iterable[str]) -> str:
    """``Did you mean X?`` where something is near enough, else nothing."""
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), n=1)
    return f"Did you mean {close[0]!r}?" if close else ""
