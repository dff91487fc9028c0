"""Where the documents of a text begin and end, found before any of them is parsed, as kubectl finds them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.documents import fromjson, limits

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 4096
_CONTENT = re.compile(r"(?m)^[ \t\r\f\v]*(?=[^\s#])")
_SEPARATOR = re.compile(r"---(?:[ \t\r]*(?:#[^\n]*)?|(?P<content>[^\n]*))(?:\n|\Z)")


class Lines:
    """Turns an offset of a text into line and column, both from 1, the column in characters.

    A line ends with LF, CR LF or CR. Only the lines before each block are counted and kept: a list of all line
    starts can be a hundred times the text.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._carriage_returns = "\r" in text
        self._before: list[int] = []

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset."""
        block = offset // _BLOCK
        while len(self._before) <= block:
            done = len(self._before)
            lines = self._before[-1] + self._breaks((done - 1) * _BLOCK, done * _BLOCK) if done else 0
            self._before.append(lines)
        line = self._before[block] + self._breaks(block * _BLOCK, offset) + 1
        start = self._text.rfind("\n", 0, offset) + 1
        if self._carriage_returns:
            start = max(start, self._text.rfind("\r", start, max(offset - self._text.startswith("\n", offset), 0)) + 1)
        return line, offset - start + 1

    def _breaks(self, start: int, end: int) -> int:
        """How many lines end in a stretch; CR LF counts where its LF is."""
        count = self._text.count("\n", start, end)
        if self._carriage_returns:
            last = end + self._text.startswith("\n", end)
            count += self._text.count("\r", start, end) - self._text.count("\r\n", start, last)
        return count


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
    the other is as many documents. Where there are more documents than ``limits.NODES`` pay for, they end.
    """
    index = 0
    for start, end, separator in _stretches(text):
        if index * limits.DOCUMENT_COST > limits.NODES:
            return
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
