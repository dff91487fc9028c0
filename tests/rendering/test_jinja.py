from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from assay.errors import RenderError
from assay.rendering.jinja import Limits, Renderer
from tests.rendering.conftest import Folder


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a: {{ name }}\n", "a: web\n"),
        ("{% for p in ports %}{{ p }},{% endfor %}", "80,443,"),
        ("{% for p in ports -%}\n  {{ p }}\n{% endfor %}", "80\n443\n"),
        ("{{ missing | default(3) }}", "3"),
        ("{{ deep.not.there | default('x') }}", "x"),
        ("{% if missing is defined %}a{% else %}b{% endif %}", "b"),
        ("{{ 'a: b' | quote }}", '"a: b"'),
        ("{{ 'say \"hi\"\\n' | quote }}", '"say \\"hi\\"\\n"'),
        ("{{ 'hällo' | b64encode }}", "aMOkbGxv"),
        ("{{ 'aMOkbGxv' | b64decode }}", "hällo"),
        ("{{ map | to_json }}", '{"z": 1, "a": [true, null]}'),
        ("{{ map | to_yaml }}", "z: 1\na:\n- true\n- null"),
        ("{{ name | to_yaml }}", "web"),
        ("{{ map | tojson }}", '{"a": [true, null], "z": 1}'),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{% set x = 1 %}{{ x }}{# c #}\r\n", "1\n"),
        ("{% for p in ports %}{% if loop.first %}{% continue %}{% endif %}{{ p }}{% endfor %}", "443"),
        ("{{ '10' | int + 5 }}{{ 'ab' * 2 }}{{ 2 ** 3 }}", "15abab8"),
    ],
)
def test_what_templates_use(folder: Folder, source: str, expected: str) -> None:
    values = {"name": "web", "ports": [80, 443], "map": {"z": 1, "a": [True, None]}, "deep": {}}
    assert folder.render(source, values) == expected


def test_to_yaml_gives_back_what_it_was_given(folder: Folder) -> None:
    value = {"s": "yes", "n": "1", "m": "a\nb\n", "e": {}, "l": [[], {"x": "y: z"}], "long": "word " * 60}
    text = folder.render("v:\n  {{ v | to_yaml | indent(2) }}\n", {"v": value})
    assert yaml.safe_load(text) == {"v": value}


def test_includes_imports_and_inheritance_name_every_file(folder: Folder) -> None:
    folder.write(
        base="top: {% block b %}base{% endblock %}\n",
        part="inc: {{ name }}\n",
        lib="{% macro m(x) %}mac: {{ x }}{% endmacro %}",
        page="",
    )
    source = (
        "{% extends 'base.j2' %}{% import 'lib.j2' as lib %}"
        "{% block b %}{{ super() }}\n{% include 'part.j2' %}{{ lib.m(1) }}{% endblock %}"
    )
    rendered = folder.rendered(source, {"name": "web"})
    assert rendered.text == "top: base\ninc: web\nmac: 1\n"
    assert rendered.files[0] == "page.j2"
    assert set(rendered.files) == {"page.j2", "base.j2", "part.j2", "lib.j2"}


def failure(folder: Folder, source: str, values: dict[str, Any] | None = None) -> RenderError:
    with pytest.raises(RenderError) as raised:
        folder.render(source, values)
    return raised.value


def test_every_undefined_variable_is_listed_once_with_each_use(folder: Folder) -> None:
    folder.write(part="\n{{ b.c.d }}\n")
    source = (
        "{{ a }}\n{% if q is defined or (q | default(1)) == 2 %}{% endif %}\n"
        "{% for x in items %}{{ x.port }}{% endfor %}\n"
        "{% include 'part.j2' %}{% if a %}{% endif %}{{ b.c.d | upper }}{{ known.not | to_yaml }}"
    )
    error = failure(folder, source, {"items": [{"port": 1}, {}], "known": {"a": 1}})
    assert str(error.what) == (
        "4 variables are not defined: a (page.j2:1, page.j2:4), items[1].port (page.j2:3), "
        "b.c.d (part.j2:2, page.j2:4), known.not (page.j2:4)"
    )
    assert error.where == "page.j2:1"
    assert "values.yaml" in error.todo


def test_one_undefined_variable_that_breaks_an_expression_is_still_named(folder: Folder) -> None:
    error = failure(folder, "\n{{ [1, 2][first] + 'x' }}")
    assert error.what == "1 variable is not defined: first (page.j2:2)"


def test_a_name_that_comes_from_a_value_is_not_shown(folder: Folder) -> None:
    values = {"map": {}, "secret": "hunter2"}
    assert failure(folder, "{{ map[secret] }}", values).what == "1 variable is not defined: map.… (page.j2:1)"
    assert failure(folder, "{% include secret %}", values).what == "the template '…' does not exist"
    assert "hunter2" not in str(failure(folder, "{% include '../' ~ secret %}", values))


@pytest.mark.parametrize(
    ("source", "what", "where"),
    [
        ("a\n{{ ''.__class__.__mro__ }}", "sandbox", "page.j2:2"),
        ("{{ ports.append(1) }}", "sandbox", "page.j2:1"),
        ("\n{% include '/etc/passwd' %}", "outside their root", "page.j2:2"),
        ("{% include '../secret.j2' %}", "outside their root", "page.j2:1"),
        ("{% include 'a/../../secret.j2' %}", "outside their root", "page.j2:1"),
        ("{% include '..\\\\secret.j2' %}", "outside their root", "page.j2:1"),
        ("{% import 'link.j2' as l %}", "outside their root", "page.j2:1"),
        ("{% include 'out/secret.j2' ignore missing %}", "outside their root", "page.j2:1"),
        ("{% include 'nowhere.j2' %}", "'nowhere.j2' does not exist", "page.j2:1"),
        ("{{ lipsum() }}", "`lipsum` is not available", "page.j2:1"),
        ("{{ ports | random }}", "`random` is not available", "page.j2:1"),
        ("{{ 'a' * 10**9 }}", "multiplication", "page.j2:1"),
        ("{{ [0] * 10**9 }}", "multiplication", "page.j2:1"),
        ("{{ 2 ** 9999 }}", "power", "page.j2:1"),
        ("{{ range(10**9) | length }}", "range", "page.j2:1"),
        ("{% include 'page.j2' %}", "page.j2 → page.j2", "page.j2:1"),
        ("{% include 'ping.j2' %}", "ping.j2 → pong.j2 → ping.j2", "page.j2:1"),
        ("{% macro m() %}{{ m() }}{% endmacro %}\n{{ m() }}", "without end", "page.j2:1"),
        ("\n{% if %}", "Expected an expression", "page.j2:2"),
        ("{{ 1 | nofilter }}", "nofilter", "page.j2:1"),
        ("{{ secret | int + secret }}", "cannot be evaluated (TypeError)", "page.j2:1"),
        ("{{ secret | b64decode }}", "cannot be evaluated", "page.j2:1"),
        ("{{ 1 / 0 }}", "cannot be evaluated (ZeroDivisionError)", "page.j2:1"),
        ("{{ " + "(" * 400 + "1" + ")" * 400 + " }}", "nested too deep", "page.j2"),
    ],
)
def test_what_a_template_may_not_do(folder: Folder, source: str, what: str, where: str) -> None:
    outside = folder.root.parent / f"{folder.root.name}-outside"
    outside.mkdir()
    (outside / "secret.j2").write_text("hidden")
    (folder.root / "link.j2").symlink_to(outside / "secret.j2")
    (folder.root / "out").symlink_to(outside)
    folder.write(ping="{% include 'pong.j2' %}", pong="{% include 'ping.j2' %}")
    error = failure(folder, source, {"ports": [1], "secret": "hunter2!"})
    assert what in error.what
    assert error.where == where
    assert "hunter2" not in str(error)
    assert "hidden" not in str(error)


def test_a_link_inside_the_root_is_followed(folder: Folder) -> None:
    folder.write(real="yes")
    (folder.root / "link.j2").symlink_to(folder.root / "real.j2")
    assert folder.render("{% include 'link.j2' %}") == "yes"


def test_limits_end_a_rendering_and_the_next_one_works(folder: Folder) -> None:
    loops = "{% for a in range(99999) %}{% for b in range(99999) %}%s{% endfor %}{% endfor %}"
    with Renderer(Limits(seconds=1, memory_mb=300, output_mb=1)) as renderer:
        small = Folder(folder.root, renderer)
        assert small.render("ok") == "ok"
        began = time.monotonic()
        assert "longer than 1 s" in failure(small, loops.replace("%s", "")).what
        assert time.monotonic() - began < 4
        assert "more than 1 MB of text" in failure(small, loops.replace("%s", "0123456789")).what
        inside = "{% set x %}" + loops.replace("%s", "0123456789") + "{% endset %}"
        # Which limit ends it depends on the machine.
        what = failure(small, inside).what
        assert "more than" in what or "longer than" in what or "ran out" in what
        assert small.render("still ok") == "still ok"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process for certain")
def test_memory_is_bounded(folder: Folder) -> None:
    with Renderer(Limits(seconds=10, memory_mb=300)) as renderer:
        small = Folder(folder.root, renderer)
        assert "300 MB of memory" in failure(small, "{{ 'x'.center(10**9) }}").what
        assert small.render("ok") == "ok"


def test_a_template_that_is_no_text_or_not_there(folder: Folder) -> None:
    (folder.root / "latin.j2").write_bytes(b"a: \xff\n")
    with pytest.raises(RenderError, match="not valid UTF-8") as raised:
        folder.renderer.render(folder.root, "latin.j2", {})
    assert raised.value.where == "latin.j2"
    with pytest.raises(RenderError, match="does not exist"):
        folder.renderer.render(folder.root, "none.j2", {})


def test_values_reach_the_template_whatever_they_hold(folder: Folder) -> None:
    value = "ü \U0001f600 \x00 " + json.dumps("x" * 100_000)
    assert folder.render("{{ v }}", {"v": value}) == value


def test_the_same_values_give_the_same_text(folder: Folder) -> None:
    source = "{{ d | to_yaml }}{{ d }}{{ d | tojson }}"
    values = {"d": {f"key{i}": i for i in range(50)}}
    with Renderer() as other:
        assert folder.render(source, values) == Folder(folder.root, other).render(source, values)


def test_modules_in_the_working_folder_are_not_run(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("jinja2", "yaml", "json"):
        (folder.root / f"{name}.py").write_text("raise SystemExit('run')\n")
    monkeypatch.chdir(folder.root)
    with Renderer() as renderer:
        assert Folder(folder.root, renderer).render("{{ [1] | to_yaml }}") == "- 1"


def test_the_process_ends_with_its_renderer(tmp_path: Path) -> None:
    (tmp_path / "a.j2").write_text("a")
    script = (
        "import sys, pathlib, threading\n"
        "from assay.rendering.jinja import Renderer\n"
        "with Renderer() as r:\n"
        "    r.render(pathlib.Path(sys.argv[1]), 'a.j2', {})\n"
        "    assert threading.active_count() == 2\n"
        "print(threading.active_count())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, tmp_path], check=False, capture_output=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr, done.returncode) == (b"1", b"", 0)
