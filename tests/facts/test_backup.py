"""``facts.backup``: one case for each row of docs/facts/backup.md, and a slow second opinion on generated worlds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.facts import Facts
from assay.facts.databases import cnpg_gap_hours
from tests.facts.storage import Body, fact_of, rows_of, thing, world
from tests.unit.test_facts import JSON

VELERO = "velero.io/v1"
CNPG = "postgresql.cnpg.io/v1"
B = "backup.velero.io/backup-volumes"
STORE = {"destinationPath": "s3://b/x"}


def claim(name: str = "data", namespace: str = "shop", **labels: str) -> Body:
    return thing("v1", "PersistentVolumeClaim", name, namespace, metadata={"labels": labels}, spec={})


def schedule(name: str = "nightly", *, paused: bool = False, cron: str = "0 2 * * *", **template: Any) -> Body:
    spec = {"schedule": cron, "paused": paused, "template": template}
    return thing(VELERO, "Schedule", name, "velero", spec=spec)


def pod(name: str = "web", annotations: dict[str, str] | None = None, **labels: str) -> Body:
    volumes = [{"name": "files", "persistentVolumeClaim": {"claimName": "data"}}]
    metadata = {"labels": labels, "annotations": annotations or {}}
    return thing("v1", "Pod", name, "shop", metadata=metadata, spec={"volumes": volumes})


def stateful(**labels: str) -> Body:
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {}}],
    }
    return thing("apps/v1", "StatefulSet", "queue", "shop", spec=spec)


def cluster(**spec: Any) -> Body:
    return thing(CNPG, "Cluster", "orders", "shop", spec=spec)


def scheduled(**spec: Any) -> Body:
    own = {"schedule": "0 0 2 * * *", "cluster": {"name": "orders"}, **spec}
    return thing(CNPG, "ScheduledBackup", "orders", "shop", spec=own)


def percona(group: str, kind: str, **spec: Any) -> Body:
    return thing(f"{group}.percona.com/v1", kind, "orders", "shop", spec=spec)


def zalando(**spec: Any) -> Body:
    return thing("acid.zalan.do/v1", "postgresql", "orders", "shop", spec=spec)


def configured(**parts: Any) -> Body:
    return thing("acid.zalan.do/v1", "OperatorConfiguration", "operator", "operators", configuration=parts)


PLUGIN = [
    {"name": "barman-cloud.cloudnative-pg.io", "isWALArchiver": True, "parameters": {"barmanObjectName": "orders"}}
]
BY_PLUGIN = {"method": "plugin", "pluginConfiguration": {"name": "barman-cloud.cloudnative-pg.io"}}
OBJECT_STORE = thing("barmancloud.cnpg.io/v1", "ObjectStore", "orders", "shop", spec={"configuration": STORE})
FILES: Body = {"snapshotVolumes": False, "defaultVolumesToFsBackup": True}
NIGHTLY = [{"name": "n", "schedule": "0 2 * * *", "storageName": "s3"}]
S3 = {"s3": {"type": "s3", "s3": {"bucket": "b"}}}

# The case, the object, the others, and whether it is backed up: None is unknown.
Case = tuple[str, Body, list[Body], bool | None]
CASES: list[Case] = [
    ("no schedule", claim(), [], False),
    ("the schedule is paused", claim(), [schedule(paused=True)], False),
    ("nobody can read its time", claim(), [schedule(cron="every night")], False),
    ("Velero refused it", claim(), [schedule() | {"status": {"phase": "FailedValidation"}}], False),
    ("no list of namespaces", claim(), [schedule()], True),
    ("a star as namespace", claim(), [schedule(includedNamespaces=["*"])], True),
    ("a star as namespace", claim(), [schedule(includedNamespaces=["*", "*"])], True),
    ("another namespace", claim(), [schedule(includedNamespaces=["cart"])], False),
    ("a pattern of names", claim(), [schedule(includedNamespaces=["sh?p", "c*"])], True),
    ("a pattern of names", claim(namespace="other"), [schedule(includedNamespaces=["sh?p", "c*"])], False),
    ("an excluded namespace", claim(), [schedule(excludedNamespaces=["sho*"])], False),
    ("the namespace is not stated", claim(namespace=""), [schedule(includedNamespaces=["shop"])], None),
    ("the namespace is not stated", claim(namespace=""), [schedule()], True),
    (
        "the label velero.io/exclude-from-backup",
        claim(**{"velero.io/exclude-from-backup": "true"}),
        [schedule()],
        False,
    ),
    ("claims are not among the resources", claim(), [schedule(includedResources=["deployments"])], False),
    ("claims are not among the resources", claim(), [schedule(includedResources=["PVC", "pv"])], True),
    ("claims are excluded", claim(), [schedule(excludedNamespaceScopedResources=["persistentvolumeclaims"])], False),
    ("a label selector selects the claim", claim(a="x"), [schedule(labelSelector={"matchLabels": {"a": "x"}})], True),
    (
        "one of several label selectors is enough",
        claim(a="x"),
        [schedule(orLabelSelectors=[{"matchLabels": {"a": "y"}}, {"matchLabels": {"a": "x"}}])],
        True,
    ),
    ("a label selector drops the claim", claim(a="x"), [schedule(labelSelector={"matchLabels": {"a": "y"}})], False),
    (
        "a selected Pod brings its claims along",
        claim(),
        [pod(a="x"), schedule(labelSelector={"matchLabels": {"a": "x"}})],
        True,
    ),
    ("filters that contradict each other", claim(), [schedule(includedNamespaces=["*", "shop"])], None),
    (
        "filters that contradict each other",
        claim(a="x"),
        [schedule(labelSelector={"matchLabels": {"a": "x"}}, orLabelSelectors=[{"matchLabels": {"a": "x"}}])],
        None,
    ),
    (
        "filters that contradict each other",
        claim(),
        [schedule(includedResources=["*"], includedNamespaceScopedResources=["pvc"])],
        None,
    ),
    ("filters that contradict each other", claim(), [schedule(includedNamespaces=[5])], None),
    ("a resource policy", claim(), [schedule(resourcePolicy={"kind": "configmap", "name": "p"})], None),
    ("cluster-scoped resources are left out", claim(), [schedule(includeClusterResources=False)], None),
    ("snapshots unless switched off", claim(), [schedule(snapshotVolumes=True)], True),
    ("no snapshots and no copies of files", claim(), [pod(), schedule(snapshotVolumes=False)], False),
    ("files of a Pod that mounts it", claim(), [pod(), schedule(**FILES)], True),
    ("the Pod opts out", claim(), [pod(annotations={f"{B}-excludes": "files"}), schedule(**FILES)], False),
    (
        "the Pod opts in",
        claim(),
        [pod(annotations={B: "cache,files"}), schedule(snapshotVolumes=False)],
        True,
    ),
    ("files, and no Pod was seen", claim(), [schedule(**FILES)], None),
    (
        "two Schedules of one name disagree",
        claim(),
        [schedule(), schedule(includedNamespaces=["cart"])],
        None,
    ),
    (
        "labels of a StatefulSet's selector",
        stateful(app="queue"),
        [schedule(labelSelector={"matchLabels": {"app": "queue"}})],
        True,
    ),
    ("another tool's object", claim(), [thing("k8up.io/v1", "Schedule", "s", "shop", spec={})], None),
    ("another tool's object", claim(), [thing("k8up.io/v1", "Schedule", "s", "cart", spec={})], False),
    (
        "CloudNativePG with an object store and a schedule",
        cluster(backup={"barmanObjectStore": STORE}),
        [scheduled()],
        True,
    ),
    ("CloudNativePG without a schedule", cluster(backup={"barmanObjectStore": STORE}), [], False),
    (
        "CloudNativePG's schedule is suspended",
        cluster(backup={"barmanObjectStore": STORE}),
        [scheduled(suspend=True)],
        False,
    ),
    (
        "CloudNativePG's schedule uses another method",
        cluster(backup={"volumeSnapshot": {}}),
        [scheduled()],
        False,
    ),
    (
        "CloudNativePG's schedule with five fields",
        cluster(backup={"barmanObjectStore": STORE}),
        [scheduled(schedule="0 30 2 * *")],
        True,
    ),
    (
        "CloudNativePG's plugin with an ObjectStore",
        cluster(plugins=PLUGIN),
        [OBJECT_STORE, scheduled(**BY_PLUGIN)],
        True,
    ),
    ("CloudNativePG's plugin without the ObjectStore", cluster(plugins=PLUGIN), [scheduled(**BY_PLUGIN)], False),
    (
        "CloudNativePG's plugin is off",
        cluster(plugins=[{**PLUGIN[0], "enabled": False}]),
        [OBJECT_STORE, scheduled(**BY_PLUGIN)],
        False,
    ),
    ("CloudNativePG copies another cluster", cluster(replica={"enabled": True}), [], False),
    (
        "Percona MySQL with a schedule",
        percona("pxc", "PerconaXtraDBCluster", backup={"schedule": NIGHTLY, "storages": S3}),
        [],
        True,
    ),
    (
        "Percona MySQL with a storage that is not defined",
        percona("pxc", "PerconaXtraDBCluster", backup={"schedule": NIGHTLY, "storages": {}}),
        [],
        False,
    ),
    (
        "Percona MongoDB switched off",
        percona("psmdb", "PerconaServerMongoDB", backup={"enabled": False, "tasks": NIGHTLY, "storages": S3}),
        [],
        False,
    ),
    (
        "Percona MongoDB with a task",
        percona(
            "psmdb",
            "PerconaServerMongoDB",
            backup={"enabled": True, "tasks": [{**NIGHTLY[0], "enabled": True}], "storages": S3},
        ),
        [],
        True,
    ),
    (
        "Percona PostgreSQL with a full schedule",
        percona(
            "pgv2",
            "PerconaPGCluster",
            backups={
                "pgbackrest": {"repos": [{"name": "repo1", "schedules": {"full": "0 1 * * 0"}, "volume": {"a": 1}}]}
            },
        ),
        [],
        True,
    ),
    ("Zalando with logical backups", zalando(enableLogicalBackup=True), [], True),
    ("Zalando with an archive of the operator", zalando(), [configured(aws_or_gcp={"wal_s3_bucket": "b"})], True),
    ("Zalando, and the operator's configuration was not seen", zalando(), [], None),
    ("Zalando, and the operator's configuration was not seen", zalando(), [configured()], False),
    (
        "Redis Enterprise with a place",
        thing(
            "app.redislabs.com/v1alpha1",
            "RedisEnterpriseDatabase",
            "d",
            "shop",
            spec={"backup": {"s3": {"bucketName": "b"}}},
        ),
        [],
        True,
    ),
    (
        "MongoDB by MongoDB, enabled",
        thing("mongodb.com/v1", "MongoDB", "d", "shop", spec={"backup": {"mode": "enabled"}}),
        [],
        True,
    ),
    ("Elasticsearch", thing("elasticsearch.k8s.elastic.co/v1", "Elasticsearch", "e", "shop", spec={}), [], None),
    (
        "an operator without backups",
        thing("mongodbcommunity.mongodb.com/v1", "MongoDBCommunity", "d", "shop", spec={}),
        [],
        False,
    ),
    ("Velero for all of the namespace of a database", cluster(), [schedule(includedNamespaces=["shop"])], True),
    (
        "Velero by labels in the namespace of a database",
        cluster(),
        [schedule(labelSelector={"matchLabels": {"a": "x"}})],
        None,
    ),
]


@pytest.mark.parametrize(
    ("subject", "others", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_each_row_of_the_page(subject: Body, others: list[Body], expected: bool | None) -> None:
    found = fact_of("backup", subject, *others)
    answer = False if found["uncovered"] else None if found["unknown"] else True
    assert answer is expected, found
    assert bool(found["schedules"]) is (expected is True)


def test_the_page_and_the_cases_are_the_same() -> None:
    assert {case[0] for case in CASES} == rows_of("backup.md")


def test_a_schedule_says_how_often_how_long_and_where() -> None:
    location = thing(
        VELERO,
        "BackupStorageLocation",
        "far",
        "velero",
        spec={"objectStorage": {"bucket": "b"}, "config": {"kmsKeyId": "k", "s3Url": "http://minio.velero.svc:9000"}},
    )
    moved = schedule(ttl="720h0m0s", storageLocation="far", snapshotMoveData=True)
    (entry,) = fact_of("backup", claim(), moved, location)["schedules"]
    assert entry == {
        "tool": "velero",
        "kind": "Schedule",
        "namespace": "velero",
        "name": "nightly",
        "intervalHours": 24.0,
        "retentionDays": 30.0,
        "copies": None,
        "expires": "yes",
        "unknown": "",
        "store": "bucket b",
        "place": "cluster",
        "encrypted": "yes",
    }
    (kept,) = fact_of("backup", claim(), schedule())["schedules"]
    assert (kept["retentionDays"], kept["place"], kept["unknown"] != "") == (None, "snapshots", True)


def test_databases_say_how_long_and_where() -> None:
    encrypted = {**STORE, "data": {"encryption": "AES256"}, "wal": {"encryption": "aws:kms"}}
    backed = cluster(backup={"barmanObjectStore": encrypted, "retentionPolicy": "2w"})
    (entry,) = fact_of("backup", backed, scheduled())["schedules"]
    assert (entry["retentionDays"], entry["encrypted"], entry["expires"]) == (14.0, "yes", "yes")
    repo = {"name": "repo1", "schedules": {"full": "0 1 * * 0"}, "volume": {"volumeClaimSpec": {}}}
    settings = {"repo1-retention-full": "14", "repo1-retention-full-type": "time", "repo1-cipher-type": "aes-256-cbc"}
    dump = percona("pgv2", "PerconaPGCluster", backups={"pgbackrest": {"repos": [repo], "global": settings}})
    (weekly,) = fact_of("backup", dump)["schedules"]
    assert (weekly["intervalHours"], weekly["retentionDays"], weekly["place"]) == (168.0, 14.0, "cluster")
    logical = fact_of(
        "backup",
        zalando(enableLogicalBackup=True, logicalBackupRetention="1 week"),
        configured(logical_backup={"logical_backup_s3_sse": ""}),
    )["schedules"]
    assert [(one["expires"], one["retentionDays"], one["encrypted"]) for one in logical] == [("yes", 7.0, "no")]


def test_seconds_come_first_in_cloudnativepg() -> None:
    assert cnpg_gap_hours("0 0 2 * * *") == 24.0
    assert cnpg_gap_hours("0 2 * * *") == 1.0  # at second 0 of minute 2 of each hour
    assert cnpg_gap_hours("@daily") == 24.0


def test_a_claim_of_a_template_is_mounted_by_the_template_s_pods() -> None:
    made = claim("data-queue-0")
    assert fact_of("backup", made, stateful(app="queue"), schedule(**FILES))["schedules"]


def test_a_claim_is_backed_up_as_its_database_is() -> None:
    owned = claim("orders-1", **{"cnpg.io/cluster": "orders"})
    backed = [cluster(backup={"barmanObjectStore": STORE}), scheduled()]
    assert fact_of("backup", owned, *backed)["schedules"]
    assert fact_of("backup", owned)["unknown"]
    assert fact_of("backup", owned, cluster())["uncovered"] == ["orders-1"]


def test_a_namespace_sums_up_what_is_in_it() -> None:
    namespace = thing("v1", "Namespace", "shop")
    found = fact_of(
        "backup", namespace, claim(), claim("cache", keep="no"), schedule(labelSelector={"matchLabels": {"keep": "no"}})
    )
    assert (found["uncovered"], found["stores"]) == (["data"], 2)


def test_a_namespace_that_is_not_stated_is_not_taken_for_one_that_is() -> None:
    seen = world(claim(), claim(namespace=""), schedule(includedNamespaces=["s*"]))
    fact = Facts(seen).fact("backup")
    stated, unstated = (fact.of(obj) for obj in seen.objects[:2])
    assert isinstance(stated, dict)
    assert isinstance(unstated, dict)
    assert (bool(stated["schedules"]), bool(unstated["schedules"]), bool(unstated["unknown"])) == (True, False, True)


def test_files_are_not_copied_where_pods_are_left_out() -> None:
    assert fact_of("backup", claim(), pod(), schedule(includedResources=["pvc"], **FILES))["uncovered"] == ["data"]


def test_the_table_has_a_row_for_each_claim_and_schedule() -> None:
    table = Facts(world(claim(), cluster(), stateful(), schedule())).fact("backup").table()
    assert [row[2:4] for row in table.rows] == [("data", True), ("orders", True), ("queue/data", True)]
    assert {len(row) for row in table.rows} == {len(table.columns)}


@given(JSON, JSON)
def test_nothing_that_an_object_holds_breaks_it(value: Any, other: Any) -> None:
    kinds = [(VELERO, "Schedule"), ("v1", "PersistentVolumeClaim"), (CNPG, "Cluster"), (CNPG, "ScheduledBackup")]
    kinds += [("acid.zalan.do/v1", "postgresql"), ("pxc.percona.com/v1", "PerconaXtraDBCluster")]
    kinds += [("psmdb.percona.com/v1", "PerconaServerMongoDB"), ("pgv2.percona.com/v2", "PerconaPGCluster")]
    bodies = [
        {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": value} for version, kind in kinds
    ]
    bodies.append(schedule(**{str(key): other for key in ("includedNamespaces", "labelSelector", "orLabelSelectors")}))
    bodies.append({"apiVersion": VELERO, "kind": "Schedule", "spec": {"schedule": "@daily", "template": other}})
    seen = world(*bodies)
    fact = Facts(seen).fact("backup")
    assert all(isinstance(fact.of(obj), dict | str) for obj in seen.objects)
    assert fact.table().columns


# A second opinion, written from the page and without its module: slow, claim by claim and schedule by schedule.

NAMES = ["shop", "shop-eu", "cart"]
LABELS = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"]), max_size=2)
SELECTORS = st.fixed_dictionaries({"matchLabels": LABELS})
PATTERNS = st.sampled_from(["shop", "cart", "shop-*", "s*", "*", "ca?t", "[sx]hop"])
RESOURCES = st.lists(st.sampled_from(["pvc", "pods", "Persistentvolumeclaims", "*", "secrets", "pv"]), max_size=2)


@st.composite
def templates(draw: st.DrawFn) -> Body:
    optional = {
        "includedNamespaces": st.lists(PATTERNS, max_size=2),
        "excludedNamespaces": st.lists(PATTERNS, max_size=1),
        "includedResources": RESOURCES,
        "excludedResources": RESOURCES,
        "labelSelector": SELECTORS,
        "orLabelSelectors": st.lists(SELECTORS, max_size=2),
        "snapshotVolumes": st.booleans(),
        "defaultVolumesToFsBackup": st.booleans(),
        "includeClusterResources": st.booleans(),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(optional)), max_size=3))
    return {name: draw(optional[name]) for name in sorted(chosen)}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Body], list[Body], list[Body]]:
    claims = [
        thing("v1", "PersistentVolumeClaim", f"c{n}", draw(st.sampled_from(NAMES)), metadata={"labels": draw(LABELS)})
        for n in range(draw(st.integers(1, 3)))
    ]
    pods = []
    for n in range(draw(st.integers(0, 3))):
        volumes = [
            {"name": f"v{c}", "persistentVolumeClaim": {"claimName": f"c{c}"}} for c in draw(st.sets(st.integers(0, 2)))
        ]
        notes = {
            f"{B}{end}": ",".join(f"v{c}" for c in sorted(draw(st.sets(st.integers(0, 2)))))
            for end in ("", "-excludes")
        }
        metadata = {"labels": draw(LABELS), "annotations": notes}
        pods.append(
            thing("v1", "Pod", f"p{n}", draw(st.sampled_from(NAMES)), metadata=metadata, spec={"volumes": volumes})
        )
    plans = [
        schedule(f"s{n}", paused=draw(st.integers(0, 4)) == 0, **draw(templates()))
        for n in range(draw(st.integers(0, 3)))
    ]
    return claims, pods, plans


def second_opinion(one: Body, pods: list[Body], plans: list[Body]) -> bool | None:
    answers = [by_one_schedule(one, pods, plan["spec"]) for plan in plans]
    return True if True in answers else None if None in answers else False


def by_one_schedule(one: Body, pods: list[Body], spec: Body) -> bool | None:
    template, namespace = spec["template"], one["metadata"]["namespace"]
    near = [p for p in pods if p["metadata"]["namespace"] == namespace]
    mounting = [
        (p, v["name"])
        for p in near
        for v in p["spec"]["volumes"]
        if v["persistentVolumeClaim"]["claimName"] == one["metadata"]["name"]
    ]
    brought = [(p, v) for p, v in mounting if included(template, "pods") and chosen(template, p["metadata"]["labels"])]
    if spec["paused"] or not reaches(template, namespace) or not included(template, "pvc", "persistentvolumeclaims"):
        return False
    if not chosen(template, one["metadata"]["labels"]) and not brought:
        return False
    if contradicts_itself(template):
        return None
    if template.get("snapshotVolumes", True):
        return None if template.get("includeClusterResources") is False or "pv" in words(template)[1] else True
    files = template.get("defaultVolumesToFsBackup", False)
    for p, volume in brought:
        asked, out = (p["metadata"]["annotations"][f"{B}{end}"].split(",") for end in ("", "-excludes"))
        if (volume not in out) if files else (volume in asked):
            return True
    return None if files and not mounting else False


def reaches(template: Body, namespace: str) -> bool:
    def matches(pattern: str) -> bool:
        return re.fullmatch(pattern.replace("*", ".*").replace("?", "."), namespace) is not None

    wanted, refused = template.get("includedNamespaces", []), template.get("excludedNamespaces", [])
    return not any(map(matches, refused)) and (not wanted or any(map(matches, wanted)))


def words(template: Body) -> list[list[str]]:
    return [[word.lower() for word in template.get(name, [])] for name in ("includedResources", "excludedResources")]


def included(template: Body, *names: str) -> bool:
    wanted, refused = words(template)
    return not any(n in refused for n in names) and (not wanted or any(n in wanted for n in (*names, "*")))


def chosen(template: Body, own: dict[str, str]) -> bool:
    selectors = [s["matchLabels"] for s in template.get("orLabelSelectors", [])]
    if "labelSelector" in template:
        selectors.append(template["labelSelector"]["matchLabels"])
    return not selectors or any(all(own.get(k) == v for k, v in s.items()) for s in selectors)


def contradicts_itself(template: Body) -> bool:
    namespaces = [template.get("includedNamespaces", []), template.get("excludedNamespaces", [])]
    for some, none in (namespaces, words(template)):
        if ("*" in some and len(set(some)) > 1) or "*" in none or set(some) & set(none):
            return True
    return bool(template.get("labelSelector")) and bool(template.get("orLabelSelectors"))


@settings(max_examples=600, deadline=None)
@given(worlds())
def test_a_second_opinion_agrees(generated: tuple[list[Body], list[Body], list[Body]]) -> None:
    claims, pods, plans = generated
    seen = world(*claims, *pods, *plans)
    fact = Facts(seen).fact("backup")
    for body, obj in zip(claims, seen.objects, strict=False):
        found = fact.of(obj)
        assert isinstance(found, dict)
        answer = False if found["uncovered"] else None if found["unknown"] else True
        assert answer is second_opinion(body, pods, plans)
