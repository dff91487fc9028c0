"""Whatever a file holds, it ends in documents or problems, soon and in little memory, and the rest is still read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.documents import Document, Locator, Problem, decode, limits, read_documents, read_file

MEGABYTE = 1024 * 1024
CHILD = r"""
import json, re, sys, time
from pathlib import Path
from assay.documents import Locator, Problem, read_file
started = time.process_time()
text, read = read_file(Path(sys.argv[1]))
seconds = time.process_time() - started
memory = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) // 1024
Locator(text).locate(0, ("a", 0))
print(json.dumps([seconds, memory, len(read), [d.what for d in read if isinstance(d, Problem)][-1:]]))
"""


def _chain(count: int, line: bytes) -> bytes:
    """Lines that each use the anchor of the line before."""
    return b"a0: &a0 {k: 1}\n" + b"".join(
        line.replace(b"NEW", b"%d" % i).replace(b"OLD", b"%d" % (i - 1)) for i in range(1, count)
    )


DEEP, MANY, REPEAT = "deep inside one another", "the file holds more than", "aliases repeat more than"
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "flow lists": (lambda: b"[" * 100_000, DEEP),
    "closed flow lists": (lambda: b"[" * 1_000_000 + b"]" * 1_000_000, DEEP),
    "flow lists on lines": (lambda: b"[\n" * 100_000, DEEP),
    "flow mappings": (lambda: b"{a: " * 100_000, DEEP),
    "JSON": (lambda: b'{"a":' * 100_000, DEEP),
    "lists on one line": (lambda: b"- " * 100_000, DEEP),
    "keys on one line": (lambda: b"? " * 100_000, DEEP),
    "block mappings": (lambda: b"".join(b" " * i + b"a:\n" for i in range(3000)), DEEP),
    "alias bomb": (
        lambda: _chain(30, b"aNEW: &aNEW [*aOLD,*aOLD,*aOLD,*aOLD,*aOLD,*aOLD,*aOLD,*aOLD,*aOLD]\n"),
        REPEAT,
    ),
    "deep aliases": (lambda: _chain(5000, b"aNEW: &aNEW [*aOLD]\n"), REPEAT),
    "merge bomb": (lambda: _chain(3000, b"aNEW: &aNEW {<<: [*aOLD, *aOLD], kNEW: 1}\n"), REPEAT),
    "long aliases": (lambda: b"a: &a '" + b"x" * MEGABYTE + b"'\nb: [" + b"*a," * 100_000 + b"]", REPEAT),
    "many aliases": (lambda: b"a: &a 1\nb: [" + b"*a," * 600_000 + b"]", MANY),
    "many values": (lambda: b"[" + b"1," * 1_500_000 + b"]", MANY),
    "many JSON values": (lambda: b'{"a":[' + b"{}," * 1_500_000 + b"1]}", MANY),
    "many lines": (lambda: b"- a\n" * 700_000, MANY),
    "many keys": (lambda: b"".join(b"k%d: 1\n" % i for i in range(300_000)), MANY),
    "many documents": (lambda: b"---\na: 1\n" * 1_000_000, MANY),
    "many separators": (lambda: b"---\n" * 8_000_000, MANY),
    "many bad documents": (lambda: b"---\n@\n" * 5_000_000, "the rest of the file is not read"),
    "many JSON documents": (lambda: b'{"a":1}' * 100_000, MANY),
    "many directives": (lambda: b"".join(b"%%TAG !a%d! x\n" % i for i in range(200_000)), "a directive"),
    "long scalar": (lambda: b"a: " + b"x" * (31 * MEGABYTE), ""),
    "long wide scalar": (lambda: b"a: '" + "\U0001f600".encode() * (7 * MEGABYTE) + b"'", ""),
    "long literal": (lambda: b"a: |\n" + b"  x\n" * (4 * MEGABYTE), ""),
    "long bad literal": (lambda: b"a: |\n" + b"  x\n" * (7 * MEGABYTE) + b"@\n", "cannot begin with"),
    "open quote": (lambda: b"a: 'b\n" + b"c: d\n" * 3_000_000, "never closed"),
    "blank lines": (lambda: b"\n" * (16 * MEGABYTE), ""),
    "comments": (lambda: b"#\n" * (8 * MEGABYTE), ""),
    "document ends": (lambda: b"a\n" + b"...\n" * (2 * MEGABYTE), ""),
    "long number": (lambda: b"a: " + b"1" * 5_000_000, ""),
    "long hexadecimal": (lambda: b"a: 0x" + b"f" * 5_000_000, ""),
    "long JSON number": (lambda: b'{"a": ' + b"1" * 5_000_000 + b"}", ""),
    "too big": (lambda: b"a: " + b"x" * (100 * MEGABYTE), "the file is larger than 32 MB"),
    "bad byte at the end": (lambda: b"a: " + b"x" * (31 * MEGABYTE) + b"\xff", "not valid UTF-8"),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux' /proc")
@pytest.mark.parametrize("name", HOSTILE)
def test_limits_hold(name: str, tmp_path: Path) -> None:
    data, what = HOSTILE[name]
    file = tmp_path / "hostile.yaml"
    file.write_bytes(data())
    command = [sys.executable, "-c", CHILD, str(file)]
    # Coverage would follow into the child and be what is measured.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
    file.unlink()
    seconds, memory, count, told = json.loads(done.stdout)
    assert seconds < 2
    assert memory < 500
    assert count <= 50_000
    assert bool(what) == bool(told)
    assert all(what in each for each in told)


def _problem(text: str) -> Problem:
    (problem,) = read_documents(text)
    assert isinstance(problem, Problem)
    return problem


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("a:\n\tb: 1", 2, 1, "a tab stands"),
        ("a: |\n\tb", 2, 1, "a tab stands"),
        ("a: 1\nb: 2\na: 3", 3, 1, "a key is there twice"),
        ('{"a": 1,\n "b": 2, "a": 3}', 2, 10, "a key is there twice"),
        ("1: a\n'1': b", 2, 1, "a key is there twice"),
        ("a: *b", 1, 4, "an alias names an anchor"),
        ("a: &b [*b]", 1, 8, "an anchor contains itself"),
        ("a: b\x00c", 1, 5, "the character U+0000"),
        ("a:\r\n  - b\r\n  c: d", 3, 3, "this line is no item"),
        ("a:\r\n  b: c\r\n d: e", 3, 2, "this line belongs neither"),
        ("a: @b", 1, 4, "a value cannot begin with '@'"),
        ("a: b: c", 1, 5, "there is a ': '"),
        ("a: 'b\nc: d\n", 1, 4, "a quote is opened"),
        ("a: [1, 2\nb: 3\n", 1, 4, "a '[' list"),
        ("a: {b: 1\n", 1, 4, "a '{' mapping"),
        ("x: 1\na: .inf", 2, 4, "infinity"),
        ("~: 1", 1, 1, "a key is null"),
        ("? [a]\n: 1", 1, 3, "a key is a list"),
        ("a: !!int b", 1, 4, "a value with the tag !!int"),
        ("a: !!binary '?'", 1, 4, "a value with the tag !!binary"),
        ("a: !x!y b", 1, 4, "a tag uses a handle"),
        ("a: {{ .Values.b }}", 1, 5, "this looks like a template"),
        ("{{- if b }}\na: b\n{{- end }}", 1, 3, "this looks like a template"),
        ("{% if b %}\na: b", 1, 2, "this looks like a template"),
        ("a: b\n--- {c: d}", 2, 1, "a document begins on its '---' line"),
        ("a: b\n...\nc: d", 3, 1, "kubectl does not read what follows"),
        ("%YAML 1.2\n", 1, 1, "a directive"),
        ('{"a":' * 300 + "1" + "}" * 300, 1, 1001, "mappings and lists stand more than"),
        ("a: {<<: 3}", 1, 5, "'<<' merges"),
    ],
)
def test_a_problem_says_where_and_what(text: str, line: int, column: int, what: str) -> None:
    problem = next(each for each in read_documents(text) if isinstance(each, Problem))
    assert (problem.line, problem.column) == (line, column)
    assert problem.what.startswith(what)
    assert problem.todo


@pytest.mark.parametrize(
    "text",
    ["a: 'hunter2", "a: !!int hunter2", "a: b: hunter2", "hunter2: 1\nhunter2: 2", "a: *hunter2", "- hunter2\nb"],
)
def test_a_problem_never_holds_a_value(text: str) -> None:
    problem = _problem(text)
    assert "hunter2" not in problem.what + problem.todo


@pytest.mark.parametrize(
    "bad", ["---\na: [", "---\na: 1\na: 2", "---\n\ta: b", "---\na: b\x00", "--- x", "---\n%TAG", "---\n'"]
)
def test_a_bad_document_loses_no_other(bad: str) -> None:
    first, problem, last = read_documents(f"a: 1\n{bad}\n---\nb: 2\n")
    assert first == Document({"a": 1}, 0)
    assert isinstance(problem, Problem)
    assert last == Document({"b": 2}, 2)


def _values(text: str) -> list[Any]:
    return [document.value if isinstance(document, Document) else document for document in read_documents(text)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("\n# c\n\n", []),
        ("---\n---\n", []),
        ("null", [None]),
        ("a: |\n  ---\n  x\n", [{"a": "---\nx\n"}]),
        ("a: 1\r\n---\r\nb: 2\r\n", [{"a": 1}, {"b": 2}]),
        ('{"a": 1}\n{"b": 2}', [{"a": 1}, {"b": 2}]),
        ('{"a": "\\ud83d\\ude00 \\ud800"}', [{"a": "\U0001f600 \ufffd"}]),
        (
            "metadata: [a]\nspec: {containers: x}\nitems: [1, ~, {}]",
            [{"metadata": ["a"], "spec": {"containers": "x"}, "items": [1, None, {}]}],
        ),
        ("1: a\ntrue: b\n0x10: c\n1.5: d", [{"1": "a", "true": "b", "16": "c", "1.5": "d"}]),
        ("a: !unknown {b: !x c}", [{"a": {"b": "c"}}]),
    ],
)
def test_odd_texts_are_read(text: str, values: list[Any]) -> None:
    assert _values(text) == values


def test_empty_documents_count() -> None:
    assert [
        document.index
        for document in read_documents("# c\n---\n---\na: 1\n---\n# c\n---\nb: 2\n")
        if isinstance(document, Document)
    ] == [1, 3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(encoding: str) -> None:
    assert decode("a: é\U0001f600".encode(encoding)) == "a: é\U0001f600"


def test_bad_encodings() -> None:
    assert decode(b"a: 1\nb: \xc3(\n") == Problem(2, 4, "the file is not valid UTF-8", "save it as UTF-8")
    assert decode(b"\xff\xfea\x00\x00") == Problem(1, 2, "the file is not valid UTF-16", "save it as UTF-8")


def _unreadable(path: Path) -> str:
    text, read = read_file(path)
    assert text == ""
    (problem,) = read
    assert isinstance(problem, Problem)
    assert (problem.line, problem.column) == (1, 1)
    assert problem.todo
    return problem.what


def test_what_is_no_readable_file(tmp_path: Path) -> None:
    folder, loop, pipe, closed = (tmp_path / name for name in ("x.yaml", "loop.yaml", "pipe.yaml", "closed.yaml"))
    folder.mkdir()
    loop.symlink_to(loop)
    os.mkfifo(pipe)
    closed.write_text("a: 1")
    closed.chmod(0)
    assert _unreadable(folder) == "this is a directory"
    assert _unreadable(pipe) == "this is no regular file"
    assert _unreadable(tmp_path / "none.yaml").startswith("the file cannot be read: ")
    assert _unreadable(tmp_path / "nul\0.yaml").startswith("the file cannot be read: ")
    assert _unreadable(loop).startswith("the file cannot be read: ")
    if not os.access(closed, os.R_OK):
        assert _unreadable(closed).startswith("the file cannot be read: ")


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_file(file) == ("a: 1\n", [Document({"a": 1}, 0)])


def test_depth_limit_is_far_from_real_charts() -> None:
    charts = Path(__file__).parents[2] / "../shared/corpus/charts"
    if not charts.is_dir():
        pytest.skip("the corpus of charts is not beside the checkout")
    deepest = 0
    for file in charts.rglob("*.yaml"):
        _, read = read_file(file)
        assert not [each for each in read if isinstance(each, Problem)]
        deepest = max([deepest, *(_depth(each.value) for each in read if isinstance(each, Document))])
    assert 10 < deepest < limits.DEPTH / 4


def _depth(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(_depth, children), default=0)


def test_what_cannot_be_read_still_has_a_place() -> None:
    span = Locator("\n\na: [\n").locate(0, ("a",))
    assert (span.line, span.column, span.exists) == (3, 1, False)
