"""Relations that no single object states, computed once for a world and handed to the rules that need them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from assay.facts.index import Index
from assay.kinds import NAMESPACED
from assay.model.run import Inventory
from assay.model.verdicts import Verdict

if TYPE_CHECKING:
    from assay.facts.interface import Fact
    from assay.model.objects import KubeObject, World

# name -> (module, class); a module is imported when a rule first needs it
FACTS: dict[str, tuple[str, str]] = {
    "isolation": ("assay.facts.isolation", "Isolation"),
    "permissions": ("assay.facts.permissions", "Permissions"),
    "escalation": ("assay.facts.escalation", "Escalation"),
    "exposure": ("assay.facts.exposure", "Exposure"),
    "mtls": ("assay.facts.mtls", "MutualTls"),
    "backup": ("assay.facts.backup", "Backup"),
    "encryption": ("assay.facts.encryption", "Encryption"),
    "secrets": ("assay.facts.secrets", "Secrets"),
    "admission": ("assay.facts.admission", "Admission"),
    "references": ("assay.facts.references", "References"),
    "namespace": ("assay.facts.namespace", "NamespaceContents"),
    "selection": ("assay.facts.selection", "Selection"),
    "alerts": ("assay.facts.alerts", "Alerts"),
    "logs": ("assay.facts.logs", "Logs"),
}


def load(names: Iterable[str]) -> None:
    """Import the modules of facts that will be asked for, at a moment when there is time for it."""
    for name in names:
        import_module(FACTS[name][0])


class Facts:
    """The facts of one world, each computed when a rule first needs it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._index: Index | None = None
        self._made: dict[str, Fact] = {}

    def fact(self, name: str) -> Fact:
        """A fact by its name."""
        if name not in self._made:
            if self._index is None:
                self._index = Index(self._world)
            module, attribute = FACTS[name]
            self._made[name] = getattr(import_module(module), attribute)(self._index, self)
        return self._made[name]

    def prepare(self, names: Iterable[str]) -> None:
        """Compute facts that are about to be asked for."""
        for name in names:
            self.fact(name)

    def table(self, name: str) -> Inventory:
        """A fact as a table."""
        return Inventory(self._world.name, name, *self.fact(name).table(), tuple(self.unseen(name)))

    def tables(self) -> Iterator[Inventory]:
        """Every fact that was computed, as a table."""
        yield from [self.table(name) for name in list(self._made)]

    def doubt(
        self, obj: KubeObject, names: Iterable[str], verdict: Verdict, turns: Mapping[str, tuple[str, ...]]
    ) -> str:
        """Why a verdict does not stand: a kind that could turn it may exist unseen (docs/verdicts.md).

        Args:
            turns: The kinds that could turn a ``pass`` and a ``fail``, where the rule knows better than its facts.
        """
        for name in names:
            fact = self.fact(name)
            kinds = fact.turns_pass if verdict is Verdict.PASS else fact.turns_fail
            for kind in turns.get(str(verdict), kinds):
                namespace = None if kind in fact.anywhere else obj.home
                if not self.seen(kind, namespace):
                    return f"a {kind.rpartition('/')[2]} that was not seen could change this"
        return ""

    def unseen(self, name: str) -> list[str]:
        """What could change a fact and may exist unseen: kinds, and what could not be read."""
        fact = self.fact(name)
        kinds = dict.fromkeys((*fact.turns_pass, *fact.turns_fail))
        unread = [f"{entry.source}: {entry.reason}" for entry in self._world.unread]
        return [*(kind for kind in kinds if not self.seen(kind, None)), *dict.fromkeys(unread)]

    def seen(self, kind: str, namespace: str | None) -> bool:
        """Whether every object of a kind was seen that counts: all of one namespace, or all that there are."""
        if any(not unread.kinds or kind in unread.kinds for unread in self._world.unread):
            return False
        complete = self._world.complete
        if isinstance(complete, bool):
            return complete
        return kind in complete or (NAMESPACED.get(kind, False) and namespace in complete)
