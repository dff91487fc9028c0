"""``assay controls``: what the packs ask, and what evidences it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli.exits import Exit
from assay.cli.options import config_option, echo_json, format_option

if TYPE_CHECKING:
    from assay.engine.load import Library


@click.command(short_help="List the controls of the packs and what evidences them.")
@click.option("--pack", multiple=True, metavar="ID", help="Only these packs (default: all).")
@click.option("--check", is_flag=True, help="Check that every rule is tied and every tie has its reason.")
@config_option
@format_option
def controls(pack: tuple[str, ...], check: bool, config: Path | None, form: str) -> int:
    """List every control: how much a cluster can show, the rules tied, what a person must bring."""
    from assay.cli.explain import control_data, explain_control
    from assay.cli.wire import wire

    library = wire(config).library()
    if check:
        return _check(library)
    packs = [library.pack(name) for name in pack] or list(library.packs.values())
    if form == "json":
        echo_json([control_data(control) for entry in packs for control in entry.controls])
        return Exit.OK
    for entry in packs:
        for control in entry.controls:
            explain_control(entry, control, library.rules)
        counts = Counter(control.assessability for control in entry.controls)
        tied = sum(bool(control.ties) for control in entry.controls)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        click.echo(f"{entry.title} {entry.version}: {len(entry.controls)} controls ({kinds}), {tied} with rules\n")
    return Exit.OK


def _check(library: Library) -> int:
    """What the loader does not refuse: rules that evidence nothing, ties to manual controls, ties without reason."""
    tied = {name for pack in library.packs.values() for control in pack.controls for name, _ in control.ties}
    problems = [f"{name}: tied to no control and to no part of hygiene" for name in library.rules if name not in tied]
    for pack in library.packs.values():
        for control in pack.controls:
            if control.ties and control.assessability == "manual":
                problems.append(f"{pack.id} {control.id} is manual but has the rule {control.ties[0][0]}")
            problems += [
                f"{pack.id} {control.id}: {name} is tied without a reason"
                for name, tie in control.ties
                if not tie.because.strip()
            ]
    for problem in problems:
        click.echo(problem)
    click.echo(f"{len(library.rules)} rules, {len(library.packs)} packs, {len(problems)} problems")
    return Exit.FINDINGS if problems else Exit.OK
