"""A document as nodes that know their place, for whoever asks where something is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from assay.documents import scalars
from assay.documents.compose import Composer, Frame, key_name, merged, raw_scalar
from assay.documents.problems import FaultError

if TYPE_CHECKING:
    from assay.model.origin import Route


class Node:
    """One value as written: ``start`` and ``end`` are offsets into the text of the document.

    ``children`` is None for a scalar, the items of a list, or keys and values in turn. ``target`` is what an
    alias stands for. ``flow`` is whether brackets close it; ``style`` is the quote or block sign of a scalar.
    """

    __slots__ = ("_end", "_entries", "children", "flow", "is_map", "meaning", "start", "style", "target")

    def __init__(self, start: int, end: int, meaning: Any = None, style: str = "") -> None:
        self.start = start
        self._end = end
        self.meaning = meaning
        self.style = style
        self.children: list[Node] | None = None
        self.is_map = False
        self.flow = False
        self.target: Node | None = None
        self._entries: dict[str, Entry] | None = None

    @property
    def end(self) -> int:
        """Where it ends; libyaml lets a block collection reach to the next token, which is too far."""
        node = self
        while node.children and not node.flow:
            node = node.children[-1]
        return node._end

    def close(self, end: int) -> None:
        """Set where a collection ends that was begun before its end was known."""
        self._end = end

    @property
    def resolved(self) -> Node:
        """The node itself, or what the alias stands for."""
        return self.target or self

    def entries(self) -> dict[str, Entry]:
        """The keys of a mapping with their nodes, merges applied; keys that cannot be strings are left out."""
        if self._entries is None:
            self._entries = {}
            for key, value in zip(self.children[::2], self.children[1::2], strict=True):  # type: ignore[index]
                self._entries.update(_entry(key, value))
        return self._entries


class Entry(NamedTuple):
    """A key of a mapping and its value."""

    key: Node
    value: Node


def _entry(key: Node, value: Node) -> dict[str, Entry]:
    try:
        if key.meaning is not scalars.MERGE:
            return {key_name(key.resolved.meaning, 0): Entry(key, value)}
        node = value.resolved
        if node.children is None or node.is_map:
            return merged(node.entries() if node.is_map else None, dict, 0)
        return merged([part.resolved.entries() for part in node.children if part.resolved.is_map], dict, 0)
    except FaultError:
        return {}


class TreeComposer(Composer):
    """Makes a document into nodes; a key that is there twice or a bad number is no obstacle here."""

    def scalar(self, event: Any, at_key: bool) -> Node:
        """A scalar; only keys are asked for their meaning."""
        meaning = event.value
        if at_key:
            try:
                meaning = raw_scalar(event)
            except scalars.BadScalarError:
                meaning = event.value
        return Node(event.start_mark.index, event.end_mark.index, meaning, event.style or "")

    def collection(self, frame: Frame, end: Any) -> Node:
        """A mapping or list."""
        node = Node(frame.event.start_mark.index, end.end_mark.index)
        node.children = frame.children
        node.is_map = frame.is_map
        node.flow = bool(frame.event.flow_style)
        return node

    def alias(self, item: Any, event: Any, frame: Frame) -> Node:  # noqa: ARG002
        """A node at the place of the alias that leads to its anchor."""
        node = Node(event.start_mark.index, event.end_mark.index)
        node.target = item.resolved
        return node

    def size(self, item: Any) -> tuple[Any, int]:
        """See :meth:`Composer.size`."""
        node = item.resolved
        return node.children, len(node.meaning) if isinstance(node.meaning, str) else 0


class Found(NamedTuple):
    """How far a route leads: the last node that is there, its key if it has one, and whether the route ends there."""

    node: Node
    key: Node | None
    exists: bool


def follow(root: Node, route: Route) -> Found:
    """Walk a route as far as it goes. Aliases and merges lead to where the value is written."""
    node, key = root.resolved, None
    for step in route:
        if isinstance(step, str):
            entry = node.entries().get(step) if node.is_map else None
            if entry is None:
                return Found(node, key, exists=False)
            key, node = entry.key, entry.value.resolved
            continue
        items = node.children if node.children is not None and not node.is_map else []
        if not 0 <= step < len(items):
            return Found(node, key, exists=False)
        key, node = None, items[step].resolved
    return Found(node, key, exists=True)
