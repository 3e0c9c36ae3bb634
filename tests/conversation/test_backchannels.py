"""The spectrum tells a hum from words."""

from __future__ import annotations

import numpy as np
import pytest

from simvoice.audio import RATE, Pcm, to_float, to_int16
from simvoice.conversation.backchannels import HUMMED, hum_share
from simvoice.simulate.signals import mm_hm


def vowel(first_hz: float, second_hz: float) -> Pcm:
    """Return half a second of a voice at 120 Hz with two formants of a vowel."""
    hertz = 120.0 * np.arange(1, 34)
    gain = np.prod([1 / np.hypot(hertz - at, 45.0) for at in (first_hz, second_hz)], axis=0) / hertz
    moments = np.arange(RATE // 2) / RATE
    sound = (gain[:, None] * np.sin(2 * np.pi * hertz[:, None] * moments)).sum(axis=0)
    return np.asarray(0.2 * sound / np.abs(sound).max(), np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("pitch_hz", [85.0, 112.0, 150.0, 205.0, 260.0])
@pytest.mark.parametrize("length_s", [0.35, 0.5, 0.7])
def test_an_mm_hm_is_hummed(pitch_hz: float, length_s: float) -> None:
    pcm = mm_hm(pitch_hz, length_s, seed=3).pcm
    assert hum_share(pcm) > HUMMED
    assert hum_share(pcm[: int(0.3 * RATE)]) > HUMMED


def test_an_mm_hm_with_silence_around_it_is_hummed() -> None:
    quiet = np.random.default_rng(1).normal(0, 10 ** (-55 / 20), 3 * RATE).astype(np.float32)
    clip = mm_hm(120.0, 0.5).pcm
    quiet[RATE : RATE + len(clip)] += clip
    assert hum_share(to_float(to_int16(quiet))) > HUMMED


@pytest.mark.parametrize(
    ("first_hz", "second_hz"), [(730, 1090), (270, 2290), (300, 870), (570, 840), (530, 1840)]
)
def test_no_vowel_is_hummed(first_hz: float, second_hz: float) -> None:
    """The vowels "ah", "ee", "oo", "aw", "eh" of men (Peterson & Barney 1952)."""
    assert hum_share(vowel(first_hz, second_hz)) < HUMMED / 2


def test_noise_and_silence_are_not_hummed() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    assert hum_share(noise) == 0.0
    assert hum_share(np.zeros(100, np.float32)) == 0.0
    assert hum_share(np.zeros(RATE, np.float32)) == 0.0


@pytest.mark.slow
def test_the_same_seed_gives_the_same_hum() -> None:
    assert np.array_equal(mm_hm(120.0, 0.5, 7).pcm, mm_hm(120.0, 0.5, 7).pcm)
    assert not np.array_equal(mm_hm(120.0, 0.5, 7).pcm, mm_hm(120.0, 0.5, 8).pcm)
