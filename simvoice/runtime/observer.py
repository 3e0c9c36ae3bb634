"""What a page or a terminal can observe of a running encounter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from simvoice.record.endings import RequestedEnd

TurnHolder = Literal["learner", "patient", "nobody"]
"""Who has the turn. The values are part of the page's JSON."""


@dataclass(frozen=True, slots=True)
class Status:
    """Sent about ten times a second."""

    at_s: float
    """Session seconds."""
    floor: TurnHolder
    """Who has the turn now."""
    level_dbfs: float
    """Level of the learner's microphone in the last frame."""
    time_left_s: float | None
    """Seconds until the case's time is over; None without a limit."""


@dataclass(frozen=True, slots=True)
class Caption:
    """One turn, sent when it is over; the patient's holds the delivered words."""

    who: Literal["learner", "patient"]
    start_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The encounter is over and its record is closed."""

    attempt: str
    reason: str
    """One of `record.events.Ended.reason`."""
    message: str = ""
    """A sentence for the learner when a fault ended it."""


Observation = Status | Caption | Finished
Observer = Callable[[Observation], None]
"""Called from the encounter's thread; must return at once."""


def ignore(_: Observation) -> None:
    """Observe nothing."""


class Encounter(Protocol):
    """An encounter that is ready to run; `app.simulator.Simulator.encounter` builds it."""

    @property
    def attempt(self) -> str:
        """Id of the attempt that it records."""
        ...

    def run(self) -> Finished:
        """Run the encounter and return how it ended. Blocks; call it in its own thread."""
        ...

    def end(self, reason: RequestedEnd = "learner") -> None:
        """Request the end, from any thread; `run` returns soon after. reason: why."""
        ...
