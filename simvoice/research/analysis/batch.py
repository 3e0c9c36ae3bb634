"""Analyse many conversations, several at a time; skip current results and report failures."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import wait
from pathlib import Path
from typing import Literal

from simvoice.errors import SimvoiceError
from simvoice.reading.reading import read
from simvoice.record.files import storage_error
from simvoice.record.store import Store
from simvoice.research.analysis.attempts import analyse_attempt, attempt_fingerprint
from simvoice.research.analysis.inputs import InputItem, OwnAttempt
from simvoice.research.analysis.recording import (
    Options,
    WordRecogniser,
    analyse_recording,
    identify,
)
from simvoice.research.analysis.results import is_current, result_path, save
from simvoice.research.analysis.work_folder import remove_abandoned, work_folder

MakeRecogniser = Callable[[], WordRecogniser]
"""Makes the recogniser in the process that uses it; it must be a module's function."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The settings of a batch."""

    options: Options
    out: Path
    redo: bool = False
    """Also analyse conversations that have a current result."""
    make_recogniser: MakeRecogniser | None = None


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """The outcome for one conversation."""

    name: str
    state: Literal["done", "skipped", "failed"]
    """skipped: a current result existed."""
    result: Path | None = None
    reason: str = ""
    """Why it failed, as a sentence."""
    exit_code: int = 0


def run(items: Sequence[InputItem], plan: BatchPlan, jobs: int = 1) -> Iterator[BatchOutcome]:
    """Yield outcomes as they finish. A failure or a killed process does not stop the others.

    Raises StorageFull or SimvoiceError when the folder of results cannot be created.
    """
    try:
        plan.out.mkdir(parents=True, exist_ok=True)
        remove_abandoned(plan.out)
    except OSError as error:
        raise storage_error(error, f"creating the folder {str(plan.out)!r}") from error
    if jobs <= 1 or len(items) == 1:
        for item in items:
            yield analyse_one(item, plan)
        return
    unfinished = dict.fromkeys(items)
    for item, outcome in _in_processes(items, plan, jobs):
        del unfinished[item]
        yield outcome
    for item in unfinished:  # a process died; run alone, each item shows whether it was the cause
        yield from (outcome for _, outcome in _in_processes([item], plan, 1))


def _in_processes(
    items: Sequence[InputItem], plan: BatchPlan, jobs: int
) -> Iterator[tuple[InputItem, BatchOutcome]]:
    """Yield outcomes until all items are done or a process dies.

    For a single item, a dead process gives a failed outcome.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy threads in mid-state
    workers = min(jobs, len(items))
    with ProcessPoolExecutor(workers, context, initializer=_prepare_worker) as pool:
        futures: dict[Future[BatchOutcome], InputItem] = {
            pool.submit(analyse_one, item, plan): item for item in items
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            if len(items) == 1:
                name = items[0].name
                reason = (
                    f"the process that analysed {name} was killed, perhaps for lack of memory; "
                    "close other programs, or use fewer --jobs"
                )
                yield items[0], BatchOutcome(name, "failed", reason=reason, exit_code=1)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _prepare_worker() -> None:
    """Leave Ctrl+C to the parent: running items are finished, the next run does the rest.

    When the parent is killed, the worker ends too; otherwise it would wait for work for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """Wait until the parent has ended, then end this process; its results are whole or absent."""
    wait([sentinel])
    os._exit(1)


def analyse_one(item: InputItem, plan: BatchPlan) -> BatchOutcome:
    """Return the outcome for one conversation; an error gives a failed outcome."""
    try:
        return _analysed(item, plan)
    except SimvoiceError as error:
        return BatchOutcome(item.name, "failed", reason=str(error), exit_code=error.exit_code)
    except Exception as error:  # the top level of a worker: the other items must run
        reason = f"analysing {item.name} failed unexpectedly ({type(error).__name__}: {error})"
        return BatchOutcome(item.name, "failed", reason=reason, exit_code=1)


def _analysed(item: InputItem, plan: BatchPlan) -> BatchOutcome:
    if isinstance(item, OwnAttempt):
        return _analysed_attempt(item, plan)
    identity = identify(item, plan.options)
    if not plan.redo and is_current(plan.out, identity.id, identity.fingerprint):
        return BatchOutcome(item.name, "skipped", result_path(plan.out, identity.id))
    make = plan.make_recogniser if plan.options.words else None
    recogniser = _recogniser(make) if make is not None else None
    try:
        with work_folder(plan.out) as work:
            found = analyse_recording(item, plan.options, work, recogniser)
    except OSError as error:
        raise storage_error(error, f"analysing {item.name}") from error
    return BatchOutcome(item.name, "done", save(plan.out, found))


def _analysed_attempt(item: OwnAttempt, plan: BatchPlan) -> BatchOutcome:
    attempt = Store(item.root).open(item.id)
    visit = plan.options.visit or None
    current = attempt_fingerprint(attempt, visit)
    if not plan.redo and is_current(plan.out, item.id, current):
        return BatchOutcome(item.name, "skipped", result_path(plan.out, item.id))
    made = analyse_attempt(attempt, read(attempt), visit)
    return BatchOutcome(item.name, "done", save(plan.out, made))


@cache
def _recogniser(make: MakeRecogniser) -> WordRecogniser:
    """Return the recogniser of this process; loading it takes seconds."""
    return make()
