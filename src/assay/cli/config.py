"""``assay config``."""

from __future__ import annotations

import click

from assay.cli.options import echo_json


@click.group(short_help="Show what the project file may hold.")
def config() -> None:
    """Show what the project file may hold."""


@config.command("schema")
@click.argument("file", type=click.Choice(["project", "waivers"]), default="project")
def print_schema(file: str) -> None:
    """Print the JSON Schema of assay.yaml (project) or assay-waivers.yaml (waivers), for editors."""
    from assay.engine.validate import schema

    echo_json(schema("config" if file == "project" else file))
