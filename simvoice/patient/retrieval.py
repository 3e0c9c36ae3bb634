"""Which line answers what was asked: meaning, words and what the question does, together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simvoice.coding.codebook import QUESTIONS
from simvoice.coding.coder import Coder
from simvoice.patient.case.schema import Case, Line
from simvoice.patient.decisions import PatientState
from simvoice.patient.index import CaseIndex, best_by_line, exemplars, unalias
from simvoice.patient.last_question import focus
from simvoice.patient.ledger import holds, is_open, variant
from simvoice.patient.words import WordIndex

MEANING, WORDS = 0.75, 0.25
"""Shares of cosine by meaning and by words; fitted on the suite of the first case."""
SAME_ACT, OTHER_ACT = 0.04, -0.04
"""When the question does what the exemplar does (asks what she knows, what she fears …), or
does not: a content word pulls toward the wrong act otherwise ("lump", "husband")."""
FOLLOWS = 0.06
"""For a line that goes on from what she has just said."""

_ACTS = frozenset(
    {
        "ask_perception", "ask_permission", "ask_concerns", "empathy_explore", "invite_questions",
        "check_understanding", "introduction", "blaming",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What she would say to something that a line answers."""

    line: Line
    text: str
    how: Literal["say", "again", "instead", "told"]
    """`told`: she has said it and has no second wording."""


@dataclass(frozen=True, slots=True)
class Match:
    """An outcome and how near the learner's words were to its exemplars, about 0..1."""

    outcome: Outcome
    score: float


class Answers:
    """All lines with exemplars, ready to be matched."""

    def __init__(self, case: Case, index: CaseIndex | None) -> None:
        pairs = exemplars(case)
        self._lines = {line.id: line for line in case.lines}
        self._facts = {fact.id: fact for fact in case.facts}
        self._owners = tuple(owner for owner, _ in pairs)
        self._case = case
        self._words = WordIndex([unalias(case, text) for _, text in pairs])
        self._acts = tuple(acts(case.coder, text) for _, text in pairs)
        self._index = index

    def focus(self, text: str) -> str:
        """What to embed of an utterance: the part that asks, without the case's own names."""
        return unalias(self._case, focus(text))

    def ranked(
        self, state: PatientState, text: str, embedding: NDArray[np.float32] | None
    ) -> list[Match]:
        """Best first; one match for each thing she might say."""
        asked = self.focus(text)
        scores = self._scores(asked, embedding)
        doing = acts(self._case.coder, asked)
        for number, act in enumerate(self._acts):
            if doing or act:
                scores[number] += SAME_ACT if doing & act else OTHER_ACT
        best = best_by_line(scores.tolist(), self._owners)
        matches: dict[str, Match] = {}
        for line_id, score in best.items():
            line = self._lines[line_id]
            outcome = self.resolve(state, line)
            if outcome is None:
                continue
            score += FOLLOWS if state.last_line in line.follows else 0.0
            kept = matches.get(outcome.text)
            if kept is None or kept.score < score:
                matches[outcome.text] = Match(outcome, score)
        return sorted(matches.values(), key=lambda match: (-match.score, match.outcome.line.id))

    def _scores(self, asked: str, embedding: NDArray[np.float32] | None) -> NDArray[np.float64]:
        words = np.array(self._words.likeness(asked), np.float64)
        if self._index is None or embedding is None:
            return words
        return MEANING * self._index.likeness(embedding).astype(np.float64) + WORDS * words

    def resolve(self, state: PatientState, line: Line) -> Outcome | None:
        """What she says for a line that was asked for; None when it is not for now."""
        if not holds(line.when, state):
            return None
        if not self.gates_open(state, line, asked=True):
            if line.instead is None:
                return None
            other = self._lines[line.instead]
            if not holds(other.when, state):
                return None
            return self._said_or_not(state, other, "instead")
        return self._said_or_not(state, line, "say")

    def _said_or_not(
        self, state: PatientState, line: Line, how: Literal["say", "instead"]
    ) -> Outcome:
        if line.id not in state.said:
            return Outcome(line, wording(line, state), how)
        if line.again and line.again not in state.spoken:
            return Outcome(line, line.again, "again")
        return Outcome(line, line.text, "told")

    def gates_open(self, state: PatientState, line: Line, *, asked: bool) -> bool:
        """Whether every fact that the line tells may be told."""
        return all(is_open(self._facts[fact], state, asked=asked) for fact in line.tells)


def acts(coder: Coder, text: str) -> frozenset[str]:
    """What an utterance does, of the acts that matter for choosing an answer."""
    return frozenset(each.name for each in coder.code(text)) & _ACTS


def is_question(names: Collection[str]) -> bool:
    """Whether the codes of an utterance hold a question."""
    return not QUESTIONS.isdisjoint(names)


def wording(line: Line, state: PatientState) -> str:
    """The line's words in her present state."""
    fitting = variant(line, state)
    return fitting.text if fitting else line.text
