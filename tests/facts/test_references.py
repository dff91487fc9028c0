"""``facts.references``, one case for each row of its decision table (docs/facts/references.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.documents import Document, read_file
from assay.facts.references import routes
from tests.facts.hostile import BODIES, survives
from tests.facts.storage import Body, fact_of, rows_of, thing


def pod(spec: Any, namespace: str = "shop") -> Body:
    return thing("v1", "Pod", "p", namespace, spec=spec)


def env(kind: str, name: str, key: str) -> Body:
    return pod({"containers": [{"name": "a", "env": [{"name": "A", "valueFrom": {kind: {"name": name, "key": key}}}]}]})


def volume(kind: str, **fields: Any) -> Body:
    return pod({"volumes": [{"name": "v", kind: fields}]})


def secret(name: str, namespace: str = "shop", **more: Any) -> Body:
    return thing("v1", "Secret", name, namespace, **more)


def external(**target: Any) -> Body:
    return thing("external-secrets.io/v1", "ExternalSecret", "db", "shop", spec={"target": target})


ACCOUNT = pod({"serviceAccountName": "a"})
DB = volume("secret", secretName="db")
KEY = env("secretKeyRef", "db", "word")
HOOK = thing(
    "admissionregistration.k8s.io/v1",
    "ValidatingWebhookConfiguration",
    "w",
    webhooks=[{"name": "w", "clientConfig": {"service": {"namespace": "shop", "name": "s"}}}],
)
BINDING = "rbac.authorization.k8s.io/v1"


def binding(kind: str, role: str, *subjects: Body) -> Body:
    return thing(BINDING, "ClusterRoleBinding", "b", roleRef={"kind": kind, "name": role}, subjects=list(subjects))


def service(port: int) -> Body:
    return thing("v1", "Service", "s", "shop", spec={"ports": [{"port": port}]})


TLS = thing("networking.k8s.io/v1", "Ingress", "i", "shop", spec={"tls": [{"secretName": "db"}]})
CERT_TLS = {**TLS, "metadata": {**TLS["metadata"], "annotations": {"cert-manager.io/issuer": "ca"}}}
SCALED = thing(
    "autoscaling/v2",
    "HorizontalPodAutoscaler",
    "h",
    "shop",
    spec={"scaleTargetRef": {"apiVersion": "example.com/v1", "kind": "Fleet", "name": "f"}},
)
CERTIFICATE = thing("cert-manager.io/v1", "Certificate", "c", "shop", spec={"secretName": "db"})
SEALED = thing("bitnami.com/v1alpha1", "SealedSecret", "db", "shop", spec={})
CLUSTERED = thing("external-secrets.io/v1", "ClusterExternalSecret", "db", spec={"namespaceSelectors": [{}]})
CLUSTER = thing("postgresql.cnpg.io/v1", "Cluster", "orders", "shop", spec={})

CASES: list[tuple[str, Body, list[Body], bool, tuple[bool | None, str]]] = [
    ("one object of the name", DB, [secret("db")], True, (True, "")),
    ("two that contradict each other", DB, [secret("db"), secret("db", data={"a": "eA=="})], True, (None, "")),
    ("none, and all of its kind were seen there", DB, [], True, (False, "object")),
    ("none, and not all were seen there", DB, [], False, (None, "")),
    ("the entry is there", KEY, [secret("db", stringData={"word": "x"})], False, (True, "")),
    ("the entry is not among others", KEY, [secret("db", data={"a": "eA=="})], False, (False, "key")),
    ("the object holds nothing at all", KEY, [secret("db")], True, (None, "")),
    ("a port of the Service", HOOK, [service(443)], False, (True, "")),
    ("another port of the Service", HOOK, [service(8443)], False, (False, "key")),
    ("the ServiceAccount default", pod({"serviceAccountName": "default"}), [], False, (True, "")),
    ("the ConfigMap kube-root-ca.crt", env("configMapKeyRef", "kube-root-ca.crt", "ca.crt"), [], False, (True, "")),
    ("a ClusterRole of the API server", binding("ClusterRole", "view"), [], False, (True, "")),
    ("a class of the system", pod({"priorityClassName": "system-node-critical"}), [], False, (True, "")),
    ("a Certificate makes the Secret", DB, [CERTIFICATE], True, (None, "")),
    ("an ExternalSecret makes the Secret", DB, [external()], True, (None, "")),
    ("an ExternalSecret that makes none", DB, [external(creationPolicy="None")], True, (False, "object")),
    ("a SealedSecret makes the Secret", DB, [SEALED], True, (None, "")),
    ("a ClusterExternalSecret may make it", DB, [CLUSTERED], True, (None, "")),
    ("an Ingress that cert-manager sees", CERT_TLS, [], True, (None, "")),
    ("an operator may make it", volume("secret", secretName="orders-app"), [CLUSTER], True, (None, "")),
    ("a kind of which nothing is known", SCALED, [], True, (None, "")),
    ("it is there without a namespace", DB, [secret("db", "")], True, (None, "")),
    ("a target in another namespace", ACCOUNT, [thing("v1", "ServiceAccount", "a", "cart")], True, (False, "object")),
]


@pytest.mark.parametrize(("case", "of", "others", "complete", "expected"), CASES, ids=[case[0] for case in CASES])
def test_whether_it_exists(
    case: str, of: Body, others: list[Body], complete: bool, expected: tuple[bool | None, str]
) -> None:
    entry = fact_of("references", of, *others, complete=complete)["to"][0]
    assert (entry["exists"], entry["missing"]) == expected
    assert bool(entry["unknown"]) is (expected[0] is None)


def test_a_user_or_group_is_no_reference() -> None:
    subjects = [{"kind": "User", "name": "a"}, {"kind": "ServiceAccount", "name": "a", "namespace": "shop"}]
    to = fact_of("references", binding("ClusterRole", "view", *subjects))["to"]
    assert [(entry["kind"], entry["route"]) for entry in to] == [
        ("rbac.authorization.k8s.io/ClusterRole", "roleRef"),
        ("core/ServiceAccount", "subjects[1]"),
    ]


def test_the_page_lists_these_cases() -> None:
    listed = rows_of("references.md")
    assert listed == {case[0] for case in CASES} | {"a User or Group"}


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (volume("secret", secretName="a", optional=True), [("core/Secret", "a", "", "volumes[0].secret", True)]),
        (
            volume("secret", secretName="a", items=[{"key": "x"}, {"key": "y"}]),
            [
                ("core/Secret", "a", "x", "volumes[0].secret.items[0]", False),
                ("core/Secret", "a", "y", "volumes[0].secret.items[1]", False),
            ],
        ),
        (
            volume("projected", sources=[{"configMap": {"name": "c"}}]),
            [("core/ConfigMap", "c", "", "volumes[0].projected.sources[0].configMap", False)],
        ),
        (
            volume("csi", driver="secrets-store.csi.k8s.io", volumeAttributes={"secretProviderClass": "c"}),
            [
                (
                    "secrets-store.csi.x-k8s.io/SecretProviderClass",
                    "c",
                    "",
                    "volumes[0].csi.volumeAttributes.secretProviderClass",
                    False,
                )
            ],
        ),
        (
            pod({"initContainers": [{"name": "a", "envFrom": [{"secretRef": {"name": "s"}}]}]}),
            [("core/Secret", "s", "", "initContainers[0].envFrom[0].secretRef", False)],
        ),
        (
            thing(
                "batch/v1",
                "CronJob",
                "j",
                "shop",
                spec={"jobTemplate": {"spec": {"template": {"spec": {"serviceAccountName": "a"}}}}},
            ),
            [("core/ServiceAccount", "a", "", "jobTemplate.spec.template.spec.serviceAccountName", False)],
        ),
        (
            thing(
                "gateway.networking.k8s.io/v1",
                "HTTPRoute",
                "r",
                "shop",
                spec={"parentRefs": [{"name": "g"}], "rules": [{"backendRefs": [{"name": "s", "port": 80}]}]},
            ),
            [
                ("gateway.networking.k8s.io/Gateway", "g", "", "parentRefs[0]", False),
                ("core/Service", "s", "80", "rules[0].backendRefs[0]", False),
            ],
        ),
        (
            thing("keda.sh/v1alpha1", "ScaledObject", "k", "shop", spec={"scaleTargetRef": {"name": "d"}}),
            [("apps/Deployment", "d", "", "scaleTargetRef", False)],
        ),
        (
            thing(
                "cert-manager.io/v1",
                "Certificate",
                "c",
                "shop",
                spec={"secretName": "t", "issuerRef": {"kind": "ClusterIssuer", "name": "ca"}},
            ),
            [("cert-manager.io/ClusterIssuer", "ca", "", "issuerRef", False)],
        ),
    ],
)
def test_how_references_are_written(of: Body, expected: list[tuple[str, str, str, str, bool]]) -> None:
    to = fact_of("references", of)["to"]
    found = [(e["kind"], e["name"], e["key"], e["route"].removeprefix("spec."), e["optional"]) for e in to]
    assert found == expected


@pytest.mark.parametrize(
    ("complete", "exists"),
    [(("cart",), False), (("shop",), None), (("core/ServiceAccount",), False), (("core/Secret",), None)],
)
def test_the_namespace_of_the_target_has_to_be_complete(complete: tuple[str, ...], exists: bool | None) -> None:
    of = thing(
        BINDING,
        "RoleBinding",
        "b",
        "shop",
        roleRef={"kind": "ClusterRole", "name": "view"},
        subjects=[{"kind": "ServiceAccount", "name": "a", "namespace": "cart"}],
    )
    assert fact_of("references", of, complete=complete)["to"][1]["exists"] is exists


@given(BODIES, st.booleans())
def test_fields_of_any_type_break_nothing(bodies: list[Body], complete: bool) -> None:
    fact = survives("references", bodies, complete=complete)
    for obj in fact.index.world.objects:
        found = fact.of(obj)
        for entry in found["to"] if isinstance(found, dict) else ():
            assert (entry["exists"] is None) == bool(entry["unknown"])


def test_every_route_is_a_field_of_its_kind(shared: Path) -> None:
    """A misspelt route would find nothing and say nothing."""
    schemas = _schemas(shared)
    wrong, unknown = [], set()
    for kind, tree in routes().items():
        if kind not in schemas:
            unknown.add(kind)
            continue
        wrong += [f"{kind}: {'.'.join(route)}" for route in _routes(tree) if not _has(schemas, schemas[kind], route)]
    assert wrong == []
    # No definition of these is beside the checkout.
    assert {kind.partition("/")[0] for kind in unknown} <= {
        "serving.knative.dev",
        "apps.openshift.io",
        "apps.kruise.io",
        "apiregistration.k8s.io",
        "apiextensions.k8s.io",
    }


def _routes(tree: dict[str, Any], route: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for step, below in tree.items():
        if step == "":
            named = [field for field in (below.name, below.namespace) if field]
            yield from ((*route, field) for field in named)
        else:
            yield from _routes(below, (*route, step))


def _has(schemas: dict[str, Any], schema: Any, route: Sequence[str]) -> bool:
    while "$ref" in schema or "allOf" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema["allOf"][0]
    if not route or schema.get("x-kubernetes-preserve-unknown-fields"):
        return True
    if schema.get("type") == "string":
        return len(route) == 1  # the text is the name
    if route[0] == "[*]":
        return "items" in schema and _has(schemas, schema["items"], route[1:])
    if route[0] in schema.get("properties", {}):
        return _has(schemas, schema["properties"][route[0]], route[1:])
    return "additionalProperties" in schema


def _schemas(shared: Path) -> dict[str, Any]:
    """Schemas by ``group/Kind``, and those of the API by their own name."""
    found: dict[str, Any] = {}
    api = json.loads(next((shared / "openapi").glob("kubernetes-*.json")).read_bytes())["definitions"]
    for name, schema in api.items():
        found[name] = schema
        for entry in schema.get("x-kubernetes-group-version-kind", []):
            found[f"{entry['group'] or 'core'}/{entry['kind']}"] = schema
    for path in (shared / "crds").glob("*.yaml"):
        for document in read_file(path)[1]:
            spec = document.value["spec"] if isinstance(document, Document) else {"versions": []}
            for version in spec["versions"]:
                if version.get("storage"):
                    found[f"{spec['group']}/{spec['names']['kind']}"] = version["schema"]["openAPIV3Schema"]
    return found
