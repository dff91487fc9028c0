"""The one complete form of a result, ``assay/v1``: every report is made from it, and it only ever grows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from assay.model.controls import ControlResult
from assay.model.objects import Identity, Unread, Warned, World
from assay.model.origin import Place, format_route
from assay.model.rules import Rule
from assay.model.run import Inventory, Run
from assay.model.verdicts import Finding, Verdict
from assay.model.waivers import Waiver

SCHEMA = "assay/v1"
Form = dict[str, Any]
Mask = Callable[[str], str]


def build_form(run: Run, mask: Mask) -> Form:
    """A run as plain data that JSON can hold, every dynamic text masked.

    Args:
        mask: Takes secret values out of a text.
    """
    unread_ids = {entry: f"unread-{number}" for number, entry in enumerate(run.unread, 1)}
    findings = list(_findings(run.findings, unread_ids, mask))
    form: Form = {
        "schema": SCHEMA,
        "tool": {"name": "assay", "version": run.version},
        "run": _run(run, mask),
        "rules": [_rule(rule) for rule in {b.rule.id: b.rule for b in run.bindings}.values()],
        "findings": findings,
        "unread": [_unread(name, world, entry, mask) for (world, entry), name in unread_ids.items()],
        "warnings": [_warning(entry, mask) for entry in run.warnings],
        "objects": [
            {"identity": _identity(identity), "source": source, "world": world, "judged": judged}
            for identity, source, world, judged in run.objects
        ],
        "waivers": [
            {**_waiver(waiver, mask), "state": str(state), "matched": count} for waiver, state, count in run.waivers
        ],
        "baseline": {"known": 0, "fixed": 0},
        "inventory": [_inventory(entry, mask) for entry in run.inventory],
        "controls": [_control(result) for result in run.controls],
        "summary": _summary(run),
    }
    return form


def _run(run: Run, mask: Mask) -> dict[str, Any]:
    return {
        "id": run.id,
        "started": run.started,
        "ended": run.ended,
        "command": [mask(word) for word in run.command],
        "sources": list(run.sources),
        "worlds": [_world(world) for world in run.worlds],
        "packs": [{"id": pack.id, "title": pack.title, "version": pack.version} for pack in run.packs],
        "params": dict(run.params),
        "threshold": run.threshold,
        "clock": run.worlds[0].clock if run.worlds else run.started,
        "parts": [],
        "renderers": dict(run.renderers),
        "skipped": run.skipped,
        "undeclaredScopes": list(run.undeclared_scopes),
        "shownOnly": list(run.shown_only),
    }


def _world(world: World) -> dict[str, Any]:
    complete = world.complete if isinstance(world.complete, bool) else list(world.complete)
    return {"name": world.name, "kind": world.kind, "complete": complete, "cluster": None}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": str(rule.severity),
        "domain": rule.domain,
        "why": rule.why,
        "fix": rule.fix,
        "references": list(rule.references),
        "controls": [{"framework": tie.pack, "id": tie.control} for tie in rule.ties],
        "version": rule.version,
    }


def _findings(
    findings: Iterable[Finding], unread_ids: dict[tuple[str, Unread], str], mask: Mask
) -> Iterator[dict[str, Any]]:
    """Findings as plain data; what all those of one binding say is made once."""
    controls: dict[int, list[dict[str, str]]] = {}
    bindings: dict[tuple[int, int], dict[str, Any]] = {}
    for finding in findings:
        tied, packs, params = id(finding.controls), id(finding.packs), id(finding.params)
        if tied not in controls:
            controls[tied] = [{"framework": pack, "id": control} for pack, control in finding.controls]
        if (packs, params) not in bindings:
            bindings[packs, params] = {"params": dict(finding.params), "packs": list(finding.packs)}
        yield _finding(finding, bindings[packs, params], controls[tied], unread_ids, mask)


def _finding(
    finding: Finding,
    binding: dict[str, Any],
    controls: list[dict[str, str]],
    unread_ids: dict[tuple[str, Unread], str],
    mask: Mask,
) -> dict[str, Any]:
    identity = finding.identity
    entry: dict[str, Any] = {
        "rule": finding.rule,
        "binding": binding,
        "verdict": str(finding.verdict),
        "severity": str(finding.severity),
        "world": finding.world,
        "object": None
        if identity is None
        else {
            "apiVersion": finding.api_version,
            "kind": identity.kind,
            "namespace": identity.namespace,
            "name": mask(identity.name),
            "uid": None,
        },
        "item": mask(finding.item),
        "route": mask(format_route(finding.route)),
        "message": mask(finding.message),
        "reason": mask(finding.reason),
        "evidence": [{"route": mask(format_route(e.route)), "value": masked(e.value, mask)} for e in finding.evidence],
        "places": [_place(place, mask) for place in finding.places],
        "controls": controls,
        "source": finding.source,
        "waiver": _waiver(finding.waiver, mask) if finding.waiver else None,
        "baseline": False,
        "fingerprint": finding.fingerprint,
    }
    if finding.unread is not None:
        entry["unread"] = unread_ids[finding.world, finding.unread]
    return entry


def masked(value: Any, mask: Mask) -> Any:
    """A value with every text in it masked."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {mask(str(key)): masked(item, mask) for key, item in value.items()}
    return [masked(item, mask) for item in value] if isinstance(value, list) else value


def _waiver(waiver: Waiver, mask: Mask) -> dict[str, Any]:
    return {
        "rule": waiver.rule,
        "reason": mask(waiver.reason),
        "owner": waiver.owner,
        "until": waiver.until,
        "ticket": waiver.ticket,
        "file": waiver.file,
        "line": waiver.line,
    }


def _place(place: Place, mask: Mask) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
        "role": str(place.role),
        "excerpt": mask(place.excerpt),
        "excerptLine": place.excerpt_line,
    }
    if place.note:
        entry["note"] = mask(place.note)
    return entry


def _identity(identity: Identity) -> dict[str, Any]:
    return {
        "group": identity.group,
        "kind": identity.kind,
        "namespace": identity.namespace,
        "name": identity.name,
    }


def _unread(name: str, world: str, entry: Unread, mask: Mask) -> dict[str, Any]:
    return {
        "id": name,
        "source": entry.source,
        "group": None,
        "resource": None,
        "namespace": None,
        "kinds": sorted(entry.kinds),
        "place": _place(entry.place, mask) if entry.place else None,
        "reason": mask(entry.reason),
        "todo": mask(entry.todo),
        "world": world,
    }


def _warning(entry: Warned, mask: Mask) -> dict[str, Any]:
    return {
        "message": mask(entry.message),
        "place": _place(entry.place, mask) if entry.place else None,
        "incomplete": entry.incomplete,
    }


def _inventory(entry: Inventory, mask: Mask) -> dict[str, Any]:
    rows = [dict(zip(entry.columns, row, strict=True)) for row in entry.rows]
    return {
        "world": entry.world,
        "fact": entry.fact,
        "rows": masked(rows, mask),
        "unseen": masked([*entry.unseen], mask),
    }


def _control(result: ControlResult) -> dict[str, Any]:
    control = result.control
    return {
        "framework": control.pack,
        "id": control.id,
        "title": control.title,
        "assessability": str(control.assessability),
        "status": str(result.status),
        "reason": "; ".join(result.reasons),
        "rules": {
            "tied": result.tied,
            "assessed": result.assessed,
            "ties": [
                {"rule": rule, "tie": "required" if tie.required else "supporting", "because": tie.because}
                for rule, tie in control.ties
            ],
            "needsLive": list(result.live_rules),
        },
        "population": {
            "inScope": result.population.in_scope,
            "passed": result.population.passed,
            "failed": result.population.failed,
            "waived": result.population.waived,
        },
        "manual": control.show,
        "unseen": control.show if control.assessability == "partial" else "",
        "seen": control.seen,
        "world": result.world,
    }


def _summary(run: Run) -> dict[str, Any]:
    verdicts: Counter[Verdict] = sum(run.counts.values(), Counter())
    return {
        "verdicts": {str(verdict): verdicts[verdict] for verdict in Verdict},
        "byRule": {
            rule: {str(verdict): count for verdict, count in sorted(counts.items())}
            for rule, counts in run.counts.items()
        },
        "objects": len(run.objects),
        "controls": _statuses(run.controls),
    }


def _statuses(results: Iterable[ControlResult]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for result in results:
        found.setdefault(result.control.pack, Counter())[str(result.status)] += 1
    return {pack: dict(counter) for pack, counter in found.items()}
