"""Options that several commands have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

values_option = click.option(
    "--values",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A values file over those of the environment; later ones win.",
)
set_option = click.option(
    "--set", "set_", multiple=True, metavar="KEY=VALUE", help="A value over all files: a.b=VALUE, read as YAML."
)
config_option = click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="The project file (default: assay.yaml, upwards)."
)
format_option = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", help="What to print."
)


def echo_json(data: Any) -> None:
    """Print data as JSON."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))
