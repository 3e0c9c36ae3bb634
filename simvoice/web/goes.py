"""What a debrief says of other goes: the one it was taken up from, those taken up from it."""

from __future__ import annotations

from dataclasses import dataclass

from simvoice.debrief.comparison import Comparison, compare, goes_from
from simvoice.errors import SimvoiceError
from simvoice.record.events import Again
from simvoice.record.store import Attempt, AttemptSummary
from simvoice.web.ports import Simulator


@dataclass(frozen=True, slots=True)
class Goes:
    """Beside this attempt."""

    again: Again | None
    """Where this one was taken up; None when it began at the door."""
    comparison: Comparison | None
    """None also when the first one is gone."""
    first_has_sound: bool
    others: tuple[AttemptSummary, ...]
    """Taken up from this one."""


def goes(simulator: Simulator, found: Attempt) -> Goes:
    """Reads the first one, when there is one."""
    again = found.header.again
    comparison, has_sound = None, False
    if again is not None:
        try:
            first = simulator.attempt(again.attempt)
            comparison, has_sound = compare(first, found), first.audio_path is not None
        except SimvoiceError:  # erased, or damaged since: the page says so
            comparison = None
    return Goes(again, comparison, has_sound, goes_from(found.id, simulator.attempts()))
