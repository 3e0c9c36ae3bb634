"""Evidence from the record: codes that were found, silences, and how sure the words are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simvoice.criteria.encounter import Certainty, Evidence, Hit
from simvoice.display import duration
from simvoice.record.events import Hold, LearnerTurn
from simvoice.scoring.instruments.rule_text import code_label

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


def hits_in(turns: Sequence[LearnerTurn], means: Mapping[str, str]) -> tuple[Hit, ...]:
    """Every code of these turns, in order. means: of the codes that only the case has."""
    return tuple(
        Hit(
            position=(number, within),
            code=code.code,
            label=code_label(code.code, means),
            words=code.words,
            offset=turn.text.find(code.words),
            confidence=code.confidence,
            certainty=words_certainty(turn, code.confidence),
            at_s=turn.start_s,
            end_s=turn.end_s,
        )
        for number, turn in enumerate(turns)
        for within, code in enumerate(turn.codes)
    )


def silence_evidence(hold: Hold, ended: str = "filled") -> Evidence:
    """A hold as evidence. ended: how the learner ended it, where the learner did."""
    length = duration(hold.end_s - hold.start_s)
    shows = f"let stand for {length}" if hold.outcome == "held" else f"{ended} after {length}"
    return Evidence(hold.start_s, hold.end_s, "patient", "", shows)
