"""What every fact offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from assay.model.objects import KubeObject, World


class Fact(ABC):
    """One relation, computed for a whole world.

    ``turns_pass`` are the ``group/Kind`` whose unseen objects could turn a pass into a failure, ``turns_fail`` those
    that could turn a failure into a pass.
    """

    turns_pass: ClassVar[tuple[str, ...]] = ()
    turns_fail: ClassVar[tuple[str, ...]] = ()

    def __init__(self, world: World) -> None:
        self.world = world

    @abstractmethod
    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """The fact about one object, or the reason why it is not known."""
