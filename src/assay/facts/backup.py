"""Which schedules back up each claim and each database, and what nobody backs up.

Source: docs/facts/backup.md, whose table of decisions names the section of each tool's documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.databases import (
    CLAIM,
    OBJECT_STORE,
    OPERATOR_CONFIGURATION,
    SCHEDULED_BACKUP,
    is_database,
    own_backups,
    owner_of,
    stores_by_namespace,
)
from assay.facts.index import annotations_of, labels_of, maps, part, text
from assay.facts.interface import Fact, Table
from assay.facts.velero import SCHEDULE, Claim, Mount, Velero
from assay.workloads import TEMPLATES, pod_view

if TYPE_CHECKING:
    from assay.facts import Facts
    from assay.facts.index import Index, Workload
    from assay.model.objects import KubeObject

# Tools whose objects are not evaluated: where one is, what nobody else covers is not known. The first live in the
# namespace that they back up, the others choose namespaces.
_OTHERS_NEAR = (
    "volsync.backube/ReplicationSource",
    "k8up.io/Schedule",
    "stash.appscode.com/BackupConfiguration",
    "core.kubestash.com/BackupConfiguration",
    "stork.libopenstorage.org/ApplicationBackupSchedule",
    "gemini.fairwinds.com/SnapshotGroup",
    "triliovault.trilio.io/BackupPlan",
)
_OTHERS_ANYWHERE = (
    "config.kio.kasten.io/Policy",
    "triliovault.trilio.io/ClusterBackupPlan",
    "longhorn.io/RecurringJob",
)


class _Found(NamedTuple):
    """What is known of one claim or database."""

    name: str
    schedules: tuple[dict[str, Any], ...]
    doubts: tuple[str, ...]
    problem: str

    @property
    def unknown(self) -> str:
        return self.doubts[0] if self.doubts and not self.schedules else ""


class Backup(Fact):
    """``facts.backup``, as docs/facts/backup.md describes it."""

    turns_fail = (
        SCHEDULE, SCHEDULED_BACKUP, OBJECT_STORE, OPERATOR_CONFIGURATION, *TEMPLATES, *_OTHERS_NEAR, *_OTHERS_ANYWHERE,
    )  # fmt: skip
    anywhere = frozenset({SCHEDULE, OPERATOR_CONFIGURATION, *_OTHERS_ANYWHERE})

    def __init__(self, index: Index, facts: Facts) -> None:
        super().__init__(index, facts)
        self._known: dict[KubeObject, list[_Found] | None] = {}

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """What backs up a claim, the claims of a workload's templates, a database, or all that is in a namespace."""
        found = self._of(obj)
        if found is None:
            return "only claims, workloads, namespaces and databases have backups"
        schedules = {id(entry): entry for each in found for entry in each.schedules}
        own = own_backups(self.index, obj)  # nothing but a database has it
        return {
            "uncovered": [each.name for each in found if not each.schedules and not each.doubts],
            "unknown": next((each.unknown for each in found if each.unknown), ""),
            "problem": next((each.problem for each in found if each.problem), ""),
            "schedules": list(schedules.values()),
            "stores": len(found),
            "replica": own is not None and own.replica,
            "ownUnknown": own.unknown if own else "",
        }

    def table(self) -> Table:
        """One row for each claim, template and database, and each schedule that covers it."""
        rows: list[tuple[Any, ...]] = []
        for obj in self.index.world.objects:
            for each in () if obj.group_kind == "core/Namespace" else self._of(obj) or ():
                whole = obj.group_kind == CLAIM or is_database(obj.group_kind)
                name = each.name if whole else f"{obj.identity.name}/{each.name}"
                place = (obj.identity.namespace, obj.kind, name)
                rows += [(*place, True, *_shown(entry)) for entry in each.schedules]
                if not each.schedules:
                    state = None if each.doubts else False
                    rows.append((*place, state, each.unknown or each.problem, None, None, "", None))
        columns = ("namespace", "kind", "name", "backed up", "by", "every hours", "kept days", "where", "encrypted")
        return Table(columns, tuple(rows))

    def _of(self, obj: KubeObject) -> list[_Found] | None:
        if obj not in self._known:
            self._known[obj] = self._look(obj)
        return self._known[obj]

    def _look(self, obj: KubeObject) -> list[_Found] | None:
        if obj.group_kind == "core/Namespace":
            return [each for other in self._stores.get(obj.identity.name, ()) for each in self._of(other) or ()]
        if obj.group_kind == CLAIM:
            return [self._claim(obj)]
        if is_database(obj.group_kind):
            return [self._database(obj)]
        view = pod_view(obj)
        if view is None:
            return None
        own = part(obj.body, "spec")
        chosen = part(own, "selector", "matchLabels")
        pod = _pod_labels(view.metadata)
        found = []
        for template in maps(own, "volumeClaimTemplates"):
            # The controller adds the labels of the selector (Kubernetes, StatefulSet controller).
            labels = {
                **labels_of(part(template, "metadata")),
                **{k: v for k, v in chosen.items() if isinstance(v, str)},
            }
            name = text(template, "metadata", "name")
            mount = _mount(pod, annotations_of(view.metadata), name)
            found.append(self._decide(obj, name, Claim(obj.identity.namespace, _frozen(labels), (mount,)), obj))
        return found

    @cached_property
    def _velero(self) -> Velero:
        return Velero(self.index)

    @cached_property
    def _stores(self) -> dict[str | None, list[KubeObject]]:
        return stores_by_namespace(self.index)

    def _claim(self, obj: KubeObject) -> _Found:
        namespace, name = obj.identity.namespace, obj.identity.name
        # A claim of a template is called template-workload-number.
        maker, _, number = name.rpartition("-")
        made = self._mounts.made.get((namespace, maker)) if number.isdecimal() else None
        mounts = self._mounts.named.get((namespace, name), ())
        if made:
            mounts = (*mounts, made[1])
        labels = _frozen(labels_of(part(obj.body, "metadata")))
        return self._decide(
            obj, name, Claim(namespace, labels, tuple(dict.fromkeys(mounts))), made[0] if made else None
        )

    def _decide(self, obj: KubeObject, name: str, claim: Claim, maker: KubeObject | None) -> _Found:
        cover = self._velero.cover(claim)
        schedules, doubts, problem = cover.schedules, cover.doubts, "no active schedule covers it"
        owner = owner_of(obj) or (owner_of(maker) if maker else None)
        if owner and not schedules:
            databases = self.index.find(owner[0], claim.namespace, owner[1])
            own = own_backups(self.index, databases[0]) if len(databases) == 1 else None
            if own is None:
                doubts = (f"{owner[0].rpartition('/')[2]} {owner[1]}, which it belongs to, was not seen", *doubts)
            else:
                schedules, doubts, problem = own.schedules, (*filter(None, [own.unknown]), *doubts), own.problem
        return _Found(name, schedules, (*doubts, *self._others(claim.namespace)), "" if schedules else problem)

    def _database(self, obj: KubeObject) -> _Found:
        own = own_backups(self.index, obj)
        assert own is not None  # noqa: S101 - the caller asked is_database
        # Its claims are the operator's to make; what covers every claim of the namespace covers them.
        cover = self._velero.cover(Claim(obj.identity.namespace, known=False))
        doubts = (*filter(None, [own.unknown]), *cover.doubts, *self._others(obj.identity.namespace))
        return _Found(obj.identity.name, (*own.schedules, *cover.schedules), doubts, own.problem)

    def _others(self, namespace: str | None) -> Iterator[str]:
        near = (obj for kind in _OTHERS_NEAR for obj in self.index.in_namespace(kind, namespace))
        for obj in (*near, *self.index.of_kind(*_OTHERS_ANYWHERE)):
            yield f"{obj.kind} {obj.identity.name} may back it up, and is not evaluated"

    @cached_property
    def _mounts(self) -> _Mounts:
        return _Mounts(workload for workloads in self.index.workloads.values() for workload in workloads)


class _Mounts:
    """The Pods that mount claims: by the claim's name, and by what the names of a template's claims start with."""

    def __init__(self, workloads: Iterable[Workload]) -> None:
        self.named: dict[tuple[str | None, str], tuple[Mount, ...]] = {}
        self.made: dict[tuple[str | None, str], tuple[KubeObject, Mount]] = {}
        for workload in workloads:
            volumes = maps(workload.view.spec, "volumes")
            templates = maps(workload.object.body, "spec", "volumeClaimTemplates")
            if not volumes and not templates:
                continue
            pod, notes = _pod_labels(workload.view.metadata), annotations_of(workload.view.metadata)
            for volume in volumes:
                claim = text(volume, "persistentVolumeClaim", "claimName")
                if claim:
                    key = (workload.namespace, claim)
                    self.named[key] = (*self.named.get(key, ()), _mount(pod, notes, text(volume, "name")))
            for template in templates:
                name = text(template, "metadata", "name")
                start = (workload.namespace, f"{name}-{workload.object.identity.name}")
                self.made[start] = (workload.object, _mount(pod, notes, name))


def _mount(pod: tuple[tuple[str, str], ...], annotations: Mapping[str, str], volume: str) -> Mount:
    """A Pod's mount with what its annotations say of the volume (Velero, file-system-backup)."""
    asked, refused = (
        volume in annotations.get(f"backup.velero.io/backup-volumes{end}", "").split(",") for end in ("", "-excludes")
    )
    return Mount(pod, asked, refused)


def _frozen(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _pod_labels(metadata: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return _frozen(labels_of(metadata))


def _shown(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    by = f"{entry['kind']} {entry['namespace']}/{entry['name']}"
    encrypted = {"yes": True, "no": False}.get(entry["encrypted"])
    return by, entry["intervalHours"], entry["retentionDays"], entry["store"] or entry["place"], encrypted
