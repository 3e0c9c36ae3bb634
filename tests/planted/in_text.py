"""Play a demo file against a patient in text, and return the journal of the conversation."""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML

from simvoice.patient.checking.text_conversation import SILENCE, TextConversation
from simvoice.patient.decisions import Decision
from simvoice.patient.mind import Patient
from simvoice.record.events import Coded, JournalEntry, LearnerTurn
from tests.planted.builder import hold, learner_turn, patient_move, patient_speech

STEP_S = 10.0
"""Seconds between the steps of the demo."""


def demo_steps(file: Path) -> list[tuple[str, str]]:
    """Return (when, words) of each step of a demo file."""
    steps = YAML(typ="safe").load(file.read_text(encoding="utf-8"))["steps"]
    return [(step["when"], step.get("say") or SILENCE) for step in steps]


def play_demo(patient: Patient, steps: list[tuple[str, str]]) -> tuple[JournalEntry, ...]:
    """Return the journal of the demo: all words are recognised, backchannels are left out."""
    talk = TextConversation(patient)
    entries: list[JournalEntry] = list(_patient_entries(talk.open(), 0))
    for number, (when, words) in enumerate(steps, start=1):
        if talk.ending is not None:
            break
        window = talk.exchanges[-1].decision.move.hold
        if when == "backchannel" or (words == SILENCE and window is None):
            continue
        at_s = number * STEP_S
        if window is not None:
            outcome = "held" if words == SILENCE else "filled"
            entries.append(hold(at_s - 4.0, at_s - 1.0, outcome, window.beat, window.window_s))
        if words == SILENCE:
            decision = talk.wait()
        else:
            decision = talk.say(words, cuts_in=when == "barge-in")
            entries.append(_turn(number, at_s, words, decision))
        entries.extend(_patient_entries(decision, number))
    return tuple(entries)


def _turn(number: int, at_s: float, words: str, decision: Decision) -> LearnerTurn:
    codes = [Coded(code=c.name, words=c.words, confidence=c.confidence) for c in decision.codes]
    return learner_turn(number, at_s, words, *codes, avg_logprob=-0.2, no_speech_prob=0.0)


def _patient_entries(decision: Decision, number: int) -> list[JournalEntry]:
    at_s = number * STEP_S + 3.0
    move = decision.move
    found: list[JournalEntry] = [
        patient_move(
            number,
            at_s,
            kind=move.kind,
            line_id=move.line_id,
            reason=decision.reason,
            ledger=dict(decision.state.ledger),
            disclosed=decision.discloses,
        )
    ]
    if move.text:
        found.append(patient_speech(number, at_s, move.text, line_id=move.line_id))
    return found
