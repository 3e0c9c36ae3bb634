"""Small journals for the debrief's tests: what was said, what it did, and what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief
from simvoice.record.events import (
    Checkpoint,
    Coded,
    JournalEntry,
    LearnerTurn,
    LedgerStep,
    PatientMove,
    PatientSpeech,
)
from simvoice.record.store import Attempt


def of(attempt: Attempt, *entries: JournalEntry, **header: Any) -> Debrief:
    """The debrief of another journal under the same roof, without sound."""
    changed = attempt.header.model_copy(update=header)
    return build_debrief(
        replace(attempt, entries=entries, audio_path=None, _sound=[], header=changed)
    )


def said(
    turn: int, start_s: float, text: str, *codes: str, avg_logprob: float = -0.3
) -> LearnerTurn:
    """Two seconds of the learner's; every code rests on all of the words."""
    return LearnerTurn(
        turn=turn,
        start_s=start_s,
        end_s=start_s + 2.0,
        text=text,
        avg_logprob=avg_logprob,
        no_speech_prob=0.02,
        codes=tuple(Coded(code=code, words=text) for code in codes),
    )


def step(cause: str, change: float, before: float = 0.5, **fields: Any) -> LedgerStep:
    """A step of trust, unless `name` says another."""
    given = {"name": "trust", "before": before, "after": round(before + change, 4), "cause": cause}
    return LedgerStep.model_validate(given | fields)


def move(turn: int, at_s: float, *steps: LedgerStep) -> PatientMove:
    """An answer of hers that begins at `at_s`."""
    return PatientMove(
        turn=turn, at_s=at_s, kind="answer", line_id=f"line{turn}", reason="r", steps=steps
    )


def spoke(turn: int, start_s: float, heard: str, unsaid: str = "") -> PatientSpeech:
    """Two seconds of the patient's."""
    return PatientSpeech(
        turn=turn,
        line_id=f"line{turn}",
        start_s=start_s,
        end_s=start_s + 2.0,
        text=f"{heard} {unsaid}".strip(),
        heard=heard,
        unsaid=unsaid,
    )


def checkpoint(turn: int, at_s: float, ending: str | None = None) -> Checkpoint:
    """Where another go can begin, unless her move ended the encounter."""
    return Checkpoint(turn=turn, at_s=at_s, mind={}, move={"text": "x", "ending": ending})
