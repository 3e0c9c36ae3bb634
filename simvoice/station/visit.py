"""The state of a station's flow, what happens to it (events), and what it asks for (effects)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import Field

from simvoice.hub_client.station_messages import (
    Accommodations,
    Drill,
    ModeName,
    Phase,
    StationAssignment,
)
from simvoice.record.endings import RequestedEnd
from simvoice.station.view import (
    AcceptTerms,
    Agree,
    Done,
    EnterRoom,
    GoOn,
    HandIn,
    Leave,
    MicrophonePassed,
    NextTry,
    Retry,
    ShowDebrief,
    Stay,
    WriteAnswers,
)
from simvoice.strict_model import StrictModel

NO_CHANGES: Final = Accommodations()

# -- state


class EncounterStage(StrEnum):
    """How far the encounter of a visit is."""

    NONE = "none"
    """There is none, or it is over."""
    WAITING = "waiting"
    """The page may open its line."""
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    """It was cut off, and can go on where its record ends."""


class Visit(StrictModel):
    """One learner at the station, from the welcome page to the reset."""

    session: UUID
    code: UUID | None = None
    is_exam_code: bool = False
    """The code is for one assignment, and works once."""
    code_expires_at: float = 0.0
    """Unix time of the hub."""
    choices: tuple[UUID, ...] = ()
    """Assignments that the person of the code may choose."""
    assignment: StationAssignment | None = None
    """As it was when the learner chose it; a later roster does not change a visit."""
    case: str = ""
    """Empty until one is chosen."""
    reading_s: float = 0.0
    accommodations: Accommodations = NO_CHANGES
    """Of the technician, the code and the assignment together."""
    is_consented: bool = False
    is_released: bool = False
    """The learner has begun an exam on its terms."""

    attempts: tuple[str, ...] = ()
    """Ids of the attempts of this visit, the last one last."""
    has_begun: bool = False
    """Something was recorded, which uses an exam code."""
    resumes: str = ""
    """The attempt that the next encounter goes on from; empty for one from the beginning."""
    retries: str = ""
    """The attempt of which the next encounter is a retry; empty without one."""
    retry_turn: int = 0
    interruptions: int = 0
    """How often this encounter was cut off."""
    tries_done: int = 0
    drill_left_s: float | None = None
    answers: tuple[str, ...] = Field((), repr=False)
    """Of the last attempt, one for each question."""
    are_answered: bool = False
    """The answers are complete, or their time is over."""
    is_reflecting: bool = False
    """The learner writes about moments of the last attempt; its debrief is shown after that."""

    @property
    def mode(self) -> ModeName:
        """What the learner does; without an assignment a practice."""
        return "practice" if self.assignment is None else self.assignment.mode

    @property
    def reflects(self) -> bool:
        """Whether the learner writes about moments of a practice before its debrief."""
        asks = self.assignment is None or self.assignment.options.reflects
        return self.mode == "practice" and asks

    @property
    def attempt(self) -> str:
        """The last attempt; empty before the first encounter."""
        return self.attempts[-1] if self.attempts else ""

    @property
    def drill(self) -> Drill | None:
        """What is drilled; None in other modes."""
        is_drill = self.assignment is not None and self.assignment.mode == "drill"
        return self.assignment.options.drill if is_drill and self.assignment else None

    @property
    def tries_left(self) -> int:
        """Tries of a drill that can still begin; 0 in other modes, and when its time is over."""
        if self.drill is None or self.drill_left_s == 0:
            return 0
        return max(0, self.drill.tries - self.tries_done)

    @property
    def questions(self) -> tuple[str, ...]:
        """What the learner answers after the encounter; nothing in a drill."""
        is_asked = self.assignment is not None and self.assignment.mode != "drill"
        return self.assignment.options.questions if is_asked and self.assignment else ()


class Said(StrictModel):
    """An announcement."""

    number: int = 0
    text: str = ""
    bell: bool = False
    is_quiet: bool = False


class FlowState(StrictModel):
    """Where the learner is. It is saved as it is."""

    phase: Phase = Phase.WELCOME
    at_s: float = 0.0
    """Elapsed time of the station up to which `left_s` counts."""
    left_s: float | None = None
    is_held: bool = False
    is_warned: bool = False
    """The time of the phase is over, and the learner is asked whether to stay; `left_s` counts the
    seconds for an answer."""
    is_away: bool = False
    """The computer was off for longer than the phase had time, or its clock was changed while it
    was off. Nothing of the visit is shown until its code is entered again; `left_s` counts the
    seconds for that."""
    stage: EncounterStage = EncounterStage.NONE
    visit: Visit | None = None
    said: Said = Said()
    """The last announcement. Its number goes on from one visit to the next."""
    notice: str = ""
    prepared: Accommodations = NO_CHANGES
    """What a technician has set for the next learner."""
    wants_again: bool = False
    """When the running encounter has ended, another one begins from the beginning."""
    wants_end: RequestedEnd | None = None
    """Why the running encounter was asked to end; None while it was not."""


# -- events


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A code was accepted: typed by the learner, or set by a technician from afar."""

    code: UUID
    assignment: StationAssignment | None
    """None for the code of a person, who chooses."""
    reading_s: float = 0.0
    expires_at: float = 0.0
    choices: tuple[UUID, ...] = ()
    accommodations: Accommodations = NO_CHANGES
    from_afar: bool = False
    session: UUID | None = None
    """For a sign-in at the welcome page: the new visit."""


@dataclass(frozen=True, slots=True)
class CameBack:
    """A code was entered again after the computer had been off (`FlowState.is_away`)."""

    code: UUID


@dataclass(frozen=True, slots=True)
class Chosen:
    """The learner has chosen what to do: an assignment, or a case for practice."""

    case: str
    reading_s: float
    assignment: StationAssignment | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A learner begins a visit."""

    session: UUID


@dataclass(frozen=True, slots=True)
class PatientNotReady:
    """The patient of this visit is still being prepared, as after a crash."""


@dataclass(frozen=True, slots=True)
class EncounterBegun:
    """An encounter is built, and records under this id from now on."""

    attempt: str


@dataclass(frozen=True, slots=True)
class EncounterRuns:
    """Its line is open, and something is recorded."""


@dataclass(frozen=True, slots=True)
class EncounterEnded:
    """The line of an encounter is closed, or it could not begin."""

    reason: str
    """One of `record.endings.EndReason`."""
    has_record: bool
    """False when it ended before anything was recorded."""
    message: str = ""
    """A sentence for the learner when a fault ended it."""
    was_built: bool = True
    """`EncounterBegun` came before."""


@dataclass(frozen=True, slots=True)
class Announce:
    """Something of the running encounter is to be announced: its time."""

    text: str


@dataclass(frozen=True, slots=True)
class TechnicianResets:
    """End whatever runs, and go to the welcome page."""


@dataclass(frozen=True, slots=True)
class TechnicianAdvances:
    """Go to the next phase."""


@dataclass(frozen=True, slots=True)
class TechnicianHolds:
    """Stop the clock of the phase, or let it run again."""

    is_held: bool


@dataclass(frozen=True, slots=True)
class TechnicianBeginsAgain:
    """Begin the encounter from its beginning, as another attempt."""


@dataclass(frozen=True, slots=True)
class TechnicianEnds:
    """End the encounter now."""


@dataclass(frozen=True, slots=True)
class TechnicianClears:
    """Forget what was set for the next learner."""


@dataclass(frozen=True, slots=True)
class TechnicianPrepares:
    """Set accommodations for the learner who is here, or for the next one."""

    accommodations: Accommodations


@dataclass(frozen=True, slots=True)
class TechnicianTests:
    """Begin a test encounter."""


@dataclass(frozen=True, slots=True)
class WasReset:
    """Everything of the learner is removed, and the browser is a fresh one."""


Pressed = (
    Agree
    | AcceptTerms
    | MicrophonePassed
    | EnterRoom
    | GoOn
    | WriteAnswers
    | HandIn
    | NextTry
    | Retry
    | ShowDebrief
    | Done
    | Leave
    | Stay
)
"""Actions of the page that need nothing but the state."""

FlowEvent = (
    Tick
    | Arrived
    | SignedIn
    | CameBack
    | Chosen
    | PatientNotReady
    | EncounterBegun
    | EncounterRuns
    | EncounterEnded
    | Announce
    | TechnicianResets
    | TechnicianAdvances
    | TechnicianHolds
    | TechnicianBeginsAgain
    | TechnicianEnds
    | TechnicianClears
    | TechnicianPrepares
    | TechnicianTests
    | WasReset
    | Pressed
)


# -- effects
# They follow from two states, and all of them can be repeated. One that is lost in a crash follows
# again from the saved state (`flow.effects`).


@dataclass(frozen=True, slots=True)
class Prepare:
    """Prepare this case: its encounter comes next."""

    case: str


@dataclass(frozen=True, slots=True)
class EndEncounter:
    """Ask the running encounter to end."""

    reason: RequestedEnd


@dataclass(frozen=True, slots=True)
class HoldEncounter:
    """Stop the clock of the running encounter, or let it run again."""

    is_held: bool


@dataclass(frozen=True, slots=True)
class Settle:
    """Seal the records that are over. Nothing is erased yet."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Remove everything of the learner and renew the browser, then tell `WasReset`."""


Effect = Prepare | EndEncounter | HoldEncounter | Settle | Reset
