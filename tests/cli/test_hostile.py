"""Hostile input through the whole command: one error each, and everything else is still scanned."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.cli.stacks import GOOD_POD, write
from tests.conftest import Assay

RULE = ("--rule", "container-not-privileged")

HOSTILE: dict[str, bytes] = {
    "duplicate.yaml": b"a: 1\na: 2\n",
    "tab.yaml": b"a:\n\tb: 1\n",
    "bomb.yaml": b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n".encode() for i in range(9)),
    "brackets.yaml": b"[" * 100_000,
    "nul.yaml": b"a: b\x00c\n",
    "utf8.yaml": b"a: \xff\xfe\xfa\n",
    "unclosed.yaml": b'a: "x\n',
    "anchors.yaml": b"a: *nowhere\n",
    "truncated.json": b'{"apiVersion": "v1", "kind": ',
}
# Other parsers, and so Kubernetes, would read these, or more of these, than we do.
MAY_HIDE_AN_OBJECT = {"duplicate.yaml", "bomb.yaml", "brackets.yaml", "utf8.yaml"}
HARMLESS: dict[str, bytes] = {
    "empty.yaml": b"",
    "tag.yaml": b"a: !!python/object/apply:os.system [id]\n",
    "only-comments.yaml": b"# nothing\n---\n---\n",
    "bom.yaml": b"\xef\xbb\xbf" + GOOD_POD.replace("name: web", "name: bom").encode(),
    "crlf.yaml": GOOD_POD.replace("name: web", "name: crlf").replace("\n", "\r\n").encode(),
    "utf16.yaml": GOOD_POD.replace("name: web", "name: utf16").encode("utf-16"),
    "block.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata:\n  k: |\n    a\n     ---\n    b\n",
    "numbers.yaml": b"1: a\ntrue: b\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, good_dot_yaml=GOOD_POD)
    for name, data in {**HOSTILE, **HARMLESS}.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "directory.yaml").mkdir()
    if sys.platform != "win32":
        (tmp_path / "loop.yaml").symlink_to("loop.yaml")
        (tmp_path / "around").symlink_to(tmp_path)
        os.mkfifo(tmp_path / "pipe.yaml")
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.write(b"a: ")
        file.truncate(100 * 1024 * 1024)
    return tmp_path


def test_a_folder_full_of_it(assay: Assay, folder: Path) -> None:
    ran = assay("scan", *RULE, "--format", "json", cwd=folder, timeout=60)
    assert (ran.code, ran.err) == (3, "")
    assert ran.json["summary"]["byRule"]["container-not-privileged"]["pass"] == 4
    unread = {entry["place"]["file"] for entry in ran.json["unread"]}
    warned = {warning["place"]["file"] for warning in ran.json["warnings"] if warning["place"]}
    assert unread == {*MAY_HIDE_AN_OBJECT, "huge.yaml", "loop.yaml"}
    assert warned == {*HOSTILE, "pipe.yaml"} - MAY_HIDE_AN_OBJECT


def test_a_folder_with_files_that_are_no_yaml(assay: Assay, folder: Path) -> None:
    for name in (*MAY_HIDE_AN_OBJECT, "huge.yaml", "loop.yaml"):
        (folder / name).unlink()
    assert assay("scan", *RULE, cwd=folder, timeout=60).code == 0


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_named_it_is_one_error_with_its_place(assay: Assay, folder: Path, name: str) -> None:
    ran = assay("scan", name, "good.yaml", *RULE, cwd=folder, timeout=20)
    assert ran.code == 3
    assert f"not read {name}:" in ran.out
    assert ran.out.count("not read") == 1
    assert "Traceback" not in ran.out + ran.err
    assert "1 pass" in ran.out


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything; run as another user"
)
def test_a_file_that_may_not_be_read(assay: Assay, folder: Path) -> None:
    (folder / "good.yaml").chmod(0)
    assert assay("scan", "good.yaml", "bom.yaml", *RULE, cwd=folder).code == 3


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that gives an error to root too: Linux")
def test_a_file_that_cannot_be_read(assay: Assay, tmp_path: Path) -> None:
    write(tmp_path, good_dot_yaml=GOOD_POD)
    (tmp_path / "bad.yaml").symlink_to("/proc/self/mem")
    ran = assay("scan", *RULE, cwd=tmp_path)
    assert ran.code == 3
    assert "not read bad.yaml:1: the file cannot be read: Input/output error" in ran.out
    assert "1 pass" in ran.out


TEMPLATES = {
    "nested loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a huge text": "{{ 'a' * 10**9 }}",
    "a huge list": "{{ [0] * 10**10 }}",
    "an include of itself": "{% include 'bad.yaml.j2' %}",
    "an include from outside": "{% include '../good.yaml' %}",
    "an absolute include": "{% include '/etc/passwd' %}",
    "lipsum": "{{ lipsum(1000) }}",
    "the way out of the sandbox": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "no template at all": "{% if %}",
    "YAML that is none": "a: [",
}


@pytest.mark.parametrize("what", TEMPLATES)
def test_hostile_templates(assay: Assay, tmp_path: Path, what: str) -> None:
    write(tmp_path, good_dot_yaml=GOOD_POD, stack__values_dot_yaml="x: 1\n", assay_dot_yaml="limits: {seconds: 2}\n")
    (tmp_path / "stack/bad.yaml.j2").write_text(TEMPLATES[what])
    ran = assay("scan", *RULE, cwd=tmp_path, timeout=60)
    assert ran.code == 3
    assert "not read stack/bad.yaml.j2" in ran.out
    assert "Traceback" not in ran.out + ran.err
    assert "root:" not in ran.out
    assert "1 pass" in ran.out
