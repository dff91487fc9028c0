"""Rules against the objects of one world: one verdict for each binding, object and item."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from assay.engine.blame import blame, digest, evidence_of, fingerprint, item_name
from assay.engine.cel import Activation, CompileError, Failed, Program, Runtime
from assay.engine.kept import digest as digest_of
from assay.engine.unfold import UnfoldError, unfold
from assay.facts import FACTS
from assay.halves import Halves
from assay.model.verdicts import Finding, Tally, Verdict, worst
from assay.workloads import TEMPLATES, PodView, pod_view

if TYPE_CHECKING:
    from assay.engine.kept import New
    from assay.facts import Facts
    from assay.model.objects import KubeObject, Unread, World
    from assay.model.origin import Place, Route
    from assay.model.rules import Binding, Each, Rule
    from assay.model.waivers import Waiver

_WORTH_A_PROCESS = 40
"""Objects that take longer to judge than a process takes to start."""

_NEIGHBOURS = 8
"""Objects that one process judges together: what is near in a file is alike, and what is alike is evaluated once."""

InScope = Callable[["KubeObject", str], bool]
"""Whether an object is in the scope that a pack declares."""

Waive = Callable[[Finding, "KubeObject"], "Waiver | None"]
"""The waiver that matches a failure, expired or not."""


Finish = Callable[["Place"], "Place"]
"""What is done to a place of a finding at last: here it gets the lines around it."""


def _as_it_is(place: Place) -> Place:
    return place


def _nothing(_finding: Finding, _obj: KubeObject) -> None:
    return None


@dataclass(slots=True)
class Judged:
    """What the rules say of one world.

    ``findings`` holds what is neither a pass nor not applicable, and with ``everything`` those too; ``counts`` are
    verdicts of items by rule.
    """

    findings: list[Finding] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    counts: dict[str, Counter[Verdict]] = field(default_factory=dict)

    def add(self, other: Judged) -> None:
        """Count what was said of further objects."""
        self.tallies += other.tallies
        for rule, counter in other.counts.items():
            self.counts[rule].update(counter)


@dataclass(slots=True)
class _Item:
    """What a rule judges at once: an element, or the whole object when ``route`` is empty."""

    route: Route
    variables: dict[str, Any]
    value: Any
    known_of_object: dict[str, Any]
    broken: str = ""
    activation: Any = None


def runtime_for(bindings: list[Binding]) -> Runtime:
    """What evaluates the expressions of bindings, with what is kept of them from earlier runs."""
    shared = bindings[0].rule.shared.values() if bindings else ()
    return Runtime({b.rule.each.name for b in bindings if b.rule.each} - {"container"}, tuple(shared))


class Judge:
    """Judges worlds with a set of bindings, each expression compiled once.

    Args:
        everything: Keep passes and what does not apply as findings too.
        runtime: What :func:`runtime_for` gave for the same bindings, made while there was time for it.
    """

    def __init__(
        self,
        bindings: list[Binding],
        in_scope: InScope,
        waive: Waive = _nothing,
        finish: Finish = _as_it_is,
        *,
        everything: bool = False,
        runtime: Runtime | None = None,
    ) -> None:
        self._bindings = bindings
        self._in_scope = in_scope
        self._waive = waive
        self._finish = finish
        self._everything = everything
        self._runtime = runtime or runtime_for(bindings)
        self.faults: list[str] = []
        """Conditions of places that broke: no verdict depends on them, but the tests of a rule do."""
        self._packs = sorted({pack for binding in bindings for pack, _ in binding.controls})
        self._by_kind: dict[str, list[int]] = {}
        self._unset = {id(binding): binding.unset for binding in bindings}
        # One object for all findings that say the same.
        self._params = {id(binding): tuple(binding.params.items()) for binding in bindings}
        self._packs_of = cache(lambda controls: tuple(dict.fromkeys(pack for pack, _ in controls)))
        self._programs: dict[tuple[int, str], Program] = {}

    def judge(
        self, world: World, facts: Facts, note: Callable[[], None] = lambda: None, *, apart: bool = False
    ) -> Judged:
        """Judge every object of a world, and what was not seen of it; ``note`` is called after each object.

        Args:
            apart: Half of the objects may be judged in another process: their places need nothing but themselves.
        """

        def some(indexes: Iterable[int]) -> tuple[Judged, list[list[Finding]], New]:
            part = Judged(counts={binding.rule.id: Counter() for binding in self._bindings})
            found = []
            for index in indexes:
                found.append(self._object(world, facts, index, world.objects[index], part))
                note()
            return part, found, self._runtime.compiled()

        indexes = range(len(world.objects))
        fewest = _WORTH_A_PROCESS if apart else len(indexes) + 1
        if len(indexes) >= fewest:
            # Before there are two processes, of which each would compute them.
            kinds = {obj.group_kind for obj in world.objects}
            bindings = [b for b in self._bindings if b.rule.needs and any(matches(b.rule, kind) for kind in kinds)]
            facts.prepare(name for binding in bindings for name in binding.rule.needs)
        parts = Halves(some, indexes, fewest, _NEIGHBOURS).results()
        judged = parts[0][1][0]
        for _, (other, _, _) in parts[1:]:
            judged.add(other)
        by_object = {
            index: found for part, (_, all_found, _) in parts for index, found in zip(part, all_found, strict=True)
        }
        judged.findings = [finding for index in indexes for finding in by_object[index]]
        for unread in world.unread:
            self._unread(world, unread, judged)
        self._runtime.keep(made for _, (_, _, made) in parts)
        return judged

    def _object(self, world: World, facts: Facts, index: int, obj: KubeObject, judged: Judged) -> list[Finding]:
        """Judge one object: its findings; the verdicts are counted in ``judged``."""
        findings: list[Finding] = []
        indexes = self._candidates(obj.group_kind)
        if not indexes:
            return findings
        subject = _Subject(obj, facts, world.clock)
        outside = {pack for pack in self._packs if not self._in_scope(obj, pack)}
        for number in indexes:
            binding = self._bindings[number]
            controls = binding.controls
            if outside:
                controls = tuple(control for control in controls if control[0] not in outside)
                if binding.controls and not controls:
                    continue
            verdicts = []
            for item in subject.items(binding.rule.each):
                verdict, reason = self._verdict(binding, item, subject)
                if self._everything or verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE):
                    found = self._finding(world, binding, controls, subject, item, verdict, reason)
                    found = self._waived(found, obj, world) if verdict is Verdict.FAIL else found
                    findings.append(found)
                    verdict = found.verdict
                verdicts.append(verdict)
            counts = judged.counts[binding.rule.id]
            for verdict in verdicts or (Verdict.NOT_APPLICABLE,):
                counts[verdict] += 1
            overall = verdicts[0] if len(verdicts) == 1 else worst(verdicts)
            if overall is not Verdict.NOT_APPLICABLE:
                judged.tallies.append(Tally(number, index, overall))
        return findings

    def _waived(self, finding: Finding, obj: KubeObject, world: World) -> Finding:
        """A failure with its waiver: waived, or still a failure if the waiver has expired."""
        waiver = self._waive(finding, obj)
        if waiver is None:
            return finding
        verdict = Verdict.FAIL if waiver.expired(world.clock) else Verdict.WAIVED
        return finding._replace(verdict=verdict, waiver=waiver)

    def _candidates(self, group_kind: str) -> list[int]:
        found = self._by_kind.get(group_kind)
        if found is None:
            found = [i for i, b in enumerate(self._bindings) if matches(b.rule, group_kind) and b.rule.scope != "live"]
            self._by_kind[group_kind] = found
        return found

    def _verdict(self, binding: Binding, item: _Item, subject: _Subject) -> tuple[Verdict, str]:
        rule = binding.rule
        if item.broken:
            return Verdict.ERROR, item.broken
        try:
            applies = self._evaluate(binding, rule.when, item) if rule.when else True
            if applies is False:
                return Verdict.NOT_APPLICABLE, ""
            if applies is not True:
                return Verdict.ERROR, f"`when` gave {_described(applies)}"
            return self._decided(binding, item, subject)
        except UnknownFact as unknown:
            return Verdict.NOT_ASSESSED, str(unknown)

    def _decided(self, binding: Binding, item: _Item, subject: _Subject) -> tuple[Verdict, str]:
        """The verdict where the rule applies."""
        rule = binding.rule
        decided = self._evaluate(binding, rule.check, item)
        if decided is not True and decided is not False:
            return Verdict.ERROR, f"`assert` gave {_described(decided)}"
        for name, condition in self._unset[id(binding)]:
            if self._evaluate(binding, condition, item) is not False:
                reason = f"the parameter {name} is not set (--param, or `params:` in assay.yaml)"
                return Verdict.NOT_ASSESSED, reason
        doubt = self._evaluate(binding, rule.unknown, item) if decided and rule.unknown else ""
        if not isinstance(doubt, str):
            return Verdict.ERROR, f"`unknown` gave {_described(doubt, 'a text')}"
        verdict = Verdict.PASS if decided else Verdict.FAIL
        doubt = doubt or (subject.doubt(rule, verdict) if rule.needs else "")
        return (Verdict.NOT_ASSESSED, doubt) if doubt else (verdict, "")

    def _evaluate(self, binding: Binding, expression: str, item: _Item) -> Any:
        """The value of an expression of a rule for an item; all rules share the activation of an item."""
        if item.activation is None:
            item.activation = Activation(item.variables, item.known_of_object)
        key = (id(binding), expression)
        program = self._programs.get(key)
        if program is None:
            try:
                program = self._program(binding, expression)
            except (UnfoldError, CompileError) as problem:
                return Failed(str(problem))
            self._programs[key] = program
        return program(item.activation)

    def _program(self, binding: Binding, expression: str) -> Program:
        def text() -> str:
            return unfold(expression, binding.literals, binding.rule.shared)

        # Values that somebody chose are in the compiled expression, so only what has the rule's own is kept.
        if binding.params == {param.name: param.default for param in binding.rule.params}:
            return self._runtime.kept_program(digest_of(expression, binding.literals), text)
        return self._runtime.program(text())

    def _finding(
        self,
        world: World,
        binding: Binding,
        controls: tuple[tuple[str, str], ...],
        subject: _Subject,
        item: _Item,
        verdict: Verdict,
        reason: str,
    ) -> Finding:
        rule, obj = binding.rule, subject.obj
        decided = verdict in (Verdict.PASS, Verdict.NOT_APPLICABLE)
        at = () if decided else self._guilty(binding, item)
        route, places = ((), ()) if decided else blame(at, item.route, subject.view, obj)
        if verdict is Verdict.FAIL and not places:
            raise ValueError(f"a failure of {rule.id} without a place")
        message = self._message(binding, item) if verdict is Verdict.FAIL else rule.title
        # What was not assessed has a place, but nothing there speaks against it yet: no evidence and no lines to show.
        shown = not decided and verdict is not Verdict.NOT_ASSESSED
        return Finding(
            rule=rule.id,
            params=self._params[id(binding)],
            packs=self._packs_of(controls),
            verdict=verdict,
            severity=rule.severity,
            world=world.name,
            message=message,
            identity=obj.identity,
            api_version=obj.api_version,
            item=item_name(item.route, item.value),
            route=route or item.route,
            reason=reason,
            evidence=evidence_of(at, rule.evidence, item.route, subject.view, obj) if shown else (),
            places=tuple(map(self._finish, places)) if shown else places,
            controls=controls,
            binding=binding.name,
            source=obj.source,
            fingerprint="" if decided else fingerprint(rule.id, binding.name, obj, route or item.route),
        )

    def _known(self, binding: Binding, expression: str, item: _Item) -> Any:
        """The value of an expression on which no verdict hangs; None where it reads a fact that is not known."""
        try:
            return self._evaluate(binding, expression, item)
        except UnknownFact:
            return None

    def _guilty(self, binding: Binding, item: _Item) -> tuple[str, ...]:
        """The routes to blame; those with a condition only where it holds, all of them where none is left."""
        at = binding.rule.at
        if not any(entry.when for entry in at):
            return tuple(entry.route for entry in at)
        kept = []
        for entry in at:
            holds = self._known(binding, entry.when, item) if entry.when else True
            if holds is True:
                kept.append(entry.route)
            elif holds is not False and holds is not None:
                self.faults.append(f"the condition of {entry.route} gave {_described(holds)}")
        return tuple(kept or (entry.route for entry in at))

    def _message(self, binding: Binding, item: _Item) -> str:
        parts = []
        for text, expression in split_message(binding.rule.message):
            value = self._known(binding, expression, item) if expression else ""
            if value is None or isinstance(value, Failed):
                return binding.rule.title
            parts.append(text + _shown(value))
        return "".join(parts)

    def _unread(self, world: World, unread: Unread, judged: Judged) -> None:
        for number, binding in enumerate(self._bindings):
            if unread.kinds and not any(matches(binding.rule, kind) for kind in unread.kinds):
                continue
            rule = binding.rule
            judged.tallies.append(Tally(number, -1, Verdict.NOT_ASSESSED))
            judged.counts[rule.id][Verdict.NOT_ASSESSED] += 1
            judged.findings.append(
                Finding(
                    rule=rule.id,
                    params=self._params[id(binding)],
                    packs=binding.packs,
                    verdict=Verdict.NOT_ASSESSED,
                    severity=rule.severity,
                    world=world.name,
                    message=rule.title,
                    reason=unread.reason,
                    places=(self._finish(unread.place),) if unread.place else (),
                    controls=binding.controls,
                    unread=unread,
                    binding=binding.name,
                    source=unread.source,
                    fingerprint=digest(rule.id, binding.name, unread.source),
                )
            )


class UnknownFact(Exception):  # noqa: N818 - no error: the fact itself says that it is not known, and why
    """A fact that is not known for an object."""


class _Told(dict[str, Any]):
    """The facts about one object by name, each computed when an expression first reads it.

    Raises:
        UnknownFact: From :meth:`get`.
    """

    def __init__(self, facts: Facts, obj: KubeObject) -> None:
        super().__init__()
        self._facts = facts
        self._obj = obj

    def get(self, name: str, default: Any = None) -> Any:
        """A fact; the default where there is none of the name."""
        if name not in self and name in FACTS:
            self[name] = self._facts.fact(name).of(self._obj)
        value = super().get(name, default)
        if isinstance(value, str):
            raise UnknownFact(value)
        return value


class _Subject:
    """One object with what rules see of it, computed once for all of them."""

    def __init__(self, obj: KubeObject, facts: Facts, clock: str) -> None:
        self.obj = obj
        self.view: PodView | None = pod_view(obj)
        self._facts = facts
        self._items: dict[Each | None, list[_Item]] = {}
        self._known: dict[str, Any] = {}
        self._base: dict[str, Any] = {"object": obj.body, "now": clock, "facts": _Told(facts, obj)}
        if self.view is not None:
            self._base |= {"pod": self.view.spec, "podMetadata": self.view.metadata}

    def items(self, each: Each | None) -> list[_Item]:
        """What a rule judges one by one; the whole object if it names no items."""
        found = self._items.get(each)
        if found is None:
            found = [_Item((), self._base, self.obj.body, self._known)] if each is None else list(self._elements(each))
            self._items[each] = found
        return found

    def _elements(self, each: Each) -> Iterator[_Item]:
        if each.paths == ("containers",):
            for route, kind, value in self.view.containers() if self.view else ():
                broken = "" if isinstance(value, dict) else f"a container list holds {type_name(value)}"
                variables = {**self._base, each.name: value, "containerType": kind}
                yield _Item(route, variables, value, self._known, broken)
            return
        for path in each.paths:
            for route, key, value, broken in walk(self.obj, self.view, path):
                yield _Item(route, {**self._base, each.name: value, "key": key}, value, self._known, broken)

    def doubt(self, rule: Rule, verdict: Verdict) -> str:
        """Why a relation's verdict does not stand where only a part of the world was seen."""
        return self._facts.doubt(self.obj, rule.needs, verdict, rule.turns)


def matches(rule: Rule, group_kind: str) -> bool:
    """Whether a rule is about a kind, given as ``group/Kind``."""
    group = group_kind.partition("/")[0]
    return any(
        kind in (group_kind, "*", f"{group}/*") or (kind == "workloads" and group_kind in TEMPLATES)
        for kind in rule.kinds
    )


def walk(obj: KubeObject, view: PodView | None, path: str) -> Iterator[tuple[Route, Any, Any, str]]:
    """The elements of the lists or maps at a path as (route, key or index, value, what is wrong).

    A path that starts with ``pod.`` starts at the effective Pod. ``[*]`` walks a list on the way.
    """
    start: Route = ()
    value: Any = obj.body
    if path.startswith("pod."):
        start, value, path = (view.spec_route, view.spec, path[4:]) if view else ((), {}, path[4:])
    reached: list[tuple[Route, Any]] = [(start, value)]
    for part in path.split("."):
        name, star, _ = part.partition("[*]")
        found: list[tuple[Route, Any]] = []
        for route, parent in reached:
            child = parent.get(name) if isinstance(parent, Mapping) else None
            if star and isinstance(child, list):
                found.extend(((*route, name, i), entry) for i, entry in enumerate(child))
            elif child is not None:
                found.append(((*route, name), child))
        reached = found
    for route, value in reached:
        if isinstance(value, list):
            yield from (((*route, i), i, entry, "") for i, entry in enumerate(value))
        elif isinstance(value, dict):
            yield from (((*route, key), key, entry, "") for key, entry in value.items())
        else:
            yield route, "", value, f"{path} holds {type_name(value)}, neither list nor map"


_BRACES = re.compile(r"\{((?:[^{}\"']|\"[^\"]*\"|'[^']*'|\{[^{}]*\})+)\}")


@cache
def split_message(message: str) -> list[tuple[str, str]]:
    """A message as pairs of plain text and the expression that follows it (empty after the last)."""
    pairs = []
    end = 0
    for match in _BRACES.finditer(message):
        pairs.append((message[end : match.start()], match[1]))
        end = match.end()
    return [*pairs, (message[end:], "")]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return ", ".join(_shown(entry) for entry in value)
    return str(value)


def _described(value: Any, wanted: str = "a boolean") -> str:
    return f"an error: {value.reason}" if isinstance(value, Failed) else f"{type_name(value)} instead of {wanted}"


def type_name(value: Any) -> str:
    """What people call the type of a YAML value."""
    names = {dict: "a map", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
