"""Puts marks on the syntax tree of a template: on each line of its text and on each expression that writes."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, NamedTuple

from jinja2 import Environment, nodes
from jinja2.visitor import NodeTransformer

from assay.rendering.tracked import Mark, Route, Segment, Text

_BREAK = re.compile(r"\r\n|\r|\n")
_BEGINS = frozenset({"variable_begin", "block_begin"})
_ENDS = frozenset({"variable_end", "block_end"})


class Written(NamedTuple):
    """A place of a template that writes; ``literal`` where it writes its own characters."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    literal: bool


class Reads(NamedTuple):
    """What an expression reads: names, the longest routes from them that are known before it runs, and calls."""

    names: tuple[str, ...]
    routes: tuple[Route, ...]
    calls: bool


class Source:
    """The text of one template with the places of its tags."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = _BREAK.sub("\n", text)
        self._starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        self._tags: list[tuple[int, int]] = []

    def tokens(self, environment: Environment) -> Iterator[tuple[int, str, str]]:
        """The tokens with, for the line that Jinja expects, one more than their offset: nodes then know it."""
        position = begin = 0
        for _, kind, value in environment.lexer.tokeniter(self.text, self.name):
            # Only white space that a sign strips lies between two tokens.
            while value and not self.text.startswith(value, position):
                position += 1
            if kind in _BEGINS:
                begin = position
            elif kind in _ENDS:
                self._tags.append((begin, position + len(value.rstrip())))
            yield position + 1, kind, value
            position += len(value)

    def tag(self, offset: int) -> Written:
        """The tag around an offset."""
        begin, end = self._tags[bisect_right(self._tags, (offset, len(self.text))) - 1]
        return Written(self.name, *self._place(begin), *self._place(end), literal=False)

    def lines(self, offset: int, text: str) -> Iterator[tuple[int, Written]]:
        """Each line of a literal: where it starts in the literal and where it stands."""
        position = 0
        for part in text.split("\n"):
            if position < len(text):
                line, column = self._place(offset + position)
                yield position, Written(self.name, line, column, line, column + len(part), literal=True)
            position += len(part) + 1

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


class Marker(NodeTransformer):
    """Rewrites a tree whose nodes know their offset (:meth:`Source.tokens`).

    ``places`` and ``literals`` grow: the numbers that the rewritten tree holds are indexes into them.
    """

    def __init__(self, source: Source, tree: nodes.Template, places: list[Written], literals: list[Text]) -> None:
        self._source = source
        self._places = places
        self._literals = literals
        self._assigned = _assigned(tree)

    def visit_Output(self, node: nodes.Output) -> nodes.Output:  # noqa: N802 - the name that Jinja calls
        """Mark what is written out."""
        node.nodes = [self._written(part) for part in node.nodes]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802
        """``~`` keeps the marks of its parts."""
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), "assay_concat")

    def visit_Filter(self, node: nodes.Filter) -> nodes.Filter:  # noqa: N802
        """``default`` learns where it stands."""
        self.generic_visit(node)
        if node.name in {"default", "d"} and node.node is not None:
            node.name = "assay_default"
            node.args = [nodes.Const(self._add(self._source.tag(node.lineno - 1))), *node.args]
        return node

    def _written(self, part: nodes.Expr) -> nodes.Expr:
        if isinstance(part, nodes.TemplateData):
            segments = [
                Segment(start, Mark(self._add(place)))
                for start, place in self._source.lines(part.lineno - 1, part.data)
            ]
            self._literals.append(Text(part.data, segments))
            return _filter(nodes.Const(None, lineno=part.lineno), "assay_literal", len(self._literals) - 1)
        place = self._add(self._source.tag(part.lineno - 1))
        reads = tuple(_reads(part, self._assigned))
        return _filter(self.visit(part), "assay_output", place, reads)

    def _add(self, place: Written) -> int:
        """The number of a place, the same for all marks in one tag."""
        if not self._places or self._places[-1] != place:
            self._places.append(place)
        return len(self._places) - 1


def _filter(node: nodes.Expr, name: str, *arguments: Any) -> nodes.Filter:
    args: list[nodes.Expr] = [nodes.Const(argument) for argument in arguments]
    return nodes.Filter(node, name, args, [], None, None, lineno=node.lineno)


def _assigned(tree: nodes.Template) -> frozenset[str]:
    """Every name that the template gives a meaning of its own anywhere."""
    names = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    names |= {macro.name for macro in tree.find_all(nodes.Macro)}
    names |= {found.target for found in tree.find_all(nodes.Import)}
    for found in tree.find_all(nodes.FromImport):
        names |= {name if isinstance(name, str) else name[1] for name in found.names}
    return frozenset(names)


def _reads(expression: nodes.Expr, assigned: frozenset[str]) -> Reads:
    names: dict[str, None] = {}
    routes: dict[Route, None] = {}
    calls = isinstance(expression, nodes.Call) or expression.find(nodes.Call) is not None
    pending: list[nodes.Node] = [expression]
    while pending:
        node = pending.pop(0)
        route = _route(node)
        if route:
            names[str(route[0])] = None
            if route[0] not in assigned:
                routes[route] = None
        else:
            pending += node.iter_child_nodes()
    # A name with a meaning of its own never is what the values call so: the empty name says that there is one.
    own = ("",) if assigned & names.keys() else ()
    return Reads((*own, *names), tuple(routes), calls)


def _route(node: nodes.Node) -> Route | None:
    """The route that a chain of names and constants reads."""
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        above = _route(node.node)
        return (*above, node.attr) if above else None
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, (str, int)):
        above = _route(node.node)
        return (*above, node.arg.value) if above else None
    return None
