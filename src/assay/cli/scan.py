"""``assay scan``."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from assay.cli.exits import Exit, hold
from assay.cli.options import config_option, set_option, values_option
from assay.errors import UsageError
from assay.reports import REPORTS

if TYPE_CHECKING:
    from assay.cli.wire import Wiring
    from assay.model.run import Run

_THRESHOLDS = ("critical", "high", "medium", "low", "never")


class _Options(NamedTuple):
    """What the command line said, as it was said."""

    paths: tuple[Path, ...]
    env: tuple[str, ...]
    pack: tuple[str, ...]
    rule: tuple[str, ...]
    param: tuple[str, ...]
    values: tuple[Path, ...]
    set_: tuple[str, ...]
    config: Path | None
    fail_on: str | None
    strict: bool
    assume_complete: bool
    everything: bool
    form: str
    output: tuple[str, ...]
    sarif_include: tuple[str, ...]
    sarif_profile: str
    changed: bool
    as_of: str
    quiet: bool
    verbose: bool


@click.command(short_help="Check templates and manifests, and answer the controls.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--env", multiple=True, metavar="NAME", help="An environment to judge; several may be named.")
@click.option("--pack", multiple=True, metavar="ID", help="A pack to judge instead of the default ones.")
@click.option("--rule", multiple=True, metavar="ID", help="Run single rules only; no control is answered.")
@click.option("--param", multiple=True, metavar="NAME=VALUE", help="Set a parameter: NAME or RULE.NAME.")
@values_option
@set_option
@config_option
@click.option("--fail-on", type=click.Choice(_THRESHOLDS), help="The least severity that fails (default low).")
@click.option("--strict", is_flag=True, help="Exit 3 if anything was not assessed.")
@click.option("--assume-complete", is_flag=True, help="The sources show everything that exists.")
@click.option("--all", "everything", is_flag=True, help="Report what passed or does not apply, and facts, too.")
@click.option("--format", "form", type=click.Choice(list(REPORTS)), default="text", help="What to print.")
@click.option("--output", multiple=True, metavar="FORMAT=FILE", help="Write a report to a file as well.")
@click.option("--sarif-include", multiple=True, metavar="WHAT", help="waived, baseline: results beside failures.")
@click.option("--sarif-profile", type=click.Choice(["github", "azure"]), default="github", help="Who reads the SARIF.")
@click.option("--changed", is_flag=True, help="Show only what a change in git touches (pre-commit).")
@click.option("--as-of", default="", metavar="TIME", help="Judge as of a time, ISO 8601 in UTC.")
@click.option("-q", "--quiet", is_flag=True, help="Findings and one closing line only.")
@click.option("-v", "--verbose", is_flag=True, help="Every control and every warning.")
def scan(**given: Any) -> int:
    """Check templates and manifests, and answer the controls.

    Without PATH the sources of assay.yaml are read, or the working directory.
    """
    options = _Options(**given)
    if options.changed:
        from assay.cli.changes import nothing_to_do

        if nothing_to_do(options.paths, options.config):
            return Exit.OK
    return _scan(options)


def _scan(options: _Options) -> int:
    from assay.cli.wire import wire

    outputs = [_output(text) for text in options.output]
    include = [word for text in options.sarif_include for word in text.split(",")]
    for word in include:
        if word not in ("waived", "baseline"):
            raise UsageError(f"--sarif-include {word}: only waived and baseline can be included")
    wiring = wire(options.config, options.values, options.set_)
    try:
        run = _run(options, wiring)
    finally:
        wiring.close()
    from assay.reports.form import build_form  # after everything that another process can do something beside

    code, reason = verdict_of(run, strict=options.strict)
    form = build_form(run, wiring.masker.mask)
    hold(run, form, wiring)
    settings: dict[str, Any] = {
        "verbose": options.verbose,
        "quiet": options.quiet,
        "include": include,
        "profile": options.sarif_profile,
        "exit_code": int(code),
        "exit_reason": reason,
    }
    if {options.form, *(name for name, _ in outputs)} != {"text"}:
        from assay.cli.repository import azure_pipeline, version_control

        form["run"]["versionControl"] = version_control(wiring.paths.root)
        if options.sarif_profile == "azure":
            settings["pipeline"] = azure_pipeline()
    for name, file in outputs:
        _write_file(file, _report(name, form, settings))
    _emit(_report(options.form, form, {**settings, **_terminal()} if options.form == "text" else settings))
    return code


def _run(options: _Options, wiring: Wiring) -> Run:
    sources = wiring.sources(options.paths)
    _progress("reading")
    wiring.begin_reading(sources)
    from assay.cli.changes import changed_files, shown
    from assay.engine.bind import read_assignments
    from assay.excerpts import Excerpts
    from assay.scan import Settings
    from assay.scan import scan as run_scan

    project, library = wiring.project, wiring.library()
    settings = Settings(
        command=("assay", *sys.argv[1:]),
        environments=wiring.environments(options.env, sources),
        packs=options.pack or project.packs,
        rules=options.rule,
        params=read_assignments(options.param, "--param"),
        threshold=options.fail_on or project.threshold,
        assume_complete=options.assume_complete,
        everything=options.everything,
        clock=_clock(options.as_of),
        asked=tuple(dict.fromkeys(map(wiring.paths.name, options.paths))),
        waivers=wiring.waivers(library),
    )
    excerpts = Excerpts(wiring.paths, wiring.masker)
    run = run_scan(settings, project, library, sources, excerpts, _progress, wiring.finish_reading)
    if options.changed:
        changed = changed_files(wiring.paths.root)
        run = run._replace(findings=shown(run.findings, changed, sources), shown_only=tuple(sorted(changed.files)))
    return run


def verdict_of(run: Run, *, strict: bool) -> tuple[Exit, str]:
    """The exit code of a run and the sentence that says why (docs/verdicts.md)."""
    from assay.model.verdicts import Severity, Verdict

    failing = 0
    if run.threshold != "never":
        threshold = Severity(run.threshold)
        failing = sum(f.verdict is Verdict.FAIL and f.severity.reaches(threshold) for f in run.findings)
    verdicts = {finding.verdict for finding in run.findings}
    reasons = []
    if run.unread:
        reasons.append("something could not be read or rendered")
    if any(warned.incomplete for warned in run.warnings):
        reasons.append("see the warnings above")
    if Verdict.ERROR in verdicts:
        reasons.append("a rule broke")
    if strict and Verdict.NOT_ASSESSED in verdicts:
        reasons.append("something was not assessed (--strict)")
    incomplete = "Incomplete: " + ", ".join(reasons) + "." if reasons else ""
    if failing:
        found = f"Failed: {failing} {'failure' if failing == 1 else 'failures'} at or above {run.threshold}."
        return Exit.FINDINGS, f"{found} {incomplete}".strip()
    if reasons:
        return Exit.INCOMPLETE, incomplete
    return Exit.OK, "Passed." if run.threshold == "low" else f"Passed: nothing at or above {run.threshold}."


def _report(name: str, form: dict[str, Any], settings: dict[str, Any]) -> str:
    from assay.reports import writer

    return writer(name)(form, settings)


def _output(text: str) -> tuple[str, Path]:
    name, equals, file = text.partition("=")
    if not equals or name not in REPORTS or not file:
        raise UsageError(f"--output {text}: write FORMAT=FILE", todo=f"formats are {', '.join(REPORTS)}")
    return name, Path(file)


def _write_file(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as problem:
        raise UsageError(f"cannot write {file}: {problem.strerror}", todo="choose another --output") from None


def _emit(text: str) -> None:
    """Print a report; a reader that has enough is no error and does not change the exit code."""
    try:
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _terminal() -> dict[str, Any]:
    """Colours as people ask for them (https://no-color.org, CLICOLOR_FORCE), none in a pipe; the width."""
    forced = os.environ.get("CLICOLOR_FORCE", "0") != "0" or bool(os.environ.get("FORCE_COLOR"))
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    colour = (sys.stdout.isatty() or forced) and not plain
    return {"colour": colour, "width": min(shutil.get_terminal_size((100, 40)).columns, 140)}


def _progress(message: str) -> None:
    """One line on a terminal that says what long work is at; nothing in a pipe."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2K{message}")
        sys.stderr.flush()


def _clock(text: str) -> str:
    from datetime import UTC, datetime

    if not text:
        return ""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--as-of {text}: no ISO 8601 time", todo="write 2026-01-31 or 2026-01-31T12:00:00Z") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
