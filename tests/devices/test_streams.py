"""Capture and playback of a sound card, with callbacks called by the test."""

from __future__ import annotations

import numpy as np
import pytest

from simvoice.audio import FRAME, RATE, to_float, to_int16
from simvoice.devices.streams import Capture, Playback, Resampler, SampleClock
from simvoice.simulate.signals import tone

LOUD = np.full(FRAME, 5000, np.int16)
SILENCE = np.zeros(FRAME, np.int16)


def play(playback: Playback, blocks: int, at_s: float = 0.0) -> np.ndarray:
    out = np.zeros((blocks, playback.rate // 50), np.float32)
    for i, block in enumerate(out):
        playback.pull(block, at_s + i * 0.02)
    return out.reshape(-1)


@pytest.mark.parametrize("piece", [1, 7, 320, 480])
def test_the_same_sound_in_any_pieces_gives_the_same_frames(piece: int) -> None:
    sound = to_float(np.arange(RATE, dtype=np.int16))
    capture = Capture(RATE)
    frames = []
    for i in range(0, RATE, piece):
        capture.feed(sound[i : i + piece], i / RATE)
        while (taken := capture.take()) is not None:
            frames.append(taken[0])
    np.testing.assert_array_equal(np.concatenate(frames), to_int16(sound)[: 50 * FRAME])


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_resampling_keeps_a_tone_and_states_its_delay(rate: int) -> None:
    sound = tone(1.0, -20.0, 1000.0)
    up, down = Resampler(RATE, rate), Resampler(rate, RATE)
    got = [down.push(up.push(sound[i : i + FRAME])) for i in range(0, RATE, FRAME)]
    back = np.concatenate(got)
    n = len(back)
    assert n / RATE >= 1.0 - up.delay_s - down.delay_s - 0.021
    assert np.corrcoef(back[500:n], sound[500:n])[0, 1] > 0.999


def test_frames_that_were_not_taken_are_reported_as_lost() -> None:
    capture = Capture(RATE)
    for k in range(130):
        capture.feed(np.full(FRAME, k / 1000, np.float32), k * 0.02)
    kept = [capture.take() for _ in range(100)]
    assert all(taken is not None and taken[1] == 0 for taken in kept)
    assert capture.take() is None
    capture.feed(np.full(FRAME, 0.5, np.float32), 130 * 0.02)
    taken = capture.take()
    assert taken is not None
    assert (taken[1], int(taken[0][0])) == (30, 16384)


def test_a_frame_has_its_start_time() -> None:
    capture = Capture(RATE)
    began = []
    for k in range(60):
        capture.feed(np.zeros(FRAME, np.float32), 7.0 + k * 0.02)
        taken = capture.take()
        assert taken is not None
        assert taken[2] is not None
        began.append(taken[2])
    np.testing.assert_allclose(began, 7.0 + 0.02 * np.arange(60), atol=1e-6)


def test_digital_silence_is_timed_and_ends_with_any_sound() -> None:
    capture = Capture(RATE)
    for _ in range(10):
        capture.feed(np.zeros(FRAME, np.float32), 0.0)
        capture.take()
    assert capture.zeros_s == pytest.approx(0.2)
    capture.feed(np.full(FRAME, 1e-4, np.float32), 0.0)  # an offset is no sound
    capture.take()
    assert capture.zeros_s == pytest.approx(0.22)
    capture.feed(np.linspace(0, 1e-4, FRAME, dtype=np.float32), 0.0)
    capture.take()
    assert capture.zeros_s == 0.0


def test_the_speaker_waits_for_its_prefill_and_counts_no_underrun_before() -> None:
    playback = Playback(RATE, 3)
    assert not play(playback, 5).any()
    playback.write(LOUD)
    playback.write(LOUD)
    assert not play(playback, 1).any()
    playback.write(LOUD)
    assert play(playback, 3).all()
    assert playback.underruns == 0


def test_an_empty_ring_plays_and_counts_silence_and_fills_again() -> None:
    playback = Playback(RATE, 2)
    playback.write(LOUD)
    playback.write(LOUD)
    play(playback, 5)
    assert playback.underruns == 3
    playback.write(LOUD)
    assert not play(playback, 1).any()
    playback.write(LOUD)
    assert play(playback, 2).all()
    assert playback.underruns == 4


def test_the_surplus_after_a_stall_is_dropped_from_silence_only() -> None:
    playback = Playback(RATE, 3)
    for _ in range(40):
        playback.write(LOUD)
    heard = [play(playback, 1)]
    for k in range(200):
        playback.write(LOUD if k < 20 or k >= 100 else SILENCE)
        heard.append(play(playback, 1))
    heard.append(play(playback, 10))
    assert np.count_nonzero(np.concatenate(heard)) == (40 + 20 + 100) * FRAME
    # one of 40 written frames was played: all beyond prefill and slack is dropped
    assert playback.trimmed == 39 - 3 - 2
    assert playback.underruns <= 10


def test_a_pause_inside_a_sentence_keeps_its_length() -> None:
    playback = Playback(RATE, 1)
    for _ in range(30):
        playback.write(LOUD)
    for _ in range(10):
        playback.write(SILENCE)
    playback.write(LOUD)
    assert playback.trimmed == 0


def test_a_full_ring_drops_and_counts() -> None:
    playback = Playback(RATE, 1)
    for _ in range(105):
        playback.write(LOUD)
    assert playback.dropped == 5 * FRAME


@pytest.mark.parametrize("rate", [RATE, 48_000])
@pytest.mark.parametrize("ahead", [0, 1, 4])
def test_the_time_at_which_a_frame_will_sound_is_predicted(rate: int, ahead: int) -> None:
    playback = Playback(rate, 3)
    for _ in range(3 + ahead):
        playback.write(SILENCE)
    at_s = 50.0
    for k in range(100):
        play(playback, 1, at_s + k * 0.02)
        if k < 99:
            playback.write(SILENCE)
    predicted = playback.sounds_at()
    playback.write(LOUD)
    out = []
    for k in range(100, 120):
        out.append(play(playback, 1, at_s + k * 0.02))
        playback.write(SILENCE)
    loud = np.flatnonzero(np.abs(np.concatenate(out)) > 0.05)
    assert loud.size > 0
    assert predicted == pytest.approx(at_s + 2.0 + loud[0] / rate, abs=0.002)


def test_the_clock_smooths_jitter_and_follows_a_jump() -> None:
    clock = SampleClock(RATE)
    assert clock.time_of(0) is None
    rng = np.random.default_rng(5)
    for k in range(300):
        clock.observe(k * FRAME, 3.0 + k * 0.02 + rng.normal(0, 0.004))
    assert clock.time_of(300 * FRAME) == pytest.approx(9.0, abs=0.004)
    clock.observe(300 * FRAME, 9.5)
    assert clock.time_of(300 * FRAME) == pytest.approx(9.5)
