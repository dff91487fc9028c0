"""``assay config``."""

from __future__ import annotations

import click

from assay.cli.options import echo_json


@click.group(short_help="Show what the project file may hold.")
def config() -> None:
    """Show what the project file may hold."""


@config.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of assay.yaml, for editors."""
    from assay.engine.validate import schema

    echo_json(schema("config"))
