"""The sound of a breath taken in, of noise: a voice is not asked for it."""

from __future__ import annotations

import numpy as np

from simvoice.audio import RATE, Pcm, samples

BREATH_S = 0.38
"""A quick breath, as people take it in the middle of what they are saying."""

BELOW_VOICE_DB = 27.0
"""Audible in a quiet room, and under what a recogniser takes for a word."""

_RISE = 0.6
"""Share of its length in which an inhalation grows; it ends sooner than it began."""

# Resonances of the open tract with the glottis wide: centre and width in Hz, height in dB.
_RESONANCES = ((1100.0, 500.0, 0.0), (1900.0, 500.0, 2.0), (3300.0, 900.0, -4.0))
_FLOOR_DB = -16.0


def breath(voice_rms: float, formant_shift: float = 1.0) -> Pcm:
    """float32 [n], mono, 16 kHz; the same each time.

    voice_rms: of the voice it belongs to, 0..1. formant_shift: as in `ports.VoiceStyle`.
    """
    n = samples(BREATH_S)
    noise = np.random.default_rng(7).standard_normal(n)
    freqs = np.fft.rfftfreq(n, 1.0 / RATE) / formant_shift
    shape = np.full(freqs.size, 10.0 ** (_FLOOR_DB / 20.0))
    for centre, width, height_db in _RESONANCES:
        shape += 10.0 ** (height_db / 20.0) * np.exp(-0.5 * ((freqs - centre) / width) ** 2)
    # A microphone at a polite distance hears no rumble of it, and little hiss.
    shape *= 1.0 / (1.0 + (350.0 / np.maximum(freqs, 1.0)) ** 4)
    sound = np.fft.irfft(np.fft.rfft(noise) * shape, n) * _envelope(n)
    level = voice_rms * 10.0 ** (-BELOW_VOICE_DB / 20.0)
    made: Pcm = (sound * (level / np.sqrt(np.mean(sound**2)))).astype(np.float32)
    return made


def _envelope(n: int) -> np.ndarray:
    rise = round(n * _RISE)
    up = 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / rise)
    down = 0.5 + 0.5 * np.cos(np.pi * np.arange(n - rise) / (n - rise))
    return np.concatenate([up, down])
