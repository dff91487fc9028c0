"""Rules as admission policies. What the API server makes of them is compared in tests/judges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.engine.export import Exported, ExportError, export
from assay.engine.load import load_library
from assay.model.rules import Binding
from assay.shipped import shipped
from tests.unit.test_paths import rule_of


def exported(folder: Path, **fields: Any) -> Exported:
    rule = rule_of(folder, **fields)
    return export(Binding(rule, {param.name: param.default for param in rule.params}))


def expressions(made: Exported) -> list[str]:
    return [entry["expression"] for entry in made.policy["spec"]["validations"]]


def variables(made: Exported) -> dict[str, str]:
    return {entry["name"]: entry["expression"] for entry in made.policy["spec"].get("variables", ())}


def test_policy_and_binding_bear_the_name_of_the_rule(tmp_path: Path) -> None:
    made = exported(tmp_path, kinds=["apps/Deployment"])
    assert made.policy["metadata"]["name"] == made.binding["metadata"]["name"] == "own"
    assert made.binding["spec"] == {"policyName": "own", "validationActions": ["Deny"]}
    assert made.policy["spec"]["validations"] == [{"expression": "true", "message": "Something is as it should be"}]


@pytest.mark.parametrize(
    ("fields", "written"),
    [
        ({"assert": "object.spec.a"}, ["object.spec.a"]),
        ({"when": "object.spec.a", "assert": "object.spec.b"}, ["(object.spec.a) ? (object.spec.b) : true"]),
        (
            {"assert": "pod.hostPID || podMetadata.a.pod"},
            ["(((variables.pod).hostPID || (variables.podMetadata).a.pod))"],
        ),
        (
            {"each": "containers", "assert": "container.a == containerType"},
            [
                'variables.pod.?containers.orValue([]).all(container, (container.a == ("container")))',
                'variables.pod.?initContainers.orValue([]).all(container, (container.a == ("init")))',
                'variables.pod.?ephemeralContainers.orValue([]).all(container, (container.a == ("ephemeral")))',
            ],
        ),
        (
            {"each": {"in": ["pod.volumes", "spec.a[*].b.c"], "as": "it"}, "assert": "it.a == key"},
            [
                "(variables.pod.?volumes.orValue(null) == null || "
                "variables.pod.?volumes.value().all(key, it, it.a == key))",
                "(object.?spec.?a.orValue(null) == null || object.?spec.?a.value().all(parent0, "
                "(parent0.?b.?c.orValue(null) == null || parent0.?b.?c.value().all(key, it, it.a == key))))",
            ],
        ),
        (
            {
                "params": {"most": {"type": "integer", "default": 3, "source": "our choice, of no consequence"}},
                "assert": "object.spec.a <= params.most",
            },
            ["object.spec.a <= (3)"],
        ),
        ({"assert": "object.a in ['x', null]"}, ["object.a in [dyn('x'), dyn(null)]"]),
        ({"assert": "{'a': 1, 'b': 'c'} == object"}, ["{'a': dyn(1), 'b': dyn('c')} == object"]),
        ({"assert": "object.a in ['x', 'y'] && object['a'] == [1]"}, ["object.a in ['x', 'y'] && object['a'] == [1]"]),
    ],
    ids=["object", "when", "pod", "containers", "items", "parameter", "mixed list", "mixed map", "plain lists"],
)
def test_what_the_server_does_not_have_is_written_out(
    fields: dict[str, Any], written: list[str], tmp_path: Path
) -> None:
    assert expressions(exported(tmp_path, **fields)) == written


def test_the_effective_pod_stands_where_the_kind_has_it(tmp_path: Path) -> None:
    assert variables(exported(tmp_path, kinds=["apps/Deployment"], **{"assert": "pod.a"})) == {
        "pod": "(object.?spec.?template.?spec).orValue({})"
    }
    assert variables(
        exported(tmp_path, kinds=["core/Pod", "batch/Job", "batch/CronJob"], **{"assert": "podMetadata.a"})
    ) == {
        "podMetadata": '(object.kind in ["Pod"] ? object.?metadata : object.kind in ["Job"] ? '
        "object.?spec.?template.?metadata : object.?spec.?jobTemplate.?spec.?template.?metadata).orValue({})"
    }


def test_kinds_are_what_the_api_calls_them(tmp_path: Path) -> None:
    made = exported(tmp_path, kinds=["core/Pod", "networking.k8s.io/*", "core/Secret", "example.com/Thing"])
    rules = made.policy["spec"]["matchConstraints"]["resourceRules"]
    assert [(rule["apiGroups"], rule["resources"]) for rule in rules] == [
        ([""], ["pods", "pods/ephemeralcontainers", "secrets"]),
        (["networking.k8s.io"], ["*"]),
    ]
    assert made.without == ("example.com/Thing",)
    (anything,) = exported(tmp_path, kinds=["*"]).policy["spec"]["matchConstraints"]["resourceRules"]
    assert (anything["apiGroups"], anything["resources"]) == (["*"], ["*", "pods/ephemeralcontainers"])
    (apps,) = exported(tmp_path, kinds=["apps/Deployment", "apps/*"]).policy["spec"]["matchConstraints"][
        "resourceRules"
    ]
    assert apps["resources"] == ["*"]
    rules = exported(tmp_path, kinds=["workloads", "core/Pod"]).policy["spec"]["matchConstraints"]["resourceRules"]
    assert [rule["resources"].count("pods") for rule in rules if rule["apiGroups"] == [""]] == [1]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"scope": "live"}, "only a live cluster answers it"),
        ({"needs": ["isolation"]}, "it needs facts about several objects"),
        ({"about": "declaration"}, "the server fills in what nobody wrote before it asks"),
        ({"kinds": ["example.com/Thing"]}, "no API is known here that serves a kind of it"),
        ({"assert": "yaml.valid(object.a)"}, "the server has no yaml.valid()"),
        ({"assert": "object.a.find('b') == ''"}, "the server has no find()"),
        ({"assert": "math.least(1, 2) == 1"}, "the server has no math functions"),
        ({"when": "object.a == now"}, "the server has no clock"),
        ({"assert": "true", "unknown": "'nobody knows'"}, "it may have to leave open what it decides"),
        ({"kinds": ["core/Service"], "assert": "pod.hostPID"}, "none of its kinds has a Pod"),
        ({"assert": "params.none == 1"}, "the rule has no parameter 'none'"),
        (
            {"params": {"names": {"type": "strings", "default": [], "source": "only you know them", "needed": True}}},
            "the parameter own.names has no value",
        ),
    ],
)
def test_what_a_server_cannot_decide_is_refused_with_the_reason(
    fields: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match=reason.replace("(", r"\(").replace(")", r"\)")):
        exported(tmp_path, **fields)


def test_the_pod_of_any_kind_is_found(tmp_path: Path) -> None:
    found = variables(exported(tmp_path, kinds=["*"], **{"assert": "pod.hostPID // or not"}))["pod"]
    assert 'object.kind in ["CronJob"] ? object.?spec.?jobTemplate.?spec.?template.?spec' in found


def test_what_a_text_says_is_no_function(tmp_path: Path) -> None:
    assert expressions(exported(tmp_path, **{"assert": "object.now == 'flags(now)'"})) == ["object.now == 'flags(now)'"]


def test_most_shipped_rules_can_be_exported() -> None:
    done = 0
    for rule in load_library(shipped("policies")).rules.values():
        try:
            export(Binding(rule, {param.name: param.default for param in rule.params}))
        except ExportError:
            continue
        done += 1
    assert done >= 170
