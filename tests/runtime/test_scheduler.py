"""Which job runs when: in virtual time, with jobs that end when the test says so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from simvoice.conversation.events import Key
from simvoice.runtime.scheduler import (
    MOST_WAITING,
    SPECULATIVE_S,
    EncounterJobs,
    Grant,
    Job,
    Lane,
    LaneSize,
    Scheduler,
    shared,
)

WAIT_S = 60.0
"""Only a failing test waits this long."""


@dataclass
class Stage:
    """A scheduler whose threads are a list: a job begins to run, and ends when it is told to."""

    cores: int = 2
    lanes: dict[Lane, LaneSize] = field(default_factory=lambda: shared(2))
    now_s: float = 0.0
    begun: list[str] = field(default_factory=list)
    """Names of the jobs that were started, in order."""
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.threads: dict[str, Callable[[], None]] = {}
        self.grants: dict[str, Grant] = {}
        self.scheduler = Scheduler(
            self.cores, lanes=self.lanes, clock_s=lambda: self.now_s, spawn=self._spawn
        )
        self._spawned: list[Callable[[], None]] = []

    def _spawn(self, run: Callable[[], None]) -> None:
        self._spawned.append(run)

    def put(
        self,
        jobs: EncounterJobs,
        name: str,
        lane: Lane = Lane.RECOGNISER,
        within_s: float | None = 0.2,
        turn: int = 1,
    ) -> None:
        def run(grant: Grant) -> None:
            self.begun.append(name)

        jobs.put(Job(Key(turn, 0), lane, run, self.failures.append, within_s))

    def finish(self) -> str:
        """End the job that was started first; return its name, empty for one without effect."""
        before = len(self.begun)
        self._spawned.pop(0)()
        return "".join(self.begun[before:])

    def finish_all(self) -> list[str]:
        done = []
        while self._spawned:
            done.append(self.finish())
        return done

    @property
    def running(self) -> int:
        return len(self._spawned)


def test_the_earliest_deadline_runs_first_whichever_encounter_it_belongs_to() -> None:
    stage = Stage(cores=1)
    one, other = stage.scheduler.encounter(), stage.scheduler.encounter()
    stage.put(one, "first")
    stage.put(one, "next clause", Lane.VOICE, 1.0)
    stage.put(other, "transcript", Lane.RECOGNISER, 0.24)
    stage.put(one, "first clause", Lane.VOICE, 0.15)
    stage.now_s = 0.1
    stage.put(other, "later transcript", Lane.RECOGNISER, 0.24)
    order = ["first", "first clause", "transcript", "later transcript", "next clause"]
    assert stage.finish_all() == order


def test_no_encounter_starves_another_that_asks_all_the_time() -> None:
    stage = Stage(cores=1)
    greedy, quiet = stage.scheduler.encounter(), stage.scheduler.encounter()
    stage.put(greedy, "g")
    stage.put(greedy, "g")
    stage.put(quiet, "q")
    waited = 0
    while stage.finish() != "q":
        stage.now_s += 0.1
        stage.put(greedy, "g")
        waited += 1
    assert waited <= 3


def test_no_more_jobs_run_than_there_are_cores() -> None:
    stage = Stage()
    jobs = [stage.scheduler.encounter() for _ in range(4)]
    for number, each in enumerate(jobs):
        stage.put(each, str(number))
    assert stage.running == 2
    stage.finish()
    assert stage.running == 2


def test_an_engine_that_does_one_job_at_a_time_gets_one() -> None:
    stage = Stage()
    one, other = stage.scheduler.encounter(), stage.scheduler.encounter()
    stage.put(one, "clause", Lane.VOICE)
    stage.put(other, "clause of another", Lane.VOICE)
    assert stage.running == 1
    stage.put(other, "transcript")  # another engine need not wait
    assert stage.running == 2


def test_a_lone_encounter_gives_recognition_all_cores() -> None:
    stage = Stage(lanes={Lane.RECOGNISER: LaneSize(cores=2)})
    jobs = stage.scheduler.encounter()
    stage.put(jobs, "transcript")
    stage.put(jobs, "clause", Lane.VOICE)
    assert stage.running == 1
    assert stage.finish_all() == ["transcript", "clause"]


def test_an_engine_on_another_machine_needs_no_core() -> None:
    stage = Stage(cores=1, lanes={Lane.MODEL: LaneSize(width=8, cores=0)})
    jobs = [stage.scheduler.encounter() for _ in range(3)]
    for each in jobs:
        stage.put(each, "question", Lane.MODEL)
    stage.put(jobs[0], "transcript")
    assert stage.running == 4


def test_speculative_work_waits_until_nothing_urgent_waits_or_runs() -> None:
    stage = Stage()
    one, other = stage.scheduler.encounter(), stage.scheduler.encounter()
    stage.put(one, "transcript")
    stage.put(other, "reading ahead", Lane.MODEL, None)
    assert stage.running == 1
    assert stage.finish_all() == ["transcript", "reading ahead"]


def test_speculative_work_gives_way_and_goes_on_later() -> None:
    stage = Stage(cores=1)
    one, other = stage.scheduler.encounter(), stage.scheduler.encounter()
    told: list[bool] = []

    def read(grant: Grant) -> None:
        told.append(grant())

    one.put(Job(Key(0, 0), Lane.MODEL, read, stage.failures.append))
    stage.put(other, "transcript")
    stage.finish()
    assert told == [True]
    assert stage.finish() == "transcript"
    stage.finish()
    assert told == [True, False]
    assert stage.running == 0


def test_only_the_newest_speculative_work_of_an_encounter_waits() -> None:
    stage = Stage(cores=1)
    one, other = stage.scheduler.encounter(), stage.scheduler.encounter()
    stage.put(other, "transcript")
    stage.put(one, "old guess", Lane.MODEL, None)
    stage.put(one, "new guess", Lane.MODEL, None)
    assert stage.finish_all() == ["transcript", "new guess"]


def test_speculative_work_is_dropped_first_under_load() -> None:
    stage = Stage(cores=1)
    one, other = stage.scheduler.encounter(), stage.scheduler.encounter()
    stage.put(other, "transcript")
    stage.put(one, "guess", Lane.MODEL, None)
    stage.now_s = SPECULATIVE_S + 0.1
    assert stage.finish_all() == ["transcript"]
    assert one.wait_until_idle(0.0)


def test_a_dropped_job_is_not_started_and_a_running_one_is_told() -> None:
    stage = Stage(cores=1)
    jobs = stage.scheduler.encounter()
    told: list[bool] = []
    jobs.put(
        Job(
            Key(1, 0),
            Lane.RECOGNISER,
            lambda grant: told.append(grant()),
            stage.failures.append,
            0.2,
        )
    )
    stage.put(jobs, "waiting", turn=1)
    stage.put(jobs, "wanted", turn=2)
    jobs.drop(Key(1, 0))
    stage.put(jobs, "too late", turn=1)
    assert stage.finish_all() == ["", "wanted"]
    assert told == []  # it was dropped before its thread began
    assert jobs.wait_until_idle(0.0)


def test_a_job_that_is_dropped_while_it_runs_is_told() -> None:
    stage = Stage(cores=1)
    jobs = stage.scheduler.encounter()
    told: list[bool] = []

    def run(grant: Grant) -> None:
        told.append(grant())
        jobs.drop(Key(1, 0))
        told.append(grant())

    jobs.put(Job(Key(1, 0), Lane.RECOGNISER, run, stage.failures.append, 0.2))
    stage.finish_all()
    assert told == [False, True]


@pytest.mark.parametrize(
    ("error", "words"), [(ValueError("no such word"), "no such word"), (KeyError(), "KeyError")]
)
def test_a_failure_is_reported_and_frees_the_engine(error: Exception, words: str) -> None:
    stage = Stage(cores=1)
    jobs = stage.scheduler.encounter()

    def fail(grant: Grant) -> None:
        raise error

    jobs.put(Job(Key(1, 0), Lane.VOICE, fail, stage.failures.append, 0.2))
    stage.put(jobs, "next", Lane.VOICE)
    assert stage.finish_all() == ["", "next"]
    assert stage.failures == [words]


def test_an_encounter_with_too_much_waiting_work_is_told_and_no_other_is() -> None:
    stage = Stage(cores=1)
    full, other = stage.scheduler.encounter(), stage.scheduler.encounter()
    for number in range(MOST_WAITING + 3):
        stage.put(full, str(number))
    stage.put(other, "another's")
    assert stage.failures == ["too much work is waiting"] * 2
    assert len(stage.finish_all()) == MOST_WAITING + 2


def test_the_workload_is_the_share_of_the_cores_that_urgent_work_has() -> None:
    stage = Stage()
    jobs = stage.scheduler.encounter()
    assert stage.scheduler.workload.busy == 0.0
    for _ in range(3):
        stage.put(jobs, "transcript")
    stage.now_s = 60.0
    assert stage.scheduler.workload.busy == pytest.approx(1.0, abs=0.01)
    assert stage.scheduler.workload.waiting == 1
    stage.finish_all()
    stage.now_s = 120.0
    assert stage.scheduler.workload.busy == pytest.approx(0.0, abs=0.01)


# -- with real threads


def test_stopping_drops_what_waits_and_waits_for_what_runs() -> None:
    scheduler = Scheduler(1)
    jobs = scheduler.encounter()
    begun = threading.Event()
    seen: list[str] = []

    def run(grant: Grant) -> None:
        begun.set()
        deadline = time.monotonic() + WAIT_S
        while not grant() and time.monotonic() < deadline:
            pass
        seen.append("told" if grant() else "not told")

    jobs.put(Job(Key(1, 0), Lane.RECOGNISER, run, seen.append, 0.1))
    jobs.put(Job(Key(1, 0), Lane.RECOGNISER, lambda _: seen.append("never"), seen.append, 0.1))
    assert begun.wait(WAIT_S)
    jobs.stop()
    assert seen == ["told"]
    scheduler.close()
    assert not [each for each in threading.enumerate() if each.name.startswith("simvoice-engine")]


def test_an_encounter_is_idle_once_no_job_waits_or_runs() -> None:
    scheduler = Scheduler(2)
    jobs, other = scheduler.encounter(), scheduler.encounter()
    release = threading.Event()
    done: list[str] = []

    def run(grant: Grant) -> None:
        assert release.wait(WAIT_S)
        done.append("done")

    assert jobs.wait_until_idle(0.0)
    for lane in (Lane.RECOGNISER, Lane.MODEL, Lane.VOICE):
        jobs.put(Job(Key(1, 0), lane, run, done.append, 0.1))
    assert not jobs.wait_until_idle(0.05)
    assert other.wait_until_idle(0.0)
    release.set()
    assert jobs.wait_until_idle(WAIT_S)
    assert done == ["done"] * 3
    scheduler.close()


def test_a_scheduler_that_was_closed_begins_again_with_the_next_job() -> None:
    scheduler = Scheduler(1)
    done: list[str] = []
    for word in ("first", "second"):
        jobs = scheduler.encounter()
        jobs.put(
            Job(Key(1, 0), Lane.VOICE, lambda _, word=word: done.append(word), done.append, 1.0)
        )
        assert jobs.wait_until_idle(WAIT_S)
        scheduler.close()
    assert done == ["first", "second"]
