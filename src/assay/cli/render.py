"""``assay render``: what ``kubectl apply -f -`` would get."""

from __future__ import annotations

from pathlib import Path

import click

from assay.cli.exits import Exit
from assay.cli.options import config_option, set_option, values_option
from assay.errors import UsageError


@click.command(short_help="Print what the templates of an environment give.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--env", metavar="NAME", help="The environment to render; needed where there are several.")
@values_option
@set_option
@config_option
@click.option("--origins", is_flag=True, help="Say before each text where its objects come from.")
@click.option("--mask", is_flag=True, help="Mask secret values, to show the output to somebody.")
def render(
    paths: tuple[Path, ...],
    env: str | None,
    values: tuple[Path, ...],
    set_: tuple[str, ...],
    config: Path | None,
    origins: bool,
    mask: bool,
) -> int:
    """Print what the templates of an environment give, with the plain manifests beside them.

    Secret values are printed as they are, because the output is to be applied; --mask hides them.
    """
    from assay.cli.wire import wire

    wiring = wire(config, values, set_)
    try:
        sources = wiring.sources(paths)
        known = wiring.environments([env] if env else [], sources)
        if len(known) > 1:
            raise UsageError("there are several environments", todo=f"choose one with --env: {', '.join(known)}")
        failed = False
        for source in sources:
            batch = source.read(known[0])
            for unread in batch.unread:
                failed = True
                where = f"{unread.place.file}:{unread.place.line}" if unread.place else unread.source
                todo = "".join(f"\n  {line}" for line in wiring.masker.mask(unread.todo).splitlines())
                click.echo(f"error: {where}: {wiring.masker.mask(unread.reason)}{todo}", err=True)
            text = source.text(known[0]) if batch.objects else ""
            if not text:
                continue
            click.echo("---")
            if origins:
                click.echo(f"# source: {source.name}")
                for obj in batch.objects:
                    places = ", ".join(f"{p.file}:{p.line}" for p in obj.origin.places(()) if p.file)
                    click.echo(f"# {obj.identity}: {places}")
            shown = wiring.masker.mask_source(text) if mask else text
            click.echo(shown.removeprefix("---\n"), nl=not shown.endswith("\n"))
    finally:
        wiring.close()
    return Exit.INCOMPLETE if failed else Exit.OK
