"""The result of a rule, the evidence for it, and its certainty.

Certainty has three steps that a page can show. No step is a probability: `simvoice agree` measures
how often each item is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from simvoice.record.events import Coded, Hold, LearnerTurn

# -- outcome and evidence -------------------------------------------------------------------

ItemOutcome = Literal["met", "not met", "not judged", "counted"]
"""counted: a number without a threshold."""

MOST_EVIDENCE = 4
"""Most quotes that one judgement shows."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Words or a moment that a judgement rests on."""

    at_s: float
    """Session seconds at which the turn or moment begins."""
    end_s: float
    who: Literal["learner", "patient"]
    quote: str
    """The words; empty for a moment without words, such as a silence."""
    shows: str
    """What the evidence shows, by the codebook, by VR-CoDES or by the timing."""


def silence_evidence(hold: Hold, ended: str = "filled") -> Evidence:
    """A hold as evidence. ended: how the learner ended it, where the learner did."""
    length = f"{hold.end_s - hold.start_s:.1f} s"
    shows = f"let stand for {length}" if hold.outcome == "held" else f"{ended} after {length}"
    return Evidence(hold.start_s, hold.end_s, "patient", "", shows)


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """The result of a rule."""

    outcome: ItemOutcome
    evidence: tuple[Evidence, ...] = ()
    certainty: Certainty | None = None
    value: float | None = None
    """A count, a share 0..1, a ratio, or the metric in its unit."""
    reason: str = ""
    """Why the item was not judged; a clause."""


# -- certainty ------------------------------------------------------------------------------

Certainty = Literal["high", "fair", "low"]
"""high: the judgement rests on times, or on a code that needs the form of the sentence. fair: it
rests on single words, or on words that were not found. low: the recogniser was guessing, or the
words that were found are weak evidence."""

CERTAINTIES: tuple[Certainty, ...] = ("low", "fair", "high")
"""All steps, the lowest first."""

GUESSING = -1.0
"""Mean log-probability of a token below which Whisper's text is a guess (Whisper's threshold)."""

_FORMAL = 0.85
"""Least confidence of a code that rests on the form of the sentence and not only on its words."""
_GUESSED_SHARE = 0.2
"""Share of guessed turns above which words that were not found may have been said."""


def words_certainty(turn: LearnerTurn, confidence: float) -> Certainty:
    """Certainty of a code that was found. confidence: of the code, 0..1."""
    if turn.avg_logprob < GUESSING:
        return "low"
    return "high" if confidence >= _FORMAL else "fair"


def absence_certainty(turns: Sequence[LearnerTurn]) -> Certainty:
    """Certainty that words do not occur in these turns."""
    guessed = sum(turn.avg_logprob < GUESSING for turn in turns)
    return "low" if guessed > _GUESSED_SHARE * len(turns) else "fair"


# -- codes that were found ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hit:
    """One code in one turn."""

    position: tuple[int, int]
    """(number of the turn, number of the code within the turn)."""
    turn: LearnerTurn
    code: Coded
    label: str
    """The name of the code in a sentence."""

    @property
    def evidence(self) -> Evidence:
        """The words as evidence of the code."""
        return self.evidence_of(self.label)

    def evidence_of(self, what: str) -> Evidence:
        """The words as evidence of `what`."""
        return Evidence(self.turn.start_s, self.turn.end_s, "learner", self.code.words, what)


def best_certainty(found: Sequence[Hit]) -> Certainty:
    """The highest certainty of these codes."""
    return max(_certainties(found), key=CERTAINTIES.index)


def worst_certainty(found: Sequence[Hit]) -> Certainty:
    """The lowest certainty of these codes."""
    return min(_certainties(found), key=CERTAINTIES.index)


def _certainties(found: Sequence[Hit]) -> list[Certainty]:
    return [words_certainty(hit.turn, hit.code.confidence) for hit in found]


def distinct_hits(found: Sequence[Hit]) -> list[Hit]:
    """The codes without those whose words overlap with an earlier one, so that words count once."""
    distinct: list[Hit] = []
    for hit in found:
        if not any(hit.turn is each.turn and _overlap(hit, each) for each in distinct):
            distinct.append(hit)
    return distinct


def _overlap(one: Hit, other: Hit) -> bool:
    """Whether the words of two codes overlap in the turn."""
    text = one.turn.text
    (a, m), (b, n) = ((text.find(h.code.words), len(h.code.words)) for h in (one, other))
    return min(a, b) >= 0 and a < b + n and b < a + m


def hit_evidence(found: Sequence[Hit], most: int = MOST_EVIDENCE) -> tuple[Evidence, ...]:
    """The first `most` codes as evidence."""
    return tuple(hit.evidence for hit in found[:most])
