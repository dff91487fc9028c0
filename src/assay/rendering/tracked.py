"""Strings, numbers and containers that know who wrote them.

They are subclasses that behave as what they are, so that a template takes the same way with them; what an operation
loses is at worst a mark and never a character.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from jinja2 import Undefined

Route = tuple[str | int, ...]

NOBODY = -1
_MOST_ROUTES = 16


@dataclass(frozen=True, slots=True)
class Mark:
    """Who wrote a piece of text.

    ``writer`` is the number of a place in a template, or :data:`NOBODY` for a value that no template has written out
    yet. ``routes`` are the values it came from. ``exact`` is False where another place may have written it.
    """

    writer: int = NOBODY
    routes: tuple[Route, ...] = ()
    default: bool = False
    exact: bool = True


UNKNOWN = Mark(exact=False)


class Segment(NamedTuple):
    """From ``start`` on, a text is ``mark``'s, beginning ``skip`` characters into what the mark's place wrote."""

    start: int
    mark: Mark
    skip: int = 0


class Text(str):
    """A string with its segments, the first of which starts at 0."""

    _segments: list[Segment]

    def __new__(cls, text: str = "", segments: list[Segment] | None = None) -> Self:
        """A text; without segments nobody knows where it came from."""
        made = super().__new__(cls, text)
        made._segments = segments or [Segment(0, UNKNOWN)]
        return made

    def __str__(self) -> str:
        return self

    def __iter__(self) -> Iterator[str]:
        return (cut(self, index, index + 1) for index in range(len(self)))

    def __getitem__(self, key: Any) -> str:
        found = str.__getitem__(self, key)
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            return cut(self, start, max(start, stop)) if step == 1 else stamp(found, merged(marks_of(self)))
        position = key + len(self) if key < 0 else key
        return cut(self, position, position + 1)


class Integer(int):
    """An integer that knows where it came from."""

    _mark: Mark


class Float(float):
    """A float that knows where it came from."""

    _mark: Mark


class Boolean(int):
    """A boolean that knows where it came from; Python allows no subclass of its own."""

    _mark: Mark

    def __repr__(self) -> str:
        return repr(bool(self))

    __str__ = __repr__


class Map(dict[Any, Any]):
    """A dict that knows where it came from."""

    _mark: Mark


class List(list[Any]):
    """A list that knows where it came from."""

    _mark: Mark


_NUMBERS = (Integer, Float, Boolean)
_MARKED = (*_NUMBERS, Map, List)


def track(value: Any, mark: Mark, route: Route | None = None) -> Any:
    """A value that carries a mark. With a route, each part carries its own route instead."""
    if route is not None:
        mark = replace(mark, routes=(route,) if route else ())
    made: Any
    if isinstance(value, dict):
        made = Map()
        for key, part in value.items():
            below = None if route is None else (*route, key)
            made[track(key, mark, below) if isinstance(key, str) else key] = track(part, mark, below)
    elif isinstance(value, (list, tuple)):
        made = List(track(part, mark, None if route is None else (*route, i)) for i, part in enumerate(value))
    else:
        return stamp(value, mark)
    made._mark = mark
    return made


def stamp(value: Any, mark: Mark | None) -> Any:
    """The result of an operation with the mark of what it was made from; None marks nothing."""
    made: Any
    if mark is None or value is None or isinstance(value, Undefined):
        return value
    if isinstance(value, str):
        return Text(str.__str__(value), [Segment(0, mark)])
    if isinstance(value, (bool, Boolean)):
        made = Boolean(value)
    elif isinstance(value, int):
        made = Integer(value)
    elif isinstance(value, float):
        made = Float(value)
    elif isinstance(value, (list, tuple)):
        return [stamp(part, mark) for part in value]
    else:
        return value
    made._mark = mark
    return made


def plain(value: Any) -> Any:
    """A value without any mark, its parts too; iterators become lists."""
    if isinstance(value, Text):
        return str.__str__(value)
    if isinstance(value, Boolean):
        return bool(value)
    if isinstance(value, Integer):
        return int(value)
    if isinstance(value, Float):
        return float(value)
    if isinstance(value, Mapping) and isinstance(value, dict):
        return {plain(key): plain(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(plain(part) for part in value)
    if isinstance(value, (list, Iterator)):
        return [plain(part) for part in value]
    return value


def marks_of(value: Any) -> list[Mark]:
    """The marks of a value, or of its parts where it is a container that nobody marked."""
    if isinstance(value, Text):
        return [segment.mark for segment in value._segments]
    if isinstance(value, _MARKED):
        return [value._mark]
    if isinstance(value, dict):
        return [mark for part in value.values() for mark in marks_of(part)]
    if isinstance(value, (list, tuple)):
        return [mark for part in value for mark in marks_of(part)]
    return []


def merged(marks: Iterable[Mark]) -> Mark | None:
    """One mark for what was made from several; not exact where they are of several writers."""
    once = list(dict.fromkeys(marks))
    if len(once) < 2:
        return once[0] if once else None
    routes = tuple(dict.fromkeys(route for mark in once for route in mark.routes))
    one_writer = len({mark.writer for mark in once}) == 1
    return Mark(
        once[0].writer,
        routes if len(routes) <= _MOST_ROUTES else (),
        default=all(mark.default for mark in once),
        exact=one_writer and all(mark.exact for mark in once),
    )


def cut(text: Text, start: int, stop: int) -> Text:
    """A part of a text with its segments."""
    segments = text._segments
    first = max(bisect_right(segments, start, key=lambda segment: segment.start) - 1, 0)
    found: list[Segment] = []
    for at, mark, skip in segments[first:]:
        if at >= stop and found:
            break
        inside = max(start - at, 0)
        found.append(Segment(max(at - start, 0), mark, skip + inside))
    return Text(str.__getitem__(text, slice(start, stop)), found)


def joined(parts: Iterable[str], unmarked: Mark) -> str:
    """Texts one after the other; ``unmarked`` is for parts that carry no mark. Plain if none does."""
    pieces = list(parts)
    text = "".join(pieces)
    if not any(isinstance(piece, Text) for piece in pieces):
        return text
    segments: list[Segment] = []
    length = 0
    for piece in pieces:
        if isinstance(piece, Text):
            segments += [Segment(length + at, mark, skip) for at, mark, skip in piece._segments] if piece else []
        elif piece:
            segments.append(Segment(length, unmarked))
        length += len(piece)
    return Text(text, segments)
