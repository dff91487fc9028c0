"""Work on many like things with two processors, where the platform can fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


_DEARER = 1.2
"""What work costs in the other process, whose memory is copied as it is used and whose answer has to be sent."""


def in_halves(
    work: Callable[[Sequence[T]], R], items: Sequence[T], fewest: int, weight: Callable[[T], float] = lambda _item: 1
) -> list[tuple[Sequence[T], R]]:
    """What ``work`` gives for some of the items, and for the others from a process forked for it, each with its items.

    All in one where there are fewer than ``fewest`` items (a process costs about 10 ms), one processor, other threads
    or no ``fork``. A process that fails changes nothing: its part is done here. Results must be picklable; whatever
    else ``work`` changes in the other process is lost.

    Args:
        weight: How long an item takes, in any unit.
    """
    if not _can_fork() or len(items) < fewest:
        return [(items, work(items))]
    import pickle  # not for small scans, which do without

    here, there = _shared_out(items, weight)
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
    return [(here, first), (there, second)]


def _shared_out(items: Sequence[T], weight: Callable[[T], float]) -> tuple[list[T], list[T]]:
    """The items in two parts that take as long as each other, neighbours apart where they weigh the same."""
    parts: tuple[list[T], list[T]] = [], []
    here = there = 0.0
    for item in sorted(items, key=weight, reverse=True):
        cost = weight(item)
        if here + cost <= there + cost * _DEARER:
            parts[0].append(item)
            here += cost
        else:
            parts[1].append(item)
            there += cost * _DEARER
    return parts


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
