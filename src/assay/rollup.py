"""From verdicts to the status of every control (docs/verdicts.md)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from assay.model.controls import Assessability, Control, ControlResult, Pack, Population, Status
from assay.model.objects import World
from assay.model.rules import Binding, Rule
from assay.model.verdicts import Tally, Verdict


class TiedRule(NamedTuple):
    """What one tied rule says of one world: the objects that it decided, by their index, under each verdict given."""

    rule: str
    required: bool
    needs_live: bool
    verdicts: Mapping[Verdict, Collection[int]]
    reasons: tuple[str, ...] = ()

    def has(self, verdict: Verdict) -> bool:
        """Whether any object got a verdict."""
        return verdict in self.verdicts


def status_of(assessability: Assessability, tied: Sequence[TiedRule]) -> tuple[Status, tuple[str, ...]]:
    """The status of a control and why; the first row of the table that matches counts."""
    required = [rule for rule in tied if rule.required and not rule.needs_live]
    unassessed = [rule for rule in required if rule.has(Verdict.NOT_ASSESSED)]
    if assessability is Assessability.MANUAL:
        return Status.MANUAL, ()
    if not tied:
        return Status.NOT_ASSESSED, ("no rule yet",)
    if any(rule.has(Verdict.FAIL) for rule in tied):
        return Status.FAIL, ()
    if any(rule.has(Verdict.ERROR) for rule in tied):
        return Status.NOT_ASSESSED, tuple(f"the rule {rule.rule} broke" for rule in tied if rule.has(Verdict.ERROR))
    if unassessed:
        return Status.NOT_ASSESSED, tuple(dict.fromkeys(reason for rule in unassessed for reason in rule.reasons))
    if any(rule.has(Verdict.WAIVED) for rule in tied):
        return Status.WAIVED, ()
    if any(rule.has(Verdict.PASS) for rule in required):
        return Status.PASS, ()
    return Status.NOT_APPLICABLE, ()


def population_of(tied: Iterable[TiedRule]) -> Population:
    """How many objects any tied rule decided, each counted once by its worst verdict."""
    sizes = {}
    counted: set[int] = {-1}  # what was not seen is no object
    for verdict in Verdict:  # the worst first
        given = [rule.verdicts[verdict] for rule in tied if verdict in rule.verdicts]
        before = len(counted)
        counted.update(*given)
        sizes[verdict] = len(counted) - before
    return Population(len(counted) - 1, sizes[Verdict.PASS], sizes[Verdict.FAIL], sizes[Verdict.WAIVED])


class Rollup:
    """Answers every control of the packs in one world.

    Args:
        reasons: Why something was not assessed, by binding index.
    """

    def __init__(
        self,
        world: World,
        rules: dict[str, Rule],
        bindings: Sequence[Binding],
        tallies: Iterable[Tally],
        reasons: dict[int, list[str]],
    ) -> None:
        self._world = world
        self._rules = rules
        self._reasons = reasons
        self._tallies: dict[int, dict[Verdict, list[int]]] = {}
        for binding_index, index, verdict in tallies:
            self._tallies.setdefault(binding_index, {}).setdefault(verdict, []).append(index)
        self._of_control: dict[tuple[str, str], dict[str, int]] = {}
        for number, binding in enumerate(bindings):
            for control in binding.controls:
                self._of_control.setdefault(control, {})[binding.rule.id] = number

    def answer(self, pack: Pack, in_scope: Sequence[bool]) -> Iterator[ControlResult]:
        """Every control of a pack; ``in_scope`` says of each object whether the pack's scope holds it."""
        inside = {-1, *(index for index, scoped in enumerate(in_scope) if scoped)}  # what was not seen is in all
        limited = inside if len(inside) <= len(in_scope) else None
        for control in pack.controls:
            tied = [self._tied(control, rule, required=tie.required, limited=limited) for rule, tie in control.ties]
            status, reasons = status_of(control.assessability, tied)
            yield ControlResult(
                control=control,
                world=self._world.name,
                status=status,
                reasons=reasons,
                tied=len(tied),
                assessed=sum(not self._open(rule) for rule in tied),
                population=population_of(tied),
                live_rules=tuple(rule.rule for rule in tied if rule.needs_live),
            )

    @staticmethod
    def _open(rule: TiedRule) -> bool:
        return rule.needs_live or rule.has(Verdict.NOT_ASSESSED) or rule.has(Verdict.ERROR)

    def _tied(self, control: Control, rule: str, *, required: bool, limited: set[int] | None) -> TiedRule:
        number = self._of_control.get((control.pack, control.id), {}).get(rule, -1)
        verdicts: Mapping[Verdict, Collection[int]] = self._tallies.get(number, {})
        if limited is not None:
            inside = {verdict: limited.intersection(indexes) for verdict, indexes in verdicts.items()}
            verdicts = {verdict: indexes for verdict, indexes in inside.items() if indexes}
        needs_live = self._rules[rule].scope == "live" and self._world.kind == "environment"
        return TiedRule(rule, required, needs_live, verdicts, tuple(dict.fromkeys(self._reasons.get(number, ()))))
