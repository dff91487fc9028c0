"""What filters and string methods do with marks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from assay.rendering.tracked import Mark, Segment, Text, cut, joined, marks_of, merged, plain, stamp

_CASE = frozenset({"upper", "lower", "title", "capitalize", "swapcase", "casefold"})
_STRIP = frozenset({"trim", "strip"})
_AT_START = frozenset({"rstrip", "removesuffix"})
_AT_END = frozenset({"lstrip", "removeprefix"})
_AROUND = frozenset({"quote", "center", "ljust", "rjust", "zfill"})
_LINES = frozenset({"indent", "replace"})

# Filters that hand their items on as they are: the items bring their own marks.
PASSING = frozenset(
    {"attr", "batch", "d", "default", "dictsort", "first", "groupby", "items", "last", "list", "map", "max", "min"}
    | {"reject", "rejectattr", "reverse", "select", "selectattr", "slice", "sort", "unique"}
)
STRUCTURED = frozenset({"to_yaml", "to_json", "tojson"})


def carried(name: str, source: Text, result: str, arguments: tuple[Any, ...]) -> str:
    """The result of a filter or method on a text, its parts marked where the operation keeps them apart."""
    if result == source:
        return Text(result, source._segments)
    if name in _CASE and len(result) == len(source):
        return Text(result, source._segments)
    if name in _AT_START:
        return cut(source, 0, len(result))
    if name in _AT_END:
        return cut(source, len(source) - len(result), len(source))
    bare: str = plain(source)
    if name in _STRIP and result and bare.count(result) == 1:
        start = bare.find(result)
        return cut(source, start, start + len(result))
    if name in _AROUND and source and result.count(bare) == 1:
        start = result.find(bare)
        before = Text(result[:start], source._segments[:1])
        after = Text(result[start + len(bare) :], [Segment(0, source._segments[-1].mark)])
        return joined((before, source, after), Mark())
    if name in _LINES and not any("\n" in part for part in arguments if isinstance(part, str)):
        return _by_line(source, result)
    whole: str = stamp(result, merged(marks_of(source)))
    return whole


def _by_line(source: Text, result: str) -> str:
    """Marks for an operation that changes lines and leaves them lines."""
    old, new = plain(source).split("\n"), result.split("\n")
    if len(old) != len(new):
        whole: str = stamp(result, merged(marks_of(source)))
        return whole
    parts: list[str] = []
    position = 0
    for number, (before, after) in enumerate(zip(old, new, strict=True)):
        end = position + len(before) + (number < len(old) - 1)
        line = cut(source, position, end)
        added = len(after) - len(before)
        if added >= 0 and after.endswith(before):
            parts += [Text(after[:added], line._segments[:1]), line]
        else:
            parts.append(stamp(after + line[len(before) :], merged(marks_of(line))))
        position = end
    return joined(parts, Mark())


def marking(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that works on plain values and marks its result with the marks of what it was given."""
    first = 1 if hasattr(function, "jinja_pass_arg") else 0

    @wraps(function)
    def marked(*given: Any, **options: Any) -> Any:
        held = tuple(list(part) if isinstance(part, Iterator) else part for part in given)
        result = function(*(plain(part) for part in held), **plain(options))
        source, others = held[first], (*held[first + 1 :], options)
        if name in STRUCTURED and isinstance(result, str):
            return structured(result, source)
        others_marks = [mark for part in others for mark in marks_of(part)]
        if isinstance(source, Text) and isinstance(result, str) and not any(m.writer >= 0 for m in others_marks):
            return carried(name, source, result, plain((*held[first + 1 :], *options.values())))
        return stamp(result, merged((*marks_of(source), *others_marks)))

    return marked


def structured(result: str, value: Any) -> str:
    """Marks for each line, or part, of YAML or JSON made from a value."""
    import yaml

    whole: str = stamp(result, merged(marks_of(value)))
    if isinstance(value, str) or not isinstance(value, (dict, list)):
        return whole
    try:
        node = yaml.compose(result, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return whole
    segments: list[Segment] = [Segment(0, merged(marks_of(value)) or Mark())]
    if not _walk(node, value, segments):
        return whole
    return Text(result, segments)


def _walk(node: Any, value: Any, segments: list[Segment]) -> bool:
    """Add the segments of a node's parts; False where node and value are not the same shape."""
    if isinstance(value, dict):
        parts = list(node.value) if node.id == "mapping" else []
        pairs = [(key, below) for key, below in parts]
        values = list(value.values())
    elif isinstance(value, (list, tuple)):
        pairs = [(below, below) for below in node.value] if node.id == "sequence" else []
        values = list(value)
    else:
        return bool(node.id == "scalar")
    if len(pairs) != len(values):
        return False
    for (start, below), part in zip(pairs, values, strict=True):
        segments.append(Segment(start.start_mark.index, merged(marks_of(part)) or Mark()))
        if not _walk(below, part, segments):
            return False
    return True


def join(value: Any, d: Any = "", attribute: Any = None, *, pick: Callable[[Any], Any] | None = None) -> str:
    """Jinja's ``join`` with each piece keeping its marks."""
    pieces: list[str] = []
    for item in value:
        if pieces:
            pieces.append(str(d))
        pieces.append(text_of(pick(item) if attribute is not None and pick else item))
    return joined(pieces, Mark())


def text_of(value: Any) -> str:
    """A value as text, with its mark."""
    if isinstance(value, Text):
        return value
    text: str = stamp(str(value), merged(marks_of(value)))
    return text


def _method(name: str) -> Callable[..., Any]:
    original = getattr(str, name)

    def method(self: Text, *arguments: Any) -> Any:
        held = plain(arguments)
        result = original(plain(self), *held)
        return carried(name, self, result, held) if isinstance(result, str) else result

    method.__name__ = name
    return method


def _pieces(name: str) -> Callable[..., Any]:
    original = getattr(str, name)

    def method(self: Text, *arguments: Any, **options: Any) -> Any:
        bare: str = plain(self)
        found = []
        position = 0
        separator = arguments[0] if arguments and name in {"split", "rsplit"} else None
        for part in original(bare, *plain(arguments), **plain(options)):
            # Pieces come in order; after a separator that is known the next one starts at once.
            start = position if separator is not None else bare.index(part, position)
            found.append(cut(self, start, start + len(part)))
            position = start + len(part) + (len(separator) if separator is not None else 0)
        return tuple(found) if "partition" in name else found

    method.__name__ = name
    return method


def _join_method(self: Text, parts: Any) -> str:
    return join(parts, self)


for _name in sorted(_CASE | _AT_START | _AT_END | {"strip", "center", "ljust", "rjust", "zfill", "replace"}):
    setattr(Text, _name, _method(_name))
for _name in ("split", "rsplit", "splitlines", "partition", "rpartition"):
    setattr(Text, _name, _pieces(_name))
Text.join = _join_method  # type: ignore[method-assign, assignment]
