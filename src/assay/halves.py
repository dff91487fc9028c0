"""Work on many like things with two processors, where the platform can fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_halves(work: Callable[[Sequence[T]], R], items: Sequence[T], fewest: int) -> list[R]:
    """What ``work`` gives for every second item from the first on, and for the others from a process forked for it.

    One result for everything where there are fewer than ``fewest`` items (a process costs about 10 ms), one processor,
    other threads or no ``fork``. A process that fails changes nothing: its half is done here. Results must be
    picklable; whatever else ``work`` changes in the second half is lost.
    """
    if not _can_fork() or len(items) < fewest:
        return [work(items)]
    here, there = items[::2], items[1::2]
    import pickle  # not for small scans, which do without

    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _answer(writer, lambda: work(there))
    os.close(writer)
    try:
        first = work(here)
        with os.fdopen(reader, "rb", closefd=False) as stream:
            answer = stream.read()
    finally:
        os.close(reader)
        status = os.waitpid(child, 0)[1]
    second: R = pickle.loads(answer) if status == 0 else work(there)  # noqa: S301 - our own process wrote it
    return [first, second]


def _answer(writer: int, make: Callable[[], Any]) -> None:
    """What the forked process does: write the result and end at once, without the parent's clean-up."""
    code = 1
    try:
        import pickle

        with os.fdopen(writer, "wb") as stream:
            pickle.dump(make(), stream, pickle.HIGHEST_PROTOCOL)
        code = 0
    finally:
        os._exit(code)


def _can_fork() -> bool:
    affinity = getattr(os, "sched_getaffinity", None)  # Linux; macOS forks too, but its libraries do not like it
    return affinity is not None and len(affinity(0)) > 1 and threading.active_count() == 1
