"""The scopes that packs have: which objects a framework is about (docs/verdicts.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from assay.errors import UsageError
from assay.model.controls import Pack
from assay.model.objects import KubeObject, World
from assay.project import Project, Scope


class Scopes:
    """Which objects are in the scope of which pack.

    Args:
        packs: The packs of this run.
    """

    def __init__(self, project: Project, packs: Sequence[Pack]) -> None:
        self._declared = {pack.id: project.scopes[pack.scope] for pack in packs if pack.scope in project.scopes}
        self._names = {pack.id: pack.scope for pack in packs}
        self._matched: set[str] = set()
        self._file = str(project.file or "")
        self.undeclared = tuple(
            dict.fromkeys(pack.scope for pack in packs if pack.scope and pack.scope not in project.scopes)
        )

    def holder(self, world: World) -> Callable[[KubeObject, str], bool]:
        """Whether an object of a world is in the scope of a pack, as a function of both."""
        namespaces = {obj.identity.name: _labels(obj) for obj in world.objects if obj.group_kind == "core/Namespace"}

        def holds(obj: KubeObject, pack: str) -> bool:
            scope = self._declared.get(pack)
            if scope is None:
                return True
            inside = _inside(obj, scope, namespaces)
            if inside and obj.identity.namespace is not None:
                self._matched.add(pack)
            return inside

        for obj in world.objects:
            for pack in self._declared:
                holds(obj, pack)
        return holds

    def check(self) -> None:
        """Every declared scope must have matched something.

        Raises:
            UsageError: One matched nothing: a mistake that would make its controls look empty.
        """
        for pack in self._declared:
            if pack not in self._matched:
                raise UsageError(
                    f"the scope {self._names[pack]!r} matches no object",
                    where=self._file,
                    todo="correct its namespaces or labels, or remove it",
                )


def _inside(obj: KubeObject, scope: Scope, namespaces: Mapping[str, Mapping[str, Any]]) -> bool:
    namespace = obj.home
    if namespace is None or namespace in scope.namespaces:
        return True
    by_namespace = scope.namespace_labels and _has(namespaces.get(namespace, {}), scope.namespace_labels)
    return bool(by_namespace or (scope.object_labels and _has(_labels(obj), scope.object_labels)))


def _labels(obj: KubeObject) -> Mapping[str, Any]:
    labels = (obj.body.get("metadata") or {}).get("labels")
    return labels if isinstance(labels, Mapping) else {}


def _has(labels: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in wanted.items())
