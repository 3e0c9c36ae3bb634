"""What the pages of a station show (`StationView`), and what is pressed there (`Action`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from simvoice.hub_client.station_messages import (
    Accommodations,
    Drill,
    Light,
    ModeName,
    Phase,
    StationReport,
)
from simvoice.strict_model import StrictModel
from simvoice.web.ports import CaseCard

LONGEST_ANSWER = 10_000
"""Characters of an answer of the learner to one question: four pages."""
MOST_QUESTIONS = 10

# -- what is pressed


class Begin(StrictModel):
    """Welcome page: a learner is here."""

    kind: Literal["begin"] = "begin"


class Agree(StrictModel):
    """Consent page: the learner agrees to what is recorded, and to the honour code."""

    kind: Literal["agree"] = "agree"


class EnterCode(StrictModel):
    """Code page: a typed code. With the hub in reach this blocks up to 2 s."""

    kind: Literal["code"] = "code"
    text: str = Field(max_length=100, repr=False)


class WithoutCode(StrictModel):
    """Code page: practise a case without a code."""

    kind: Literal["without code"] = "without code"
    case: str = Field(max_length=100)


class Choose(StrictModel):
    """Code page, after the code of a person: one of `StationView.assignments`, or of `cases`."""

    kind: Literal["choose"] = "choose"
    assignment: UUID | None = None
    case: str = Field("", max_length=100)


class AcceptTerms(StrictModel):
    """Terms page: begin on these terms. In an exam this is the release to the educators."""

    kind: Literal["accept"] = "accept"


class MicrophonePassed(StrictModel):
    """Microphone page: the check is done. Also leads back into an encounter that it stopped."""

    kind: Literal["microphone"] = "microphone"


class EnterRoom(StrictModel):
    """Door page: begin the encounter before the reading time is over."""

    kind: Literal["enter"] = "enter"


class GoOn(StrictModel):
    """Encounter page, `StationView.is_interrupted`: go on where the record ends."""

    kind: Literal["go on"] = "go on"


Answers = Annotated[
    tuple[Annotated[str, Field(max_length=LONGEST_ANSWER)], ...],
    Field(max_length=MOST_QUESTIONS, repr=False),
]
"""One for each question, in order; empty texts for questions without an answer."""


class WriteAnswers(StrictModel):
    """Questions page: what is written so far. The page sends it while the learner types."""

    kind: Literal["draft"] = "draft"
    answers: Answers


class HandIn(StrictModel):
    """Questions page: the answers are complete."""

    kind: Literal["hand in"] = "hand in"
    answers: Answers


class NextTry(StrictModel):
    """Drill, after a try: the next one."""

    kind: Literal["next try"] = "next try"


class Retry(StrictModel):
    """Debrief of a practice: try again from the checkpoint at this turn of the shown attempt."""

    kind: Literal["retry"] = "retry"
    turn: int = Field(ge=0, le=100_000)


class ShowDebrief(StrictModel):
    """Own words before a debrief: the learner is through, or wishes to read it now."""

    kind: Literal["show debrief"] = "show debrief"


class Done(StrictModel):
    """Debrief or thanks page: the learner is finished. Drill, after a try: no further one."""

    kind: Literal["done"] = "done"


class Leave(StrictModel):
    """Every page: the learner goes. What was recorded under a code is kept."""

    kind: Literal["leave"] = "leave"


class Stay(StrictModel):
    """Every page while `StationView.warning` is shown: the learner is still here."""

    kind: Literal["stay"] = "stay"


Action = (
    Begin
    | Agree
    | EnterCode
    | WithoutCode
    | Choose
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

ACTIONS: TypeAdapter[Action] = TypeAdapter(Annotated[Action, Field(discriminator="kind")])
"""Reads an action from JSON, by its `kind`."""

# -- what is shown


@dataclass(frozen=True, slots=True)
class Announcement:
    """Something that is said at a fixed moment: "Two minutes left."."""

    number: int
    """Grows by one with each announcement. A page speaks and rings each number once."""
    text: str
    bell: bool = False
    is_quiet: bool = False
    """It is not spoken: the microphone of an encounter is open."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An assignment that a learner may choose."""

    id: UUID
    title: str
    course: str
    mode: ModeName


@dataclass(frozen=True, slots=True)
class StationView:
    """Everything that a page of the learner shows now."""

    version: int
    """Grows with each change, except of `left_s` and the readiness."""
    name: str
    """Of the station: "A1"."""
    phase: Phase
    left_s: float | None = None
    """Seconds until the phase is over; None without a limit. In the encounter: of the patient."""
    is_held: bool = False
    """A technician has stopped the clock."""
    warning: str = ""
    """A sentence that asks whether the learner is still there; `Stay` ends it."""
    announcement: Announcement | None = None
    """The last one of this visit."""
    speaks: bool = False
    """Announcements are also spoken."""
    fault: str = ""
    """Why the station cannot be used now, in a sentence."""
    note: str = ""
    """What a technician should mend, though learners can go on: two stations with one name."""
    notice: str = ""
    """What just happened, in a sentence: "The conversation was interrupted.". In the encounter a
    page opens its line by itself only without a notice; with one, the learner presses a button."""
    hub: str = ""
    """Title of the lab's hub; empty before the first roster."""

    # consent and code
    consent: str = ""
    """Paragraphs, separated by blank lines."""
    honour: str = ""
    may_practise: bool = False
    """Practice without a code is allowed."""
    is_away: bool = False
    """The phase is shown as that of the code, which is asked for again after a power cut."""
    needs_code: bool = True
    """No code was accepted yet; afterwards the person chooses from `assignments` and `cases`."""
    assignments: tuple[Choice, ...] = ()
    cases: tuple[CaseCard, ...] = ()
    """The cases for practice."""

    # the assignment
    mode: ModeName | None = None
    title: str = ""
    """Of the assignment; empty for a free practice."""
    course: str = ""
    mode_words: str = ""
    """What happens in this mode, in sentences."""
    who_sees: str = ""
    """Who will see what, in sentences."""
    case: CaseCard | None = None
    accommodations: Accommodations = field(default_factory=Accommodations)
    limit_s: float | None = None
    """Length of the encounter with the accommodations; None without a limit."""
    timer_is_hard: bool = False
    """The encounter ends when its time is over."""
    drill: Drill | None = None
    tries_left: int = 0
    drill_left_s: float | None = None
    """Seconds left for all further tries."""

    # the encounter
    is_ready: bool = True
    """The patient is prepared."""
    preparing: str = ""
    """What is being prepared, while `is_ready` is False."""
    ready_share: float = 1.0
    """How much of that is done, 0..1."""
    ready_in_s: float | None = None
    """Seconds that it still takes, as far as this station has measured; 0 when it takes longer."""
    is_running: bool = False
    """An encounter has a line to a page now."""
    is_interrupted: bool = False
    """An encounter was cut off; `GoOn` continues it."""

    # afterwards
    questions: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    """The draft, one for each question."""
    attempt: str | None = None
    """Id of the attempt whose debrief may be shown (`Station.attempt`); None while there is none,
    while it is being sealed, and in an exam."""
    reflects_on: str | None = None
    """Id of the attempt that the learner writes about before its debrief; None otherwise."""
    may_retry: bool = False
    is_storing: bool = False
    """The record is being sealed for the hub."""

    # a technician
    loop_back: int = 0
    """Grows by one when the page is to play a tone and measure it (`Station.measured`)."""


@dataclass(frozen=True, slots=True)
class TechnicianView:
    """What a technician sees at the station itself, after the PIN. No words, no sound."""

    report: StationReport
    """As the hub gets it."""
    paired_with: str
    """The hub and its host; empty while the station is not paired."""
    hub_trouble: str
    """Why the hub is not reached, or what it says is wrong; empty when all is well."""
    hub_seen_s: float | None
    """Seconds since the hub last answered; None when it never has."""
    roster_made_at: float | None
    """Unix time of the hub; None without a roster."""
    codes: int
    """Number of codes in the roster."""
    cases: tuple[tuple[str, bool, str], ...]
    """Id, readiness, and why it cannot be prepared."""
    disk_total_bytes: int
    wanted_version: str
    """Version that the hub wants; empty when this is it."""


LIGHT_WORDS: dict[Light, str] = {
    Light.GREEN: "Free",
    Light.WAITING: "A learner is here",
    Light.TALKING: "In the encounter",
    Light.RED: "Needs help",
}
