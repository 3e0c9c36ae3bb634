"""Codes where they were found, and what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simvoice.record.events import Coded, LearnerTurn
from simvoice.scoring.instruments.certainty import CERTAINTIES, Certainty, of_words
from simvoice.scoring.instruments.evidence import MOST_EVIDENCE, Evidence


@dataclass(frozen=True, slots=True)
class Hit:
    """A code where it was found. place: (number of the turn, number within it)."""

    place: tuple[int, int]
    turn: LearnerTurn
    code: Coded
    label: str

    @property
    def evidence(self) -> Evidence:
        """These words as evidence of what the code is."""
        return self.showing(self.label)

    def showing(self, what: str) -> Evidence:
        """These words as evidence of something."""
        return Evidence(self.turn.start_s, self.turn.end_s, "learner", self.code.words, what)


def best(found: Sequence[Hit]) -> Certainty:
    """Of the surest of them."""
    sure = (of_words(hit.turn, hit.code.confidence) for hit in found)
    return max(sure, key=CERTAINTIES.index)


def worst(found: Sequence[Hit]) -> Certainty:
    """Of the least sure of them."""
    sure = (of_words(hit.turn, hit.code.confidence) for hit in found)
    return min(sure, key=CERTAINTIES.index)


def apart(found: Sequence[Hit]) -> list[Hit]:
    """Each stretch of words once, though it may do two things of the kind that is counted."""
    kept: list[Hit] = []
    for hit in found:
        if not any(hit.turn is each.turn and _overlap(hit, each) for each in kept):
            kept.append(hit)
    return kept


def _overlap(one: Hit, other: Hit) -> bool:
    """Whether their words share a place in the turn."""
    said = one.turn.text
    (a, m), (b, n) = ((said.find(h.code.words), len(h.code.words)) for h in (one, other))
    return min(a, b) >= 0 and a < b + n and b < a + m


def quotes(found: Sequence[Hit], most: int = MOST_EVIDENCE) -> tuple[Evidence, ...]:
    """Of the first of them."""
    return tuple(hit.evidence for hit in found[:most])
