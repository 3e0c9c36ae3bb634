"""Noise and tones with known level, for rooms and for tests."""

from __future__ import annotations

import numpy as np

from simvoice.audio import RATE, Pcm, samples


def pink_noise(duration_s: float, level_dbfs: float, seed: int) -> Pcm:
    """float32 [n] of noise with 1/f power from 50 Hz up, at `level_dbfs` RMS.

    It is periodic, so that it can be repeated without a click. Equal seeds give equal noise.
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
    """float32 [n]: a sine at `level_dbfs` RMS, which sounds in every one of its samples."""
    t = np.arange(samples(duration_s)) / RATE
    amplitude = np.sqrt(2.0) * 10.0 ** (level_dbfs / 20.0)
    wave: Pcm = (amplitude * np.sin(2.0 * np.pi * frequency_hz * t + 0.5)).astype(np.float32)
    return wave
