"""The shape of a debrief: what pages and the terminal show. Everything in it goes to JSON as is.

All times are session seconds; a player of the recording shows them at the same second.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Who = Literal["learner", "patient"]


class DebriefPart(BaseModel):
    """Base of all parts: frozen, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Segment(DebriefPart):
    """A stretch of sound in a speaker's lane."""

    start_s: float
    end_s: float
    kind: Literal["speech", "backchannel", "noise"]
    text: str = ""
    """What was said in it, where the record ties words to it."""


class SpeakerLane(DebriefPart):
    """One speaker's sound over time."""

    who: Who
    name: str
    segments: tuple[Segment, ...]


class TranscriptRow(DebriefPart):
    """One line of the transcript."""

    who: Who
    start_s: float
    end_s: float
    text: str
    """What was heard: of the learner by the recogniser, of the patient by the learner."""
    unsaid: str = ""
    """What the patient never got to say of it."""
    kind: Literal["turn", "backchannel"] = "turn"
    sure: bool = True
    """False where the recogniser was guessing."""
    does: tuple[str, ...] = ()
    """What the utterance does, by the codebook's names."""
    move: str = ""
    """What the patient did, and why, in a sentence; for her rows."""


TimingMarkKind = Literal[
    "pause",
    "gap",
    "overlap",
    "interruption",
    "together",
    "backchannel",
    "silence",
    "hold",
    "machine",
]


class TimingMark(DebriefPart):
    """Something about the timing that is worth pointing at."""

    kind: TimingMarkKind
    start_s: float
    end_s: float
    label: str
    """One plain sentence."""
    owner: Who | None = None
    """Whose pause, interruption or backchannel; whose turn a silence was."""
    breaker: Who | None = None
    """Who ended a gap or a silence."""
    silence: str = ""
    """For a silence: its kind, by `timing.silences.SilenceKind`."""
    outcome: Literal["held", "filled"] | None = None
    """For a hold."""
    length_s: float = 0.0
    """Seconds, without the machine's own delay."""
    words_lost: int = 0
    seconds_lost: float = 0.0


class Number(DebriefPart):
    """One metric's value, or why there is none."""

    key: str
    name: str
    unit: str
    value: float | None
    shown: str
    """The value with its unit as people read it, or the reason why there is none."""
    definition: str
    source: str
    error: str
    low: float | None = None
    """Lower end of the 90 % interval, in `unit`; None while it is not known."""
    high: float | None = None
    norms: tuple[str, ...] = ()
    """What real visits of this kind showed, each with n, spread and citation; mostly none."""


class LedgerPoint(DebriefPart):
    """The patient's trust, distress and understanding from one moment on."""

    at_s: float
    values: dict[str, float]


class ShownLedgerStep(DebriefPart):
    """One step of the ledger, and what moved it."""

    at_s: float
    name: str
    before: float
    after: float
    cause: str
    words: str = ""


class Unsaid(DebriefPart):
    """Words the patient never got to say."""

    at_s: float
    words: str
    before: str
    """What was heard before she was cut off."""


class ToldFact(DebriefPart):
    """A fact the patient told."""

    fact: str
    at_s: float
    whole: bool
    """False when she was cut off while telling it."""
    text: str = ""
    """What it is, in a sentence; empty when the record does not say."""
    why: str = ""
    """Why it could be told then."""


class UntoldFact(DebriefPart):
    """Something the patient kept back, and why. What it is stays untold: the next attempt has to
    be able to earn it."""

    why: str
    at_s: float | None = None
    """A moment to listen to, where there is one."""


class ShownEvidence(DebriefPart):
    """Words that a judgement stands on, with a moment to listen to."""

    at_s: float
    end_s: float
    who: Who
    quote: str
    shows: str
    """What they show, in words."""


class Objected(DebriefPart):
    """A learner's own words on an item that they hold to be wrong."""

    number: int
    """By which it can be withdrawn."""
    why: str


class ItemResult(DebriefPart):
    """One item of an instrument or a heading, and what came of it."""

    id: str
    section: str
    text: str
    outcome: Literal["met", "not met", "not judged", "counted"]
    """counted: a number without a threshold."""
    value: float | None
    """The count, share, ratio or metric behind it."""
    interval: tuple[float, float] | None = None
    """95 %, in the value's unit, at least as wide as people disagree on it; None where that is not
    known."""
    interval_note: str = ""
    """The value and its interval in a sentence, with what makes it as wide; empty without one."""
    evidence: tuple[ShownEvidence, ...]
    rule: str
    """In words; empty where the item is left to a human."""
    rule_kind: str
    """By `simvoice.criteria`; empty likewise."""
    reason: str
    """Why it was not judged; empty when it was."""
    certainty: Literal["high", "fair", "low"] | None
    human: bool
    """Left to a human for good, not only here."""
    weight: float
    note: str
    instead: str
    """A sentence to try where it was missed; empty where the item's author gave none."""
    objections: tuple[Objected, ...]
    """Where the learner said that it is wrong, and has not withdrawn it."""


class Scored(DebriefPart):
    """One instrument or heading in this attempt."""

    id: str
    name: str
    kind: Literal["heading", "instrument"]
    source: str
    about: str
    share: float | None
    """0..1, weight met in weight judged, for headings; None when less than half of the weight
    could be judged or the talk had less than four turns of the learner's, and for instruments,
    whose items are not added up."""
    interval: tuple[float, float] | None = None
    """95 %, 0..1, around `share`, as so few items have it (`scoring.shares`)."""
    items: tuple[ItemResult, ...]


class CueAnswer(DebriefPart):
    """A cue or concern of the patient's, and what it met (VR-CoDES)."""

    concern: str
    """In words."""
    kind: Literal["cue", "concern"]
    at_s: float
    end_s: float
    words: str
    response: str | None
    """One of the 17 responses; None when there was none, or none that the acts allow."""
    explicit: bool | None
    provides: bool | None
    suchman: Literal["continuer", "terminator", "neither"]
    answer: str
    """The learner's words that show it."""
    answered_s: float | None
    latency_s: float | None
    certainty: Literal["high", "fair", "low"]


class DebriefMoment(DebriefPart):
    """A moment to listen to, and to begin again at."""

    at_s: float
    """When it happened."""
    from_s: float
    """From where to listen: three seconds before, or the start of the words it is about."""
    to_s: float
    """Where listening may stop."""
    again_turn: int | None = None
    """The checkpoint to try again from (`/again/ATTEMPT/TURN`); None when there is none."""


class ShownReflection(DebriefPart):
    """One sentence of the patient's about how it felt."""

    text: str
    why: str
    """What in the encounter it stands on."""
    at_s: float | None


class TurningPoint(DebriefPart):
    """A moment where the patient's trust rose or fell most."""

    moment: DebriefMoment
    rose: bool
    before: float
    after: float
    """Trust, 0..1."""
    causes: tuple[str, ...]
    """In words an educator reads."""
    words: str
    """What the learner said; empty for a silence."""
    answer: str
    """What the patient said next, as it was heard; empty when she was silent."""


class Suggestion(DebriefPart):
    """One thing to try next."""

    kind: str = ""
    """What kind of thing, by the id of `data/suggestions.toml`."""
    title: str
    """What to try, in a few words."""
    why: str
    """What happened, and what it did to this patient."""
    sentence: str
    """A sentence to try, sayable aloud."""
    words: str
    """The learner's words that it is about; empty when it is about something that was not done."""
    moment: DebriefMoment | None


class Peaks(DebriefPart):
    """The outline of the recording, for drawing."""

    per_s: int
    """Bins a second."""
    learner: tuple[int, ...]
    """Least and greatest sample of each bin in turn, -127..127."""
    patient: tuple[int, ...]


class Debrief(DebriefPart):
    """One encounter, as its learner reads it."""

    attempt: str
    case_id: str
    title: str
    patient_name: str
    learner: str
    when: str
    """ISO 8601 with zone; empty when the record does not say."""
    duration_s: float
    state: Literal["complete", "open", "crashed", "damaged"]
    ended: str
    """How it ended, in a sentence."""
    ending: str | None
    """The case's ending that was reached, by id."""
    notes: tuple[str, ...]
    """Sentences to read first: what is missing, what was lost, what could not be told."""
    has_sound: bool
    lanes: tuple[SpeakerLane, ...]
    rows: tuple[TranscriptRow, ...]
    marks: tuple[TimingMark, ...]
    numbers: tuple[Number, ...]
    norms_note: str = ""
    """Why no published number stands beside them; empty when one does."""
    ledger: tuple[LedgerPoint, ...]
    changes: tuple[ShownLedgerStep, ...]
    unsaid: tuple[Unsaid, ...]
    told: tuple[ToldFact, ...]
    kept: tuple[UntoldFact, ...] = ()
    not_told: int | None = None
    """How many facts were kept back; None when the record does not say."""
    felt: tuple[ShownReflection, ...] = ()
    """How it felt, in the patient's own words; empty when the record does not say."""
    felt_note: str = ""
    """Why `felt` is empty; empty when it is not."""
    turning_points: tuple[TurningPoint, ...] = ()
    """Up to three, in order of time."""
    suggestions: tuple[Suggestion, ...] = ()
    """At most two."""
    keep: str = ""
    """What to keep doing, when there is nothing to suggest."""
    headings: tuple[Scored, ...] = ()
    """Active listening, clarity, empathy under pressure."""
    instruments: tuple[Scored, ...] = ()
    """Those the case's author chose."""
    cues: tuple[CueAnswer, ...] = ()
    peaks: Peaks | None = Field(default=None)
    """None when the sound was not kept."""
