"""What decides a relation is taken out of the world: no rule may then say the opposite of what was so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from assay.engine.examples import judge_one
from assay.engine.load import load_library, read_examples
from assay.facts import FACTS
from assay.model.rules import Rule
from assay.model.verdicts import Verdict
from assay.shipped import shipped

RULES = [rule for rule in load_library(shipped("policies")).rules.values() if rule.needs]


def _cases() -> Iterator[Any]:
    for rule in RULES:
        for verdict in (Verdict.PASS, Verdict.FAIL):
            for example in read_examples(rule.file)[str(verdict)]:
                for number in range(len(example.get("with", []))):
                    yield pytest.param(rule, verdict, example, number, id=f"{rule.id}: {example['name']}: {number}")


@pytest.mark.parametrize(("rule", "verdict", "example", "number"), list(_cases()))
def test_without_what_decides_nothing_is_certain(
    rule: Rule, verdict: Verdict, example: dict[str, Any], number: int
) -> None:
    others = example["with"]
    left = (*others[:number], *others[number + 1 :])
    found, reason, _ = judge_one(rule, example["object"], left, params=example.get("params"), complete=False)
    assert found in (verdict, Verdict.NOT_ASSESSED, Verdict.NOT_APPLICABLE), reason


def test_every_fact_is_read_by_a_rule() -> None:
    assert {name for rule in RULES for name in rule.needs} == FACTS.keys()
