"""The two stacks are valid in every environment, fail nothing in production, and fail where they are broken."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.conftest import ROOT, Assay
from tests.templates.structure import NOT_IN_THE_API, Schemas

TEMPLATES = ROOT / "templates"
POSTGRESQL, HARDENING = "postgresql_ha_cluster", "security_hardening"
STACKS = (POSTGRESQL, HARDENING)
ENVIRONMENTS = ("production", "staging", "development")
OVERRIDES = "production_overrides.yaml"
TOP = "environment: production\n"


@dataclass(frozen=True)
class Broken:
    """A change of one file that breaks one rule, at the last line of what the change writes."""

    stack: str
    rule: str
    file: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.rule}-in-{self.file}"


def override(stack: str, rule: str, text: str) -> Broken:
    """A production override of a part of the values that production does not override yet."""
    return Broken(stack, rule, OVERRIDES, TOP, f"{TOP}\n{text}\n")


def template(stack: str, rule: str, file: str, old: str, new: str) -> Broken:
    """A changed line of a template."""
    return Broken(stack, rule, f"{file}.yaml.j2", old, new)


BROKEN = (
    override(POSTGRESQL, "cnpg-client-tls-required", "tls:\n  enabled: false"),
    Broken(POSTGRESQL, "cnpg-backup-encrypted", OVERRIDES, "backup:\n", "backup:\n  encryption: none\n"),
    override(POSTGRESQL, "certificate-key-rotates", "certificates:\n  rotation: Never"),
    override(POSTGRESQL, "certificate-key-strong", "certificates:\n  algorithm: RSA\n  size: 2048"),
    override(POSTGRESQL, "external-secret-refresh-on", "secrets:\n  refresh_interval: 0s"),
    override(POSTGRESQL, "secret-store-tls-verified", "secrets:\n  vault_url: http://vault.example.com:8200"),
    override(POSTGRESQL, "namespace-pod-security-enforced-restricted", "namespace:\n  pod_security: baseline"),
    Broken(POSTGRESQL, "cnpg-high-availability", OVERRIDES, "cluster:\n", "cluster:\n  instances: 2\n"),
    Broken(POSTGRESQL, "cnpg-superuser-access-off", OVERRIDES, "cluster:\n", "cluster:\n  superuser_access: true\n"),
    Broken(POSTGRESQL, "cnpg-backup-retention-bounded", OVERRIDES, "retention_days: 90", "retention_days: 1"),
    Broken(
        POSTGRESQL,
        "storage-class-customer-managed-key",
        OVERRIDES,
        "storage:\n",
        'storage:\n  encrypted: "false"\n',
    ),
    template(
        POSTGRESQL,
        "network-policy-not-allow-all-egress",
        "network",
        "    - to:\n        - ipBlock:\n            cidr: {{ network.object_store_cidr }}",
        "    - to: [{ipBlock: {cidr: 0.0.0.0/0}}]",
    ),
    template(
        POSTGRESQL,
        "default-service-account-no-automount",
        "namespace",
        "automountServiceAccountToken: false",
        "automountServiceAccountToken: true",
    ),
    override(HARDENING, "certificate-duration-limited", "certificates:\n  duration: 5000h"),
    override(HARDENING, "external-secret-refresh-on", "secrets:\n  refresh_interval: 0s"),
    override(HARDENING, "istio-destination-rule-tls-not-disabled", "mesh:\n  client_tls: DISABLE"),
    override(HARDENING, "namespace-pod-security-enforced-restricted", "pod_security:\n  enforce: baseline"),
    Broken(HARDENING, "velero-schedule-active", OVERRIDES, "backup:\n", "backup:\n  paused: true\n"),
    Broken(HARDENING, "velero-schedule-retention-bounded", OVERRIDES, "_hours: 2160", "_hours: 24"),
    Broken(HARDENING, "container-read-only-root-filesystem", OVERRIDES, "app:\n", "app:\n  read_only_root: false\n"),
    Broken(HARDENING, "container-no-privilege-escalation", OVERRIDES, "app:\n", "app:\n  privilege_escalation: true\n"),
    Broken(
        HARDENING,
        "image-pinned-by-digest",
        OVERRIDES,
        "app:\n",
        "app:\n  image: registry.example.com/shop/checkout:2.8.2\n",
    ),
    template(HARDENING, "role-no-wildcard-verbs", "rbac", "verbs: [get, watch]", 'verbs: ["*"]'),
    template(HARDENING, "container-drops-all-capabilities", "application", "drop: [ALL]", "drop: [NET_RAW]"),
    template(HARDENING, "istio-authorization-no-allow-all", "mesh", "spec: {}", "spec: {rules: [{}]}"),
)


def scan(assay: Assay, folder: Path, *names: str, environment: str = "production") -> Any:
    ran = assay("scan", *names, "--env", environment, "--format", "json", cwd=folder)
    assert ran.code in (0, 1), ran.err
    return json.loads(ran.out)


def rendered(assay: Assay, stack: str, environment: str) -> list[dict[str, Any]]:
    ran = assay("render", f"templates/{stack}", "--env", environment, cwd=ROOT)
    assert ran.code == 0, ran.err
    return [obj for obj in yaml.safe_load_all(ran.out) if obj]


@pytest.fixture(scope="module")
def schemas(shared: Path) -> Schemas:
    return Schemas(shared)


@pytest.fixture(scope="module")
def production(assay: Assay) -> Any:
    return scan(assay, ROOT, "templates")


class TestEveryEnvironment:
    @pytest.mark.parametrize("environment", ENVIRONMENTS)
    @pytest.mark.parametrize("stack", STACKS)
    def test_objects_fit_their_schemas(self, assay: Assay, schemas: Schemas, stack: str, environment: str) -> None:
        objects = rendered(assay, stack, environment)
        judged = [obj for obj in objects if (obj["apiVersion"], obj["kind"]) not in NOT_IN_THE_API]
        assert len(judged) > 15
        assert [problem for obj in judged for problem in schemas.problems(obj)] == []

    @pytest.mark.parametrize("environment", ENVIRONMENTS)
    @pytest.mark.parametrize("stack", STACKS)
    def test_every_object_says_where_it_belongs(self, assay: Assay, stack: str, environment: str) -> None:
        for obj in rendered(assay, stack, environment):
            if (obj["apiVersion"], obj["kind"]) not in NOT_IN_THE_API:
                assert obj["metadata"]["labels"]["environment"] == environment

    @pytest.mark.parametrize("environment", ENVIRONMENTS)
    @pytest.mark.parametrize("stack", STACKS)
    def test_values_fit_their_schema(self, stack: str, environment: str) -> None:
        values = merged(read(stack, "values.yaml"), read(stack, f"{environment}_overrides.yaml"))
        schema = json.loads((TEMPLATES / stack / "values.schema.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator(schema).validate(values)

    @pytest.mark.parametrize("stack", STACKS)
    def test_the_schema_describes_every_value_with_its_default(self, stack: str) -> None:
        schema = json.loads((TEMPLATES / stack / "values.schema.json").read_text(encoding="utf-8"))
        assert defaults(schema) == read(stack, "values.yaml")

    @pytest.mark.parametrize("stack", STACKS)
    def test_no_secret_is_among_the_objects(self, assay: Assay, stack: str) -> None:
        kinds = {obj["kind"] for obj in rendered(assay, stack, "production")}
        assert "ExternalSecret" in kinds
        assert "Secret" not in kinds


class TestFindings:
    def test_production_fails_nothing(self, production: Any) -> None:
        assert production["findings"] == []
        assert production["unread"] == []
        assert len(production["objects"]) > 50

    @pytest.mark.parametrize("environment", ["staging", "development"])
    def test_what_fails_elsewhere_was_relaxed_on_purpose(self, assay: Assay, environment: str) -> None:
        found = scan(assay, ROOT, "templates", environment=environment)
        assert found["findings"]
        assert found["unread"] == []
        for finding in found["findings"]:
            place = finding["places"][0]
            assert place["file"].endswith(f"/{environment}_overrides.yaml"), finding
            line = (ROOT / place["file"]).read_text(encoding="utf-8").splitlines()[place["line"] - 1]
            assert "# relaxed: " in line

    @pytest.mark.parametrize("broken", BROKEN, ids=str)
    def test_a_broken_line_is_named(self, assay: Assay, tmp_path: Path, broken: Broken) -> None:
        stack = tmp_path / broken.stack
        shutil.copytree(TEMPLATES / broken.stack, stack)
        file = stack / broken.file
        before, found, after = file.read_text(encoding="utf-8").partition(broken.old)
        assert found, "the text to change is not in the file"
        file.write_text(before + broken.new + after, encoding="utf-8")
        line = (before + broken.new.rstrip("\n")).count("\n") + 1

        findings = scan(assay, tmp_path, broken.stack)["findings"]

        assert {finding["rule"] for finding in findings} == {broken.rule}
        assert {finding["verdict"] for finding in findings} == {"fail"}
        firsts = {(finding["places"][0]["file"], finding["places"][0]["line"]) for finding in findings}
        assert firsts == {(f"{broken.stack}/{broken.file}", line)}


class TestStructure:
    """The checker itself: it must see what it is there for."""

    @pytest.mark.parametrize(
        ("spec", "problem"),
        [
            ({"instances": 3, "instance": 3}, "Cluster/db.spec.instance: unknown field"),
            ({"instances": "3"}, "Cluster/db.spec.instances: '3' is not of type integer"),
            ({"instances": True}, "Cluster/db.spec.instances: True is not of type integer"),
            ({}, "Cluster/db.spec: instances is missing"),
        ],
    )
    def test_a_custom_resource(self, schemas: Schemas, spec: dict[str, Any], problem: str) -> None:
        cluster = {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "db"}}
        assert problem in schemas.problems({**cluster, "spec": spec})

    @pytest.mark.parametrize(
        ("spec", "problem"),
        [
            ({"types": "ClusterIP"}, "Service/web.spec.types: unknown field"),
            ({"ports": [{"port": "80"}]}, "Service/web.spec.ports[0].port: '80' is not of type integer"),
            ({"ports": [{"name": "http"}]}, "Service/web.spec.ports[0]: port is missing"),
        ],
    )
    def test_a_built_in_kind(self, schemas: Schemas, spec: dict[str, Any], problem: str) -> None:
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}
        assert schemas.problems(service) == [problem]

    def test_a_kind_that_nobody_knows(self, schemas: Schemas) -> None:
        unknown = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}}
        assert schemas.problems(unknown) == ["no schema for example.com/v1 Thing"]


def read(stack: str, name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((TEMPLATES / stack / name).read_text(encoding="utf-8"))
    return values


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Maps merge, all else is replaced."""
    both = {key: merged(base[key], value) for key, value in over.items() if isinstance(value, dict)}
    return {**base, **over, **both}


def defaults(schema: dict[str, Any]) -> dict[str, Any]:
    """The default of each described value; each needs a title and a description too."""
    found: dict[str, Any] = {}
    for name, node in schema["properties"].items():
        assert node["title"]
        assert node["description"]
        found[name] = defaults(node) if "properties" in node else node["default"]
    return found
