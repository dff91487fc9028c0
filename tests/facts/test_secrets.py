"""``facts.secrets``, one case for each row of its decision table (docs/facts/secrets.md)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.facts import Facts
from tests.facts.hostile import BODIES, survives
from tests.facts.storage import Body, fact_of, rows_of, thing, world

RBAC = "rbac.authorization.k8s.io/v1"
VALUE = "eW91LW11c3Qtbm90LXNlZS1tZQ=="


def pod(**spec: Any) -> Body:
    return thing("v1", "Pod", "p", "shop", spec=spec)


def volume(**fields: Any) -> Body:
    return pod(volumes=[{"name": "v", **fields}])


def account(name: str = "default", **more: Any) -> Body:
    return thing("v1", "ServiceAccount", name, "shop", **more)


def marked(mark: str) -> Body:
    return account(metadata={"annotations": {mark: "x"}})


def container(**fields: Any) -> Body:
    return pod(containers=[{"name": "a", **fields}])


def granted(verb: str, namespace: str = "shop", *names: str) -> list[Body]:
    rule = {
        "apiGroups": [""],
        "resources": ["secrets"],
        "verbs": [verb],
        **({"resourceNames": list(names)} if names else {}),
    }
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
    subjects = [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}]
    return [
        thing(RBAC, "Role", "r", namespace, rules=[rule]),
        thing(RBAC, "RoleBinding", "b", namespace, roleRef=ref, subjects=subjects),
    ]


DB = thing("v1", "Secret", "db", "shop", data={"word": VALUE, "user": VALUE})
MOUNTS = volume(secret={"secretName": "db"})
FROM_KEY = container(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "word"}}}])
FROM_ALL = container(envFrom=[{"secretRef": {"name": "db"}}])
CLASS = {"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"secretProviderClass": "c"}}
TWICE = [account(), account(imagePullSecrets=[{"name": "r"}])]


def read(how: str, key: str = "", entries: list[str] | None = None) -> list[Body]:
    return [{"name": "db", "how": how, "key": key, "entries": entries}]


CASES: list[tuple[str, Body, list[Body], dict[str, Any]]] = [
    ("a variable from an entry", FROM_KEY, [], {"reads": read("env", "word")}),
    ("all entries as variables", FROM_ALL, [], {"reads": read("envFrom")}),
    ("a volume", MOUNTS, [], {"reads": read("volume")}),
    (
        "a projected volume",
        volume(projected={"sources": [{"secret": {"name": "db"}}]}),
        [],
        {"reads": read("projected")},
    ),
    (
        "a pull secret of the Pod",
        pod(imagePullSecrets=[{"name": "db"}]),
        [],
        {"reads": read("pull"), "pullSecrets": True},
    ),
    ("a pull secret of the account", pod(), [account(imagePullSecrets=[{"name": "r"}])], {"pullSecrets": True}),
    ("an account without one", pod(), [account()], {"pullSecrets": False}),
    ("an account that was not seen", pod(), [], {"pullSecrets": None, "cloudIdentity": None}),
    ("an account that is there twice", pod(), TWICE, {"pullSecrets": None, "cloudIdentity": None}),
    ("a class of the Secrets Store", volume(csi=CLASS), [], {"stores": ["c"], "reads": []}),
    ("a role of AWS", pod(), [marked("eks.amazonaws.com/role-arn")], {"cloudIdentity": True}),
    ("an account of Google Cloud", pod(), [marked("iam.gke.io/gcp-service-account")], {"cloudIdentity": True}),
    ("a client of Azure", pod(), [marked("azure.workload.identity/client-id")], {"cloudIdentity": True}),
    ("an account without a mark", pod(), [account()], {"cloudIdentity": False}),
    ("a Secret that was seen", FROM_ALL, [DB], {"reads": read("envFrom", entries=["word", "user"])}),
    (
        "a Secret that was not seen",
        FROM_ALL,
        [thing("v1", "Secret", "db", "cart", data={"a": VALUE})],
        {"reads": read("envFrom")},
    ),
    ("a workload that mounts the Secret", DB, [MOUNTS], {"workloads": ["Pod shop/p"], "others": []}),
    (
        "an Ingress that serves with it",
        DB,
        [thing("networking.k8s.io/v1", "Ingress", "i", "shop", spec={"tls": [{"secretName": "db"}]})],
        {"workloads": [], "others": ["Ingress.networking.k8s.io shop/i"]},
    ),
    ("a role for the Secret by its name", DB, granted("get", "shop", "db"), {"subjects": ["User jane"]}),
    ("a role for another Secret", DB, granted("get", "shop", "tls"), {"subjects": []}),
    ("a role that may list", DB, granted("list"), {"subjects": ["User jane"]}),
    ("a role in another namespace", DB, granted("get", "cart"), {"subjects": []}),
    (
        "an ExternalSecret of its name",
        DB,
        [thing("external-secrets.io/v1", "ExternalSecret", "db", "shop", spec={})],
        {"makers": ["ExternalSecret db"]},
    ),
]


@pytest.mark.parametrize(("case", "of", "others", "expected"), CASES, ids=[case[0] for case in CASES])
def test_decision(case: str, of: Body, others: list[Body], expected: dict[str, Any]) -> None:
    found = fact_of("secrets", of, *others, complete="account that was not seen" not in case)
    assert {key: found[key] for key in expected} == expected
    assert VALUE not in json.dumps(found)


def test_the_page_lists_these_cases() -> None:
    assert rows_of("secrets.md") == {case[0] for case in CASES}


def test_an_account_that_cannot_exist_has_nothing() -> None:
    found = fact_of("secrets", pod(serviceAccountName="gone"))
    assert (found["pullSecrets"], found["cloudIdentity"], found["unknown"]) == (False, False, "")


def test_more_subjects_may_be_unseen() -> None:
    assert not fact_of("secrets", DB)["unknown"]
    assert fact_of("secrets", DB, complete=("shop",))["unknown"]


def test_the_table_shows_what_only_a_reference_names() -> None:
    seen = world(MOUNTS, thing("v1", "Secret", "tls", "shop", data={"a": VALUE}))
    table = Facts(seen).fact("secrets").table()
    assert [row[:4] for row in table.rows] == [
        ("shop", "db", False, ["Pod shop/p"]),
        ("shop", "tls", True, []),
    ]
    assert VALUE not in str(table)


@given(BODIES, st.booleans())
def test_fields_of_any_type_break_nothing(bodies: list[Body], complete: bool) -> None:
    survives("secrets", bodies, complete=complete)
