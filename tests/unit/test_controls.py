"""The control status table, row by row, and what stands beside a status."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.model.controls import Assessability, Population, Status
from assay.model.verdicts import Verdict
from assay.rollup import TiedRule, population_of, status_of

V = Verdict


def tied(*verdicts: Verdict, required: bool = True, live: bool = False, reason: str = "why") -> TiedRule:
    given = {verdict: [i for i, other in enumerate(verdicts) if other is verdict] for verdict in verdicts}
    return TiedRule("r", required, live, given, (reason,) if V.NOT_ASSESSED in verdicts else ())


PARTIAL, MANUAL = Assessability.PARTIAL, Assessability.MANUAL


@pytest.mark.parametrize(
    ("assessability", "rules", "status", "reasons"),
    [
        (MANUAL, [tied(V.FAIL)], Status.MANUAL, ()),
        (PARTIAL, [], Status.NOT_ASSESSED, ("no rule yet",)),
        (PARTIAL, [tied(V.PASS), tied(V.FAIL, required=False)], Status.FAIL, ()),
        (PARTIAL, [tied(V.ERROR), tied(V.FAIL)], Status.FAIL, ()),
        (PARTIAL, [tied(V.ERROR, required=False), tied(V.PASS)], Status.NOT_ASSESSED, ("the rule r broke",)),
        (PARTIAL, [tied(V.PASS, V.NOT_ASSESSED)], Status.NOT_ASSESSED, ("why",)),
        (PARTIAL, [tied(V.NOT_ASSESSED, required=False), tied(V.PASS)], Status.PASS, ()),
        (PARTIAL, [tied(V.WAIVED), tied(V.PASS)], Status.WAIVED, ()),
        (PARTIAL, [tied(V.WAIVED, required=False), tied(V.PASS)], Status.WAIVED, ()),
        (PARTIAL, [tied(V.NOT_ASSESSED), tied(V.WAIVED)], Status.NOT_ASSESSED, ("why",)),
        (PARTIAL, [tied(V.PASS)], Status.PASS, ()),
        (PARTIAL, [tied(V.PASS, required=False)], Status.NOT_APPLICABLE, ()),
        (PARTIAL, [tied()], Status.NOT_APPLICABLE, ()),
        (PARTIAL, [tied(live=True)], Status.NOT_APPLICABLE, ()),
        (PARTIAL, [tied(live=True), tied(V.PASS)], Status.PASS, ()),
    ],
)
def test_status_table(
    assessability: Assessability, rules: list[TiedRule], status: Status, reasons: tuple[str, ...]
) -> None:
    assert status_of(assessability, rules) == (status, reasons)


_RULES = st.builds(
    lambda verdicts, required: tied(*verdicts, required=required),
    st.lists(st.sampled_from([v for v in Verdict if v is not V.NOT_APPLICABLE]), max_size=4),
    st.booleans(),
)


@given(st.lists(_RULES, max_size=4))
def test_a_pass_needs_a_required_pass_and_nothing_worse(rules: list[TiedRule]) -> None:
    status, _ = status_of(PARTIAL, rules)
    if status is Status.PASS:
        assert any(rule.required and rule.has(V.PASS) for rule in rules)
        assert not any(rule.has(v) for rule in rules for v in (V.FAIL, V.ERROR, V.WAIVED))
        assert not any(rule.required and rule.has(V.NOT_ASSESSED) for rule in rules)
    if any(rule.has(V.FAIL) for rule in rules):
        assert status is Status.FAIL


def test_population_counts_an_object_once_by_its_worst_verdict() -> None:
    rules = [tied(V.PASS, V.PASS, V.WAIVED), tied(V.PASS, V.FAIL), TiedRule("u", True, False, {V.NOT_ASSESSED: [-1]})]
    assert population_of(rules) == Population(in_scope=3, passed=1, failed=1, waived=1)
