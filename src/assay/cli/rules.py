"""``assay rules``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli.exits import Exit
from assay.cli.options import config_option, echo_json, format_option
from assay.errors import UsageError

if TYPE_CHECKING:
    from assay.engine.load import Library
    from assay.model.rules import Rule


@click.group(short_help="List, show, find, test and start rules.")
def rules() -> None:
    """List, show, find, test and start rules."""


def _library(config: Path | None) -> Library:
    from assay.cli.wire import wire

    return wire(config).library()


@rules.command("list")
@config_option
@format_option
def list_rules(config: Path | None, form: str) -> None:
    """List every rule."""
    _print(_library(config).rules.values(), form)


@rules.command("find")
@click.argument("text")
@config_option
@format_option
def find(text: str, config: Path | None, form: str) -> int:
    """List the rules whose id, title, reason, kinds, aliases or controls hold TEXT."""
    wanted = text.lower()
    found = [rule for rule in _library(config).rules.values() if wanted in _haystack(rule)]
    _print(found, form)
    if not found and form == "text":
        click.echo(f"no rule mentions {text!r}", err=True)
    return Exit.OK if found else Exit.FINDINGS


def _haystack(rule: Rule) -> str:
    ties = (f"{tie.pack} {tie.control}" for tie in rule.ties)
    return " ".join((rule.id, rule.title, rule.why, rule.domain, *rule.kinds, *rule.aliases, *ties)).lower()


def _print(found: Any, form: str) -> None:
    listed = sorted(found, key=lambda rule: (rule.domain, rule.id))
    if form == "json":
        echo_json(
            [
                {"id": r.id, "title": r.title, "severity": r.severity, "domain": r.domain, "kinds": r.kinds}
                for r in listed
            ]
        )
        return
    width = max((len(rule.id) for rule in listed), default=0)
    domain = ""
    for rule in listed:
        if rule.domain != domain:
            domain = rule.domain
            click.secho(f"{domain}", bold=True)
        click.echo(f"  {rule.id:<{width}}  {rule.severity:<8}  {rule.title}")


@rules.command("show")
@click.argument("rule_id", metavar="ID")
@config_option
@format_option
def show(rule_id: str, config: Path | None, form: str) -> None:
    """Show one rule: what it decides, why, and how to put it right."""
    from assay.cli.explain import explain_rule, rule_data

    rule = _library(config).rule(rule_id)
    if form == "json":
        echo_json(rule_data(rule))
    else:
        explain_rule(rule)


@rules.command("test")
@click.argument("folder", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--changed", is_flag=True, help="Only if a change in git touches the rules (pre-commit).")
@config_option
@format_option
def test(folder: Path | None, changed: bool, config: Path | None, form: str) -> int:
    """Run the examples of the rules in FOLDER.

    Without FOLDER those of the project's own policies are run, or the shipped ones if it has none.
    """
    folders = [folder] if folder else _own_folders(config)
    if changed and not _touched(folders):
        return Exit.OK
    return _test(folders or [_shipped_rules()], form)


def _own_folders(config: Path | None) -> list[Path]:
    from assay.cli.wire import wire

    return list(wire(config).project.policies)


def _shipped_rules() -> Path:
    from assay.shipped import shipped

    return shipped("policies") / "rules"


def _touched(folders: list[Path]) -> bool:
    from assay.cli.changes import changed_files
    from assay.sources.paths import Paths

    paths = Paths(Path.cwd())
    tops = [paths.name(folder.absolute()) for folder in folders]
    return any(name.startswith(f"{top}/") for name in changed_files(paths.root).files for top in tops)


def _test(folders: list[Path], form: str) -> int:
    from assay.engine.examples import run_examples
    from assay.engine.load import read_rules
    from assay.shipped import shipped

    files = [path for top in folders for path in ([top] if top.is_file() else sorted(top.rglob("*.yaml")))]
    rules = read_rules(files, shipped("policies"))
    if not rules:
        raise UsageError(f"there is no rule in {folders[0]}", todo="`assay rules new ID` starts one")
    results = [result for rule in rules for result in run_examples(rule)]
    wrong = [result for result in results if not result.ok]
    if form == "json":
        echo_json([{"rule": r.rule, "example": r.name, "ok": r.ok, "problem": r.problem} for r in results])
    else:
        for result in wrong:
            click.echo(f"{result.rule}: {result.name}: {result.problem}")
        click.echo(f"{len(rules)} rules, {len(results)} examples, {len(wrong)} wrong")
    return Exit.FINDINGS if wrong else Exit.OK


@rules.command("new")
@click.argument("rule_id", metavar="ID")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("policies"), help="Where to write it.")
def new(rule_id: str, folder: Path) -> None:
    """Start a rule: write FOLDER/ID.yaml, which passes `assay rules test` as it stands."""
    import re

    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule_id):
        raise UsageError(f"{rule_id!r} is no rule id", todo="use lower-case words with dashes, such as job-has-owner")
    file = folder / f"{rule_id}.yaml"
    if file.exists():
        raise UsageError(f"{file} exists", todo="choose another id")
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(_STARTER.format(id=rule_id), encoding="utf-8")
    click.echo(f"wrote {file}; `assay rules test {folder}` runs its examples")


@rules.command("schema")
@click.argument("kind", type=click.Choice(["rule", "pack", "lib"]), default="rule")
def print_schema(kind: str) -> None:
    """Print the JSON Schema of rules, packs or shared expressions, for editors."""
    from assay.engine.validate import schema

    echo_json(schema(kind))


_STARTER = """id: {id}
title: Workloads name their owner
severity: low
domain: configuration
match: {{kinds: [workloads]}}
assert: object.?metadata.?labels[?"owner"].orValue("") != ""
message: Nobody is named as the owner of {{object.metadata.name}}
at: [metadata.labels.owner]
why: >-
  Whoever is paged for a workload must know whom to call. Without an owner that takes hours.
fix: "Add the label `owner: <team>`."
references:
  - https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
controls:
  - {{pack: hygiene, id: configuration, tie: required, because: An owner is part of an explicit configuration.}}
examples:
  pass:
    - name: the label is set
      object: {{apiVersion: v1, kind: Pod, metadata: {{name: web, labels: {{owner: shop}}}}, spec: {{containers: []}}}}
  fail:
    - name: no label
      at: metadata.labels.owner
      object: {{apiVersion: v1, kind: Pod, metadata: {{name: web}}, spec: {{containers: []}}}}
"""
