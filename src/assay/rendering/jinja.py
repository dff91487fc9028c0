"""Jinja templates, rendered in a child process that can be ended at any time."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import IO, Any, Self

from assay.errors import RenderError
from assay.rendering import wire
from assay.rendering.limits import Limits
from assay.rendering.marks import Marks, Trace

__all__ = ["Limits", "Marks", "Rendered", "Renderer", "Trace"]

_STARTING = 20.0  # seconds that a busy machine may take to start the process


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered text, and the template files that were read, relative to the root, the template first."""

    text: str
    files: tuple[str, ...]


class Renderer:
    """Renders templates in one child process, which is started when it is first needed.

    A context manager; the process ends with it.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._child: _Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child process; the next rendering starts another."""
        self._end(patience=1.0)

    def _end(self, patience: float = 0) -> None:
        if self._child is not None:
            self._child.end(patience)
            self._child = None

    def render(self, root: Path, template: str, values: dict[str, Any]) -> Rendered:
        """Render a template of a template root.

        Raises:
            RenderError: It cannot be rendered; ``where`` is ``file:line`` relative to the root where it is known.
        """
        answer = self._ask(root, template, values, mark=False)
        return Rendered(answer["text"], tuple(answer["files"]))

    def mark(self, root: Path, template: str, values: dict[str, Any], text: str) -> Marks:
        """Find out who wrote what of a text that :meth:`render` gave for the same template and values.

        Raises:
            RenderError: The template cannot be rendered once more.
        """
        return Marks(text, self._ask(root, template, values, mark=True))

    def _ask(self, root: Path, template: str, values: dict[str, Any], *, mark: bool) -> dict[str, Any]:
        request = {"root": str(root), "template": template, "values": values, "mark": mark, **asdict(self._limits)}
        try:
            if self._child is None:
                self._child = _Child()
            answer = self._child.ask(request, self._limits.seconds)
        except TimeoutError:
            self._end()
            what = f"rendering the template takes longer than {self._limits.seconds:g} s"
            raise RenderError(what, where=template, todo="make its loops smaller") from None
        except BaseException:
            self._end()
            raise
        if answer is None:
            self._end()
            what = "rendering the template ran out of memory or time"
            raise RenderError(what, where=template, todo="make its loops and texts smaller")
        if "error" in answer:
            problem = answer["error"]
            raise RenderError(problem["what"], where=problem["where"], todo=problem["todo"])
        return answer


class _Child:
    """The process, and a thread that waits for what it says, because pipes have no timeout everywhere."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            # -P: the folder that is scanned must not be where Python looks for modules.
            [sys.executable, "-P", "-m", "assay.rendering.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._answers: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._ready = False

    def ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """The answer to a request; None if the process ended instead.

        Raises:
            TimeoutError: No answer came in time.
        """
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        try:
            if not self._ready:
                self._ready = self._answers.get(timeout=_STARTING) is not None
            wire.send(self._process.stdin, request)
            return self._answers.get(timeout=seconds)
        except OSError:
            return None
        except Empty:
            raise TimeoutError from None

    def end(self, patience: float) -> None:
        """Let an idle process end by closing its input, kill one that does not within ``patience`` seconds."""
        self._close(self._process.stdin)
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        self._close(self._process.stdout)

    @staticmethod
    def _close(pipe: IO[bytes] | None) -> None:
        if pipe is not None:
            with suppress(OSError):  # what was still to be written has no reader any more
                pipe.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        answer: dict[str, Any] | None = {}
        while answer is not None:
            answer = wire.receive(self._process.stdout)
            self._answers.put(answer)
