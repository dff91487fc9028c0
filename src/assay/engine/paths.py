"""The paths in a rule that none of its kinds has.

``object`` is dynamic, so a misspelt field compiles, is missing in every object, and the rule decides as if nobody had
ever written it. So what expressions read is followed through the shapes of the rule's kinds, loops and defaults
included, in the compiled form (``ParsedExpr`` of the CEL specification, ``proto/cel/expr/syntax.proto``), and so are
the routes of ``each``, ``at`` and ``evidence``. Where anything may stand (labels, a field without a schema, what a
function gives) nothing is said, nor of a field that is written in brackets (``object["sops"]``): that is how a rule
names what no schema has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from assay.engine.cel import CompileError, Runtime
from assay.engine.judge import split_message
from assay.engine.reads import fields_of, first
from assay.engine.shapes import ANYTHING, NOTHING, TEXT, Shape, list_of, shapes
from assay.engine.unfold import UnfoldError, unfold
from assay.model.origin import parse_route
from assay.model.rules import Binding, Each, Rule
from assay.workloads import CONTAINER_LISTS, TEMPLATES


class Unknown(NamedTuple):
    """A path that no kind of a rule has."""

    rule: str
    file: Path
    where: str
    """The key of the rule that names it."""
    path: str
    near: str
    """A field of a similar name, if there is one."""

    @property
    def problem(self) -> str:
        """What is wrong, in words."""
        hint = f"; did you mean {self.near!r}?" if self.near else ""
        return f"`{self.where}` names {self.path}, which no kind of the rule has{hint}"


def unknown_paths(rule: Rule) -> list[Unknown]:
    """Every path in a rule that no kind of it has, each once.

    What cannot be compiled is not judged here: the examples of the rule say what is wrong with it.
    """
    return list(dict.fromkeys(_Check(rule).all()))


def kinds_without_shape(rule: Rule) -> list[str]:
    """The kinds that a rule names and that nothing is known of, so that only their metadata is checked."""
    known = shapes()
    return [kind for kind in rule.kinds if not kind.endswith("*") and kind != "workloads" and kind not in known]


class _Value(NamedTuple):
    """What an expression gives: its shape, and how the rule calls it if it is a path."""

    shape: Shape
    path: str = ""


_OTHER = _Value(ANYTHING)
_Names = Mapping[str, _Value]

# Field numbers of Expr and of its kinds (syntax.proto).
_CONST, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _LOOP = range(3, 10)
_TARGET, _FUNCTION, _ARGUMENTS = 1, 2, 3
_INDEXES = {"_[_]", "_[?_]"}
_SAME = {"value", "dyn", "of", "ofNonZeroValue"}
_EITHER = {"orValue", "or", "_+_"}


class _Check:
    """The paths of one rule."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._shapes = shapes()
        self._where = ""
        self._found: list[Unknown] = []
        self._runtime = Runtime({rule.each.name} if rule.each else ())
        self._literals = Binding(rule, {param.name: param.default for param in rule.params}).literals
        others = any(kind in TEMPLATES for kind in kinds_without_shape(rule))
        self._base = {
            "object": _Value(self._object(), "object"),
            "pod": _Value(self._shapes.pod | (ANYTHING if others else NOTHING), "pod"),
            "podMetadata": _Value(self._shapes.metadata, "podMetadata"),
        }

    def all(self) -> list[Unknown]:
        rule = self._rule
        self._where = "each"
        item = self._item(rule.each) if rule.each else None
        names = {**self._base, **({rule.each.name: item} if rule.each and item else {})}
        for where, expression in self._expressions():
            self._where = where
            self._expression(expression, names)
        for where, route in (*(("at", at.route) for at in rule.at), *(("evidence", r) for r in rule.evidence)):
            self._where = where
            self._route(route, item or self._base["object"])
        return self._found

    def _expressions(self) -> Iterator[tuple[str, str]]:
        rule = self._rule
        yield from (("when", rule.when), ("assert", rule.check), ("unknown", rule.unknown))
        yield from (("message", expression) for _, expression in split_message(rule.message))
        yield from (("at", at.when) for at in rule.at)
        yield from ((f"params.{param.name}.needed", param.needed) for param in rule.params)

    def _object(self) -> Shape:
        found = set[Any]()
        for kind in self._rule.kinds:
            group, _, name = kind.partition("/")
            if kind == "workloads":
                found.update(*(self._shapes.kind(one) for one in TEMPLATES if one in self._shapes))
            elif kind in self._shapes:
                found |= self._shapes.kind(kind)
            else:
                found |= self._shapes.unknown | (self._shapes.of_group(group) if name == "*" else NOTHING)
        return frozenset(found)

    def _item(self, each: Each) -> _Value:
        if each.paths == ("containers",):
            lists = [self._shapes.step(self._shapes.pod, name) for name in CONTAINER_LISTS]
            return _Value(frozenset().union(*map(self._shapes.items, lists)), each.name)
        found = set[Any]()
        for path in each.paths:
            start, _, rest = path.partition(".")
            value = self._base["pod"] if start == "pod" and rest else self._base["object"]
            for part in (rest if start == "pod" and rest else path).split("."):
                name, star, _ = part.partition("[*]")
                value = self._step(value, name)
                value = self._items(value) if star else value
            found |= self._shapes.items(value.shape)
        return _Value(frozenset(found), each.name)

    def _route(self, route: str, item: _Value) -> None:
        start, _, rest = route.partition(".")
        value = self._base.get(start, item)
        for step in parse_route(rest if start in self._base else "" if route == "." else route):
            if isinstance(step, int):
                value = self._items(value)
            else:
                value = self._step(value, step, sure=f'["{step}"]' in route)

    def _step(self, value: _Value, name: str, *, sure: bool = False) -> _Value:
        """A field of a value. What none has is found, and anything may follow it.

        Args:
            sure: It is written in brackets, which says that no schema knows it.
        """
        below = self._shapes.step(value.shape, name)
        path = f"{value.path}.{name}"
        if not below and value.shape:
            if value.path and not sure:
                near = get_close_matches(name, self._shapes.fields(value.shape), n=1)
                rule = self._rule
                self._found.append(Unknown(rule.id, rule.file, self._where, path, near[0] if near else ""))
            return _OTHER
        return _Value(below, path)

    def _items(self, value: _Value) -> _Value:
        written = all(isinstance(one, tuple) for one in value.shape)  # `[a.b]`: its item is called a.b
        return _Value(self._shapes.items(value.shape), value.path if written else f"{value.path}[*]")

    def _expression(self, text: str, names: _Names) -> None:
        if not text:
            return
        try:
            compiled = self._runtime.serialized(unfold(text, self._literals, self._rule.shared))
        except (UnfoldError, CompileError, RuntimeError):
            return
        self._value(fields_of(first(fields_of(first(fields_of(compiled), 2)), 2)), names)

    def _value(self, expr: Mapping[int, list[Any]], names: _Names) -> _Value:
        """What an expression gives, all paths in it followed."""
        if _CONST in expr:
            return _Value(TEXT)
        if _IDENT in expr:
            return names.get(first(fields_of(first(expr, _IDENT)), 1).decode().removeprefix("."), _OTHER)
        if _SELECT in expr:
            part = fields_of(first(expr, _SELECT))
            return self._step(self._value(fields_of(first(part, 1)), names), first(part, 2).decode())
        if _CALL in expr:
            return self._call(fields_of(first(expr, _CALL)), names)
        if _LIST in expr:
            written = fields_of(first(expr, _LIST)).get(1, ())
            elements = _either([self._value(fields_of(data), names) for data in written])
            return _Value(list_of(elements.shape), elements.path)
        if _STRUCT in expr:
            return self._struct(fields_of(first(expr, _STRUCT)), names)
        return self._loop(fields_of(first(expr, _LOOP)), names)

    def _struct(self, part: Mapping[int, list[Any]], names: _Names) -> _Value:
        entries = [fields_of(data) for data in part.get(2, ())]
        for entry in entries:
            for data in (*entry.get(3, ()), *entry.get(4, ())):
                self._value(fields_of(data), names)
        return _OTHER if entries else _Value(NOTHING)

    def _call(self, part: Mapping[int, list[Any]], names: _Names) -> _Value:
        name = first(part, _FUNCTION).decode()
        sources = [fields_of(data) for data in (*part.get(_TARGET, ()), *part.get(_ARGUMENTS, ()))]
        values = [self._value(source, names) for source in sources]
        if name in _INDEXES or name == "_?._":
            return self._index(values[0], sources[1], sure=name in _INDEXES)
        if name in _SAME:
            # `optional.of(x)` has its namespace as the target.
            return values[-1]
        if name in _EITHER:
            return _either(values)
        return _either(values[1:]) if name == "_?_:_" else _OTHER

    def _index(self, value: _Value, index: Mapping[int, list[Any]], *, sure: bool) -> _Value:
        constant = fields_of(first(index, _CONST)) if _CONST in index else {}
        if 6 in constant:  # a text
            return self._step(value, first(constant, 6).decode(), sure=sure)
        return self._items(value)

    def _loop(self, part: Mapping[int, list[Any]], names: _Names) -> _Value:
        """A comprehension: the item's shape is that of the list, and what is gathered that of one more step."""

        def inside(number: int, known: _Names) -> _Value:
            return self._value(fields_of(first(part, number)), known)

        around, start = inside(2, names), inside(4, names)
        item = self._items(around) if self._shapes.is_list(around.shape) else _OTHER
        gathered = first(part, 3).decode()
        within = {**names, first(part, 1).decode(): item, gathered: start}
        inside(5, within)
        return inside(7, {**within, gathered: _either([start, inside(6, within)])})


def _either(values: list[_Value]) -> _Value:
    """One of several values; the path is that of the first that has one."""
    path = next((value.path for value in values if value.path), "")
    return _Value(frozenset().union(*(value.shape for value in values)), path)
