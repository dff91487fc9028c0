"""From the events of libyaml to one document, without recursion and within limits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from assay.documents import flat, limits, problems, scalars

if TYPE_CHECKING:
    from collections.abc import Callable

_CONTENT = re.compile(r"(?m)^[ \t]*(?=[^\s#])")
_TRAILER = re.compile(r"(?:[ \t\r\n]|#[^\n]*|\.\.\.(?=\s|\Z))*+")
_OPEN = object()
EMPTY = object()
"""What a text without any content composes to."""


class Frame:
    """A mapping or list that is not closed yet; a mapping's keys and values stand in turn in ``children``."""

    __slots__ = ("anchor", "children", "event", "is_map", "keys_at", "note")

    def __init__(self, event: Any, is_map: bool) -> None:
        self.event = event
        self.anchor: str | None = event.anchor
        self.is_map = is_map
        self.children: list[Any] = []
        self.keys_at: list[int] = []
        self.note = 0


class Composer:
    """Makes the first document of a text into something; what that is, the subclasses decide.

    ``count`` is how many values were met, those of aliases included.
    """

    def __init__(self, text: str, nodes: int = limits.NODES) -> None:
        self.text = text
        self.count = 0
        self._limit = nodes
        self._anchors: dict[str, Any] = {}
        self._repeated = 0
        # The item itself is kept too, so that no other can get its id.
        self._sizes: dict[int, tuple[tuple[int, int, int], Any]] = {}

    def scalar(self, event: Any, at_key: bool) -> Any:
        """What a scalar becomes."""
        raise NotImplementedError

    def collection(self, frame: Frame, end: Any) -> Any:
        """What a mapping or list becomes."""
        raise NotImplementedError

    def alias(self, item: Any, event: Any, frame: Frame) -> Any:
        """What an alias becomes, given what its anchor became."""
        raise NotImplementedError

    def size(self, item: Any) -> tuple[Any, int]:
        """The children of an item (none for a scalar) and the length of its text."""
        raise NotImplementedError

    def compose(self) -> Any:
        """The document, or :data:`EMPTY`.

        Raises:
            FaultError: The text is no document that Kubernetes can read.
        """
        content = _CONTENT.search(self.text)
        if content and self.text.startswith("%", content.end()) and content.end() == content.start():
            # Also because libyaml takes quadratic time over many of them.
            what = "a directive ('%' at the beginning of a line) is there, which kubectl refuses"
            raise problems.FaultError(content.end(), what, "remove the line, or put the value in quotes")
        try:
            parser = CParser(self.text)
            parser.get_event()
            if type(parser.get_event()) is StreamEndEvent:
                return EMPTY
            return self._document(parser.get_event)
        except yaml.YAMLError as error:
            raise problems.from_yaml(error, self.text) from None

    def _document(self, next_event: Callable[[], Any]) -> Any:
        frame: Frame | None = None
        stack: list[Frame | None] = []
        item: Any = EMPTY
        scalar, limit = self.scalar, self._limit
        while True:
            event = next_event()
            kind = type(event)
            at_key = frame is not None and frame.is_map and not len(frame.children) & 1
            if kind is ScalarEvent:
                item = scalar(event, at_key)
                if event.anchor:
                    self._anchors[event.anchor] = item
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                item = self.collection(frame, event)  # type: ignore[arg-type]
                if frame.anchor:  # type: ignore[union-attr]
                    self._anchors[frame.anchor] = item  # type: ignore[union-attr]
                event, frame = frame.event, stack.pop()  # type: ignore[union-attr]
                at_key = frame is not None and frame.is_map and not len(frame.children) & 1
            elif kind is AliasEvent:
                item = self._alias(event, frame, len(stack))
            elif kind is DocumentEndEvent:
                self._nothing_after(event)
                return item
            else:
                stack.append(frame)
                frame = self._opened(event, len(stack))
                continue
            if frame is not None:
                if at_key:
                    frame.keys_at.append(event.start_mark.index)
                frame.children.append(item)
            self.count += 1
            if self.count > limit:
                raise too_many(event.start_mark.index)

    def _opened(self, event: Any, depth: int) -> Frame:
        if depth > limits.DEPTH:
            raise problems.too_deep(event.start_mark.index)
        if event.anchor:
            self._anchors[event.anchor] = _OPEN
        return Frame(event, type(event) is MappingStartEvent)

    def _nothing_after(self, event: Any) -> None:
        rest = _TRAILER.match(self.text, event.end_mark.index).end()  # type: ignore[union-attr]
        if rest < len(self.text):
            what = "kubectl does not read what follows the end of the first value here"
            raise problems.FaultError(rest, what, "put a '---' line before it, correct the indentation, or remove it")

    def _alias(self, event: Any, frame: Frame | None, depth: int) -> Any:
        offset = event.start_mark.index
        item = self._anchors.get(event.anchor)
        if item is None and event.anchor not in self._anchors:
            todo = "correct the name, or put the value in quotes if it only begins with '*'"
            raise problems.FaultError(
                offset, "an alias names an anchor that is not set before it", todo, unreadable=True
            )
        if item is _OPEN or frame is None:
            raise problems.FaultError(offset, "an anchor contains itself", "write the value out")
        count, weight, height = self._measure(item)
        self.count += count - 1
        self._repeated += weight
        if depth + height > limits.DEPTH or self._repeated > limits.ALIASED_BYTES:
            what = "aliases repeat more than a document may hold"
            raise problems.FaultError(offset, what, "write fewer aliases of aliases")
        return self.alias(item, event, frame)

    def _measure(self, item: Any) -> tuple[int, int, int]:
        """How many values an item holds, their length, and how deep it is; each part is measured once."""
        known = self._sizes.get(id(item))
        if known:
            return known[0]
        children, length = self.size(item)
        count, weight, height = 1, 32 + length, 0
        if children is not None:
            for child in children:
                more, heavier, higher = self._measure(child)
                count += more
                weight += heavier
                height = max(height, higher)
            height += 1
            self._sizes[id(item)] = (count, weight, height), item
        return count, weight, height


class ValueComposer(Composer):
    """Makes a document into plain Python values with the meaning that kubectl sees; ``notes`` say where they stand."""

    def __init__(self, text: str, nodes: int = limits.NODES) -> None:
        super().__init__(text, nodes)
        self.notes = flat.Notes()

    def scalar(self, event: Any, at_key: bool) -> Any:
        """A value that JSON can hold; a key keeps what it is until its mapping is closed."""
        text = event.value
        untagged = event.tag is None
        self.notes.scalar(event.start_mark.index, event.end_mark.index)
        if untagged and not event.implicit[0]:
            return text
        try:
            value: Any = scalars.plain(text) if untagged else raw_scalar(event)
            if value is text:
                return value
            if at_key:
                if value is scalars.MERGE:
                    self.notes.drop()
                return value
            return text if value is scalars.MERGE else scalars.as_json(value)
        except scalars.BadScalarError as error:
            todo = "correct the value, or put it in quotes"
            raise problems.FaultError(event.start_mark.index, str(error), todo) from None

    def _opened(self, event: Any, depth: int) -> Frame:
        frame = super()._opened(event, depth)
        frame.note = self.notes.opened(event.start_mark.index)
        return frame

    def collection(self, frame: Frame, end: Any) -> Any:
        """A dict with string keys, or a list."""
        children = frame.children
        # libyaml lets a block collection reach to the next token, which is too far.
        ends = end.end_mark.index if frame.event.flow_style or not children else None
        self.notes.closed(frame.note, ends, flat.MAP if frame.is_map else flat.LIST)
        if not frame.is_map:
            return children
        keys = children[::2]
        if {*map(type, keys)} <= {str}:
            made = dict(zip(keys, children[1::2], strict=True))
            if len(made) == len(keys):
                return made
        return self._mapping(frame, keys)

    def _mapping(self, frame: Frame, keys: list[Any]) -> dict[str, Any]:
        """A mapping with odd keys: merges apply in the order in which they are written, as in kubectl."""
        made: dict[str, Any] = {}
        written: set[str] = set()
        for key, value, offset in zip(keys, frame.children[1::2], frame.keys_at, strict=True):
            if key is scalars.MERGE:
                made.update(merged(value, dict, offset))
                continue
            if type(key) is dict and problems.looks_like_template(self.text, offset):
                raise problems.template(offset)
            name = key_name(key, offset)
            if name in written:
                raise twice(offset)
            written.add(name)
            made[name] = value
        return made

    def alias(self, item: Any, event: Any, frame: Frame) -> Any:
        """The same value once more."""
        self.notes.drop()
        if frame.is_map and len(frame.children) & 1 and frame.children[-1] is scalars.MERGE:
            merged(item, dict, event.start_mark.index, alias=True)
        return item

    def size(self, item: Any) -> tuple[Any, int]:
        """See :meth:`Composer.size`; keys count as children."""
        if type(item) is dict:
            return [*item, *item.values()], 0
        return (item, 0) if type(item) is list else (None, len(item) if type(item) is str else 0)


def raw_scalar(event: Any) -> Any:
    """The meaning of a scalar event before its way through JSON; :data:`scalars.MERGE` for a ``<<`` that merges.

    Raises:
        BadScalarError: The tag does not fit the value.
    """
    value = event.value
    if event.tag is None:
        return scalars.plain(value) if event.implicit[0] else value
    if value == "<<" and event.tag in {"!", "tag:yaml.org,2002:merge"}:
        return scalars.MERGE
    return scalars.tagged(value, event.tag)


def key_name(key: Any, offset: int) -> str:
    """The string that a key becomes.

    Raises:
        FaultError: It cannot become one.
    """
    try:
        return scalars.key_text(key)
    except scalars.BadScalarError as error:
        raise problems.FaultError(offset, str(error), "write the key as a string, in quotes") from None


def too_many(offset: int) -> problems.FaultError:
    """The fault of a text that holds more than is read of any."""
    return problems.FaultError(
        offset, f"the file holds more than {limits.NODES:,} values", "split the file", spent=True
    )


def twice(offset: int) -> problems.FaultError:
    """The fault of a key that its mapping has already."""
    return problems.FaultError(offset, "a key is there twice in the same mapping", "remove or rename one of the two")


def merged(value: Any, mapping: type, offset: int, *, alias: bool = False) -> dict[str, Any]:
    """What a merge key brings: of several mappings the earlier ones win.

    Raises:
        FaultError: It is no mapping and no list of mappings, which must be written on the spot.
    """
    parts = value if type(value) is list and not alias else [value]
    if not all(type(part) is mapping for part in parts):
        raise problems.FaultError(
            offset, "'<<' merges something that is no mapping", "merge a mapping, or quote the key"
        )
    return {key: item for part in reversed(parts) for key, item in part.items()}
