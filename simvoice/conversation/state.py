"""All that an encounter carries from one event to the next. Everything here is immutable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from simvoice.conversation.checkpoint import RetryStart
from simvoice.conversation.events import Key
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.conversation.speech_activity import Voicing
from simvoice.patient.decisions import (
    Answer,
    Decision,
    LearnerUtterance,
    Move,
    PatientState,
    Reflection,
)
from simvoice.ports import Message, SpokenWord, Transcript
from simvoice.record.events import DeliveredWord


class Mind(Protocol):
    """The patient as the encounter needs her; `patient.mind.Patient` is one."""

    def start(self, seed: int) -> PatientState:
        """How she is when the learner comes in."""
        ...

    def open(self, state: PatientState) -> Decision:
        """She speaks first."""
        ...

    def respond(self, state: PatientState, said: LearnerUtterance) -> Decision:
        """The learner said something."""
        ...

    def settle(self, state_before: PatientState, decision: Decision, answer: Answer) -> Decision:
        """The language model answered the decision's query."""
        ...

    def silence_held(self, state: PatientState, beat: str) -> Decision:
        """The learner let her silence stand."""
        ...

    def break_silence(self, state: PatientState, silence_s: float) -> Decision:
        """Nobody has spoken for a while."""
        ...

    def time_up(self, state: PatientState) -> Decision:
        """The encounter's time is over."""
        ...

    def confused(self, state: PatientState) -> Decision:
        """The learner spoke and it could not be understood."""
        ...

    def ending(self, state: PatientState, trigger: Literal["left"]) -> str | None:
        """The ending it is when the learner just goes."""
        ...

    def reflect(self, state: PatientState, ending: str | None) -> tuple[Reflection, ...]:
        """What she says when asked how it felt; ending: the one reached, None for none."""
        ...

    def prompt_so_far(self, state: PatientState) -> str:
        """What her next prompt for the language model begins with; empty when she asks none."""
        ...

    def messages_so_far(self, state: PatientState) -> tuple[Message, ...]:
        """The same as a chat, for a stronger model; empty when there is none."""
        ...

    def record_delivery(
        self, state: PatientState, move: Move, heard_text: str, complete: bool
    ) -> PatientState:
        """This much of her line sounded."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What does not change during an encounter."""

    mind: Mind
    floor: TurnTakingSettings = field(default_factory=TurnTakingSettings)
    time_s: float | None = None
    """When the encounter's time is over; None when it has none."""
    time_is_hard: bool = True
    """Hard: whoever speaks is cut short soon after. Soft: she ends it at the next quiet moment."""
    judges_words: bool = False
    """A `WordsJudged` follows each `Transcribed`, and is waited for."""
    half_duplex: bool = False
    """Loudspeakers without an echo canceller: the microphone is shut while she speaks."""


@dataclass(frozen=True, slots=True)
class ReplyClip:
    """One clause of a reply: made, then heard."""

    duration_s: float
    words: tuple[SpokenWord, ...]
    started_s: float | None = None
    """Session seconds of its first sample at the learner's ear."""
    played_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What the patient is about to say, or is saying."""

    key: Key
    decision: Decision
    clauses: tuple[str, ...]
    created_s: float
    spoken: tuple[str, ...] = ()
    """The clauses with the marks of `simvoice.markup`, as the voice is given them."""
    clips: tuple[ReplyClip | None, ...] = ()
    """By clause; None where the voice failed."""
    asked_s: float | None = None
    """Since when the next clause is being made; None when none is."""
    queued: int = 0
    """Clauses given to the player."""
    ended: int = 0
    """Clauses that have sounded."""
    committed: bool = False
    stopping_since_s: float | None = None
    speech_end_s: float | None = None
    """End of the learner's turn that it answers; None when the patient took the initiative."""
    not_before_s: float = 0.0
    """The silence she chose is over then."""
    stages: tuple[tuple[str, float], ...] = ()
    heard_before: str = ""
    """What was heard of the same line before a false barge-in."""

    @property
    def text(self) -> str:
        """What she set out to say (the rest of it, after a false barge-in)."""
        return " ".join(self.clauses)

    @property
    def is_ready(self) -> bool:
        """Her first clause can sound, or there is nothing to say."""
        return not self.clauses or bool(self.clips)


@dataclass(frozen=True, slots=True)
class Cut:
    """The learner stopped the patient; whether for good shows when the words are known."""

    reply: Reply
    heard: str
    unsaid: str
    began_s: float
    """Her first sound."""
    stopped_s: float
    lost_s: float


OverlapVerdict = Literal["floor", "maybe", "murmur"]
"""Of the words over the patient's so far: a bid for the floor, perhaps an acknowledgement, or a
sound without words."""


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """The learner's turn in the making."""

    key: Key
    start_s: float
    end_s: float
    """End of the last voice."""
    voiced_s: float
    level_dbfs: float
    settled_text: str = ""
    settled_until_s: float = 0.0
    settling_until_s: float | None = None
    judged_asked: bool = False
    words_asked_s: float | None = None
    """When the transcription was asked for, in this revision."""
    complete_prob: float | None = None
    judge_broke: bool = False
    over_prob: float | None = None
    """Of the words alone; see `turn_end`."""
    pauses: tuple[tuple[float, float], ...] = ()
    """Silences inside the turn so far, in session seconds."""
    transcript: Transcript | None = None
    said: LearnerUtterance | None = None
    """Known once the words are; thought about once the patient is silent."""
    decision: Decision | None = None
    thinking_since_s: float | None = None
    reply: Reply | None = None
    stages: tuple[tuple[str, float], ...] = ()
    # over the patient's voice
    overlapped: bool = False
    ducked: bool = False
    probed: bool = False
    probing: bool = False
    """Listening in has been asked for and has not answered yet."""
    verdict: OverlapVerdict | None = None
    cut: Cut | None = None

    def began_together(self, within_s: float) -> bool:
        """It stopped her, but began with her or before her, within so many seconds."""
        return self.cut is not None and self.start_s - self.cut.began_s <= within_s

    def interrupted(self, together_s: float) -> bool:
        """It cut her off: she had words left, and had begun more than `together_s` before."""
        return (
            self.cut is not None and bool(self.cut.unsaid) and not self.began_together(together_s)
        )


@dataclass(frozen=True, slots=True)
class OpenHold:
    """The silence that the patient keeps now."""

    beat: str
    since_s: float
    window_s: float


@dataclass(frozen=True, slots=True)
class LedgerMoment:
    """When something moved her, or had happened, or she began to tell something."""

    what: str
    """`Step.cause`, or the id of a fact or a beat."""
    at_s: float
    moved: float
    """How far, over the values of the ledger together; 0 for the others."""


@dataclass(frozen=True, slots=True)
class EncounterState:
    """The encounter."""

    mind: PatientState
    now_s: float = 0.0
    voicing: Voicing = field(default_factory=Voicing)
    last_turn: int = 0
    """Number of the last turn that was begun, the learner's or the patient's."""
    turn: OpenTurn | None = None
    reply: Reply | None = None
    """The patient's own initiative while it is prepared, or what she is saying."""
    hold: OpenHold | None = None
    quiet_since_s: float = 0.0
    """End of the last speech of either, phantoms left out."""
    has_spoken: bool = False
    """Anybody has, in this encounter."""
    sureness: tuple[float, ...] = ()
    """Mean log-probability of the learner's last turns, by the recogniser."""
    sounded: tuple[DeliveredWord, ...] = ()
    """The patient's last words at the learner's ear, for telling an echo."""
    patient_end_s: float = -1.0
    """When the patient last fell silent."""
    moments: tuple[LedgerMoment, ...] = ()
    """Of all that moved her or that she told, in order."""
    closing: Literal["time"] | None = None
    over: bool = False
    again: RetryStart | None = None
    """Where this encounter was taken up, when it is another go."""
    stale: int = 0
    """Results that nobody waited for any more."""

    @property
    def patient_has_floor(self) -> bool:
        """She is speaking, or her first clause is on its way to the ear."""
        return self.reply is not None and self.reply.committed


def begin(rules: Rules, seed: int) -> EncounterState:
    """The state before the first frame."""
    return EncounterState(mind=rules.mind.start(seed))


def begin_retry(resumed: RetryStart) -> EncounterState:
    """The state before the first frame of another go: her own, as it was then."""
    return EncounterState(
        mind=resumed.decision.state,
        last_turn=resumed.last_turn,
        sureness=resumed.sureness,
        sounded=resumed.sounded,
        again=resumed,
    )
