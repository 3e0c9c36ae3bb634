"""A conversation with known numbers, and records of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import RATE, Pcm16, samples
from simvoice.record.events import (
    Backchannel,
    Coded,
    Discarded,
    Ended,
    Header,
    Interruption,
    JournalEntry,
    LearnerVoice,
    LossCounts,
    PatientSpeech,
    Started,
)
from simvoice.record.files import new_id
from simvoice.record.store import Attempt
from simvoice.scoring.metrics.definitions import definitions
from tests.planted import builder
from tests.planted.builder import (
    add_voice,
    delay,
    hold,
    learner_turn,
    patient_move,
    patient_speech,
    trust_step,
    with_word_times,
)

LEARNER_VOICE = ((3.4, 5.0), (5.6, 7.0), (9.8, 12.0), (25.0, 27.0), (33.0, 36.0))
BACKCHANNEL = (9.0, 9.3)
NOISE = (41.0, 41.4)
PATIENT_VOICE = (
    (1.0, 3.0),
    (8.0, 10.0),
    (12.5, 14.0),
    (20.0, 22.0),
    (31.0, 33.5),
    (39.0, 40.0),
    (46.0, 47.0),
)
END_S = 50.0

NUMBERS: dict[str, float | None] = {
    "talk_share": 100.0 * 10.5 / 22.5,
    "learner_speech": 10.5,
    "patient_speech": 12.0,
    "floor_share": 100.0 * 10.8 / 34.8,  # the patient's pauses within two turns count, 6.0 and 6.0
    "learner_turns": 4,
    "turn_length": 2.6,  # the median of 3.6, 2.2, 2.0 and 3.0
    "patient_turn_length": 2.5,  # the median of 2.0, 2.0, 9.5, 2.5 and 8.0
    "longest_monologue": 3.6,
    "response_latency": 0.1,  # the median of -0.5, -0.2, 0.4 and 3.0
    "patient_latency": 0.2,  # the median of 0, 0, 0.4 and 3.5
    "learner_pauses": 1,
    "learner_pause_length": 0.6,
    "overlaps": 2,
    "overlap_time": 0.7,
    "interruptions": 1,
    "interruption_depth": 0.5,
    "interruption_attempts": 0,
    "early_starts": 1,  # at 9.8, in the last 0.2 s of the patient's turn
    "patient_interruptions": 0,
    "words_lost": 3,
    "seconds_lost": 1.2,
    "first_interruption": 33.0,
    "opening_statement": 2.0,
    "opening_interrupted": None,
    "backchannels": 1,
    "silences": 4,
    "silence_time": 18.5,  # 6.0, 3.0, 3.5 and 6.0
    "longest_silence": 6.0,
    "silences_broken": 1,
    "silences_after_question": 0,
    "silences_after_cue": 0,
    "silences_after_news": 1,
    "silences_mid_turn": 0,
    "questions_unanswered": None,
    "holds_held": 1,
    "holds_filled": 0,
    "news_warning": None,
    "news_silence": None,
    "machine_delay": 0.55,
    "word_rate": 60.0 * 19 / 10.5,
    "filled_pauses": 0,
}
VOICES = tuple(entry.key for entry in definitions() if "sound" in entry.needs)
"""Measured in the sound only; None, because tones have no syllables."""
NUMBERS |= dict.fromkeys(VOICES)


def header(attempt: str = "", **fields: object) -> Header:
    """Return a header. Each call without an identifier makes a new identifier."""
    attempt = attempt or new_id("planted-talk", datetime(2026, 11, 22, 10, 15, 30))
    given = dict(builder.PLANTED_CASE)
    return builder.header(attempt, **{**given, "seed": 7, **fields})


def _line(turn: int, index: int, delivered: str, unsaid: str = "") -> PatientSpeech:
    """Return the patient's line at `PATIENT_VOICE[index]`."""
    start_s, end_s = PATIENT_VOICE[index]
    fields = {"line_id": f"line{index}", "end_s": end_s}
    return with_word_times(patient_speech(turn, start_s, delivered, unsaid, **fields))


def entries() -> list[JournalEntry]:
    """Return the journal of the planted conversation, in order."""
    voices = [
        LearnerVoice(start_s=start, end_s=end, level_dbfs=-24.0)
        # The voice detector found the backchannel one frame later than the turn-taking.
        for start, end in (*LEARNER_VOICE, (9.02, 9.3), NOISE)
    ]
    named = Coded(code="empathy_name", words="that is frightening")
    trust = trust_step("named a feeling", 0.4, 0.55, words=named.words)
    told = patient_move(
        3,
        31.0,
        line_id="line4",
        reason="He asked about her mother and she trusts him.",
        disclosed=("mother",),
        ledger={"trust": 0.55},
    )
    felt = patient_move(
        1,
        8.0,
        trust,
        kind="feel",
        reason="Her fear was named.",
        disclosed=("lump",),
        ledger={"trust": 0.55},
    )
    return [
        Started(wall_time="2026-11-22T10:15:30+01:00"),
        *voices,
        _line(0, 0, "Hello. What did you find?"),
        learner_turn(1, 3.4, "that is frightening i know", named, end_s=7.0),
        felt,
        delay(1, 7.0, 8.0, 0.4),
        _line(1, 1, "I found the lump in May."),
        Backchannel(start_s=9.0, end_s=9.3, text="mm-hm"),
        learner_turn(2, 9.8, "i am sorry it is cancer", end_s=12.0),
        delay(2, 12.0, 12.5, 0.0),
        _line(2, 2, "Oh no."),
        hold(14.0, 20.0, "held"),
        _line(20, 3, "My children are small."),
        learner_turn(3, 25.0, "and your mother", end_s=27.0),
        told,
        delay(3, 27.0, 31.0, 3.5),
        _line(3, 4, "My mother died of", "it last spring."),
        Interruption(turn=4, start_s=33.0, stopped_s=33.5, lost_s=1.2, lost_words=3),
        learner_turn(4, 33.0, "we will operate on tuesday", end_s=36.0),
        delay(4, 36.0, 39.0, 0.0),
        _line(4, 5, "I see."),
        Discarded(start_s=NOISE[0], end_s=NOISE[1], text="you", reason="no voice"),
        _line(21, 6, "Are you there?"),
        LossCounts(at_s=END_S),
        Ended(at_s=END_S, reason="learner", ending="polite"),
    ]


def sound(noise_dbfs: float = -70.0) -> tuple[Pcm16, Pcm16]:
    """Return (learner, patient): bursts of tone while each one speaks, over low noise."""
    learner, patient = _made_once(noise_dbfs)
    return learner.copy(), patient.copy()


@cache
def _made_once(noise_dbfs: float) -> tuple[Pcm16, Pcm16]:
    random = np.random.default_rng(5)
    made = []
    for spans in ((*LEARNER_VOICE, BACKCHANNEL), PATIENT_VOICE):
        noise = random.standard_normal(samples(END_S)) * 32768.0 * 10 ** (noise_dbfs / 20)
        made.append(add_voice(noise, spans, _tone).astype(np.int16))
    return made[0], made[1]


def _tone(seconds: float) -> NDArray[np.float64]:
    time_s = np.arange(samples(seconds)) / RATE
    return np.asarray(6000.0 * np.sin(2 * np.pi * 180.0 * time_s))


def record(root: Path, more: Iterable[JournalEntry] = (), **fields: object) -> Attempt:
    """Record the planted conversation, followed by `more`, under `root`, and open it."""
    return builder.record(root, header(**fields), (*entries(), *more), sound())
