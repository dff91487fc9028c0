"""``assay explain``: a rule or a control, in words."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli.options import config_option, echo_json, format_option
from assay.errors import UsageError

if TYPE_CHECKING:
    from assay.model.controls import Control, Pack
    from assay.model.rules import Rule, Shared


@click.command(short_help="Explain a rule or a control.")
@click.argument("name")
@config_option
@format_option
def explain(name: str, config: Path | None, form: str) -> None:
    """Explain a rule (by its id or another scanner's) or a control ("pci-dss 8.2.1", "A.8.24", "CC6.1").

    Raises:
        UsageError: Nothing is called so.
    """
    from assay.cli.wire import wire
    from assay.engine.load import nearest

    library = wire(config).library()
    rule = library.rules.get(name) or next((r for r in library.rules.values() if name in r.aliases), None)
    if rule is not None:
        return echo_json(rule_data(rule)) if form == "json" else explain_rule(rule)
    controls = [(pack, control) for pack in library.packs.values() for control in pack.controls if _is(control, name)]
    if not controls:
        known = [*library.rules, *(control.id for pack in library.packs.values() for control in pack.controls)]
        raise UsageError(f"no rule and no control is called {name!r}", todo=nearest(name, known, "assay rules list"))
    if form == "json":
        return echo_json([control_data(control) for _, control in controls])
    for pack, control in controls:
        explain_control(pack, control, library.rules)
    return None


def _is(control: Control, name: str) -> bool:
    return name.lower() in (
        control.id.lower(),
        f"{control.pack} {control.id}".lower(),
        f"{control.pack}:{control.id}".lower(),
    )


def rule_data(rule: Rule) -> dict[str, Any]:
    """A rule as plain data."""
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity,
        "domain": rule.domain,
        "scope": rule.scope,
        "kinds": rule.kinds,
        "each": list(rule.each.paths) if rule.each else None,
        "when": rule.when,
        "assert": rule.check,
        "unknown": rule.unknown,
        "needs": rule.needs,
        "shared": [{"name": s.name, "takes": s.takes, "means": s.means, "is": s.expression} for s in _shared(rule)],
        "message": rule.message,
        "at": [{"route": entry.route, "when": entry.when} for entry in rule.at],
        "params": {p.name: {"type": p.type, "default": p.default, "source": p.source} for p in rule.params},
        "why": rule.why,
        "fix": rule.fix,
        "references": rule.references,
        "aliases": rule.aliases,
        "controls": [
            {
                "framework": tie.pack,
                "id": tie.control,
                "tie": "required" if tie.required else "supporting",
                "because": tie.because,
            }
            for tie in rule.ties
        ],
        "version": rule.version,
    }


def explain_rule(rule: Rule) -> None:
    """Print a rule with its examples."""
    from assay.engine.load import read_examples

    click.secho(f"{rule.id}", bold=True, nl=False)
    click.echo(f"  {rule.severity}, {rule.domain}")
    _paragraph("", rule.title + ".")
    _paragraph("Judges", ", ".join(rule.kinds) + (f", each of {' and '.join(rule.each.paths)}" if rule.each else ""))
    if rule.when:
        _paragraph("When", rule.when)
    if rule.needs:
        _paragraph("Needs", ", ".join(f"{name} (`assay facts {name}`)" for name in rule.needs))
    _paragraph("Passes if", rule.check)
    if rule.unknown:
        _paragraph("Unknown", f"not assessed, although it passes, where this gives a reason: {rule.unknown}")
    for used in _shared(rule):
        _paragraph("With", f"lib.{used.name}({', '.join(used.takes)}), {used.means}: {used.expression}")
    _paragraph("Blames", ", then ".join(e.route + (f" (if {e.when})" if e.when else "") for e in rule.at))
    for param in rule.params:
        shared = f" (--param {param.shared}=...)" if param.shared else ""
        _paragraph("Parameter", f"{param.name}, {param.type}, default {param.default}{shared}; {param.source}")
    _paragraph("Why", rule.why)
    _paragraph("Fix", rule.fix)
    for reference in rule.references:
        click.echo(f"  {'See':<10} {reference}")
    for tie in rule.ties:
        kind = "required" if tie.required else "supporting"
        _paragraph("Control", f"{tie.pack} {tie.control} ({kind}): {tie.because}")
    if rule.aliases:
        _paragraph("Also", ", ".join(rule.aliases))
    _examples(read_examples(rule.file))


def _shared(rule: Rule) -> list[Shared]:
    """The shared expressions that a rule uses, each once."""
    from assay.engine.unfold import shared_names

    texts = (rule.when, rule.check, rule.unknown, rule.message, *(entry.when for entry in rule.at))
    return [rule.shared[name] for name in dict.fromkeys(name for text in texts for name in shared_names(text))]


def _examples(examples: dict[str, list[Any]]) -> None:
    import yaml

    for verdict, entries in examples.items():
        click.secho(f"\n  Example, {verdict}: {entries[0]['name']}", bold=True)
        text = yaml.safe_dump(entries[0]["object"], sort_keys=False, allow_unicode=True)
        click.echo(textwrap.indent(text, "    "), nl=False)
        for entry in entries[1:]:
            click.echo(f"    also {verdict}: {entry['name']}")


def control_data(control: Control) -> dict[str, Any]:
    """A control as plain data."""
    return {
        "framework": control.pack,
        "id": control.id,
        "title": control.title,
        "assessability": control.assessability,
        "seen": control.seen,
        "show": control.show,
        "rules": [
            {"rule": rule, "tie": "required" if tie.required else "supporting", "because": tie.because}
            for rule, tie in control.ties
        ],
    }


def explain_control(pack: Pack, control: Control, rules: dict[str, Rule]) -> None:
    """Print a control: what a cluster can show, which rules show it, what a person must bring."""
    click.secho(f"{pack.title} {pack.version}  {control.id}", bold=True, nl=False)
    click.echo(f"  {control.assessability}")
    _paragraph("", control.title + ".")
    if control.seen:
        _paragraph("A cluster", control.seen)
    if control.show:
        _paragraph("A person", control.show)
    for name, tie in control.ties:
        kind = "required" if tie.required else "supporting"
        _paragraph("Rule", f"{name} ({rules[name].severity}, {kind}): {tie.because}")
    if not control.ties and control.assessability != "manual":
        _paragraph("Rule", "none yet: the control is not assessed")
    click.echo()


def _paragraph(label: str, text: str) -> None:
    lines = textwrap.wrap(" ".join(text.split()), 88, break_on_hyphens=False, break_long_words=False) or [""]
    click.echo(f"  {label:<10} {lines[0]}" if label else f"  {lines[0]}")
    for line in lines[1:]:
        click.echo(f"  {'':<10} {line}" if label else f"  {line}")
