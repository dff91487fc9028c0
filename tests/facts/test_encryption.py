"""``facts.encryption``: one case for each row of docs/facts/encryption.md, and a slow second opinion."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.facts import Facts
from tests.facts.storage import Body, fact_of, rows_of, thing, world
from tests.unit.test_facts import JSON

DEFAULT = "storageclass.kubernetes.io/is-default-class"
YES, NO, UNKNOWN = "encrypted", "plain", "unknown"


def of_class(
    name: str = "fast", driver: str = "ebs.csi.aws.com", *, default: bool = False, made: str = "", **parameters: str
) -> Body:
    metadata: Body = {"annotations": {DEFAULT: "true"}} if default else {}
    metadata |= {"creationTimestamp": made} if made else {}
    return thing(
        "storage.k8s.io/v1", "StorageClass", name, metadata=metadata, provisioner=driver, parameters=parameters
    )


def claim(**spec: Any) -> Body:
    return thing("v1", "PersistentVolumeClaim", "data", "shop", spec=spec)


def volume(**spec: Any) -> Body:
    return thing("v1", "PersistentVolume", "pv", spec=spec)


def snapshots(driver: str = "ebs.csi.aws.com", **parameters: str) -> Body:
    return thing(
        "snapshot.storage.k8s.io/v1",
        "VolumeSnapshotClass",
        "snap",
        driver=driver,
        parameters=parameters,
        deletionPolicy="Delete",
    )


def database(group: str, kind: str, **spec: Any) -> Body:
    return thing(f"{group}/v1", kind, "orders", "shop", spec=spec)


GOOD, BAD = of_class("good", encrypted="true"), of_class("bad", encrypted="false")
SNAPSHOT = thing(
    "snapshot.storage.k8s.io/v1",
    "VolumeSnapshot",
    "s",
    "shop",
    spec={"source": {"persistentVolumeClaimName": "data"}},
)
MADE = {"metadata": {"name": "pv", "annotations": {"pv.kubernetes.io/provisioned-by": "ebs.csi.aws.com"}}}
EBS = {"csi": {"driver": "ebs.csi.aws.com"}}
MYSQL = database("pxc.percona.com", "PerconaXtraDBCluster", vaultSecretName="keyring")
MONGODB = database("psmdb.percona.com", "PerconaServerMongoDB", replsets=[{"name": "rs0"}])
OFF = {"name": "rs0", "configuration": "security:\n  enableEncryption: false\n"}
LUKS: Body = {"csi.cloudscale.ch/luks-encrypted": "true"}
LIBRARIES = {"shared_preload_libraries": ["pg_tde"]}


def defaults(*made: tuple[str, str]) -> list[Body]:
    """Default classes of which one encrypts, with the times at which they were made."""
    return [of_class(name, default=True, made=time, encrypted=str(name == "good").lower()) for name, time in made]


# The case, the object, the others, and the answer: of the volume, or of the database where it is one.
CASES: list[tuple[str, Body, list[Body], str]] = [
    ("a class by its name", claim(storageClassName="good"), [GOOD, BAD], YES),
    ("the class was not seen", claim(storageClassName="good"), [BAD], UNKNOWN),
    (
        "two classes of one name disagree",
        claim(storageClassName="fast"),
        [of_class(), of_class(encrypted="true")],
        UNKNOWN,
    ),
    (
        "the annotation of the beta",
        claim(storageClassName="bad")
        | {
            "metadata": {
                "name": "data",
                "namespace": "shop",
                "annotations": {"volume.beta.kubernetes.io/storage-class": "good"},
            }
        },
        [GOOD, BAD],
        YES,
    ),
    ("no class named", claim(), [of_class("good", default=True, encrypted="true"), BAD], YES),
    ("no default class was seen", claim(), [GOOD], UNKNOWN),
    ("several defaults that agree", claim(), defaults(("bad", ""), ("worse", "")), NO),
    (
        "several defaults, the newest counts",
        claim(),
        defaults(("bad", "2025-01-01T00:00:00Z"), ("good", "2026-01-01T00:00:00Z")),
        YES,
    ),
    (
        "several defaults, the newest counts",
        claim(),
        defaults(("good", "2025-01-01T00:00:00Z"), ("bad", "2025-01-01T00:00:00Z")),
        NO,
    ),
    ("several defaults in files", claim(), defaults(("good", ""), ("bad", "")), UNKNOWN),
    ("an empty class", claim(storageClassName=""), [of_class("good", default=True, encrypted="true")], UNKNOWN),
    (
        "a bound volume of an encrypting provider",
        claim(volumeName="pv"),
        [volume(csi={"driver": "disk.csi.azure.com"})],
        YES,
    ),
    (
        "a bound volume of an encrypting provider",
        claim(volumeName="pv"),
        [volume(gcePersistentDisk={"pdName": "d"})],
        YES,
    ),
    (
        "a bound volume that its class made",
        claim(volumeName="pv", storageClassName="good"),
        [GOOD, volume(storageClassName="good", **EBS) | MADE],
        YES,
    ),
    ("a bound volume made by hand", claim(volumeName="pv"), [GOOD, volume(storageClassName="good", **EBS)], UNKNOWN),
    ("the bound volume was not seen", claim(volumeName="pv", storageClassName="good"), [GOOD], UNKNOWN),
    ("Google's persistent disks", of_class(driver="pd.csi.storage.gke.io"), [], YES),
    ("Azure's disks", of_class(driver="disk.csi.azure.com"), [], YES),
    ("Azure's files", of_class(driver="file.csi.azure.com"), [], YES),
    ("Oracle's block volumes", of_class(driver="blockvolume.csi.oraclecloud.com"), [], YES),
    ("EBS told to encrypt, in any case of the name", of_class(Encrypted="true"), [], YES),
    ("EBS told not to encrypt", of_class(encrypted="false"), [], NO),
    ("EBS told not to encrypt", of_class(encrypted="True"), [], NO),
    ("EBS without a word", of_class(type="gp3"), [], UNKNOWN),
    (
        "Ceph told to encrypt, under any prefix of Rook",
        of_class(driver="rook-ceph.rbd.csi.ceph.com", encrypted="true"),
        [],
        YES,
    ),
    ("Ceph with the name in another case", of_class(driver="rbd.csi.ceph.com", Encrypted="true"), [], UNKNOWN),
    ("Longhorn told to encrypt", of_class(driver="driver.longhorn.io", encrypted="true"), [], YES),
    ("Portworx told to be secure", of_class(driver="pxd.portworx.com", secure="true"), [], YES),
    (
        "cloudscale.ch with LUKS",
        of_class(driver="csi.cloudscale.ch", **LUKS),
        [],
        YES,
    ),
    ("UpCloud with data-at-rest", of_class(driver="storage.csi.upcloud.com", encryption="data-at-rest"), [], YES),
    ("another driver", of_class(driver="rancher.io/local-path", encrypted="true"), [], UNKNOWN),
    ("a snapshot of a claim", SNAPSHOT, [claim(storageClassName="bad"), BAD], NO),
    ("a snapshot of a claim", SNAPSHOT, [GOOD], UNKNOWN),
    ("a class of snapshots", snapshots(), [GOOD, BAD], NO),
    ("a class of snapshots", snapshots(), [GOOD, of_class(driver="driver.longhorn.io")], YES),
    ("a class of snapshots", snapshots(), [], UNKNOWN),
    (
        "snapshots that Portworx exports",
        snapshots("pxd.portworx.com", **{"csi.openstorage.org/snapshot-type": "cloud"}),
        [of_class(driver="pxd.portworx.com", secure="true")],
        UNKNOWN,
    ),
    ("Percona MongoDB", MONGODB, [], YES),
    ("Percona MongoDB switched off", database("psmdb.percona.com", "PerconaServerMongoDB", replsets=[OFF]), [], NO),
    (
        "Percona MongoDB with a text that nobody can read",
        database("psmdb.percona.com", "PerconaServerMongoDB", replsets=[{"configuration": "a: [b"}]),
        [],
        UNKNOWN,
    ),
    ("Percona MySQL with its Secret", MYSQL, [thing("v1", "Secret", "keyring", "shop")], YES),
    (
        "Percona MySQL with its Secret",
        database("pxc.percona.com", "PerconaXtraDBCluster"),
        [thing("external-secrets.io/v1", "ExternalSecret", "orders-vault", "shop", spec={})],
        YES,
    ),
    ("Percona MySQL without its Secret", MYSQL, [thing("v1", "Secret", "keyring", "cart")], NO),
    (
        "Percona PostgreSQL with pg_tde",
        database("pgv2.percona.com", "PerconaPGCluster", extensions={"pg_tde": {"enabled": True}}),
        [],
        YES,
    ),
    ("CloudNativePG", database("postgresql.cnpg.io", "Cluster", storage={"storageClass": "good"}), [GOOD], NO),
    ("CloudNativePG with pg_tde", database("postgresql.cnpg.io", "Cluster", postgresql=LIBRARIES), [], UNKNOWN),
    (
        "CloudNativePG with pg_tde",
        database(
            "postgresql.cnpg.io",
            "Cluster",
            postgresql={**LIBRARIES, "parameters": {"default_table_access_method": "tde_heap"}},
        ),
        [],
        YES,
    ),
    (
        "MongoDB with enableEncryption",
        database("mongodb.com", "MongoDB", additionalMongodConfig={"security": {"enableEncryption": True}}),
        [],
        YES,
    ),
    ("Redis, Elasticsearch, Zalando's PostgreSQL", database("acid.zalan.do", "postgresql"), [], NO),
    ("Redis, Elasticsearch, Zalando's PostgreSQL", database("redis.redis.opstreelabs.in", "Redis"), [], NO),
]

ELSEWHERE = {
    "default classes may exist unseen",
    "a claim of a database",
    "a plain database without an operator's object",
}


@pytest.mark.parametrize(
    ("subject", "others", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_each_row_of_the_page(subject: Body, others: list[Body], expected: str) -> None:
    found = fact_of("encryption", subject, *others)
    database_is = found["database"] if subject["kind"] not in ("PersistentVolumeClaim", "VolumeSnapshot") else ""
    assert (database_is or found["state"]) == expected, found
    assert bool(found["databaseUnknown" if database_is else "unknown"]) is (expected == UNKNOWN)


def test_the_page_and_the_cases_are_the_same() -> None:
    assert {case[0] for case in CASES} | ELSEWHERE == rows_of("encryption.md")


@pytest.mark.parametrize(
    ("complete", "state"),
    [(True, YES), (False, UNKNOWN), (("storage.k8s.io/StorageClass",), YES), (("shop",), UNKNOWN)],
)
def test_another_default_class_may_exist_unseen(complete: bool | tuple[str, ...], state: str) -> None:
    default = of_class("good", default=True, encrypted="true")
    assert fact_of("encryption", claim(), default, complete=complete)["state"] == state
    assert fact_of("encryption", claim(storageClassName="good"), default, complete=complete)["state"] == YES


def test_a_claim_of_a_database_is_as_its_database() -> None:
    owner = {"apiVersion": "psmdb.percona.com/v1", "kind": "PerconaServerMongoDB", "name": "orders"}
    owned = claim() | {"metadata": {"name": "data", "namespace": "shop", "ownerReferences": [owner]}}
    assert fact_of("encryption", owned, MONGODB)["database"] == YES
    assert "was not seen" in fact_of("encryption", owned)["databaseUnknown"]
    assert fact_of("encryption", claim())["database"] == UNKNOWN


def test_the_volumes_of_a_workload_and_of_a_namespace() -> None:
    spec = {
        "template": {
            "spec": {
                "volumes": [
                    {"name": "a", "persistentVolumeClaim": {"claimName": "data"}},
                    {"name": "b", "ephemeral": {"volumeClaimTemplate": {"spec": {"storageClassName": "good"}}}},
                    {"name": "c", "emptyDir": {}},
                ]
            }
        },
        "volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {"storageClassName": "good"}}],
    }
    workload = thing("apps/v1", "StatefulSet", "queue", "shop", spec=spec)
    found = fact_of("encryption", workload, claim(storageClassName="bad"), GOOD, BAD)
    assert [(one["name"], one["state"]) for one in found["volumes"]] == [("a", NO), ("b", YES), ("d", YES)]
    assert (found["state"], found["plain"]) == (NO, ["a"])
    namespace = fact_of("encryption", thing("v1", "Namespace", "shop"), workload, claim(storageClassName="good"), GOOD)
    assert namespace["state"] == YES
    assert fact_of("encryption", thing("v1", "Namespace", "cart"), workload)["state"] == "none"


def test_the_volumes_of_databases() -> None:
    stores = {"storage": {"storageClass": "good"}, "walStorage": {"pvcTemplate": {"storageClassName": "bad"}}}
    found = fact_of("encryption", database("postgresql.cnpg.io", "Cluster", **stores), GOOD, BAD)
    assert [(one["name"], one["state"]) for one in found["volumes"]] == [("storage", YES), ("walStorage", NO)]
    volumes = {"volumeSpec": {"persistentVolumeClaim": {"storageClassName": "good"}}}
    sharded = {"replsets": [{"name": "rs0", **volumes}], "sharding": {"configsvrReplSet": volumes}}
    found = fact_of("encryption", database("psmdb.percona.com", "PerconaServerMongoDB", **sharded), GOOD)
    assert [one["name"] for one in found["volumes"]] == ["configsvr", "rs0"]
    assert fact_of("encryption", MONGODB)["state"] == UNKNOWN  # its volumes are not shown


def test_an_encryption_configuration_says_what_is_written_how() -> None:
    entries = [
        {"resources": ["secrets"], "providers": [{"kms": {"name": "k"}}, {"identity": {}}]},
        {"resources": ["secrets", "configmaps"], "providers": [{"identity": {}}]},
    ]
    body = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": entries}
    found = fact_of("encryption", body)["resources"]
    assert found == [
        {"resource": "secrets", "provider": "kms", "encrypted": True},
        {"resource": "configmaps", "provider": "identity", "encrypted": False},
    ]


def test_the_table_has_a_row_for_each_volume_and_database() -> None:
    table = Facts(world(claim(storageClassName="good"), GOOD, MONGODB)).fact("encryption").table()
    assert [row[3:6] for row in table.rows] == [
        ("data", "good", True),
        ("good", "good", True),
        ("files of the database", "", True),
    ]


@given(JSON, JSON)
def test_nothing_that_an_object_holds_breaks_it(value: Any, other: Any) -> None:
    kinds = [(body["apiVersion"], body["kind"]) for _, body, _, _ in CASES] + [("apps/v1", "StatefulSet")]
    bodies = [{"apiVersion": v, "kind": k, "metadata": {"name": "x"}, "spec": value} for v, k in dict.fromkeys(kinds)]
    bodies.append(
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": value, "parameters": other}
    )
    bodies.append({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": value})
    bodies.append(thing("apps/v1", "Deployment", "x", spec={"template": {"spec": {"volumes": other}}}))
    seen = world(*bodies)
    fact = Facts(seen).fact("encryption")
    assert all(isinstance(fact.of(obj), dict | str) for obj in seen.objects)
    assert fact.table().columns


# A second opinion, written from the page and without its module.

CLASSES = ["one", "two", "three"]
TIMES = st.sampled_from(["", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"])


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Body, list[Body], list[Body], bool]:
    drivers = ["ebs.csi.aws.com", "rbd.csi.ceph.com", "pd.csi.storage.gke.io", "example.com/csi"]
    classes = []
    for _ in range(draw(st.integers(0, 4))):
        switch, value = draw(st.sampled_from(["encrypted", "Encrypted", ""])), draw(st.sampled_from(["true", "false"]))
        parameters = {switch: value} if switch else {}
        named = draw(st.sampled_from(CLASSES))
        classes.append(
            of_class(named, draw(st.sampled_from(drivers)), default=draw(st.booleans()), made=draw(TIMES), **parameters)
        )
    volumes = []
    for _ in range(draw(st.integers(0, 2))):
        driver = draw(st.sampled_from(drivers))
        one = volume(csi={"driver": driver}, storageClassName=draw(st.sampled_from([*CLASSES, ""])))
        if draw(st.booleans()):
            one = one | {"metadata": {"name": "pv", "annotations": {"pv.kubernetes.io/provisioned-by": driver}}}
        volumes.append(one)
    spec = {}
    if draw(st.booleans()):
        spec["storageClassName"] = draw(st.sampled_from([*CLASSES, ""]))
    if draw(st.integers(0, 2)) == 0:
        spec["volumeName"] = "pv"
    return claim(**spec), classes, volumes, draw(st.booleans())


def of_parameters(one: Body) -> str:
    driver, parameters = one["provisioner"], one["parameters"]
    if driver == "pd.csi.storage.gke.io":
        return YES
    for name, value in parameters.items():
        if (driver == "ebs.csi.aws.com" and name.lower() == "encrypted") or (
            driver == "rbd.csi.ceph.com" and name == "encrypted"
        ):
            return YES if value == "true" else NO
    return UNKNOWN


def agreed(answers: list[str]) -> str:
    return answers[0] if answers and set(answers) == {answers[0]} else UNKNOWN


def second_opinion(spec: Body, classes: list[Body], volumes: list[Body], complete: bool) -> str:
    def named(name: str) -> list[Body]:
        return [one for one in classes if one["metadata"]["name"] == name]

    if "volumeName" in spec:
        if len(volumes) != 1:
            return UNKNOWN
        bound = volumes[0]
        made = bound["metadata"].get("annotations", {}).get("pv.kubernetes.io/provisioned-by")
        if bound["spec"]["csi"]["driver"] == "pd.csi.storage.gke.io":
            return YES
        makers = named(bound["spec"]["storageClassName"])
        return (
            agreed([of_parameters(one) for one in makers]) if all(m["provisioner"] == made for m in makers) else UNKNOWN
        )
    if "storageClassName" in spec:
        return agreed([of_parameters(one) for one in named(spec["storageClassName"])])
    marked = [one for one in classes if one["metadata"].get("annotations")]
    if not complete or agreed([of_parameters(one) for one in marked]) != UNKNOWN or not marked:
        return agreed([of_parameters(one) for one in marked]) if complete else UNKNOWN
    times = [one["metadata"].get("creationTimestamp", "") for one in marked]
    if "" in times:
        return UNKNOWN
    newest = sorted(one["metadata"]["name"] for one in marked if one["metadata"]["creationTimestamp"] == max(times))[0]
    return agreed([of_parameters(one) for one in named(newest)])


@settings(max_examples=800, deadline=None)
@given(worlds())
def test_a_second_opinion_agrees(generated: tuple[Body, list[Body], list[Body], bool]) -> None:
    own, classes, volumes, complete = generated
    found = fact_of("encryption", own, *classes, *volumes, complete=complete)
    assert found["state"] == second_opinion(own["spec"], classes, volumes, complete)
