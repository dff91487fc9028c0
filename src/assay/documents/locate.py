"""From a route inside a document to line and column. Nothing is parsed before somebody asks."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from assay.documents import flat, jsontree
from assay.documents.compose import EMPTY
from assay.documents.problems import FaultError
from assay.documents.split import Lines, units
from assay.documents.tree import Found, Node, TreeComposer, follow

if TYPE_CHECKING:
    from array import array
    from collections.abc import Mapping

    from assay.model.origin import Route

_BLANKS = " \t\r\n"
_SPACE = re.compile(r"[ \t\r\n]*")
_SIGNS = {
    "'": re.compile(r"''|[^ \t\r\n]"),
    '"': re.compile(
        r"\\(?:[ \tntr\r\n]|(?:x|u00|U000000)(?:20|09|0[ADad]))(?P<blank>)"
        r"|\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|x..|u.{4}|U.{8}|.)|[^ \t\r\n]"
    ),
}
_SIGN = re.compile(r"[^ \t\r\n]")
_PROPERTIES = re.compile(r"(?:[!&][^ \t\r\n]*[ \t\r\n]+)*")


class Span(NamedTuple):
    """A stretch of a text, counted from 1; ``end_column`` is the first column after it.

    ``exists`` is False where the route leads nowhere: then this is the key, or the first line of the item, of the
    nearest parent that is there. ``key`` is the stretch (line, column, end line, end column) of the mapping key
    that names the value.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    exists: bool
    key: tuple[int, int, int, int] | None


class Point(NamedTuple):
    """A place inside a scalar; ``approximate`` where folded blanks make it uncertain."""

    line: int
    column: int
    approximate: bool


class Locator:
    """Finds routes in one text. Each document is composed when it is first asked about, and once.

    Args:
        places: What was noted of documents while they were read, by their index: they need no composing.
    """

    def __init__(self, text: str, places: Mapping[int, array[int]] | None = None) -> None:
        self._text = text
        self._places = places or {}
        self._lines = Lines(text)
        self._units: list[tuple[int, int, bool]] | None = None
        self._trees: dict[int, Node | None] = {}

    def locate(self, document: int, route: Route) -> Span:
        """Where a route of the document with this index is written.

        A document that cannot be read, or is not there, gives its first line.
        """
        start, end = self._unit(document)
        found = self._found(document, start, route)
        if found is None:
            return self._first_line(start, start, end)
        key = None
        if found.key is not None:
            key = (*self._lines.place(start + found.key[0]), *self._lines.place(start + found.key[1]))
        if found.exists:
            first, last = self._bounds(start + found.start, start + found.end)
            return Span(*self._lines.place(first), *self._lines.place(last), exists=True, key=key)
        if key is not None:
            return Span(*key, exists=False, key=key)
        return self._first_line(start, start + found.start, end)

    def _found(self, document: int, start: int, route: Route) -> flat.Flat | None:
        """How far a route leads in a document; None where that has no root."""
        if document in self._places:
            noted = flat.follow(self._text, start, self._places[document], route)
            if noted is not None:
                return noted
        root = self._document(document)[2]
        if root is None:
            return None
        found = follow(root, route)
        key = None if found.key is None else (found.key.start, found.key.end)
        return flat.Flat(found.node.start, found.node.end, key, found.exists)

    def locate_in_text(self, document: int, route: Route, offset: int) -> Point:
        """Where a character of a string is written, given its offset in the value.

        The characters that are no blanks stand in the source in the same order, whatever folding did to the
        blanks between them.
        """
        start, _, root = self._document(document)
        found = follow(root, route) if root is not None else None
        if found is None or not found.exists or found.node.children is not None:
            span = self.locate(document, route)
            return Point(span.line, span.column, approximate=True)
        return self._inside(found, start, offset)

    def _unit(self, index: int) -> tuple[int, int]:
        """Start and end of a document."""
        if self._units is None:
            self._units = [(unit.start, unit.end, unit.is_json) for unit in units(self._text)]
        return self._units[index][:2] if 0 <= index < len(self._units) else (0, len(self._text))

    def _document(self, index: int) -> tuple[int, int, Node | None]:
        """Start and end of a document, and its root."""
        start, end = self._unit(index)
        if self._units is None or not 0 <= index < len(self._units):
            return start, end, None
        if index not in self._trees:
            self._trees[index] = _compose(self._text[start:end], is_json=self._units[index][2])
        return start, end, self._trees[index]

    def _bounds(self, first: int, last: int) -> tuple[int, int]:
        """First and last offset of a value; the blank lines after a block scalar are no part of it."""
        return first, first + len(self._text[first:last].rstrip(_BLANKS))

    def _first_line(self, start: int, first: int, end: int) -> Span:
        """The line at ``first``, without its blanks, as the place of something that is not there."""
        if first == start:
            first = min(_SPACE.match(self._text, first).end(), end)  # type: ignore[union-attr]
        line, column = self._lines.place(first)
        stop = self._text.find("\n", first, end)
        length = len(self._text[first : end if stop < 0 else stop].rstrip(_BLANKS))
        return Span(line, column, line, column + length, exists=False, key=None)

    def _inside(self, found: Found, start: int, offset: int) -> Point:
        node, value = found.node, found.node.meaning
        first, last = self._bounds(start + node.start, start + node.end)
        first = _PROPERTIES.match(self._text, first, last).end()  # type: ignore[union-attr]
        if node.style in {"|", ">"}:
            first = self._text.find("\n", first, last) + 1 or last
        elif node.style:
            first += 1
            last -= 1
        before = value[:offset]
        solid = len(_SIGN.findall(before))
        exact = offset < len(value) and value[offset] not in _BLANKS
        signs = (
            match for match in _SIGNS.get(node.style, _SIGN).finditer(self._text, first, last) if not match.lastgroup
        )
        match = next(islice(signs, max(solid - (not exact), 0), None), None)
        if match is None:
            return Point(*self._lines.place(first), approximate=True)
        if exact or not solid:
            return Point(*self._lines.place(match.start()), approximate=not exact)
        blanks = before[len(before.rstrip(_BLANKS)) :]
        line, column = self._lines.place(match.end() + (0 if "\n" in blanks else len(blanks)))
        if "\n" in blanks and node.style == "|":
            return Point(line + blanks.count("\n"), 1, approximate=True)
        return Point(line, column, approximate=node.style != "|" or offset >= len(value))


def _compose(text: str, *, is_json: bool) -> Node | None:
    """The nodes of a document, or None where it has none or cannot be read."""
    if is_json:
        return jsontree.compose(text)
    try:
        root = TreeComposer(text).compose()
    except FaultError:
        return None
    return None if root is EMPTY else root
