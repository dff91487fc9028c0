"""What fields objects have, from the table that ``make tables`` writes (``tests/judges/tables.py`` describes it)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

Shape = frozenset[Any]
"""What a value may be: numbers of shapes, names of scalars, ``("list", Shape)`` for a list that a rule writes.

Nothing at all is what an empty literal holds: nobody knows what would stand in it.
"""

NOTHING: Shape = frozenset()
ANYTHING: Shape = frozenset({"*"})
TEXT: Shape = frozenset({"string"})


def list_of(items: Shape) -> Shape:
    """A list whose items have a shape."""
    return frozenset({("list", items)})


class Shapes:
    """The table, and steps in it."""

    def __init__(self) -> None:
        text = files("assay").joinpath("engine", "tables", "paths.json").read_bytes()
        table = json.loads(text)
        self._kinds: dict[str, Any] = table["kinds"]
        self._types: list[Any] = table["types"]
        self.pod = self.step(self.kind("core/Pod"), "spec")
        self.metadata = self.step(self.kind("core/Pod"), "metadata")
        (metadata,) = self.metadata
        self._types.append({"apiVersion": "string", "kind": "string", "metadata": metadata, "*": "*"})
        self.unknown: Shape = frozenset({len(self._types) - 1})
        """An object of a kind that is not in the table."""

    def __contains__(self, kind: str) -> bool:
        return kind in self._kinds

    def kind(self, kind: str) -> Shape:
        """The objects of a ``group/Kind``.

        Raises:
            KeyError: The table does not have it.
        """
        return frozenset({self._kinds[kind]})

    def of_group(self, group: str) -> Shape:
        """The objects of every kind of a group that the table has."""
        return frozenset(number for kind, number in self._kinds.items() if kind.partition("/")[0] == group)

    def step(self, shape: Shape, name: str) -> Shape:
        """What stands in a field; nothing if no value of the shape has it."""
        return frozenset(self._known(entry.get(name, entry.get("*")) for entry in self._maps(shape)))

    def items(self, shape: Shape) -> Shape:
        """What the elements of a list are, and the values of a map."""
        found: set[Any] = set()
        for one in shape:
            entry = self._types[one] if isinstance(one, int) else one
            if isinstance(entry, tuple):
                found |= entry[1]
            elif entry == "*":
                found.add("*")
            elif isinstance(entry, list):
                found.update(entry)
            elif isinstance(entry, dict):
                found.update(entry.values())
        return frozenset(found)

    def fields(self, shape: Shape) -> list[str]:
        """The names of the fields that values of a shape have."""
        return sorted({name for entry in self._maps(shape) for name in entry})

    def is_list(self, shape: Shape) -> bool:
        """Whether a value is a list and nothing else."""
        return bool(shape) and all(
            isinstance(one, tuple) or (isinstance(one, int) and isinstance(self._types[one], list)) for one in shape
        )

    def _maps(self, shape: Shape) -> Iterable[dict[str, Any]]:
        for one in shape:
            entry = self._types[one] if isinstance(one, int) else one
            if isinstance(entry, dict):
                yield entry
            elif entry == "*":
                yield {"*": "*"}

    @staticmethod
    def _known(found: Iterable[Any]) -> Iterable[Any]:
        return (one for one in found if one is not None)


@cache
def shapes() -> Shapes:
    """The table, read once."""
    return Shapes()
