"""How an utterance ends: the one thing of its melody that can change what it does."""

from __future__ import annotations

import numpy as np

from simvoice.audio import Pcm16, samples
from simvoice.timing.praat import STEP_S, pitch_hz

TAIL_S = 1.2
"""Seconds before the end in which the last syllables lie."""
RISES = (2.0, 10.0)
"""Semitones from and to which an end is taken to rise. Of twenty statements by two synthetic voices
1 in 40 is taken for one (in another draw of the same voice 3 in 20); with a rise of 4, 6 and 9
semitones planted over the last .3 s it is found in 47, 65 and 82 %, for the last voiced sounds
carry only part of it (`tests/engines/test_rises.py`). No voice of a person was at hand. What climbs
more is a leap of the pitch tracker's more often than a voice's."""
_RUN_S = 0.5
"""Seconds of the last stretch of voice that are looked at: two or three syllables."""
_SHORTEST_S = 0.1
"""Seconds of voice from which a direction can be told."""
_GAP_S = 0.1
"""Seconds without voice inside a stretch: a consonant."""
_OCTAVE = 2.0
"""Ratio to the median beyond which a value is no pitch but a hiss or a creak."""
_JUMP = 3.0
"""Semitones from one value to the next: no voice moves so fast, so a period was taken for two."""
_END = 3
"""Values whose median is the end."""


def final_rise(pcm: Pcm16) -> float | None:
    """Semitones from the lowest point of the last syllables to their end; 0.0 where they fall.

    pcm: int16 [n], 16 kHz, one utterance, which may be followed by silence. None where too little
    is voiced, or the pitch leaps as it does in a creak.
    """
    when, hz = pitch_hz(pcm[-samples(TAIL_S) :])
    usual = float(np.median(hz[hz > 0.0])) if np.any(hz > 0.0) else 0.0
    voiced = np.flatnonzero((hz > 0.0) & (hz < _OCTAVE * usual) & (hz > usual / _OCTAVE))
    if voiced.size == 0:
        return None
    semitones = 12.0 * np.log2(hz[voiced])
    times = when[voiced]
    breaks = np.flatnonzero(np.diff(times) > _GAP_S + STEP_S)
    start = int(breaks[-1]) + 1 if breaks.size else 0
    start = max(start, int(np.searchsorted(times, times[-1] - _RUN_S)))
    run, run_s = semitones[start:], times[start:]
    steady = np.diff(run_s) < 1.5 * STEP_S
    if run.size * STEP_S < _SHORTEST_S or np.any(np.abs(np.diff(run))[steady] > _JUMP):
        return None
    smooth = np.array([np.median(run[max(0, k - 1) : k + 2]) for k in range(run.size)])
    return float(max(0.0, np.median(run[-_END:]) - smooth.min()))
