"""Relations that no single object states, computed once for a world and handed to the rules that need them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from assay.facts.interface import Fact
from assay.facts.network import NetworkIsolation
from assay.model.verdicts import Verdict

if TYPE_CHECKING:
    from assay.model.objects import KubeObject, World

FACTS: dict[str, type[Fact]] = {"network": NetworkIsolation}


class Facts:
    """The facts of one world, each computed when a rule first needs it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._made: dict[str, Fact] = {}

    def _fact(self, name: str) -> Fact:
        if name not in self._made:
            self._made[name] = FACTS[name](self._world)
        return self._made[name]

    def of(self, obj: KubeObject, names: Iterable[str]) -> tuple[dict[str, Any], str]:
        """The facts of an object by name, and why one could not be computed."""
        values: dict[str, Any] = {}
        for name in names:
            value = self._fact(name).of(obj)
            if isinstance(value, str):
                return {}, value
            values[name] = value
        return values, ""

    def doubt(self, obj: KubeObject, names: Iterable[str], verdict: Verdict) -> str:
        """Why a verdict does not stand: a kind that could turn it may exist unseen (docs/verdicts.md)."""
        for name in names:
            fact = self._fact(name)
            kinds = fact.turns_pass if verdict is Verdict.PASS else fact.turns_fail
            unseen = [kind for kind in kinds if not self._seen(kind, obj)]
            if unseen:
                return f"a {unseen[0].rpartition('/')[2]} that was not seen could change this"
        return ""

    def _seen(self, kind: str, obj: KubeObject) -> bool:
        if any(not unread.kinds or kind in unread.kinds for unread in self._world.unread):
            return False
        complete = self._world.complete
        if isinstance(complete, bool):
            return complete
        return kind in complete or (obj.identity.namespace or "") in complete
