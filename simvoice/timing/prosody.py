"""Pitch, loudness and syllables of a speaker, and how an utterance ends.

These are acoustic facts; they say nothing about feelings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import Pcm16, samples
from simvoice.timing.activity import BRIDGE_S, SHORTEST_S
from simvoice.timing.intervals import Intervals, covers, intervals
from simvoice.timing.praat import STEP_S, pitch_hz
from simvoice.timing.spectrum import FRAME, FRAME_S, Bands, decibels

# -- final rise -------------------------------------------------------------------------------
# The end of the pitch contour is the only part of it that can turn a statement into a question.

TAIL_S = 1.2
"""Seconds before the end that contain the last syllables."""
RISES = (2.0, 10.0)
"""Least and most semitones by which an end counts as rising. Of twenty statements by two synthetic
voices, 1 in 40 counts as rising (in another draw of the same voice 3 in 20). A planted rise of 4, 6
and 9 semitones over the last .3 s is found in 47, 65 and 82 %, because the last voiced sounds carry
only part of it (`tests/engines/test_rises.py`). We had no voice of a person for this test. A larger
rise is more often an error of the pitch tracker than a rise of the voice."""
_RUN_S = 0.5
"""Seconds of the last voiced stretch that are used: two or three syllables."""
_SHORTEST_S = 0.1
"""Least seconds of voice that show a direction."""
_GAP_S = 0.1
"""Most seconds without voice inside a stretch: a consonant."""
_OCTAVE = 2.0
"""Ratio to the median beyond which a value comes from hiss or creak and is no pitch."""
_JUMP = 3.0
"""Semitones from one value to the next. No voice moves that fast: the pitch tracker took one
period for two."""
_END = 3
"""Number of last values whose median is the end."""


def final_rise(pcm: Pcm16) -> float | None:
    """Semitones from the lowest point of the last syllables to their end; 0.0 where they fall.

    pcm: int16 [n], 16 kHz, one utterance, silence after it allowed. Returns None where too little
    is voiced, or where the pitch jumps as it does in creaky voice.
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


# -- voice profile ----------------------------------------------------------------------------

FloatSeries = NDArray[np.float64]
"""float64 [n]."""

REFERENCE_HZ = 100.0
"""Zero of the semitone scale, as in Praat's "semitones re 100 Hz"."""

_BELOW_LOUDEST_DB = 25.0
_DIP_DB = 2.0
"""Nuclei: peaks within 25 dB of the loudest, with dips of 2 dB between (de Jong & Wempe 2009)."""
_PHRASE_FRAMES = 60
"""Shorter pauses go to Praat together with the speech around them, because one call costs as much
as a second of speech."""
_CLOSURE_FRAMES = round(BRIDGE_S / FRAME_S)
_SHORTEST_FRAMES = round(SHORTEST_S / FRAME_S)
_HANN = np.hanning(7)[1:-1] / np.sum(np.hanning(7))
"""Smoothing window, 50 ms: a syllable is longer, the variation of a single period is shorter."""
_FADED_DB = 10.0
_VOWELS = slice(2, 10)
"""Bands from 330 to 3600 Hz, where vowels are much louder than consonants."""


@dataclass(frozen=True, slots=True, eq=False)
class VoiceProfile:
    """Measurements of one speaker's voice, in order of time. All times are session seconds."""

    start_s: FloatSeries
    """float64 [n]: start of each stretch of speech."""
    end_s: FloatSeries
    """float64 [n]: end of each stretch."""
    level_db: FloatSeries
    """float64 [n]: level of each stretch without the room's noise, dBFS."""
    falls_db: FloatSeries
    """float64 [n]: level of the last half second minus level at the end, dB. A phrase that is
    finished fades; one that is broken off does not."""
    fades_s: FloatSeries
    """float64 [n]: time before the end with a level more than 10 dB below the median; long in a
    room with echo."""
    pitch_s: FloatSeries
    """float64 [m]: time of each pitch value."""
    pitch_hz: FloatSeries
    """float64 [m]: pitch of voiced speech, Hz."""
    nuclei_s: FloatSeries
    """float64 [k]: time at which each syllable is loudest."""

    def semitones(self) -> FloatSeries:
        """float64 [m]: the pitch in semitones re `REFERENCE_HZ`."""
        return np.asarray(12.0 * np.log2(self.pitch_hz / REFERENCE_HZ), dtype=np.float64)

    def inside(self, of: Intervals) -> VoiceProfile:
        """The part of the profile inside these intervals."""
        stretch = covers(of, (self.start_s + self.end_s) / 2.0)
        pitch = covers(of, self.pitch_s)
        return VoiceProfile(
            self.start_s[stretch],
            self.end_s[stretch],
            self.level_db[stretch],
            self.falls_db[stretch],
            self.fades_s[stretch],
            self.pitch_s[pitch],
            self.pitch_hz[pitch],
            self.nuclei_s[covers(of, self.nuclei_s)],
        )


def join_profiles(parts: Sequence[VoiceProfile]) -> VoiceProfile:
    """Join profiles that follow each other in time."""
    if not parts:
        none = np.empty(0)
        return VoiceProfile(*[none] * len(VoiceProfile.__slots__))
    return VoiceProfile(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in VoiceProfile.__slots__
        )
    )


def measure_voice(
    pcm: Pcm16, power: Bands, level_db: NDArray[np.float32], runs: NDArray[np.int64], at_s: float
) -> VoiceProfile:
    """Measure the voice in one block of sound.

    pcm: int16 [n], 16 kHz. power, level_db: of its frames. runs: int64 [k, 2], first and one past
    the last frame of each run of speech. at_s: session seconds at which the block begins.
    """
    pitch_s: list[FloatSeries] = []
    pitch: list[FloatSeries] = []
    for first, last in _join_runs(runs, _PHRASE_FRAMES):
        when, hz = pitch_hz(pcm[first * FRAME : last * FRAME])
        pitch_s.append(when[hz > 0.0] + first * FRAME_S + at_s)
        pitch.append(hz[hz > 0.0])
    times = np.concatenate(pitch_s) if pitch_s else np.empty(0)
    hz = np.concatenate(pitch) if pitch else np.empty(0)
    spoken = covers(intervals(runs * FRAME_S + at_s), times)
    times, hz = times[spoken], hz[spoken]
    nuclei = _nuclei(decibels(power[:, _VOWELS].sum(axis=1)), runs) * FRAME_S + FRAME_S / 2.0 + at_s
    whole = _join_runs(runs, _CLOSURE_FRAMES)
    whole = whole[whole[:, 1] - whole[:, 0] >= _SHORTEST_FRAMES]
    stretches = [level_db[first:last] for first, last in whole]
    return VoiceProfile(
        (whole[:, 0] * FRAME_S + at_s).astype(np.float64),
        (whole[:, 1] * FRAME_S + at_s).astype(np.float64),
        np.array([_level(stretch) for stretch in stretches], dtype=np.float64),
        np.array([_falls(stretch) for stretch in stretches], dtype=np.float64),
        np.array([_fades(stretch) for stretch in stretches], dtype=np.float64),
        times,
        hz,
        _voiced(nuclei, times),
    )


def _join_runs(runs: NDArray[np.int64], longest: int) -> NDArray[np.int64]:
    """int64 [k, 2]: runs of frames; those with at most `longest` frames between them are joined."""
    if len(runs) == 0:
        return runs
    is_first = np.concatenate(([True], runs[1:, 0] - runs[:-1, 1] > longest))
    is_last = np.concatenate((is_first[1:], [True]))
    return np.column_stack((runs[is_first, 0], runs[is_last, 1]))


def _level(level_db: NDArray[np.float32]) -> float:
    return float(10.0 * np.log10(np.mean(10.0 ** (level_db.astype(np.float64) / 10.0))))


def _falls(level_db: NDArray[np.float32]) -> float:
    # The very last frame is left out: it is partly silence.
    return float(
        np.median(level_db[-50:]) - np.mean(level_db[-5:-1] if level_db.size > 1 else level_db)
    )


def _fades(level_db: NDArray[np.float32]) -> float:
    loud = np.flatnonzero(level_db > np.median(level_db) - _FADED_DB)
    return float((level_db.size - 1 - loud[-1]) * FRAME_S)


def _nuclei(level_db: NDArray[np.float32], runs: NDArray[np.int64]) -> FloatSeries:
    """float64 [k]: frame at which each syllable is loudest."""
    if len(runs) == 0:
        return np.empty(0)
    smooth = np.convolve(level_db, _HANN, mode="same")
    found: list[int] = []
    speaking = np.concatenate([smooth[a:b] for a, b in runs])
    least = float(np.percentile(speaking, 99)) - _BELOW_LOUDEST_DB
    for first, last in runs:
        found += _peaks(smooth[first:last], least, int(first))
    return np.array(found, dtype=np.float64)


def _peaks(level_db: FloatSeries, least_db: float, offset: int) -> list[int]:
    """Frames of peaks above `least_db` with a dip of `_DIP_DB`, or an end, on both sides."""
    if level_db.size < 3:
        return []
    inner = (level_db[1:-1] >= level_db[:-2]) & (level_db[1:-1] > level_db[2:])
    candidates = np.flatnonzero(inner) + 1
    peaks: list[int] = []
    for at in candidates[level_db[candidates] > least_db].tolist():
        if peaks:
            dip = float(level_db[peaks[-1] : at].min())
            if min(level_db[peaks[-1]], level_db[at]) - dip < _DIP_DB:
                if level_db[at] > level_db[peaks[-1]]:
                    peaks[-1] = at
                continue
        peaks.append(at)
    return [offset + at for at in peaks]


def _voiced(nuclei_s: FloatSeries, pitch_s: FloatSeries) -> FloatSeries:
    """The nuclei within 0.03 s of a pitch value."""
    if pitch_s.size == 0:
        return nuclei_s[:0]
    index = np.clip(np.searchsorted(pitch_s, nuclei_s), 1, max(1, pitch_s.size - 1))
    nearest = np.minimum(
        np.abs(pitch_s[np.minimum(index, pitch_s.size - 1)] - nuclei_s),
        np.abs(pitch_s[index - 1] - nuclei_s),
    )
    return np.asarray(nuclei_s[nearest <= 0.03], dtype=np.float64)


def quantile(values: FloatSeries, share: float) -> float:
    """The quantile as Praat's "Get quantile" computes it.

    It is value number share * n + 1/2 of the sorted values, interpolated linearly.
    """
    ordered = np.sort(values)
    position = share * ordered.size - 0.5
    return float(np.interp(position, np.arange(ordered.size), ordered))
