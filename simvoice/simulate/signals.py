"""Noise, tones and hummed acknowledgements with a known level, for background noise and tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import RATE, Pcm, samples
from simvoice.ports import SpokenWord
from simvoice.simulate.learner import LearnerClip
from simvoice.simulate.speech import LEVEL_DBFS, MARGIN_S

# -- noise and tones --------------------------------------------------------------------------


def pink_noise(duration_s: float, level_dbfs: float, seed: int) -> Pcm:
    """Return float32 [n] of noise with 1/f power from 50 Hz up, at `level_dbfs` RMS.

    The noise is periodic, so it repeats without a click. Equal seeds give equal noise.
    """
    n = max(2, samples(duration_s))
    rng = np.random.default_rng(seed)
    freqs = np.fft.rfftfreq(n, 1.0 / RATE)
    shape = 1.0 / np.sqrt(np.maximum(freqs, 50.0))
    shape[0] = 0.0
    spectrum = shape * np.exp(2j * np.pi * rng.random(len(freqs)))
    noise = np.fft.irfft(spectrum, n)
    noise *= 10.0 ** (level_dbfs / 20.0) / np.sqrt(np.mean(noise**2))
    pink: Pcm = noise.astype(np.float32)
    return pink


def tone(duration_s: float, level_dbfs: float, frequency_hz: float = 440.0) -> Pcm:
    """Return float32 [n]: a sine at `level_dbfs` RMS that does not begin at zero."""
    t = np.arange(samples(duration_s)) / RATE
    amplitude = np.sqrt(2.0) * 10.0 ** (level_dbfs / 20.0)
    wave: Pcm = (amplitude * np.sin(2.0 * np.pi * frequency_hz * t + 0.5)).astype(np.float32)
    return wave


# -- hummed acknowledgement -------------------------------------------------------------------
# An "mm-hm" with closed lips, which no text-to-speech voice can say.
#
# Source and filter: a glottal source with two peaks of loudness and a pitch that falls and then
# rises, filtered by the poles and the zero of a closed mouth with an open nose (Fujimura 1962, JASA
# 34:1865; Klatt 1980, JASA 67:971), with breath between the peaks. Whisper writes it as "Mm-hmm."


_POLES = ((250.0, 60.0), (1000.0, 180.0), (2000.0, 250.0), (3000.0, 300.0))
_ZERO = (750.0, 120.0)
"""Frequency and bandwidth, Hz, of an /m/."""
_HIGHEST_HZ = 5000.0
_VOICE_AT = (0.0, 0.06, 0.3, 0.38, 0.42, 0.47, 0.55, 0.85, 1.0)
_VOICE = (0.0, 1.0, 0.9, 0.5, 0.06, 0.06, 1.0, 0.8, 0.0)
"""Amplitude of the voice at these shares of its length, with two peaks."""
_BREATH_AT, _BREATH = (0.0, 0.35, 0.4, 0.46, 0.5, 1.0), (0.02, 0.05, 1.0, 1.0, 0.05, 0.02)
_BREATH_SHARE = 0.12
_PITCH_MINIMUM_AT = 0.45
"""Share of the length at which the pitch changes from falling to rising."""


def mm_hm(pitch_hz: float, length_s: float, seed: int = 0) -> LearnerClip:
    """Return a hummed "mm-hm". Equal seeds give equal sound.

    pitch_hz: of the speaker, 70 to 300. length_s: 0.3 to 1.
    """
    rng = np.random.default_rng(seed)
    n = samples(length_s)
    at = np.linspace(0.0, 1.0, n)
    fall = 1.02 - 0.1 * at / _PITCH_MINIMUM_AT
    rise = (
        0.92 + 0.35 * (np.maximum(at - _PITCH_MINIMUM_AT, 0.0) / (1.0 - _PITCH_MINIMUM_AT)) ** 0.8
    )
    jitter = 1.0 + 0.008 * np.cumsum(rng.normal(size=n)) / np.sqrt(n)
    voice = _voice(pitch_hz * np.where(at < _PITCH_MINIMUM_AT, fall, rise) * jitter, rng)
    voice = voice * np.interp(at, _VOICE_AT, _VOICE)
    breath = _filter(rng.normal(size=n)) * np.interp(at, _BREATH_AT, _BREATH)
    sound = voice / np.abs(voice).max() + _BREATH_SHARE * breath / np.abs(breath).max()
    margin = np.zeros(samples(MARGIN_S), np.float32)
    return LearnerClip(
        text="Mm-hm.",
        pcm=np.concatenate([margin, _at_level(sound), margin]),
        onset_s=MARGIN_S,
        offset_s=MARGIN_S + n / RATE,
        words=(SpokenWord("Mm-hm.", MARGIN_S, MARGIN_S + n / RATE),),
    )


def _voice(pitch_hz: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the filtered harmonics; 1/k is the source's -12 dB an octave with the lips' +6."""
    phase = 2.0 * np.pi * np.cumsum(pitch_hz) / RATE
    sound = np.zeros(len(pitch_hz))
    for k in range(1, int(_HIGHEST_HZ / pitch_hz.min()) + 1):
        gain = np.where(k * pitch_hz < _HIGHEST_HZ, _gain(k * pitch_hz) / k, 0.0)
        sound += gain * np.sin(k * phase + rng.uniform(0.0, 2.0 * np.pi))
    return sound


def _filter(noise: NDArray[np.float64]) -> NDArray[np.float64]:
    hertz = np.asarray(np.fft.rfftfreq(len(noise), 1 / RATE), np.float64)
    return np.asarray(np.fft.irfft(np.fft.rfft(noise) * _gain(hertz), len(noise)))


def _gain(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    gain = 1.0 / _resonance(hertz, *_ZERO)
    for pole in _POLES:
        gain = gain * _resonance(hertz, *pole)
    return gain


def _resonance(hertz: NDArray[np.float64], centre: float, bandwidth: float) -> NDArray[np.float64]:
    """Return the gain of a resonance, which is 1 at 0 Hz."""
    half = bandwidth / 2.0
    below, above = np.hypot(hertz - centre, half), np.hypot(hertz + centre, half)
    return np.asarray((centre**2 + half**2) / (below * above))


def _at_level(sound: NDArray[np.float64]) -> Pcm:
    level = float(np.sqrt(np.mean(sound**2)))
    return np.asarray(sound * 10.0 ** (LEVEL_DBFS / 20.0) / level, np.float32)
