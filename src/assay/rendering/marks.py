"""Who wrote what of a rendered text."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from assay.model.origin import Route

_BLANKS = " \t\r\n"
_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Trace:
    """Who wrote a stretch of a rendered text.

    ``file`` is relative to the template root; lines and columns count from 1 and ``end_column`` is the first column
    after it. Where not ``exact``, the place is near and the line may be another one. ``variables`` are the routes of
    the values that the writing expression used; empty for literal text and where they are not known for sure. Where
    ``default``, the value came from a ``default`` filter, and the place is the tag that holds the filter.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    exact: bool
    variables: tuple[Route, ...]
    default: bool


def _same(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    shorter = min(len(one), len(other))
    return next((index for index in range(shorter) if one[index] != other[index]), shorter)


class _Segment(NamedTuple):
    """From ``start`` on the text is of one writer."""

    start: int
    writer: int
    skip: int
    routes: int
    default: bool
    exact: bool


class _Place(NamedTuple):
    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    literal: bool


class Marks:
    """The marks of one rendered text.

    Args:
        text: The true text.
        answer: What the marked rendering gave (:func:`assay.rendering.marking.render_marked`).
    """

    def __init__(self, text: str, answer: dict[str, Any]) -> None:
        self._text = text
        self._lines = [0, *(match.end() for match in _BREAK.finditer(text))]
        self._template: str = answer["template"]
        self._places = [_Place(*place) for place in answer["places"]]
        self._routes: list[tuple[Route, ...]] = [tuple(map(tuple, routes)) for routes in answer["routes"]]
        self._segments = [_Segment(*segment) for segment in answer["segments"]]
        self._starts = [segment.start for segment in self._segments]
        marked: str = answer["text"]
        self._longer = len(marked) - len(text)
        self._same_until = _same(text, marked)
        self._same_from = len(text)
        if text != marked:
            most = min(len(text), len(marked)) - self._same_until
            self._same_from = len(text) - _same(text[::-1][:most], marked[::-1][:most])

    def at(self, line: int, column: int, end_line: int, end_column: int) -> Trace:
        """Who wrote a stretch of the rendered text, its quotes left aside.

        Where several templates' lines wrote it, the first of them is given and is not ``exact``.
        """
        start, end = self._inner(self._offset(line, column), self._offset(end_line, end_column))
        certain = end <= self._same_until or start >= self._same_from
        shift = self._longer if start >= self._same_from and self._longer else 0
        parts = self._parts(start + shift, end + shift)
        if not parts:
            return self._unknown(start + shift)
        return self._trace(parts, start + shift, end + shift, certain=certain)

    def _offset(self, line: int, column: int) -> int:
        return min(self._lines[min(line, len(self._lines)) - 1] + column - 1, len(self._text))

    def _inner(self, start: int, end: int) -> tuple[int, int]:
        """The stretch without quotes and blanks around it; a template may write those apart from what is inside."""
        text = self._text
        while end > start and text[end - 1] in _BLANKS:
            end -= 1
        if end - start > 2 and text[start] == text[end - 1] and text[start] in "'\"":
            return start + 1, end - 1
        return start, max(end, start + 1)

    def _parts(self, start: int, end: int) -> list[_Segment]:
        """The segments of a stretch that are known."""
        first = max(bisect_right(self._starts, start) - 1, 0)
        found = []
        for number in range(first, len(self._segments)):
            segment = self._segments[number]
            if segment.start >= end:
                break
            found.append(segment)
        return found if all(segment.writer >= 0 for segment in found) else []

    def _trace(self, parts: list[_Segment], start: int, end: int, *, certain: bool) -> Trace:
        places = [self._places[part.writer] for part in parts]
        first, last = places[0], places[-1]
        column, end_column = first.column, last.end_column
        if first.literal:
            column = min(first.column + parts[0].skip + max(start - parts[0].start, 0), first.end_column)
        if last.literal:
            end_column = min(last.column + parts[-1].skip + end - max(parts[-1].start, 0), last.end_column)
        one_line = all((place.file, place.line) == (first.file, first.line) for place in places)
        text_only = all(place.literal and place.file == first.file for place in places)
        in_order = text_only and all(a.line <= b.line for a, b in pairwise(places))
        if not (one_line or in_order):
            last, end_column = first, first.end_column
        return Trace(
            first.file,
            first.line,
            column,
            last.end_line,
            max(end_column, column + 1) if last.end_line == first.line else end_column,
            exact=certain and (one_line or in_order) and all(part.exact for part in parts),
            variables=tuple(dict.fromkeys(route for part in parts for route in self._routes[part.routes])),
            default=all(part.default for part in parts),
        )

    def _unknown(self, offset: int) -> Trace:
        """The nearest place before, which is not exact."""
        number = bisect_right(self._starts, offset) - 1
        while number >= 0 and self._segments[number].writer < 0:
            number -= 1
        place = (self._template, 1, 1, 1, 2) if number < 0 else self._places[self._segments[number].writer][:5]
        return Trace(*place, exact=False, variables=(), default=False)
