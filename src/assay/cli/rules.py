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


@click.group(short_help="List, show, find, test, export and start rules.")
def rules() -> None:
    """List, show, find, test, export and start rules."""


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
    """Run the examples of the rules in FOLDER, and name every path in them that no kind of the rule has.

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
    from assay.engine.paths import kinds_without_shape, unknown_paths
    from assay.shipped import shipped

    files = [path for top in folders for path in ([top] if top.is_file() else sorted(top.rglob("*.yaml")))]
    rules = read_rules(files, shipped("policies"))
    if not rules:
        raise UsageError(f"there is no rule in {folders[0]}", todo="`assay rules new ID` starts one")
    results = [result for rule in rules for result in run_examples(rule)]
    wrong = [result for result in results if not result.ok]
    paths = [path for rule in rules for path in unknown_paths(rule)]
    if form == "json":
        examples = [{"rule": r.rule, "example": r.name, "ok": r.ok, "problem": r.problem} for r in results]
        echo_json([*examples, *({"rule": p.rule, "path": p.path, "ok": False, "problem": p.problem} for p in paths)])
    else:
        for result in wrong:
            click.echo(f"{result.rule}: {result.name}: {result.problem}")
        for path in paths:
            click.echo(f"{path.file}: {path.problem}")
        unchecked = {kind for rule in rules for kind in kinds_without_shape(rule)}
        notes = [f"{len(paths)} unknown paths"] if paths else []
        notes += [f"fields of {len(unchecked)} kinds are not known here"] if unchecked else []
        click.echo(", ".join((f"{len(rules)} rules, {len(results)} examples, {len(wrong)} wrong", *notes)))
    return Exit.FINDINGS if wrong or paths else Exit.OK


@rules.command("export")
@click.argument("rule_ids", metavar="[RULE]...", nargs=-1)
@click.option(
    "--format",
    type=click.Choice(["vap"]),
    default="vap",
    expose_value=False,
    help="vap: ValidatingAdmissionPolicy of Kubernetes.",
)
@click.option("--param", multiple=True, metavar="NAME=VALUE", help="Set a parameter: NAME or RULE.NAME.")
@config_option
def export_rules(rule_ids: tuple[str, ...], param: tuple[str, ...], config: Path | None) -> int:
    """Print rules as admission policies with their bindings, so that an API server refuses what a scan would find.

    Without RULE these are all that can be exported. Why the others cannot stands on stderr.
    """
    import yaml

    from assay.cli.wire import wire
    from assay.engine.bind import Parameters, bind, read_assignments
    from assay.engine.export import ExportError, export

    wiring = wire(config)
    library = wiring.library()
    parameters = Parameters(wiring.project.params, read_assignments(param, "--param"))
    documents = []
    for binding in bind(library, (), rule_ids or sorted(library.rules), parameters):
        try:
            made = export(binding)
        except ExportError as reason:
            click.echo(f"{binding.rule.id}: {reason}", err=True)
            continue
        documents += [made.policy, made.binding]
        if made.without:
            click.echo(f"{binding.rule.id}: without {', '.join(made.without)}", err=True)
    if documents:
        click.echo(yaml.safe_dump_all(documents, sort_keys=False, width=120, allow_unicode=True), nl=False)
    return Exit.OK if documents else Exit.FINDINGS


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
