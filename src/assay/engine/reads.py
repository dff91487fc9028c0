"""What a compiled expression reads, so that it is evaluated once for all items that are the same to it.

Two containers that differ only in their image are one and the same to a rule about privileges. An expression is a pure
function of the fields that it names (our functions of ``functions.py`` included), so what it gave for these fields it
gives again. What it names is taken from its compiled form, after macros are written out: the message ``ParsedExpr`` of
the CEL specification (``proto/cel/expr/syntax.proto``). Anything that is no plain chain of fields counts as read whole.
"""

from __future__ import annotations

import marshal
from collections.abc import Container, Iterator, Mapping
from typing import Any

Read = tuple[tuple[str, ...], bool]
"""A variable and the fields below it, and whether the value counts; else only whether it is there."""

# Field numbers of google.protobuf.Any, ParsedExpr and Expr, and of the kinds of Expr that this module looks into.
_ANY_TYPE, _ANY_VALUE, _PARSED_EXPR = 1, 2, 2
_CONST, _IDENT, _SELECT, _CALL, _LIST, _STRUCT, _LOOP = range(3, 10)
_CONST_STRING = 6
_CHILDREN = {_SELECT: (1,), _CALL: (1, 3), _LIST: (1,)}
_ENTRIES = 2
_LOOP_NAMES, _LOOP_OUTSIDE, _LOOP_INSIDE = (1, 3, 8), (2, 4), (5, 6, 7)
_FIELDS = {"_[_]", "_?._", "_[?_]"}
_LONGEST = 2000
_ABSENT = object()


def reads(serialized: bytes, variables: Container[str]) -> list[Read]:
    """What an expression reads, from its serialized form (a ``google.protobuf.Any`` that holds a ``ParsedExpr``).

    Args:
        variables: What is a variable; other names at the start of a chain are those of functions (``math.least``).

    Raises:
        ValueError: The form is another one.
    """
    parsed = fields_of(first(fields_of(serialized), _ANY_VALUE))
    every = _walk(fields_of(first(parsed, _PARSED_EXPR)), frozenset())
    found = {(path, value) for path, value in every if path[0] in variables}
    whole = {path for path, value in found if value}
    return sorted(
        (path, value) for path, value in found if not any(path[:end] in whole for end in range(len(path) + (not value)))
    )


def bare(serialized: bytes) -> bytes:
    """The same expression without the places of its source text, which nobody asks for: a third is saved."""
    outer = fields_of(serialized)
    parsed = _field(_PARSED_EXPR, first(fields_of(first(outer, _ANY_VALUE)), _PARSED_EXPR))
    return _field(_ANY_TYPE, first(outer, _ANY_TYPE)) + _field(_ANY_VALUE, parsed)


def same(variables: Mapping[str, Any], read: list[Read]) -> bytes | None:
    """What tells the items apart that are not the same to an expression; None if nothing short does."""
    seen: list[Any] = []
    for path, value_counts in read:
        value: Any = variables
        for depth, name in enumerate(path):
            if not isinstance(value, dict):
                seen += (depth, type(value).__name__)
                break
            value = value.get(name, _ABSENT)
            if value is _ABSENT:
                seen += (depth, 0)
                break
        else:
            seen += (-1, value if value_counts else 0)
    try:
        # Version 2 knows no references: equal data gives equal bytes, and 1, 1.0 and true give different ones.
        key = marshal.dumps(seen, 2)
    except ValueError:
        return None
    return key if len(key) <= _LONGEST else None


def only(variables: Mapping[str, Any], read: list[Read]) -> dict[str, Any]:
    """The variables with nothing in them but what an expression reads: the runtime converts all that it is given.

    Where a chain of fields ends early, what it ends at is there too, so that the expression fails as it would.
    """
    kept: dict[str, Any] = {}
    for path, value_counts in read:
        value: Any = variables
        here = kept
        for name in path[:-1]:
            value = value.get(name, _ABSENT)
            if not isinstance(value, dict):
                break
            here = here.setdefault(name, {})
        else:
            name = path[-1]
            value = value.get(name, _ABSENT)
        if value is _ABSENT:
            continue
        if value_counts or not isinstance(value, (dict, list)):
            here[name] = value
        else:
            here.setdefault(name, type(value)())
    return kept


def _walk(expr: Mapping[int, list[Any]], local: frozenset[str]) -> Iterator[Read]:
    """What an expression reads; ``local`` are the names of loops around it."""
    chain = _chain(expr)
    if chain is not None:
        path, value_counts = chain
        if path[0] not in local:
            yield path, value_counts
        return
    for kind, children in _CHILDREN.items():
        if kind in expr:
            part = fields_of(first(expr, kind))
            for number in children:
                for child in part.get(number, ()):
                    yield from _walk(fields_of(child), local)
    if _STRUCT in expr:
        for entry in fields_of(first(expr, _STRUCT)).get(_ENTRIES, ()):
            fields = fields_of(entry)
            for child in (*fields.get(3, ()), *fields.get(4, ())):
                yield from _walk(fields_of(child), local)
    if _LOOP in expr:
        part = fields_of(first(expr, _LOOP))
        names = {first(part, number).decode() for number in _LOOP_NAMES if number in part}
        for number in (*_LOOP_OUTSIDE, *_LOOP_INSIDE):
            inside = local | names if number in _LOOP_INSIDE else local
            yield from _walk(fields_of(first(part, number)), inside)


def _chain(expr: Mapping[int, list[Any]]) -> Read | None:
    """A variable with the fields below it, if the expression is nothing else."""
    fields: list[str] = []
    value_counts = True
    while True:
        if _IDENT in expr:
            name = first(fields_of(first(expr, _IDENT)), 1).decode()
            return (name.removeprefix("."), *reversed(fields)), value_counts
        if _SELECT in expr:
            part = fields_of(first(expr, _SELECT))
            if 3 in part:  # test_only: what `has()` becomes
                if fields:
                    return None
                value_counts = False
            fields.append(first(part, 2).decode())
            expr = fields_of(first(part, 1))
            continue
        call = fields_of(first(expr, _CALL)) if _CALL in expr else {}
        field = _text(fields_of(call[3][1])) if call and first(call, 2).decode() in _FIELDS else None
        if field is None:
            return None
        fields.append(field)
        expr = fields_of(call[3][0])


def _text(expr: Mapping[int, list[Any]]) -> str | None:
    constant = fields_of(first(expr, _CONST)) if _CONST in expr else {}
    return first(constant, _CONST_STRING).decode() if _CONST_STRING in constant else None


def first(message: Mapping[int, list[Any]], number: int) -> bytes:
    """The first value of a field that holds bytes; empty if there is none."""
    found = message.get(number, [b""])[0]
    return bytes(found)


def fields_of(data: bytes) -> dict[int, list[Any]]:
    """The fields of a protocol buffer by number (Protocol Buffers documentation, "Encoding")."""
    fields: dict[int, list[Any]] = {}
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        value: Any
        if tag & 7 == 2:
            size, position = _varint(data, position)
            value, position = data[position : position + size], position + size
        elif tag & 7 == 0:
            value, position = _varint(data, position)
        else:
            size = {1: 8, 5: 4}.get(tag & 7, 0)
            value, position = data[position : position + size], position + size
            if not size:
                raise ValueError("no compiled expression")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _field(number: int, data: bytes) -> bytes:
    """A field that holds bytes, as :func:`fields_of` reads it."""
    size, length = len(data), bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + data


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position
