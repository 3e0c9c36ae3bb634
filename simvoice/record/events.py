"""The types of what happened. One journal line is one of these; all times are session seconds
on the learner's sample clock. Everything below the record line is computed from these alone."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from simvoice.criteria import CriticalItem


class RecordPart(BaseModel):
    """Base of all journal entries: frozen, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DeliveredWord(RecordPart):
    """A word of the patient's and when it sounded at the learner's ear."""

    text: str
    start_s: float
    end_s: float


class LedgerStep(RecordPart):
    """One step of the patient's trust, distress or understanding, with its cause."""

    name: str
    before: float
    after: float
    cause: str
    """The rule that moved it, in words an educator reads: "interrupted her", "named a feeling"."""
    words: str = ""
    """The learner's words that show it, where words did."""
    instead: str = ""
    """A sentence to try in their place, by the case's author; mostly empty."""


class Coded(RecordPart):
    """What a piece of the learner's utterance does, with the words that show it."""

    code: str
    words: str
    confidence: float = 1.0


class Started(RecordPart):
    """The encounter began; session time 0 is the first frame of the microphone."""

    type: Literal["started"] = "started"
    at_s: float = 0.0
    wall_time: str
    """ISO 8601 with zone: the only wall-clock time in the record."""


class LearnerVoice(RecordPart):
    """A stretch of the learner's voice, as the voice activity detector had it."""

    type: Literal["learner_voice"] = "learner_voice"
    start_s: float
    end_s: float
    level_dbfs: float


class LearnerTurn(RecordPart):
    """A turn of the learner's that was committed, with the words the recogniser heard."""

    type: Literal["learner_turn"] = "learner_turn"
    turn: int
    start_s: float
    end_s: float
    text: str
    avg_logprob: float
    no_speech_prob: float
    complete_prob: float | None = None
    """Smart Turn's probability that the turn was over; None when it was not asked."""
    over_prob: float | None = None
    """Probability that the words by themselves were finished; None when it was not known."""
    codes: tuple[Coded, ...] = ()


class PatientMove(RecordPart):
    """What the patient decided, why, and what it did to her."""

    type: Literal["patient_move"] = "patient_move"
    turn: int
    at_s: float
    kind: str
    line_id: str | None
    reason: str
    steps: tuple[LedgerStep, ...] = ()
    ledger: dict[str, float] = Field(default_factory=dict)
    """The whole ledger after the move, by name, each 0..1."""
    disclosed: tuple[str, ...] = ()
    """Facts whose gate this move opens."""
    chosen_silence_s: float = 0.0
    """Silence the patient chose to keep before speaking; not the machine's delay."""
    source: Literal["authored", "model", "fallback"] = "authored"


class PatientSpeech(RecordPart):
    """One utterance of the patient's, as it was heard."""

    type: Literal["patient_speech"] = "patient_speech"
    turn: int
    line_id: str | None
    start_s: float
    end_s: float
    text: str
    """What she set out to say."""
    heard: str
    """What sounded before she finished or was stopped."""
    unsaid: str = ""
    """What she never got to say."""
    words: tuple[DeliveredWord, ...] = ()


class Interruption(RecordPart):
    """The learner took the floor before the patient's words were done."""

    type: Literal["interruption"] = "interruption"
    turn: int
    start_s: float
    """Onset of the learner's voice."""
    stopped_s: float
    """When the patient's voice fell silent."""
    lost_s: float
    """Seconds of speech she had left."""
    lost_words: int


class SimultaneousStart(RecordPart):
    """Both began at the same moment, and the patient gave way: nobody interrupted anybody (a
    "simultaneous start", Sacks, Schegloff & Jefferson 1974)."""

    type: Literal["simultaneous_start"] = "simultaneous_start"
    turn: int
    start_s: float
    """Onset of the learner's voice."""
    stopped_s: float
    """When the patient's voice fell silent."""
    lost_s: float
    """Seconds of speech she had left."""
    lost_words: int


class Backchannel(RecordPart):
    """A short acknowledgement during the patient's speech; it is not an interruption."""

    type: Literal["backchannel"] = "backchannel"
    start_s: float
    end_s: float
    text: str


class Hold(RecordPart):
    """A silence the patient chose after a blow, and whether the learner let it stand."""

    type: Literal["hold"] = "hold"
    start_s: float
    end_s: float
    window_s: float
    outcome: Literal["held", "filled"]
    beat: str
    line_id: str | None = None
    """What opened (or what was said instead) afterwards."""


class Discarded(RecordPart):
    """Sound that passed the voice detector and was not the learner's speech after all."""

    type: Literal["discarded"] = "discarded"
    start_s: float
    end_s: float
    text: str
    reason: str


class Delay(RecordPart):
    """The machine's own delay before one answer, by stage, so that it can be subtracted."""

    type: Literal["delay"] = "delay"
    turn: int
    speech_end_s: float
    first_sound_s: float
    chosen_silence_s: float
    """The part of it that the patient chose."""
    stages_s: dict[str, float] = Field(default_factory=dict)
    """Seconds after speech_end_s at which each stage was done."""


class Trouble(RecordPart):
    """Something went wrong or was lost, and what was done about it."""

    type: Literal["trouble"] = "trouble"
    at_s: float
    what: str


class LossCounts(RecordPart):
    """What the queues and devices lost; written at the end."""

    type: Literal["counts"] = "counts"
    at_s: float
    lost_frames: int = 0
    speaker_underruns: int = 0
    stale_artefacts: int = 0
    slow_frames: int = 0
    """Frames the loop took more than 100 ms to get to."""


class Checkpoint(RecordPart):
    """The patient as she was when she began to speak: whoever wants another go starts here. Her
    line is said again, and then it is the learner's turn."""

    type: Literal["checkpoint"] = "checkpoint"
    turn: int
    """That of the `PatientMove` it belongs to."""
    at_s: float
    mind: dict[str, JsonValue]
    """Her whole state of mind once the move was decided, before any of it was heard."""
    move: dict[str, JsonValue]
    """What she is about to say, and how."""
    last_turn: int = 0
    """Number of the last turn that had been begun then, hers or the learner's."""
    sureness: tuple[float, ...] = ()
    """Mean log-probability of the learner's last turns, by the recogniser."""


class RecordedReflection(RecordPart):
    """One thing the patient says afterwards about how it felt."""

    text: str
    spoken: str = ""
    """The same with the marks of `simvoice.markup`; empty for none."""
    affect: str = "neutral"
    why: str = ""
    """What in the encounter it stands on, in words an educator reads."""
    at_s: float | None = None
    """When that was; None where it was no single moment."""
    of_ending: bool = False
    """It is about how the conversation ended."""


class PatientReflection(RecordPart):
    """How it felt, in the patient's own words; written as the encounter ends."""

    type: Literal["afterwards"] = "afterwards"
    at_s: float
    said: tuple[RecordedReflection, ...] = ()


class Ended(RecordPart):
    """The encounter is over."""

    type: Literal["ended"] = "ended"
    at_s: float
    reason: Literal["learner", "patient", "time", "device", "closed", "fault"]
    ending: str | None = None
    """The case's ending that was reached, by id."""


JournalEntry = Annotated[
    Started
    | LearnerVoice
    | LearnerTurn
    | PatientMove
    | PatientSpeech
    | Interruption
    | SimultaneousStart
    | Backchannel
    | Hold
    | Discarded
    | Delay
    | Trouble
    | LossCounts
    | Checkpoint
    | PatientReflection
    | Ended,
    Field(discriminator="type"),
]

entry_adapter: TypeAdapter[JournalEntry] = TypeAdapter(JournalEntry)


class Tellable(RecordPart):
    """Something the patient could tell in this encounter, and when."""

    id: str
    text: str
    """One sentence in the third person."""
    when: Literal["volunteered", "asked", "trusted"]
    trust: float | None = None
    """0..1, from which it is told; for `trusted`."""
    after: tuple[str, ...] = ()
    """Beats that have to happen first."""


class ConcernShown(RecordPart):
    """A line of the patient's that lets a concern show, or says it."""

    line: str
    """By `PatientSpeech.line_id`."""
    concern: str
    text: str
    """What troubles her, in words."""
    kind: Literal["cue", "concern"]
    """cue: the line hints at it. concern: the line says it outright (VR-CoDES)."""


class RetryOrigin(RecordPart):
    """Where another go began: a checkpoint of an earlier attempt."""

    attempt: str
    turn: int
    at_s: float


class Header(RecordPart):
    """What was true before the first frame."""

    format: Literal[1] = 1
    attempt: str
    """Identifier; also the name of the folder."""
    simvoice: str
    case_id: str
    case_title: str
    case_sha256: str
    patient_name: str
    seed: int
    tellable: tuple[Tellable, ...] = ()
    """Empty in records that do not say it."""
    visit: tuple[str, ...] = ()
    """What kinds of visit the case is (`scoring.norms`), by its instruments: what norms may stand
    beside a number. Empty where it is of none, and in records that do not say it."""
    shows: tuple[ConcernShown, ...] = ()
    """Which of the patient's lines are cues or concerns; empty in records that do not say it."""
    instruments: tuple[str, ...] = ()
    """The instruments the case's author chose, by name."""
    critical: tuple[CriticalItem, ...] = ()
    """What the author holds that nobody may miss in this case."""
    learner: str = ""
    """A pseudonym the learner chose; empty when none."""
    again: RetryOrigin | None = None
    """Set when this is another go at a moment of an earlier attempt."""
    models: dict[str, str] = Field(default_factory=dict)
    """Role to sha256 of the model file, or "NAME at ADDRESS" where a server has it."""
    settings: dict[str, float | int | str | bool | None] = Field(default_factory=dict)
    devices: dict[str, float | int | str | bool | None] = Field(default_factory=dict)
    libraries: dict[str, str] = Field(default_factory=dict)
    """Library to version, for the ones whose version changes results."""
    machine: str = ""
