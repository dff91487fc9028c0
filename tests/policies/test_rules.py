"""Every rule proves itself: its examples, its schema, and minimal objects that must never break it."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.documents import read_file
from assay.engine.cel import Runtime
from assay.engine.examples import judge_one, run_examples
from assay.engine.load import Library, load_library, read_examples
from assay.engine.unfold import unfold
from assay.engine.validate import validate_policy
from assay.model.rules import Rule
from assay.model.verdicts import Verdict
from assay.shipped import shipped

FILES = sorted((shipped("policies") / "rules").rglob("*.yaml"))


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(shipped("policies"))


def test_there_are_at_least_a_hundred_and_fifty_rules() -> None:
    assert len(FILES) >= 150


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_well_formed(path: Path, library: Library) -> None:
    data = validate_policy(path)
    assert data["domain"] == path.parent.name
    assert list(data)[-1] == "examples", "examples stand last, because the loader stops there"
    rule = library.rules[path.stem]
    assert rule.ties, "a rule serves a control or hygiene"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_examples(path: Path, library: Library) -> None:
    results = list(run_examples(library.rules[path.stem]))
    assert {result.wanted for result in results} >= {Verdict.PASS, Verdict.FAIL}
    assert [f"{result.name}: {result.problem}" for result in results if not result.ok] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_part_that_is_missing_null_or_empty_breaks_it(path: Path, library: Library) -> None:
    rule = library.rules[path.stem]
    broken = {
        reason: where
        for example in _examples(path)
        for where, body in _reduced(example["object"])
        for verdict, reason in [_judge(rule, body, example)]
        if verdict is Verdict.ERROR
    }
    assert broken == {}


def _examples(path: Path) -> Iterator[dict[str, Any]]:
    """The first example of each verdict: the others differ in values, not in shape."""
    for examples in read_examples(path).values():
        yield examples[0]


def _judge(rule: Rule, body: dict[str, Any], example: dict[str, Any]) -> tuple[Verdict, str]:
    verdict, reason, _ = judge_one(rule, body, tuple(example.get("with", ())), params=example.get("params"))
    return verdict, reason


def _reduced(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The object with each of its maps' entries removed, null or empty in turn."""
    for route in _routes(body):
        if route in (("apiVersion",), ("kind",)):
            continue
        for kind in ("missing", "null", "empty"):
            changed = copy.deepcopy(body)
            parent: Any = changed
            for step in route[:-1]:
                parent = parent[step]
            if kind == "missing":
                del parent[route[-1]]
            else:
                old = parent[route[-1]]
                parent[route[-1]] = type(old)() if kind == "empty" and isinstance(old, (dict, list, str)) else None
            yield f"{kind}: {route}", changed


def _routes(value: Any, route: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*route, key)
            yield from _routes(item, (*route, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _routes(item, (*route, index))


@pytest.mark.parametrize("path", sorted((shipped("policies") / "lib").glob("*.yaml")), ids=lambda path: path.stem)
def test_shared_expressions(path: Path, library: Library) -> None:
    """Each compiles when nothing but its arguments is known, and at least two rules use it."""
    names = [entry["name"] for entry in validate_policy(path)["expressions"]]
    shared = next(iter(library.rules.values())).shared
    for name in names:
        takes = shared[name].takes
        call = unfold(f"lib.{name}({', '.join(takes)})", {}, shared)
        Runtime(takes).compile(call)
        users = [rule.id for rule in library.rules.values() if f"lib.{name}(" in rule.file.read_text(encoding="utf-8")]
        within = sum(f"lib.{name}(" in other.expression for other in shared.values())
        assert len(users) + within >= 2, f"{name} is shared by nobody"


def test_every_file_is_read_as_kubectl_reads_yaml() -> None:
    """The loader uses a faster reader: both must see the same, or a rule would mean two things."""
    import yaml

    for path in FILES:
        data = read_file(path)[1][0]
        assert data.value == yaml.safe_load(path.read_text()), path.name  # type: ignore[union-attr]


def test_aliases_name_one_rule_each(library: Library) -> None:
    named = Counter(alias for rule in library.rules.values() for alias in rule.aliases)
    assert [alias for alias, count in named.items() if count > 1] == []
    assert not named.keys() & library.rules.keys()
