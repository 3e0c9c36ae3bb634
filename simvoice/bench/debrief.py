"""`simvoice bench debrief`: the time to build the debrief of an encounter from its folder.

The encounter is planted: half a minute of conversation is repeated until the time is up. Each round
has three turns of either speaker, an interruption, a filled silence, codes, cues, ledger changes
and checkpoints, over two channels of harmonic sound and hiss. Twenty rounds make ten minutes, with
more events than a real encounter.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from simvoice.audio import RATE, Pcm16, samples
from simvoice.bench.analysis import add_voice
from simvoice.debrief.build import build_debrief
from simvoice.reading.reading import read
from simvoice.record.events import (
    Checkpoint,
    Coded,
    ConcernShown,
    Delay,
    DeliveredWord,
    Ended,
    Header,
    Hold,
    Interruption,
    JournalEntry,
    LearnerTurn,
    LearnerVoice,
    LedgerStep,
    PatientMove,
    PatientSpeech,
    Started,
)
from simvoice.record.recorder import Recorder
from simvoice.record.store import Store

LENGTH_S: Final = 600
_ROUND_S: Final = 30.0
_LEARNER = (
    (0.5, 4.0, "what have you been told so far about all this", "question_open"),
    (9.5, 13.0, "i am afraid i have bad news it is cancer", "headline"),
    (22.0, 25.0, "i can see how much this weighs on you", "empathy_name"),
)
_PATIENT = (
    (4.6, 9.8, "They took a piece out with a needle and", "the nurse looked away.", "asked first"),
    (13.8, 18.0, "I knew it when you closed the door.", "", "cut her off"),
    (25.6, 29.0, "Will I see my girls grow up?", "", "named what she feels"),
)
_SUGGESTS = {"cut her off": "let_finish"}
_LEARNER_HZ, _PATIENT_HZ = 110.0, 200.0


def run(quick: bool) -> dict[str, Any]:
    """Return the median, least and most seconds of several debriefs, and the CPU time.

    Each reads ten minutes from the folder. cpu_s does not depend on other busy processes.
    """
    rounds = 3 if quick else 9
    with tempfile.TemporaryDirectory(prefix="simvoice-bench-") as folder:
        attempt = plant(Path(folder), LENGTH_S)
        taken, cpu = [], []
        for _ in range(rounds):
            begun, busy = time.perf_counter(), time.process_time()
            found = Store(Path(folder)).open(attempt)
            debrief = build_debrief(found, read(found))
            debrief.model_dump_json()
            taken.append(time.perf_counter() - begun)
            cpu.append(time.process_time() - busy)
    return {
        "seconds": round(median(taken), 2),
        "least_s": round(min(taken), 2),
        "most_s": round(max(taken), 2),
        "cpu_s": round(median(cpu), 2),
        "runs": rounds,
        "encounter_s": round(debrief.duration_s),
        "rows": len(debrief.rows),
        "with_peaks": debrief.peaks is not None,
    }


def plant(root: Path, length_s: int) -> str:
    """Record the encounter under `root` and return its id. length_s: a multiple of 30."""
    recorder = Recorder.create(root, _header())
    for entry in _entries(length_s):
        recorder.add(entry)
    learner, patient = _sound()
    for _ in range(round(length_s / _ROUND_S)):
        for start in range(0, len(learner), RATE):
            recorder.sound(learner[start : start + RATE], patient[start : start + RATE])
            recorder.drain()
    recorder.close()
    return recorder.attempt


def _header() -> Header:
    return Header(
        attempt="20260101-090000-planted-zzzz",
        simvoice="bench",
        case_id="planted",
        case_title="A planted encounter",
        case_sha256="0" * 64,
        patient_name="Ines",
        seed=1,
        instruments=("SPIKES", "NURSE", "OS-12"),
        shows=(
            ConcernShown(line="line2", concern="girls", text="Who cares for them", kind="concern"),
        ),
    )


def _entries(length_s: int) -> Iterator[JournalEntry]:
    yield Started(wall_time="2026-01-01T09:00:00+00:00")
    for number in range(round(length_s / _ROUND_S)):
        yield from _round(number, number * _ROUND_S)
    yield Ended(at_s=float(length_s), reason="learner")


def _round(number: int, at_s: float) -> Iterator[JournalEntry]:
    for index, (asked, answered) in enumerate(zip(_LEARNER, _PATIENT, strict=True)):
        turn = 3 * number + index + 1
        start_s, end_s, text, code = asked
        yield LearnerVoice(start_s=at_s + start_s, end_s=at_s + end_s, level_dbfs=-24.0)
        yield LearnerTurn(
            turn=turn,
            start_s=at_s + start_s,
            end_s=at_s + end_s,
            text=text,
            avg_logprob=-0.3,
            no_speech_prob=0.02,
            codes=(Coded(code=code, words=text),),
        )
        yield from _answer(turn, index, at_s, end_s, answered)
    yield Interruption(
        turn=3 * number + 2, start_s=at_s + 9.5, stopped_s=at_s + 9.8, lost_s=1.4, lost_words=4
    )
    yield Hold(
        start_s=at_s + 18.0, end_s=at_s + 22.0, window_s=6.0, outcome="filled", beat="headline"
    )


def _answer(
    turn: int, index: int, at_s: float, asked_s: float, answered: tuple[float, float, str, str, str]
) -> Iterator[JournalEntry]:
    start_s, end_s, delivered, unsaid, cause = answered
    after = 0.4 if index == 1 else 0.5
    step = LedgerStep(
        name="trust",
        before=0.9 - after,
        after=after,
        cause=cause,
        suggests=_SUGGESTS.get(cause, ""),
        after_you=True,
    )
    line = f"line{index}"
    move: dict[str, Any] = {"turn": turn, "at_s": at_s + start_s}
    yield PatientMove(
        **move,
        kind="answer",
        line_id=line,
        reason="The patient answers.",
        steps=(step,),
        ledger={"trust": after, "distress": 0.5},
    )
    yield Checkpoint(**move, mind={"ledger": {"trust": after}}, move={"text": delivered})
    yield Delay(
        turn=turn, speech_end_s=at_s + asked_s, first_sound_s=at_s + start_s, chosen_silence_s=0.0
    )
    texts = delivered.split()
    step_s = (end_s - start_s) / len(texts)
    yield PatientSpeech(
        turn=turn,
        line_id=line,
        start_s=at_s + start_s,
        end_s=at_s + end_s,
        text=f"{delivered} {unsaid}".strip(),
        heard=delivered,
        unsaid=unsaid,
        words=tuple(
            DeliveredWord(
                text=text,
                start_s=at_s + start_s + position * step_s,
                end_s=at_s + start_s + (position + 1) * step_s,
            )
            for position, text in enumerate(texts)
        ),
    )


def _sound() -> tuple[Pcm16, Pcm16]:
    """Return (learner, patient) of one round, int16 [n] each, 16 kHz."""
    random = np.random.default_rng(23)
    learner, patient = (random.standard_normal(samples(_ROUND_S)) * 30.0 for _ in range(2))
    for start_s, end_s, *_ in _LEARNER:
        add_voice(learner, start_s, end_s - start_s, _LEARNER_HZ, random)
    for start_s, end_s, *_ in _PATIENT:
        add_voice(patient, start_s, end_s - start_s, _PATIENT_HZ, random)
    return learner.astype(np.int16), patient.astype(np.int16)
