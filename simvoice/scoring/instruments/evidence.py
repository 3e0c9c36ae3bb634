"""What a rule found, the words or moments it stands on, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from simvoice.record.events import Coded, Hold, LearnerTurn

# -- evidence ---------------------------------------------------------------------------------
# What a rule found, and the words or moments it stands on.


ItemOutcome = Literal["met", "not met", "not judged", "counted"]
"""counted: a number without a threshold."""

MOST_EVIDENCE = 4
"""Quotes that one judgement shows; more of the same say nothing new."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Words that a judgement stands on."""

    at_s: float
    """Session seconds at which the turn with them begins."""
    end_s: float
    who: Literal["learner", "patient"]
    quote: str
    """Empty for a moment that has no words, such as a silence."""
    shows: str
    """What it shows, by the codebook, by VR-CoDES or by the timing."""


def silence_evidence(hold: Hold, ended: str = "filled") -> Evidence:
    """A silence that the patient fell into, and what became of it. ended: how, where it was."""
    length = f"{hold.end_s - hold.start_s:.1f} s"
    shows = f"let stand for {length}" if hold.outcome == "held" else f"{ended} after {length}"
    return Evidence(hold.start_s, hold.end_s, "patient", "", shows)


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """What a rule found."""

    outcome: ItemOutcome
    evidence: tuple[Evidence, ...] = ()
    certainty: Certainty | None = None
    value: float | None = None
    """A count, a share 0..1, a ratio, or the metric in its unit."""
    reason: str = ""
    """Why it was not judged; a clause."""


# -- certainty --------------------------------------------------------------------------------
# How sure the machine is of one judgement, in three steps that a page can show.
#
# No step is a probability: how often each item is right is what `simvoice agree` finds out.


Certainty = Literal["high", "fair", "low"]
"""high: it stands on times or on a rule that needed the sentence's form. fair: on words alone, or
on words that were not found. low: the recogniser was guessing, or words were found
that hardly show it."""

CERTAINTIES: tuple[Certainty, ...] = ("low", "fair", "high")
"""From the least to the most."""

GUESSING = -1.0
"""Mean log-probability of a token below which Whisper's text is a guess (its own threshold)."""

_FORMAL = 0.85
"""Confidence from which a code rests on the form of the sentence and not on its words alone."""
_GUESSED_SHARE = 0.2
"""Share of guessed turns above which words that were not found may well have been said."""


def words_certainty(turn: LearnerTurn, confidence: float) -> Certainty:
    """Of a code that was found. confidence: 0..1, the code's."""
    if turn.avg_logprob < GUESSING:
        return "low"
    return "high" if confidence >= _FORMAL else "fair"


def absence_certainty(turns: Sequence[LearnerTurn]) -> Certainty:
    """Of words that were not found in these turns."""
    guessed = sum(turn.avg_logprob < GUESSING for turn in turns)
    return "low" if guessed > _GUESSED_SHARE * len(turns) else "fair"


# -- hits -------------------------------------------------------------------------------------
# Codes where they were found, and what they show.


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


def best_certainty(found: Sequence[Hit]) -> Certainty:
    """Of the surest of them."""
    sure = (words_certainty(hit.turn, hit.code.confidence) for hit in found)
    return max(sure, key=CERTAINTIES.index)


def worst_certainty(found: Sequence[Hit]) -> Certainty:
    """Of the least sure of them."""
    sure = (words_certainty(hit.turn, hit.code.confidence) for hit in found)
    return min(sure, key=CERTAINTIES.index)


def distinct_hits(found: Sequence[Hit]) -> list[Hit]:
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


def hit_evidence(found: Sequence[Hit], most: int = MOST_EVIDENCE) -> tuple[Evidence, ...]:
    """Of the first of them."""
    return tuple(hit.evidence for hit in found[:most])
