"""The worker threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from simvoice.conversation.events import Key
from simvoice.runtime.workers import Job, WorkerPool

WAIT_S = 10.0
"""Only a failing test waits this long."""


class Bench:
    """Jobs that record what they do, and wait for an event."""

    def __init__(self, workers: WorkerPool) -> None:
        self.workers = workers
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
        """Return when all jobs queued before in these workers are done."""
        for way in ways:
            last = threading.Event()
            way(self.job("last", 99, done=last))
            assert last.wait(WAIT_S)


@pytest.fixture
def bench() -> Iterator[Bench]:
    workers = WorkerPool()
    workers.start()
    yield Bench(workers)
    workers.stop()
    names = {thread.name for thread in threading.enumerate()}
    assert not {"simvoice-recogniser", "simvoice-language-model", "simvoice-voice"} & names


def test_a_worker_does_its_jobs_in_order(bench: Bench) -> None:
    for number in range(10):
        bench.workers.to_recogniser(bench.job(str(number)))
    bench.finish(bench.workers.to_recogniser)
    assert bench.done[:10] == [str(number) for number in range(10)]


def test_language_model_and_voice_wait_until_the_recogniser_is_idle(bench: Bench) -> None:
    listening, release = threading.Event(), threading.Event()
    bench.workers.to_recogniser(bench.job("recogniser", begun=listening, waits_for=release))
    assert listening.wait(WAIT_S)
    bench.workers.to_voice(bench.job("voice"))
    bench.workers.to_language_model(bench.job("model"))
    release.set()
    bench.finish(bench.workers.to_voice, bench.workers.to_language_model)
    assert bench.done[0] == "recogniser"
    assert {"voice", "model"} <= set(bench.done)


def test_the_voice_does_not_wait_for_the_language_model(bench: Bench) -> None:
    thinking, release = threading.Event(), threading.Event()
    bench.workers.to_language_model(bench.job("model", begun=thinking, waits_for=release))
    assert thinking.wait(WAIT_S)
    bench.workers.to_voice(bench.job("voice"))
    bench.finish(bench.workers.to_voice)
    assert "voice" in bench.done
    assert "model" not in bench.done
    release.set()


def test_a_dropped_job_is_not_started_and_a_running_one_is_cancelled(bench: Bench) -> None:
    begun, release = threading.Event(), threading.Event()
    bench.workers.to_recogniser(bench.job("running", 1, begun=begun, waits_for=release))
    bench.workers.to_recogniser(bench.job("waiting", 1))
    bench.workers.to_recogniser(bench.job("wanted", 2))
    assert begun.wait(WAIT_S)
    bench.workers.drop(Key(1, 0))
    release.set()
    bench.finish(bench.workers.to_recogniser)
    assert bench.done[:2] == ["running cancelled", "wanted"]


@pytest.mark.parametrize(
    ("error", "words"), [(ValueError("no such word"), "no such word"), (KeyError(), "KeyError")]
)
def test_a_failure_is_reported_and_the_worker_continues(
    bench: Bench, error: Exception, words: str
) -> None:
    bench.workers.to_voice(bench.job("broken", raises=error))
    bench.finish(bench.workers.to_voice)
    assert bench.failures == [words]


def test_a_recogniser_that_fails_does_not_block_the_others(bench: Bench) -> None:
    bench.workers.to_recogniser(bench.job("broken", raises=ValueError("deaf")))
    bench.finish(bench.workers.to_recogniser, bench.workers.to_language_model)
    assert bench.failures == ["deaf"]


def test_a_full_queue_fails_further_jobs(bench: Bench) -> None:
    begun, release = threading.Event(), threading.Event()
    bench.workers.to_recogniser(bench.job("long", begun=begun, waits_for=release))
    assert begun.wait(WAIT_S)
    last = threading.Event()
    for number in range(20):
        bench.workers.to_recogniser(bench.job(str(number), done=last if number == 15 else None))
    assert bench.failures == ["too much work is waiting"] * 4
    release.set()
    assert last.wait(WAIT_S)
    assert bench.done == ["long", *map(str, range(16))]


def test_stopping_cancels_the_running_job_and_drops_the_waiting_ones() -> None:
    workers = WorkerPool()
    workers.start()
    bench = Bench(workers)
    begun = threading.Event()

    def run(cancelled: Callable[[], bool]) -> None:
        begun.set()
        deadline = time.monotonic() + WAIT_S
        while not cancelled() and time.monotonic() < deadline:
            pass
        bench.done.append("told" if cancelled() else "not told")

    workers.to_recogniser(Job(Key(1, 0), run, bench.failures.append))
    workers.to_recogniser(bench.job("never"))
    assert begun.wait(WAIT_S)
    workers.stop()
    assert bench.done == ["told"]
    assert bench.failures == []


def test_the_workers_are_idle_once_no_job_waits_or_runs(bench: Bench) -> None:
    assert bench.workers.wait_until_idle(0.0)
    begun, release = threading.Event(), threading.Event()
    bench.workers.to_recogniser(bench.job("recogniser", begun=begun, waits_for=release))
    bench.workers.to_language_model(bench.job("model"))
    bench.workers.to_voice(bench.job("voice", raises=ValueError("hoarse")))
    assert begun.wait(WAIT_S)
    assert not bench.workers.wait_until_idle(0.05)
    release.set()
    assert bench.workers.wait_until_idle(WAIT_S)
    assert sorted(bench.done) == ["model", "recogniser"]
    assert bench.failures == ["hoarse"]


def test_a_job_that_found_its_queue_full_is_not_counted(bench: Bench) -> None:
    begun, release = threading.Event(), threading.Event()
    bench.workers.to_recogniser(bench.job("long", begun=begun, waits_for=release))
    assert begun.wait(WAIT_S)
    for number in range(20):
        bench.workers.to_recogniser(bench.job(str(number)))
    release.set()
    assert bench.workers.wait_until_idle(WAIT_S)
    assert len(bench.done) == 17
