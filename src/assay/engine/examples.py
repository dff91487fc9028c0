"""The examples inside rules: the body of ``assay rules test`` and of the project's own tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from assay.engine.judge import Judge
from assay.engine.load import read_examples
from assay.facts import Facts
from assay.kube import build_object
from assay.model.objects import KubeObject, World
from assay.model.origin import Place, Role, Route, format_route
from assay.model.rules import Binding, Rule
from assay.model.verdicts import Verdict, worst
from assay.redact import Masker

CLOCK = "2026-01-01T00:00:00Z"


class _Nowhere:
    """The origin of an example."""

    def places(self, route: Route) -> tuple[Place, ...]:
        """The example itself: routes are what examples are about."""
        return (Place(format_route(route), 1, 1, 1, 1, Role.RENDERED),)


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """One example: the verdict that it asks for and the one that it got."""

    rule: str
    name: str
    wanted: Verdict
    got: Verdict
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether the rule decided as the example says, at the place that it says."""
        return not self.problem


def run_examples(rule: Rule) -> Iterator[ExampleResult]:
    """Judge every example of a rule."""
    for verdict, examples in read_examples(rule.file).items():
        for example in examples:
            yield _run(rule, Verdict(verdict), example)


def judge_one(
    rule: Rule,
    body: dict[str, Any],
    others: tuple[dict[str, Any], ...] = (),
    *,
    params: dict[str, Any] | None = None,
    complete: bool = True,
) -> tuple[Verdict, str, Route]:
    """The verdict of a rule for one object of a world, its reason, and the route of the first finding."""
    masker = Masker()
    objects = tuple(_object(data, masker) for data in (body, *others))
    defaults = {param.name: param.default for param in rule.params}
    binding = Binding(rule, {**defaults, **(params or {})})
    world = World("example", "environment", CLOCK, complete=complete, objects=objects)
    judge = Judge([binding], lambda _object, _pack: True)
    judged = judge.judge(world, Facts(world))
    if judge.faults:
        return Verdict.ERROR, judge.faults[0], ()
    verdict = worst(tally.verdict for tally in judged.tallies if tally.object == 0)
    found = [f for f in judged.findings if f.identity == objects[0].identity and f.verdict is verdict]
    return verdict, found[0].reason if found else "", found[0].route if found else ()


def _object(data: dict[str, Any], masker: Masker) -> KubeObject:
    return build_object(data, _Nowhere(), "example", "example", masker)


def _run(rule: Rule, wanted: Verdict, example: dict[str, Any]) -> ExampleResult:
    got, reason, route = judge_one(
        rule,
        example["object"],
        tuple(example.get("with", ())),
        params=example.get("params"),
        complete=example.get("complete", True),
    )
    problem = ""
    if got is not wanted:
        problem = f"wanted {wanted}, got {got}" + (f": {reason}" if reason else "")
    elif "at" in example and example["at"] != format_route(route):
        problem = f"wanted the place {example['at']}, got {format_route(route)}"
    return ExampleResult(rule.id, example["name"], wanted, got, problem)
