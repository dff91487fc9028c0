"""The process that renders: it answers requests on its standard input until that ends.

A request is ``{"root", "template", "values", "seconds", "memory_mb", "output_mb", "mark"}``; the answer is
``{"text", "files"}``, with ``"marks"`` if they were asked for, or ``{"error": {"what", "where", "todo"}}``. No answer
but the text holds any value.
"""

from __future__ import annotations

import math
import signal
import sys
from pathlib import Path
from typing import Any

from assay.rendering import wire
from assay.rendering.answers import error, guarded
from assay.rendering.environment import StrictEnvironment
from assay.rendering.limits import Limits


def main() -> None:
    """Answer until the input ends."""
    if hasattr(signal, "SIGINT"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = sys.stdout.buffer
    wire.send(answers, {"ready": True})
    while (request := wire.receive(sys.stdin.buffer)) is not None:
        wire.send(answers, answer(request))


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Render what a request asks for."""
    limits = Limits(request["seconds"], request["memory_mb"], request["output_mb"])
    template: str = request["template"]
    restrict(limits)
    try:
        if request["mark"]:
            from assay.rendering.marking import render_marked

            return render_marked(Path(request["root"]), template, request["values"], limits)
        environment = StrictEnvironment(Path(request["root"]), limits, request["values"])
        return guarded(environment, template, request["values"], limits)
    except MemoryError:
        what = f"rendering the template needs more than {limits.memory_mb} MB of memory"
        return error(what, template, "make its loops and texts smaller")


def restrict(limits: Limits) -> None:
    """Bound what this process may take, where the platform can."""
    try:
        import resource
    except ImportError:
        return
    spent = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(spent.ru_utime + spent.ru_stime + limits.seconds) + 1
    for kind, amount in ((resource.RLIMIT_AS, limits.memory_mb << 20), (resource.RLIMIT_CPU, seconds)):
        hard = resource.getrlimit(kind)[1]
        wanted = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        try:
            resource.setrlimit(kind, (wanted, hard))
        except (OSError, ValueError):
            # Some platforms know the limit and cannot set it; time is bounded by the parent as well.
            continue


if __name__ == "__main__":
    main()
