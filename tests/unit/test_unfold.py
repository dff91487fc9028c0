"""``cel.bind`` and parameters written out, judged by what the runtime then says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.engine.cel import Runtime
from assay.engine.unfold import UnfoldError, unfold

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
    activation = runtime.activation({"object": {"x": "field", "params": "field", "l": [1, 2]}})
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


@given(st.text())
def test_anything_else_stays_as_it_is(text: str) -> None:
    if "cel.bind" not in text and "params" not in text:
        assert unfold(text, PARAMS) == text


@given(st.integers(-(2**53), 2**53) | st.booleans() | st.lists(st.text(max_size=5)) | st.text(max_size=20))
def test_every_parameter_value_reaches_the_runtime(value: Any) -> None:
    runtime = Runtime()
    if "\x00" not in repr(value):
        assert runtime.evaluate(unfold("params.v", {"v": value}), runtime.activation({})) == value
