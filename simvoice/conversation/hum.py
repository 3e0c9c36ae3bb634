"""Is it hummed? "Mm-hm" is said with closed lips, and closed lips let no high sound through.

A recogniser asked for words makes some of it, with confidence; the spectrum tells it apart. In a
nasal murmur nearly all sound lies at its first resonance near 250 Hz (Fujimura 1962, "Analysis of
nasal consonants", JASA 34:1865); every vowel has a second formant that is louder than that by far.
"""

from __future__ import annotations

import numpy as np

from simvoice.audio import RATE, Pcm

HUMMED = 0.75
"""Share of hummed frames from which a short sound is a hum. Planted murmurs of eight speakers have
0.93 and more; of 60 spoken words and phrases none has more than 0.33 ("One moment.")."""

_FRAME = 320
_LOW_HZ, _HIGH_HZ = (80.0, 550.0), (700.0, 4000.0)
_BELOW_DB = -18.0
"""High sound this much below the low: murmurs have -26 to -29 dB, vowels -13 ("Who?") and more."""
_LOUD_DB = 20.0
"""Frames this far below the loudest are its edges or the breath in its middle."""


def hum_share(pcm: Pcm) -> float:
    """pcm: float32 [n], 16 kHz. Share of its loud frames that are hummed, 0..1; 0 for none."""
    count = len(pcm) // _FRAME
    if count == 0:
        return 0.0
    frames = pcm[: count * _FRAME].reshape(count, _FRAME) * np.hanning(_FRAME)
    power = np.abs(np.fft.rfft(frames, 512, axis=1)) ** 2
    hertz = np.fft.rfftfreq(512, 1 / RATE)
    low, high = (
        power[:, (hertz >= first) & (hertz < last)].sum(axis=1) + 1e-12
        for first, last in (_LOW_HZ, _HIGH_HZ)
    )
    level_db = 10.0 * np.log10(low + high)
    loud = level_db > level_db.max() - _LOUD_DB
    return float(np.mean(10.0 * np.log10(high[loud] / low[loud]) < _BELOW_DB))
