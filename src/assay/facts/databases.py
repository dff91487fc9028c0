"""What the operators of databases back up themselves.

Source: the documentation of each operator, named at its function, and its custom resource definitions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.facts.index import labels_of, maps, part, text
from assay.facts.velero import gap_hours, place_of
from assay.schedules import duration_days, is_duration

if TYPE_CHECKING:
    from assay.facts.index import Index
    from assay.model.objects import KubeObject

CLAIM = "core/PersistentVolumeClaim"
REDIS_CLUSTER = "app.redislabs.com/RedisEnterpriseCluster"
CNPG = "postgresql.cnpg.io/Cluster"
SCHEDULED_BACKUP = "postgresql.cnpg.io/ScheduledBackup"
OBJECT_STORE = "barmancloud.cnpg.io/ObjectStore"
OPERATOR_CONFIGURATION = "acid.zalan.do/OperatorConfiguration"

_BARMAN = "barman-cloud.cloudnative-pg.io"
_DAYS = {"d": 1.0, "w": 7.0, "m": 30.0}
_WAL_VARIABLE = re.compile(r"WAL(_(S3|GS|SWIFT)_BUCKET|[EG]_(S3|GS|AZ|SSH|SWIFT)_PREFIX)")
_WAL_SETTINGS = ("wal_s3_bucket", "wal_gs_bucket", "wal_az_storage_account")


class Own(NamedTuple):
    """What a database's own operator does: ``problem`` says why it makes no backup, ``unknown`` why nobody can tell.

    ``replica`` is true where the database copies another one, whose backups may count.
    """

    schedules: tuple[dict[str, Any], ...] = ()
    problem: str = ""
    unknown: str = ""
    replica: bool = False


def own_backups(index: Index, obj: KubeObject) -> Own | None:
    """What the operator of a database backs up; None for what is no database with a known operator."""
    found = _OPERATORS.get(obj.group_kind)
    return found(index, obj, part(obj.body, "spec")) if found else None


def is_database(group_kind: str) -> bool:
    """Whether an operator makes a database of objects of a kind."""
    return group_kind in _OPERATORS


def stores_by_namespace(index: Index) -> dict[str | None, list[KubeObject]]:
    """What holds data: claims, workloads with templates of claims, and databases."""
    found: dict[str | None, list[KubeObject]] = {}
    for obj in index.world.objects:
        kind = obj.group_kind
        if kind in (CLAIM, REDIS_CLUSTER) or kind in _OPERATORS or maps(obj.body, "spec", "volumeClaimTemplates"):
            found.setdefault(obj.identity.namespace, []).append(obj)
    return found


def owner_of(obj: KubeObject) -> tuple[str, str] | None:
    """The database that a claim or workload belongs to, as ``group/Kind`` and name, by its owner or its label."""
    metadata = part(obj.body, "metadata")
    for reference in maps(metadata, "ownerReferences"):
        kind = f"{text(reference, 'apiVersion').partition('/')[0]}/{text(reference, 'kind')}"
        if is_database(kind):
            return kind, text(reference, "name")
    cluster = labels_of(metadata).get("cnpg.io/cluster")
    return (CNPG, cluster) if cluster else None


def _entry(tool: str, obj: KubeObject, name: str, interval: float | None, **more: Any) -> dict[str, Any]:
    """A schedule as rules read it; what is not said is unknown."""
    return {
        "tool": tool,
        "kind": obj.kind,
        "namespace": obj.identity.namespace or "",
        "name": name,
        "intervalHours": interval,
        "retentionDays": None,
        "copies": None,
        "expires": "unknown",
        "unknown": "",
        "store": "",
        "place": "unknown",
        "encrypted": "unknown",
        **more,
    }


# CloudNativePG: https://cloudnative-pg.io/documentation/current/backup/ and
# https://cloudnative-pg.io/plugin-barman-cloud/docs/usage/


def _cnpg(index: Index, obj: KubeObject, spec: Mapping[str, Any]) -> Own:
    methods, missing = _cnpg_methods(index, obj, spec)
    replica = _is_replica(obj, part(spec, "replica"))
    if not methods:
        return Own(problem=missing or "nothing says where backups go", replica=replica)
    named = [
        backup
        for backup in index.in_namespace(SCHEDULED_BACKUP, obj.identity.namespace)
        if text(backup.body, "spec", "cluster", "name") == obj.identity.name
    ]
    found, problems = [], []
    for backup in named:
        own = part(backup.body, "spec")
        method = _cnpg_method(own)
        if own.get("suspend") is True:
            problems.append(f"ScheduledBackup {backup.identity.name} is suspended")
        elif cnpg_gap_hours(own.get("schedule")) is None:
            problems.append(f"the schedule of ScheduledBackup {backup.identity.name} cannot be read")
        elif method not in methods:
            problems.append(missing or f"ScheduledBackup {backup.identity.name} uses a method that is not set up")
        elif len(index.find(SCHEDULED_BACKUP, backup.identity.namespace, backup.identity.name)) > 1:
            return Own(unknown=f"ScheduledBackup {backup.identity.name} is defined twice", replica=replica)
        else:
            gap = cnpg_gap_hours(own.get("schedule"))
            found.append(_entry("cnpg", backup, backup.identity.name, gap, **methods[method]))
    problem = "" if found else problems[0] if problems else "no ScheduledBackup names it"
    return Own(tuple(found), problem, replica=replica)


def _cnpg_methods(index: Index, obj: KubeObject, spec: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], str]:
    """What backups can be made with, each with what is known of it, and what is missing for a plugin."""
    backup = part(spec, "backup")
    methods: dict[str, dict[str, Any]] = {}
    missing = ""
    if text(backup, "barmanObjectStore", "destinationPath"):
        methods["barmanObjectStore"] = _barman(part(backup, "barmanObjectStore"), backup.get("retentionPolicy"))
    if isinstance(backup.get("volumeSnapshot"), dict):
        methods["volumeSnapshot"] = {"store": "snapshots of the provider", "place": "snapshots", "expires": "no"}
    for plugin in maps(spec, "plugins"):
        name = text(plugin, "name")
        if plugin.get("enabled") is False or not name:
            continue
        if name != _BARMAN:
            methods[name] = {"unknown": f"what the plugin {name} does is not known"}
            continue
        store = text(plugin, "parameters", "barmanObjectName")
        found = index.find(OBJECT_STORE, obj.identity.namespace, store) if store else []
        if plugin.get("isWALArchiver") is not True:
            missing = "the plugin does not archive the WAL"
        elif not found:
            missing = f"ObjectStore {store} does not exist" if store else "the plugin names no ObjectStore"
        elif len(found) > 1:
            methods[name] = {"unknown": f"ObjectStore {store} is defined twice"}
        else:
            own = part(found[0].body, "spec")
            methods[name] = _barman(part(own, "configuration"), own.get("retentionPolicy"))
    return methods, missing


def _cnpg_method(spec: Mapping[str, Any]) -> str:
    method = text(spec, "method") or "barmanObjectStore"
    return text(spec, "pluginConfiguration", "name") if method == "plugin" else method


def _barman(store: Mapping[str, Any], retention: Any) -> dict[str, Any]:
    asked = [text(store, name, "encryption") in ("AES256", "aws:kms") for name in ("data", "wal")]
    kept = re.fullmatch(r"([1-9][0-9]*)([dwm])", retention) if isinstance(retention, str) else None
    return {
        "store": text(store, "destinationPath"),
        "place": place_of(text(store, "endpointURL")),
        "encrypted": "yes" if all(asked) else "unknown",
        "expires": "yes" if kept else "no",
        "retentionDays": int(kept[1]) * _DAYS[kept[2]] if kept else None,
    }


def cnpg_gap_hours(schedule: Any) -> float | None:
    """The longest time between two runs of a ScheduledBackup: seconds come first, and the weekday may be left out."""
    if isinstance(schedule, str) and len(schedule.split()) == 5 and not schedule.startswith(("TZ=", "CRON_TZ=", "@")):
        schedule = f"{schedule} *"
    return gap_hours(schedule)


def _is_replica(obj: KubeObject, replica: Mapping[str, Any]) -> bool:
    """Whether a Cluster copies another one (replica_cluster: ``enabled``, or the primary of a topology is another)."""
    enabled, primary = replica.get("enabled"), text(replica, "primary")
    own = text(replica, "self") or obj.identity.name
    return enabled is True if isinstance(enabled, bool) else bool(primary) and primary != own


# Percona: https://docs.percona.com/percona-operator-for-mysql/pxc/backups-scheduled.html,
# https://docs.percona.com/percona-operator-for-mongodb/backups-scheduled.html,
# https://docs.percona.com/percona-operator-for-postgresql/2.0/backups.html


def _percona_mysql(_index: Index, obj: KubeObject, spec: Mapping[str, Any]) -> Own:
    return _percona(obj, part(spec, "backup"), maps(spec, "backup", "schedule"))


def _percona_mongodb(_index: Index, obj: KubeObject, spec: Mapping[str, Any]) -> Own:
    backup = part(spec, "backup")
    if backup.get("enabled") is not True:
        return Own(problem="backups are switched off")
    return _percona(obj, backup, [task for task in maps(backup, "tasks") if task.get("enabled") is True])


def _percona(obj: KubeObject, backup: Mapping[str, Any], entries: list[dict[str, Any]]) -> Own:
    found, problem = [], "no schedule of backups is active"
    for entry in entries:
        gap, storage = gap_hours(entry.get("schedule")), part(backup, "storages", text(entry, "storageName"))
        if gap is None:
            problem = "a schedule cannot be read"
        elif not storage and text(entry, "storageName"):
            problem = f"the storage {text(entry, 'storageName')} is not defined"
        else:
            kept = entry["retention"].get("count") if part(entry, "retention") else entry.get("keep")
            copies = kept if isinstance(kept, int) and not isinstance(kept, bool) and kept > 0 else None
            more = {"copies": copies, "expires": "yes" if copies else "no"}
            found.append(
                _entry(
                    "percona", obj, f"{obj.identity.name}/{text(entry, 'name')}", gap, **_percona_store(storage), **more
                )
            )
    return Own(tuple(found), "" if found else problem)


def _percona_store(storage: Mapping[str, Any]) -> dict[str, str]:
    kind = next((kind for kind in ("s3", "minio", "gcs", "oss", "azure") if part(storage, kind)), "")
    if not kind:
        inside = text(storage, "type") == "filesystem"
        return {"store": "a volume" if inside else "", "place": "cluster" if inside else "unknown"}
    own = part(storage, kind)
    order = part(own, "serverSideEncryption")
    ordered = ("kmsKeyID", "sseAlgorithm", "sseCustomerAlgorithm", "encryptionMethod")
    return {
        "store": f"{kind} {text(own, 'bucket') or text(own, 'container')}",
        "place": place_of(text(own, "endpointUrl")),
        "encrypted": "yes" if any(text(order, name) for name in ordered) else "unknown",
    }


def _percona_postgresql(_index: Index, obj: KubeObject, spec: Mapping[str, Any]) -> Own:
    if part(spec, "backups").get("enabled") is False:
        return Own(problem="backups are switched off")
    backrest = part(spec, "backups", "pgbackrest")
    settings = part(backrest, "global")
    found = []
    for repo in maps(backrest, "repos"):
        gap, name = gap_hours(part(repo, "schedules").get("full")), text(repo, "name")
        if gap is None:
            continue
        kind = next((kind for kind in ("volume", "s3", "gcs", "azure") if part(repo, kind)), "")
        place = {"volume": "cluster", "": "unknown"}.get(kind, place_of(text(repo, kind, "endpoint")))
        kept = text(settings, f"{name}-retention-full")
        cipher = text(settings, f"{name}-cipher-type")
        more = {
            "store": f"{kind} {text(repo, kind, 'bucket') or text(repo, kind, 'container')}".strip(),
            "place": place,
            "encrypted": "yes" if cipher.startswith("aes") else "unknown",
            "expires": "yes" if kept.isdecimal() and int(kept) else "no",
            "copies": int(kept) if kept.isdecimal() and int(kept) and not _by_time(settings, name) else None,
            "retentionDays": float(kept) if kept.isdecimal() and int(kept) and _by_time(settings, name) else None,
        }
        found.append(_entry("percona", obj, f"{obj.identity.name}/{name}", gap, **more))
    return Own(tuple(found), "" if found else "no repository has a schedule of full backups")


def _by_time(settings: Mapping[str, Any], repo: str) -> bool:
    """Whether a repository counts days instead of backups (pgBackRest, repo-retention-full-type)."""
    return text(settings, f"{repo}-retention-full-type") == "time"


# Zalando: https://postgres-operator.readthedocs.io/en/latest/administrator/#logical-backups


def _zalando(index: Index, obj: KubeObject, spec: Mapping[str, Any]) -> Own:
    configured, doubt = _operator_configuration(index)
    replica = bool(part(spec, "standby"))
    found = []
    if spec.get("enableLogicalBackup") is True:
        found.append(_logical(obj, spec, configured, doubt))
    archive = any(
        _WAL_VARIABLE.fullmatch(text(variable, "name")) and (variable.get("value") or variable.get("valueFrom"))
        for variable in maps(spec, "env")
    )
    if archive or any(text(configured, "aws_or_gcp", name) for name in _WAL_SETTINGS):
        # The base backups' schedule and retention are variables of the image, mostly of the operator's own objects.
        found.append(
            _entry("zalando", obj, f"{obj.identity.name}/wal", None, place="outside", unknown="the image decides")
        )
    unknown = "" if found else doubt
    return Own(
        tuple(found), "" if found or unknown else "no logical backup, and no archive of the WAL", unknown, replica
    )


def _logical(obj: KubeObject, spec: Mapping[str, Any], configured: Mapping[str, Any], doubt: str) -> dict[str, Any]:
    logical = part(configured, "logical_backup")
    other = text(logical, "logical_backup_provider") not in ("", "s3")
    kept = text(spec, "logicalBackupRetention") or text(logical, "logical_backup_s3_retention_time")
    schedule = text(spec, "logicalBackupSchedule") or text(logical, "logical_backup_schedule") or "30 00 * * *"
    ordered = text(logical, "logical_backup_s3_sse")
    more = {
        "store": f"bucket {text(logical, 'logical_backup_s3_bucket')}".strip() if not other else "",
        "place": "unknown" if doubt or other else place_of(text(logical, "logical_backup_s3_endpoint")),
        "encrypted": "unknown" if doubt or other else "yes" if ordered else "no",
        "expires": "unknown" if other or (doubt and not kept) else "yes" if kept else "no",
        "retentionDays": duration_days(kept) if is_duration(kept) and not other else None,
        "unknown": "retention and encryption are settings of S3 only" if other else doubt,
    }
    return _entry("zalando", obj, f"{obj.identity.name}/logical", gap_hours(schedule), **more)


def _operator_configuration(index: Index) -> tuple[dict[str, Any], str]:
    """The configuration of the operator, and why it is not known: it was not seen, or there are several."""
    found = [part(obj.body, "configuration") for obj in index.of_kind(OPERATOR_CONFIGURATION)]
    if not found:
        return {}, "the OperatorConfiguration was not seen"
    same = all(other == found[0] for other in found)
    return (found[0], "") if same else ({}, "there are several OperatorConfigurations")


# Redis Enterprise: https://redis.io/docs/latest/operate/kubernetes/reference/api/redis_enterprise_database_api/


def _redis_enterprise(_index: Index, obj: KubeObject, spec: Mapping[str, Any]) -> Own:
    backup = part(spec, "backup")
    kind = next((kind for kind in ("s3", "abs", "gcs", "swift", "sftp", "ftp", "mount") if part(backup, kind)), "")
    if not kind:
        return Own(problem="no place for backups is named")
    seconds = backup.get("interval", 86400)
    interval = seconds / 3600 if isinstance(seconds, int) and not isinstance(seconds, bool) and seconds > 0 else None
    store = f"{kind} {text(backup, kind, 'bucketName') or text(backup, kind, 'container')}".strip()
    place = "cluster" if kind == "mount" else "outside"
    return Own((_entry("redis", obj, obj.identity.name, interval, store=store, place=place, expires="no"),))


# MongoDB: https://www.mongodb.com/docs/kubernetes/current/tutorial/back-up-mdb-resources/


def _mongodb(_index: Index, obj: KubeObject, spec: Mapping[str, Any]) -> Own:
    backup = part(spec, "backup")
    if text(backup, "mode") != "enabled":
        return Own(problem="continuous backup is not enabled")
    hours, days = (
        part(backup, "snapshotSchedule").get(name) for name in ("snapshotIntervalHours", "snapshotRetentionDays")
    )
    interval, kept = (float(value) if isinstance(value, int) and value > 0 else None for value in (hours, days))
    more: dict[str, Any] = {"retentionDays": kept, "expires": "yes", "store": "Ops Manager"}
    return Own((_entry("mongodb", obj, obj.identity.name, interval, **more),))


def _elasticsearch(_index: Index, _obj: KubeObject, _spec: Mapping[str, Any]) -> Own:
    return Own(unknown="snapshots of Elasticsearch are set inside it, where nothing can be seen")


def _none(_index: Index, _obj: KubeObject, _spec: Mapping[str, Any]) -> Own:
    return Own(problem="its operator makes no backups")


_OPERATORS: dict[str, Callable[[Index, KubeObject, Mapping[str, Any]], Own]] = {
    CNPG: _cnpg,
    "pxc.percona.com/PerconaXtraDBCluster": _percona_mysql,
    "psmdb.percona.com/PerconaServerMongoDB": _percona_mongodb,
    "pgv2.percona.com/PerconaPGCluster": _percona_postgresql,
    "acid.zalan.do/postgresql": _zalando,
    "app.redislabs.com/RedisEnterpriseDatabase": _redis_enterprise,
    "mongodb.com/MongoDB": _mongodb,
    "elasticsearch.k8s.elastic.co/Elasticsearch": _elasticsearch,
    "mongodbcommunity.mongodb.com/MongoDBCommunity": _none,
    "redis.redis.opstreelabs.in/Redis": _none,
    "databases.spotahome.com/RedisFailover": _none,
}
