"""What a rule found, and the words or moments it stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simvoice.scoring.certainty import Certainty

Outcome = Literal["met", "not met", "not judged", "counted"]
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule found."""

    outcome: Outcome
    evidence: tuple[Evidence, ...] = ()
    certainty: Certainty | None = None
    value: float | None = None
    """A count, a share 0..1, a ratio, or the metric in its unit."""
    reason: str = ""
    """Why it was not judged; a clause."""
