"""The middle: sources -> worlds -> facts -> verdicts -> controls."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from assay import __version__
from assay.engine.bind import Parameters, bind
from assay.engine.judge import InScope, Judge, Judged, runtime_for
from assay.engine.load import Library
from assay.errors import UsageError
from assay.excerpts import Excerpts
from assay.facts import Facts
from assay.inventory import build_world, read_world
from assay.model.controls import ControlResult, Pack
from assay.model.objects import Warned, World
from assay.model.origin import Place, Role
from assay.model.rules import Binding
from assay.model.run import Inventory, Run
from assay.model.verdicts import Finding, Verdict
from assay.model.waivers import Waiver, WaiverState
from assay.project import Environment, Project
from assay.rollup import Rollup
from assay.scopes import Scopes
from assay.sources.interface import Source
from assay.waivers import Waivers

Ready = Callable[[Iterable[str]], None]
"""Called before the sources are read, with the facts that rules are going to ask for."""


class Settings(NamedTuple):
    """What one scan was asked to do, after command line and project file are joined.

    ``clock`` is an ISO 8601 time in UTC, or empty for now. ``asked`` are the paths that the user named.
    """

    command: tuple[str, ...]
    environments: tuple[str, ...]
    packs: tuple[str, ...]
    rules: tuple[str, ...] = ()
    params: Mapping[str, Any] = {}
    threshold: str = "low"
    assume_complete: bool = False
    everything: bool = False
    clock: str = ""
    asked: tuple[str, ...] = ()
    waivers: tuple[Waiver, ...] = ()


@dataclass(slots=True)
class _Judged:
    """One world with what the rules said of it."""

    world: World
    bindings: list[Binding]
    judged: Judged
    in_scope: InScope
    warned: list[Warned]
    skipped: int
    tables: tuple[Inventory, ...]


def scan(
    settings: Settings,
    project: Project,
    library: Library,
    sources: Sequence[Source],
    excerpts: Excerpts,
    progress: Callable[[str], None] = lambda _message: None,
    ready: Ready = lambda _facts: None,
) -> Run:
    """Read every world, judge it and answer the controls.

    Args:
        ready: When all is made that can be made without the sources.

    Raises:
        UsageError: An unknown rule, pack, parameter or environment, a scope that matches nothing, or no object.
    """
    started = settings.clock or now()
    packs = tuple(library.pack(name) for name in settings.packs)
    scopes = Scopes(project, packs)
    exceptions = Waivers(settings.waivers)
    reader = _Reader(settings, project, library, sources, scopes, exceptions, excerpts, ready)
    results = [reader.judge(name, started, progress) for name in settings.environments]
    progress("")
    if not any(result.world.objects or result.world.unread for result in results):
        raise UsageError(
            "no Kubernetes object was found",
            where=", ".join(dict.fromkeys(source.name for source in sources[:3])),
            todo="name a file or folder with manifests or templates",
        )
    scopes.check()
    findings = [finding for result in results for finding in _numbered(result.judged.findings)]
    controls = [] if settings.rules else [control for result in results for control in _answers(result, packs, library)]
    states = tuple(exceptions.states((entry for result in results for entry in result.judged.findings), started))
    unread = dict.fromkeys((result.world.name, entry) for result in results for entry in result.world.unread)
    return Run(
        id=hashlib.sha256("\0".join((started, *settings.command)).encode()).hexdigest()[:16],
        version=__version__,
        started=started,
        ended=settings.clock or now(),
        command=settings.command,
        sources=tuple(dict.fromkeys(source.name for source in sources)),
        worlds=tuple(result.world for result in results),
        packs=packs,
        bindings=_all_bindings(results),
        params={**project.params, **settings.params},
        threshold=settings.threshold,
        findings=tuple(findings),
        counts=_counts(results),
        objects=tuple(entry for result in results for entry in _objects(result)),
        controls=tuple(controls),
        warnings=tuple(
            dict.fromkeys((*_empty(settings, sources, results), *_unused(settings, results, states), *_warned(results)))
        ),
        unread=tuple(unread),
        waivers=states,
        inventory=tuple(table for result in results for table in result.tables),
        skipped=max(result.skipped for result in results),
        undeclared_scopes=scopes.undeclared,
        renderers={name: version for source in sources for name, version in source.renderers().items()},
    )


class Seen(NamedTuple):
    """A world, what is worth a warning in it, and how many documents were no Kubernetes objects."""

    world: World
    warned: list[Warned]
    skipped: int


def see(name: str, project: Project, sources: Sequence[Source], clock: str, *, assume_complete: bool = False) -> Seen:
    """Read one world: an environment of the project or of its sources.

    Args:
        clock: Now, an ISO 8601 time in UTC.
        assume_complete: The sources show everything that exists, whatever the project file says.
    """
    batch = read_world(sources, name)
    environment = project.environments.get(name, Environment())
    stated = project.complete if environment.complete is None else environment.complete
    strict = project.file is not None
    world, warned = build_world(name, batch, clock=clock, complete=assume_complete or stated, strict=strict)
    return Seen(world, warned, batch.skipped)


class _Reader(NamedTuple):
    """Reads and judges worlds, all with the same settings."""

    settings: Settings
    project: Project
    library: Library
    sources: Sequence[Source]
    scopes: Scopes
    waivers: Waivers
    excerpts: Excerpts
    ready: Ready

    def judge(self, name: str, clock: str, progress: Callable[[str], None]) -> _Judged:
        """Read and judge one world."""
        progress(f"reading {name}")
        environment = self.project.environments.get(name, Environment())
        parameters = Parameters({**self.project.params, **environment.params}, self.settings.params)
        bindings = bind(self.library, self.settings.packs, self.settings.rules, parameters)
        runtime = runtime_for(bindings)
        runtime.load()
        self.ready({fact for binding in bindings for fact in binding.rule.needs})
        seen = see(name, self.project, self.sources, clock, assume_complete=self.settings.assume_complete)
        world = seen.world
        in_scope = self.scopes.holder(world)
        done = 0

        def note() -> None:
            nonlocal done
            done += 1
            if done % 100 == 1:
                progress(f"judging {name}: {done} of {len(world.objects)} objects")

        finder = self.waivers.finder(world.clock)
        everything = self.settings.everything
        judge = Judge(bindings, in_scope, finder, self.excerpts.place, everything=everything, runtime=runtime)
        apart = all(source.apart for source in self.sources)
        facts = Facts(world)
        judged = judge.judge(world, facts, note, apart=apart)
        tables = tuple(facts.tables()) if everything else ()
        return _Judged(world, bindings, judged, in_scope, seen.warned, seen.skipped, tables)


def _warned(results: Iterable[_Judged]) -> Iterator[Warned]:
    return (warned for result in results for warned in result.warned)


def _empty(settings: Settings, sources: Iterable[Source], results: Iterable[_Judged]) -> Iterator[Warned]:
    """The paths that were named and hold no object: a mistake, and not a clean result."""
    worlds = [result.world for result in results]
    full = {entry.source for world in worlds for entry in world.objects}
    full |= {entry.source for world in worlds for entry in world.unread}
    held = {source.asked for source in sources if source.name in full}
    for name in settings.asked:
        if name not in held:
            yield Warned(f"{name} was named and holds no Kubernetes object", incomplete=True)


def _unused(
    settings: Settings, results: Sequence[_Judged], states: Iterable[tuple[Waiver, WaiverState, int]]
) -> Iterator[Warned]:
    """The waivers that answered for nothing, where everything that they could be about was judged."""
    if settings.asked:
        return
    rules = {binding.rule.id for result in results for binding in result.bindings}
    worlds = {result.world.name for result in results}
    for waiver, state, _ in states:
        if state is WaiverState.UNUSED and waiver.rule in rules and worlds.issuperset(waiver.environments):
            place = Place(waiver.file, waiver.line, 1, waiver.line, 1, Role.TEMPLATE)
            yield Warned(
                f"the waiver of {waiver.rule} matches no failure: remove it, or correct what it selects", place
            )


def now() -> str:
    """The time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _numbered(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings whose fingerprints tell equal ones apart by their count."""
    seen = Counter[str]()
    for finding in findings:
        seen[finding.fingerprint] += 1
        yield finding._replace(fingerprint=f"{finding.fingerprint}:{seen[finding.fingerprint]}")


def _answers(result: _Judged, packs: Sequence[Pack], library: Library) -> Iterator[ControlResult]:
    reasons: dict[int, list[str]] = {}
    number = {(b.rule.id, repr(tuple(b.params.items()))): i for i, b in enumerate(result.bindings)}
    for finding in result.judged.findings:
        if finding.verdict is Verdict.NOT_ASSESSED:
            index = number[finding.rule, repr(finding.params)]
            reasons.setdefault(index, []).append(finding.reason)
    rollup = Rollup(result.world, library.rules, result.bindings, result.judged.tallies, reasons)
    for pack in packs:
        yield from rollup.answer(pack, [result.in_scope(obj, pack.id) for obj in result.world.objects])


def _all_bindings(results: Iterable[_Judged]) -> tuple[Binding, ...]:
    found = {(b.rule.id, b.name, repr(b.params)): b for result in results for b in result.bindings}
    return tuple(found.values())


def _counts(results: Iterable[_Judged]) -> dict[str, Counter[Verdict]]:
    counts: dict[str, Counter[Verdict]] = {}
    for result in results:
        for rule, counter in result.judged.counts.items():
            counts.setdefault(rule, Counter()).update(counter)
    return counts


def _objects(result: _Judged) -> Iterator[tuple[Any, str, str, bool]]:
    judged = {tally.object for tally in result.judged.tallies}
    for index, obj in enumerate(result.world.objects):
        yield obj.identity, obj.source, result.world.name, index in judged
