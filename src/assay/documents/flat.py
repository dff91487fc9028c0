"""Where everything in a document stands, noted while it is read, so that most places need no second reading.

Three numbers for each value and key, in the order of the text: where it begins, where it ends, and four times the
number of the one after everything in it, plus what it is. A document with aliases or merges has none, for what is
written once stands in several places there.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from assay.documents import scalars

if TYPE_CHECKING:
    from assay.model.origin import Route

SCALAR, LIST, MAP = range(3)
_QUOTES = "\"'"
# A key that begins so, or holds a line break, is not simply what is written.
_SIGNS = frozenset("&!*|>?%@`{[")


class Notes:
    """Notes on a document that is being read."""

    def __init__(self) -> None:
        self.numbers: array[int] | None = array("I")
        self._last = 0

    def scalar(self, start: int, end: int) -> None:
        """A scalar, between two offsets."""
        if self.numbers is not None:
            self.numbers.extend((start, end, (len(self.numbers) // 3 + 1) << 2))
            self._last = end

    def opened(self, start: int) -> int:
        """A map or list that begins; gives what :meth:`closed` wants to know."""
        if self.numbers is None:
            return 0
        self.numbers.extend((start, 0, 0))
        return len(self.numbers) - 3

    def closed(self, at: int, end: int | None, what: int) -> None:
        """A map or list that ends; ``end`` is None where what is in it says where."""
        if self.numbers is not None:
            self.numbers[at + 1] = self._last if end is None else end
            self.numbers[at + 2] = len(self.numbers) // 3 << 2 | what
            self._last = self.numbers[at + 1]

    def drop(self) -> None:
        """Give it up: one value stands in several places."""
        self.numbers = None


class Flat(NamedTuple):
    """How far a route leads: the offsets of the last value that is there and of its key, and whether it is the end."""

    start: int
    end: int
    key: tuple[int, int] | None
    exists: bool


def follow(text: str, start: int, numbers: array[int], route: Route) -> Flat | None:
    """Walk a route of the document at ``start`` as far as it goes.

    None where a key on the way has to be read with all that YAML knows. Offsets count from the start of the document.
    """
    node, key = 0, None
    for step in route:
        child, behind, what = node + 1, numbers[3 * node + 2] >> 2, numbers[3 * node + 2] & 3
        if what != (MAP if isinstance(step, str) else LIST):
            return _found(numbers, node, key, exists=False)
        if isinstance(step, int):
            for _ in range(step):
                if child >= behind:
                    break
                child = numbers[3 * child + 2] >> 2
            if step < 0 or child >= behind:
                return _found(numbers, node, key, exists=False)
            node, key = child, None
            continue
        while child < behind:
            name = _key(text[start + numbers[3 * child] : start + numbers[3 * child + 1]])
            if name is None:
                return None
            value = numbers[3 * child + 2] >> 2
            if name == step:
                break
            child = numbers[3 * value + 2] >> 2
        else:
            return _found(numbers, node, key, exists=False)
        node, key = value, child
    return _found(numbers, node, key, exists=True)


def _found(numbers: array[int], node: int, key: int | None, *, exists: bool) -> Flat:
    place = None if key is None else (numbers[3 * key], numbers[3 * key + 1])
    return Flat(numbers[3 * node], numbers[3 * node + 1], place, exists)


def _key(written: str) -> str | None:
    """The string that a key becomes, if it is what is written or stands in simple quotes."""
    first = written[:1]
    if first in _QUOTES and first:
        inner = written[1:-1]
        return None if first in inner or "\\" in inner or "\n" in inner else inner
    if not first or first in _SIGNS or "\n" in written or scalars.plain(written) is not written:
        return None
    return written
