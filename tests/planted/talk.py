"""A conversation with known numbers, and records of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import numpy as np

from simvoice.audio import Pcm16, samples
from simvoice.record.events import (
    Backchannel,
    Coded,
    Delay,
    DeliveredWord,
    Discarded,
    Ended,
    Header,
    Hold,
    Interruption,
    JournalEntry,
    LearnerTurn,
    LearnerVoice,
    LedgerStep,
    LossCounts,
    PatientMove,
    PatientSpeech,
    Started,
)
from simvoice.record.files import new_id
from simvoice.record.recorder import Recorder
from simvoice.record.store import Attempt, Store

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
    "holds_held": 1,
    "holds_filled": 0,
    "news_warning": None,
    "news_silence": None,
    "machine_delay": 0.55,
    "word_rate": 60.0 * 19 / 10.5,
    "filled_pauses": 0,
}
VOICES = (
    "speech_rate",
    "articulation_rate",
    "patient_articulation_rate",
    "pitch_median",
    "pitch_range",
    "patient_pitch_median",
    "patient_pitch_range",
    "loudness_range",
    "pitch_in_distress",
    "loudness_in_distress",
    "rate_in_distress",
    "pitch_course",
    "loudness_course",
    "rate_course",
)
"""Measured in the sound only; None, because tones have no syllables."""
NUMBERS |= dict.fromkeys(VOICES)


def header(attempt: str = "", **fields: object) -> Header:
    """Return a header. Each call without an identifier makes a new identifier."""
    attempt = attempt or new_id("planted-talk", datetime(2026, 11, 22, 10, 15, 30))
    given = {
        "attempt": attempt,
        "simvoice": "0.1.0",
        "case_id": "planted-talk",
        "case_title": "A planted talk",
        "case_sha256": "0" * 64,
        "patient_name": "Ines",
        "seed": 7,
    }
    return Header.model_validate(given | fields)


def _turn(turn: int, start_s: float, end_s: float, text: str, *codes: Coded) -> LearnerTurn:
    return LearnerTurn(
        turn=turn,
        start_s=start_s,
        end_s=end_s,
        text=text,
        avg_logprob=-0.3,
        no_speech_prob=0.02,
        codes=codes,
    )


def _speech(turn: int, index: int, heard: str, unsaid: str = "") -> PatientSpeech:
    start_s, end_s = PATIENT_VOICE[index]
    texts = heard.split()
    step_s = (end_s - start_s) / len(texts)
    words = tuple(
        DeliveredWord(text=text, start_s=start_s + i * step_s, end_s=start_s + (i + 1) * step_s)
        for i, text in enumerate(texts)
    )
    return PatientSpeech(
        turn=turn,
        line_id=f"line{index}",
        start_s=start_s,
        end_s=end_s,
        text=f"{heard} {unsaid}".strip(),
        heard=heard,
        unsaid=unsaid,
        words=words,
    )


def _delay(turn: int, speech_end_s: float, first_sound_s: float, chosen_s: float) -> Delay:
    return Delay(
        turn=turn,
        speech_end_s=speech_end_s,
        first_sound_s=first_sound_s,
        chosen_silence_s=chosen_s,
    )


def entries() -> list[JournalEntry]:
    """Return the journal of the planted conversation, in order."""
    voices = [
        LearnerVoice(start_s=start, end_s=end, level_dbfs=-24.0)
        # The voice detector found the backchannel one frame later than the turn-taking.
        for start, end in (*LEARNER_VOICE, (9.02, 9.3), NOISE)
    ]
    named = Coded(code="empathy_name", words="that is frightening")
    trust = LedgerStep(
        name="trust", before=0.4, after=0.55, cause="named a feeling", words=named.words
    )
    told = PatientMove(
        turn=3,
        at_s=31.0,
        kind="answer",
        line_id="line4",
        reason="He asked about her mother and she trusts him.",
        disclosed=("mother",),
        ledger={"trust": 0.55},
    )
    felt = PatientMove(
        turn=1,
        at_s=8.0,
        kind="feel",
        line_id="line1",
        reason="Her fear was named.",
        disclosed=("lump",),
        steps=(trust,),
        ledger={"trust": 0.55},
    )
    return [
        Started(wall_time="2026-11-22T10:15:30+01:00"),
        *voices,
        _speech(0, 0, "Hello. What did you find?"),
        _turn(1, 3.4, 7.0, "that is frightening i know", named),
        felt,
        _delay(1, 7.0, 8.0, 0.4),
        _speech(1, 1, "I found the lump in May."),
        Backchannel(start_s=9.0, end_s=9.3, text="mm-hm"),
        _turn(2, 9.8, 12.0, "i am sorry it is cancer"),
        _delay(2, 12.0, 12.5, 0.0),
        _speech(2, 2, "Oh no."),
        Hold(start_s=14.0, end_s=20.0, window_s=6.0, outcome="held", beat="headline"),
        _speech(20, 3, "My children are small."),
        _turn(3, 25.0, 27.0, "and your mother"),
        told,
        _delay(3, 27.0, 31.0, 3.5),
        _speech(3, 4, "My mother died of", "it last spring."),
        Interruption(turn=4, start_s=33.0, stopped_s=33.5, lost_s=1.2, lost_words=3),
        _turn(4, 33.0, 36.0, "we will operate on tuesday"),
        _delay(4, 36.0, 39.0, 0.0),
        _speech(4, 5, "I see."),
        Discarded(start_s=NOISE[0], end_s=NOISE[1], text="you", reason="no voice"),
        _speech(21, 6, "Are you there?"),
        LossCounts(at_s=END_S),
        Ended(at_s=END_S, reason="learner", ending="polite"),
    ]


def sound(noise_dbfs: float = -70.0) -> tuple[Pcm16, Pcm16]:
    """Return (learner, patient): bursts of tone while each one speaks, over low noise."""
    random = np.random.default_rng(5)
    made = []
    for voice in ((*LEARNER_VOICE, BACKCHANNEL), PATIENT_VOICE):
        channel = random.standard_normal(samples(END_S)) * 32768.0 * 10 ** (noise_dbfs / 20)
        for start_s, end_s in voice:
            begin, finish = samples(start_s), samples(end_s)
            time_s = np.arange(finish - begin) / 16_000
            channel[begin:finish] += 6000.0 * np.sin(2 * np.pi * 180.0 * time_s)
        made.append(channel.astype(np.int16))
    return made[0], made[1]


def record(root: Path, more: Iterable[JournalEntry] = (), **fields: object) -> Attempt:
    """Record the planted conversation, followed by `more`, under `root`, and open it."""
    recorder = Recorder.create(root, header(**fields))
    for entry in (*entries(), *more):
        recorder.add(entry)
    learner, patient = sound()
    for start in range(0, len(learner), 16_000):
        recorder.sound(learner[start : start + 16_000], patient[start : start + 16_000])
        # 50 s at once would overfill the queue; a real encounter adds 1 s per second.
        recorder.drain()
    recorder.close()
    return Store(root).open(recorder.attempt)
