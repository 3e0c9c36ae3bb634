"""What a station and its hub say to each other, as types that both sides read.

A station asks for its roster (`Roster`), reports how it is once a second (`StationReport`), gets
commands of a technician in the answer (`ReportAnswer`), claims codes (`ClaimRequest`), and sends
records that only the hub can open (`SealedFacts`). With the network down it works from the last
roster; what it did meanwhile is in the next report.

No message holds a name of a learner, a typed code that is not claimed now, a word or a sound.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from simvoice.release.manifest import ModeName as ModeName
from simvoice.release.manifest import SealedFacts as SealedFacts
from simvoice.release.manifest import SealedOwner as SealedOwner
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.strict_model import StrictModel

STATION_PATH: Final = "/api/station"

MOST_CODES: Final = 5000
"""Codes of a roster: a year of students, a few exams each."""
MOST_TRIES: Final = 20
"""Tries of a drill."""
REPORT_EVERY_S: Final = 1.0
"""A technician's press reaches a station within this time."""
SILENT_AFTER_S: Final = 6.0
"""A station that has not reported for so long is shown as not reachable."""


# -- what an assignment asks for


class Timer(StrEnum):
    """What happens when the time of an encounter is over."""

    CASE = "case"
    """As the case says."""
    SOFT = "soft"
    """It is announced, and the encounter goes on."""
    HARD = "hard"
    """The encounter ends."""


class Accommodations(StrictModel):
    """What is changed for one learner, by a technician or by an assignment."""

    time_factor: float = Field(1.0, ge=1, le=4)
    """All times of the learner are multiplied by it: reading, encounter, questions."""
    patience_factor: float = Field(1.0, ge=1, le=4)
    """Waits of the patient for the learner are multiplied by it: within and between turns."""
    captions: bool = False
    """What the patient says is written, from the moment it sounds."""
    large_type: bool = False
    typed: bool = False
    """The learner may type instead of speaking, and reads what the patient says."""

    def joined(self, other: Accommodations) -> Accommodations:
        """Return what satisfies both."""
        return Accommodations(
            time_factor=max(self.time_factor, other.time_factor),
            patience_factor=max(self.patience_factor, other.patience_factor),
            captions=self.captions or other.captions,
            large_type=self.large_type or other.large_type,
            typed=self.typed or other.typed,
        )


class Drill(StrictModel):
    """One skill from one moment, again and again."""

    skill: str = Field(max_length=300)
    """What the learner is to do there: "Tell her, and let the silence stand."."""
    moment: str = Field(max_length=100)
    """The id of a moment of the case (`patient.case`)."""
    tries: int = Field(5, ge=1, le=MOST_TRIES)
    minutes: float = Field(10.0, gt=0, le=60)
    """For all tries together."""


class AssignmentOptions(StrictModel):
    """How an assignment is done, beyond its mode (`Assignment.options` in the database)."""

    seed: int | None = Field(None, ge=0, lt=2**31)
    """The same patient for each learner; None for another one each time. An exam always has one."""
    reading_s: float = Field(120.0, ge=0, le=3600)
    """Time for the door note."""
    limit_s: float | None = Field(None, gt=0, le=2 * 3600)
    """Length of the encounter; None for that of the case."""
    timer: Timer = Timer.CASE
    questions: tuple[Annotated[str, Field(max_length=500)], ...] = Field((), max_length=10)
    """What the learner answers in own words after the encounter."""
    questions_s: float = Field(300.0, ge=0, le=3600)
    reflects: bool = True
    """In practice: before the debrief, the learner writes about moments (`record.reflection`)."""
    drill: Drill | None = None
    """Needed for the mode drill."""
    accommodations: Accommodations = Accommodations()
    """For every learner of the assignment."""

    def for_encounter(self, changed: Accommodations, mode: str) -> EncounterOptions:
        """Return how an encounter differs from its case.

        changed: all that is for its learner. mode: `practice`, `exam` or `drill`.
        """
        return EncounterOptions(
            seed=self.seed,
            limit_s=self.limit_s,
            timer=self.timer.value,
            time_factor=changed.time_factor,
            patience_factor=changed.patience_factor,
            typed=changed.typed,
            moment=self.drill.moment if self.drill is not None else "",
            reflects=self.reflects and mode == "practice",
        )


# -- the roster


class StationAssignment(StrictModel):
    """An assignment, as stations need it."""

    id: UUID
    title: str
    course: str
    educators: tuple[str, ...]
    """Names of those who will see an exam."""
    case: str
    mode: ModeName
    opens_at: float | None = None
    """Unix time of the hub."""
    closes_at: float | None = None
    options: AssignmentOptions = AssignmentOptions()


class RosterCode(StrictModel):
    """A code that a learner may type, without its text."""

    id: UUID
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    """`code_hash` of the code with the salt of the roster."""
    assignment: UUID | None
    """For an exam code; None for the code of a person, who chooses."""
    expires_at: float
    is_used: bool = False
    """An exam code that has begun an encounter. The code of a person can be used again."""
    forgiven: tuple[UUID, ...] = ()
    """Visits with this exam code whose encounter does not count, so that it can be used again."""
    assignments: tuple[UUID, ...] = ()
    """For the code of a person: the assignments that the person may do, now or when they open."""
    accommodations: Accommodations = Accommodations()


class OnCrash(StrEnum):
    """What becomes of an encounter that a crash or a power cut interrupted."""

    CONTINUE = "continue"
    """The patient goes on where the record ends."""
    END = "end"
    """The encounter is over, with what was recorded."""


class StationSettings(StrictModel):
    """How the stations of a lab behave; a technician sets it on the hub."""

    consent: str = Field("", max_length=4000)
    """Text of the lab for the consent page, in paragraphs; empty for that of simvoice."""
    honour: str = Field("", max_length=4000)
    """Text of the honour code; empty for that of simvoice."""
    practice_without_code: bool = True
    """Anyone may practise; such an attempt is erased at the reset."""
    practice_cases: tuple[str, ...] = ()
    """Cases for practice; empty for all that the station has."""
    speak_announcements: bool = False
    on_crash: OnCrash = OnCrash.CONTINUE
    consent_s: float = Field(300.0, ge=10, le=3600)
    code_s: float = Field(180.0, ge=10, le=3600)
    microphone_s: float = Field(180.0, ge=10, le=3600)
    debrief_s: float = Field(1200.0, ge=10, le=7200)
    thanks_s: float = Field(20.0, ge=1, le=600)


class Roster(StrictModel):
    """All that a station needs to work without its hub."""

    version: str = Field(max_length=64)
    """Changes with the contents."""
    made_at: float
    """Unix time of the hub."""
    hub: str
    """Title of the hub."""
    salt: str = Field(pattern=r"^[0-9a-f]{32}$")
    """For `code_hash`; the same for all codes of a hub."""
    seal_key: str = Field(max_length=200)
    """The recipient ("age1…") for which records are sealed. Only the hub has its identity."""
    pin_hash: str = Field("", max_length=300)
    """Argon2 of the technicians' PIN; empty when none was set."""
    settings: StationSettings = StationSettings()
    assignments: tuple[StationAssignment, ...] = ()
    codes: tuple[RosterCode, ...] = Field((), max_length=MOST_CODES)


class ClaimRequest(StrictModel):
    """A learner has typed a code. The text goes over the pinned connection, and is not stored."""

    code: str = Field(max_length=100)
    session: UUID
    """The visit of the learner. The same claim again gets the same answer."""


class ClaimAnswer(StrictModel):
    """The code may be used by this visit, and by no other if it is for an exam."""

    code: RosterCode
    assignment: StationAssignment | None
    """None for the code of a person."""
    assignments: tuple[UUID, ...] = ()
    """For the code of a person: the open assignments that the person may do at a station."""


# -- what a station does now


class Phase(StrEnum):
    """Where the learner at a station is."""

    WELCOME = "welcome"
    """Nobody is there."""
    CONSENT = "consent"
    """What is recorded and who sees it, and the honour code."""
    CODE = "code"
    """The learner types a code, or practises without one; then chooses a case."""
    TERMS = "terms"
    """What this assignment is, who will see it, and that to begin is to release it."""
    MICROPHONE = "microphone"
    DOOR = "door"
    """The door note, with its reading time."""
    ENCOUNTER = "encounter"
    QUESTIONS = "questions"
    """The learner's own words about it."""
    DEBRIEF = "debrief"
    THANKS = "thanks"
    """The end of an exam, and of all that is sent away."""
    RESET = "reset"
    """The browser is closed and everything of the learner is removed."""
    TEST = "test"
    """A technician tries the room; nothing of it is kept."""


class Light(StrEnum):
    """The state of a room, as seen across a hall."""

    GREEN = "green"
    """Free and in order."""
    WAITING = "waiting"
    """A learner is there and not in the encounter."""
    TALKING = "talking"
    RED = "red"
    """Something is wrong; `reason` says what."""


class Verb(StrEnum):
    """What a technician does to a station."""

    RESET = "reset"
    """End whatever runs, keep its record as it would be kept, and go to the welcome page."""
    CLEAR = "clear"
    """Forget what was set for the next learner: sign-in from afar and accommodations."""
    SIGN_IN = "sign in"
    """Begin the visit of the learner with this code, as if it had been typed."""
    ADVANCE = "advance"
    """Go to the next phase."""
    HOLD = "hold"
    """Stop the clock of the phase."""
    RESUME = "resume"
    START_AGAIN = "start again"
    """Begin the encounter from its beginning, as another attempt under the same code."""
    END = "end"
    """End the encounter now; the questions follow."""
    TEST = "test"
    """Play a test encounter through loudspeaker and microphone."""
    LOOP_BACK = "loop back"
    """Play a tone and measure it at the microphone."""


class StationCommand(StrictModel):
    """One press of a technician on the hub."""

    id: int
    """Larger for a later one. A station does each once."""
    verb: Verb
    code: UUID | None = None
    """For `sign in`: the id of a code of the roster."""
    accommodations: Accommodations | None = None
    """For `sign in`: joined with those of the code and the assignment."""


class CommandResult(StrictModel):
    """What became of a command."""

    id: int = Field(ge=1, lt=2**63)
    done: bool
    sentence: str = Field("", max_length=300)


class CodeUse(StrictModel):
    """An exam code under which an encounter has begun, reported until the hub has noted it."""

    code: UUID
    session: UUID
    at: float
    """Unix time of the station."""


class LoopBack(StrictModel):
    """The result of the last loop-back test."""

    at: float
    is_good: bool
    level_dbfs: float | None
    """Level of the tone at the microphone; None when it was not heard."""
    delay_s: float | None


class StationReport(StrictModel):
    """How a station is. It tells states, and nothing of what is said."""

    name: str = Field(max_length=60)
    boot: UUID
    """Of this run of the program. Two runs that report under one name at once are two stations."""
    version: str = Field(max_length=60)
    phase: Phase
    light: Light
    reason: str = Field("", max_length=300)
    """Why the light is red."""
    mode: ModeName | None = None
    case: str = Field("", max_length=100)
    code: UUID | None = None
    """Which code is at the station; technicians see its label."""
    session: UUID | None = None
    left_s: float | None = None
    """Seconds until the phase is over; None without a limit."""
    is_held: bool = False
    asks_code: bool = False
    """The computer was off in a visit, and its page asks for the code before it shows the phase."""
    preparing: str = Field("", max_length=200)
    """Which patients are not ready, and how long it takes, in sentences; empty when all are."""
    level_dbfs: float | None = None
    """Level of the microphone now; None while it is closed."""
    loop_back: LoopBack | None = None
    waiting: int = Field(0, ge=0, lt=2**31)
    """Records that the hub does not have yet."""
    free_bytes: int = Field(0, ge=0, lt=2**63)
    models: tuple[str, ...] = Field((), max_length=50)
    """Names of models that are missing or altered; empty when all are in order."""
    errors: tuple[Annotated[str, Field(max_length=300)], ...] = Field((), max_length=10)
    """Last errors, the newest first, each with its time; no word of a conversation."""
    clock: float
    """Unix time of the station."""
    roster: str = Field("", max_length=64)
    """Version of its roster."""
    results: tuple[CommandResult, ...] = Field((), max_length=50)
    uses: tuple[CodeUse, ...] = Field((), max_length=500)


class ReportAnswer(StrictModel):
    """What the hub answers to a report."""

    clock: float
    """Unix time of the hub."""
    roster: str
    """Version of the present roster; another one than the station's is fetched."""
    wanted_version: str = ""
    """Version of simvoice that the hub wants; empty for any."""
    commands: tuple[StationCommand, ...] = ()
    uses: tuple[UUID, ...] = ()
    """Sessions of the uses that the hub has noted; they need not be sent again."""
    trouble: str = ""
    """What is wrong with this station as the hub sees it, such as a second one with its name."""


# -- records
# `SealedFacts` and `SealedOwner` are in `release.manifest`, with all that leaves a machine.

SEALED_NAME: Final = "sealed"
"""The name of a sealed record among the files of `hub_client.messages.Begun`: it has one file."""
