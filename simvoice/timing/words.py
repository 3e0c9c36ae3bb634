"""Words and when they sounded, from an alignment, a recogniser or a transcript."""

from __future__ import annotations

from dataclasses import dataclass

from simvoice.timing.turns import Speaker


@dataclass(frozen=True, slots=True)
class TimedWord:
    """One word of one speaker's, session seconds."""

    who: Speaker
    text: str
    start_s: float
    end_s: float
