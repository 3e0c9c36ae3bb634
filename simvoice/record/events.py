"""The types of the record: journal entries and the header.

Each line of the journal is one `JournalEntry`. All times are session seconds on the learner's
sample clock. Debrief, scores and exports are computed from these types and the sound alone.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue, TypeAdapter

from simvoice.criteria import CriticalItem
from simvoice.record.endings import EndReason
from simvoice.rounding import Decibels, Seconds
from simvoice.strict_model import StrictModel


class DeliveredWord(StrictModel):
    """A word that the patient spoke, and when it was played to the learner."""

    text: str
    start_s: Seconds
    end_s: Seconds


class LedgerStep(StrictModel):
    """One step of the patient's trust, distress or understanding, with its cause."""

    name: str
    before: float
    after: float
    cause: str
    """The rule that changed the value, in words for an educator, such as "named a feeling"."""
    words: str = ""
    """The learner's words that triggered the rule; empty when no words did."""
    instead: str = ""
    """A better sentence, by the author of the case; mostly empty."""
    suggests: str = ""
    """The kind of suggestion that the rule names (`suggestion_kinds`), or "nothing"; empty for a
    rule that names none, and in records that do not state it."""
    after_you: bool = False
    """The cause completes a sentence that begins with "you"; False where it may only stand alone,
    as in records of release 0.1."""


class Coded(StrictModel):
    """A code for a part of the learner's utterance, with the words that show it."""

    code: str
    words: str
    confidence: float = 1.0


class Started(StrictModel):
    """The start of the encounter. Session time 0 is the first frame of the microphone."""

    type: Literal["started"] = "started"
    at_s: Seconds = 0.0
    wall_time: str
    """ISO 8601 with time zone. The only wall-clock time in the record."""


class LearnerVoice(StrictModel):
    """A stretch of the learner's voice, from the voice activity detector."""

    type: Literal["learner_voice"] = "learner_voice"
    start_s: Seconds
    end_s: Seconds
    level_dbfs: Decibels


class LearnerTurn(StrictModel):
    """A committed turn of the learner, with its transcript."""

    type: Literal["learner_turn"] = "learner_turn"
    turn: int
    start_s: Seconds
    end_s: Seconds
    text: str
    avg_logprob: float
    no_speech_prob: float
    complete_prob: float | None = None
    """Probability from Smart Turn that the turn was over; None when it did not run."""
    over_prob: float | None = None
    """Probability that the sentence was complete, from the words alone; None when unknown."""
    codes: tuple[Coded, ...] = ()
    is_typed: bool = False
    """The learner typed it, so `start_s` and `end_s` are when it was sent and nothing of it
    sounded; a turn whose later words were spoken counts as typed too. False in old records."""


class PatientMove(StrictModel):
    """What the patient decided to do, why, and how the patient's ledger changed."""

    type: Literal["patient_move"] = "patient_move"
    turn: int
    at_s: Seconds
    kind: str
    line_id: str | None
    reason: str
    steps: tuple[LedgerStep, ...] = ()
    ledger: dict[str, float] = Field(default_factory=dict)
    """The whole ledger after the move: name to value, each 0..1."""
    disclosed: tuple[str, ...] = ()
    """Facts whose gate this move opens."""
    chosen_silence_s: Seconds = 0.0
    """Silence that the patient keeps on purpose before speaking, without the machine's delay."""
    source: Literal["authored", "model", "fallback"] = "authored"


class PatientSpeech(StrictModel):
    """One utterance of the patient, as far as it was delivered."""

    type: Literal["patient_speech"] = "patient_speech"
    turn: int
    line_id: str | None
    start_s: Seconds
    end_s: Seconds
    text: str
    """The planned words."""
    heard: str
    """The words that were played before the patient finished or was stopped."""
    unsaid: str = ""
    """The planned words that were not played."""
    words: tuple[DeliveredWord, ...] = ()


class Interruption(StrictModel):
    """The learner took the turn before the patient had finished."""

    type: Literal["interruption"] = "interruption"
    turn: int
    start_s: Seconds
    """Onset of the learner's voice."""
    stopped_s: Seconds
    """When the patient's voice stopped."""
    lost_s: Seconds
    """Seconds of the patient's speech that were not played."""
    lost_words: int


class SimultaneousStart(StrictModel):
    """Both began at the same moment and the patient gave way. It is not an interruption.

    Source: "simultaneous start", Sacks, Schegloff & Jefferson 1974.
    """

    type: Literal["simultaneous_start"] = "simultaneous_start"
    turn: int
    start_s: Seconds
    """Onset of the learner's voice."""
    stopped_s: Seconds
    """When the patient's voice stopped."""
    lost_s: Seconds
    """Seconds of the patient's speech that were not played."""
    lost_words: int


class Backchannel(StrictModel):
    """A short acknowledgement during the patient's speech. It is not an interruption."""

    type: Literal["backchannel"] = "backchannel"
    start_s: Seconds
    end_s: Seconds
    text: str


class Hold(StrictModel):
    """A silence that the patient keeps after hard news, and whether the learner let it stand."""

    type: Literal["hold"] = "hold"
    start_s: Seconds
    end_s: Seconds
    window_s: Seconds
    outcome: Literal["held", "filled"]
    beat: str
    line_id: str | None = None
    """The patient's next line: the one that the silence opens, or another one."""


class Discarded(StrictModel):
    """Sound that the voice detector accepted and that turned out not to be the learner's speech."""

    type: Literal["discarded"] = "discarded"
    start_s: Seconds
    end_s: Seconds
    text: str
    reason: str


class Delay(StrictModel):
    """The machine's delay before one answer, by stage, so that it can be subtracted."""

    type: Literal["delay"] = "delay"
    turn: int
    speech_end_s: Seconds
    first_sound_s: Seconds
    chosen_silence_s: Seconds
    """The part of the time that the patient kept silent on purpose."""
    stages_s: dict[str, Seconds] = Field(default_factory=dict)
    """Stage to the seconds after `speech_end_s` at which it was done."""


class ClockHeld(StrictModel):
    """The clock of the encounter was held, or ran again. The recording went on."""

    type: Literal["clock_held"] = "clock_held"
    at_s: Seconds
    held: bool


class TimePassed(StrictModel):
    """The time of the encounter was over, which was announced, and the encounter went on."""

    type: Literal["time_passed"] = "time_passed"
    at_s: Seconds


class Trouble(StrictModel):
    """A fault or loss, and how it was handled."""

    type: Literal["trouble"] = "trouble"
    at_s: Seconds
    what: str


class LossCounts(StrictModel):
    """Losses of queues and devices, written at the end."""

    type: Literal["counts"] = "counts"
    at_s: Seconds
    lost_frames: int = 0
    speaker_underruns: int = 0
    stale_artefacts: int = 0
    slow_frames: int = 0
    """Frames that waited more than 100 ms for the loop."""


class Checkpoint(StrictModel):
    """The state of the patient at the start of a line. A retry begins here.

    The patient says the line again, and then it is the learner's turn.
    """

    type: Literal["checkpoint"] = "checkpoint"
    turn: int
    """The turn number of the `PatientMove` that it belongs to."""
    at_s: Seconds
    mind: dict[str, JsonValue]
    """The complete state of the patient's mind after the decision, before any word was played."""
    move: dict[str, JsonValue]
    """The move that the patient is about to make: the words, and how they are spoken."""
    last_turn: int = 0
    """Number of the last turn that had begun by then, by either speaker."""
    sureness: tuple[float, ...] = ()
    """Mean log-probability of each of the learner's last turns, from speech recognition."""


class RecordedReflection(StrictModel):
    """One sentence that the patient says after the encounter about how it felt."""

    text: str
    spoken: str = ""
    """The same text with the marks of `simvoice.markup`; empty without marks."""
    affect: str = "neutral"
    why: str = ""
    """What in the encounter it is based on, in words for an educator."""
    at_s: Seconds | None = None
    """When that happened; None when it was not a single moment."""
    of_ending: bool = False
    """Whether it is about how the conversation ended."""


class PatientReflection(StrictModel):
    """The reflection by the patient, written when the encounter ends."""

    type: Literal["afterwards"] = "afterwards"
    at_s: Seconds
    said: tuple[RecordedReflection, ...] = ()


class Ended(StrictModel):
    """The end of the encounter."""

    type: Literal["ended"] = "ended"
    at_s: Seconds
    reason: EndReason
    ending: str | None = None
    """Identifier of the ending of the case that was reached; None without one."""


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
    | ClockHeld
    | TimePassed
    | Trouble
    | LossCounts
    | Checkpoint
    | PatientReflection
    | Ended,
    Field(discriminator="type"),
]

entry_adapter: TypeAdapter[JournalEntry] = TypeAdapter(JournalEntry)


class Tellable(StrictModel):
    """A fact that the patient can tell in this encounter, and under which condition."""

    id: str
    text: str
    """One sentence in the third person."""
    when: Literal["volunteered", "asked", "trusted"]
    trust: float | None = None
    """The lowest trust, 0..1, at which the patient tells it; for `trusted`."""
    after: tuple[str, ...] = ()
    """Beats that must happen first."""
    asked_by: str = ""
    """A sentence of the case that asks for it; empty where it has none."""
    earned_by: tuple[str, ...] = ()
    """What earns most trust in the case, in its words; for `trusted`."""
    needs: tuple[str, ...] = ()
    """The beats of `after`, in the words of the case."""


class ConcernShown(StrictModel):
    """A line of the patient that hints at a concern or states it."""

    line: str
    """`PatientSpeech.line_id`."""
    concern: str
    text: str
    """The concern in words."""
    kind: Literal["cue", "concern"]
    """cue: the line hints at it. concern: the line states it (VR-CoDES)."""


class RetryOrigin(StrictModel):
    """The checkpoint of an earlier attempt at which a retry began."""

    attempt: str
    turn: int
    at_s: Seconds


class ContinuedAttempt(StrictModel):
    """The attempt that was cut off, and that this one goes on from."""

    attempt: str
    uuid: UUID | None = None
    at_s: Seconds
    """Where its record ends."""


class RecordedOptions(StrictModel):
    """How the encounter differed from its case (`runtime.encounter_options.EncounterOptions`)."""

    limit_s: float | None = None
    timer: Literal["case", "soft", "hard"] = "case"
    time_factor: float = 1.0
    patience_factor: float = 1.0
    typed: bool = False
    reflects: bool = False
    """Before the debrief, the learner is asked to write about moments of it."""


class RecordedMoment(StrictModel):
    """The moment of the case at which a drill began."""

    id: str
    title: str
    skill: str
    """What the learner was to do there."""


class Header(StrictModel):
    """What is known about an encounter before its first frame."""

    format: Literal[1] = 1
    attempt: str
    """Identifier, and name of the folder."""
    uuid: UUID | None = None
    """The same on every machine; None in records that do not state it (`record.identity`)."""
    simvoice: str
    case_id: str
    case_title: str
    case_sha256: str
    patient_name: str
    seed: int
    tellable: tuple[Tellable, ...] = ()
    """Empty in records that do not state it."""
    visit: tuple[str, ...] = ()
    """The kinds of visit that the case belongs to (`scoring.metrics.norms`), from its instruments.

    They decide which norms stand beside a number. Empty for no kind, and in records that do not
    state it."""
    shows: tuple[ConcernShown, ...] = ()
    """The lines of the patient that are cues or concerns; empty in records that do not state it."""
    asks: tuple[str, ...] | None = None
    """The lines with which the patient asks something and waits for an answer; None in records that
    do not state it."""
    instruments: tuple[str, ...] = ()
    """Names of the instruments that the author of the case chose."""
    critical: tuple[CriticalItem, ...] = ()
    """What every learner must do in this case, according to its author."""
    learner: str = ""
    """The pseudonym that the learner chose; empty without one."""
    again: RetryOrigin | None = None
    """The checkpoint that this attempt began at; None when it is not a retry."""
    continues: ContinuedAttempt | None = None
    """The attempt that a crash cut off, and that goes on here; None for any other."""
    moment: RecordedMoment | None = None
    """The moment of the case at which it began; None for an encounter from the door."""
    options: RecordedOptions = RecordedOptions()
    """What was set for this encounter; all as in the case where nothing is stated."""
    time_s: float | None = None
    """Seconds of the encounter's clock after which its time is over; None without a limit, and in
    records that do not state it."""
    models: dict[str, str] = Field(default_factory=dict)
    """Role to the sha256 of the model file, or to "NAME at ADDRESS" for a model on a server."""
    settings: dict[str, float | int | str | bool | None] = Field(default_factory=dict)
    devices: dict[str, float | int | str | bool | None] = Field(default_factory=dict)
    libraries: dict[str, str] = Field(default_factory=dict)
    """Library to version, for libraries whose version changes results."""
    machine: str = ""

    @property
    def is_part(self) -> bool:
        """Whether it holds a part of a conversation: a retry, a drill, or what goes on after a
        recording that was cut off. Such an attempt is not compared with whole ones."""
        return not (self.again is None and self.moment is None and self.continues is None)
