"""Where the documents of a text begin and end, found before any of them is parsed, as kubectl finds them."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.documents import fromjson

if TYPE_CHECKING:
    from collections.abc import Iterator

_BREAK = re.compile(r"\r\n|\r|\n")
_CONTENT = re.compile(r"(?m)^[ \t\r\f\v]*(?=[^\s#])")
_SEPARATOR = re.compile(r"---(?:[ \t\r]*(?:#[^\n]*)?|(?P<content>[^\n]*))(?:\n|\Z)")


class Lines:
    """Turns an offset of a text into line and column, both from 1, the column in characters."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: list[int] | None = None

    @property
    def starts(self) -> list[int]:
        """The offset at which each line begins."""
        if self._starts is None:
            self._starts = [0, *(match.end() for match in _BREAK.finditer(self._text))]
        return self._starts

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1


@dataclass(frozen=True, slots=True)
class Unit:
    """One document as a stretch of the text.

    ``separator`` is the offset of a ``---`` line that kubectl refuses, or -1. ``value`` is there where the
    stretch is JSON and could be read as such; ``size`` is then an upper bound of how many values it holds.
    """

    index: int
    start: int
    end: int
    empty: bool = False
    separator: int = -1
    is_json: bool = False
    value: Any = None
    size: int = 0


def units(text: str) -> Iterator[Unit]:
    """The documents of a text, the empty ones too.

    Blank lines and comments before the first ``---`` are no document. A stretch that holds JSON objects one after
    the other is as many documents.
    """
    index = 0
    for start, end, separator in _stretches(text):
        content = _CONTENT.search(text, start, end)
        if content is None and separator < 0:
            if start or end == len(text):
                yield Unit(index, start, end, empty=True)
                index += 1
            continue
        parsed = fromjson.stream(text, content.end(), end) if content and separator < 0 else None
        if parsed is None:
            yield Unit(index, start, end, separator=separator)
            index += 1
            continue
        for first, last, value in parsed:
            yield Unit(index, first, last, is_json=True, value=value, size=fromjson.size(text, first, last))
            index += 1


def _stretches(text: str) -> Iterator[tuple[int, int, int]]:
    """Start and end of each stretch between two ``---`` lines, and the offset of a refused line before it."""
    start, refused, at = 0, -1, 0 if text.startswith("---") else text.find("\n---") + 1
    while at or text.startswith("---", at):
        match = _SEPARATOR.match(text, at)
        if match:
            if at:
                yield start, at, refused
            start = match.end()
            refused = at if match["content"] else -1
        at = text.find("\n---", at) + 1
        if not at:
            break
    yield start, len(text), refused
