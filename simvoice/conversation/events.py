"""The events that `step` accepts and the commands that it returns. Both unions are closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simvoice.patient.decisions import Affect, Answer, Mood, Query
from simvoice.ports import Message, SpokenWord, Transcript
from simvoice.record.endings import RequestedEnd
from simvoice.record.events import JournalEntry


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Identifies the work that a result belongs to. A result with an outdated key is stale."""

    turn: int
    revision: int


Purpose = Literal["turn", "overlap"]
"""Transcribe a turn to answer it, or the voice over the patient to tell what it is."""

# -- events; every `at_s` is in session seconds


@dataclass(frozen=True, slots=True)
class Frame:
    """20 ms of the learner's microphone."""

    at_s: float
    """End of the frame."""
    speech_prob: float
    level_dbfs: float


@dataclass(frozen=True, slots=True)
class TurnEndJudged:
    """Smart Turn's answer to `JudgeTurnEnd`."""

    at_s: float
    key: Key
    complete_prob: float


@dataclass(frozen=True, slots=True)
class WordsJudged:
    """The probability that the turn's words are finished; follows `Transcribed`."""

    at_s: float
    key: Key
    over_prob: float


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The answer to `Transcribe`; the embedding is of the text of the whole turn."""

    at_s: float
    key: Key
    purpose: Purpose
    transcript: Transcript
    embedding: NDArray[np.float32] | None = None
    hum: float = 0.0
    """Share of the sound that is hummed, 0..1; see `backchannels.hum_share`."""


@dataclass(frozen=True, slots=True)
class ModelAnswered:
    """The language model's answer to `AskModel`."""

    at_s: float
    key: Key
    answer: Answer


@dataclass(frozen=True, slots=True)
class SpeechReady:
    """The answer to `Synthesise`. The runtime keeps the sound."""

    at_s: float
    key: Key
    index: int
    duration_s: float
    words: tuple[SpokenWord, ...]


@dataclass(frozen=True, slots=True)
class ClipStarted:
    """The first sample of a clause is heard."""

    at_s: float
    key: Key
    index: int


@dataclass(frozen=True, slots=True)
class ClipEnded:
    """A clause was played, to its end or to where it was stopped."""

    at_s: float
    key: Key
    index: int
    played_s: float
    """Seconds of the clip that were played."""
    cut: bool


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """An engine failed at a command."""

    at_s: float
    key: Key
    stage: Literal["judge", "turn", "overlap", "embed", "think", "say"]
    what: str
    index: int = 0
    """Number of the clause, for `say`."""


@dataclass(frozen=True, slots=True)
class EngineNotice:
    """An engine had a problem and continued by other means."""

    at_s: float
    what: str


@dataclass(frozen=True, slots=True)
class EndRequested:
    """The learner ends the encounter, or it cannot continue."""

    at_s: float
    reason: RequestedEnd


@dataclass(frozen=True, slots=True)
class Typing:
    """The learner types; no turn yet."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Typed:
    """The learner has sent a turn that was typed."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """The answer to `Embed`; None where words alone decide."""

    at_s: float
    key: Key
    embedding: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True)
class HoldClock:
    """The clock of the encounter is held, or runs again."""

    at_s: float
    held: bool


EncounterEvent = (
    Frame
    | TurnEndJudged
    | WordsJudged
    | Transcribed
    | ModelAnswered
    | SpeechReady
    | ClipStarted
    | ClipEnded
    | EngineFailed
    | EngineNotice
    | EndRequested
    | Typing
    | Typed
    | Embedded
    | HoldClock
)

# -- commands


@dataclass(frozen=True, slots=True)
class JudgeTurnEnd:
    """Judge by the sound from `start_s` to `end_s` whether the turn is finished."""

    key: Key
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Transcribe the sound from `start_s` to `end_s`."""

    key: Key
    purpose: Purpose
    start_s: float
    end_s: float
    before: str = ""
    """Words of the same turn from earlier spans; the embedding includes them."""
    pauses: tuple[tuple[float, float], ...] = ()
    """Silences inside (session seconds) to shorten: Whisper may stop at a long one."""


@dataclass(frozen=True, slots=True)
class Embed:
    """Embed a typed turn."""

    key: Key
    text: str


@dataclass(frozen=True, slots=True)
class AskModel:
    """Ask the language model the patient's query."""

    key: Key
    query: Query


@dataclass(frozen=True, slots=True)
class WarmModel:
    """Let the language model read the start of the next prompt in advance."""

    prompt: str
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Synthesise:
    """Synthesise one clause."""

    key: Key
    index: int
    text: str
    """With the marks of `simvoice.markup`."""
    affect: Affect
    mood: Mood = "even"
    is_last: bool = False
    """Nothing follows it. So its clip ends with the voice, without the pause between clauses, and
    the learner has the turn at once."""


@dataclass(frozen=True, slots=True)
class Play:
    """Play a synthesised clause after those that are queued."""

    key: Key
    index: int


@dataclass(frozen=True, slots=True)
class Duck:
    """Change the patient's loudness by `gain_db`; 0 restores it."""

    gain_db: float


@dataclass(frozen=True, slots=True)
class StopPlaying:
    """Stop the patient's voice at the end of the syllable and drop the queued clauses."""

    key: Key


@dataclass(frozen=True, slots=True)
class DropWork:
    """Cancel the work with this key."""

    key: Key


@dataclass(frozen=True, slots=True)
class Note:
    """Write an entry into the record."""

    entry: JournalEntry


@dataclass(frozen=True, slots=True)
class ShowLine:
    """Show the line that the patient has begun to say, from its first sound at `start_s`."""

    start_s: float
    text: str


@dataclass(frozen=True, slots=True)
class ShowTimeOver:
    """Tell the learner that the time is over, and that the encounter goes on."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Close:
    """The encounter is over: stop the line and close the record."""

    reason: str
    ending: str | None = None


Command = (
    JudgeTurnEnd
    | Transcribe
    | Embed
    | AskModel
    | WarmModel
    | Synthesise
    | Play
    | Duck
    | StopPlaying
    | DropWork
    | Note
    | ShowLine
    | ShowTimeOver
    | Close
)
