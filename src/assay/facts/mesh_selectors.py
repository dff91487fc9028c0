"""The policies of a mesh that select a Pod, found without asking every one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from assay.facts.index import part, selects

if TYPE_CHECKING:
    from assay.model.objects import KubeObject

_Key = tuple[str | None, str, str]


class Selectors:
    """Policies with a LabelSelector, by namespace.

    Each is kept under that of its labels which the fewest selectors ask for, so that a label which all Pods bear
    costs nothing; Pods with equal labels are asked for once.

    Args:
        entries: Policies and their selectors.
    """

    def __init__(self, entries: Iterable[tuple[KubeObject, Mapping[str, Any]]]) -> None:
        asked = [(policy, selector, self._keys(policy, selector)) for policy, selector in entries]
        often = Counter(key for _, _, keys in asked for key in keys)
        self._found: dict[_Key, list[tuple[KubeObject, Mapping[str, Any]]]] = {}
        self._others: dict[str | None, list[tuple[KubeObject, Mapping[str, Any]]]] = {}
        self._known: dict[tuple[str | None, frozenset[tuple[str, str]]], tuple[KubeObject, ...]] = {}
        for policy, selector, keys in asked:
            if keys:
                rarest = min(keys, key=lambda key: (often[key], key[1:]))
                self._found.setdefault(rarest, []).append((policy, selector))
            else:
                self._others.setdefault(policy.identity.namespace, []).append((policy, selector))

    def of(self, namespace: str | None, labels: Mapping[str, str]) -> tuple[KubeObject, ...]:
        """The policies of a namespace that select a Pod with labels."""
        if not self._found and not self._others:
            return ()
        key = (namespace, frozenset(labels.items()))
        if key not in self._known:
            candidates = list(self._others.get(namespace, ()))
            for label, value in labels.items():
                candidates += self._found.get((namespace, label, value), ())
            self._known[key] = tuple(policy for policy, selector in candidates if selects(selector, labels))
        return self._known[key]

    @staticmethod
    def _keys(policy: KubeObject, selector: Mapping[str, Any]) -> list[_Key]:
        pairs = part(selector, "matchLabels").items()
        return [(policy.identity.namespace, key, value) for key, value in pairs if isinstance(value, str)]
