"""What can happen to an encounter, and what it can ask for. Both unions are closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simvoice.patient.decisions import Affect, Answer, Mood, Query
from simvoice.ports import Message, SpokenWord, Transcript
from simvoice.record.events import JournalEntry


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which work a result belongs to. A result whose key is no longer awaited is stale."""

    turn: int
    revision: int


Purpose = Literal["turn", "probe"]

# -- events: every `at_s` is session seconds on the learner's sample clock ------------------


@dataclass(frozen=True, slots=True)
class Frame:
    """20 ms of the learner's microphone went by."""

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
    """Whether the turn's words sound finished; follows `Transcribed` a moment later."""

    at_s: float
    key: Key
    over_prob: float


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The answer to `Transcribe`; the embedding is that of the whole turn's text."""

    at_s: float
    key: Key
    purpose: Purpose
    transcript: Transcript
    embedding: NDArray[np.float32] | None = None
    hum: float = 0.0
    """Share of it that is hummed, 0..1; see `hum`."""


@dataclass(frozen=True, slots=True)
class ModelAnswered:
    """The language model's answer to `AskModel`."""

    at_s: float
    key: Key
    answer: Answer


@dataclass(frozen=True, slots=True)
class SpeechReady:
    """The answer to `Synthesise`. The sound itself stays with the runtime."""

    at_s: float
    key: Key
    index: int
    duration_s: float
    words: tuple[SpokenWord, ...]


@dataclass(frozen=True, slots=True)
class ClipStarted:
    """A clause begins to sound at the learner's ear."""

    at_s: float
    key: Key
    index: int


@dataclass(frozen=True, slots=True)
class ClipEnded:
    """A clause has sounded, to its end or to where it was stopped."""

    at_s: float
    key: Key
    index: int
    played_s: float
    """Seconds of the clip that sounded."""
    cut: bool


@dataclass(frozen=True, slots=True)
class StageBroke:
    """An engine failed at something it was asked for."""

    at_s: float
    key: Key
    stage: Literal["judge", "turn", "probe", "think", "say"]
    what: str
    index: int = 0
    """Which clause, for `say`."""


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something went wrong in an engine that went on all the same, by other means."""

    at_s: float
    what: str


@dataclass(frozen=True, slots=True)
class EndAsked:
    """Somebody wants the encounter to end, or it cannot go on."""

    at_s: float
    reason: Literal["learner", "device", "closed", "fault"]


EncounterEvent = (
    Frame
    | TurnEndJudged
    | WordsJudged
    | Transcribed
    | ModelAnswered
    | SpeechReady
    | ClipStarted
    | ClipEnded
    | StageBroke
    | Noticed
    | EndAsked
)

# -- commands ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JudgeTurnEnd:
    """Does the turn sound finished? Audio from `start_s` to `end_s`."""

    key: Key
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Transcribe:
    """What was said between `start_s` and `end_s`?"""

    key: Key
    purpose: Purpose
    start_s: float
    end_s: float
    before: str = ""
    """Words of the same turn that are settled already; the embedding is of both."""
    pauses: tuple[tuple[float, float], ...] = ()
    """Silences inside (session seconds), to be shortened: Whisper may stop at a long one."""


@dataclass(frozen=True, slots=True)
class AskModel:
    """Have the language model answer the patient's query."""

    key: Key
    query: Query


@dataclass(frozen=True, slots=True)
class Warm:
    """Have the language model read this now; the next query's prompt begins with it."""

    prompt: str
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Synthesise:
    """Make the sound of one clause."""

    key: Key
    index: int
    text: str
    """With the marks of `simvoice.markup`."""
    affect: Affect
    mood: Mood = "even"


@dataclass(frozen=True, slots=True)
class Play:
    """Let a clause that is ready sound, after those that are playing."""

    key: Key
    index: int


@dataclass(frozen=True, slots=True)
class Duck:
    """Change the patient's loudness by `gain_db` (0 restores it)."""

    gain_db: float


@dataclass(frozen=True, slots=True)
class StopPlaying:
    """Fall silent at the end of the syllable; what was queued behind is dropped."""

    key: Key


@dataclass(frozen=True, slots=True)
class Drop:
    """Nobody waits for this work any more."""

    key: Key


@dataclass(frozen=True, slots=True)
class Note:
    """Write this into the record."""

    entry: JournalEntry


@dataclass(frozen=True, slots=True)
class Close:
    """The encounter is over: stop the line and close the record."""

    reason: str
    ending: str | None = None


Command = (
    JudgeTurnEnd
    | Transcribe
    | AskModel
    | Warm
    | Synthesise
    | Play
    | Duck
    | StopPlaying
    | Drop
    | Note
    | Close
)
