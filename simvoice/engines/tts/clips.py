"""Process whole clips of synthesised speech: sampling rate, level, and the sound of a breath."""

from __future__ import annotations

import numpy as np
import soxr  # type: ignore[import-untyped]

from simvoice.audio import RATE, Pcm, samples

# -- sampling rate and level ------------------------------------------------------------------


def to_rate(pcm: Pcm, rate: int) -> Pcm:
    """Return a clip at 16 kHz. pcm: float32 [n] at `rate` Hz. Streams: see `devices.streams`."""
    if rate == RATE or pcm.size == 0:
        return pcm.astype(np.float32, copy=False)
    # MQ has 40 dB less stop-band attenuation than HQ, still below 16 bits of a synthetic voice,
    # and takes half the time.
    return np.asarray(soxr.resample(pcm, rate, RATE, quality="MQ"), dtype=np.float32)


def amplify(pcm: Pcm, gain_db: float) -> Pcm:
    """Return float32 [n], `gain_db` louder (softer when negative), without clipping."""
    return soft_limit(pcm * np.float32(10.0 ** (gain_db / 20.0)))


def soft_limit(pcm: Pcm) -> Pcm:
    """Compress samples above 0.7 smoothly, so that all stay below full scale."""
    knee, headroom = np.float32(0.7), np.float32(0.29)
    over = np.abs(pcm) > knee
    limited = pcm.copy()
    excess = np.abs(pcm[over]) - knee
    limited[over] = np.sign(pcm[over]) * (knee + headroom * np.tanh(excess / headroom))
    return limited


# -- breath -----------------------------------------------------------------------------------
# An inhalation, made from noise: the voices cannot say one.


BREATH_S = 0.38
"""A quick breath, as people take it while they speak."""

BELOW_VOICE_DB = 27.0
"""Audible in a quiet room, and too soft for a recogniser to report a word."""

_RISE = 0.6
"""Share of the breath in which its level rises; it falls faster than it rises."""

# Resonances of the open vocal tract with the glottis wide: centre and width in Hz, height in dB.
_RESONANCES = ((1100.0, 500.0, 0.0), (1900.0, 500.0, 2.0), (3300.0, 900.0, -4.0))
_FLOOR_DB = -16.0


def breath(voice_rms: float, formant_shift: float = 1.0) -> Pcm:
    """Return the sound of a breath, float32 [n], mono, 16 kHz; equal arguments, equal sound.

    voice_rms: RMS level, 0..1, of the voice that breathes. formant_shift: see `ports.VoiceStyle`.
    """
    n = samples(BREATH_S)
    noise = np.random.default_rng(7).standard_normal(n)
    freqs = np.fft.rfftfreq(n, 1.0 / RATE) / formant_shift
    shape = np.full(freqs.size, 10.0 ** (_FLOOR_DB / 20.0))
    for centre, width, height_db in _RESONANCES:
        shape += 10.0 ** (height_db / 20.0) * np.exp(-0.5 * ((freqs - centre) / width) ** 2)
    # A microphone at the usual distance picks up no rumble and little hiss.
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
