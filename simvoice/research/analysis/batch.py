"""Many conversations: several at a time, those that are done left alone, the bad ones named."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from simvoice.errors import SimvoiceError
from simvoice.record.files import storage_error
from simvoice.record.store import Store
from simvoice.research.analysis.attempts import of_attempt, quick_fingerprint
from simvoice.research.analysis.inputs import InputItem, OwnAttempt
from simvoice.research.analysis.recording import Ear, Options, identify, of_recording
from simvoice.research.analysis.results import is_current, path_of, save

MakeEar = Callable[[], Ear]
"""Makes the recogniser, in the process that uses it; a function of a module."""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What holds for all of them."""

    options: Options
    out: Path
    again: bool = False
    """Also those whose result is there and current."""
    make_ear: MakeEar | None = None


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What became of one of them."""

    name: str
    state: Literal["done", "skipped", "failed"]
    """skipped: the result was there already, and current."""
    result: Path | None = None
    reason: str = ""
    """Why it failed, in a sentence."""
    exit_code: int = 0


def run(items: Sequence[InputItem], plan: BatchPlan, jobs: int = 1) -> Iterator[BatchOutcome]:
    """Outcomes as they come. One that fails, or takes its process with it, stops no other.

    Raises StorageFull or SimvoiceError when the folder of results cannot be made.
    """
    try:
        plan.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, f"making the folder {str(plan.out)!r}") from error
    if jobs <= 1 or len(items) == 1:
        for item in items:
            yield analyse_one(item, plan)
        return
    left = dict.fromkeys(items)
    for item, outcome in _together(items, plan, jobs):
        del left[item]
        yield outcome
    for item in left:  # a process died, and nobody knows over which: one by one
        yield from (outcome for _, outcome in _together([item], plan, 1))


def _together(
    items: Sequence[InputItem], plan: BatchPlan, jobs: int
) -> Iterator[tuple[InputItem, BatchOutcome]]:
    """Those that came to an end before a process died, or all of them. Of a single one also
    that its process died."""
    context = multiprocessing.get_context("spawn")  # a fork would copy threads half-way
    workers = min(jobs, len(items))
    with ProcessPoolExecutor(workers, context, initializer=_leave_interrupts_alone) as pool:
        futures: dict[Future[BatchOutcome], InputItem] = {
            pool.submit(analyse_one, item, plan): item for item in items
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            if len(items) == 1:
                name = items[0].name
                reason = f"the process that analysed {name} was killed; was memory short?"
                yield items[0], BatchOutcome(name, "failed", reason=reason, exit_code=1)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts_alone() -> None:
    """Ctrl+C is the parent's to handle: what is being worked on is finished and saved, and the
    rest is done by the next run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def analyse_one(item: InputItem, plan: BatchPlan) -> BatchOutcome:
    """Never raises for what is wrong with one of them."""
    try:
        return _analysed(item, plan)
    except SimvoiceError as error:
        return BatchOutcome(item.name, "failed", reason=str(error), exit_code=error.exit_code)
    except Exception as error:  # the top of a worker: thousands more are waiting
        reason = f"analysing {item.name} failed unexpectedly ({type(error).__name__}: {error})"
        return BatchOutcome(item.name, "failed", reason=reason, exit_code=1)


def _analysed(item: InputItem, plan: BatchPlan) -> BatchOutcome:
    if isinstance(item, OwnAttempt):
        return _attempt(item, plan)
    this = identify(item, plan.options)
    if not plan.again and is_current(plan.out, this.id, this.fingerprint):
        return BatchOutcome(item.name, "skipped", path_of(plan.out, this.id))
    ear = _ear(plan.make_ear) if plan.options.words and plan.make_ear is not None else None
    found = of_recording(item, plan.options, plan.out, ear)
    return BatchOutcome(item.name, "done", save(plan.out, found))


def _attempt(item: OwnAttempt, plan: BatchPlan) -> BatchOutcome:
    attempt = Store(item.root).open(item.id)
    visit = plan.options.visit or None
    current = quick_fingerprint(attempt, visit)
    if not plan.again and is_current(plan.out, item.id, current):
        return BatchOutcome(item.name, "skipped", path_of(plan.out, item.id))
    return BatchOutcome(item.name, "done", save(plan.out, of_attempt(attempt, visit)))


@cache
def _ear(make: MakeEar) -> Ear:
    """One a process: loading it takes seconds."""
    return make()
