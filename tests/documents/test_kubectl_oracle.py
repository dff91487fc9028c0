"""Assay and kubectl must understand the same: written cases, and cases made by hypothesis.

One kubectl call reads a folder of several hundred files, each of them one case. Every object of a case has the
case's name, written ``NAME`` below.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.documents import Problem, decode, read_documents

KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="kubectl is the oracle and is not installed")

HEAD = "apiVersion: e/v1\nkind: X\nmetadata: {name: NAME}\n"
JSON_HEAD = '{"apiVersion": "e/v1", "kind": "X", "metadata": {"name": "NAME"}'
REFUSED = "refused"

WORDS = """
1 0 -1 +1 -0 +0 00 000 007 017 -017 +017 08 09 018 0o17 0O17 0o8 0o -0o17 +0o7 0x1F 0X1f 0xZZ 0x -0x1f +0x1f
0b101 0B11
0b2 0b -0b101 0b-1 0b+1 -0b-1 -0b+1 1_000 1__0 _1 1_ 0_8 0x_f 0_x1 1_0.5 1e_3 1e3 1E3 1e+3 1e-3 1E-3 1e 1e+ e3
1.e3 1.
.5 .5e3 .5e+3 .5_0 . .. ... .e3 +.5 -.5 +. -. + - 5. 5.0 5.5 -5.5 +5.5 0. -0. -0.0 0.0 0e0 0.1 1.2.3 1.10 1e400
-1e400
1e-400 1e308 1.7976931348623157e308 1e309 12e03 012.5 0012 1e21 1e20 1e19 1e18 1.5e300 123456789.123456789
9007199254740993
9007199254740993.0 72057594037927936.0 9223372036854775807 9223372036854775808 -9223372036854775808
-9223372036854775809
+9223372036854775807 +9223372036854775808 18446744073709551615 18446744073709551616 9223372036854775807.0
123456789012345678901234567890 0xFFFFFFFFFFFFFFFF 0xFFFFFFFFFFFFFFFFF -0xFFFFFFFFFFFFFFFF 0x8000000000000000
-0x8000000000000000 0777777777777777777777777 0b1111111111111111111111111111111111111111111111111111111111111111
0x1p3 0x1.8p1 1p3 1f 1L 1d 1k 1Ki 100m 0.5Gi 1:30 1:30:45 12:30:45.5 190:20:30 22:22 1:60 -1:30 1,000 1,5 $1 1%
%1 1-2 1/2
y Y n N yes Yes YES yEs no No NO nO on On ON oN off Off OFF oFF true True TRUE tRue false False FALSE fAlse t f
T F
null Null NULL nUll ~ ~~ nil none None undefined nan NaN NAN .nanx inf Inf infinity +inf .infx +.inf2 .Inf2
-.Infx
= == << <<< < > ! !! !a & * @ ` # ## a#b a:b a: :a :: ? ?a -a --a a- a? [] {} [ ] { } , a,b | |- > >+ " ' "" ''
"1" '1' "y" 'null'
"~" '~' "true" '\\n' "\\n" "\\t" "\\0" "\\a" "\\b" "\\e" "\\f" "\\r" "\\v" "\\N" "\\_" "\\L" "\\P" "\\x41"
"\\u00e9" "\\U0001F600"
"\\ud800" "\\q" "\\/" "\\\\" "\\"" 'it''s' "a'b" 'a"b' "\\x4" "\\u12"
2020-01-01 2020-1-1 2020-01-01T00:00:00Z 2001-12-14t21:59:43.10-05:00 2020-13-45 2020-01 2020- 20200101
01-01-2020
1.2 1.20 v1 1.27.3 10.0.0.0/8 ::1 fe80::1 a/b a_b a.b a=b =a a&b a*b a!b a|b a>b a%b a@b a`b é ü 日本 😀 “x” \u00a0
\u200b
!!str !!int !!null !!bool !!float !!map !!seq {{x}} {{ {a} {a:1} {a,b} [a] [1,y,~] [,] {,} [a,] {a,} [[]] {a:}
{"a":1} {'a':y}
"""
SCALARS = WORDS.split()

# fmt: off
VALUES = [
    "", "a b", "a  b", "a #b", "'#'", "!!str 12", "!!str yes", "!!str ~", "!!int '12'", "!!int abc", "!!int 1.5",
    "!!int ''", "!!float 12", "!!float 0x10", "!!float abc", "!!float .5", "!!float '1e3'", "!!bool 'yes'",
    "!!bool 1", "!!bool maybe", "!!null ''", "!!null x", "!!null ~", "!!timestamp 2020-01-01", "!!binary aGVsbG8=",
    "!!binary 'a b'", "!!binary /w==", "!!binary aGVsbG8", "!!binary |\n  aGVs\n  bG8=", "!!binary ''", "!foo 12",
    "!foo {a: b}", "!foo [a]", "!foo ''", "! 12", "! '12'", "! ''", "&a ! 12", "! &a 12", "!!merge <<",
    "!<tag:yaml.org,2002:int> 3", "!<!x> 3", "!e!x b", "!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]",
    "!!str {a: b}", "!!map [a]", "!!seq {a: b}", "!!python/object:os.system x", "!!foo 1", "!!js/function x",
    "{1: a}", "{true: a, no: b}", "{1.5: a}", "{~: a}", "{null: a}", "{0x10: a}", "{1e3: a}", "{-0: a}", "{0.1: a}",
    "{1e-5: a}", "{16777217.0: a}", "{123456.0: a}", "{1234567.0: a}", "{100000.0: a}", "{1000000.0: a}",
    "{1.23456789: a}", "{1e21: a}", "{1e22: a}", "{0.0001: a}", "{0.00001: a}", "{1e39: a}", "{-1e39: a}",
    "{.inf: a}", "{-.inf: a}", "{.nan: a}", "{2020-01-01: a}", "{18446744073709551615: a}",
    "{9223372036854775807: a}", "{-9223372036854775808: a}", "{? [a]: 1}", "{? {a: b}: 1}", "{[a]: 1}",
    "{!!str 1: a}", "{!!int '1': a}", "{'<<': {a: 1}}", "{<<: {a: 1}}", "{<<: [{a: 1}, {a: 2, b: 2}]}", "{<<: 3}",
    "{<<: ~}", "{<<: []}", "{<<: [3]}", "{a: 0, <<: {a: 1}}", "{<<: {a: 1}, a: 0}", "{<<: {a: 1}, <<: {a: 2}}",
    "{<<: {<<: {a: 1}, b: 2}}", "{a: <<}", "[<<]", "{!!merge <<: {a: 1}}", "{<<: {1: a}}", "[! <<]",
    "{! <<: {a: 1}}", "{! '<<': {a: 1}}", "{!!str <<: {a: 1}}", "{&a <<: {a: 1}}", "{<<: {~: a}}",
    "<<: {a: 1}", ".inf", "-.inf", ".nan", ".NaN", "[.inf]", "{a: .inf}", "!!float .inf", "[1, 2", "{a: 1", "[a]]",
    "}", "'a", '"a', "a: b", "- a", "[a: b]", "[a: b, c: d]", "[? a : b]", "[a, , b]", "{a: , b: }", "{a b: c}",
    "{a: b:c}", "{a:b}", "{a: {b: {c: [1, [2, {d: ~}]]}}}", "['a','b']", '["a","b"]', '{"a":1,"b":[true,null]}',
    "[a,b]", "[a , b ]", "[\n  a,\n  b\n ]", "{\n  a: 1,\n  b: 2\n }", "[a, # c\n  b]", "{a: 1 # c\n  }", "[\ta]",
    "a\tb", "\ta", "a\t", "a\t# c", "'a\n\n  b'", "'a\n\tb'", '"a\n  b"', '"a\\\n  b"', '"a \\\n  \\ b"',
    '"a\n\n\n  b"', "a\n b", "a\n  b\n\n  c", "a\n #b", "a\n # b\n c", "a\nb", "'a\nb'", "- a\n- b", "\n- a\n- b",
    "\n  - a\n  - b", "\n  - a\n - b", "\n - - a\n   - b\n - c", "\n- - - a", "\n-\n  a", "\n-", "\n- \n- ~", "\n-a",
    "\n- a: 1\n  b: 2", "\n- a: 1\n   b: 2", "\n- a: 1\n b: 2", "\n  a: 1\n  b: 2", "\n  a: 1\n b: 2",
    "\n a: 1\n  b: 2", "\n  a:\n    b:\n  c:", "\n  a: b: c", "\n  ? a\n  : b", "\n  ? a\n  ? b", "\n  ? - a\n  : b",
    "\n  ? |\n    a\n  : b", "\n  : b", "\n  'a': 1\n  \"b\": 2", "\n  'a':1", "\n  a : 1", "\n  a:1",
    "\n  a:\n  - 1\n  - 2", "\n  a: - 1", "\n\ta: 1", "\n  a: 1\n\tb: 2", "\n  a:\t1", "\n  a: 1\t", "\n  - a\t- b",
    "\n  -\ta", "\n  -\ta: b", "|\n  a\n  b", "|\n  a\n\n  b\n\n", "|-\n  a\n\n", "|+\n  a\n\n", "|+\n  a", "|",
    "|\n", "|\n\n\n", "|-", "|+\n\n", "|2\n   a", "|2-\n   a", "|-2\n   a", "|1\n  a", "|0\n  a", "|10\n  a",
    "|3\n  a", "|a\n  b", "| # c\n  a", "|# c\n  a", "|\n  a\n b", "|\n   a\n  b", "|\n    a\n   b\n  c",
    "|\n\n   \n  a", "|\n\n \n  a", "|\n  a\n  # b\n", "|\n  a\n # b\n", "|\n  a\n# b\n", "|\n\ta", "|\n  \ta",
    "|\n  a\t\n", "|\n  a: b\n   c: d", "|\n a\n  ---\n b", "|\n a\n  ...\n b", ">\n  a\n  b", ">\n  a\n\n  b",
    ">\n  a\n   b\n  c", ">-\n  a\n  b\n", ">+\n  a\n\n", ">\n\n  a\n", ">\n  a\n\n\n   b\n\n  c\n", ">2\n   a\n  b",
    ">\n  a \n  b", ">\n  - a\n  - b", ">", ">-\n\n  a", "&a x", "&a", "*a", "&a [*a]", "[&a 1, *a]",
    "[&a {x: 1}, *a, {<<: *a, y: 2}]", "[&a [1], {<<: *a}]", "[&a [{x: 1}], {<<: *a}]",
    "[&a {x: 1}, {<<: [*a, {y: 2}]}]", "[&a k, {*a : v}]", "[&a [k], {*a : v}]", "[&a 1, &a 2, *a]",
    "[&a 1, [&a [*a]]]", "{&a k: v, z: *a}", "{&a 1: v, z: *a}", "[&a ~, *a]", "[&a <<, {*a : {x: 1}}]", "[&a , *a]",
    "&a *b", "& a", "&a&b c", "&a:b c", "[&a-b 1, *a-b]", "[&é 1]", "[&a.b 1, *a.b]", "'", '"', "'a''b'", "''''",
    '"\\x00"', '"\\U00110000"', '"\\uD83D\\uDE00"', '"a\\\tb"', "@a", "`a", "%a", "a%", "a @b", "-", "- ", "--",
    "---", "--- a", "?", "? a", ":", ": a", "a:", "!", "!!", "!a", "!a!", "&", "*", "a\u2028b", "'a\u2028b'",
    "a\u0085b", "'a\u0085b'", "a\u00a0b", "\u00a0", "\ufeff", "'\ufeff'", "\x7f", "\x07", "\x1b[0m", "\ufffe",
    "\ud7ff", "a\x00b", "'\t'", "\x0b", "\x0c", "a\x0cb", "a\rb", "a\r\nb: c", "|\r\n  a\r\n  b\r\n", "'a\r\n  b'",
    '"\\\r\n  a"', "a # é", "# only", "~ # c", "'a' # c", "'a'# c", "'a'b", "[a]b", "{a: b}c", "[a] # c", "{? a}",
    "{? a, b}", "{: b}", "{a: [}", "[{]", "{'a' : 1}", "{'a': 1, a: 2, b}", "[a\n  b, c]", "[-1, - 1]", "[- a]",
    "{- a}", "[|\n a]", "{a: |\n b}", "[#a\n]", "[a#b]", "[a #b\n]", "[a:b]", "[:a]", "[::a]", "{a: :b}", "[a?]",
    "[?a]", "[? a]", "{?a: b}", "[a{b]", "[a}b]", "{a[: b}", "http://a/b?c=d", "{a: http://b}", "[http://b]",
    "{url:http://b}", "a: http://b", "'a': b", "x" * 2000, "'" + "x" * 2000 + "'", "{" + "k" * 1100 + ": v}",
    "{" + "k" * 1000 + ": v}", "{'" + "k" * 1100 + "': v}", "\n  " + "k" * 1100 + ": v",
    "\n  ? " + "k" * 1100 + "\n  : v", "[" * 50 + "]" * 50, "\n" + "- " * 50 + "a",
]
# fmt: on

# fmt: off
DOCUMENTS = [
    HEAD, "---\n" + HEAD, HEAD + "---\n", HEAD + "---\n" + HEAD, HEAD + "---\n---\n---\n" + HEAD,
    HEAD + "--- \n" + HEAD, HEAD + "---\t\n" + HEAD, HEAD + "--- # c\n" + HEAD, HEAD + "---# c\n", HEAD + "---x: 1\n",
    HEAD + "--- x\n", "--- " + JSON_HEAD + "}\n", "---\n# c\n---\n" + HEAD, "# c\n---\n" + HEAD,
    "# c\n" + HEAD + "# d", "\n\n" + HEAD, "\n---\n\n" + HEAD + "\n---\n\n", HEAD + "...\n",
    HEAD + "...\n---\n" + HEAD, HEAD + "...\n# c\n", HEAD + "... # c\n", "%YAML 1.1\n---\n" + HEAD,
    "%YAML 1.2\n---\n" + HEAD, "%TAG ! x\n---\n" + HEAD, "%FOO\n---\n" + HEAD, "%YAML 1.1\n" + HEAD, "\ufeff" + HEAD,
    "\ufeff---\n" + HEAD, "\ufeff# c\n---\n" + HEAD, HEAD + "---\n\ufeff" + HEAD, HEAD.replace("\n", "\r\n"),
    ("---\n" + HEAD + "---\n" + HEAD).replace("\n", "\r\n"), HEAD.replace("\n", "\r"), HEAD + "  \n \n",
    HEAD + "\t\n", HEAD + "a: |\n  x\n  ---\n  y\n", HEAD + "a: |\n x\n---\n" + HEAD, HEAD + "a: 'x\n---\ny'\n",
    HEAD + "a: 'x\n  ---\n  y'\n", HEAD + "a: x\n  ---\n  y\n", "  " + HEAD.replace("\n", "\n  "), " " + HEAD,
    HEAD + "x", HEAD + "- x\n", HEAD + "x:\n", JSON_HEAD + "}", JSON_HEAD + "}\n" + JSON_HEAD + "}",
    JSON_HEAD + "}" + JSON_HEAD + "}", JSON_HEAD + "}\n---\n" + JSON_HEAD + "}\n", JSON_HEAD + "}\n---\n" + HEAD,
    HEAD + "---\n" + JSON_HEAD + "}\n", "---\n" + JSON_HEAD + "}\n", "\n \t" + JSON_HEAD + "}\n", JSON_HEAD
    + ', "a": [1, 1.0, 1e2, 1E2, -0, -0.0, 0.1e-7, 12345678901234567890, 9223372036854775807]}',
    JSON_HEAD + ', "a": [1234567890123456789012, 9223372036854775808]}',
    JSON_HEAD + ', "a": "\\ud83d\\ude00 \\/ \\ud800x \\udc00"}', JSON_HEAD + ',\n\t"a":\t[\n\t1\n\t]\n}',
    JSON_HEAD + ', "a": true, "b": null, "c": {}, "d": []}', JSON_HEAD + ', "a": True}',
    JSON_HEAD + ', "a": y, b: 08}', JSON_HEAD + ', "a": 1,}', JSON_HEAD + ', "a": 01}', JSON_HEAD + ', "a": .5}',
    JSON_HEAD + ', "' + "k" * 1100 + '": 1}', JSON_HEAD + ', "a": "\x7f"}', JSON_HEAD + ', "a": "é\u2028\ufffe"}',
    JSON_HEAD + ', "a": "b', JSON_HEAD, "# c\n" + JSON_HEAD + "}", JSON_HEAD + "} # c", JSON_HEAD + "}\n...\n",
    "{apiVersion: e/v1, kind: X, metadata: {name: NAME}}",
    "? apiVersion\n: e/v1\n? kind\n: X\n? metadata\n: {name: NAME}\n",
    JSON_HEAD + ', "a": NaN}',
    JSON_HEAD + ', "a": -Infinity}',
    "!!map\n" + HEAD, "&x\n" + HEAD,
    '"apiVersion": "e/v1"\n\'kind\': X\nmetadata:\n    name: NAME\n', HEAD + "<<: {a: 1}\n",
    HEAD + "a: &x {b: 1}\nc:\n  <<: *x\n  b: 2\n", HEAD + "c:\n  b: 2\n  <<: &x {b: 1}\n", HEAD + "1: a\ntrue: b\n",
]
# fmt: on

KNOWN: dict[str, str] = {
    r'spec: "\/"': "libyaml reads the escape of JSON in YAML too; kubectl refuses it",
    "spec: [a?]": "libyaml reads a question mark in an unquoted value between brackets; kubectl refuses it",
    "spec: {a:}": "libyaml refuses a colon before a closing bracket; kubectl takes it into the key",
    "spec: [a:]": "libyaml refuses a colon before a closing bracket; kubectl takes it into the value",
    "spec: {a: !, b: c}": "libyaml ends a tag at a comma between brackets; kubectl refuses it",
    "spec: !,e 1": "libyaml refuses a tag with a comma in it",
    "spec: {'a': 1, a: 2, b}": "kubectl keeps the last of two equal keys; that hides a mistake, so they are a problem",
    "a: 1\na: 2": "kubectl keeps the last of two equal keys; that hides a mistake, so they are a problem",
    "x: 1\n... # c\nx": "kubectl silently drops what follows; that hides a mistake, so it is a problem",
    "1: a\n'1': b": "kubectl keeps either of two keys that become the same string, by chance",
    "...\na: 1": "kubectl silently drops what follows; that hides a mistake, so it is a problem",
    "a: "
    + "[" * 201
    + "]" * 201: "kubectl nests up to 10,000 deep; Assay's rules walk objects, and no object needs 200",
}
REPLACED = {
    JSON_HEAD
    + "}\nx: y": "kubectl silently drops what follows the first value; that hides a mistake, so it is a problem",
    JSON_HEAD + "}x": "kubectl silently drops what follows the first value; that hides a mistake, so it is a problem",
    JSON_HEAD
    + ', "a": 1e400}': "kubectl refuses a JSON number beyond a float; Assay then reads YAML, where it is a string",
    JSON_HEAD
    + ', "a": 1, "a": 2}': "kubectl keeps the last of two equal keys; that hides a mistake, so they are a problem",
}


def _known() -> list[str]:
    return [*(HEAD + case + "\n" for case in KNOWN), *REPLACED]


def _cases() -> list[str]:
    written = [HEAD + "spec: " + value + "\n" for value in [*SCALARS, *VALUES]]
    return [case for case in [*written, *DOCUMENTS] if case not in _known()]


def _canonical(value: Any) -> str:
    """Text that differs wherever two values do, 1 and True as well."""
    return json.dumps(value, sort_keys=True)


def _integer(text: str) -> float:
    return int(text) if -(2**63) <= int(text) < 2**63 else float(text)


def ask_kubectl(texts: list[str]) -> list[str]:
    """What kubectl makes of each text: its objects, or that it refuses."""
    assert KUBECTL is not None
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(texts):
            data = text.replace("NAME", f"case-{number}").encode("utf-8", "surrogatepass")
            (Path(folder) / f"{number}.yaml").write_bytes(data)
        command = [KUBECTL, "annotate", "--local", "-f", folder, "assay=here", "-o", "json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found: dict[str, list[Any]] = {}
    decoder, at = json.JSONDecoder(parse_int=_integer), 0
    while at < len(done.stdout.rstrip()):
        body, at = decoder.raw_decode(done.stdout, at)
        at += len(done.stdout[at:]) - len(done.stdout[at:].lstrip())
        del body["metadata"]["annotations"]
        found.setdefault(body["metadata"]["name"], []).append(body)
    return [_canonical(found[name]) if (name := f"case-{number}") in found else REFUSED for number in range(len(texts))]


def ask_assay(text: str, number: int) -> str:
    """The same for Assay."""
    decoded = decode(text.replace("NAME", f"case-{number}").encode("utf-8", "surrogatepass"))
    assert isinstance(decoded, str)
    read = list(read_documents(decoded))
    if any(isinstance(document, Problem) for document in read):
        return REFUSED
    return _canonical([document.value for document in read if not isinstance(document, Problem)])


def differences(texts: list[str]) -> dict[str, tuple[str, str]]:
    """The texts that kubectl and Assay understand differently, with what they say."""
    answers = [
        (text, (kubectl, ask_assay(text, number)))
        for number, (text, kubectl) in enumerate(zip(texts, ask_kubectl(texts), strict=True))
    ]
    return {text: (theirs, ours) for text, (theirs, ours) in answers if theirs != ours}


def test_written_cases_mean_the_same() -> None:
    cases = _cases()
    assert len(cases) >= 700
    assert differences(cases) == {}


def test_a_good_part_of_the_written_cases_is_read_and_a_good_part_refused() -> None:
    answers = ask_kubectl(_cases())
    assert answers.count(REFUSED) > 100
    assert len(answers) - answers.count(REFUSED) > 400


def test_known_differences_are_still_there() -> None:
    assert list(differences(_known())) == _known()


def test_bytes_that_are_no_utf8_are_refused_and_not_replaced() -> None:
    """The one known difference below the text: kubectl puts U+FFFD in their place."""
    assert decode(HEAD.encode() + b"spec: \xff\n") == Problem(4, 7, "the file is not valid UTF-8", "save it as UTF-8")


_NUMBERS = st.from_regex(r"[-+]?(0[xXoObB])?[0-9a-f_]{1,20}([.][0-9_]{0,18})?([eE][-+]?[0-9_]{1,3})?", fullmatch=True)
_POINTS = st.from_regex(r"[-+]?[.][0-9_]{0,5}([eE][-+]?[0-9_]{0,3})?", fullmatch=True)
_WORDS = st.sampled_from(
    ["yes", "no", "on", "off", "true", "false", "null", "y", "n", "nan", ".nan", ".inf", "~", "<<", "="]
)
_CASED = st.builds(
    lambda word, swap: word.title() if swap == 1 else word.upper() if swap == 2 else word, _WORDS, st.integers(0, 2)
)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False).map(repr)
_INTEGERS = st.integers(-(2**66), 2**66).map(str)
_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="?"), max_size=8)
_SCALARS = st.one_of(_NUMBERS, _POINTS, _CASED, _FLOATS, _INTEGERS, _TEXTS)
_PLACES = st.sampled_from(
    [
        "spec: {}\n",
        "spec: [{}, x]\n",
        "spec: {{a: {}, b: c}}\n",
        "spec:\n- {}\n",
        "spec: '{}'\n",
        'spec: "{}"\n',
        "spec: |\n  {}\n",
        "spec: {{{}: x}}\n",
        "{} : x\n",
    ]
)
_SIGNS = "a b 1 y ~ é = : - [ ] { } , | > |- >+ \" ' # % @ ` \\ \\n . 0 _ e + .5 0x -1"
# fmt: off
_GROUPS = [
    "\n", "\n ", "\n  ", "\n    ",
    "\n\n", " ", "  ", "\t", "\r\n", ": ", " : ", "- ", ", ", " #", "? a", "<<: ", "&a ", "*a",
    "!!str ", "!x ", "! ", "a: 1", "- a", "'k':",
]
# fmt: on
_PARTS = st.sampled_from([*_SIGNS.split(), *_GROUPS])
_SHAPES = st.sampled_from(["spec: {}\n", "spec:\n  {}\n", "{}\n", "spec: [{}]\n"])
_FEW = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def _unexpected(texts: list[str]) -> dict[str, tuple[str, str]]:
    """The differences that are of none of the known kinds."""
    return {text: pair for text, pair in differences(texts).items() if not _is_known(text)}


def _is_known(text: str) -> bool:
    said = [document.what for document in read_documents(text) if isinstance(document, Problem)]
    known = ("a key is there twice", "kubectl does not read what follows", "a ':' inside brackets")
    odd = re.search(r"!\S*[]\[{},:]|\\/|\? a|\n---", text)
    return odd is not None or any(what.startswith(known) for what in said)


@_FEW
@given(
    st.lists(
        st.builds(lambda place, scalar: HEAD + place.format(scalar), _PLACES, _SCALARS), min_size=100, max_size=200
    )
)
def test_generated_scalars_mean_the_same(texts: list[str]) -> None:
    assert _unexpected(texts) == {}


@_FEW
@given(
    st.lists(
        st.builds(
            lambda shape, parts: HEAD + shape.format("".join(parts)), _SHAPES, st.lists(_PARTS, min_size=1, max_size=9)
        ),
        min_size=100,
        max_size=200,
    )
)
def test_generated_documents_mean_the_same(texts: list[str]) -> None:
    assert _unexpected(texts) == {}
