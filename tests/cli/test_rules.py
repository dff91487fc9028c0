"""`assay rules test` on paths, and `assay rules export`, as users call them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.cli.stacks import write
from tests.conftest import Assay


def own_rule(assay: Assay, folder: Path, old: str = "", new: str = "") -> Path:
    assert assay("rules", "new", "pod-has-owner", cwd=folder).code == 0
    rule = folder / "policies/pod-has-owner.yaml"
    rule.write_text(rule.read_text().replace(old, new))
    return rule


def documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def test_a_path_that_no_kind_has_fails_the_test_of_a_rule(assay: Assay, tmp_path: Path) -> None:
    own_rule(assay, tmp_path, "at: [metadata.labels.owner]", "at: [metadata.labels.owner, spec.templates]")
    ran = assay("rules", "test", "policies", cwd=tmp_path)
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "policies/pod-has-owner.yaml: `at` names object.spec.templates, which no kind of the rule has;"
        " did you mean 'template'?",
        "1 rules, 2 examples, 0 wrong, 1 unknown paths",
    ]
    entries = assay("rules", "test", "policies", "--format", "json", cwd=tmp_path).json
    assert [entry["path"] for entry in entries if not entry["ok"]] == ["object.spec.templates"]


def test_kinds_that_nobody_knows_are_counted(assay: Assay, tmp_path: Path) -> None:
    own_rule(assay, tmp_path, "kinds: [workloads]", "kinds: [workloads, example.com/Thing, example.com/Other]")
    ran = assay("rules", "test", "policies", cwd=tmp_path)
    assert ran.out == "1 rules, 2 examples, 0 wrong, fields of 2 kinds are not known here\n"
    assert ran.code == 0


def test_a_rule_is_exported_as_a_policy_and_its_binding(assay: Assay, tmp_path: Path) -> None:
    ran = assay("rules", "export", "--format", "vap", "container-not-privileged", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    policy, binding = documents(ran.out)
    assert policy["kind"] == "ValidatingAdmissionPolicy"
    assert binding["spec"]["policyName"] == policy["metadata"]["name"] == "container-not-privileged"


def test_what_cannot_be_exported_is_said_on_stderr(assay: Assay, tmp_path: Path) -> None:
    ran = assay("rules", "export", "pod-selected-by-network-policy", cwd=tmp_path)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "pod-selected-by-network-policy: it needs facts about several objects\n"


def test_own_rules_are_exported_with_the_parameters_of_the_project(assay: Assay, tmp_path: Path) -> None:
    own_rule(
        assay,
        tmp_path,
        'assert: object.?metadata.?labels[?"owner"].orValue("") != ""',
        "params: {owners: {type: strings, default: [a], source: our teams}}\n"
        'assert: object.?metadata.?labels[?"owner"].orValue("") in params.owners',
    )
    write(tmp_path, assay_dot_yaml="policies: [policies]\nparams: {pod-has-owner.owners: [b]}\n")
    every = assay("rules", "export", cwd=tmp_path)
    assert every.code == 0
    texts = {doc["metadata"]["name"]: str(doc) for doc in documents(every.out) if "validations" in doc["spec"]}
    assert '["b"]' in texts["pod-has-owner"]
    assert len(texts) > 170
    one = assay("rules", "export", "pod-has-owner", "--param", "pod-has-owner.owners=c", cwd=tmp_path)
    assert '["c"]' in one.out
