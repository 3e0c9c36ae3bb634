"""Planted conversations match their truth, and conditions disturb them by the stated amounts."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from simvoice.audio import RATE, samples, to_float
from simvoice.reading.reading import read_channels
from simvoice.research.calibrate.clips import LEVEL_DBFS, VOICES, record_bank, record_take, sounding
from simvoice.research.calibrate.compare import (
    SPEAKERS,
    HitCounts,
    all_speech,
    run_trial,
    true_values,
    truth,
)
from simvoice.research.calibrate.conditions import HELD_OUT, STANDARD, RecordingCondition, disturb
from simvoice.research.calibrate.plant import EARLIEST_S, Planted, plant
from simvoice.research.calibrate.skeleton import draw_skeleton
from simvoice.scoring.metrics.registry import measure_reading
from simvoice.timing.intervals import complement, covers, intersect, total_s
from tests.research.calibrate.voices import SILENCE_S, SYLLABLE_S, Hum

pytestmark = pytest.mark.slow

CLEAN = RecordingCondition("clean")


@pytest.fixture(scope="module")
def planted() -> Planted:
    banks = [record_bank(Hum(), style) for style in VOICES[:2]]
    return plant(draw_skeleton(5, 200.0), {"learner": banks[0], "patient": banks[1]}, 3, 150.0)


def test_the_truth_of_a_clip_is_where_it_sounds() -> None:
    pcm = np.zeros(RATE, np.float32)
    pcm[4000:8000] = 0.1
    pcm[8800:12_000] = 0.1  # a closure of 50 ms
    assert sounding(pcm) == pytest.approx(np.array([[0.25, 0.75]]), abs=0.003)


def test_a_take_is_trimmed_and_levelled_and_its_words_are_shifted() -> None:
    made = record_take(Hum(), "one two three", VOICES[0])
    assert made.length_s == pytest.approx(3 * SYLLABLE_S, abs=0.01)
    inside = made.pcm[samples(made.onset_s) : samples(made.offset_s)].astype(np.float64)
    assert 20 * np.log10(np.sqrt(np.mean(inside**2))) == pytest.approx(LEVEL_DBFS, abs=0.3)
    assert made.words[0].start_s == pytest.approx(made.onset_s, abs=0.01)
    assert made.syllables_s[-1] == pytest.approx(made.offset_s, abs=0.01)
    assert made.onset_s < SILENCE_S


def test_the_sound_is_exactly_where_the_truth_says(planted: Planted) -> None:
    for who in SPEAKERS:
        moments = np.arange(planted.channel(who).size) / RATE
        speech = all_speech(planted, who)
        silent = ~covers(np.column_stack((speech[:, 0] - 0.035, speech[:, 1] + 0.035)), moments)
        loud = np.abs(planted.channel(who)) > 0.01
        assert not np.any(loud & silent)
        assert np.mean(loud[covers(speech, moments)]) > 0.5


def test_no_speaker_overlaps_himself_and_every_kind_is_planted(planted: Planted) -> None:
    for who in SPEAKERS:
        both = intersect(planted.turn_speech[who], planted.acknowledgements[who])
        assert total_s(both) == 0.0
    assert set(Counter(event.kind for event in planted.events)) >= {
        "acknowledgement",
        "early",
        "interruption",
    }


def test_events_match_the_definitions_of_their_kinds(planted: Planted) -> None:
    for event in planted.events:
        other = "patient" if event.by == "learner" else "learner"
        theirs = planted.turn_speech[other]
        index = int(np.searchsorted(theirs[:, 0], event.start_s, side="right")) - 1
        if event.kind == "interruption":
            assert theirs[index, 1] == pytest.approx(event.end_s, abs=1e-6)
            assert event.end_s - event.start_s >= 0.2
        if event.kind == "early":
            assert 0.0 < event.end_s - event.start_s <= EARLIEST_S + 1e-6
        if event.kind == "attempt":
            assert theirs[index, 1] > event.end_s


def test_equal_seeds_plant_equal_conversations() -> None:
    bank = record_bank(Hum(), VOICES[0])
    one, two = (
        plant(draw_skeleton(1, 60.0), {"learner": bank, "patient": bank}, 9, 40.0) for _ in range(2)
    )
    assert np.array_equal(one.learner, two.learner)
    assert one.events == two.events


# -- conditions -----------------------------------------------------------------------------


@pytest.mark.parametrize("snr_db", [30.0, 10.0])
def test_noise_has_the_level_of_the_condition(planted: Planted, snr_db: float) -> None:
    learner, _ = disturb(
        planted.learner, planted.patient, RecordingCondition("n", noise_db=snr_db), 1
    )
    noise = to_float(learner).astype(np.float64) - planted.learner
    level = 10 * np.log10(np.mean(noise**2))
    assert level == pytest.approx(LEVEL_DBFS - snr_db, abs=0.5)


def test_bleed_echo_clipping_and_loss_have_the_stated_amounts(planted: Planted) -> None:
    silent = np.zeros_like(planted.learner)
    leak, _ = disturb(silent, planted.patient, RecordingCondition("b", bleed_db=-25.0), 1)
    ratio = np.mean(to_float(leak).astype(np.float64) ** 2) / np.mean(
        planted.patient.astype(np.float64) ** 2
    )
    assert 10 * np.log10(ratio) == pytest.approx(-25.0, abs=2.0)
    echo, _ = disturb(planted.learner, silent, RecordingCondition("r", reverb_s=0.4), 1)
    speech = complement(all_speech(planted, "learner"), 0.0, planted.length_s)
    ends = speech[(speech[:, 1] - speech[:, 0]) > 0.5][1:-1, 0]
    after = np.array([np.abs(echo[samples(e + 0.1) : samples(e + 0.15)]).max() for e in ends])
    assert np.median(after) > 20
    clipped, _ = disturb(planted.learner, silent, RecordingCondition("c", clip_db=24.0), 1)
    assert np.mean(np.abs(clipped.astype(np.int32)) >= 32_767) > 0.001
    noisy, _ = disturb(
        planted.learner, silent, RecordingCondition("d", noise_db=30.0, dropped=0.02), 1
    )
    frames = noisy[: noisy.size // 320 * 320].reshape(-1, 320)
    assert np.mean(~frames.any(axis=1)) == pytest.approx(0.02, abs=0.004)


def test_no_condition_is_both_fitted_and_held_out() -> None:
    assert len({c.name for c in STANDARD + HELD_OUT}) == len(STANDARD + HELD_OUT)
    fitted = [(c.noise_db, c.bleed_db, c.reverb_s, c.clip_db, c.dropped) for c in STANDARD]
    held = [(c.noise_db, c.bleed_db, c.reverb_s, c.clip_db, c.dropped) for c in HELD_OUT]
    assert not set(fitted) & set(held)


# -- comparing ------------------------------------------------------------------------------


def test_a_clean_conversation_is_measured_correctly(planted: Planted) -> None:
    trial = run_trial(planted, CLEAN, 0, 1, true_values(planted))
    assert np.percentile(np.abs(trial.edges_s), 95) < 0.03
    assert trial.pauses.f1 > 0.98
    assert trial.overlaps.f1 > 0.95
    assert abs(trial.talk_error) < 0.5
    for key in ("talk_share", "learner_speech", "pitch_median"):
        true, measured = trial.metrics[key]
        assert measured == pytest.approx(true, rel=0.05, abs=0.5)


def test_a_perfect_measurement_reads_the_planted_events(planted: Planted) -> None:
    reading = truth(planted)
    kinds = Counter(event.kind for event in planted.events if event.by == "learner")
    found = true_values(planted)
    assert found["interruptions"] == kinds["interruption"]
    assert found["backchannels"] == kinds["acknowledgement"]
    assert len(reading.words) == len(planted.words)


def test_f1_counts_missed_and_invented_events() -> None:
    assert HitCounts(8, 1, 3).f1 == pytest.approx(16 / 20)
    assert (HitCounts(1, 0, 0) + HitCounts(0, 1, 1)) == HitCounts(1, 1, 1)
    assert HitCounts().f1 == 1.0


def test_metrics_that_an_uncalibrated_echo_distorts_are_refused(planted: Planted) -> None:
    room = RecordingCondition("hall", noise_db=45.0, reverb_s=0.6)
    echoing, patient = disturb(planted.learner, planted.patient, room, 5)
    dry = disturb(planted.learner, planted.patient, CLEAN, 5)
    # only the learner's room echoes: a simulated patient is recorded without a room
    for learner, other in ((echoing, patient), (echoing, dry[1])):
        found = {m.key: m for m in measure_reading(read_channels(learner, other))}
        for key in ("talk_share", "learner_pauses", "overlap_time", "articulation_rate"):
            assert found[key].value is None
            assert found[key].reason.startswith("not measurable here: the room echoes (speech")
        for key in ("silences", "floor_share", "pitch_median"):
            assert found[key].value is not None
    clean = {m.key: m for m in measure_reading(read_channels(*dry))}
    assert clean["talk_share"].value is not None
    assert clean["learner_pauses"].value is not None


def test_the_error_says_what_classified_the_events(planted: Planted) -> None:
    sound = disturb(planted.learner, planted.patient, CLEAN, 5)
    for words, by in ((planted.words, "by the words"), ((), "by sound alone")):
        found = {m.key: m for m in measure_reading(read_channels(*sound, words=words))}
        for key in ("interruptions", "early_starts", "patient_interruptions", "backchannels"):
            assert found[key].error.endswith(f", classified {by}"), key
        assert "classified" not in found["talk_share"].error
