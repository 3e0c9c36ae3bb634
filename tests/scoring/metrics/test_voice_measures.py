"""Rates, pitch and loudness of planted voices, their courses, and laws of the metrics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simvoice.audio import RATE, Pcm16
from simvoice.reading.reading import Reading, read, read_channels, read_speech
from simvoice.record.events import JournalEntry, LearnerVoice
from simvoice.scoring.metrics.registry import measure_reading
from simvoice.timing.intervals import Intervals, intervals, shift
from simvoice.timing.turns import Speaker, TimedWord
from tests.planted.builder import PLANTED_CASE, header, patient_move

pytestmark = pytest.mark.slow

END_S = 120.0


def talk(from_hz: float, to_hz: float, from_gain: float, to_gain: float, rate: float) -> Pcm16:
    """Two minutes with 4 s of speech every 6 s, `rate` hummed syllables per second."""
    random = np.random.default_rng(0)
    out = random.standard_normal(round(END_S * RATE)) * 10.0
    for start_s in np.arange(1.0, END_S - 5.0, 6.0):
        time_s = np.arange(4 * RATE) / RATE
        share = start_s / END_S
        phase = 2.0 * np.pi * (from_hz * (to_hz / from_hz) ** share) * time_s
        wave = np.sum([0.6**k * np.sin((k + 1) * phase) for k in range(8)], axis=0)
        beat = 0.15 + 0.85 * np.sin(np.pi * rate * time_s) ** 2
        gain = from_gain * (to_gain / from_gain) ** share
        begin = round(start_s * RATE)
        out[begin : begin + wave.size] += gain * wave * beat
    return out.astype(np.int16)


SILENT = np.zeros(round(END_S * RATE), np.int16)


def numbers(reading: Reading) -> dict[str, float | None]:
    return {m.key: m.value for m in measure_reading(reading)}


@pytest.mark.parametrize("rate", [3.0, 5.0])
def test_a_steady_voice_has_the_planted_rate_pitch_and_no_course(rate: float) -> None:
    found = numbers(read_channels(talk(150.0, 150.0, 3000.0, 3000.0, rate), SILENT))
    assert found["articulation_rate"] == pytest.approx(rate, rel=0.05)
    assert found["pitch_median"] == pytest.approx(12 * np.log2(1.5), abs=0.1)
    assert found["pitch_range"] == pytest.approx(0.0, abs=0.2)
    for course in ("pitch_course", "loudness_course", "rate_course"):
        assert found[course] == pytest.approx(0.0, abs=0.1)


def test_pauses_within_turns_lower_the_speech_rate_only() -> None:
    found = numbers(read_channels(talk(150.0, 150.0, 3000.0, 3000.0, 4.0), SILENT))
    assert found["articulation_rate"] == pytest.approx(4.0, rel=0.05)
    assert found["speech_rate"] == pytest.approx(4.0 * 4.0 / 6.0, rel=0.08)


def test_a_voice_that_rises_and_gets_louder_has_that_course() -> None:
    found = numbers(read_channels(talk(120.0, 240.0, 1000.0, 4000.0, 4.0), SILENT))
    assert found["pitch_course"] == pytest.approx(12.0 / 2.0, rel=0.05)  # an octave in 2 min
    assert found["loudness_course"] == pytest.approx(12.04 / 2.0, rel=0.05)
    assert found["loudness_range"] == pytest.approx(0.8 * 12.04, rel=0.15)


def test_too_little_speech_has_a_reason() -> None:
    short = talk(150.0, 150.0, 3000.0, 3000.0, 4.0)[: 8 * RATE]
    found = {m.key: m for m in measure_reading(read_channels(short, SILENT[: 8 * RATE]))}
    assert found["pitch_median"].reason == (
        "not measurable here: the learner spoke for less than 10 s"
    )
    assert found["patient_pitch_median"].value is None


class DistressedAttempt:
    """An attempt in which the patient is distressed in the second minute."""

    header = header("planted", **PLANTED_CASE)
    duration_s = END_S
    entries: tuple[JournalEntry, ...] = (
        LearnerVoice(start_s=0.0, end_s=END_S, level_dbfs=-20.0),
        *(
            patient_move(k, at_s, kind="feel", ledger={"distress": level})
            for k, (at_s, level) in enumerate(((1.0, 0.3), (60.0, 0.8)))
        ),
    )

    def audio(self) -> tuple[Pcm16, Pcm16]:
        """The learner's voice falls by four semitones and 6 dB in the middle."""
        before = talk(200.0, 200.0, 4000.0, 4000.0, 5.0)
        after = talk(200.0 * 2 ** (-4 / 12), 200.0 * 2 ** (-4 / 12), 2000.0, 2000.0, 3.0)
        half = 60 * RATE
        return np.concatenate((before[:half], after[half:])), SILENT


def test_a_change_of_voice_during_distress_is_measured() -> None:
    found = numbers(read(DistressedAttempt()))
    assert found["pitch_in_distress"] == pytest.approx(-4.0, abs=0.2)
    assert found["loudness_in_distress"] == pytest.approx(-6.02, abs=0.3)
    assert found["rate_in_distress"] == pytest.approx(-2.0, abs=0.25)


def test_words_give_the_word_rate_and_the_filled_pauses() -> None:
    words = [
        TimedWord("learner", text, 1.0 + k, 1.4 + k)
        for k, text in enumerate(["Um,", "so", "uh", "well", "the", "scan…", "erm"] * 4)
    ]
    reading = read_speech(
        {"learner": intervals([(0.0, 30.0)]), "patient": intervals([(31.0, 40.0)])},
        (),
        60.0,
        words=tuple(words),
        available=frozenset({"speech", "words"}),
    )
    found = numbers(reading)
    assert found["word_rate"] == pytest.approx(2 * 28)
    assert found["filled_pauses"] == pytest.approx(2 * 12)


# -- laws -----------------------------------------------------------------------------------

Pairs = list[tuple[float, float]]
lanes = st.lists(
    st.tuples(st.integers(0, 240), st.integers(0, 240)).map(
        lambda pair: (min(pair) * 0.25, max(pair) * 0.25)
    ),
    min_size=1,
    max_size=12,
)
TIMES = frozenset({"speech"})


def spoken(
    learner: Intervals, patient: Intervals, length_s: float = 60.0
) -> dict[str, float | None]:
    speech: dict[Speaker, Intervals] = {"learner": learner, "patient": patient}
    return numbers(read_speech(speech, (), length_s, available=TIMES))


@settings(max_examples=150, deadline=None)
@given(lanes, lanes)
def test_swapping_the_speakers_swaps_the_metrics(one: Pairs, two: Pairs) -> None:
    plain = spoken(intervals(one), intervals(two))
    swapped = spoken(intervals(two), intervals(one))
    for of_learner, of_patient in (
        ("learner_speech", "patient_speech"),
        ("turn_length", "patient_turn_length"),
        ("response_latency", "patient_latency"),
    ):
        assert plain[of_learner] == swapped[of_patient]
    for share in ("talk_share", "floor_share"):
        a, b = plain[share], swapped[share]
        assert (a is None and b is None) or (a or 0.0) + (b or 0.0) == pytest.approx(100.0)
    for both in ("overlaps", "overlap_time"):
        assert plain[both] == swapped[both]


@settings(max_examples=150, deadline=None)
@given(lanes, lanes, st.integers(0, 4000))
def test_shifting_time_changes_no_metric(one: Pairs, two: Pairs, by: int) -> None:
    by_s = by * 0.25
    learner, patient = intervals(one), intervals(two)
    plain = spoken(learner, patient)
    moved = spoken(shift(learner, by_s), shift(patient, by_s), 60.0 + by_s)
    assert moved == pytest.approx(plain)


@settings(max_examples=150, deadline=None)
@given(lanes, lanes)
def test_the_states_of_a_conversation_add_up_to_its_length(one: Pairs, two: Pairs) -> None:
    learner, patient = intervals(one), intervals(two)
    found = spoken(learner, patient)
    reading = read_speech({"learner": learner, "patient": patient}, (), 60.0, available=TIMES)
    alone = {"learner": 0.0, "patient": 0.0, "both": 0.0, "nobody": 0.0}
    for stretch in reading.timeline.states:
        alone[stretch.state] += stretch.length_s
    assert sum(alone.values()) == pytest.approx(60.0)
    assert found["learner_speech"] == pytest.approx(alone["learner"] + alone["both"])
    assert found["patient_speech"] == pytest.approx(alone["patient"] + alone["both"])
    assert found["overlap_time"] == pytest.approx(alone["both"])
