"""What goes in and out of the patient's mind: what was said to her, what she decides.

The encounter calls `Patient` (see `mind.py`) with one of the stimuli and gets a `Decision`.
A decision is speculative: its `state` is adopted only when the turn is committed. When it
carries a `query`, the encounter has the language model answer it and calls `settle`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simvoice.coding.codebook import Code
from simvoice.ports import Message

MoveKind = Literal["open", "answer", "react", "feel", "ask", "prompt", "clarify", "silent", "close"]

Affect = Literal["neutral", "flat", "tearful", "anxious", "angry", "warm"]
"""How a line is said; the voice maps it to pace, pitch and loudness."""

Mood = Literal["even", "guarded", "open", "shaken", "strained"]
"""What her trust and distress do to her voice, in few steps; see `voice.mood_of`."""


@dataclass(frozen=True, slots=True)
class LearnerUtterance:
    """What the learner said, and how it came."""

    text: str
    embedding: NDArray[np.float32] | None
    """float32 [d], unit length; None when no embedder is there: rules and words alone decide.

    Of `Patient.focus(text)`, the part of it that asks something.
    """
    duration_s: float = 0.0
    """Seconds of the learner's turn."""
    interrupted: bool = False
    """The learner cut the patient off to say it."""
    unsaid: str = ""
    """The words the patient never got to say because of it."""
    filled_hold: str | None = None
    """Beat or line whose silence the learner filled by saying it; None when none was open."""


@dataclass(frozen=True, slots=True)
class PlannedHold:
    """After the line the patient goes quiet, and waits."""

    beat: str
    """The beat, or the line, that it comes after."""
    window_s: float
    """Seconds of silence that the learner has to let stand for something to open."""


@dataclass(frozen=True, slots=True)
class Move:
    """What the patient does next."""

    kind: MoveKind
    text: str
    """What she says; empty for a move of silence."""
    line_id: str | None = None
    affect: Affect = "neutral"
    mood: Mood = "even"
    spoken: str = ""
    """The same words with the marks of `simvoice.markup`, for the voice; empty for none."""
    silence_before_s: float = 0.0
    """Silence she chooses before speaking (0 for an ordinary answer)."""
    hold: PlannedHold | None = None
    ending: str | None = None
    """Id of the ending reached; the encounter ends once the line was heard."""
    source: Literal["authored", "model", "fallback"] = "authored"


@dataclass(frozen=True, slots=True)
class LedgerStep:
    """One step of the ledger, with its cause (see `record.events.LedgerStep`)."""

    name: str
    before: float
    after: float
    cause: str
    words: str = ""
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Reflection:
    """One thing the patient says afterwards (see `record.events.Felt`)."""

    text: str
    spoken: str
    """The same with marks."""
    affect: Affect
    why: str
    """What it stands on, in words an educator reads."""
    causes: tuple[str, ...] = ()
    """Of the steps (`Step.cause`) that it stands on, the weightiest first."""
    facts: tuple[str, ...] = ()
    """Facts that she told, and that it comes back to."""
    beats: tuple[str, ...] = ()
    """Beats that it is said after."""
    of_ending: bool = False
    """It is about how the conversation ended, and of no cause before that."""


@dataclass(frozen=True, slots=True)
class Rank:
    """Ask the language model which of these answers fits best. Only allowed lines are in it."""

    prompt: str
    candidates: tuple[str, ...]
    messages: tuple[Message, ...] = ()
    """The same scene as a chat, for a stronger model; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Improvise:
    """Ask the language model for a line of its own. Only allowed facts are in the prompt."""

    prompt: str
    max_tokens: int = 40
    stop: tuple[str, ...] = ("\n",)
    temperature: float = 0.5
    messages: tuple[Message, ...] = ()
    """The same scene as a chat, for a stronger model; empty when there is none."""


Query = Rank | Improvise


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's answer to a query; `scores` for Rank, `text` for Improvise."""

    text: str = ""
    scores: tuple[float, ...] = ()
    strong: bool = False
    """It came from a stronger model, which may be given more room."""


@dataclass(frozen=True, slots=True)
class PatientState:
    """All that the patient carries from one moment to the next. Immutable and comparable."""

    ledger: tuple[tuple[str, float], ...]
    """(name, 0..1) in the case's order: at least trust, distress, understanding."""
    disclosed: frozenset[str] = frozenset()
    """Facts she has told, and the learner has heard."""
    said: tuple[str, ...] = ()
    """Line ids that were said, in order."""
    spoken: tuple[str, ...] = ()
    """Texts as heard, in order (for repetition and contradiction)."""
    asked: frozenset[str] = frozenset()
    """Her questions that were answered."""
    beats: frozenset[str] = frozenset()
    """Beats that have happened ("headline" …)."""
    turns: int = 0
    prompts: int = 0
    """Prompts in a row into an empty silence."""
    pending_question: str | None = None
    """The question she has put and not had an answer to."""
    transcript: tuple[tuple[str, str], ...] = ()
    """(who, text as heard), last few turns, for the screenplay."""
    seed: int = 0
    counts: tuple[tuple[str, int], ...] = ()
    """How often rules and reactions with a limit have counted, by id, sorted."""
    last_line: str | None = None
    """The line she last said; what "tell me more" and "say that again" refer to."""
    cut: str | None = None
    """The line she was stopped in before its point was made; it may be said again."""
    cut_turn: int = 0
    """The learner's turns when that was."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the patient would do, and why."""

    state: PatientState
    """The state once the turn is committed (before the line is heard)."""
    move: Move
    reason: str
    """One sentence an educator understands."""
    codes: tuple[Code, ...] = ()
    steps: tuple[LedgerStep, ...] = ()
    opens: tuple[str, ...] = ()
    """Facts this move tells."""
    query: Query | None = None
    """Ask this first, then call `settle`; `move` is what happens should no answer come."""
    shortlist: tuple[str, ...] = field(default=())
    """Ids of the lines a Rank query's candidates stand for."""
    likeness: tuple[float, ...] = ()
    """How near the learner's words were to each line of the shortlist, 0..1."""
    hands_over: bool = True
    """The learner's words leave the floor to her, as a question does; False for a statement, after
    which he may well go on."""
