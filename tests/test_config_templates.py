"""The shipped templates are valid in every environment, fail nothing in production, and fail where they are broken."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from assay.engine.load import load_library
from assay.errors import RenderError, UsageError
from assay.shipped import shipped
from assay.templates import ProductionConfigManager
from tests.config_templates.broken import BROKEN, POSTGRESQL, STACKS, Broken
from tests.config_templates.structure import NOT_IN_THE_API, Schemas
from tests.conftest import ROOT, Assay

TEMPLATES = ROOT / "templates"
ENVIRONMENTS = ("production", "staging", "development")
DAY = "2026-11-24"
YAMLLINT = {
    "extends": "default",
    "rules": {
        "line-length": {"max": 200},
        "document-start": "disable",
        "comments": {"min-spaces-from-content": 1},
        "indentation": {"spaces": "consistent", "indent-sequences": "consistent"},
        "truthy": {"allowed-values": ["true", "false"]},
    },
}


def scan(assay: Assay, folder: Path, *names: str, environment: str = "production") -> Any:
    ran = assay("scan", *names, "--env", environment, "--as-of", DAY, "--format", "json", cwd=folder)
    assert ran.code in (0, 1), ran.err
    return json.loads(ran.out)


def failed(form: Any) -> list[dict[str, Any]]:
    return [finding for finding in form["findings"] if finding["verdict"] in ("fail", "error", "waived")]


def rendered(assay: Assay, stack: str, environment: str) -> list[dict[str, Any]]:
    ran = assay("render", f"templates/{stack}", "--env", environment, cwd=ROOT)
    assert ran.code == 0, ran.err
    return [obj for obj in yaml.safe_load_all(ran.out) if obj]


@pytest.fixture(scope="module")
def schemas(shared: Path) -> Schemas:
    return Schemas(shared)


@pytest.fixture(scope="module")
def manager() -> Iterator[ProductionConfigManager]:
    with ProductionConfigManager() as made:
        yield made


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
    def test_yamllint_finds_nothing_in_the_rendered_text(self, assay: Assay, stack: str, environment: str) -> None:
        from yamllint import linter
        from yamllint.config import YamlLintConfig

        ran = assay("render", f"templates/{stack}", "--env", environment, cwd=ROOT)
        config = YamlLintConfig(json.dumps(YAMLLINT))
        assert [str(problem) for problem in linter.run(ran.out, config)] == []

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
        assert failed(production) == []
        assert production["unread"] == []
        assert len(production["objects"]) > 200

    def test_what_production_does_not_decide_hangs_on_a_parameter_or_on_what_is_elsewhere(
        self, production: Any
    ) -> None:
        rules = load_library(shipped("policies")).rules
        for finding in production["findings"]:
            assert finding["reason"].startswith("the parameter ") or rules[finding["rule"]].needs, finding

    @pytest.mark.parametrize("environment", ["staging", "development"])
    def test_what_is_weaker_elsewhere_is_waived_and_says_so(self, assay: Assay, environment: str) -> None:
        found = scan(assay, ROOT, "templates", environment=environment)
        assert Counter(finding["verdict"] for finding in failed(found)).keys() == {"waived"}
        assert found["unread"] == []
        for finding in failed(found):
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

        findings = failed(scan(assay, tmp_path, broken.stack))

        assert {finding["rule"] for finding in findings} == {broken.rule}
        assert {finding["verdict"] for finding in findings} == {"fail"}
        firsts = {(finding["places"][0]["file"], finding["places"][0]["line"]) for finding in findings}
        assert firsts == {(f"{broken.stack}/{broken.file}", line)}


class TestManager:
    """``ProductionConfigManager``, as docs/configuration_api.md describes it."""

    def test_the_templates_and_their_environments_are_listed(self, manager: ProductionConfigManager) -> None:
        assert manager.list_templates() == sorted(STACKS)
        for stack in STACKS:
            assert manager.list_environments(stack) == sorted(ENVIRONMENTS)
            assert manager.list_variables(stack)["environment"] == "production"

    def test_variables_by_short_names(self, manager: ProductionConfigManager) -> None:
        variables = {"cluster_name": "prod-postgres", "node_count": 5, "backup_retention_days": 30}
        text = manager.render_template(template_name="postgresql_ha_cluster", variables=variables)
        objects = {obj["kind"]: obj for obj in yaml.safe_load_all(text) if obj}
        assert objects["Cluster"]["metadata"]["name"] == "prod-postgres"
        assert objects["Cluster"]["spec"]["instances"] == 5
        assert objects["ObjectStore"]["spec"]["retentionPolicy"] == "30d"

    @pytest.mark.parametrize(
        "variables", [{"backup": {"retention_days": 31}}, {"backup.retention_days": 31}, {"backup_retention_days": 31}]
    )
    def test_a_variable_has_several_names(self, manager: ProductionConfigManager, variables: dict[str, Any]) -> None:
        assert "retentionPolicy: 31d" in manager.render_template(POSTGRESQL, variables)

    @pytest.mark.parametrize("environment", ENVIRONMENTS)
    def test_an_environment_is_rendered_as_the_command_does(
        self, manager: ProductionConfigManager, assay: Assay, environment: str
    ) -> None:
        texts = manager.render_environment(environment)
        assert list(texts) == sorted(STACKS)
        for stack, text in texts.items():
            assert assay("render", f"templates/{stack}", "--env", environment, cwd=ROOT).out == text
            assert manager.validate(stack, environment=environment) == []

    @pytest.mark.parametrize(
        ("variables", "problem"),
        [
            ({"node_cuont": 5}, r"no variable 'node_cuont'\n  did you mean 'node_count'\?; there are: .*cluster.name"),
            ({"node_count": "five"}, "cluster.instances: 'five' is not of type 'integer'"),
            ({"node_count": 0}, "cluster.instances: 0 is less than the minimum of 1"),
            ({"cluster": {"name": None}}, "cluster: 'name' is a required property"),
        ],
    )
    def test_wrong_variables_are_named(
        self, manager: ProductionConfigManager, variables: dict[str, Any], problem: str
    ) -> None:
        with pytest.raises(UsageError, match=problem) as raised:
            manager.render_template(POSTGRESQL, variables)
        assert manager.validate(POSTGRESQL, variables) == [str(raised.value)]

    def test_unknown_names_list_what_exists(self, manager: ProductionConfigManager) -> None:
        with pytest.raises(UsageError, match="there is no template 'mysql'\n  there are: mongodb_sharded_cluster, "):
            manager.render_template("mysql")
        with pytest.raises(UsageError, match="no environment 'qa'\n  there are: development, production, staging"):
            manager.render_template(POSTGRESQL, environment="qa")
        with pytest.raises(UsageError, match="there is no template 'mysql'"):
            manager.render_environment("staging", {"mysql": {}})

    def test_a_folder_of_ones_own(self, tmp_path: Path) -> None:
        stack = tmp_path / "own"
        stack.mkdir()
        (stack / "values.yaml").write_text("name: web\n")
        (stack / "pod.yaml.j2").write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: {{ name }}-{{ suffix }}}\n")
        with ProductionConfigManager(tmp_path) as manager:
            assert manager.objects("own", {"suffix": 1})[0]["metadata"]["name"] == "web-1"
            with pytest.raises(RenderError, match="1 variable is not defined: suffix"):
                manager.render_template("own")
            (stack / "pod.yaml.j2").write_text("a: [\n")
            assert "own, rendered line" in manager.validate("own")[0]
            (stack / "pod.yaml.j2").write_text("a: 1\n")
            assert manager.validate("own")[0] == "own: a rendered document has no apiVersion"


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
