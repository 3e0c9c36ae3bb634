"""Whole clips of sound: another rate, another level, a breath."""

from __future__ import annotations

import numpy as np
import soxr  # type: ignore[import-untyped]

from simvoice.audio import RATE, Pcm, samples

# -- resample ---------------------------------------------------------------------------------
# Whole clips from one rate to another (soxr). Streams are the devices' business.


def to_rate(pcm: Pcm, rate: int) -> Pcm:
    """pcm: float32 [n] at `rate` Hz. Returns it at 16 kHz."""
    if rate == RATE or pcm.size == 0:
        return pcm.astype(np.float32, copy=False)
    # MQ: 40 dB less stop-band than HQ, still below 16 bits of a synthetic voice, half the time.
    return np.asarray(soxr.resample(pcm, rate, RATE, quality="MQ"), dtype=np.float32)


# -- loudness ---------------------------------------------------------------------------------
# Louder or softer without clipping.


def louder(pcm: Pcm, gain_db: float) -> Pcm:
    """float32 [n] by `gain_db`, and what comes above 0.7 bent smoothly below full scale."""
    return limited(pcm * np.float32(10.0 ** (gain_db / 20.0)))


def limited(pcm: Pcm) -> Pcm:
    """Bend what is above 0.7 smoothly below full scale instead of clipping it."""
    knee, room = np.float32(0.7), np.float32(0.29)
    over = np.abs(pcm) > knee
    bent = pcm.copy()
    bent[over] = np.sign(pcm[over]) * (knee + room * np.tanh((np.abs(pcm[over]) - knee) / room))
    return bent


# -- breath -----------------------------------------------------------------------------------
# The sound of a breath taken in, of noise: a voice is not asked for it.


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
