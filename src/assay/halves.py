"""Work on many like things with two processors, where the platform can fork."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_NUMBER = 4
"""Bytes of a number that stands for some neighbours."""

_NUMBERS = 4096
"""How many of them there are at most: they must fit into a pipe that nobody reads yet."""


class Halves(Generic[T, R]):
    """Work that this process shares with one forked for it, which begins at once; whoever is free takes what is next.

    All is done here where there are fewer than ``fewest`` items (a process costs about 10 ms), one processor, other
    threads or no ``fork``. A process that fails changes nothing: its part is done here. Results must be picklable;
    whatever else ``work`` changes in the other process is lost.

    Args:
        work: Called in each process with the items that it takes, the first ones first.
        neighbours: How many items are taken together.
    """

    def __init__(self, work: Callable[[Iterable[T]], R], items: Sequence[T], fewest: int, neighbours: int = 1) -> None:
        self._work = work
        self._items = items
        self._neighbours = max(neighbours, len(items) // _NUMBERS + 1)
        self._child = 0
        self._files: tuple[int, ...] = ()
        if not _can_fork() or len(items) < fewest:
            return
        self._answer = os.memfd_create("answer")  # and no pipe, which would make its writer wait for a reader
        self._queue, writer = os.pipe()
        self._files = self._answer, self._queue
        for number in range(0, len(items), self._neighbours):
            os.write(writer, number.to_bytes(_NUMBER, "little"))
        os.close(writer)
        self._child = os.fork()
        if not self._child:
            _answer(self._answer, self._part)

    @property
    def shared(self) -> bool:
        """Whether another process works too."""
        return bool(self._child)

    def results(self) -> list[tuple[Sequence[T], R]]:
        """Do what is left to do: what ``work`` gives for some of the items, and for the others, each with its items."""
        if not self._child:
            return [(self._items, self._work(self._items))]
        import pickle  # not for small scans, which do without

        try:
            here, first = self._part()
            if self._wait() == 0:
                with os.fdopen(self._answer, "rb", closefd=False) as stream:
                    stream.seek(0)
                    there, second = pickle.load(stream)  # noqa: S301 - our own process wrote it
            else:
                done = set(here)
                there = [index for index in range(len(self._items)) if index not in done]
                second = self._work(self._items[index] for index in there)
        finally:
            self.close()
        return [([self._items[index] for index in part], result) for part, result in ((here, first), (there, second))]

    def close(self) -> None:
        """End the other process if nobody has asked for its result."""
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            self._wait()
        for file in self._files:
            os.close(file)
        self._files = ()

    def _part(self) -> tuple[list[int], R]:
        """What this process does: the indexes of the items that it took, and the result."""
        taken: list[int] = []
        return taken, self._work(self._items[index] for index in self._take(taken))

    def _take(self, taken: list[int]) -> Iterator[int]:
        # What one process reads from the pipe the other does not get; reads from a memfd would not keep apart.
        while number := os.read(self._queue, _NUMBER):
            first = int.from_bytes(number, "little")
            for index in range(first, min(first + self._neighbours, len(self._items))):
                taken.append(index)
                yield index

    def _wait(self) -> int:
        """The exit status of the other process when it has ended."""
        child, self._child = self._child, 0
        return os.waitpid(child, 0)[1]


def _answer(file: int, make: Callable[[], Any]) -> None:
    """What the forked process does: write the result and end at once, without the parent's clean-up."""
    code = 1
    try:
        import pickle

        with os.fdopen(file, "wb") as stream:
            pickle.dump(make(), stream, pickle.HIGHEST_PROTOCOL)
        code = 0
    finally:
        os._exit(code)


def _can_fork() -> bool:
    affinity = getattr(os, "sched_getaffinity", None)  # Linux; macOS forks too, but its libraries do not like it
    many = affinity is not None and hasattr(os, "memfd_create") and len(affinity(0)) > 1
    return many and threading.active_count() == 1
