"""The inputs and outputs of the patient's mind: what the learner said, and what the patient
decides.

The encounter calls a method of `mind.Patient` and gets a `Decision`. A decision is speculative: its
`state` is adopted only when the turn is committed. If it has a `query`, the encounter asks the
language model and then calls `settle`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simvoice.coding.codebook import Code
from simvoice.ports import Message

MoveKind = Literal["open", "answer", "react", "feel", "ask", "prompt", "clarify", "silent", "close"]

Affect = Literal["neutral", "flat", "tearful", "anxious", "angry", "warm"]
"""How a line is said. The voice maps it to pace, pitch and loudness."""

Mood = Literal["even", "guarded", "open", "shaken", "strained"]
"""The effect of trust and distress on the patient's voice, in five steps; see `voice.mood_of`."""


@dataclass(frozen=True, slots=True)
class LearnerUtterance:
    """What the learner said, and how."""

    text: str
    embedding: NDArray[np.float32] | None
    """float32 [d], unit length; None without an embedder (rules and words alone decide then).

    The embedding of `Patient.focus(text)`, the part that asks something.
    """
    duration_s: float = 0.0
    """Length of the learner's turn in seconds."""
    interrupted: bool = False
    """The learner interrupted the patient."""
    unsaid: str = ""
    """The words that the patient could not say because of the interruption."""
    filled_hold: str | None = None
    """Id of the beat or line whose hold the learner filled; None without an open hold."""


@dataclass(frozen=True, slots=True)
class PlannedHold:
    """A silence that the patient keeps after the line."""

    beat: str
    """Id of the beat or line before the silence."""
    window_s: float
    """Seconds of silence that the learner must let stand."""


@dataclass(frozen=True, slots=True)
class Move:
    """What the patient does next."""

    kind: MoveKind
    text: str
    """What the patient says, without marks; empty for a silent move."""
    line_id: str | None = None
    affect: Affect = "neutral"
    mood: Mood = "even"
    spoken: str = ""
    """The same words with the marks of `simvoice.markup`, for the voice; empty for a silent
    move."""
    silence_before_s: float = 0.0
    """Seconds of silence that the patient chooses before speaking; 0 for an ordinary answer."""
    hold: PlannedHold | None = None
    ending: str | None = None
    """Id of the ending that the move reaches. The encounter ends when the line was delivered."""
    source: Literal["authored", "model", "fallback"] = "authored"


@dataclass(frozen=True, slots=True)
class LedgerStep:
    """One change of a ledger value with its cause; see `record.events.LedgerStep`."""

    name: str
    before: float
    after: float
    cause: str
    words: str = ""
    instead: str = ""
    suggests: str = ""
    after_you: bool = False


@dataclass(frozen=True, slots=True)
class Reflection:
    """One remark of the reflection by the patient; see `record.events.RecordedReflection`."""

    text: str
    spoken: str
    """The text with marks."""
    affect: Affect
    why: str
    """The reason for the remark, in words for educators."""
    causes: tuple[str, ...] = ()
    """Causes (`LedgerStep.cause`) that the remark is based on, the most important first."""
    facts: tuple[str, ...] = ()
    """Facts that the patient told and that the remark refers to."""
    beats: tuple[str, ...] = ()
    """Beats that must happen before the remark."""
    of_ending: bool = False
    """The remark is about the ending, and is based on no earlier cause."""


@dataclass(frozen=True, slots=True)
class Rank:
    """A query: which of these answers fits best. All candidates are allowed lines."""

    prompt: str
    candidates: tuple[str, ...]
    messages: tuple[Message, ...] = ()
    """The same scene as a chat, for a stronger model; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Improvise:
    """A query for a line that the language model writes. The prompt contains allowed facts only."""

    prompt: str
    max_tokens: int = 40
    stop: tuple[str, ...] = ("\n",)
    temperature: float = 0.5
    messages: tuple[Message, ...] = ()
    """The same scene as a chat, for a stronger model; empty when there is none."""


Query = Rank | Improvise


@dataclass(frozen=True, slots=True)
class Answer:
    """The language model's answer to a query: `scores` for Rank, `text` for Improvise."""

    text: str = ""
    scores: tuple[float, ...] = ()
    strong: bool = False
    """A stronger model answered, which is given more latitude."""


@dataclass(frozen=True, slots=True)
class PatientState:
    """The state of the patient between two events. Immutable and comparable."""

    ledger: tuple[tuple[str, float], ...]
    """(name, 0..1) in the case's order: at least trust, distress, understanding."""
    disclosed: frozenset[str] = frozenset()
    """Facts that the patient told in delivered speech."""
    said: tuple[str, ...] = ()
    """Ids of the lines that were said, in order."""
    spoken: tuple[str, ...] = ()
    """Delivered texts, in order, to detect repetition and contradiction."""
    asked: frozenset[str] = frozenset()
    """Questions of the patient that were answered."""
    beats: frozenset[str] = frozenset()
    """Beats that have happened ("headline" …)."""
    turns: int = 0
    """Turns of the learner so far."""
    prompts: int = 0
    """Prompts in a row without a turn of the learner."""
    pending_question: str | None = None
    """Line with a question that the learner has not answered yet."""
    transcript: tuple[tuple[str, str], ...] = ()
    """(speaker, delivered or transcribed text) of the last turns, for the screenplay."""
    seed: int = 0
    """Decides which of several equal lines is said."""
    counts: tuple[tuple[str, int], ...] = ()
    """(id, how often it counted) of rules and reactions with a limit, sorted."""
    last_line: str | None = None
    """The line that the patient said last; "tell me more" and "say that again" refer to it."""
    cut: str | None = None
    """The line that was interrupted before its point was made. The patient may say it again."""
    cut_turn: int = 0
    """`turns` at the time of that interruption."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the patient would do next, and why."""

    state: PatientState
    """The state when the turn is committed, before the line is delivered."""
    move: Move
    reason: str
    """The reason for the move, in words for educators."""
    codes: tuple[Code, ...] = ()
    steps: tuple[LedgerStep, ...] = ()
    discloses: tuple[str, ...] = ()
    """Facts that the move tells."""
    query: Query | None = None
    """The query to ask before calling `settle`. `move` applies if no answer comes."""
    shortlist: tuple[str, ...] = ()
    """Line ids of the candidates of a Rank query."""
    similarity: tuple[float, ...] = ()
    """Similarity of the learner's words to each line of the shortlist, 0..1."""
    yields_turn: bool = True
    """The learner's words pass the turn to the patient, as a question does. False for a statement,
    after which the learner may continue."""
