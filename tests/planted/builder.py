"""Build encounters whose every event and sample is known: entries, header, sound and record.

Each function fills in what most tests do not care about; `fields` sets any field of the type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import RATE, Pcm16, samples
from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief
from simvoice.errors import AttemptError
from simvoice.reading.reading import read
from simvoice.record.events import (
    Checkpoint,
    Coded,
    Delay,
    DeliveredWord,
    Ended,
    Header,
    Hold,
    JournalEntry,
    LearnerTurn,
    LedgerStep,
    PatientMove,
    PatientSpeech,
)
from simvoice.record.recorder import Recorder
from simvoice.record.store import Attempt, Store

PLANTED_CASE = {"case_id": "planted-talk", "case_title": "A planted talk", "patient_name": "Ines"}

# -- header and entries ---------------------------------------------------------------------------


def header(attempt: str, **fields: Any) -> Header:
    """Return a header. `fields` names the case (`case_id`, `case_title`) and the patient."""
    given = {"attempt": attempt, "simvoice": "0.1.0", "case_sha256": "0" * 64, "seed": 1}
    return Header.model_validate(given | fields)


def learner_turn(
    turn: int, start_s: float, text: str, *codes: str | Coded, **fields: Any
) -> LearnerTurn:
    """Return a learner's turn of 2 s. A code that is only a name is based on all of the words."""
    given = {
        "turn": turn,
        "start_s": start_s,
        "end_s": start_s + 2.0,
        "text": text,
        "avg_logprob": -0.3,
        "no_speech_prob": 0.02,
        "codes": tuple(
            Coded(code=code, words=text) if isinstance(code, str) else code for code in codes
        ),
    }
    return LearnerTurn.model_validate(given | fields)


def patient_speech(
    turn: int, start_s: float, delivered: str, unsaid: str = "", **fields: Any
) -> PatientSpeech:
    """Return a patient's utterance of 2 s, without the times of its words."""
    given = {
        "turn": turn,
        "line_id": f"line{turn}",
        "start_s": start_s,
        "end_s": start_s + 2.0,
        "text": f"{delivered} {unsaid}".strip(),
        "heard": delivered,
        "unsaid": unsaid,
    }
    return PatientSpeech.model_validate(given | fields)


def with_word_times(speech: PatientSpeech) -> PatientSpeech:
    """Return the utterance with its delivered words spread evenly over its time."""
    texts = speech.heard.split()
    step_s = (speech.end_s - speech.start_s) / len(texts)
    words = tuple(
        DeliveredWord(
            text=text,
            start_s=speech.start_s + i * step_s,
            end_s=speech.start_s + (i + 1) * step_s,
        )
        for i, text in enumerate(texts)
    )
    return speech.model_copy(update={"words": words})


def patient_move(turn: int, at_s: float, *steps: LedgerStep, **fields: Any) -> PatientMove:
    """Return an answer of the patient that begins at `at_s`."""
    given = {
        "turn": turn,
        "at_s": at_s,
        "kind": "answer",
        "line_id": f"line{turn}",
        "reason": "r",
        "steps": steps,
    }
    return PatientMove.model_validate(given | fields)


def ledger_step(cause: str, change: float, before: float = 0.5, **fields: Any) -> LedgerStep:
    """Return a step of trust, or of the quantity `name`, by `change`."""
    return trust_step(cause, before, round(before + change, 4), **fields)


def trust_step(cause: str, before: float, after: float, **fields: Any) -> LedgerStep:
    """Return a step of trust from `before` to `after`."""
    given = {"name": "trust", "before": before, "after": after, "cause": cause, "after_you": True}
    return LedgerStep.model_validate(given | fields)


def delay(turn: int, speech_end_s: float, first_sound_s: float, chosen_silence_s: float) -> Delay:
    """Return the delay of one answer, without the times of its stages."""
    return Delay(
        turn=turn,
        speech_end_s=speech_end_s,
        first_sound_s=first_sound_s,
        chosen_silence_s=chosen_silence_s,
    )


def hold(
    start_s: float, end_s: float, outcome: str, beat: str = "headline", window_s: float = 6.0
) -> Hold:
    """Return a hold: `outcome` is "held" or "filled"."""
    given = {"start_s": start_s, "end_s": end_s, "window_s": window_s}
    return Hold.model_validate(given | {"outcome": outcome, "beat": beat})


def checkpoint(
    turn: int, at_s: float, ending: str | None = None, *, text: str = "x", **fields: Any
) -> Checkpoint:
    """Return a checkpoint. With `ending`, the move ends the encounter: no retry begins there."""
    given = {"turn": turn, "at_s": at_s, "mind": {}, "move": {"text": text, "ending": ending}}
    return Checkpoint.model_validate(given | fields)


# -- sound ----------------------------------------------------------------------------------------


def add_voice(
    noise: NDArray[np.float64],
    spans: Iterable[tuple[float, float]],
    voice: Callable[[float], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return one channel: the noise, with `voice(seconds)` added in each span of seconds."""
    channel = noise.copy()
    for start_s, end_s in spans:
        begin = samples(start_s)
        part = voice(end_s - start_s)
        channel[begin : begin + part.size] += part
    return channel


@cache
def speech_like(seconds: float, level: float = 0.25) -> NDArray[np.float64]:
    """Return a buzz with moving pitch and a syllable rhythm, read-only. Browsers keep it."""
    t = np.arange(round(seconds * RATE)) / RATE
    phase = np.cumsum(120 + 20 * np.sin(2 * np.pi * 0.7 * t)) / RATE
    buzz = sum(np.cos(2 * np.pi * k * phase) / k for k in range(1, 25))
    swelling = np.asarray(buzz) * (0.5 - 0.5 * np.cos(2 * np.pi * 4 * t))
    loudest = float(np.abs(swelling).max())
    made = np.asarray(level * swelling / loudest)
    made.setflags(write=False)
    return made


# -- record ---------------------------------------------------------------------------------------


def record(
    root: Path, header: Header, entries: Iterable[JournalEntry], sound: tuple[Pcm16, Pcm16]
) -> Attempt:
    """Record an encounter under `root` and open it. sound: (learner, patient), of equal length."""
    recorder = Recorder.create(root, header)
    for entry in entries:
        recorder.add(entry)
    learner, patient = sound
    for start in range(0, len(learner), RATE):
        recorder.sound(learner[start : start + RATE], patient[start : start + RATE])
        # A minute at once would overfill the queue; a real encounter adds 1 s per second.
        recorder.drain()
    recorder.close()
    return Store(root).open(recorder.attempt)


@dataclass(frozen=True)
class SoundlessAttempt:
    """What the metrics read of an attempt: a journal, and no sound."""

    entries: tuple[JournalEntry, ...] = ()
    duration_s: float = 50.0
    header: Header = field(default_factory=lambda: header("planted", **PLANTED_CASE))

    def audio(self) -> tuple[Pcm16, Pcm16]:
        raise AttemptError("the sound was not kept")


def debrief_of(
    attempt: Attempt, *entries: JournalEntry, ends: bool = True, **header: Any
) -> Debrief:
    """Build the debrief of these entries, with the attempt's header and without sound.

    ends: add an end by the learner when there is none.
    """
    if ends and entries and not any(isinstance(entry, Ended) for entry in entries):
        at_s = max(float(getattr(entry, "end_s", 0.0)) for entry in entries)
        entries = (*entries, Ended(at_s=at_s, reason="learner"))
    changed = attempt.header.model_copy(update=header)
    made = replace(attempt, entries=entries, audio_path=None, _sound=[], header=changed)
    return build_debrief(made, read(made))
