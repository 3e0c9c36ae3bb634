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
    """Seconds until the encounter's time is over; None without a limit."""
    is_held: bool = False
    """The clock of the encounter is held, so `time_left_s` stands still."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """The patient has begun to say a line. A `Caption` with its delivered words follows."""

    start_s: float
    """Session seconds of the line's first sound; `Caption.start_s` is the same."""
    text: str
    """The whole line, as planned."""


@dataclass(frozen=True, slots=True)
class TimeOver:
    """The time is over, and the encounter goes on (`EncounterOptions.timer` "soft")."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Caption:
    """One turn, sent when it is over; the patient's holds the delivered words."""

    who: Literal["learner", "patient"]
    start_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The patient's answer to a turn has begun to sound."""

    at_s: float
    took_s: float
    """Seconds since the end of the learner's speech, without the silence the patient chose."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The encounter is over and its record is closed."""

    attempt: str
    reason: str
    """One of `record.events.Ended.reason`."""
    message: str = ""
    """A sentence for the learner when a fault ended it."""


Observation = Status | Speaking | Caption | TimeOver | Answered | Finished
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

    def hold(self, held: bool) -> None:
        """Stop the clock of the encounter, or let it run again. From any thread.

        While it is held, the time does not pass and the patient does not prompt. The recording
        goes on, and the patient answers whoever speaks.
        """
        ...

    def typed(self, text: str) -> None:
        """Take a turn that the learner typed, from any thread: plain text, at most 2000 characters.

        Raises UsageError when the encounter has no typed turns (`EncounterOptions.typed`).
        """
        ...

    def typing(self) -> None:
        """Tell that the learner types now, from any thread: the patient does not prompt."""
        ...
