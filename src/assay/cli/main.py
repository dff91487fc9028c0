"""The command group and the error boundary."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from assay import __version__
from assay.cli.exits import Exit
from assay.errors import AssayError, UsageError

# command -> (module, attribute, help line); a module is imported when its command runs
COMMANDS = {
    "scan": ("assay.cli.scan", "scan", "Check templates and manifests, and answer the controls."),
    "render": ("assay.cli.render", "render", "Print what the templates of an environment give."),
    "rules": ("assay.cli.rules", "rules", "List, show, find, test and start rules."),
    "explain": ("assay.cli.explain", "explain", "Explain a rule or a control."),
    "controls": ("assay.cli.controls", "controls", "List the controls of the packs and what evidences them."),
    "facts": ("assay.cli.facts", "facts", "Show relations: who may do what, who reaches whom, what is backed up."),
    "init": ("assay.cli.init", "init", "Write a commented assay.yaml from what is found."),
    "config": ("assay.cli.config", "config", "Show what the project file may hold."),
}

_EPILOG = """\b
Exit codes:
  0    nothing at or above the threshold
  1    a failure at or above the threshold
  2    wrong use or configuration, or nothing found to scan
  3    something could not be read, rendered or decided
  130  interrupted"""


class _Lazy(click.Group):
    """A group that imports a command when it is called, so that help and version stay fast."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from assay.cli.exits import nearest_word

            ctx.fail(f"No such command {args[0]!r}. {nearest_word(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Lazy, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, "-V", "--version", prog_name="assay")
def cli() -> None:
    """Check Kubernetes configuration with declarative rules and answer per control, with the line to change."""


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code; whatever goes wrong ends in one message."""
    # A scan makes a million containers that all live to its end, none of them in cycles worth freeing: looking for
    # garbage among them takes a twentieth of the time and finds none.
    gc.disable()
    code = _run(args)
    if args is None:
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> None:
    """End the process at once: taking every object apart first would take as long as reading small manifests."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return  # the interpreter says what is wrong with the stream
    os._exit(code)


def _run(args: list[str] | None) -> int:
    try:
        result: Any = cli.main(args=args, prog_name="assay", standalone_mode=False)
    except click.exceptions.Abort:
        return Exit.INTERRUPTED
    except click.ClickException as problem:
        problem.show()
        return Exit.USAGE
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        return Exit.INTERRUPTED
    except AssayError as problem:
        click.echo(f"error: {problem}", err=True)
        return Exit.USAGE if isinstance(problem, UsageError) else Exit.INCOMPLETE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as problem:  # noqa: BLE001 - the one boundary: no traceback and no value reaches a user
        click.echo(f"error: {_internal(problem)}", err=True)
        return Exit.INCOMPLETE
    return result if isinstance(result, int) else Exit.OK


def _internal(problem: Exception) -> str:
    """A fault of ours without any value in it: the type and the line of code are enough to find it."""
    trace = problem.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "unknown"  # noqa: PTH119
    return (
        f"internal error, {type(problem).__name__} at {where}; nothing was decided\n"
        f"  please report it with the version ({__version__}) and the command"
    )
