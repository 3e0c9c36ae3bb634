"""What somebody who watches an encounter may see while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

TurnHolder = Literal["learner", "patient", "nobody"]


@dataclass(frozen=True, slots=True)
class Status:
    """Sent about ten times a second."""

    at_s: float
    """Session seconds."""
    floor: TurnHolder
    """Who is speaking now."""
    level_dbfs: float
    """The learner's microphone over the last frames."""
    time_left_s: float | None
    """Until the case's time is over; None when it has none."""


@dataclass(frozen=True, slots=True)
class Caption:
    """One turn, once it was said: the learner's when committed, the patient's when heard."""

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
    """A sentence for the person when it ended by a fault."""


Observation = Status | Caption | Finished
Observer = Callable[[Observation], None]
"""Called from the encounter's thread; has to return at once."""


class Encounter(Protocol):
    """A conversation that is ready to run (built by `app.Simulator.encounter`)."""

    @property
    def attempt(self) -> str:
        """Identifier of the attempt that it records."""
        ...

    def run(self) -> Finished:
        """Talk until it ends. Blocks; call it in a thread of its own."""
        ...

    def end(self) -> None:
        """Ask for the end, from any thread; `run` returns soon after."""
        ...
