"""Tell a hummed acknowledgement from words by its sound; `simvoice.acknowledgements` reads words.

"Mm-hm" is said with closed lips, which let no high frequencies through. Speech recognition turns
some hums into confident words, but the spectrum tells them apart: in a nasal murmur nearly all
energy is at its first resonance near 250 Hz (Fujimura 1962, "Analysis of nasal consonants", JASA
34:1865), and the second formant of every vowel is much louder than that.
"""

from __future__ import annotations

import numpy as np

from simvoice.audio import RATE, Pcm

HUMMED = 0.75
"""Share of hummed frames from which on a short sound is a hum. Synthetic murmurs of eight speakers
have at least 0.93; of 60 spoken words and phrases none has more than 0.33 ("One moment.")."""
_FRAME = 320
_LOW_HZ, _HIGH_HZ = (80.0, 550.0), (700.0, 4000.0)
_BELOW_DB = -18.0
"""High band relative to the low band: murmurs have -26 to -29 dB, vowels at least -13 ("Who?")."""
_LOUD_DB = 20.0
"""Frames this far below the loudest are the edges of the sound, or a breath inside it."""


def hum_share(pcm: Pcm) -> float:
    """Return the share of loud frames that are hummed, 0..1; 0 for an empty sound.

    pcm: float32 [n], 16 kHz.
    """
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
