"""Pitch by Praat's own autocorrelation method, stretch by stretch of speech.

Praat holds the interpreter's lock while it works, about 2 ms a second of speech. Whoever measures
beside a running encounter is therefore never kept waiting longer than `LONGEST_S` of speech takes,
30 ms, which the live loop's queues bridge. Praat is loaded when it is first needed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import RATE, Pcm16, samples

STEP_S = 0.02
"""Seconds from one value to the next: a syllable has ten."""
FLOOR_HZ = 75.0
CEILING_HZ = 500.0
"""Praat's usual range for speech of any adult (Boersma & Weenink, manual, "Pitch settings")."""
LONGEST_S = 15.0
"""Seconds of speech given to Praat at once."""
SHORTEST_S = 0.06
"""Praat looks at three periods of the lowest pitch, 40 ms; in less there is none."""


def pitch_hz(pcm: Pcm16) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """pcm: int16 [n], 16 kHz, speech. Returns (seconds from its start, Hz), float64 [m] each;
    0 Hz where the voice does not sound. Praat's "To Pitch (ac)", its other settings as they come.
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
