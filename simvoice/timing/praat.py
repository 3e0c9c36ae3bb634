"""Measure pitch with Praat's autocorrelation method, one stretch of speech at a time.

Praat holds the interpreter's lock while it works, about 2 ms for each second of speech. A call
therefore takes at most `LONGEST_S` of speech, which blocks a running encounter for at most 30 ms;
the queues of the live loop bridge that. Praat is loaded on first use.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import RATE, Pcm16, samples

STEP_S = 0.02
"""Seconds from one value to the next: about ten values in a syllable."""
FLOOR_HZ = 75.0
CEILING_HZ = 500.0
"""Praat's usual range for speech of any adult (Boersma & Weenink, manual, "Pitch settings")."""
LONGEST_S = 15.0
"""Most seconds of speech in one call of Praat."""
SHORTEST_S = 0.06
"""Seconds. Praat needs three periods of the lowest pitch, 40 ms; shorter speech has no pitch."""


def pitch_hz(pcm: Pcm16) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(seconds from the start, Hz), float64 [m] each; 0 Hz where the speech is not voiced.

    pcm: int16 [n], 16 kHz, speech. Uses Praat's "To Pitch (ac)" with its other settings at their
    defaults.
    """
    import parselmouth  # type: ignore[import-not-found]

    times: list[NDArray[np.float64]] = []
    values: list[NDArray[np.float64]] = []
    step = samples(LONGEST_S)
    for start in range(0, pcm.size, step):
        part = pcm[start : start + step]
        if part.size < samples(SHORTEST_S):
            continue
        sound = parselmouth.Sound(part.astype(np.float64) / 32768.0, float(RATE))
        found = sound.to_pitch_ac(time_step=STEP_S, pitch_floor=FLOOR_HZ, pitch_ceiling=CEILING_HZ)
        times.append(np.asarray(found.xs()) + start / RATE)
        values.append(np.asarray(found.selected_array["frequency"]))
    if not times:
        return np.empty(0), np.empty(0)
    return np.concatenate(times), np.concatenate(values)
