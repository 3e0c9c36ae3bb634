"""Decide which engine works for which encounter, and when.

All encounters of a process share the engines. Each piece of work is a `Job` for one lane, that is,
for one engine. Four rules decide what runs:

1. The most urgent job runs first: each job says within which time its result is wanted, and the
   earliest deadline wins. The end of a turn and the first clause of an answer wait for nothing that
   can wait longer, whichever encounter it belongs to.
2. A lane runs as many jobs at once as its engine can, mostly one (`LaneSize`).
3. Cores are a budget. Two thread pools on the same cores slow each other down (measured: up to
   80-fold), so no more jobs run than there are cores.
4. Speculative jobs, for which no one waits, run only while no urgent job waits or runs. They are
   told to stop when one comes, and go on later. One that has waited too long is dropped.

`ALONE` is for one encounter: recognition and the voice use all cores. `SHARED` is for several: each
job uses one core, because two jobs side by side need less work than two one after the other with
two threads each.
"""

from __future__ import annotations

import contextvars
import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from simvoice.conversation.events import Key
from simvoice.machine import usable_cores

_log = logging.getLogger(__name__)

SPECULATIVE_S = 5.0
"""A speculative job that has waited for this long is dropped: the next turn makes a newer one."""

MOST_WAITING = 32
"""Jobs of one encounter that may wait in a lane: more than a turn of many clauses has."""

_STOP_S = 10.0
"""Longest wait for running jobs at the end of an encounter."""

_MOST_THREADS = 64
"""Threads that run jobs. Few run at once; those that wait for a server on the network are many."""


class Lane(StrEnum):
    """The engine that a job is for."""

    TURN_END = "end of turn"
    RECOGNISER = "recogniser"
    WORDS = "last words"
    MODEL = "language model"
    VOICE = "voice"


@dataclass(frozen=True, slots=True)
class LaneSize:
    """How an engine works."""

    width: int = 1
    """Jobs that it does at once."""
    cores: int = 1
    """Cores that one job uses; 0 for an engine on another machine."""


ELSEWHERE = LaneSize(width=32, cores=0)
"""For a server on the network, which answers several encounters at once."""


def alone(cores: int) -> dict[Lane, LaneSize]:
    """Return the lanes of engines that one encounter uses at a time."""
    whole = LaneSize(cores=cores)
    return {Lane.RECOGNISER: whole, Lane.VOICE: whole}


def shared(cores: int) -> dict[Lane, LaneSize]:
    """Return the lanes of engines that several encounters use at once."""
    many = LaneSize(width=cores)
    return {Lane.TURN_END: many, Lane.RECOGNISER: many}


Grant = Callable[[], bool]
"""Asked by a running job: True means that the result is no longer wanted, or that something urgent
comes first."""

Work = Callable[[Grant], None]
"""Does one piece of work and delivers its result."""


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work for an engine."""

    key: Key
    """Whose work it is: a turn and its revision."""
    lane: Lane
    run: Work
    failed: Callable[[str], None]
    """Called with the reason when the work failed."""
    within_s: float | None = None
    """Seconds in which the result is wanted; None for speculative work."""


@dataclass(slots=True, eq=False)
class _Entry:
    """A job in the scheduler."""

    job: Job
    jobs: EncounterJobs
    number: int
    put_s: float
    cores: int = 0
    """Cores that it has while it runs."""
    gives_way: bool = False
    """A speculative job that is asked to stop because an urgent one has come."""

    @property
    def is_urgent(self) -> bool:
        return self.job.within_s is not None

    @property
    def order(self) -> tuple[float, int]:
        within_s = self.job.within_s
        return (float("inf") if within_s is None else self.put_s + within_s, self.number)


@dataclass(frozen=True, slots=True)
class Workload:
    """What the scheduler did in the last seconds."""

    busy: float
    """Share of the cores that urgent jobs had, 0..1."""
    waiting: int
    """Urgent jobs that wait now."""


class Scheduler:
    """Runs the jobs of all encounters that share these engines. Thread-safe."""

    def __init__(
        self,
        cores: int | None = None,
        *,
        lanes: Mapping[Lane, LaneSize] | None = None,
        clock_s: Callable[[], float] = time.monotonic,
        spawn: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        """cores: the budget; all that this process may use when None. lanes: those whose size is
        not the usual one; `alone` when None. clock_s: returns seconds. spawn: runs a function in a
        thread; tests give one that only keeps it.
        """
        self.cores = cores or usable_cores()
        self._lanes = dict(alone(self.cores) if lanes is None else lanes)
        self._clock_s = clock_s
        self._threads: ThreadPoolExecutor | None = None
        self._spawn = spawn or self._in_thread
        self._changed = threading.Condition()
        self._waiting: list[_Entry] = []
        self._running: set[_Entry] = set()
        self._busy_lanes: Counter[Lane] = Counter()
        self._free_cores = self.cores
        self._number = 0
        self._usage = _Usage(self.cores)

    def close(self) -> None:
        """End the threads, once the running jobs are done. A later job starts new ones."""
        while True:  # a job that ends may start the next one, in new threads
            with self._changed:
                threads, self._threads = self._threads, None
            if threads is None:
                return
            threads.shutdown()

    def _in_thread(self, run: Callable[[], None]) -> object:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_MOST_THREADS, "simvoice-engine")
        return self._threads.submit(run)

    def encounter(self) -> EncounterJobs:
        """Return the jobs of a new encounter."""
        return EncounterJobs(self)

    @property
    def workload(self) -> Workload:
        """How busy the cores are."""
        with self._changed:
            waiting = sum(entry.is_urgent for entry in self._waiting)
            return Workload(self._usage.share(self._clock_s()), waiting)

    def wait_until_quiet(self, longest_s: float) -> bool:
        """Wait until no urgent job waits or runs. Return False when one does after `longest_s`."""

        def is_quiet() -> bool:
            both = (*self._waiting, *self._running)
            return not any(self._needs_core_now(entry) for entry in both)

        with self._changed:
            return self._changed.wait_for(is_quiet, longest_s)

    # -- called by `EncounterJobs`, which holds no lock of its own

    def _put(self, jobs: EncounterJobs, job: Job) -> bool:
        """Queue a job; return False when too many of this encounter wait in its lane."""
        with self._changed:
            if jobs.is_dropped(job.key):
                return True
            waiting = [e for e in self._waiting if e.jobs is jobs and e.job.lane is job.lane]
            if job.within_s is None:  # the newest guess of what comes next is the best one
                for older in (e for e in waiting if not e.is_urgent):
                    self._forget(older)
            elif len(waiting) >= MOST_WAITING:
                return False
            self._number += 1
            self._waiting.append(_Entry(job, jobs, self._number, self._clock_s()))
            jobs.count += 1
            self._start_what_can_run()
        return True

    def _drop(self, jobs: EncounterJobs, key: Key | None) -> None:
        """Forget the waiting jobs with this key; None for all of the encounter."""
        with self._changed:
            for entry in list(self._waiting):
                if entry.jobs is jobs and (key is None or entry.job.key == key):
                    self._forget(entry)

    def _wait_until_idle(self, jobs: EncounterJobs, longest_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: jobs.count == 0, longest_s)

    # -- with the lock held

    def _forget(self, entry: _Entry) -> None:
        self._waiting.remove(entry)
        entry.jobs.count -= 1
        self._changed.notify_all()

    def _start_what_can_run(self) -> None:
        now_s = self._clock_s()
        for entry in [e for e in self._waiting if not e.is_urgent]:
            if now_s - entry.put_s > SPECULATIVE_S:
                self._forget(entry)
        while (ready := self._next()) is not None:
            self._start(ready, now_s)
        if any(self._needs_core_now(entry) for entry in self._waiting):
            self._ask_speculative_to_stop()

    def _next(self) -> _Entry | None:
        """Return the most urgent job that can start now."""
        ready = [entry for entry in self._waiting if self._has_room(entry)]
        return min(ready, key=lambda entry: entry.order, default=None)

    def _size(self, entry: _Entry) -> LaneSize:
        return self._lanes.get(entry.job.lane, LaneSize())

    def _has_room(self, entry: _Entry) -> bool:
        size = self._size(entry)
        if self._busy_lanes[entry.job.lane] >= size.width:
            return False
        if size.cores == 0:
            return True
        if self._free_cores == 0:
            return False
        return entry.is_urgent or not any(
            self._needs_core_now(other) for other in (*self._waiting, *self._running)
        )

    def _needs_core_now(self, entry: _Entry) -> bool:
        return entry.is_urgent and self._size(entry).cores > 0

    def _start(self, entry: _Entry, now_s: float) -> None:
        self._waiting.remove(entry)
        entry.cores = min(self._size(entry).cores, self._free_cores)
        entry.gives_way = False
        self._free_cores -= entry.cores
        self._busy_lanes[entry.job.lane] += 1
        self._running.add(entry)
        if entry.is_urgent:
            self._usage.change(now_s, entry.cores)
            if entry.cores:
                self._ask_speculative_to_stop()
        self._spawn(lambda: self._run(entry))

    def _is_worth_another_start(self, entry: _Entry, now_s: float) -> bool:
        jobs, job = entry.jobs, entry.job
        if jobs.is_dropped(job.key) or now_s - entry.put_s > SPECULATIVE_S:
            return False
        newer = (e for e in self._waiting if e.jobs is jobs and e.job.lane is job.lane)
        return all(e.is_urgent for e in newer)

    def _ask_speculative_to_stop(self) -> None:
        for entry in self._running:
            if not entry.is_urgent:
                entry.gives_way = True

    # -- in the threads

    def _run(self, entry: _Entry) -> None:
        job, jobs = entry.job, entry.jobs
        try:
            if not jobs.is_dropped(job.key):
                jobs.context.copy().run(
                    _work, job, lambda: entry.gives_way or jobs.is_dropped(job.key)
                )
        finally:
            self._done(entry)

    def _done(self, entry: _Entry) -> None:
        with self._changed:
            now_s = self._clock_s()
            self._running.discard(entry)
            self._busy_lanes[entry.job.lane] -= 1
            self._free_cores += entry.cores
            if entry.is_urgent:
                self._usage.change(now_s, -entry.cores)
            if entry.gives_way and self._is_worth_another_start(entry, now_s):
                self._waiting.append(entry)
            else:
                entry.jobs.count -= 1
            self._start_what_can_run()
            self._changed.notify_all()


def _work(job: Job, grant: Grant) -> None:
    try:
        job.run(grant)
    except Exception as error:  # the top of a thread: the encounter is told, and continues
        _log.warning("A job of the %s failed.", job.lane, exc_info=error)
        job.failed(str(error) or type(error).__name__)


class EncounterJobs:
    """The jobs of one encounter. Call it from the encounter's thread."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._dropped: set[Key] = set()
        self._is_over = False
        self.count = 0
        """Jobs that wait or run; the scheduler changes it."""
        self.context = contextvars.copy_context()
        """The context of the jobs, so that their lines in the log name the attempt."""

    def start(self) -> None:
        """Begin: from here on the log names the attempt of this thread."""
        self.context = contextvars.copy_context()

    def put(self, job: Job) -> None:
        """Queue a job. When too many wait the job fails at once."""
        if not self._scheduler._put(self, job):
            job.failed("too much work is waiting")

    def drop(self, key: Key) -> None:
        """Cancel the work with this key. A running job is asked to stop."""
        self._dropped.add(key)
        self._scheduler._drop(self, key)

    def is_dropped(self, key: Key) -> bool:
        """Return True when no one wants the result of work with this key."""
        return self._is_over or key in self._dropped

    def wait_until_idle(self, longest_s: float) -> bool:
        """Wait until no job is left. Return False when one is left after `longest_s`."""
        return self._scheduler._wait_until_idle(self, longest_s)

    def stop(self) -> None:
        """Drop all jobs. Running ones are asked to stop, and waited for."""
        self._is_over = True
        self._scheduler._drop(self, None)
        self._scheduler._wait_until_idle(self, _STOP_S)


class _Usage:
    """The share of the cores that was used, as a mean that forgets within seconds."""

    _REMEMBERED_S = 5.0

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._used = 0
        self._share = 0.0
        self._at_s = 0.0

    def change(self, now_s: float, cores: int) -> None:
        """Note that the number of used cores changes."""
        self._share = self.share(now_s)
        self._at_s = now_s
        self._used += cores

    def share(self, now_s: float) -> float:
        """Return the share, 0..1."""
        kept = math.exp2(-(now_s - self._at_s) / self._REMEMBERED_S)
        return kept * self._share + (1.0 - kept) * self._used / self._cores
