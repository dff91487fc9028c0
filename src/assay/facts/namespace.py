"""What is in a namespace: its labels, what bounds it, and how many objects of which kinds.

Sources: the API references of LimitRange and ResourceQuota, and "Limit Ranges" and "Resource Quotas" in the
documentation of Kubernetes.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

from assay.facts.index import maps, part, text
from assay.facts.interface import Fact, Table

if TYPE_CHECKING:
    from assay.model.objects import KubeObject

_LIMITS = "core/LimitRange"
_QUOTA = "core/ResourceQuota"


class NamespaceContents(Fact):
    """``facts.namespace``: {name, seen, labels, counts, limits, quotas, unseen} (docs/facts/namespace.md)."""

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """The namespace that an object is, or is in."""
        name = obj.home
        return f"a {obj.kind} is in no namespace" if name is None else self._of(name)

    def table(self) -> Table:
        """One row for each namespace."""
        rows = []
        for name in self.index.namespaces:
            found = self._of(name)
            bounds = [f"{resource} up to {most}" for resource, most in found["limits"]["max"].items()]
            hard = [f"{resource}: {most}" for resource, most in found["quotas"]["hard"].items()]
            rows.append((name, found["seen"], sum(found["counts"].values()), bounds, hard))
        return Table(("namespace", "seen", "objects", "a container", "everything together"), tuple(rows))

    def _of(self, name: str) -> dict[str, Any]:
        if name not in self._known:
            labels = self.index.namespaces.get(name)
            self._known[name] = {
                "name": name,
                "seen": labels is not None,
                "labels": labels or {},
                "counts": dict(self._counts.get(name, {})),
                "limits": _limits(self.index.in_namespace(_LIMITS, name)),
                "quotas": _quotas(self.index.in_namespace(_QUOTA, name)),
                # A Namespace is in none itself, so its own name is asked for.
                "unseen": {
                    "limits": "" if self.facts.seen(_LIMITS, name) else "a LimitRange that was not seen may be there",
                    "quotas": "" if self.facts.seen(_QUOTA, name) else "a ResourceQuota that was not seen may be there",
                },
            }
        return self._known[name]

    @cached_property
    def _known(self) -> dict[str, dict[str, Any]]:
        return {}

    @cached_property
    def _counts(self) -> dict[str, Counter[str]]:
        found: dict[str, Counter[str]] = {}
        for obj in self.index.world.objects:
            if obj.identity.namespace is not None:
                found.setdefault(obj.identity.namespace, Counter())[obj.group_kind] += 1
        return found


def _limits(ranges: list[KubeObject]) -> dict[str, Any]:
    """What LimitRanges give to a container: {names, default, defaultRequest, max, min: resource -> quantity}.

    A limit that is not stated is the maximum, a request that is not stated is that limit or else the minimum: so the
    API server fills in a LimitRange. Where several state one, the first is shown: which one counts is not said.
    """
    found: dict[str, Any] = {"names": [obj.identity.name for obj in ranges]}
    bounds: dict[str, dict[str, str]] = {"max": {}, "min": {}, "default": {}, "defaultRequest": {}}
    for item in (item for obj in ranges for item in maps(obj.body, "spec", "limits")):
        if text(item, "type") != "Container":
            continue
        own = {kind: _amounts(part(item, kind)) for kind in bounds}
        own["default"] = {**own["max"], **own["default"]}
        own["defaultRequest"] = {**own["min"], **own["default"], **own["defaultRequest"]}
        for kind, amounts in own.items():
            bounds[kind] = {**amounts, **bounds[kind]}
    return found | bounds


def _quotas(quotas: list[KubeObject]) -> dict[str, Any]:
    """What quotas bound: {names, hard: resource -> quantity of the quotas for everything, scoped: names of the others}.

    A quota with scopes counts only the Pods and claims that they select.
    """
    whole = [q for q in quotas if not part(q.body, "spec").get("scopes") and not part(q.body, "spec", "scopeSelector")]
    hard: dict[str, str] = {}
    for quota in whole:
        hard = {**_amounts(part(quota.body, "spec", "hard")), **hard}
    return {
        "names": [quota.identity.name for quota in quotas],
        "hard": hard,
        "scoped": [quota.identity.name for quota in quotas if quota not in whole],
    }


def _amounts(amounts: dict[str, Any]) -> dict[str, str]:
    """Quantities as texts; what is neither text nor number is none."""
    return {
        name: str(amount)
        for name, amount in amounts.items()
        if isinstance(amount, (str, int, float)) and not isinstance(amount, bool)
    }
