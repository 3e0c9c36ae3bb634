"""Search for an input that breaks a parser, for some seconds, and make it small."""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, example, given, seed, settings
from hypothesis import strategies as st

from tests.work import counted

HANG_S = 1.0
"""Longest time for one input."""
STUCK_S = 30.0
"""Longest time for one input on a machine that is busy with other work."""
MOST_CALLS = 3_000_000
"""Calls of functions that take about HANG_S: the same input makes as many on a busy machine."""
OTHERS = 4.0
"""Processes that may share a core: an input that works for 0.1 s may take 0.5 s by the clock."""
WATCH_S = 20.0
"""An input that takes this long is stopped and counts as a hang."""
SMALLER_S = 60.0
"""Longest time to make a failing input smaller."""


@dataclass(frozen=True)
class Target:
    """One thing that takes input from outside, and what it must do with any."""

    name: str
    inputs: st.SearchStrategy[Any]
    check: Callable[[Any], None]
    """Raises when the input was neither used nor refused with the documented sentence."""
    examples: tuple[Any, ...] = ()
    """Inputs that broke it once."""
    weight: float = 1.0
    """Share of the time, relative to the others."""
    most_s: float | None = None
    """Longest time for one input; None for HANG_S."""


class TooSlow(AssertionError):
    """An input took longer than it may, three times."""


@dataclass
class Outcome:
    """What a search has found."""

    name: str
    count: int = 0
    slowest_s: float = 0.0
    slowest: str = ""
    failure: BaseException | None = None
    notes: str = ""
    """The smallest failing input."""
    input: Any = None
    """The same, as it was given to the target."""
    seen: list[str] = field(default_factory=list)


class _Over(BaseException):  # no Exception: hypothesis lets it pass at once
    """The time is used up."""


@contextmanager
def _watched(is_on: bool) -> Iterator[None]:
    """Stop the body with TooSlow after WATCH_S, also inside a regular expression."""
    if not is_on:
        yield
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlow(f"stopped after {WATCH_S:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, WATCH_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def shown(value: Any, most: int = 300) -> str:
    """Return an input as text that fits on a screen."""
    text = ascii(value)
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"


def search(
    target: Target,
    seconds: float,
    *,
    watch: bool = False,
    start: int | None = None,
    is_busy: bool = False,
) -> Outcome:
    """Check examples of a target for some seconds, first those that broke it once.

    watch: stop an input that hangs (uses SIGALRM, so only in the main thread and not under
    pytest-timeout). start: seed of the search; None takes another one each time. is_busy: the
    machine also does other work, so that a slow input is judged by its calls, and one that makes
    few calls may take STUCK_S.
    """
    outcome = Outcome(target.name)
    most_s = HANG_S if target.most_s is None else target.most_s
    end_s: float | None = None

    def took_s(value: Any) -> float:
        """Return seconds of work or of waiting: the clock alone also counts other processes."""
        began_s, busy_s = time.monotonic(), time.process_time()
        with _watched(watch):
            target.check(value)
        work_s = time.process_time() - busy_s
        return max(work_s, time.monotonic() - began_s - OTHERS * work_s)

    def check(value: Any) -> None:
        nonlocal end_s
        if end_s is None:  # hypothesis has made its tables of letters before the first input
            end_s = time.monotonic() + seconds
        if time.monotonic() > end_s + (SMALLER_S if outcome.notes else 0.0):
            raise _Over
        try:
            needed_s = took_s(value)
            if needed_s >= most_s:  # what is slow once may have waited for another process
                needed_s = min(needed_s, took_s(value), took_s(value))
            if needed_s >= (STUCK_S if is_busy else most_s):
                raise TooSlow(f"this took {needed_s:.1f} s")
            if needed_s >= most_s:
                with counted() as work:
                    target.check(value)
                if work.calls >= MOST_CALLS * most_s:
                    raise TooSlow(f"this took {needed_s:.1f} s and {work.calls:,} calls")
        except Exception as error:
            if not outcome.notes or len(shown(value, 10_000)) <= len(outcome.notes):
                outcome.failure, outcome.notes = error, shown(value, 10_000)
                outcome.input = value
            traceback.clear_frames(error.__traceback__)  # a large array in them would stay
            raise
        if needed_s > outcome.slowest_s:
            outcome.slowest_s, outcome.slowest = needed_s, shown(value, 200)
        outcome.count += 1

    run = given(target.inputs)(check)
    for value in target.examples:
        run = example(value)(run)
    if start is not None:
        run = seed(start)(run)
    run = settings(
        max_examples=10_000_000,
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,  # the outcome has it all
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=[*HealthCheck],
        report_multiple_bugs=False,
    )(run)
    with suppress(_Over):
        try:
            run()
        except Exception as error:
            outcome.failure = outcome.failure or error
    return outcome
