"""The report for people at a terminal: findings by file with their source lines, then the controls."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from assay.reports.form import Form
from assay.reports.grouping import failures, grouped, object_name

_COLOURS = {
    "critical": "1;35",
    "high": "31",
    "medium": "33",
    "low": "36",
    "fail": "31",
    "pass": "32",
    "waived": "34",
    "not assessed": "33",
    "error": "1;31",
    "dim": "2",
    "bold": "1",
}
_STATUSES = ("fail", "not assessed", "waived", "pass", "not applicable", "manual")
_HEADINGS = {"not applicable": "n/a"}


@dataclass(frozen=True, slots=True)
class _Style:
    """How a terminal wants it: colours or not, and the width in columns."""

    colour: bool
    width: int

    def paint(self, text: str, name: str) -> str:
        """A text in the colour of a name, or as it is."""
        return f"\x1b[{_COLOURS[name]}m{text}\x1b[0m" if self.colour and name in _COLOURS else text

    def field(self, label: str, text: str) -> Iterator[str]:
        """A labelled paragraph below a finding."""
        lines = textwrap.wrap(" ".join(text.split()), max(self.width - 15, 30), break_on_hyphens=False) or [""]
        yield f"     {self.paint(f'{label:<9}', 'dim')} {lines[0]}"
        yield from (f"               {line}" for line in lines[1:])


def write(form: Form, options: dict[str, Any]) -> str:
    """The form as text.

    Args:
        options: ``colour`` (default no), ``width`` in columns (default 100), ``verbose`` (list every control),
            ``quiet`` (findings and one line only), ``exit_code`` and ``exit_reason`` to close with.
    """
    style = _Style(bool(options.get("colour")), int(options.get("width", 100)))
    lines = list(_findings(form, style))
    lines += _broken(form, style)
    lines += _warnings(form, style, verbose=bool(options.get("verbose")), quiet=bool(options.get("quiet")))
    if not options.get("quiet"):
        lines += _waived(form, style)
        lines += _unassessed(form, style)
        lines += _controls(form, style, verbose=bool(options.get("verbose")))
    lines += _close(form, style, options)
    return "".join(f"{_safe(line)}\n" for line in lines)


def _safe(line: str) -> str:
    """A line that cannot steer a terminal: control characters other than our colours are shown as escapes."""
    if line.isascii() and line.isprintable():
        return line
    cleaned = "".join(
        c if c in "\x1b\t" or (c.isprintable() and not _turns(c)) else c.encode("unicode_escape").decode() for c in line
    )
    parts = cleaned.split("\x1b")
    return parts[0] + "".join(
        f"\x1b{part}" if part[:1] == "[" and part[1:].lstrip("0123456789;")[:1] == "m" else f"\\x1b{part}"
        for part in parts[1:]
    )


def _turns(char: str) -> bool:
    """Whether a character changes the direction of the text around it."""
    return "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069"


def _findings(form: Form, style: _Style) -> Iterator[str]:
    by_file: dict[str, list[dict[str, Any]]] = {}
    for finding in failures(form):
        by_file.setdefault(finding["places"][0]["file"], []).append(finding)
    rules = {rule["id"]: rule for rule in form["rules"]}
    titles = {pack["id"]: pack["title"] for pack in form["run"]["packs"]}
    several = len(form["run"]["worlds"]) > 1
    for file in sorted(by_file):
        yield style.paint(file, "bold")
        for finding in sorted(by_file[file], key=lambda entry: (entry["places"][0]["line"], entry["rule"])):
            yield from _finding(finding, rules[finding["rule"]], titles, style, several=several)
        yield ""


def _finding(
    finding: dict[str, Any], rule: dict[str, Any], titles: dict[str, str], style: _Style, *, several: bool
) -> Iterator[str]:
    place, *related = finding["places"]
    severity = style.paint(f"{finding['severity']:<8}", finding["severity"])
    yield f"  {place['line']}:{place['column']}  {severity} {style.paint(finding['rule'], 'bold')}"
    yield f"     {finding['message']}"
    yield from _excerpt(place, style)
    item = f", {finding['item']}" if finding["item"] else ""
    yield from style.field("object", f"{object_name(finding)}{item}")
    if several:
        yield from style.field("worlds", ", ".join(finding["worlds"]))
    for evidence in finding["evidence"]:
        value = "nothing" if evidence["value"] is None else _value(evidence["value"])
        yield from style.field("found", f"{evidence['route']}: {value}")
    if place["role"] in ("missing", "approximate") or place.get("note"):
        yield from style.field("place", place.get("note") or f"{place['role']}: the line is not certain")
    for other in related:
        yield from style.field(_ROLES.get(other["role"], other["role"]), _where(other))
    if finding["waiver"]:
        waiver = finding["waiver"]
        yield from style.field("waiver", f"ended on {waiver['until']} ({waiver['owner']}): {waiver['reason']}")
    yield from style.field("fix", rule["fix"])
    if finding["controls"]:
        by_pack: dict[str, list[str]] = {}
        for control in finding["controls"]:
            by_pack.setdefault(titles.get(control["framework"], control["framework"]), []).append(control["id"])
        yield from style.field("controls", "; ".join(f"{pack} {', '.join(ids)}" for pack, ids in by_pack.items()))
    yield ""


_ROLES = {"template": "template", "override-chain": "overrides", "value": "value", "argument": "argument"}


def _where(place: dict[str, Any]) -> str:
    where = f"{place['file']}:{place['line']}:{place['column']}" if place["file"] else ""
    return " ".join(part for part in (where, place.get("note", "")) if part)


def _value(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    return textwrap.shorten(text, 160, placeholder=" ...") if len(text) > 160 else text


def _excerpt(place: dict[str, Any], style: _Style) -> Iterator[str]:
    if not place["excerpt"]:
        return
    for number, line in enumerate(place["excerpt"].split("\n"), place["excerptLine"]):
        blamed = place["line"] <= number <= max(place["line"], min(place["endLine"], place["line"]))
        marker = style.paint(">", "fail") if blamed else " "
        shown = line if len(line) <= style.width - 14 else line[: style.width - 17] + "..."
        yield f"   {marker} {number:>5} | {shown if blamed else style.paint(shown, 'dim')}".rstrip()


def _broken(form: Form, style: _Style) -> Iterator[str]:
    broken: dict[tuple[str, str], list[str]] = {}
    for finding in grouped(entry for entry in form["findings"] if entry["verdict"] == "error"):
        place = finding["places"][0]
        where = f"{object_name(finding)} ({place['file']}:{place['line']})"
        broken.setdefault((where, finding["reason"]), []).append(finding["rule"])
    for (where, reason), rules in broken.items():
        yield f"{style.paint('rule error', 'error')} {where}: {reason}"
        names = f"{_count(len(rules), 'rule')}: {', '.join(rules)}"
        yield from (f"     {line}" for line in textwrap.wrap(names, max(style.width - 5, 30), break_on_hyphens=False))
    unread: dict[tuple[str, str, str], set[str]] = {}
    for entry in form["unread"]:
        where = entry["source"] if not entry["place"] else f"{entry['place']['file']}:{entry['place']['line']}"
        unread.setdefault((where, entry["reason"], entry["todo"]), set()).add(entry["source"])
    for (where, reason, todo), sources in unread.items():
        yield f"{style.paint('not read', 'error')} {where}: {reason}"
        yield from (f"     {line}" for line in todo.splitlines())
        if len(sources) > 1:
            yield f"     {len(sources)} sources need it: {', '.join(sorted(sources))}"
    if unread:
        yield "     What it holds is not assessed."
        yield ""


def _waived(form: Form, style: _Style) -> Iterator[str]:
    found = grouped(entry for entry in form["findings"] if entry["verdict"] == "waived")
    if not found:
        return
    yield style.paint(f"Waived: {_count(len(found), 'failure')}", "waived")
    for entry in found:
        waiver, place = entry["waiver"], entry["places"][0]
        ticket = f", {waiver['ticket']}" if waiver["ticket"] else ""
        yield f"  {entry['rule']} on {object_name(entry)} ({place['file']}:{place['line']})"
        yield from style.field("until", f"{waiver['until']}, {waiver['owner']}{ticket}: {waiver['reason']}")
    yield ""


def _unassessed(form: Form, style: _Style) -> Iterator[str]:
    found = [entry for entry in form["findings"] if entry["verdict"] == "not assessed" and "unread" not in entry]
    if not found:
        return
    yield style.paint(f"Not assessed: {_count(len(found), 'verdict')}", "not assessed")
    for (rule, reason), count in sorted(Counter((entry["rule"], entry["reason"]) for entry in found).items()):
        yield f"  {rule} ({count}): {reason}"
    if any("was not seen" in entry["reason"] for entry in found):
        yield "  Say what the sources show completely with `complete:` in assay.yaml, or once with --assume-complete."
    yield ""


def _warnings(form: Form, style: _Style, *, verbose: bool, quiet: bool) -> Iterator[str]:
    found = [entry for entry in form["warnings"] if entry["incomplete"] or not quiet]
    for entry in found if verbose else found[:5]:
        where = f"{entry['place']['file']}:{entry['place']['line']}: " if entry["place"] else ""
        yield f"{style.paint('warning', 'medium')} {where}{entry['message']}"
    if len(found) > 5 and not verbose:
        yield f"  and {_count(len(found) - 5, 'warning')} more; --verbose shows all"
    if found:
        yield ""


def _controls(form: Form, style: _Style, *, verbose: bool) -> Iterator[str]:
    for world in form["run"]["worlds"]:
        results = [entry for entry in form["controls"] if entry["world"] == world["name"]]
        if not results:
            continue
        yield style.paint(f"Controls, {world['name']}", "bold")
        yield from _table(form["run"]["packs"], results, style)
        yield ""
        for pack in form["run"]["packs"]:
            own = [entry for entry in results if entry["framework"] == pack["id"]]
            yield from _every(pack, own, style) if verbose else _named(pack, own, style)
    scopes = form["run"]["undeclaredScopes"]
    if scopes and form["controls"]:
        yield f"Scope not declared ({', '.join(scopes)}): every object counts. `scopes:` in assay.yaml declares it."
        yield ""


def _table(packs: Iterable[dict[str, Any]], results: list[dict[str, Any]], style: _Style) -> Iterator[str]:
    shown = [status for status in _STATUSES if status != "waived" or any(r["status"] == status for r in results)]
    heads = [_HEADINGS.get(status, status) for status in shown]
    yield style.paint(f"  {'':<24}" + "".join(f"{head:>14}" for head in (*heads, "controls")), "dim")
    for pack in packs:
        own = Counter(entry["status"] for entry in results if entry["framework"] == pack["id"])
        cells = "".join(style.paint(f"{own[s]:>14}", s if own[s] else "dim") for s in shown)
        yield f"  {pack['title'] + ' ' + pack['version']:<24}{cells}{sum(own.values()):>14}"


def _named(pack: dict[str, Any], results: list[dict[str, Any]], style: _Style) -> Iterator[str]:
    """The controls of a framework by status, where there is something to say beyond the counts."""
    lines = []
    for status in ("fail", "waived", "pass", "not assessed"):
        own = [entry for entry in results if entry["status"] == status and entry["reason"] != "no rule yet"]
        partial = status == "pass" and any(entry["assessability"] == "partial" for entry in own)
        names = [entry["id"] + ("*" if partial and entry["assessability"] == "partial" else "") for entry in own]
        if names:
            wrapped = textwrap.wrap(", ".join(names), max(style.width - 20, 30), break_on_hyphens=False)
            lines.append(f"    {style.paint(f'{status:<14}', status)}  {wrapped[0]}")
            lines += [f"{'':20}{line}" for line in wrapped[1:]]
    open_ones = sum(entry["reason"] == "no rule yet" for entry in results)
    without = f"{_count(open_ones, 'control')} without a rule yet: not assessed"
    if open_ones:
        lines.append(f"    {style.paint(without, 'dim')}")
    if lines:
        yield f"  {style.paint(pack['title'], 'bold')}   (* the cluster part; a person shows the rest)"
        yield from lines
        yield ""


def _every(pack: dict[str, Any], results: Iterable[dict[str, Any]], style: _Style) -> Iterator[str]:
    yield f"  {style.paint(pack['title'], 'bold')}"
    for entry in results:
        status = "pass (cluster part)" if _is_part(entry) else entry["status"]
        yield f"    {entry['id']:<12} {style.paint(f'{status:<20}', entry['status'])} {entry['title']}"
        counts = entry["population"]
        detail = [
            f"{entry['rules']['assessed']} of {entry['rules']['tied']} rules assessed"
            if entry["rules"]["tied"]
            else "",
            f"{counts['inScope']} objects: {counts['passed']} passed, {counts['failed']} failed"
            if counts["inScope"]
            else "",
            entry["reason"],
            f"{len(entry['rules']['needsLive'])} rules need a live audit" if entry["rules"]["needsLive"] else "",
        ]
        text = "; ".join(part for part in detail if part)
        if text:
            yield f"{'':17}{style.paint(text, 'dim')}"
        if entry["manual"] and entry["status"] in ("manual", "pass"):
            yield f"{'':17}{style.paint('to show: ' + entry['manual'], 'dim')}"
    yield ""


def _is_part(entry: dict[str, Any]) -> bool:
    return bool(entry["status"] == "pass" and entry["assessability"] == "partial")


def _close(form: Form, style: _Style, options: dict[str, Any]) -> Iterator[str]:
    verdicts = form["summary"]["verdicts"]
    shown = [f"{verdicts[v]} {v}" for v in ("fail", "waived", "error", "not assessed", "pass") if verdicts[v]]
    severities = Counter(entry["severity"] for entry in failures(form))
    worst = ", ".join(f"{severities[s]} {s}" for s in ("critical", "high", "medium", "low") if severities[s])
    counts = f"{_count(form['summary']['objects'], 'object')}, {_count(len(form['rules']), 'rule')}"
    yield f"{counts}: {', '.join(shown) or 'nothing to judge'}" + (f"; findings: {worst}" if worst else "")
    if form["run"]["skipped"]:
        yield f"{_count(form['run']['skipped'], 'document')} without apiVersion and kind skipped"
    if options.get("exit_reason"):
        yield style.paint(options["exit_reason"], "fail" if options.get("exit_code") == 1 else "bold")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
