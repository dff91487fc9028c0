"""``assay scan`` through the installed command: worlds, values, places, outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.stacks import BAD_POD, GOOD_POD, jinja_stack, write
from tests.conftest import Assay

RULE = ("--rule", "container-not-privileged")


def places(finding: dict[str, Any]) -> list[tuple[str, int, str]]:
    return [(place["file"], place["line"], place["role"]) for place in finding["places"]]


def failing(form: dict[str, Any]) -> list[dict[str, Any]]:
    return [finding for finding in form["findings"] if finding["verdict"] == "fail"]


def test_an_override_is_blamed_with_the_template_and_what_it_overrode(assay: Assay, tmp_path: Path) -> None:
    jinja_stack(tmp_path, "name: web\n\nprivileged: true\n")
    form = assay("scan", *RULE, "--env", "production", "--format", "json", cwd=tmp_path).json
    (finding,) = failing(form)
    assert places(finding) == [
        ("stack/production_overrides.yaml", 3, "value"),
        ("stack/pod.yaml.j2", 11, "template"),
        ("stack/values.yaml", 2, "override-chain"),
    ]
    assert finding["places"][0]["excerpt"].splitlines()[-1] == "privileged: true"


def test_each_environment_is_a_world(assay: Assay, tmp_path: Path) -> None:
    jinja_stack(tmp_path, "name: web\nprivileged: true\n")
    form = assay("scan", *RULE, "--format", "json", cwd=tmp_path).json
    assert [world["name"] for world in form["run"]["worlds"]] == ["production", "staging"]
    assert [finding["world"] for finding in failing(form)] == ["production"]
    assert assay("scan", *RULE, "--env", "staging", cwd=tmp_path).code == 0


def test_arguments_win_and_are_never_the_primary_place(assay: Assay, tmp_path: Path) -> None:
    jinja_stack(tmp_path)
    ran = assay("scan", *RULE, "--env", "production", "--set", "privileged=true", "--format", "json", cwd=tmp_path)
    (finding,) = failing(ran.json)
    assert finding["places"][0]["role"] == "template"
    assert "argument" in [place["role"] for place in finding["places"]]


def test_values_files_and_named_variables(assay: Assay, tmp_path: Path) -> None:
    jinja_stack(tmp_path)
    write(tmp_path, more_dot_yaml="privileged: true\n")
    assert assay("scan", *RULE, "--env", "production", "--values", "more.yaml", cwd=tmp_path).code == 1
    write(tmp_path, assay_dot_yaml="version: 1\nenvironments:\n  production: {variables: [PRIVILEGED]}\n")
    ran = assay("render", "--env", "production", cwd=tmp_path, env={"PRIVILEGED": "from-outside"})
    assert "privileged: from-outside" in ran.out


def test_a_set_of_the_project_file_is_the_place(assay: Assay, tmp_path: Path) -> None:
    jinja_stack(tmp_path)
    write(tmp_path, assay_dot_yaml="version: 1\nenvironments:\n  production:\n    set:\n      privileged: true\n")
    form = assay("scan", *RULE, "--format", "json", cwd=tmp_path).json
    (finding,) = failing(form)
    assert places(finding)[0] == ("assay.yaml", 5, "value")


def test_undefined_variables_are_one_error_with_all_of_them(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, stack__a_dot_yaml_dot_j2="a: {{ one }}\nb: {{ two.three }}\n", stack__values_dot_yaml="x: 1\n")
    write(tmp_path, ok_dot_yaml=GOOD_POD)
    ran = assay("scan", *RULE, cwd=tmp_path)
    assert ran.code == 3
    assert "one" in ran.out
    assert "two" in ran.out
    assert "stack/a.yaml.j2" in ran.out
    assert "1 pass" in ran.out


def test_all_reports_what_passed(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml=GOOD_POD)
    assert assay("scan", *RULE, "--format", "json", cwd=tmp_path).json["findings"] == []
    form = assay("scan", *RULE, "--all", "--format", "json", cwd=tmp_path).json
    assert [finding["verdict"] for finding in form["findings"]] == ["pass"]
    assert form["summary"]["byRule"]["container-not-privileged"] == {"pass": 1}


def test_outputs_are_written_beside_what_is_printed(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml=BAD_POD)
    ran = assay("scan", *RULE, "--output", "json=out/r.json", "--output", "sarif=out/r.sarif", cwd=tmp_path)
    assert "container-not-privileged" in ran.out
    form = json.loads((tmp_path / "out/r.json").read_text())
    log = json.loads((tmp_path / "out/r.sarif").read_text())
    assert form["schema"] == "assay/v1"
    (result,) = log["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a.yaml"
    assert result["partialFingerprints"]["assayFingerprint/v1"] == form["findings"][0]["fingerprint"]


@pytest.mark.parametrize(
    ("env", "coloured"),
    [({}, False), ({"CLICOLOR_FORCE": "1"}, True), ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False)],
)
def test_colours_as_asked_for(assay: Assay, tmp_path: Path, env: dict[str, str], coloured: bool) -> None:
    write(tmp_path, a_dot_yaml=BAD_POD)
    assert ("\x1b[" in assay("scan", *RULE, cwd=tmp_path, env=env).out) is coloured


def test_text_cannot_steer_a_terminal(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml=BAD_POD.replace("name: web", 'name: "\\e]0;owned\\a\\u202e"'))
    out = assay("scan", *RULE, cwd=tmp_path, env={"CLICOLOR_FORCE": "1"}).out
    assert "\x1b]" not in out
    assert "\u202e" not in out


def test_parameters_and_their_precedence(assay: Assay, tmp_path: Path) -> None:
    shown = assay("rules", "show", "image-registry-allowed", "--format", "json", cwd=tmp_path).json
    (name,) = shown["params"]
    write(tmp_path, a_dot_yaml=GOOD_POD)
    rule = ("--rule", "image-registry-allowed")
    assert (
        assay("scan", *rule, "--param", f"image-registry-allowed.{name}=registry.example.org", cwd=tmp_path).code == 1
    )
    write(tmp_path, assay_dot_yaml=f"version: 1\nparams: {{image-registry-allowed.{name}: [registry.example.org]}}\n")
    assert assay("scan", *rule, cwd=tmp_path).code == 1
    assert assay("scan", *rule, "--param", f"image-registry-allowed.{name}=example.com", cwd=tmp_path).code == 0
    wrong = assay("scan", *rule, "--param", f"image-registry-allowed.{name}=3", cwd=tmp_path)
    assert wrong.code == 2
    assert "must be of type strings" in wrong.err


def test_scopes_limit_a_pack(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml=BAD_POD)
    args = ("scan", "--pack", "pci-dss", "--format", "json")
    assert assay(*args, cwd=tmp_path).json["run"]["undeclaredScopes"] == ["cardholder-data"]
    write(tmp_path, assay_dot_yaml="version: 1\nscopes: {cardholder-data: {namespaces: [shop]}}\n")
    assert failing(assay(*args, cwd=tmp_path).json)
    write(tmp_path, assay_dot_yaml="version: 1\nscopes: {cardholder-data: {namespaces: [nowhere]}}\n")
    ran = assay(*args, cwd=tmp_path)
    assert ran.code == 2
    assert "matches no object" in ran.err


def test_every_control_of_four_frameworks_is_reported(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml=GOOD_POD)
    form = assay("scan", "--format", "json", cwd=tmp_path).json
    counts = {pack: sum(statuses.values()) for pack, statuses in form["summary"]["controls"].items()}
    assert counts == {"gdpr": 92, "soc2": 61, "iso27001": 93, "pci-dss": 280}
    assert len(form["controls"]) == 526


def test_what_cannot_be_rendered_yet_is_not_assessed(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml=GOOD_POD, chart__Chart_dot_yaml="name: x\n", chart__templates__p_dot_yaml=BAD_POD)
    ran = assay("scan", "--pack", "pss-baseline", "--format", "json", cwd=tmp_path)
    assert ran.code == 3
    assert [entry["source"] for entry in ran.json["unread"]] == ["chart"]
    assert {control["status"] for control in ran.json["controls"]} == {"not assessed"}


def test_mistakes_in_the_project_file_name_the_line_and_the_nearest_key(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml=GOOD_POD, assay_dot_yaml="version: 1\npacks: [gdpr]\ntreshold: low\n")
    ran = assay("scan", cwd=tmp_path)
    assert ran.code == 2
    assert "assay.yaml:3:1" in ran.err
    assert "did you mean 'threshold'?" in ran.err


def test_gitignored_and_hidden_files_are_not_scanned(assay: Assay, tmp_path: Path) -> None:
    import subprocess

    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    write(tmp_path, good_dot_yaml=GOOD_POD, out__bad_dot_yaml=BAD_POD, _dot_hidden__bad_dot_yaml=BAD_POD)
    (tmp_path / ".gitignore").write_text("out/\n")
    assert assay("scan", *RULE, cwd=tmp_path).code == 0
    assert assay("scan", "out/bad.yaml", *RULE, cwd=tmp_path).code == 1


def test_lists_are_unfolded_and_odd_items_named(assay: Assay, tmp_path: Path) -> None:
    pod = json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "p"},
            "spec": {"containers": [{"name": "c", "securityContext": {"privileged": True}}]},
        }
    )
    (tmp_path / "l.json").write_text(f'{{"apiVersion": "v1", "kind": "List", "items": [{pod}, 3, {{"kind": "x"}}]}}')
    ran = assay("scan", "l.json", *RULE, "--format", "json", cwd=tmp_path)
    assert ran.code == 1
    assert len(ran.json["unread"]) == 2


@pytest.mark.parametrize("metadata", ["[a, b]", "text", "3"])
def test_metadata_of_a_wrong_type(assay: Assay, tmp_path: Path, metadata: str) -> None:
    write(tmp_path, bad_dot_yaml=f"apiVersion: v1\nkind: Pod\nmetadata: {metadata}\n", good_dot_yaml=GOOD_POD)
    ran = assay("scan", *RULE, cwd=tmp_path)
    assert ran.code == 3
    assert "bad.yaml:" in ran.out
    assert "`metadata` of a Pod is no map" in ran.out


def test_containers_that_are_a_text_are_an_error_of_the_rule_and_exit_3(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, bad_dot_yaml="apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: app}\n")
    ran = assay("scan", *RULE, cwd=tmp_path)
    assert ran.code == 3
    assert "a container list holds a text" in ran.out


def test_init_writes_a_file_that_scan_accepts(assay: Assay, tmp_path: Path) -> None:
    jinja_stack(tmp_path)
    assert assay("init", cwd=tmp_path).code == 0
    assert assay("init", cwd=tmp_path).code == 2
    ran = assay("scan", *RULE, "--format", "json", cwd=tmp_path)
    assert ran.code == 0
    assert [world["name"] for world in ran.json["run"]["worlds"]] == ["production", "staging"]


@pytest.mark.parametrize(
    "command",
    [
        ("rules", "list"),
        ("rules", "find", "privileged"),
        ("controls",),
        ("config", "schema"),
        ("rules", "schema"),
        ("explain", "pci-dss 1.4.4", "--format", "json"),
    ],
)
def test_listings_as_json(assay: Assay, tmp_path: Path, command: tuple[str, ...]) -> None:
    more = () if "schema" in command or "--format" in command else ("--format", "json")
    assert json.loads(assay(*command, *more, cwd=tmp_path).out)


def test_own_rules(assay: Assay, tmp_path: Path) -> None:
    assert assay("rules", "new", "pod-has-owner", cwd=tmp_path).code == 0
    assert assay("rules", "test", "policies", cwd=tmp_path).code == 0
    write(tmp_path, a_dot_yaml=GOOD_POD, assay_dot_yaml="version: 1\npolicies: [policies]\n")
    ran = assay("scan", "--rule", "pod-has-owner", cwd=tmp_path)
    assert ran.code == 1
    assert "add labels.owner here" in ran.out
    rule = tmp_path / "policies/pod-has-owner.yaml"
    rule.write_text(rule.read_text().replace("severity:", "sevrity:"))
    broken = assay("scan", "--rule", "pod-has-owner", cwd=tmp_path)
    assert broken.code == 2
    assert "policies/pod-has-owner.yaml:3:1" in broken.err
    assert "did you mean 'severity'?" in broken.err
