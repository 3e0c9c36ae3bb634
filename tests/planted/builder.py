"""Build small journals for the tests of the debrief."""

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


def debrief_of(attempt: Attempt, *entries: JournalEntry, **header: Any) -> Debrief:
    """Build the debrief of these entries, with the attempt's header and without sound."""
    changed = attempt.header.model_copy(update=header)
    return build_debrief(
        replace(attempt, entries=entries, audio_path=None, _sound=[], header=changed)
    )


def learner_turn(
    turn: int, start_s: float, text: str, *codes: str, avg_logprob: float = -0.3
) -> LearnerTurn:
    """A learner's turn of 2 s. Each code is based on all of the words."""
    return LearnerTurn(
        turn=turn,
        start_s=start_s,
        end_s=start_s + 2.0,
        text=text,
        avg_logprob=avg_logprob,
        no_speech_prob=0.02,
        codes=tuple(Coded(code=code, words=text) for code in codes),
    )


def ledger_step(cause: str, change: float, before: float = 0.5, **fields: Any) -> LedgerStep:
    """A step of trust, or of the quantity `name`."""
    given = {"name": "trust", "before": before, "after": round(before + change, 4), "cause": cause}
    return LedgerStep.model_validate(given | fields)


def patient_move(turn: int, at_s: float, *steps: LedgerStep) -> PatientMove:
    """An answer of the patient that begins at `at_s`."""
    return PatientMove(
        turn=turn, at_s=at_s, kind="answer", line_id=f"line{turn}", reason="r", steps=steps
    )


def patient_speech(turn: int, start_s: float, heard: str, unsaid: str = "") -> PatientSpeech:
    """A patient's utterance of 2 s."""
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
    """A checkpoint. With `ending`, the move ends the encounter, so no retry can begin there."""
    return Checkpoint(turn=turn, at_s=at_s, mind={}, move={"text": "x", "ending": ending})
