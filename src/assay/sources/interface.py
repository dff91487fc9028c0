"""What every source offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from assay.model.objects import KubeObject, Unread, Warned


@dataclass(slots=True)
class Batch:
    """What one source gives to one world. ``skipped`` counts documents that are no Kubernetes objects."""

    objects: list[KubeObject] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    warned: list[Warned] = field(default_factory=list)
    skipped: int = 0

    def add(self, other: Batch) -> None:
        """Take over what another batch holds."""
        self.objects += other.objects
        self.unread += other.unread
        self.warned += other.warned
        self.skipped += other.skipped


class Source(ABC):
    """One place that objects come from; reading it never raises for what is wrong with the input.

    ``name`` is what reports call it: a path relative to the repository root. ``asked`` is the path that the user
    named and under which it was found; empty if nobody named one.
    """

    name: str
    asked: str = ""
    apart: ClassVar[bool] = False
    """Whether places of its objects can be asked for in a forked process: nothing but their own text is needed."""

    def environments(self) -> frozenset[str]:
        """The environments that the source tells apart; none if it belongs to every world."""
        return frozenset()

    def inputs(self) -> frozenset[str]:
        """The files that feed the source, as display names: a change of one can change any of its objects."""
        return frozenset({self.name})

    def renderers(self) -> dict[str, str]:
        """The engines that render the source, with their versions."""
        return {}

    def text(self, environment: str) -> str:  # noqa: ARG002 - most sources have no text to apply
        """What ``kubectl apply -f -`` would get of this source; empty if nothing can be applied."""
        return ""

    @abstractmethod
    def read(self, environment: str) -> Batch:
        """The objects of one environment, and what could not be read."""
