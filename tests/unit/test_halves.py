"""Work in two processes gives what work in one gives, and a process that fails changes nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable

import pytest

from assay.halves import Halves

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="needs Linux and two processors"
)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """As in the command, where the test runner has no threads of its own."""
    if "threads" not in request.node.name:
        monkeypatch.setattr(threading, "active_count", lambda: 1)


FAULTS: dict[str, Callable[[], object]] = {
    "exit": lambda: os._exit(3),
    "error": lambda: 1 / 0,
    "kill": lambda: os.kill(os.getpid(), 9),
}


def work(items: Iterable[int]) -> tuple[int, list[int]]:
    found = []
    for item in items:
        time.sleep(0.002)  # long enough for both to get some
        found.append(item * 2)
    return os.getpid(), found


def test_a_part_is_done_by_another_process() -> None:
    (items, (here, first)), (others, (there, second)) = Halves(work, range(31), 4).results()
    assert (here, there != here) == (os.getpid(), True)
    assert (first, second) == ([2 * item for item in items], [2 * item for item in others])
    assert sorted([*items, *others]) == list(range(31))
    assert items
    assert others


def test_who_is_slow_takes_less() -> None:
    parent = os.getpid()

    def slow_here(items: Iterable[int]) -> int:
        count = 0
        for _ in items:
            time.sleep(0.05 if os.getpid() == parent else 0.001)
            count += 1
        return count

    (_, here), (_, there) = Halves(slow_here, range(40), 4).results()
    assert here < 10 < there


def test_neighbours_stay_together() -> None:
    for items, _ in Halves(work, range(31), 4, neighbours=4).results():
        assert {index // 4 for index in items} == {index // 4 for index in items if not index % 4}
        assert items == sorted(items)


def test_the_other_process_begins_at_once() -> None:
    halves = Halves(work, range(10), 4)
    time.sleep(1)
    (items, _), (others, _) = halves.results()
    assert (list(items), list(others)) == ([], list(range(10)))


def test_what_nobody_asks_for_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    forked = note_forks(monkeypatch)
    halves = Halves(lambda _items: time.sleep(100), range(10), 4)
    halves.close()
    halves.close()
    assert_gone(forked)


def test_there_may_be_more_items_than_a_pipe_holds() -> None:
    parts = Halves(list, range(100_000), 4).results()
    assert sorted(item for items, _ in parts for item in items) == list(range(100_000))
    assert all(list(items) == result for items, result in parts)


def test_few_items_stay_together() -> None:
    assert Halves(work, range(3), 4).results() == [(range(3), (os.getpid(), [0, 2, 4]))]


def test_beside_other_threads_nothing_is_forked() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert len(Halves(work, range(11), 4).results()) == 1
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("fault", ["exit", "error", "kill"])
def test_a_process_that_fails_is_made_up_for(fault: str, capfd: pytest.CaptureFixture[str]) -> None:
    parent = os.getpid()

    def fails(items: Iterable[int]) -> list[int]:
        if os.getpid() != parent:
            next(iter(items))  # what it took has to be done again
            FAULTS[fault]()
        return list(items)

    halves = Halves(fails, range(6), 4)
    time.sleep(0.3)
    parts = halves.results()
    assert [list(items) for items, _ in parts] == [result for _, result in parts] == [[1, 2, 3, 4, 5], [0]]
    assert capfd.readouterr().err == ""


def test_what_cannot_be_sent_is_done_here() -> None:
    def closed(items: Iterable[int]) -> Callable[[], list[int]]:
        done = list(items)
        return lambda: done

    parts = Halves(closed, range(6), 4).results()
    assert sorted(item for _, result in parts for item in result()) == list(range(6))


def test_an_error_here_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getpid()
    forked = note_forks(monkeypatch)

    def fails(items: Iterable[int]) -> list[int]:
        if os.getpid() == parent:
            raise ValueError("here")
        return list(items)

    with pytest.raises(ValueError, match="here"):
        Halves(fails, range(6), 4).results()
    assert_gone(forked)


def note_forks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes that are forked from now on; the test runner may have other children."""
    forked: list[int] = []
    fork = os.fork

    def noted() -> int:
        child = fork()
        forked.append(child)
        return child

    monkeypatch.setattr(os, "fork", noted)
    return forked


def assert_gone(forked: list[int]) -> None:
    [child] = forked
    with pytest.raises(ChildProcessError):
        os.waitpid(child, os.WNOHANG)
