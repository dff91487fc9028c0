"""``assay facts``: the relations of a world, as rules see them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli.exits import Exit
from assay.cli.options import config_option, echo_json, format_option, set_option, values_option
from assay.errors import UsageError
from assay.facts import FACTS, Facts
from assay.reports.form import masked
from assay.scan import now, see

if TYPE_CHECKING:
    from assay.model.objects import World

SCHEMA = "assay-facts/v1"


@click.command(short_help="Show relations: who may do what, who reaches whom, what is backed up.")
@click.argument("name", metavar="FACT")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--env", multiple=True, metavar="NAME", help="An environment; several may be named.")
@values_option
@set_option
@config_option
@click.option("--assume-complete", is_flag=True, help="The sources show everything that exists.")
@format_option
def facts(
    name: str,
    paths: tuple[Path, ...],
    *,
    env: tuple[str, ...],
    values: tuple[Path, ...],
    set_: tuple[str, ...],
    config: Path | None,
    assume_complete: bool,
    form: str,
) -> int:
    r"""Show one FACT about everything at PATHS, each environment on its own.

    \b
    FACT is one of: {names}
    """
    from assay.cli.wire import wire

    if name not in FACTS:
        from assay.engine.load import nearest

        raise UsageError(f"there is no fact {name!r}", todo=f"{nearest(name, FACTS, 'assay facts --help')}")
    wiring = wire(config, values, set_)
    try:
        sources = wiring.sources(paths)
        worlds = [
            see(each, wiring.project, sources, now(), assume_complete=assume_complete).world
            for each in wiring.environments(env, sources)
        ]
    finally:
        wiring.close()
    if not any(world.objects or world.unread for world in worlds):
        raise UsageError("no Kubernetes object was found", todo="name a file or folder with manifests or templates")
    mask = wiring.masker.mask
    entries = [masked(_entry(name, world), mask) for world in worlds]
    if form == "json":
        echo_json({"schema": SCHEMA, "fact": name, "worlds": entries})
    else:
        for entry in entries:
            _print(entry, shutil.get_terminal_size((100, 40)).columns if sys.stdout.isatty() else 0)
    return Exit.INCOMPLETE if any(world.unread for world in worlds) else Exit.OK


def _entry(name: str, world: World) -> dict[str, Any]:
    """One world as plain data."""
    table = Facts(world).table(name)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return {"name": world.name, "columns": list(table.columns), "rows": rows, "unseen": list(table.unseen)}


def _print(entry: dict[str, Any], width: int) -> None:
    """One world as a table; on a terminal its last column is cut where the line ends."""
    columns = entry["columns"]
    rows = [[_cell(row[column]) for column in columns] for row in entry["rows"]]
    click.secho(f"{entry['name']}: {len(rows)} {'entry' if len(rows) == 1 else 'entries'}", bold=True)
    wide = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    for number, cells in enumerate([columns, *rows] if rows else []):
        line = "  " + "  ".join(cell.ljust(size) for cell, size in zip(cells, wide, strict=True)).rstrip()
        shown = line if not width or len(line) <= width else line[: width - 1] + "…"
        click.secho(shown, dim=True) if not number else click.echo(shown)
    if entry["unseen"]:
        click.echo("  Not seen, and could change this: " + ", ".join(entry["unseen"]))


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_cell, value)) or "-"
    if value is None:
        return "unknown"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value) or "-"


facts.help = (facts.help or "").format(names=", ".join(FACTS))
