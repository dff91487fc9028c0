"""Expressions evaluated part by part, and of nothing but what they read, give what the runtime gives for the whole."""

from __future__ import annotations

import marshal
from pathlib import Path
from typing import Any

import pytest

from assay.engine import kept as kept_module
from assay.engine.cel import Activation, Failed, Runtime
from assay.engine.parts import split
from assay.engine.reads import only, reads

EXPRESSIONS = (
    "has(object.a.b) && object.a.b == 1",
    "object.a.b == 1 || has(object.c)",
    'has(object.a) ? object.?a.?b.orValue(0) == 1 : object.?c.orValue("") == "x"',
    "!(has(object.c) && object.a.b > 0) || object.c == object.a.b",
    "object.?a.orValue({}) == {}",
    'object["c"] == "x" && !has(object.a.c)',
    "object.?l.orValue([]).exists(i, i == object.a.b) || object.l.all(i, has(i.x))",
    "has(object.a) && has(object.a.b) && size(object.l) > 0",
    "object.a && true || false",
    "false && object.no.where || true",
    "(has(object.a) ? (has(object.a.b) ? 1 : 2) : 3) == 2",
    "has(object.a) ? (has(object.a.b) ? 1 : 2) : has(object.c) ? 3 : 4",
    "{'k': object.c}.k == 'x' && [object.a][0].b == 1",
)
OBJECTS: tuple[Any, ...] = (
    {},
    {"a": {}},
    {"a": {"b": 1}, "c": "x", "l": [1, {"x": 2}]},
    {"a": {"b": True}, "c": 1, "l": []},
    {"a": {"b": 1.0}, "l": "no list"},
    {"a": [1], "c": None},
    {"a": True, "l": [{"x": 1}]},
    {"a": "text", "c": {"d": 1}},
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_parts_give_what_the_whole_gives(expression: str) -> None:
    runtime = Runtime()
    program = runtime.program(expression)
    whole = runtime._env.compile(expression, disable_check=True)
    for body in (*OBJECTS, *OBJECTS):  # the second time from what is remembered
        value = whole.eval(runtime._env.Activation({"object": body}))
        found = program(Activation({"object": body}))
        if value.type() == runtime._error:
            assert isinstance(found, Failed), body
        else:
            assert (type(found), found) == (type(value.plain_value()), value.plain_value()), body


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_what_is_read_is_all_that_counts(expression: str) -> None:
    runtime = Runtime()
    compiled = runtime._env.compile(expression, disable_check=True)
    read = reads(compiled.serialize(), {"object"})
    for body in OBJECTS:
        results = [
            compiled.eval(runtime._env.Activation(variables)).plain_value()
            for variables in ({"object": body}, only({"object": body, "key": 1}, read))
        ]
        assert results[0] == results[1], body


def test_operators_inside_texts_and_brackets_join_nothing() -> None:
    assert split('x == "a && b" || f(a || b)') == ["||", 'x == "a && b"', "f(a || b)"]
    assert split("a.?b.orValue([1])[0]") == "a.?b.orValue([1])[0]"
    assert split("!(a && b)") == ["!", ["&&", "a", "b"]]


def test_a_part_that_is_not_kept_any_more_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for _ in range(2):
        kept_module._programs.cache_clear()  # as in another run
        runtime = Runtime()
        program = runtime.kept_program("key", lambda: "has(object.a) && object.b == 1")
        assert program(Activation({"object": {"a": 1, "b": 1}})) is True
        runtime.keep([runtime.compiled()])
        (kept,) = (tmp_path / "assay").glob("programs-*")
        data = marshal.loads(kept.read_bytes())
        assert len(data["parts"]) == 2
        kept.write_bytes(marshal.dumps({**data, "parts": {}}))


@pytest.mark.parametrize("damage", [b"", b"\x00", b"not what it was", b"(\xff\xff\xff\x7f", b"N", b"[\x00\x00\x00\x00"])
def test_what_is_kept_and_damaged_is_made_again(damage: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for _ in range(2):
        kept_module._programs.cache_clear()
        runtime = Runtime()
        runtime.load()
        assert runtime.kept_program("key", lambda: "has(object.a)")(Activation({"object": {"a": 1}})) is True
        runtime.keep([runtime.compiled()])
        (kept,) = (tmp_path / "assay").glob("programs-*")
        kept.write_bytes(damage)
