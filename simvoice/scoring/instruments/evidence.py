"""What a rule found, and the words or moments it stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simvoice.record.events import Hold
from simvoice.scoring.instruments.certainty import Certainty

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


def of_silence(hold: Hold, ended: str = "filled") -> Evidence:
    """A silence that the patient fell into, and what became of it. ended: how, where it was."""
    length = f"{hold.end_s - hold.start_s:.1f} s"
    shows = f"let stand for {length}" if hold.outcome == "held" else f"{ended} after {length}"
    return Evidence(hold.start_s, hold.end_s, "patient", "", shows)


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
