"""Work in two processes gives what work in one gives, and a process that fails changes nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

import pytest

from assay.halves import in_halves

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


def work(items: Sequence[int]) -> tuple[int, list[int]]:
    return os.getpid(), [item * 2 for item in items]


def test_a_part_is_done_by_another_process() -> None:
    (items, (here, first)), (others, (there, second)) = in_halves(work, range(11), 4)
    assert (here, there != here) == (os.getpid(), True)
    assert (first, second) == ([2 * item for item in items], [2 * item for item in others])
    assert sorted([*items, *others]) == list(range(11))
    assert len(items) > len(others) > 3


def test_heavy_items_do_not_come_together() -> None:
    (items, _), (others, _) = in_halves(work, [1, 1, 50, 1, 50, 1], 4, weight=float)
    assert 50 in items
    assert 50 in others


def test_few_items_stay_together() -> None:
    assert in_halves(work, range(3), 4) == [(range(3), (os.getpid(), [0, 2, 4]))]


def test_beside_other_threads_nothing_is_forked() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert len(in_halves(work, range(11), 4)) == 1
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("fault", ["exit", "error", "kill"])
def test_a_process_that_fails_is_made_up_for(fault: str, capfd: pytest.CaptureFixture[str]) -> None:
    parent = os.getpid()

    def fails(items: Sequence[int]) -> list[int]:
        if os.getpid() != parent:
            FAULTS[fault]()
        return list(items)

    parts = in_halves(fails, range(6), 4)
    assert [list(items) for items, _ in parts] == [result for _, result in parts] == [[0, 2, 4], [1, 3, 5]]
    assert capfd.readouterr().err == ""


def test_what_cannot_be_sent_is_done_here() -> None:
    def closed(items: Sequence[int]) -> Callable[[], list[int]]:
        return lambda: list(items)

    assert [result() for _, result in in_halves(closed, range(6), 4)] == [[0, 2, 4], [1, 3, 5]]


def test_an_error_here_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getpid()
    forked: list[int] = []
    fork = os.fork

    def noted() -> int:
        child = fork()
        forked.append(child)
        return child

    def fails(items: Sequence[int]) -> list[int]:
        if os.getpid() == parent:
            raise ValueError("here")
        return list(items)

    monkeypatch.setattr(os, "fork", noted)
    with pytest.raises(ValueError, match="here"):
        in_halves(fails, range(6), 4)
    [child] = forked  # the test runner may have other children
    with pytest.raises(ChildProcessError):
        os.waitpid(child, os.WNOHANG)
