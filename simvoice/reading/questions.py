"""The patient's questions, and which of them got an answer.

The patient decides during the encounter whether a turn answers a question (`patient.intake`), and
each checkpoint has the questions that were answered by then. So nothing is guessed afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from simvoice.record.events import Checkpoint, JournalEntry, LearnerTurn, PatientSpeech


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question that the patient asked, delivered to its end."""

    line: str
    words: str
    start_s: float
    """Session seconds."""
    end_s: float
    is_answered: bool
    before: AskedQuestion | None = None
    """The same question, asked before."""


def asked_questions(
    entries: Sequence[JournalEntry], asks: Collection[str]
) -> tuple[AskedQuestion, ...]:
    """The patient's questions in order, each once, at its last time.

    asks: the lines that ask. Left out is a question after whose answer the record does not say what
    the patient made of it, because the encounter ended first.
    """
    checkpoints = [e for e in entries if isinstance(e, Checkpoint)]
    turns = [e for e in entries if isinstance(e, LearnerTurn)]
    answered = frozenset(_names(checkpoints[-1].mind.get("asked"))) if checkpoints else frozenset()
    last_s = checkpoints[-1].at_s if checkpoints else 0.0
    found: dict[str, AskedQuestion] = {}
    for speech in entries:
        if not isinstance(speech, PatientSpeech) or speech.line_id not in asks or speech.unsaid:
            continue
        line = str(speech.line_id)
        replied_s = max((t.end_s for t in turns if t.start_s > speech.start_s), default=None)
        if line not in answered and replied_s is not None and last_s < speech.end_s:
            continue
        before = found.pop(line, None)
        found[line] = AskedQuestion(
            line, speech.heard, speech.start_s, speech.end_s, line in answered, before
        )
    return tuple(found.values())


def _names(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
