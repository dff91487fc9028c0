"""Whether volumes, snapshots and the files of databases are encrypted where they lie.

Source: docs/facts/encryption.md, whose tables name the documentation of each storage driver and database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.documents import Document, read_documents
from assay.facts.databases import CLAIM, CNPG, REDIS_CLUSTER, is_database, owner_of, stores_by_namespace
from assay.facts.index import annotations_of, items, maps, part, text
from assay.facts.interface import Fact, Table
from assay.workloads import PodView, pod_view

if TYPE_CHECKING:
    from assay.model.objects import KubeObject

CLASS = "storage.k8s.io/StorageClass"
VOLUME = "core/PersistentVolume"
SNAPSHOT = "snapshot.storage.k8s.io/VolumeSnapshot"
SNAPSHOT_CLASS = "snapshot.storage.k8s.io/VolumeSnapshotClass"

ENCRYPTED, PLAIN, UNKNOWN = "encrypted", "plain", "unknown"

# Providers that encrypt every volume and let nobody switch it off.
_ALWAYS = frozenset({
    "pd.csi.storage.gke.io", "kubernetes.io/gce-pd", "filestore.csi.storage.gke.io",
    "disk.csi.azure.com", "kubernetes.io/azure-disk", "file.csi.azure.com", "kubernetes.io/azure-file",
    "blockvolume.csi.oraclecloud.com",
})  # fmt: skip

# Drivers that encrypt if a parameter of the class says so: (driver, parameter, in any case, value that does).
_SWITCHES = (
    (re.compile(r"ebs\.csi\.(aws|eks\.amazonaws)\.com|kubernetes\.io/aws-ebs"), "encrypted", True, "true"),
    (re.compile(r"(.+\.)?(rbd|cephfs)\.csi\.ceph\.com|driver\.longhorn\.io"), "encrypted", False, "true"),
    (re.compile(r"pxd\.portworx\.com|kubernetes\.io/portworx-volume"), "secure", False, "true"),
    (re.compile(r"csi\.cloudscale\.ch"), "csi.cloudscale.ch/luks-encrypted", False, "true"),
    (re.compile(r"storage\.csi\.upcloud\.com"), "encryption", False, "data-at-rest"),
)

# In-tree sources of volumes that the provider always encrypts.
_ALWAYS_SOURCES = ("gcePersistentDisk", "azureDisk", "azureFile")

# A Secret, and what makes one of the same name.
_SECRETS = ("core/Secret", "bitnami.com/SealedSecret", "external-secrets.io/ExternalSecret")

# The annotation of a default class, and that of the beta, which still counts (Kubernetes, StorageClass).
_DEFAULT = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"


class Answer(NamedTuple):
    """``encrypted``, ``plain`` or ``unknown``, and for the last why."""

    state: str
    why: str = ""


_YES, _NO = Answer(ENCRYPTED), Answer(PLAIN)


class _Volume(NamedTuple):
    """One volume: what it is called, its class (empty where none is used or known) and whether it is encrypted."""

    name: str
    storage_class: str
    answer: Answer


class Encryption(Fact):
    """``facts.encryption``, as docs/facts/encryption.md describes it."""

    # What is not seen of volumes is said in ``unknown``; only the Secret of a keyring is missed where it is not there.
    turns_fail = _SECRETS

    def of(self, obj: KubeObject) -> dict[str, Any] | str:
        """The encryption of a class, a volume, a claim, a snapshot, a workload, a database or a namespace."""
        volumes = self._volumes(obj)
        database = self._database(obj)
        resources = _resources(obj)
        if volumes is None and database is None and resources is None:
            return "only volumes and what uses them are encrypted at rest"
        found = volumes or []
        whole = _together(volume.answer for volume in found) if found else Answer("none")
        if database and not found and obj.group_kind in _DATABASES:
            whole = _no("the volumes that its operator makes are not shown")
        return {
            "state": whole.state,
            "unknown": whole.why,
            "plain": [volume.name for volume in found if volume.answer.state == PLAIN],
            "volumes": [
                {
                    "name": volume.name,
                    "class": volume.storage_class,
                    "state": volume.answer.state,
                    "why": volume.answer.why,
                }
                for volume in found
            ],
            "database": database.state if database else "",
            "databaseUnknown": database.why if database else "",
            "resources": resources or [],
        }

    def table(self) -> Table:
        """One row for each volume, and for each database that says whether it encrypts its files."""
        rows: list[tuple[Any, ...]] = []
        for obj in self.index.world.objects:
            place = (obj.identity.namespace or "", obj.kind, obj.identity.name)
            volumes = () if obj.group_kind == "core/Namespace" else self._volumes(obj) or ()
            rows += [
                (*place, volume.name, volume.storage_class, _shown(volume.answer), volume.answer.why)
                for volume in volumes
            ]
            own = self._database(obj) if obj.group_kind in _DATABASES else None
            if own:
                rows.append((*place, "files of the database", "", _shown(own), own.why))
            rows += [
                (*place, entry["resource"], "", entry["encrypted"], entry["provider"])
                for entry in _resources(obj) or ()
            ]
        return Table(("namespace", "kind", "name", "what", "class", "encrypted", "reason"), tuple(rows))

    # Volumes

    def _volumes(self, obj: KubeObject) -> list[_Volume] | None:
        name, kind = obj.identity.name, obj.group_kind
        if kind == CLASS:
            return [_Volume(name, name, by_class(obj.body))]
        if kind == VOLUME:
            return [_Volume(name, text(obj.body, "spec", "storageClassName"), self._by_volume(obj))]
        if kind == CLAIM:
            return [self._by_claim(name, part(obj.body, "spec"), obj)]
        if kind == SNAPSHOT_CLASS:
            return [_Volume(name, "", self._by_driver(text(obj.body, "driver"), part(obj.body, "parameters")))]
        if kind == SNAPSHOT:
            source = text(obj.body, "spec", "source", "persistentVolumeClaimName")
            return [self._by_name(source, source, obj) if source else _Volume(name, "", _no("its source was not seen"))]
        if kind == "core/Namespace":
            return [volume for other in self._holders.get(name, ()) for volume in self._volumes(other) or ()]
        if is_database(kind) or kind == REDIS_CLUSTER:
            return [self._by_claim(where, spec, None) for where, spec in _database_claims(obj)]
        view = pod_view(obj)
        return None if view is None else list(self._pod_volumes(obj, view))

    @cached_property
    def _holders(self) -> dict[str | None, list[KubeObject]]:
        return stores_by_namespace(self.index)

    def _pod_volumes(self, obj: KubeObject, view: PodView) -> Iterator[_Volume]:
        for volume in maps(view.spec, "volumes"):
            name, claim = text(volume, "name"), text(volume, "persistentVolumeClaim", "claimName")
            if claim:
                yield self._by_name(name, claim, obj)
            elif part(volume, "ephemeral", "volumeClaimTemplate"):
                yield self._by_claim(name, part(volume, "ephemeral", "volumeClaimTemplate", "spec"), None)
        for template in maps(obj.body, "spec", "volumeClaimTemplates"):
            yield self._by_claim(text(template, "metadata", "name"), part(template, "spec"), None)

    def _by_name(self, name: str, claim: str, obj: KubeObject) -> _Volume:
        """A volume by the name of its claim in the namespace of an object."""
        found = self.index.find(CLAIM, obj.identity.namespace, claim)
        if len(found) != 1:
            return _Volume(name, "", _no(f"the claim {claim} {'is defined twice' if found else 'was not seen'}"))
        return self._by_claim(name, part(found[0].body, "spec"), found[0])

    def _by_claim(self, name: str, spec: Mapping[str, Any], claim: KubeObject | None) -> _Volume:
        """A volume by the spec of its claim, which may be a template's."""
        bound = text(spec, "volumeName")
        notes = annotations_of(part(claim.body, "metadata")) if claim else {}
        chosen = notes.get(_BETA_CLASS, spec.get("storageClassName"))
        if bound:
            volumes = self.index.find(VOLUME, None, bound)
            own = chosen if isinstance(chosen, str) else ""
            if len(volumes) != 1:
                return _Volume(
                    name, own, _no(f"the PersistentVolume {bound} {'is defined twice' if volumes else 'was not seen'}")
                )
            return _Volume(name, own, self._by_volume(volumes[0]))
        if chosen is None:
            return _Volume(name, *self._default)
        if not isinstance(chosen, str):
            return _Volume(name, "", _no("its storage class cannot be read"))
        if not chosen:
            return _Volume(name, "", _no("it asks for a volume without a class, and none is bound"))
        return _Volume(name, chosen, self._named_class(chosen))

    def _named_class(self, name: str) -> Answer:
        found = self.index.find(CLASS, None, name)
        answers = {by_class(obj.body) for obj in found}
        if len(answers) == 1:
            return answers.pop()
        return _no(f"the StorageClass {name} {'is defined twice' if found else 'was not seen'}")

    @cached_property
    def _default(self) -> tuple[str, Answer]:
        """The default class and whether it encrypts: of several the newest counts, of those the first by name."""
        marked = [
            obj
            for obj in self.index.of_kind(CLASS)
            if any(annotations_of(part(obj.body, "metadata")).get(name) == "true" for name in _DEFAULT)
        ]
        if not marked:
            return "", _no("no default StorageClass was seen")
        if not self.facts.seen(CLASS, None):
            return "", _no("a default StorageClass that was not seen could change this")
        answers = {by_class(obj.body) for obj in marked}
        made = [text(obj.body, "metadata", "creationTimestamp") for obj in marked]
        names = {obj.identity.name for obj in marked}
        if len(answers) == 1:
            return (names.pop() if len(names) == 1 else ""), answers.pop()
        if not all(made):
            return "", _no("there are several default StorageClasses, and which is the newest is not known")
        newest = min(
            obj.identity.name for obj in marked if text(obj.body, "metadata", "creationTimestamp") == max(made)
        )
        return newest, self._named_class(newest)

    def _by_volume(self, obj: KubeObject) -> Answer:
        """Whether a PersistentVolume is encrypted, by its source and by the class that it was made of."""
        spec = part(obj.body, "spec")
        driver = text(spec, "csi", "driver")
        if driver in _ALWAYS or any(part(spec, source) for source in _ALWAYS_SOURCES):
            return _YES
        made = annotations_of(part(obj.body, "metadata")).get("pv.kubernetes.io/provisioned-by", "")
        name = text(spec, "storageClassName")
        classes = self.index.find(CLASS, None, name) if name and made else []
        if classes and all(text(found.body, "provisioner") == made for found in classes):
            return self._named_class(name)
        return _no(f"whether the PersistentVolume {obj.identity.name} is encrypted is not shown by it")

    def _by_driver(self, driver: str, parameters: Mapping[str, Any]) -> Answer:
        """Whether what a driver makes snapshots of is encrypted; its snapshots are then encrypted too."""
        if driver in _ALWAYS:
            return _YES
        if driver == "pxd.portworx.com" and text(parameters, "csi.openstorage.org/snapshot-type") == "cloud":
            return _no("snapshots in the cloud are encrypted by settings of Portworx")
        classes = [obj for obj in self.index.of_kind(CLASS) if text(obj.body, "provisioner") == driver]
        if not classes:
            return _no(f"no StorageClass of {driver or 'its driver'} was seen")
        whole = _together(by_class(obj.body) for obj in classes)
        if whole == _YES and not self.facts.seen(CLASS, None):
            return _no("a StorageClass that was not seen could change this")
        return whole

    # Databases

    def _database(self, obj: KubeObject) -> Answer | None:
        """Whether the database that an object is, or belongs to, encrypts its files itself; None for other objects."""
        found = _DATABASES.get(obj.group_kind)
        if found:
            return found(self, obj, part(obj.body, "spec"))
        if obj.group_kind != CLAIM and pod_view(obj) is None:
            return None
        owner = owner_of(obj)
        if owner:
            above = self.index.find(owner[0], obj.identity.namespace, owner[1])
            missing = _no(f"{owner[0].rpartition('/')[2]} {owner[1]} was not seen")
            return self._database(above[0]) if len(above) == 1 else missing
        return _no("whether a database encrypts its files is seen in the object of its operator only")

    def vault_secret(self, obj: KubeObject) -> Answer:
        """Whether the Secret exists that turns a PerconaXtraDBCluster's keyring on, by itself or by what makes it."""
        name = text(obj.body, "spec", "vaultSecretName") or f"{obj.identity.name}-vault"
        namespace = obj.identity.namespace
        secret, sealed, external = _SECRETS
        if self.index.find(secret, namespace, name) or self.index.find(sealed, namespace, name):
            return _YES
        made = {
            text(obj.body, "spec", "target", "name") or obj.identity.name
            for obj in self.index.in_namespace(external, namespace)
        }
        return _YES if name in made else _NO


def by_class(body: Mapping[str, Any]) -> Answer:
    """Whether a StorageClass makes encrypted volumes."""
    driver = text(body, "provisioner")
    if driver in _ALWAYS:
        return _YES
    for pattern, switch, any_case, value in _SWITCHES:
        if pattern.fullmatch(driver):
            given = [
                wanted
                for name, wanted in part(body, "parameters").items()
                if isinstance(name, str) and (name.lower() if any_case else name) == switch
            ]
            if not given:
                return _no(f"the class does not say whether {driver} encrypts")
            return _YES if all(wanted == value for wanted in given) else _NO
    return _no(f"whether {driver or 'its provisioner'} encrypts is not known")


def _no(why: str) -> Answer:
    return Answer(UNKNOWN, why)


def _together(answers: Iterable[Answer]) -> Answer:
    """Several volumes as one: plain if one is, else unknown if one is."""
    found = list(answers)
    if any(answer.state == PLAIN for answer in found):
        return _NO
    return next((answer for answer in found if answer.state == UNKNOWN), _YES)


def _shown(answer: Answer) -> bool | None:
    return {ENCRYPTED: True, PLAIN: False}.get(answer.state)


def _database_claims(obj: KubeObject) -> Iterator[tuple[str, dict[str, Any]]]:
    """The claims that an operator makes for a database: what each is for, and its spec."""
    spec = part(obj.body, "spec")
    if obj.group_kind == CNPG:
        stores = [("storage", part(spec, "storage"))]
        stores += [("walStorage", part(spec, "walStorage"))] if part(spec, "walStorage") else []
        stores += [(f"tablespace {text(one, 'name')}", part(one, "storage")) for one in maps(spec, "tablespaces")]
        for name, store in stores:
            yield name, {**part(store, "pvcTemplate"), **_class_of(store)}
    elif obj.group_kind == "acid.zalan.do/postgresql":
        yield "volume", _class_of(part(spec, "volume"))
    elif obj.group_kind == REDIS_CLUSTER:
        if part(spec, "persistentSpec").get("enabled") is True:
            yield "persistentSpec", part(spec, "persistentSpec")
    elif obj.group_kind == "redis.redis.opstreelabs.in/Redis":
        if part(spec, "storage", "volumeClaimTemplate"):
            yield "storage", part(spec, "storage", "volumeClaimTemplate", "spec")
    else:
        yield from _volume_specs(spec)


def _volume_specs(spec: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The claims of Percona's clusters and of Elasticsearch."""
    members = [("pxc", part(spec, "pxc")), ("configsvr", part(spec, "sharding", "configsvrReplSet"))]
    members += [(text(one, "name") or "rs0", one) for one in maps(spec, "replsets")]
    for name, member in members:
        if part(member, "volumeSpec", "persistentVolumeClaim"):
            yield name, part(member, "volumeSpec", "persistentVolumeClaim")
    for instance in maps(spec, "instances"):
        for field in ("dataVolumeClaimSpec", "walVolumeClaimSpec"):
            if part(instance, field):
                yield f"{text(instance, 'name')} {field}", part(instance, field)
    for nodes in maps(spec, "nodeSets"):
        for template in maps(nodes, "volumeClaimTemplates"):
            yield f"{text(nodes, 'name')} {text(template, 'metadata', 'name')}", part(template, "spec")


def _class_of(store: Mapping[str, Any]) -> dict[str, Any]:
    """The class of a store under the name that it has in a claim."""
    return {"storageClassName": store["storageClass"]} if "storageClass" in store else {}


def _resources(obj: KubeObject) -> list[dict[str, Any]] | None:
    """How an EncryptionConfiguration writes what: by the first provider of the first entry that names a resource."""
    if obj.group_kind != "apiserver.config.k8s.io/EncryptionConfiguration":
        return None
    found: dict[str, dict[str, Any]] = {}
    for entry in maps(obj.body, "resources"):
        providers = maps(entry, "providers")
        provider = next(iter(providers[0]), "") if providers else ""
        for resource in items(entry, "resources"):
            if isinstance(resource, str):
                encrypted = provider not in ("", "identity")
                found.setdefault(resource, {"resource": resource, "provider": provider, "encrypted": encrypted})
    return list(found.values())


def _percona_mongodb(_fact: Encryption, _obj: KubeObject, spec: Mapping[str, Any]) -> Answer:
    """On unless a configuration says otherwise (Percona Operator for MongoDB, encryption)."""
    members = [*maps(spec, "replsets"), part(spec, "sharding", "configsvrReplSet")]
    parts = [part(one, name) for one in members for name in ("nonvoting", "hidden", "arbiter")]
    for one in (*members, *parts):
        written = text(one, "configuration")
        if not written.strip():
            continue
        found = list(read_documents(written))
        if len(found) != 1 or not isinstance(found[0], Document) or not isinstance(found[0].value, dict):
            return _no("a configuration of the database cannot be read")
        if part(found[0].value, "security").get("enableEncryption") is False:
            return _NO
    return _YES


def _percona_mysql(fact: Encryption, obj: KubeObject, _spec: Mapping[str, Any]) -> Answer:
    return fact.vault_secret(obj)


def _percona_postgresql(_fact: Encryption, _obj: KubeObject, spec: Mapping[str, Any]) -> Answer:
    return _YES if part(spec, "extensions", "pg_tde").get("enabled") is True else _NO


def _cnpg(_fact: Encryption, _obj: KubeObject, spec: Mapping[str, Any]) -> Answer:
    """PostgreSQL has no encryption of its own; an extension that has one is a library of the cluster."""
    libraries = items(spec, "postgresql", "shared_preload_libraries")
    if "pg_tde" not in libraries:
        return _NO
    method = text(spec, "postgresql", "parameters", "default_table_access_method")
    return _YES if method == "tde_heap" else _no("which tables pg_tde encrypts is seen in the database only")


def _mongodb(_fact: Encryption, _obj: KubeObject, spec: Mapping[str, Any]) -> Answer:
    """MongoDB's own encryption is a setting of mongod, nested or with dots in its name."""
    settings = part(spec, "additionalMongodConfig")
    switch = part(settings, "security").get("enableEncryption", settings.get("security.enableEncryption"))
    return _YES if switch is True else _NO


def _never(_fact: Encryption, _obj: KubeObject, _spec: Mapping[str, Any]) -> Answer:
    return _NO


_DATABASES: dict[str, Callable[[Encryption, KubeObject, Mapping[str, Any]], Answer]] = {
    CNPG: _cnpg,
    "pxc.percona.com/PerconaXtraDBCluster": _percona_mysql,
    "psmdb.percona.com/PerconaServerMongoDB": _percona_mongodb,
    "pgv2.percona.com/PerconaPGCluster": _percona_postgresql,
    "acid.zalan.do/postgresql": _never,
    "mongodb.com/MongoDB": _mongodb,
    "mongodbcommunity.mongodb.com/MongoDBCommunity": _mongodb,
    REDIS_CLUSTER: _never,
    "app.redislabs.com/RedisEnterpriseDatabase": _never,
    "redis.redis.opstreelabs.in/Redis": _never,
    "databases.spotahome.com/RedisFailover": _never,
    "elasticsearch.k8s.elastic.co/Elasticsearch": _never,
}
