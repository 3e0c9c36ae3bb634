"""The threads of the heavy work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from simvoice.conversation.events import Key
from simvoice.runtime.workers import Job, WorkerPool

WAIT_S = 10.0
"""Only a broken test waits for so long."""


class Bench:
    """Jobs that note what they do and wait to be let go."""

    def __init__(self, lanes: WorkerPool) -> None:
        self.lanes = lanes
        self.done: list[str] = []
        self.failures: list[str] = []

    def job(
        self,
        name: str,
        turn: int = 1,
        *,
        waits_for: threading.Event | None = None,
        begun: threading.Event | None = None,
        done: threading.Event | None = None,
        raises: Exception | None = None,
    ) -> Job:
        def run(cancelled: Callable[[], bool]) -> None:
            if begun is not None:
                begun.set()
            if waits_for is not None:
                assert waits_for.wait(WAIT_S)
            if raises is not None:
                raise raises
            self.done.append(f"{name} cancelled" if cancelled() else name)
            if done is not None:
                done.set()

        return Job(Key(turn, 0), run, self.failures.append)

    def finish(self, *ways: Callable[[Job], None]) -> None:
        """Returns when everything queued before in these lanes is done."""
        for way in ways:
            last = threading.Event()
            way(self.job("last", 99, done=last))
            assert last.wait(WAIT_S)


@pytest.fixture
def bench() -> Iterator[Bench]:
    lanes = WorkerPool()
    lanes.start()
    yield Bench(lanes)
    lanes.stop()
    names = {thread.name for thread in threading.enumerate()}
    assert not {"simvoice-ear", "simvoice-mind", "simvoice-mouth"} & names


def test_a_lane_works_in_the_order_of_asking(bench: Bench) -> None:
    for number in range(10):
        bench.lanes.to_ear(bench.job(str(number)))
    bench.finish(bench.lanes.to_ear)
    assert bench.done[:10] == [str(number) for number in range(10)]


def test_mind_and_mouth_wait_until_the_ear_is_idle(bench: Bench) -> None:
    listening, go = threading.Event(), threading.Event()
    bench.lanes.to_ear(bench.job("ear", begun=listening, waits_for=go))
    assert listening.wait(WAIT_S)
    bench.lanes.to_mouth(bench.job("mouth"))
    bench.lanes.to_mind(bench.job("mind"))
    go.set()
    bench.finish(bench.lanes.to_mouth, bench.lanes.to_mind)
    assert bench.done[0] == "ear"
    assert {"mouth", "mind"} <= set(bench.done)


def test_the_mouth_does_not_wait_for_the_mind(bench: Bench) -> None:
    thinking, go = threading.Event(), threading.Event()
    bench.lanes.to_mind(bench.job("mind", begun=thinking, waits_for=go))
    assert thinking.wait(WAIT_S)
    bench.lanes.to_mouth(bench.job("mouth"))
    bench.finish(bench.lanes.to_mouth)
    assert "mouth" in bench.done
    assert "mind" not in bench.done
    go.set()


def test_what_is_dropped_is_not_begun_and_what_runs_is_told(bench: Bench) -> None:
    begun, go = threading.Event(), threading.Event()
    bench.lanes.to_ear(bench.job("running", 1, begun=begun, waits_for=go))
    bench.lanes.to_ear(bench.job("waiting", 1))
    bench.lanes.to_ear(bench.job("wanted", 2))
    assert begun.wait(WAIT_S)
    bench.lanes.drop(Key(1, 0))
    go.set()
    bench.finish(bench.lanes.to_ear)
    assert bench.done[:2] == ["running cancelled", "wanted"]


@pytest.mark.parametrize(
    ("error", "words"), [(ValueError("no such word"), "no such word"), (KeyError(), "KeyError")]
)
def test_a_failure_is_told_in_words_and_the_lane_goes_on(
    bench: Bench, error: Exception, words: str
) -> None:
    bench.lanes.to_mouth(bench.job("broken", raises=error))
    bench.finish(bench.lanes.to_mouth)
    assert bench.failures == [words]


def test_an_ear_that_fails_does_not_leave_the_others_waiting(bench: Bench) -> None:
    bench.lanes.to_ear(bench.job("broken", raises=ValueError("deaf")))
    bench.finish(bench.lanes.to_ear, bench.lanes.to_mind)
    assert bench.failures == ["deaf"]


def test_a_full_lane_fails_what_comes_on_top(bench: Bench) -> None:
    begun, go = threading.Event(), threading.Event()
    bench.lanes.to_ear(bench.job("long", begun=begun, waits_for=go))
    assert begun.wait(WAIT_S)
    last = threading.Event()
    for number in range(20):
        bench.lanes.to_ear(bench.job(str(number), done=last if number == 15 else None))
    assert bench.failures == ["too much work is waiting"] * 4
    go.set()
    assert last.wait(WAIT_S)
    assert bench.done == ["long", *map(str, range(16))]


def test_stopping_tells_what_runs_and_forgets_what_waits() -> None:
    lanes = WorkerPool()
    lanes.start()
    bench = Bench(lanes)
    begun = threading.Event()

    def run(cancelled: Callable[[], bool]) -> None:
        begun.set()
        while not cancelled():
            pass
        bench.done.append("told")

    lanes.to_ear(Job(Key(1, 0), run, bench.failures.append))
    lanes.to_ear(bench.job("never"))
    assert begun.wait(WAIT_S)
    lanes.stop()
    assert bench.done == ["told"]
    assert bench.failures == []


def test_the_lanes_settle_once_nothing_waits_or_runs(bench: Bench) -> None:
    assert bench.lanes.settle(0.0)
    begun, go = threading.Event(), threading.Event()
    bench.lanes.to_ear(bench.job("ear", begun=begun, waits_for=go))
    bench.lanes.to_mind(bench.job("mind"))
    bench.lanes.to_mouth(bench.job("mouth", raises=ValueError("hoarse")))
    assert begun.wait(WAIT_S)
    assert not bench.lanes.settle(0.05)
    go.set()
    assert bench.lanes.settle(WAIT_S)
    assert sorted(bench.done) == ["ear", "mind"]
    assert bench.failures == ["hoarse"]


def test_a_job_that_found_its_lane_full_is_not_waited_for(bench: Bench) -> None:
    begun, go = threading.Event(), threading.Event()
    bench.lanes.to_ear(bench.job("long", begun=begun, waits_for=go))
    assert begun.wait(WAIT_S)
    for number in range(20):
        bench.lanes.to_ear(bench.job(str(number)))
    go.set()
    assert bench.lanes.settle(WAIT_S)
    assert len(bench.done) == 17
