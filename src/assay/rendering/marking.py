"""The second rendering of a template, whose text knows who wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, cast

from jinja2 import Undefined, nodes, pass_context
from jinja2.lexer import TokenStream
from jinja2.parser import Parser

from assay.rendering import carry
from assay.rendering.answers import guarded
from assay.rendering.environment import StrictEnvironment
from assay.rendering.limits import Limits
from assay.rendering.syntax import Marker, Reads, Source, Written
from assay.rendering.tracked import NOBODY, UNKNOWN, Mark, Segment, Text, joined, marks_of, merged, plain, stamp, track

Test = Callable[..., Any]

# Names that every template has and that hold no text of a template.
_HARMLESS = frozenset({"loop", "range", "dict", "namespace", "true", "false", "none", "True", "False", "None"})


class MarkingEnvironment(StrictEnvironment):
    """As the true environment, with marks. Use it for one rendering: its templates hold numbers of its places."""

    intercepted_binops = frozenset({"*", "**", "+", "%", "-", "/", "//"})

    def __init__(self, root: Path, limits: Limits, values: dict[str, Any]) -> None:
        super().__init__(root, limits, values)
        self.values = {name: track(value, Mark(), (name,)) for name, value in values.items()}
        self.places: list[Written] = []
        self._literals: list[Text] = []
        self._sources: dict[str, Source] = {}
        wrapped = {name: carry.marking(name, made) for name, made in self.filters.items() if name not in carry.PASSING}
        self.filters.update(wrapped)
        self.filters["join"] = _join
        self.filters["assay_literal"] = self._literal
        self.filters["assay_output"] = self._output
        self.filters["assay_concat"] = _concat
        self.filters["assay_default"] = _default
        self.tests.update({name: _plain_test(cast("Test", test)) for name, test in self.tests.items()})

    def join(self, parts: Iterable[str]) -> str:
        """See :meth:`StrictEnvironment.join`; keeps the marks."""
        return joined(self.bounded(parts), UNKNOWN)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Operators keep the marks of both sides."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return joined((left, right), Mark())
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, (list, tuple)):
            return result
        return stamp(result, merged((*marks_of(left), *marks_of(right))))

    def _tokenize(
        self,
        source: str,
        name: str | None,
        filename: str | None = None,
        state: str | None = None,  # noqa: ARG002
    ) -> TokenStream:
        located = Source(name or "", source)
        self._sources[name or ""] = located
        return TokenStream(self.lexer.wrap(located.tokens(self), name, filename), name, filename)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = Parser(self, source, name, filename).parse()
        marker = Marker(self._sources[name or ""], tree, self.places, self._literals)
        marker.generic_visit(tree)
        return tree

    @pass_context
    def _literal(self, _context: Any, _nothing: None, number: int) -> Text:
        return self._literals[number]

    @pass_context
    def _output(self, context: Any, value: Any, place: int, reads: tuple[Any, ...]) -> str:
        """What an expression writes: text that templates wrote before keeps its writers."""
        if isinstance(value, Text):
            return Text(plain(value), [_settled(segment, place) for segment in value._segments])
        text = str(value)
        if not text or isinstance(text, Text):
            return text
        mark = merged(marks_of(value))
        if mark is None:
            mark = self._computed(context, Reads(*reads))
        return Text(text, [_settled(Segment(0, mark), place)])

    def _computed(self, context: Any, reads: Reads) -> Mark:
        """The mark of a value that carries none, by what its expression reads."""
        ours = {
            name
            for name in reads.names
            if name in self.values and context.resolve_or_missing(name) is self.values[name]
        }
        routes = tuple(route for route in reads.routes if route[0] in ours)
        # A call may have taken text of a template in and given something else back.
        exact = not reads.calls or all(name in ours or name in _HARMLESS for name in reads.names)
        return Mark(routes=routes, exact=exact)


def _settled(segment: Segment, place: int) -> Segment:
    if segment.mark.writer != NOBODY:
        return segment
    return Segment(segment.start, replace(segment.mark, writer=place))


@pass_context
def _concat(_context: Any, parts: list[Any]) -> str:
    return joined([carry.text_of(part) for part in parts], Mark())


@pass_context
def _join(context: Any, value: Any, d: Any = "", attribute: Any = None) -> str:
    def pick(item: Any) -> Any:
        for step in str(attribute).split("."):
            item = context.environment.getitem(item, int(step) if step.isdecimal() else step)
        return item

    return carry.join(value, d, attribute, pick=pick)


@pass_context
def _default(_context: Any, value: Any, place: int, default_value: Any = "", boolean: bool = False) -> Any:
    """Jinja's ``default``, whose own value knows the filter's place."""
    if not isinstance(value, Undefined) and not (boolean and not value):
        return value
    routes = tuple(route for mark in marks_of(default_value) for route in mark.routes)
    return track(plain(default_value), Mark(place, routes, default=True))


def _plain_test(test: Test) -> Test:
    """A test that sees numbers and booleans as they are; containers stay, since a test can ask for identity."""

    @wraps(test)
    def tested(*given: Any, **options: Any) -> Any:
        return test(*(part if isinstance(part, (dict, list)) else plain(part) for part in given), **options)

    return tested


def render_marked(root: Path, template: str, values: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """The answer with the text and its marks, which the caller compares with the true text."""
    environment = MarkingEnvironment(root, limits, values)
    answer = guarded(environment, template, environment.values, limits)
    if "error" in answer:
        return answer
    text = answer["text"]
    segments = text._segments if isinstance(text, Text) else [Segment(0, UNKNOWN)]
    routes: dict[tuple[Any, ...], int] = {}
    rows = []
    for start, mark, skip in segments:
        number = routes.setdefault(mark.routes, len(routes))
        rows.append((start, mark.writer, skip, number, mark.default, mark.exact))
    return {
        "text": plain(text),
        "template": template,
        "places": environment.places,
        "routes": list(routes),
        "segments": rows,
    }
