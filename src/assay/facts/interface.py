"""What every fact offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from assay.facts import Facts
    from assay.facts.index import Index
    from assay.model.objects import KubeObject


class Table(NamedTuple):
    """A fact for a person: ``columns`` by name, and as many values in each row.

    Values are texts, numbers, booleans, None for what is unknown, or lists of them.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


class Fact(ABC):
    """One relation, computed for a whole world.

    ``turns_pass`` are the ``group/Kind`` whose unseen objects could turn a pass into a failure, ``turns_fail`` those
    that could turn a failure into a pass; a rule may know better (``turns``). ``anywhere`` are those of them that
    count from other namespaces too, so that one complete namespace does not settle them.

    Args:
        index: The objects of the world.
        facts: The other facts of the world.
    """

    turns_pass: ClassVar[tuple[str, ...]] = ()
    turns_fail: ClassVar[tuple[str, ...]] = ()
    anywhere: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, index: Index, facts: Facts) -> None:
        self.index = index
        self.facts = facts

    @abstractmethod
    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """The fact about one object as rules read it, or the reason why it is not known."""

    @abstractmethod
    def table(self) -> Table:
        """The fact about the whole world, as ``assay facts`` prints it."""
