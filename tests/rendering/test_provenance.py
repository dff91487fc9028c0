"""Marks: who wrote each value of a rendered text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.model.origin import Route
from assay.rendering.jinja import Marks, Trace
from tests.rendering.conftest import Folder

LEAF = re.compile(r"(?i)^[ -]*(k\d+): (.*?) *$")

VALUES: dict[str, Any] = {
    "name": "web",
    "port": 8080,
    "on": True,
    "ratio": 0.5,
    "map": {"inner": "deep", "flag": False, "other": {"x": 1}},
    "items_": [{"id": "a", "on": True, "n": 1}, {"id": "b", "on": False, "n": 2}],
    "words": ["one", "two"],
    "tree": {"k900": "x", "k901": {"k902": 3, "k903": [{"k904": True}, {"k905": "y z"}]}},
}


def leaves(text: str, marks: Marks) -> list[tuple[str, str, Trace]]:
    """Key, value and trace of each ``k1: value`` line."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        match = LEAF.match(line)
        if match and match[2]:
            found.append((match[1].lower(), match[2], marks.at(number, match.start(2) + 1, number, match.end(2) + 1)))
    return found


def shown(trace: Trace) -> str:
    """``page:3 name,port default ?`` in short."""
    routes = ",".join(".".join(map(str, route)) for route in trace.variables)
    place = f"{trace.file.removesuffix('.j2')}:{trace.line}"
    parts = [place, routes, "default" if trace.default else "", "" if trace.exact else "?"]
    return " ".join(filter(None, parts))


LIBRARY = """\
{% macro leaf(v) %}k1: {{ v }}{% endmacro %}
{% macro two(v) -%}
k1: {{ v }}
k2: lit
{%- endmacro %}
{% macro wrap() %}
k1: in
{{ caller() }}
{% endmacro %}
"""

CONSTRUCTS: list[tuple[str, list[str]]] = [
    ("k1: a\n{# one\ntwo #}k2: b\n", ["page:1", "page:3"]),
    ("k1: {{ name }}\n", ["page:1 name"]),
    (
        "\n\nk1: {{ map.inner }}\nk2: {{ map['inner'] }}\nk3: {{ words[1] }}\n",
        ["page:3 map.inner", "page:4 map.inner", "page:5 words.1"],
    ),
    ('k1: "{{ name }}:{{ port }}"\n', ["page:1 name,port"]),
    ("k1: {{ name ~ ':' ~ port }}\n", ["page:1 name,port"]),
    ("k1: {{ port + 1 }}\nk2: {{ -port }}\n", ["page:1 port", "page:2 port"]),
    ("k1: {{ '%s-%d' | format(name, port) }}\nk2: {{ '%s' % on }}\n", ["page:1 name,port", "page:2 on"]),
    ("k1: {{ on }}\nk2: {{ on | lower }}\nk3: {{ ratio }}\n", ["page:1 on", "page:2 on", "page:3 ratio"]),
    ("k1: {{ 'yes' if on else 'no' }}\n", ["page:1 on"]),
    ("k1: {{ gone | default(3) }}\nk2: {{ name | default(3) }}\n", ["page:1 default", "page:2 name"]),
    ("k1: {{ gone | default(port) }}\n", ["page:1 port default"]),
    ("k1: {{ map.flag | default('x', true) }}\n", ["page:1 default"]),
    ("{% set p = gone | default(80) %}\n\nk1: {{ p }}\nk2: {{ p | int + 1 }}\n", ["page:1 default", "page:1 default"]),
    ("{{ gone | default({'x': {'k2': 1}}) | to_yaml }}\n", ["page:1 default"]),
    ("k1: {{ ((gone | default(name)) ~ (gone | default(port))) | b64encode }}\n", ["page:1 name,port default"]),
    ("{% set s %}a\n{{ name }}{% endset %}\nk1: {{ s | b64encode }}\n", ["page:1 name ?"]),
    ("{% set s %}\nv-{{ name }}{% endset %}\nk1: {{ '{}'.format(s) | trim }}\n", ["page:3 ?"]),
    ("{% set name = 'x' ~ 1 %}{% include 'part.j2' %}", ["part:1", "part:2"]),
    ("{% autoescape true %}k1: {{ name }}\n{% endautoescape %}", ["page:1 ?"]),
    ("{% set a = map %}\nk1: {{ a.inner }}\n", ["page:2 map.inner"]),
    ("{% set name = 'x' %}\nk1: {{ name }}\n", ["page:2"]),
    ("{% with name = port %}k1: {{ name }}{% endwith %}\n", ["page:1 port"]),
    (
        "{% for i in items_ %}\nk1: {{ i.id }}\nk2: {{ i.on }}\n{% endfor %}",
        ["page:2 items_.0.id", "page:3 items_.0.on", "page:2 items_.1.id", "page:3 items_.1.on"],
    ),
    ("{% for i in items_ -%}\n  k1: {{ loop.index }}\n{% endfor %}", ["page:2", "page:2"]),
    ("{% for i in words | sort(reverse=true) %}\n  k1: {{ i }}{% endfor %}", ["page:2 words.1", "page:2 words.0"]),
    ("{% for k, v in map.other.items() %}k1: {{ k }}{{ v }}{% endfor %}", ["page:1 map.other.x"]),
    ("{% import 'lib.j2' as l %}\n{{ l.leaf(name) }}\n", ["lib:1 name"]),
    ("{% from 'lib.j2' import two %}\n{{ two(port) | indent(2) }}\n", ["lib:3 port", "lib:4"]),
    ("{% from 'lib.j2' import two %}{{ two(on) | upper }}\n", ["lib:3 on", "lib:4"]),
    ("{% from 'lib.j2' import wrap %}{% call wrap() %}\nk2: {{ name }}\n{% endcall %}\n", ["lib:7", "page:2 name"]),
    ("{% include 'part.j2' %}\nk2: b\n", ["part:1", "part:2 name", "page:2"]),
    (
        "{% extends 'base.j2' %}\n{% block b %}{{ super() }}\nk3: {{ port }}\n{% endblock %}\n",
        ["base:1", "base:3", "page:3 port", "base:5"],
    ),
    ("{% set s %}k1: a\nk2: {{ name }}{% endset %}\n\n{{ s }}\n", ["page:1", "page:2 name"]),
    ("{% set s %}\n  k1: a\n  k2: {{ name }}\n{% endset %}{{ s | trim }}\n", ["page:2", "page:3 name"]),
    (
        "{% set s %}v-{{ name }}{% endset %}\nk1: {{ s }}\nk2: {{ s | quote }}\nk3: x{{ s | b64encode }}\n",
        ["page:1 name", "page:1 name", "page:4 name ?"],
    ),
    ("{% filter indent(4) %}\nk1: a\n\nk2: {{ name }}\n{% endfilter %}\n", ["page:2", "page:4 name"]),
    ("{% filter upper %}k1: a\nk2: {{ name }}{% endfilter %}\n", ["page:1", "page:2 name"]),
    ("{% filter replace('lit', 'tip') %}k1: lit\nk2: {{ name }}\n{% endfilter %}\n", ["page:1", "page:2 name"]),
    ("{% raw %}k1: {{ x }}\nk2: y{% endraw %}\n", ["page:1", "page:2"]),
    (
        "a:\n  {{ tree | to_yaml | indent(2) }}\n",
        ["page:2 tree.k900", "page:2 tree.k901.k902", "page:2 tree.k901.k903.0.k904", "page:2 tree.k901.k903.1.k905"],
    ),
    (
        "k1: {{ words | join(',') }}\nk2: {{ items_ | map(attribute='id') | join('-') }}\n",
        ["page:1 words.0,words.1", "page:2 items_.0.id,items_.1.id"],
    ),
    ("k1: {{ items_ | selectattr('on') | map(attribute='n') | first }}\n", ["page:1 items_.0.n"]),
    (
        "{% set ns = namespace(v=1) %}{% for w in words %}{% set ns.v = w %}{% endfor %}\nk1: {{ ns.v }}\n",
        ["page:2 words.1"],
    ),
    (
        "{% if on is true and on is boolean and port is integer and port is not boolean %}k1: {{ port }}{% endif %}\n",
        ["page:1 port"],
    ),
    (
        "k1: {{ name.upper().replace('W', 'V') }}\nk2: {{ 'a/b'.split('/')[1] }}{{ name.split('e')[0] }}\n",
        ["page:1 name", "page:2 name"],
    ),
    ("k1: {{ name\n   | upper }}\nk2: {{\n name }}\n", ["page:1 name", "page:3 name"]),
    ("x: 1\r\nk1: {{ name }}\r\nk2: é{{ port }}\r\n", ["page:2 name", "page:3 port"]),
    ("{% set s %}\nk1: a\n{% endset %}{% if s | length == 7 and s.strip() == 'k1: a' %}{{ s }}{% endif %}", ["page:2"]),
]


def write_library(folder: Folder) -> None:
    folder.write(
        lib=LIBRARY,
        part="k1: inc\nk2: {{ name }}\n",
        base="k1: base\n{% block b %}\nk2: block\n{% endblock %}\nk9: end\n",
    )


@pytest.mark.parametrize(("source", "expected"), CONSTRUCTS)
def test_each_construct_names_the_line_that_wrote_it(folder: Folder, source: str, expected: list[str]) -> None:
    write_library(folder)
    text, marks = folder.marked(source, VALUES)
    found = [shown(trace) for _, _, trace in leaves(text, marks)]
    # Leaves without expectation would hide a construct that rendered nothing.
    assert found == expected


def test_columns_are_those_of_the_tag_or_of_the_characters(folder: Folder) -> None:
    text, marks = folder.marked("a: plain text\nb: x{{ name }}y\nc:\n    d: {{ gone | default(1) }}\n", VALUES)
    assert text == "a: plain text\nb: xweby\nc:\n    d: 1\n"

    def at(*span: int) -> tuple[int, int, int, int]:
        trace = marks.at(*span)
        return trace.line, trace.column, trace.end_line, trace.end_column

    assert at(1, 4, 1, 14) == (1, 4, 1, 14)
    assert at(1, 10, 1, 14) == (1, 10, 1, 14)
    assert at(2, 5, 2, 8) == (2, 5, 2, 15)
    assert at(2, 4, 2, 9) == (2, 4, 2, 16)
    assert at(4, 8, 4, 9) == (4, 8, 4, 31)


def test_text_over_several_lines_names_all_of_them(folder: Folder) -> None:
    _, marks = folder.marked("a: |\n  one\n  two\nb: 1\n")
    trace = marks.at(1, 4, 4, 1)
    assert (trace.line, trace.end_line, trace.exact) == (1, 3, True)


def test_a_value_of_two_templates_is_not_exact(folder: Folder) -> None:
    write_library(folder)
    text, marks = folder.marked("{% from 'lib.j2' import leaf %}\nk1: {{ name }}-{{ leaf(port) }}\n", VALUES)
    assert [shown(trace) for _, _, trace in leaves(text, marks)] == ["page:2 name,port ?"]


@pytest.mark.parametrize("instead", ["abc", "longer", "", "w"])
def test_where_the_second_rendering_differs_nothing_is_exact(folder: Folder, instead: str) -> None:
    source = "k1: a\nk2: {{ name }}\nk3: c\n"
    text = folder.render(source, VALUES)
    truth = text.replace("k2: web", f"k2: -{instead}")
    marks = folder.renderer.mark(folder.root, "page.j2", VALUES, truth)
    found = [trace for _, _, trace in leaves(truth, marks)]
    assert [trace.exact for trace in found] == [True, False, True]
    assert [trace.line for trace in (found[0], found[2])] == [1, 3]


# --- random templates from known pieces ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """What a leaf must trace to."""

    key: str
    file: str
    line: int
    routes: tuple[Route, ...] = ()
    default: bool = False


Run = Callable[[int], list[Expected]]  # what a piece renders in the n-th round of the loop around it


class Template:
    """A template that is written piece by piece, so that each piece knows its line."""

    def __init__(self, name: str, book: Book) -> None:
        self.name = name
        self.text = ""
        self.book = book
        book.templates.append(self)

    def put(self, text: str) -> int:
        """Add text; its line."""
        line = self.text.count("\n") + 1
        self.text += text
        return line

    def leaf(self, text: str, *routes: Any, default: bool = False, end: str = "\n") -> Run:
        """A ``key: text`` line; a route that is a function is asked for each round."""
        key = self.book.key()
        line = self.put(f"{key}: {text}{end}")

        def run(turn: int) -> list[Expected]:
            made = tuple(route(turn) if callable(route) else route for route in routes)
            return [Expected(key, f"{self.name}.j2", line, made, default)]

        return run


class Book:
    """All templates of one example, and the draws that make them."""

    def __init__(self, draw: st.DataObject) -> None:
        self.draw = draw
        self.templates: list[Template] = []
        self.numbers = 0

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def key(self) -> str:
        return f"k{self.number()}"

    def one_of(self, *choices: Any) -> Any:
        return self.draw.draw(st.sampled_from(choices))


def simple(at: Template, in_loop: bool) -> Run:
    """One leaf."""
    name, route = at.book.one_of(("name", ("name",)), ("map.inner", ("map", "inner")), ("words[0]", ("words", 0)))
    number = at.book.number()
    choices: list[tuple[str, tuple[Any, ...]]] = [
        ("lit", ()),
        (f"{{{{ {name} }}}}", (route,)),
        (f'"{{{{ {name} }}}}"', (route,)),
        *((f"{{{{ {name} | {how} }}}}", (route,)) for how in ("quote", "upper", "trim", "b64encode", "default('x')")),
        (f"{{{{ nope{number} | default(5) }}}}", ()),
        (f"{{{{ {name} ~ '-' ~ port }}}}", (route, ("port",))),
        (f"a-{{{{ {name}\n  | upper }}}}", (route,)),
        (f"{{% set v{number} = {name} %}}{{{{ v{number} }}}}", (route,)),
        ("{{ on }}", (("on",),)),
        ("{% raw %}{{ raw }}{% endraw %}", ()),
    ]
    if in_loop:
        choices += [
            ("{{ item.id }}", (lambda turn: ("items_", turn, "id"),)),
            ("{{ item.on | lower }}", (lambda turn: ("items_", turn, "on"),)),
            ("{{ item['n'] + 1 }}", (lambda turn: ("items_", turn, "n"),)),
        ]
    text, routes = at.book.one_of(*choices)
    return at.leaf(text, *routes, default="nope" in text)


def several(at: Template, depth: int, in_loop: bool) -> Run:
    """Some pieces one after the other."""
    runs = [piece(at, depth, in_loop) for _ in range(at.book.one_of(1, 2, 3))]
    return lambda turn: [found for run in runs for found in run(turn)]


def piece(at: Template, depth: int, in_loop: bool) -> Run:
    """A leaf, or a construct around pieces."""
    if depth == 0:
        return simple(at, in_loop)
    constructs = (loop, macro, include, captured, filtered, commented, condition, called)
    construct = at.book.one_of(None, None, *constructs)
    return simple(at, in_loop) if construct is None else construct(at, depth, in_loop)


def loop(at: Template, depth: int, in_loop: bool) -> Run:
    if in_loop:
        return condition(at, depth, in_loop)
    start, end = at.book.one_of(("% for", "{%"), ("% for", "{%"), ("%- for", "{%-"))
    after = at.book.one_of("", "-") if end == "{%" else ""
    start, end = f"{{{start} item in items_ {after}%}}", f"{end} endfor %}}"
    at.put(f"\n{start}\n")
    body = several(at, depth - 1, in_loop=True)
    at.put(f"{end}\n")
    return lambda _turn: [found for number in range(2) for found in body(number)]


def macro(at: Template, depth: int, in_loop: bool) -> Run:
    """A macro with a parameter, here or in a file of its own, called plainly or through a filter."""
    name = f"m{at.book.number()}"
    home = Template(name, at.book) if at.book.one_of(False, True) else at
    home.put(f"{{% macro {name}(arg) {at.book.one_of('', '-')}%}}\n")
    first = home.leaf("{{ arg }}", ("port",))
    second = several(home, depth - 1, in_loop=False) if home is at else simple(home, in_loop=False)
    home.put("{% endmacro %}\n")
    if home is not at:
        at.put(f"{{% from '{name}.j2' import {name} with context %}}\n")
    after = at.book.one_of("", " | indent(2)", " | trim", " | upper", " | replace('lit', 'tip')")
    at.put(f"{{{{ {name}(port){after} }}}}\n")
    return lambda turn: first(turn) + second(turn)


def include(at: Template, depth: int, in_loop: bool) -> Run:
    name = f"i{at.book.number()}"
    body = several(Template(name, at.book), depth - 1, in_loop)
    at.put(f"{{% include '{name}.j2' %}}\n")
    return body


def captured(at: Template, depth: int, in_loop: bool) -> Run:
    name = f"s{at.book.number()}"
    at.put(f"{{% set {name} {at.book.one_of('', '-')}%}}\n")
    body = several(at, depth - 1, in_loop)
    at.put(f"{{% endset %}}\n{{{{ {name}{at.book.one_of('', ' | indent(4)', ' | trim', ' | upper', ' ~ name')} }}}}\n")
    return body


def filtered(at: Template, depth: int, in_loop: bool) -> Run:
    at.put(f"{{% filter {at.book.one_of('indent(2)', 'indent(3, true)', 'upper', 'trim', 'lower')} %}}\n")
    body = several(at, depth - 1, in_loop)
    at.put("{% endfilter %}\n")
    return body


def commented(at: Template, depth: int, in_loop: bool) -> Run:
    at.put(at.book.one_of("{# note #}\n", "{# two\nlines #}", "\n{#- strip\n#}\n"))
    return piece(at, depth - 1, in_loop)


def condition(at: Template, depth: int, in_loop: bool) -> Run:
    at.put(
        at.book.one_of(
            "{% if on %}\n", "{% if on -%}\n  ", "{% if port == 8080 %}\n", "{% if nope is defined %}{% else %}\n"
        )
    )
    body = several(at, depth - 1, in_loop)
    at.put("{% endif %}\n")
    return body


def called(at: Template, depth: int, in_loop: bool) -> Run:
    name = f"c{at.book.number()}"
    at.put(f"{{% macro {name}() %}}\n")
    first = at.leaf("lit")
    at.put("{{ caller() }}\n")
    last = at.leaf("{{ name }}", ("name",))
    at.put(f"{{% endmacro %}}\n{{% call {name}() %}}\n")
    body = several(at, depth - 1, in_loop)
    at.put("{% endcall %}\n")
    return lambda turn: first(turn) + body(turn) + last(turn)


def page(book: Book) -> Run:
    """A whole template, sometimes a child that fills the block of a parent."""
    at = Template("page", book)
    if book.one_of(True, True, False):
        return several(at, 3, in_loop=False)
    parent = Template("parent", book)
    before = parent.leaf("lit")
    parent.put("{% block b %}\n")
    inner = simple(parent, in_loop=False)
    parent.put("{% endblock %}\n")
    after = simple(parent, in_loop=False)
    at.put("{% extends 'parent.j2' %}\n{% block b %}\n{{ super() }}\n")
    body = several(at, 2, in_loop=False)
    at.put("{% endblock %}\n")
    return lambda turn: before(turn) + inner(turn) + body(turn) + after(turn)


def wrongs(expected: Expected, trace: Trace, lines: dict[str, str]) -> list[str]:
    """What an exact trace says that is not so."""
    found = []
    if (trace.file, trace.line) != (expected.file, expected.line):
        found.append(f"{trace.file}:{trace.line}")
    if trace.variables != expected.routes:
        found.append(f"variables {trace.variables}")
    if trace.default != expected.default:
        found.append(f"default {trace.default}")
    return [f"{expected}: {', '.join(found)}\n{lines[expected.file]}"] if found else []


def test_random_templates_are_traced_exactly_and_never_wrongly(folder: Folder) -> None:
    exact = total = 0

    @settings(
        max_examples=150,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.data())
    def run(data: st.DataObject) -> None:
        nonlocal exact, total
        book = Book(data)
        expected = page(book)(0)
        sources = {f"{template.name}.j2": template.text for template in book.templates}
        folder.write(**{template.name: template.text for template in book.templates})
        text, marks = folder.marked(sources["page.j2"], VALUES)
        found = leaves(text, marks)
        assert [key for key, _, _ in found] == [leaf.key for leaf in expected], (text, sources)
        total += len(found)
        for leaf, (_, _, trace) in zip(expected, found, strict=True):
            exact += trace.exact
            assert not trace.exact or not wrongs(leaf, trace, sources)

    run()
    print(f"exact: {exact} of {total} leaves")  # noqa: T201 - the figure that this test is for
    assert total > 500
    assert exact >= 0.95 * total
