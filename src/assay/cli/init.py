"""``assay init``: a commented project file from what is found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.errors import UsageError

if TYPE_CHECKING:
    from assay.sources.interface import Source


@click.command(short_help="Write a commented assay.yaml from what is found.")
@click.argument("folder", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace an assay.yaml that is there.")
def init(folder: Path, force: bool) -> None:
    """Write a commented assay.yaml into FOLDER (default: the working directory) from what is found there."""
    from assay.cli.wire import Wiring
    from assay.project import FILE_NAME, Project
    from assay.redact import Masker
    from assay.sources.paths import Paths

    file = folder / FILE_NAME
    if file.exists() and not force:
        raise UsageError(f"{file} exists", todo="edit it, or replace it with --force")
    sources = Wiring(Project(), Paths(folder), Masker()).sources([folder])
    environments = sorted(set().union(*(source.environments() for source in sources)))
    tops = _tops(sources)
    file.write_text(_text(tops, environments), encoding="utf-8")
    click.echo(f"wrote {file}: {len(sources)} files in {', '.join(tops)}; environments: {_words(environments)}")
    click.echo("next: assay scan" + (f" --env {environments[0]}" if environments else ""))


def _tops(sources: Sequence[Source]) -> list[str]:
    """The top folders that hold something; the whole folder if files lie beside the project file."""
    if not sources or any("/" not in source.name for source in sources):
        return ["."]
    return sorted({source.name.split("/")[0] for source in sources})


def _words(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _text(tops: Sequence[str], environments: Sequence[str]) -> str:
    sources = "\n".join(f"  - path: {top}" for top in tops)
    named = "\n".join(f"  {name}:" for name in environments)
    known = f"environments:\n{named}" if environments else "# environments:\n#   production:"
    return _STARTER.format(sources=sources, environments=known)


_STARTER = """# What Assay scans and how it judges. `assay config schema` prints everything that may stand here.
version: 1

# What is scanned when no path is named. `namespace` is where objects without one belong.
sources:
{sources}

# Each environment is judged alone. Templates take values.yaml, <environment>_overrides.yaml, then what stands here.
#     values: [extra.yaml]          more values files
#     set: {{replicas: 3}}            single values
#     variables: [CLUSTER_ID]       environment variables, seen by templates as cluster_id
{environments}

# The frameworks to answer. These four are the default; pss-restricted, pss-baseline and hygiene can be added.
packs: [gdpr, soc2, iso27001, pci-dss]

# Do the sources show everything that exists? Then a missing NetworkPolicy is a failure; else it is not assessed.
complete: false

# The least severity that fails the gate: critical, high, medium, low or never.
threshold: low

# Which namespaces hold cardholder or personal data. Without this every object counts for PCI DSS and GDPR.
# scopes:
#   cardholder-data: {{namespaces: [payments]}}
#   personal-data: {{namespaceLabels: {{data: personal}}}}

# Values of rule parameters: NAME for all rules that share it, RULE.NAME for one (`assay explain RULE`).
# params: {{backup-retention-min-days: 30}}

# exclude: ["tests/*"]
# policies: [policies]              folders with rules and packs of your own
"""
