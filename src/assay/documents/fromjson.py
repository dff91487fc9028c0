"""JSON, where a text is JSON: faster than YAML, and right about escapes that YAML does not have."""

from __future__ import annotations

import json
import re
from typing import Any

from assay.documents import limits, scalars

_SPACE = re.compile(r"[ \t\r\n]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def stream(text: str, start: int, end: int) -> list[tuple[int, int, Any]] | None:
    """The JSON objects that stand one after the other from ``start`` to ``end``: first, last, value.

    None where that is anything else, such as YAML flow style, an object that names a key twice, or one that is
    too big or too deep: the YAML reader then says what is wrong and where.
    """
    if not text.startswith("{", start):
        return None
    if size(text, start, end) > limits.JSON_NODES:
        return None
    found = []
    # A slice, because the decoder would otherwise read on behind the end.
    body, at = text[start:end], 0
    try:
        while at < len(body):
            value, last = _DECODER.raw_decode(body, at)
            if not isinstance(value, dict) or not _shallow(value):
                return None
            if _SURROGATE.search(body, at, last):
                value = whole_characters(value)
            found.append((start + at, start + last, value))
            at = _SPACE.match(body, last).end()  # type: ignore[union-attr]
    except (ValueError, RecursionError):
        return None
    return found


def size(text: str, start: int, end: int) -> int:
    """An upper bound of the values between two offsets of a JSON text."""
    return 1 + sum(text.count(sign, start, end) for sign in ",[{")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is there twice")
    return made


def _number(text: str) -> scalars.Scalar:
    # as_json refuses infinity, which is what float makes of 1e400.
    return scalars.as_json(int(text) if len(text) < 21 and text.lstrip("-").isdigit() else float(text))


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_number, parse_int=_number, parse_constant=_constant)


def _shallow(value: Any) -> bool:
    """Whether a value stays within the depth limit."""
    level = [value]
    for _ in range(limits.DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return True
    return False


def whole_characters(value: Any) -> Any:
    """The value with half a surrogate pair replaced by U+FFFD, as Go does; Python could not write it out."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {whole_characters(key): whole_characters(item) for key, item in value.items()}
    return value
