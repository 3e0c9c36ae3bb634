"""Pitch, loudness and syllables, against Praat and against planted truth."""

from __future__ import annotations

import numpy as np
import parselmouth  # type: ignore[import-not-found]
import pytest
from parselmouth.praat import call  # type: ignore[import-not-found]

from simvoice.audio import RATE, Pcm16
from simvoice.timing import praat
from simvoice.timing.measure_sound import measure_channels
from simvoice.timing.prosody import VoiceProfile, join_profiles, measure_voice, quantile
from simvoice.timing.spectrum import bands, decibels


def hum(from_hz: float, to_hz: float, duration_s: float, level: float = 0.2) -> Pcm16:
    """A gliding voice: 12 harmonics, each half as loud as the one before."""
    time_s = np.arange(round(duration_s * RATE)) / RATE
    hz = np.linspace(from_hz, to_hz, time_s.size)
    phase = 2.0 * np.pi * np.cumsum(hz) / RATE
    wave = sum(0.5**k * np.sin((k + 1) * phase) for k in range(12))
    return (level * 32768.0 * wave / 2.0).astype(np.int16)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(90.0, 140.0), (240.0, 180.0), (320.0, 320.0)])
def test_pitch_equals_praats_exactly(from_hz: float, to_hz: float) -> None:
    pcm = hum(from_hz, to_hz, 4.0)
    _, found = praat.pitch_hz(pcm)
    sound = parselmouth.Sound(pcm.astype(np.float64) / 32768.0, float(RATE))
    pitch = call(
        sound,
        "To Pitch (ac)...",
        *(praat.STEP_S, praat.FLOOR_HZ, 15, "no", 0.03, 0.45, 0.01, 0.35, 0.14),
        praat.CEILING_HZ,
    )
    assert found.tolist() == pitch.selected_array["frequency"].tolist()
    semitones = 12.0 * np.log2(found[found > 0.0] / 100.0)
    for share in (0.1, 0.5, 0.9):
        theirs = call(pitch, "Get quantile", 0.0, 0.0, share, "semitones re 100 Hz")
        assert quantile(semitones, share) == pytest.approx(theirs, abs=1e-9)


def test_a_glide_has_the_planted_median_and_range() -> None:
    _, found = praat.pitch_hz(hum(100.0, 200.0, 5.0))
    semitones = 12.0 * np.log2(found[found > 0.0] / 100.0)
    assert quantile(semitones, 0.5) == pytest.approx(12 * np.log2(1.5), abs=0.1)
    planted = 12 * np.log2(1.9 / 1.1)
    assert quantile(semitones, 0.9) - quantile(semitones, 0.1) == pytest.approx(planted, abs=0.15)


def test_pitch_of_a_recording_equals_praats_pitch_of_the_speech() -> None:
    silence = np.zeros(RATE, np.int16)
    pcm = np.concatenate((silence, hum(110.0, 150.0, 3.0), silence, silence))
    voice = measure_channels(pcm, np.zeros_like(pcm)).learner.voice
    whole = parselmouth.Sound(pcm.astype(np.float64) / 32768.0, float(RATE)).to_pitch_ac(
        time_step=praat.STEP_S, pitch_floor=praat.FLOOR_HZ, pitch_ceiling=praat.CEILING_HZ
    )
    for share in (0.1, 0.5, 0.9):
        theirs = call(whole, "Get quantile", 0.0, 0.0, share, "semitones re 100 Hz")
        assert quantile(voice.semitones(), share) == pytest.approx(theirs, abs=0.05)


@pytest.mark.parametrize("samples", [0, 1, 500, 960, 1600])
def test_hardly_any_sound_has_no_pitch_and_no_error(samples: int) -> None:
    times, values = praat.pitch_hz(np.zeros(samples, np.int16))
    assert times.size == values.size
    assert not values.any()


def syllables(count: int) -> Pcm16:
    """Hummed syllables of 150 ms with dips of 12 dB between them."""
    tone = hum(150.0, 150.0, 0.15 * count).astype(np.float64)
    time_s = np.arange(tone.size) / RATE
    return (tone * (0.25 + 0.75 * np.sin(np.pi * time_s / 0.15) ** 2)).astype(np.int16)


@pytest.mark.parametrize("count", [1, 4, 11])
def test_syllables_are_counted(count: int) -> None:
    pcm = syllables(count)
    power = bands(pcm)
    runs = np.array([[0, len(power)]])
    voice = measure_voice(pcm, power, decibels(power.sum(axis=1)), runs, 5.0)
    assert voice.nuclei_s.size == count
    assert np.all((voice.nuclei_s > 5.0) & (voice.nuclei_s < 5.0 + 0.15 * count))


def test_levels_differ_as_planted_and_faded_ends_fall_further() -> None:
    loud, soft = hum(150.0, 150.0, 1.0, 0.2), hum(150.0, 150.0, 1.0, 0.05)
    fading = (loud * np.linspace(1.0, 0.0, loud.size) ** 2).astype(np.int16)
    gap = np.zeros(RATE, np.int16)
    pcm = np.concatenate((gap, loud, gap, soft, gap, fading, gap))
    voice = measure_channels(pcm, np.zeros_like(pcm)).learner.voice
    assert voice.level_db[0] - voice.level_db[1] == pytest.approx(12.04, abs=0.3)
    assert voice.falls_db[0] < 4.0 < voice.falls_db[2]


def test_splitting_and_joining_a_profile_keeps_its_values() -> None:
    pcm = syllables(8)
    gap = np.zeros(RATE, np.int16)
    whole = np.concatenate((gap, pcm, gap, pcm, gap))
    voice = measure_channels(whole, np.zeros_like(whole)).learner.voice
    first, second = (voice.inside(np.array([span])) for span in ((0.0, 2.5), (2.5, 9.0)))
    joined: VoiceProfile = join_profiles([first, second])
    assert joined.nuclei_s.tolist() == voice.nuclei_s.tolist()
    assert joined.pitch_hz.tolist() == voice.pitch_hz.tolist()
    assert first.start_s.size == second.start_s.size == 1
    assert join_profiles([]).pitch_hz.size == 0
