"""``cel.bind`` and parameters written out, judged by what the runtime then says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.engine.cel import Activation, Runtime
from assay.engine.unfold import UnfoldError, unfold
from assay.model.rules import Shared

PARAMS = {"days": 30, "names": ["a", "b"], "text": 'quo"te', "on": True, "odd-name": "x", "face": "\U0001f600"}


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("cel.bind(x, 1, x + x)", 2),
        ("cel.bind(x, 1, cel.bind(y, x + 1, x + y))", 3),
        ("cel.bind(x, [1, 2], x.map(i, i + size(x)))", [3, 4]),
        ("cel.bind(x, 'x', object.x + x + '.x')", "fieldx.x"),
        ("cel.bind(x, {'x': 1}, x.x + x['x'])", 2),
        ("cel.bind(a, 1, 2) + cel.bind(b, 3, b)", 5),
        ("cel.bind(x, ', ) x', x)", ", ) x"),
        ("cel.bind(x, object.?x.orValue('no'), x)", "field"),
        # What the runtime's own bind gets wrong: it follows a loop that ends early.
        ("object.l.exists(x, true) ? cel.bind(m, {'k': 'v'}, m.?k.orValue('WRONG')) : ''", "v"),
        ("params.days + 1", 31),
        ("params['days'] == 30 && params.on", True),
        ('params["odd-name"]', "x"),
        ("params.names.exists(n, n == 'b')", True),
        ("params.text", 'quo"te'),
        ("params.face", "\U0001f600"),
        ("object.params + params.text", 'fieldquo"te'),
        ("cel.bind(p, params.days, p > 20 && p < 40)", True),
        ("'params.nothing'", "params.nothing"),
        ("'a' // params.nothing", "a"),
    ],
)
def test_unfolded(runtime: Runtime, expression: str, value: Any) -> None:
    activation = Activation({"object": {"x": "field", "params": "field", "l": [1, 2]}})
    assert runtime.evaluate(unfold(expression, PARAMS), activation) == value


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("params.nothing", "no parameter 'nothing'"),
        ("params['nothing']", "no parameter 'nothing'"),
        ("size(params)", "no parameter"),
        ("cel.bind(x, 1)", "a name, a value and a body"),
        ("cel.bind(x, 1, x", "not closed"),
        ("cel.bind(x, 1, [1].all(x, x > 0))", "another meaning"),
    ],
)
def test_what_cannot_be_unfolded_is_said(expression: str, problem: str) -> None:
    with pytest.raises(UnfoldError, match=problem):
        unfold(expression, PARAMS)


SHARED = {
    "double": Shared("double", ("x",), "twice a number", "x + x"),
    "fourfold": Shared("fourfold", ("y",), "four times a number", "lib.double(lib.double(y))"),
    "holds": Shared("holds", ("list", "wanted"), "a list holds a value", "list.exists(e, e == wanted)"),
    "loop": Shared("loop", ("x",), "calls itself", "lib.loop(x)"),
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("lib.double(2) * 2", 8),
        ("lib.fourfold(params.days)", 120),
        ("lib.holds([1, 2], 2)", True),
        ("lib.holds(['a', 'b)'], 'b)')", True),
        ("cel.bind(a, 3, lib.double(a + 1))", 8),
        ("object.lib.double", "field"),
        ("[1, 2].map(n, lib.double(n))", [2, 4]),
    ],
)
def test_shared(runtime: Runtime, expression: str, value: Any) -> None:
    activation = Activation({"object": {"lib": {"double": "field"}}})
    assert runtime.evaluate(unfold(expression, PARAMS, SHARED), activation) == value


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("lib.triple(1)", "no shared expression 'triple'"),
        ("lib.double(1, 2)", "takes 1 arguments, not 2"),
        ("lib.double(", "not closed"),
        ("[1].all(e, lib.holds([1], e))", "'e' another meaning"),
        ("cel.bind(x, object.n, [1].all(object, object == x))", "'object' another meaning"),
        ("lib.loop(1)", "no shared expression 'loop'"),
    ],
)
def test_what_cannot_be_shared_is_said(expression: str, problem: str) -> None:
    with pytest.raises(UnfoldError, match=problem):
        unfold(expression, PARAMS, SHARED)


@given(st.text())
def test_anything_else_stays_as_it_is(text: str) -> None:
    if not any(word in text for word in ("cel.bind", "params", "lib.")):
        assert unfold(text, PARAMS) == text


@given(st.integers(-(2**53), 2**53) | st.booleans() | st.lists(st.text(max_size=5)) | st.text(max_size=20))
def test_every_parameter_value_reaches_the_runtime(value: Any) -> None:
    runtime = Runtime()
    if "\x00" not in repr(value):
        assert runtime.evaluate(unfold("params.v", {"v": value}), Activation({})) == value
