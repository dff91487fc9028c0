"""Paths that a rule names and that no kind of it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from assay.engine.load import load_library, read_rules
from assay.engine.paths import kinds_without_shape, unknown_paths
from assay.model.rules import Rule
from assay.shipped import shipped

BASE: dict[str, Any] = {
    "id": "own",
    "title": "Something is as it should be",
    "severity": "low",
    "domain": "configuration",
    "match": {"kinds": ["workloads"]},
    "assert": "true",
    "message": "It is not",
    "at": ["."],
    "why": "This risk is of nobody's concern, and nobody reads it.",
    "fix": "Write something else.",
    "references": ["https://example.com/"],
    "examples": {"pass": [], "fail": []},
}


def rule_of(folder: Path, **fields: Any) -> Rule:
    data = {**BASE, **fields}
    if "kinds" in data:
        data["match"] = {"kinds": data.pop("kinds")}
    kind = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
    examples = {"pass": [{"name": "one of them", "object": kind}], "fail": [{"name": "another one", "object": kind}]}
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump({**data, "examples": examples}, sort_keys=False), encoding="utf-8")
    return read_rules([path], shipped("policies"))[0]


def found(rule: Rule) -> list[str]:
    return [f"{one.where}: {one.path}" for one in unknown_paths(rule)]


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a field": ({"assert": "object.spec.replica == 1"}, ["assert: object.spec.replica"]),
    "an optional field": ({"assert": "object.?spec.?replica.orValue(1) == 1"}, ["assert: object.spec.replica"]),
    "whether a field is there": ({"assert": "has(object.spec.replica)"}, ["assert: object.spec.replica"]),
    "below a scalar": ({"assert": "object.spec.replicas.max == 1"}, ["assert: object.spec.replicas.max"]),
    "the root": ({"assert": "object.specs.replicas == 1"}, ["assert: object.specs"]),
    "the effective Pod": ({"assert": "pod.hostNetworks"}, ["assert: pod.hostNetworks"]),
    "its metadata": ({"assert": "podMetadata.label == {}"}, ["assert: podMetadata.label"]),
    "behind an index": ({"assert": "pod.containers[0].images == ''"}, ["assert: pod.containers[*].images"]),
    "in a loop": (
        {"assert": "pod.?volumes.orValue([]).all(v, v.hostpath == null)"},
        ["assert: pod.volumes[*].hostpath"],
    ),
    "in a loop over what another gives": (
        {"assert": "(pod.containers + pod.?initContainers.orValue([])).filter(c, true).map(c, c.ports)[0][0].hostport"},
        ["assert: pod.containers[*].ports[*].hostport"],
    ),
    "in a bind": (
        {"assert": "cel.bind(c, pod.?securityContext.orValue({}), c.?runAsNonroot.orValue(true))"},
        ["assert: pod.securityContext.runAsNonroot"],
    ),
    "in optMap": (
        {"assert": "pod.?securityContext.optMap(s, s.runAsGroups).orValue(1) == 1"},
        ["assert: pod.securityContext.runAsGroups"],
    ),
    "in one of two": (
        {"assert": "(pod.hostPID ? pod.securityContext : pod.containers[0].securityContext).privilege == 1"},
        ["assert: pod.securityContext.privilege"],
    ),
    "a container": (
        {"each": "containers", "assert": "container.image != ''", "when": "container.imagePull == ''"},
        ["when: container.imagePull"],
    ),
    "an item": (
        {
            "kinds": ["networking.k8s.io/Ingress"],
            "each": {"in": "spec.rules[*].http.paths", "as": "path"},
            "assert": "path.backends == ''",
        },
        ["assert: path.backends"],
    ),
    "the items themselves": ({"each": {"in": "pod.volume", "as": "volume"}}, ["each: pod.volume"]),
    "in a message": ({"message": "It is {object.metadata.title}"}, ["message: object.metadata.title"]),
    "to blame": (
        {"each": "containers", "at": ["securityContext.privilege"]},
        ["at: container.securityContext.privilege"],
    ),
    "to blame elsewhere": (
        {"at": ["pod.hostPIDs", "podMetadata.label", "object.specs"]},
        ["at: pod.hostPIDs", "at: podMetadata.label", "at: object.specs"],
    ),
    "where it is to blame": ({"at": [{"route": ".", "when": "pod.hostPIDs"}]}, ["at: pod.hostPIDs"]),
    "as evidence": ({"evidence": ["spec.template.metadata.label"]}, ["evidence: object.spec.template.metadata.label"]),
    "of a custom resource": (
        {"kinds": ["velero.io/Schedule"], "assert": "object.spec.template.ttls == ''"},
        ["assert: object.spec.template.ttls"],
    ),
    "in the metadata of any kind": (
        {"kinds": ["*"], "assert": "object.metadata.names == ''"},
        ["assert: object.metadata.names"],
    ),
    "in the metadata of a kind that is not known": (
        {"kinds": ["example.com/Thing"], "assert": "object.metadata.names == ''"},
        ["assert: object.metadata.names"],
    ),
}

RIGHT: dict[str, dict[str, Any]] = {
    "a field of one kind of several": {"assert": "object.spec.jobTemplate != {} || object.spec.replicas == 1"},
    "labels": {"assert": "object.metadata.labels.anything == '' && podMetadata.annotations['a/b'].find('c') == ''"},
    "below a map of anything": {"kinds": ["core/ConfigMap"], "assert": "object.data['a'] == '' && object.data.b == ''"},
    "what a function gives": {"kinds": ["core/ConfigMap"], "assert": "yaml.parse(object.data.a).b.c == 1"},
    "what is parsed, in a loop": {
        "kinds": ["core/ConfigMap"],
        "assert": "yaml.parse(object.data.a).b.all(c, c.d == 1)",
    },
    "in brackets": {
        "assert": "object['sops'].mac == '' && object[?'sops'].?mac.orValue('') == ''",
        "at": ['["sops"].mac'],
    },
    "of an empty default": {"assert": "pod.?volumes.orValue([]).all(v, v.name != '') && {}.?a.orValue(1) == 1"},
    "of a kind that is not known": {"kinds": ["example.com/Thing"], "assert": "object.spec.anything == 1"},
    "of another version of a kind": {
        "kinds": ["autoscaling/HorizontalPodAutoscaler"],
        "assert": "object.spec.targetCPUUtilizationPercentage == 1 || object.spec.metrics == []",
    },
    "a schema inside an object": {
        "kinds": ["apiextensions.k8s.io/CustomResourceDefinition"],
        "assert": "object.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.a.type == 'string'",
    },
    "a field of another container kind": {"each": "containers", "assert": "container.targetContainerName == ''"},
    "the Pod of a kind that is not known": {
        "kinds": ["core/Pod", "serving.knative.dev/Service"],
        "assert": "pod.containerConcurrency == 1",
    },
    "no expression at all": {"assert": "object.spec.("},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_path_that_no_kind_has_is_named(name: str, tmp_path: Path) -> None:
    fields, paths = WRONG[name]
    assert found(rule_of(tmp_path, **fields)) == paths


@pytest.mark.parametrize("name", RIGHT)
def test_of_a_path_that_may_exist_nothing_is_said(name: str, tmp_path: Path) -> None:
    assert found(rule_of(tmp_path, **RIGHT[name])) == []


def test_a_path_is_named_once_and_the_nearest_field_proposed(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, **{"assert": "pod.hostNetwrok == true || pod.hostNetwrok == 1"})
    (one,) = unknown_paths(rule)
    assert one.problem == "`assert` names pod.hostNetwrok, which no kind of the rule has; did you mean 'hostNetwork'?"
    assert one.file == tmp_path / "own.yaml"


def test_kinds_of_which_nothing_is_known_are_told(tmp_path: Path) -> None:
    kinds = ["workloads", "*", "apps/*", "core/Pod", "velero.io/Schedule", "example.com/Thing"]
    assert kinds_without_shape(rule_of(tmp_path, kinds=kinds)) == ["example.com/Thing"]


def test_the_shipped_rules_name_no_path_that_is_not_there() -> None:
    library = load_library(shipped("policies"))
    assert [(one.rule, one.problem) for rule in library.rules.values() for one in unknown_paths(rule)] == []
