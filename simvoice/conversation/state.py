"""The state that an encounter carries from one event to the next. Everything here is immutable."""

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

# -- what does not change during an encounter


class Mind(Protocol):
    """The patient's decisions, as the conversation needs them. `patient.mind.Patient` is one.

    Every method is pure: it returns a new state or decision and changes nothing.
    """

    def start(self, seed: int) -> PatientState:
        """Return the patient's state before the first word."""
        ...

    def open(self, state: PatientState) -> Decision:
        """Decide what the patient says when the learner does not speak first."""
        ...

    def respond(self, state: PatientState, utterance: LearnerUtterance) -> Decision:
        """Decide how the patient responds to what the learner said."""
        ...

    def settle(self, state_before: PatientState, decision: Decision, answer: Answer) -> Decision:
        """Complete a decision with the language model's answer to its query."""
        ...

    def silence_held(self, state: PatientState, name: str) -> Decision:
        """Decide what follows a hold that the learner let stand; name: the beat or line of it."""
        ...

    def break_silence(self, state: PatientState, silence_s: float) -> Decision:
        """Decide what the patient says after a silence of both speakers."""
        ...

    def time_up(self, state: PatientState) -> Decision:
        """Decide how the patient ends the encounter when its time is over."""
        ...

    def confused(self, state: PatientState) -> Decision:
        """Decide what the patient says when the learner's words could not be recognised."""
        ...

    def ending(self, state: PatientState, trigger: Literal["left"]) -> str | None:
        """Return the ending that is reached when the learner leaves."""
        ...

    def reflect(self, state: PatientState, ending: str | None) -> tuple[Reflection, ...]:
        """Return the patient's reflection on the encounter; ending: None when none was reached."""
        ...

    def prompt_so_far(self, state: PatientState) -> str:
        """Return the start of the next language-model prompt; empty without a language model."""
        ...

    def messages_so_far(self, state: PatientState) -> tuple[Message, ...]:
        """Return the same start as chat messages for a stronger model; empty without one."""
        ...

    def record_delivery(
        self, state: PatientState, move: Move, delivered_text: str, complete: bool
    ) -> PatientState:
        """Return the state after this part of the move's line was played."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What does not change during an encounter."""

    mind: Mind
    turn_taking: TurnTakingSettings = field(default_factory=TurnTakingSettings)
    time_s: float | None = None
    """Seconds of the encounter's clock at which its time is over; None without a limit."""
    time_is_hard: bool = True
    """True: the limit stops even a speaker, after a short grace. False: the patient ends the
    encounter at the next quiet moment."""
    goes_on: bool = False
    """True: when the time is over, it is announced, and the encounter goes on."""
    judges_words: bool = False
    """A `WordsJudged` follows each `Transcribed`, and the turn waits for it."""
    half_duplex: bool = False
    """Loudspeakers without an echo canceller: the microphone is ignored while the patient
    speaks."""


# -- the patient's reply


@dataclass(frozen=True, slots=True)
class ReplyClip:
    """One clause of a reply as sound."""

    duration_s: float
    words: tuple[SpokenWord, ...]
    started_s: float | None = None
    """Session seconds at which its first sample is heard; None before that."""
    played_s: float = 0.0

    @property
    def voice_end_s(self) -> float:
        """Seconds into the clip of the voice's last sound; the pause after the clause follows."""
        return min(self.duration_s, max((w.end_s for w in self.words), default=self.duration_s))


@dataclass(frozen=True, slots=True)
class Reply:
    """What the patient is about to say, or is saying."""

    key: Key
    decision: Decision
    clauses: tuple[str, ...]
    spoken: tuple[str, ...] = ()
    """The clauses with the marks of `simvoice.markup`, as the voice reads them."""
    clips: tuple[ReplyClip | None, ...] = ()
    """By clause; None where synthesis failed."""
    asked_s: float | None = None
    """When synthesis of the next clause was requested; None while none is pending."""
    queued: int = 0
    """Number of clauses given to the player."""
    ended: int = 0
    """Number of clauses that were played."""
    committed: bool = False
    """The patient has taken the turn with this reply."""
    stopping_since_s: float | None = None
    speech_end_s: float | None = None
    """End of the learner's turn that it answers; None when the patient took the initiative."""
    not_before_s: float = 0.0
    """Earliest start: the end of the silence that the patient chose before the line."""
    stages: tuple[tuple[str, float], ...] = ()
    """(stage, session seconds) of the steps from the learner's words to the first sound."""
    delivered_before: str = ""
    """What was delivered of the same line before a false barge-in."""

    @property
    def text(self) -> str:
        """The words of the reply; after a false barge-in the rest of the line."""
        return " ".join(self.clauses)

    @property
    def is_ready(self) -> bool:
        """True when the first clause can be played, or when there is nothing to say."""
        return not self.clauses or bool(self.clips)


@dataclass(frozen=True, slots=True)
class Cut:
    """A reply that the learner stopped. The transcript decides whether it stays stopped."""

    reply: Reply
    delivered: str
    unsaid: str
    began_s: float
    """Start of the reply's first sound."""
    stopped_s: float
    lost_s: float


# -- the learner's turn

OverlapVerdict = Literal["bid", "maybe", "murmur"]
"""What the learner's voice over the patient is so far: a bid for the turn, words that may become
an acknowledgement, or a sound without words."""


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """The learner's current turn."""

    key: Key
    start_s: float
    end_s: float
    """End of the last voice."""
    voiced_s: float
    level_dbfs: float
    settled_text: str = ""
    """Words of earlier spans, which are not transcribed again."""
    settled_until_s: float = 0.0
    settling_until_s: float | None = None
    """End of a span that is being transcribed while the learner goes on speaking."""
    turn_end_asked: bool = False
    transcript_asked_s: float | None = None
    """When transcription was requested in this revision."""
    complete_prob: float | None = None
    """Smart Turn's answer."""
    judge_failed: bool = False
    over_prob: float | None = None
    """The answer of the model that reads the words alone; see `end_of_turn.over_prob`."""
    pauses: tuple[tuple[float, float], ...] = ()
    """Silences inside the turn so far, in session seconds."""
    transcript: Transcript | None = None
    utterance: LearnerUtterance | None = None
    """Known once the turn is transcribed; the patient decides once its own voice is silent."""
    decision: Decision | None = None
    thinking_since_s: float | None = None
    """When the language model was asked; None while no answer is pending."""
    reply: Reply | None = None
    """Prepared before the turn is over; dropped when the learner continues."""
    stages: tuple[tuple[str, float], ...] = ()
    is_typed: bool = False
    """It began with typed words, which are in `settled_text`. Spoken ones may follow."""
    # over the patient's voice
    overlapped: bool = False
    ducked: bool = False
    overlap_asked: bool = False
    """An overlap transcript was requested."""
    overlap_pending: bool = False
    """The overlap transcript has not arrived yet."""
    verdict: OverlapVerdict | None = None
    cut: Cut | None = None

    @property
    def is_silent(self) -> bool:
        """True while all of it is typed."""
        return self.is_typed and self.voiced_s == 0.0

    def began_together(self, within_s: float) -> bool:
        """True when it stopped the patient and began at most `within_s` after the first sound."""
        return self.cut is not None and self.start_s - self.cut.began_s <= within_s

    def interrupted(self, together_s: float) -> bool:
        """True when it took words from the patient and did not begin together with the patient."""
        return (
            self.cut is not None and bool(self.cut.unsaid) and not self.began_together(together_s)
        )


# -- the encounter


@dataclass(frozen=True, slots=True)
class OpenHold:
    """The silence that the patient keeps now."""

    beat: str
    since_s: float
    window_s: float


@dataclass(frozen=True, slots=True)
class EncounterClock:
    """The time of the encounter: session seconds without those for which it was held."""

    held_s: float = 0.0
    """Seconds of all holds that are over."""
    since_s: float | None = None
    """Session second since which it is held; None while it runs."""

    def at(self, now_s: float) -> float:
        """Return the seconds that the clock shows at session second `now_s`."""
        return (now_s if self.since_s is None else self.since_s) - self.held_s


@dataclass(frozen=True, slots=True)
class LedgerMoment:
    """When the ledger changed, a beat happened, or the patient began to tell a fact."""

    what: str
    """`Step.cause`, or the id of a fact or a beat."""
    at_s: float
    moved: float
    """Absolute change, summed over the values of the ledger; 0 for facts and beats."""


@dataclass(frozen=True, slots=True)
class EncounterState:
    """The encounter."""

    mind: PatientState
    now_s: float = 0.0
    voicing: Voicing = field(default_factory=Voicing)
    last_turn: int = 0
    """Number of the last turn that began, of either speaker."""
    turn: OpenTurn | None = None
    reply: Reply | None = None
    """What the patient is saying, or prepares to say on its own initiative."""
    hold: OpenHold | None = None
    quiet_since_s: float = 0.0
    """End of the last speech of either speaker; discarded sound does not count."""
    has_spoken: bool = False
    """Either speaker has spoken in this encounter."""
    sureness: tuple[float, ...] = ()
    """Mean log-probability of the learner's last turns, by the recogniser."""
    delivered_words: tuple[DeliveredWord, ...] = ()
    """The patient's last delivered words, used to detect an echo."""
    patient_end_s: float = -1.0
    """When the patient last fell silent."""
    moments: tuple[LedgerMoment, ...] = ()
    """Everything that changed the ledger or was told, in order."""
    typed: tuple[str, ...] = ()
    """Typed turns that wait until the patient has finished."""
    typing_s: float = 0.0
    """When the learner last typed."""
    clock: EncounterClock = field(default_factory=EncounterClock)
    time_was_over: bool = False
    """It was announced that the time is over."""
    closing: Literal["time"] | None = None
    over: bool = False
    retry: RetryStart | None = None
    """Where this encounter starts when it is a retry."""
    stale: int = 0
    """Number of results that came after they were needed."""

    @property
    def patient_has_turn(self) -> bool:
        """True while the patient speaks, or its first clause is queued for the player."""
        return self.reply is not None and self.reply.committed


def begin(rules: Rules, seed: int) -> EncounterState:
    """Return the state before the first frame."""
    return EncounterState(mind=rules.mind.start(seed))


def begin_retry(start: RetryStart) -> EncounterState:
    """Return the state before the first frame of a retry: the patient as at the checkpoint."""
    return EncounterState(
        mind=start.decision.state,
        last_turn=start.last_turn,
        sureness=start.sureness,
        delivered_words=start.delivered_words,
        retry=start,
    )
