from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from assay.errors import AssayError, RenderError, UsageError
from assay.rendering.values import ConfigSet, EnvVars, Layer, SetArgs, Values, ValuesFile, Variables, load_values

BASE = """\
name: web
replicas: 1
image:
  repository: example.org/web
  tag: "1.0"
ports: [80, 443]
gone: here
nothing: null
"""
OVERRIDES = """\
replicas: 3
image:
  tag: "1.1"
ports:
  - 8080
gone: null
"""


@pytest.fixture
def layers(tmp_path: Path) -> list[Layer]:
    (tmp_path / "values.yaml").write_text(BASE)
    (tmp_path / "production_overrides.yaml").write_text(OVERRIDES)
    return [
        ValuesFile(tmp_path / "values.yaml", "t/values.yaml"),
        ValuesFile(tmp_path / "production_overrides.yaml", "t/production_overrides.yaml", "override"),
    ]


def places(values: Values, *route: str | int) -> list[str]:
    return [f"{s.file}:{s.line}:{s.column}" if s.file else s.label for s in values.chain(route)]


def test_maps_merge_lists_replace_and_null_deletes(layers: list[Layer]) -> None:
    assert load_values(layers).data == {
        "name": "web",
        "replicas": 3,
        "image": {"repository": "example.org/web", "tag": "1.1"},
        "ports": [8080],
        "nothing": None,
    }


def test_each_layer_wins_over_the_one_before(layers: list[Layer], tmp_path: Path) -> None:
    project = tmp_path / "assay.yaml"
    project.write_text("environments:\n  production:\n    set:\n      a: 3\n      b: 3\n      c: 3\n")
    route = ("environments", "production", "set")
    values = load_values(
        [
            *layers,
            ConfigSet(project, "assay.yaml", route, {"a": 3, "b": 3, "c": 3, "name": "set"}),
            EnvVars(("B", "C", "NAME"), {"B": "4", "C": "4", "NAME": "env", "OTHER": "no"}),
            SetArgs(("c=5", "d=5", "name=arg")),
            Variables({"d": 6}),
        ]
    )
    assert {key: values.data[key] for key in ("a", "b", "c", "d", "name")} == {
        "a": 3,
        "b": "4",
        "c": 5,
        "d": 6,
        "name": "arg",
    }
    assert "other" not in values.data
    assert places(values, "c") == ["--set c=…", "environment variable C", "assay.yaml:6:10"]
    assert [s.origin for s in values.chain(("name",))] == ["argument", "environment", "set-file", "values"]


def test_the_chain_names_file_and_line_of_each_setter(layers: list[Layer]) -> None:
    values = load_values(layers)
    assert places(values, "image", "tag") == ["t/production_overrides.yaml:3:8", "t/values.yaml:5:8"]
    assert places(values, "image", "repository") == ["t/values.yaml:4:15"]
    assert places(values, "ports", 0) == ["t/production_overrides.yaml:5:5", "t/values.yaml:6:9"]
    assert places(values, "unknown") == []
    first = values.chain(("replicas",))[0]
    assert (first.line, first.column, first.end_line, first.end_column) == (1, 11, 1, 12)


def test_a_list_that_replaces_its_predecessor_counts_for_items_it_lacks(layers: list[Layer]) -> None:
    assert places(load_values(layers), "ports", 1) == ["t/production_overrides.yaml:5:3", "t/values.yaml:6:13"]


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("a.b=true", {"a": {"b": True}}),
        ("a=[1, x]", {"a": [1, "x"]}),
        ("a='1'", {"a": "1"}),
        ("a=x=y", {"a": "x=y"}),
        ("image.tag=2", {"image": {"tag": 2, "keep": 1}}),
        ("image=null", {}),
        ("image=", {}),
    ],
)
def test_set_reads_its_value_as_yaml(assignment: str, expected: dict[str, Any]) -> None:
    data = load_values([Variables({"image": {"keep": 1}}), SetArgs((assignment,))]).data
    assert {key: data[key] for key in expected} == expected
    assert ("image" in data) == (not assignment.startswith("image") or bool(expected))


@pytest.mark.parametrize(
    "assignment", ["hunter2", "=hunter2", "a..b=hunter2", "a=[hunter2", "a={x: hunter2, x: hunter2}"]
)
def test_a_bad_assignment_is_refused_without_its_value(assignment: str) -> None:
    with pytest.raises(UsageError) as raised:
        load_values([SetArgs((assignment,))])
    assert "--set" in str(raised.value)
    assert "hunter2" not in str(raised.value).replace("--set hunter2…", "")


def test_variables_hold_what_json_can_hold() -> None:
    assert load_values([Variables({"a": (1, 2)})]).data == {"a": [1, 2]}
    with pytest.raises(UsageError, match="variables\\['day'\\]"):
        load_values([Variables({"day": date(2026, 1, 1)})])


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("a: 1\nb: [1\n", "values.yaml:2", "not closed"),
        ("- 1\n", "values.yaml:1", "map"),
        ("a: 1\n---\nb: 2\n", "values.yaml:3", "one document"),
        ("a: 1\na: 2\n", "values.yaml:2", "twice"),
    ],
)
def test_a_bad_values_file_is_named_with_its_line(tmp_path: Path, text: str, place: str, what: str) -> None:
    (tmp_path / "values.yaml").write_text(text)
    with pytest.raises(RenderError, match=what) as raised:
        load_values([ValuesFile(tmp_path / "values.yaml", "values.yaml")])
    assert raised.value.where.startswith(place)


def test_a_missing_file_is_an_error_and_an_empty_one_sets_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert load_values([ValuesFile(tmp_path / "empty.yaml", "empty.yaml")]).data == {}
    with pytest.raises(AssayError, match="cannot be read"):
        load_values([ValuesFile(tmp_path / "none.yaml", "none.yaml")])


def test_merging_leaves_the_layers_as_they_were(layers: list[Layer]) -> None:
    values = load_values([*layers, SetArgs(("image.tag=9",))])
    assert places(values, "image", "tag")[0] == "--set image.tag=…"
    assert load_values(layers).data["image"]["tag"] == "1.1"
