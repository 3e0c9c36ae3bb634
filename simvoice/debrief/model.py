"""The types of a debrief, as pages and the terminal show it.

All fields go to JSON unchanged. All times are session seconds, which are also seconds of the
recording.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simvoice.coding.grade import Grade
from simvoice.rounding import MetricValue, Seconds
from simvoice.strict_model import StrictModel

Who = Literal["learner", "patient"]


class Segment(StrictModel):
    """A stretch of sound in a speaker's lane."""

    start_s: float
    end_s: float
    kind: Literal["speech", "backchannel", "noise"]
    text: str = ""
    """The words in it, as far as the record assigns words to the stretch."""


class SpeakerLane(StrictModel):
    """One speaker's sound over time."""

    who: Who
    name: str
    segments: tuple[Segment, ...]


class TranscriptRow(StrictModel):
    """One line of the transcript."""

    who: Who
    start_s: float
    end_s: float
    text: str
    """The transcript of the learner, or the delivered words of the patient."""
    unsaid: str = ""
    """The planned words that the patient did not get to say."""
    kind: Literal["turn", "backchannel"] = "turn"
    is_typed: bool = False
    """The learner typed it."""
    sure: bool = True
    """False where speech recognition was unsure."""
    does: tuple[str, ...] = ()
    """Codes that the utterance has for certain, by their names in the codebook."""
    may: tuple[str, ...] = ()
    """Codes that it may have."""
    move: str = ""
    """For the patient: what the patient did and why, in a sentence."""


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


class TimingMark(StrictModel):
    """A notable moment of timing."""

    kind: TimingMarkKind
    start_s: float
    end_s: float
    label: str
    """One plain sentence."""
    owner: Who | None = None
    """Speaker of the pause, interruption or backchannel, or whose turn a silence was."""
    breaker: Who | None = None
    """The speaker who ended a gap or a silence."""
    silence: str = ""
    """For a silence: its `timing.silences.SilenceKind`."""
    outcome: Literal["held", "filled"] | None = None
    """For a hold."""
    length_s: float = 0.0
    """Seconds, without the machine's delay."""
    words_lost: int = 0
    seconds_lost: float = 0.0


class Number(StrictModel):
    """The value of one metric, or the reason why there is none."""

    key: str
    name: str
    unit: str
    value: float | None
    shown: str
    """The value with its unit in words, or the reason why there is none."""
    definition: str
    source: str
    error: str
    low: float | None = None
    """Lower end of the 90 % interval, in `unit`; None when unknown."""
    high: float | None = None
    norms: tuple[str, ...] = ()
    """Values from real visits of this kind, each with n, spread and citation; mostly empty."""


class LedgerPoint(StrictModel):
    """The patient's trust, distress and understanding from `at_s` on."""

    at_s: float
    values: dict[str, float]


class ShownLedgerStep(StrictModel):
    """One step of the ledger, with its cause."""

    at_s: float
    name: str
    before: float
    after: float
    cause: str
    """What the patient took it as: the rule of the case, in its words."""
    words: str = ""
    grade: Grade = "certain"
    """possible: the learner's words may do something else."""


class Unsaid(StrictModel):
    """Words that the patient did not get to say."""

    at_s: float
    words: str
    before: str
    """The delivered words before them."""


class ToldFact(StrictModel):
    """A fact that the patient told."""

    fact: str
    at_s: float
    whole: bool
    """False when the patient was interrupted while telling it."""
    words: str = ""
    """The patient's words that told it, as delivered: what a debrief shows of it."""
    text: str = ""
    """The fact of the case to which these words belong; it may say more than they do. Empty when
    the record does not contain it."""
    why: str = ""
    """What came before it, and the trust that the patient had then."""


class UntoldFact(StrictModel):
    """Why the patient did not tell a fact.

    The fact itself is not included, so that the learner can still earn it in the next attempt.
    """

    why: str
    at_s: float | None = None
    """A moment to listen to; None without one."""


class ShownEvidence(StrictModel):
    """Words or a moment that a judgement is based on."""

    at_s: float
    end_s: float
    who: Who
    quote: str
    shows: str
    """What the evidence shows, in words."""
    grade: Grade = "certain"
    """possible: the learner is asked whether it shows it."""


class Objected(StrictModel):
    """A learner's objection to the judgement of an item."""

    number: int
    """The number to withdraw it by."""
    why: str


class ItemResult(StrictModel):
    """One item of an instrument or a heading, with its judgement."""

    id: str
    section: str
    text: str
    outcome: Literal["met", "not met", "open", "not judged", "counted"]
    """open: its evidence is only possible, and the learner is asked. counted: the item is a number
    without a threshold."""
    value: MetricValue | None
    """The count, share, ratio or metric that the judgement uses."""
    least: MetricValue | None = None
    """Of a counted item: the value from what is certain alone; None where the value is exact."""
    most: MetricValue | None = None
    """Of a counted item: the value with all that is possible."""
    interval: tuple[float, float] | None = None
    """95 % interval in the unit of the value, at least as wide as people disagree; None when their
    disagreement is not known."""
    interval_note: str = ""
    """Value and interval in a sentence, with the reason for its width; empty without one."""
    evidence: tuple[ShownEvidence, ...]
    rule: str
    """The rule in words; empty for an item that is left to humans."""
    rule_kind: str
    """Kind of the rule in `simvoice.criteria`; empty for an item that is left to humans."""
    reason: str
    """Why the item was not judged; empty when it was."""
    certainty: Literal["high", "fair", "low"] | None
    human: bool
    """Whether the item is always left to humans."""
    weight: float
    note: str
    instead: str
    """A sentence to try where the item was missed; empty if its author gave none."""
    objections: tuple[Objected, ...]
    """Objections by the learner that were not withdrawn."""

    @property
    def is_unrecognised(self) -> bool:
        """Whether it is not met because no words for it were found, not even possible ones."""
        return self.outcome == "not met" and self.rule_kind == "says" and not self.value


class Scored(StrictModel):
    """One instrument or heading in this attempt."""

    id: str
    name: str
    kind: Literal["heading", "instrument"]
    source: str
    about: str
    share: float | None
    """For headings: weight of the items met over weight of the items judged, 0..1. Only JSON has
    it, with `interval`; what people read has counts of items (`wording.tally`).

    None when less than half of the weight could be judged, when the learner had fewer than four
    turns, and for instruments, whose items are not added up.
    """
    interval: tuple[float, float] | None = None
    """95 % interval of `share`, 0..1, from the number of items (`scoring.metrics.shares`)."""
    items: tuple[ItemResult, ...]


class CueAnswer(StrictModel):
    """A cue or concern of the patient, and the learner's answer (VR-CoDES)."""

    concern: str
    """The concern in words."""
    kind: Literal["cue", "concern"]
    at_s: float
    end_s: float
    words: str
    response: str | None
    """One of the 17 responses; None without an answer, or when the acts allow no response code."""
    explicit: bool | None
    provides: bool | None
    suchman: Literal["continuer", "terminator", "neither"]
    answer: str
    """The learner's words that the response is based on."""
    answered_s: float | None
    latency_s: Seconds | None
    certainty: Literal["high", "fair", "low"]
    grade: Grade = "certain"
    """possible: `response` and what follows from it are a guess, and the learner is asked."""


class DebriefMoment(StrictModel):
    """A moment to listen to and to retry from."""

    at_s: float
    """When it happened."""
    from_s: float
    """Where playback starts: three seconds before `at_s`, or at 0."""
    to_s: float
    """Where playback may stop."""
    again_turn: int | None = None
    """Turn of the checkpoint to retry from (`/again/ATTEMPT/TURN`); None without one."""


class ShownReflection(StrictModel):
    """One sentence by the patient about how it felt."""

    text: str
    why: str
    """What in the encounter it is based on."""
    at_s: float | None
    words: str = ""
    """The words of the encounter that it is about; empty for a silence."""


class TurningPoint(StrictModel):
    """A moment when the patient's trust rose or fell most."""

    moment: DebriefMoment
    rose: bool
    before: float
    after: float
    """Trust, 0..1."""
    causes: tuple[str, ...]
    """What the patient took it as: the rules of the case that changed trust, in its words."""
    grade: Grade = "certain"
    """possible: the learner's words may do something else, so the learner is asked."""
    words: str
    """What the learner said; empty for a silence."""
    answer: str
    """The patient's next words, as delivered; empty when the patient was silent."""


class Suggestion(StrictModel):
    """A suggestion for the next attempt."""

    kind: str = ""
    """The kind, by its id in `simvoice/data/suggestions.toml`, or the id of a critical item."""
    title: str
    """What to try, in a few words."""
    why: str
    """What happened, and its effect on this patient."""
    sentence: str
    """A sentence to try, in spoken language."""
    words: str
    """The learner's words that it is about; empty when something was not done."""
    moment: DebriefMoment | None
    grade: Grade = "certain"
    """possible: `why` ends with a question to the learner."""


class Peaks(StrictModel):
    """The outline of the recording, for drawing."""

    per_s: int
    """Bins per second."""
    learner: tuple[int, ...]
    """Minimum and maximum sample of each bin, in turn, -127..127."""
    patient: tuple[int, ...]


class Debrief(StrictModel):
    """The debrief of one encounter."""

    attempt: str
    case_id: str
    title: str
    patient_name: str
    learner: str
    when: str
    """ISO 8601 with time zone; empty when the record does not contain it."""
    duration_s: float
    state: Literal["complete", "open", "crashed", "damaged"]
    ended: str
    """How it ended, in a sentence."""
    ending: str | None
    """Identifier of the ending of the case that was reached; None without one."""
    notes: tuple[str, ...]
    """Sentences to read first: what is missing, lost or uncertain."""
    half_page: bool = False
    """Whether so little could be judged that pages show only what there is; `notes` say why. A
    retry of few turns has a whole page, because it is compared with the first attempt."""
    has_sound: bool
    lanes: tuple[SpeakerLane, ...]
    rows: tuple[TranscriptRow, ...]
    marks: tuple[TimingMark, ...]
    numbers: tuple[Number, ...]
    norms_note: str = ""
    """Why no published number is shown for comparison; empty when one is."""
    ledger: tuple[LedgerPoint, ...]
    changes: tuple[ShownLedgerStep, ...]
    unsaid: tuple[Unsaid, ...]
    told: tuple[ToldFact, ...]
    kept: tuple[UntoldFact, ...] = ()
    not_told: int | None = None
    """Number of facts that were not told; None when the record does not contain the facts."""
    felt: tuple[ShownReflection, ...] = ()
    """The reflection by the patient; empty when the record contains none."""
    felt_note: str = ""
    """Why `felt` is empty; "" when it is not."""
    turning_points: tuple[TurningPoint, ...] = ()
    """Up to three, in order of time."""
    suggestions: tuple[Suggestion, ...] = ()
    """At most two."""
    keep: str = ""
    """What to keep doing, when there are no suggestions."""
    headings: tuple[Scored, ...] = ()
    """Active listening, clarity, empathy under pressure."""
    instruments: tuple[Scored, ...] = ()
    """The instruments that the author of the case chose."""
    cues: tuple[CueAnswer, ...] = ()
    peaks: Peaks | None = Field(default=None)
    """None without sound."""
