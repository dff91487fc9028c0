"""The waivers file: which failures somebody answers for, and until when (docs/waivers.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from assay.documents import Locator, read_file
from assay.engine.load import Library
from assay.engine.validate import validated
from assay.errors import UsageError
from assay.model.objects import KubeObject
from assay.model.verdicts import Finding, Verdict
from assay.model.waivers import Waiver, WaiverState


def load_waivers(path: Path, name: str, library: Library) -> tuple[Waiver, ...]:
    """The waivers of a file, in its order.

    Args:
        name: What reports call the file.

    Raises:
        UsageError: The file breaks its schema, names a rule that does not exist or a day that is none.
    """
    data = validated(path, "waivers")
    locator = Locator(read_file(path)[0])
    found = []
    for number, entry in enumerate(data["waivers"]):
        line = locator.locate(0, ("waivers", number)).line
        found.append(_waiver(entry, library, name, line))
    return tuple(found)


def _waiver(entry: dict[str, Any], library: Library, file: str, line: int) -> Waiver:
    where = f"{file}:{line}"
    try:
        date.fromisoformat(entry["until"])
    except ValueError:
        raise UsageError(f"`until: {entry['until']}` is no day", where=where, todo="write YYYY-MM-DD") from None
    try:
        rule = library.rule(entry["rule"]).id
    except UsageError as problem:
        raise UsageError(problem.what, where=where, todo=problem.todo) from None
    selected = entry.get("object", {})
    return Waiver(
        rule=rule,
        reason=entry["reason"],
        owner=entry["owner"],
        until=entry["until"],
        ticket=entry.get("ticket", ""),
        environments=tuple(entry.get("environments", ())),
        kind=selected.get("kind", ""),
        namespace=selected.get("namespace", ""),
        name=selected.get("name", ""),
        labels=tuple(selected.get("labels", {}).items()),
        path=entry.get("path", ""),
        item=entry.get("item", ""),
        file=file,
        line=line,
    )


class Waivers:
    """Finds the waiver of a failure, and says afterwards which ones were of use."""

    def __init__(self, waivers: Sequence[Waiver]) -> None:
        self._by_rule: dict[str, list[Waiver]] = {}
        for waiver in waivers:
            self._by_rule.setdefault(waiver.rule, []).append(waiver)
        self._waivers = waivers

    def finder(self, clock: str) -> Callable[[Finding, KubeObject], Waiver | None]:
        """The first waiver in the file's order that matches a failure and counts at a time.

        Where only expired ones match, the first of them: the caller sees by :meth:`Waiver.expired`.
        """

        def find(finding: Finding, obj: KubeObject) -> Waiver | None:
            over = None
            for waiver in self._by_rule.get(finding.rule, ()):
                if not _matches(waiver, finding, obj):
                    continue
                if not waiver.expired(clock):
                    return waiver
                over = over or waiver
            return over

        return find

    def states(self, findings: Iterable[Finding], clock: str) -> Iterator[tuple[Waiver, WaiverState, int]]:
        """Every waiver with its state at a time and how many failures it answered for."""
        used = Counter(finding.waiver for finding in findings if finding.verdict is Verdict.WAIVED)
        for waiver in self._waivers:
            state = WaiverState.EXPIRED if waiver.expired(clock) else WaiverState.UNUSED
            yield waiver, WaiverState.USED if used[waiver] else state, used[waiver]


def _matches(waiver: Waiver, finding: Finding, obj: KubeObject) -> bool:
    identity = obj.identity
    return (
        (not waiver.environments or finding.world in waiver.environments)
        and waiver.kind in ("", identity.kind, obj.group_kind)
        and _glob(waiver.namespace, identity.namespace or "")
        and _glob(waiver.name, identity.name)
        and _glob(waiver.item, finding.item)
        and _labelled(waiver.labels, obj)
        and (not waiver.path or any(_glob(waiver.path, place.file) for place in finding.places))
    )


def _glob(pattern: str, text: str) -> bool:
    return not pattern or fnmatchcase(text, pattern)


def _labelled(wanted: tuple[tuple[str, str], ...], obj: KubeObject) -> bool:
    labels = (obj.body.get("metadata") or {}).get("labels")
    return all(isinstance(labels, Mapping) and labels.get(key) == value for key, value in wanted)
