"""Routes become places, found again in whatever style YAML was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.documents import Document, Locator, Problem, Span, read_documents
from assay.model.origin import Route

TEXT = """\
# first
---
kind: X
metadata:
  name: &name "foo"
  labels: {a: 1, "b": *name}
spec:
  list:
  - image: |-
      one: 1
        two: 2

      three: 3
    args:
    - x
  -  plain
  empty:
  merged:
    <<: &base {k: v}
    folded: >
      some folded
      text

# last
---
{"a": "x\\ud83d\\ude00y", "b": [1]} {"c": 1}
"""


def _text_of(text: str, place: tuple[int, int, int, int]) -> str:
    lines = text.split("\n")
    line, column, end_line, end_column = place
    kept = lines[line - 1 : end_line]
    kept[-1] = kept[-1][: end_column - 1]
    kept[0] = kept[0][column - 1 :]
    return "\n".join(kept)


def _written(text: str, span: Span) -> str:
    return _text_of(text, (span.line, span.column, span.end_line, span.end_column))


@pytest.mark.parametrize(
    ("document", "route", "line", "written", "key"),
    [
        (0, ("kind",), 3, "X", "kind"),
        (0, ("metadata", "name"), 5, '&name "foo"', "name"),
        (0, ("metadata", "labels"), 6, '{a: 1, "b": *name}', "labels"),
        (0, ("metadata", "labels", "b"), 5, '&name "foo"', '"b"'),
        (0, ("spec", "list", 0, "args"), 15, "- x", "args"),
        (0, ("spec", "list", 0, "args", 0), 15, "x", None),
        (0, ("spec", "list", 1), 16, "plain", None),
        (0, ("spec", "empty"), 17, "", "empty"),
        (0, ("spec", "merged", "k"), 19, "v", "k"),
        (0, ("spec", "merged", "folded"), 20, ">\n      some folded\n      text", "folded"),
        (1, ("b", 0), 26, "1", None),
        (2, ("c",), 26, "1", '"c"'),
    ],
)
def test_what_is_there(document: int, route: Route, line: int, written: str, key: str | None) -> None:
    span = Locator(TEXT).locate(document, route)
    assert span.exists
    assert span.line == line
    assert _written(TEXT, span) == written
    assert (None if span.key is None else _text_of(TEXT, span.key)) == key


@pytest.mark.parametrize(
    ("document", "route", "line", "written"),
    [
        (0, ("spec", "list", 0, "none"), 9, "image: |-"),
        (0, ("spec", "list", 7), 8, "list"),
        (0, ("spec", "list", "none"), 8, "list"),
        (0, ("metadata", "name", "none"), 5, "name"),
        (0, ("metadata", "labels", "none", 3, "deep"), 6, "labels"),
        (0, ("metadata", 0), 4, "metadata"),
        (0, ("none",), 3, "kind: X"),
        (9, (), 1, "# first"),
    ],
)
def test_what_is_missing_is_at_its_nearest_parent(document: int, route: Route, line: int, written: str) -> None:
    span = Locator(TEXT).locate(document, route)
    assert not span.exists
    assert (span.line, _written(TEXT, span)) == (line, written)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("1: a", "1"),
        ("yes: a", "true"),
        ("0x10: a", "16"),
        ("? k\n: a", "k"),
        ("&x k: a", "k"),
        ("{b: 0, k: a}", "k"),
        ("k:\n\n  a", "k"),
    ],
)
def test_keys_are_the_strings_that_the_reader_makes(text: str, key: str) -> None:
    (document,) = read_documents(text)
    assert isinstance(document, Document)
    assert key in document.value
    assert _written(text, Locator(text).locate(0, (key,))) == "a"


@pytest.mark.parametrize("brk", ["\n", "\r\n", "\r"])
def test_every_line_break_counts_once(brk: str) -> None:
    text = f"a: 1{brk}{brk}b:{brk}  - c"
    span = Locator(text).locate(0, ("b", 0))
    assert (span.line, span.column, span.end_column) == (4, 5, 6)


def test_the_last_of_equal_merges_and_keys_wins_as_in_the_value() -> None:
    text = "a: &a {k: 1}\nb: {k: 2, <<: *a}\nc: {<<: *a, k: 3}\nd: {<<: [{k: 4}, {k: 5}]}\n"
    (document,) = read_documents(text)
    assert isinstance(document, Document)
    for name in "abcd":
        assert _written(text, Locator(text).locate(0, (name, "k"))) == str(document.value[name]["k"])


@pytest.mark.parametrize(
    "text", ["~: b\nk: a", "!!int x: b\nk: a", "k: b\nk: a", "? [x]\n: b\nk: a", "x: .inf\nk: a", "<<: 3\nk: a"]
)
def test_a_document_with_a_bad_value_still_has_places(text: str) -> None:
    (problem,) = read_documents(text)
    assert isinstance(problem, Problem)
    assert _written(text, Locator(text).locate(0, ("k",))) == "a"


def test_an_offset_behind_the_text_is_approximate() -> None:
    assert Locator("a: |\n").locate_in_text(0, ("a",), 3).approximate
    point = Locator("a: |\n\n\n  x\n\n  y\n").locate_in_text(0, ("a",), 4)
    assert (point.line, point.approximate) == (5, True)


SIGNED = [
    ("a: |\n  one\n    two\n\n  three\n", 0),
    ("a: |2-\n    one\n  two", 0),
    ("a: >\n  one two\n  three\n\n  four\n    five\n", 0),
    ("a: one two\n  three\n", 0),
    ("a: 'it''s one\n  two'\n", 0),
    ('a: "one\\n\\ttwo \\x41\\u00e9\\\n  three \\"four\\" \\x20five"\n', 0),
    ('{"a": "one\\ud83d\\ude00two\\nthree\\/"}', 0),
    ("a: !!str &x |\n  one\n", 0),
    ("x: 1\n---\na:\n  one two\n\n  three\n", 1),
    ("a: |\r\n  one\r\n  two\r\n", 0),
]


@pytest.mark.parametrize(("text", "document"), SIGNED)
def test_a_letter_inside_a_text_is_found_where_it_stands(text: str, document: int) -> None:
    read = list(read_documents(text))[document]
    assert isinstance(read, Document)
    value = read.value["a"]
    locator, lines = Locator(text), text.replace("\r\n", "\n").split("\n")
    found = [
        (char, locator.locate_in_text(document, ("a",), offset))
        for offset, char in enumerate(value)
        if char.isascii() and char.isalpha() and char != "A"
    ]
    assert len(found) > 2
    assert all(lines[point.line - 1][point.column - 1] == char and not point.approximate for char, point in found)


def test_a_blank_in_a_block_is_exact_and_folded_ones_are_approximate() -> None:
    locator = Locator("a: |\n  x y\n  z\nb: >\n  x y\n  z\n")
    exact, folded = locator.locate_in_text(0, ("a",), 1), locator.locate_in_text(0, ("b",), 3)
    assert (exact.line, exact.column, exact.approximate) == (2, 4, False)
    assert (folded.line, folded.approximate) == (5, True)
    assert locator.locate_in_text(0, ("none",), 0).approximate


_KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=6)
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029"), max_size=20),
    st.sampled_from(["a b " * 30, "x\ny\n", "\n\n z", "yes", "1e3", "- a", "a: b #c"]),
)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12
)
_STYLES = st.fixed_dictionaries(
    {
        "default_flow_style": st.sampled_from([True, False, None]),
        "default_style": st.sampled_from([None, "'", '"', "|", ">"]),
        "indent": st.integers(2, 6),
        "width": st.sampled_from([20, 80]),
        "allow_unicode": st.booleans(),
    }
)


def _leaves(value: Any, route: Route = ()) -> list[tuple[Route, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for key, item in value.items() for leaf in _leaves(item, (*route, key))]
    if isinstance(value, list) and value:
        return [leaf for index, item in enumerate(value) for leaf in _leaves(item, (*route, index))]
    return [(route, value)]


def _alone(written: str, column: int) -> Any:
    """What the text of a span means by itself, at the column where it stood."""
    (document,) = read_documents("-" + " " * max(column - 2, 1) + written + "\n")
    assert isinstance(document, Document)
    return document.value[0]


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=4), _STYLES)
def test_every_leaf_of_dumped_yaml_is_found(value: Any, style: dict[str, Any]) -> None:
    text = yaml.safe_dump(value, **style)
    (document,) = read_documents(text)
    assert not isinstance(document, Problem)
    locator = Locator(text)
    noted = _noted(text)
    for route, leaf in _leaves(document.value):
        span = locator.locate(0, route)
        assert span.exists
        assert noted.locate(0, route) == span
        written = _written(text, span)
        if not written.startswith(("|", ">")):
            assert _alone(written, span.column) == leaf
        else:
            assert text.split("\n")[span.line - 1].endswith(written.split("\n")[0])
        missing = locator.locate(0, (*route, "none"))
        assert noted.locate(0, (*route, "none")) == missing
        assert not missing.exists
        assert missing.line <= span.line


def _noted(text: str) -> Locator:
    """A locator that has what was noted while reading."""
    documents = [document for document in read_documents(text) if isinstance(document, Document)]
    return Locator(text, {document.index: document.places for document in documents if document.places is not None})


def _routes(value: Any, route: Route = ()) -> Iterator[Route]:
    yield route
    yield (*route, "none")
    if isinstance(value, (dict, list)):
        yield (*route, 99)
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _routes(item, (*route, key))


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        "a: {b: [1, {c: d}, []], e: {}}\nf:\n- - x\n  - y\n-\n- z\n",
        "'a': 1\n\"b\": 2\n'it''s': 3\n\"t\\x41\": 4\nyes: 5\n0x10: 6\n1.50: 7\n? complex\n: 9\nlast: 10\n",
        "a: &x !!str b\n&y c: |\n  d\n\n\ne: >-\n  f\n  g\n# end\n",
        "a: 1\n<<: {b: 2}\nc: 3\n",
        "a: &x {b: 1}\nc: *x\nd: [*x]\n",
        "# nothing\n---\n- 1\n---\nplain\n---\n'quoted\n  over lines'\n",
        "long: word\n  word\n  word # comment\nnext:\n\n\n  deep: x   \n\n",
    ],
)
def test_what_was_noted_while_reading_says_the_same(text: str) -> None:
    locator, noted = Locator(text), _noted(text)
    for document in read_documents(text):
        assert isinstance(document, Document)
        for route in _routes(document.value):
            assert noted.locate(document.index, route) == locator.locate(document.index, route), route


def test_what_was_noted_says_the_same_of_charts(shared: Path) -> None:
    count = 0
    for file in sorted((shared / "corpus" / "charts").glob("*.yaml")):
        text = file.read_text(encoding="utf-8")
        locator, noted = Locator(text), _noted(text)
        for document in read_documents(text):
            assert isinstance(document, Document)
            for number, route in enumerate(_routes(document.value)):
                if number % 7 == document.index % 7:
                    count += 1
                    assert noted.locate(document.index, route) == locator.locate(document.index, route), (file, route)
    assert count > 10_000


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(_KEYS, _VALUES, min_size=1, max_size=4), st.sampled_from([None, 2, "\t"]), st.booleans())
def test_every_leaf_of_dumped_json_is_found(value: Any, indent: int | str | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    (document,) = read_documents(text)
    assert document == Document(value, 0)
    locator = Locator(text)
    for route, leaf in _leaves(value):
        assert json.loads(_written(text, locator.locate(0, route))) == leaf
