"""A journal is moved to the times at which its voices are heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simvoice.audio import RATE, Pcm16, samples
from simvoice.reading.align import align
from simvoice.reading.reading import read
from simvoice.record.events import (
    Backchannel,
    Delay,
    DeliveredWord,
    Discarded,
    Ended,
    Hold,
    Interruption,
    JournalEntry,
    LearnerTurn,
    LearnerVoice,
    PatientSpeech,
)
from simvoice.timing.intervals import empty, intervals
from tests.planted.builder import (
    SoundlessAttempt,
    add_voice,
    delay,
    hold,
    learner_turn,
    patient_speech,
    record,
    speech_like,
)
from tests.planted.talk import header

PATIENT = intervals([(1.0, 2.64), (8.0, 9.55)])
LEARNER = intervals([(2.95, 4.9), (9.1, 11.2)])

JOURNAL: tuple[JournalEntry, ...] = (
    patient_speech(0, 1.0, "I found a lump.", end_s=3.0),
    learner_turn(1, 3.0, "How are you with that?", end_s=5.1),
    delay(1, 5.1, 8.0, 0.5),
    hold(3.0, 3.0, "filled"),
    patient_speech(1, 8.0, "Not so", "well.", end_s=9.55),
    learner_turn(2, 9.12, "I see.", end_s=11.3),
    Interruption(turn=2, start_s=9.12, stopped_s=9.55, lost_s=0.4, lost_words=1),
    Ended(at_s=20.0, reason="learner"),
)


def moved() -> tuple[JournalEntry, ...]:
    return align(JOURNAL, PATIENT, LEARNER)


def test_a_line_ends_with_the_voice_and_not_with_its_clip() -> None:
    first = moved()[0]
    assert isinstance(first, PatientSpeech)
    assert (first.start_s, first.end_s) == (1.0, 2.64)


def test_a_turn_has_the_times_of_its_sound() -> None:
    turn = moved()[1]
    assert isinstance(turn, LearnerTurn)
    assert (turn.start_s, turn.end_s) == (2.95, 4.9)


def test_what_is_timed_by_turns_and_lines_moves_with_them() -> None:
    _, _, waited, kept, _, _, cut, ended = moved()
    assert isinstance(waited, Delay)
    assert (waited.speech_end_s, waited.first_sound_s) == (4.9, 8.0)
    assert isinstance(kept, Hold)
    assert (kept.start_s, kept.end_s) == (2.64, 2.95)
    assert isinstance(cut, Interruption)
    assert (cut.start_s, cut.stopped_s) == (9.1, 9.55)
    assert ended == JOURNAL[-1]


def test_an_interruption_is_as_deep_as_both_voices_sound() -> None:
    voices = (
        patient_speech(1, 8.0, "Not so well, and", "no better.", end_s=10.0),
        LearnerVoice(start_s=9.0, end_s=9.2, level_dbfs=-20.0),
        LearnerVoice(start_s=9.6, end_s=11.0, level_dbfs=-20.0),
        learner_turn(2, 9.0, "But you said it was better", end_s=11.0),
        Interruption(turn=2, start_s=9.0, stopped_s=10.0, lost_s=0.4, lost_words=2),
    )
    found = next(o for o in read(SoundlessAttempt(voices)).overlaps if o.kind == "interruption")
    assert found.end_s - found.start_s == pytest.approx(1.0)
    assert found.both_s == pytest.approx(0.2 + 0.4)


def test_without_sound_the_times_of_words_end_a_line() -> None:
    words = (DeliveredWord(text="Well.", start_s=1.05, end_s=1.6),)
    said = patient_speech(0, 1.0, "Well.", end_s=2.0, words=words)
    (line,) = read(SoundlessAttempt((said,))).of(PatientSpeech)
    assert (line.start_s, line.end_s) == (1.05, 1.6)


@pytest.mark.parametrize("sound", [empty(), intervals([(30.0, 40.0)])])
def test_an_entry_without_its_sound_keeps_its_times(sound: np.ndarray) -> None:
    assert align(JOURNAL, sound, sound) == JOURNAL


def test_noise_that_runs_into_a_turn_does_not_move_its_start() -> None:
    turn = learner_turn(1, 3.0, "How are you?", end_s=5.0)
    (kept,) = align((turn,), empty(), intervals([(0.5, 4.9)]))
    assert isinstance(kept, LearnerTurn)
    assert (kept.start_s, kept.end_s) == (3.0, 4.9)


# -- from stored sound ----------------------------------------------------------------------------

END_S = 12.0


def channel(*spans: tuple[float, float]) -> Pcm16:
    quiet = np.random.default_rng(3).normal(0.0, 3e-4, samples(END_S))
    return np.round(add_voice(quiet, spans, speech_like) * 32_000).astype(np.int16)


def test_a_door_that_slams_is_no_speech_of_the_learner(tmp_path: Path) -> None:
    entries = (
        patient_speech(0, 1.0, "Hello."),
        LearnerVoice(start_s=5.0, end_s=7.0, level_dbfs=-20.0),
        learner_turn(1, 5.0, "Good morning to you"),
        Ended(at_s=END_S, reason="learner"),
    )
    sound = channel((5.0, 7.0), (9.0, 9.6)), channel((1.0, 3.0))
    reading = read(record(tmp_path, header(), entries, sound))
    assert reading.sound is not None
    assert len(reading.sound.learner.speech) == 2
    assert len(reading.speech_times.learner) == 1


@pytest.mark.parametrize("fault", ["ends before", "is missing"])
def test_sound_with_a_hole_gives_way_to_the_journal(tmp_path: Path, fault: str) -> None:
    entries = (
        patient_speech(0, 1.0, "Hello."),
        learner_turn(1, 5.0, "Good morning to you"),
        patient_speech(1, 8.0, "What is it?"),
        Ended(at_s=END_S, reason="learner"),
    )
    learner, patient = channel((5.0, 7.0)), channel((1.0, 3.0))
    if fault == "ends before":
        learner, patient = learner[: 4 * RATE], patient[: 4 * RATE]
    reading = read(record(tmp_path, header(), entries, (learner, patient)))
    assert fault in reading.sound_fault
    assert reading.sound is None
    assert reading.timeline.speech_s("patient") == pytest.approx(4.0)


def test_whole_sound_has_no_fault(tmp_path: Path) -> None:
    entries = (
        patient_speech(0, 1.0, "Hello."),
        Backchannel(start_s=2.0, end_s=2.3, text="mm"),
        Discarded(start_s=9.0, end_s=9.5, text="", reason="no words in it"),
        Ended(at_s=END_S, reason="learner"),
    )
    sound = channel((2.0, 2.3), (9.0, 9.5)), channel((1.0, 3.0))
    reading = read(record(tmp_path, header(), entries, sound))
    assert reading.sound_fault == ""
    assert len(reading.speech_times.learner) == 0
    assert [event.kind for event in reading.events].count("backchannel") == 1
