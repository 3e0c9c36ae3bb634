"""How sure the machine is of one judgement, in three steps that a page can show.

No step is a probability: how often each item is right is what `simvoice agree` finds out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from simvoice.record.events import LearnerTurn

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


def of_words(turn: LearnerTurn, confidence: float) -> Certainty:
    """Of a code that was found. confidence: 0..1, the code's."""
    if turn.avg_logprob < GUESSING:
        return "low"
    return "high" if confidence >= _FORMAL else "fair"


def of_absence(turns: Sequence[LearnerTurn]) -> Certainty:
    """Of words that were not found in these turns."""
    guessed = sum(turn.avg_logprob < GUESSING for turn in turns)
    return "low" if guessed > _GUESSED_SHARE * len(turns) else "fair"
