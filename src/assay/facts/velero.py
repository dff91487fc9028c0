"""Which volumes Velero's schedules back up.

Source: Velero's documentation of the kinds Schedule, Backup and BackupStorageLocation, of resource filtering, of
namespace patterns, of file system backups and of CSI snapshots.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache, cached_property
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.index import items, maps, part, selects, text
from assay.model.objects import UNSET_NAMESPACE
from assay.schedules import cron_gap_hours, duration_days, is_duration

if TYPE_CHECKING:
    from assay.facts.index import Index
    from assay.model.objects import KubeObject

SCHEDULE = "velero.io/Schedule"
LOCATION = "velero.io/BackupStorageLocation"

_EXCLUDE = "velero.io/exclude-from-backup"
_IN_CLUSTER = re.compile(r"^(https?://)?([^./:]+|[^/:]+\.svc(\.[^/:]*)?)(:\d+)?(/|$)")

# A resource may be written as its plural, its singular or its short name, in any case (Velero, api-types/backup).
_CLAIMS = frozenset({"persistentvolumeclaims", "persistentvolumeclaim", "pvc"})
_PODS = frozenset({"pods", "pod", "po"})
_VOLUMES = frozenset({"persistentvolumes", "persistentvolume", "pv"})

_SCOPED = tuple(
    f"{way}{scope}ScopedResources" for way in ("included", "excluded") for scope in ("Namespace", "Cluster")
)
_UNSCOPED = ("includedResources", "excludedResources", "includeClusterResources")


class Mount(NamedTuple):
    """A Pod that mounts a claim: its labels, and what its annotations say of that volume."""

    labels: tuple[tuple[str, str], ...]
    asked: bool
    refused: bool


class Claim(NamedTuple):
    """What decides whether a schedule covers a claim. ``known`` is false for claims that an operator will make."""

    namespace: str | None
    labels: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    known: bool = True


_Plans = tuple[tuple["_Plan", ...], ...]
"""Schedules, those of one identity that contradict each other together."""


class Cover(NamedTuple):
    """The schedules that cover a claim, and why others may do it too."""

    schedules: tuple[dict[str, Any], ...]
    doubts: tuple[str, ...]


class Velero:
    """The schedules of a world, by the namespaces that they may be about."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._wide: list[_Plan] = []
        self._named: dict[str, list[_Plan]] = {}
        for obj in index.of_kind(SCHEDULE):
            plan = _Plan(obj, index)
            if plan.active and (not plan.namespaces or any(map(_is_pattern, plan.namespaces))):
                self._wide.append(plan)
            for name in plan.namespaces if plan.active else ():
                self._named.setdefault(name, []).append(plan)
        # Namespaces that the same wide schedules reach share one tuple of them, and what is decided by it.
        self._reached: dict[str | None, tuple[_Plans, _Plans]] = {}
        self._same: dict[_Plans, _Plans] = {}
        self._covers: dict[tuple[int, Claim], Cover] = {}

    def cover(self, claim: Claim) -> Cover:
        """What covers a claim; equal claims that the same schedules reach are decided once."""
        wide, near = self._reaching(claim.namespace)
        key = (id(wide), claim._replace(namespace=None))
        if key not in self._covers:
            self._covers[key] = self._decide(wide, claim)
        first, second = self._covers[key], self._decide(near, claim)
        doubts = dict.fromkeys((*first.doubts, *second.doubts))
        return Cover((*first.schedules, *second.schedules), tuple(doubts))

    def _decide(self, plans: _Plans, claim: Claim) -> Cover:
        schedules, doubts = [], []
        for twins in plans:
            answers = [plan.covers(claim) for plan in twins]
            if all(answer is True for answer in answers):
                schedules.append(twins[0].entry if len(twins) == 1 else {**twins[0].entry, "unknown": _TWINS})
            elif any(answer is True for answer in answers):
                doubts.append(f"Schedule {twins[0].name} is defined twice")
            else:
                doubts += [answer for answer in answers if isinstance(answer, str)]
        return Cover(tuple(schedules), tuple(doubts))

    def _reaching(self, namespace: str | None) -> tuple[_Plans, _Plans]:
        """The schedules that may be about a namespace: wide ones, then those that name it or contradict a twin."""
        found = self._reached.get(namespace)
        if found is None:
            wide = [plan for plan in self._wide if plan.reaches(namespace) is not False]
            near = self._named.get(namespace or "", [])
            if namespace == UNSET_NAMESPACE:
                near = [plan for plans in self._named.values() for plan in plans]
            alone: list[tuple[_Plan, ...]] = []
            others: dict[str, tuple[_Plan, ...]] = {}
            for plan in dict.fromkeys((*wide, *near)):
                twins = self._index.find(SCHEDULE, plan.namespace, plan.plain)
                if len(twins) == 1 and plan in self._unnamed and namespace != UNSET_NAMESPACE:
                    alone.append((plan,))
                else:
                    others[plan.name] = (
                        (plan,) if len(twins) == 1 else tuple(_Plan(twin, self._index) for twin in twins)
                    )
            key = tuple(alone)
            found = self._reached[namespace] = (self._same.setdefault(key, key), tuple(others.values()))
        return found

    @cached_property
    def _unnamed(self) -> frozenset[_Plan]:
        """The wide schedules, whose answer is the same in every namespace that they reach."""
        return frozenset(self._wide)


class _Plan:
    """One Schedule: what its template takes, and what comes of it."""

    def __init__(self, obj: KubeObject, index: Index) -> None:
        spec = part(obj.body, "spec")
        template = part(spec, "template")
        self._index, self._object, self._template = index, obj, template
        self.namespace, self.plain = obj.identity.namespace, obj.identity.name
        self.name = f"{self.namespace}/{self.plain}"
        self.active = (
            spec.get("paused") is not True
            and (gap_hours(spec.get("schedule")) or inf) < inf
            and text(obj.body, "status", "phase") != "FailedValidation"
        )
        self.namespaces = [name for name in items(template, "includedNamespaces") if isinstance(name, str)]
        self._not_namespaces = [name for name in items(template, "excludedNamespaces") if isinstance(name, str)]
        self._included = _words(template, "includedResources", "includedNamespaceScopedResources")
        self._excluded = _words(template, "excludedResources", "excludedNamespaceScopedResources")
        self._takes_claims, self._takes_pods = self._takes(_CLAIMS), self._takes(_PODS)
        selector, others = template.get("labelSelector"), maps(template, "orLabelSelectors")
        self._selectors = [*([selector] if isinstance(selector, dict) and selector else []), *others]
        self._files = template.get("defaultVolumesToFsBackup", template.get("defaultVolumesToRestic")) is True
        self._snapshots = template.get("snapshotVolumes") is not False
        self._doubt = self._reason()

    def covers(self, claim: Claim) -> bool | str:
        """Whether the data of a claim is in the backups, or why that cannot be known."""
        if not self.active:
            return False
        there = self.reaches(claim.namespace)
        if there is False or ((_EXCLUDE, "true") in claim.labels) or not self._takes_claims:
            return False
        pods = [mount for mount in claim.mounts if self._takes_pods and self._pod(mount)]
        if claim.known and not self._selected(claim.labels) and not pods:
            return False
        if isinstance(there, str) or self._doubt:
            return there if isinstance(there, str) else self._doubt
        if not claim.known and self._selectors:
            return f"the labels of the volumes are not known, and Schedule {self.name} selects by labels"
        if self._snapshots:
            return True if self._has_volumes else f"Schedule {self.name} leaves PersistentVolumes out"
        return self._by_files(claim, pods)

    def _by_files(self, claim: Claim, pods: list[Mount]) -> bool | str:
        if any(mount.asked if not self._files else not mount.refused for mount in pods):
            return True
        if not claim.known or (self._files and not claim.mounts):
            return f"Schedule {self.name} copies the files of Pods, and no Pod that mounts this was seen"
        return False

    def reaches(self, namespace: str | None) -> bool | str:
        """Whether the template takes a namespace, or why that cannot be known."""
        if namespace == UNSET_NAMESPACE:
            if set(self.namespaces) <= {"*"} and not self._not_namespaces:
                return True
            return f"the namespace is not stated, and Schedule {self.name} chooses by it"
        own = namespace or ""
        if any(_fits(pattern, own) for pattern in self._not_namespaces):
            return False
        return not self.namespaces or any(_fits(pattern, own) for pattern in self.namespaces)

    def _takes(self, names: frozenset[str]) -> bool:
        return not names & self._excluded and (
            not self._included or "*" in self._included or bool(names & self._included)
        )

    def _selected(self, labels: Iterable[tuple[str, str]]) -> bool:
        plain = dict(labels)
        return not self._selectors or any(selects(selector, plain) for selector in self._selectors)

    def _pod(self, mount: Mount) -> bool:
        return (_EXCLUDE, "true") not in mount.labels and self._selected(mount.labels)

    @cached_property
    def _has_volumes(self) -> bool:
        excluded = _words(self._template, "excludedResources", "excludedClusterScopedResources")
        return self._template.get("includeClusterResources") is not False and not (_VOLUMES | {"*"}) & excluded

    def _reason(self) -> str:
        """Why nobody can say what the template takes."""
        template = self._template
        if part(template, "resourcePolicy") or template.get("resourcePolicy"):
            return f"the resource policy of Schedule {self.name} may leave volumes out"
        lists = [(self.namespaces, self._not_namespaces), (self._included, self._excluded)]
        contradictions = (
            bool(template.get("labelSelector")) and bool(template.get("orLabelSelectors")),
            any(template.get(name) for name in _SCOPED) and any(template.get(name) is not None for name in _UNSCOPED),
            any(("*" in some and len(set(some)) > 1) or "*" in none or set(some) & set(none) for some, none in lists),
            any(name in template and not isinstance(template[name], kind) for name, kind in _TYPES.items()),
            any(not isinstance(value, kind) for name, kind in _LISTS.items() for value in items(template, name)),
        )
        return f"Velero may refuse the filters of Schedule {self.name}" if any(contradictions) else ""

    @cached_property
    def entry(self) -> dict[str, Any]:
        """The schedule as rules read it."""
        spec, ttl = part(self._object.body, "spec"), text(self._template, "ttl")
        days = duration_days(ttl) if is_duration(ttl) else 0.0
        moved = self._files or self._template.get("snapshotMoveData") is True
        location = self._location() if moved or not self._snapshots else None
        return {
            "tool": "velero",
            "kind": "Schedule",
            "namespace": self.namespace or "",
            "name": self.plain,
            "intervalHours": gap_hours(spec.get("schedule")),
            "retentionDays": days or None,
            "copies": None,
            "expires": "yes",
            "unknown": "" if days else "Velero's server decides how long backups are kept",
            **(
                _store(location)
                if moved or not self._snapshots
                else {"store": "snapshots of the provider", "place": "snapshots", "encrypted": "unknown"}
            ),
        }

    def _location(self) -> KubeObject | None:
        """The storage location, the default one where none is named; None where it was not seen or not once."""
        name = text(self._template, "storageLocation")
        if name:
            found = self._index.find(LOCATION, self.namespace, name)
        else:
            near = self._index.in_namespace(LOCATION, self.namespace)
            found = [obj for obj in near if part(obj.body, "spec").get("default") is True]
            found = found or [obj for obj in near if obj.identity.name == "default"]
        return found[0] if len(found) == 1 else None


_LISTS: dict[str, type] = {
    "orLabelSelectors": dict,
    **dict.fromkeys(
        (*_SCOPED, "includedNamespaces", "excludedNamespaces", "includedResources", "excludedResources"), str
    ),
}
"""The lists of a template with the type of their elements."""

_TYPES: dict[str, type] = {"labelSelector": dict, "snapshotVolumes": bool, **dict.fromkeys(_LISTS, list)}
_TWINS = "it is defined twice"


def _store(location: KubeObject | None) -> dict[str, str]:
    """Where a storage location puts backups, and whether it asks for encryption."""
    if location is None:
        return {"store": "", "place": "unknown", "encrypted": "unknown"}
    spec = part(location.body, "spec")
    config = part(spec, "config")
    asked = text(config, "serverSideEncryption") in ("AES256", "aws:kms", "aws:kms:dsse")
    keys = ("kmsKeyId", "customerKeyEncryptionFile", "customerKeyEncryptionSecret", "kmsKeyName")
    return {
        "store": f"bucket {text(spec, 'objectStorage', 'bucket')}",
        "place": place_of(text(config, "s3Url")),
        "encrypted": "yes" if asked or any(text(config, key) for key in keys) else "unknown",
    }


def place_of(url: str) -> str:
    """Where the endpoint of an object store lies: in the cluster, or outside, which is so where none is named."""
    return "cluster" if url and _IN_CLUSTER.match(url) else "outside"


def gap_hours(schedule: Any) -> float | None:
    """The longest time between two runs of a cron schedule in hours; None where nobody can read it."""
    return _gap_hours(schedule) if isinstance(schedule, str) else None


@cache
def _gap_hours(schedule: str) -> float | None:
    try:
        return cron_gap_hours(schedule)
    except ValueError:
        return None


def _words(template: Mapping[str, Any], *names: str) -> frozenset[str]:
    """Names of resources in lower case."""
    return frozenset(word.lower() for name in names for word in items(template, name) if isinstance(word, str))


def _is_pattern(name: str) -> bool:
    return any(mark in name for mark in "*?[")


def _fits(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) if _is_pattern(pattern) else name == pattern
