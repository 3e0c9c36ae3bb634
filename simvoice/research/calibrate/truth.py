"""What a perfect measurement of a planted conversation would have heard."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import SILENT_DBFS, Pcm, to_int16
from simvoice.research.calibrate.plant import Planted
from simvoice.scoring.metrics.reading import Reading, read_spoken
from simvoice.timing.intervals import Intervals, union
from simvoice.timing.measure_sound import Heard, Lane
from simvoice.timing.overlaps import Overlap
from simvoice.timing.prosody import Voice, describe
from simvoice.timing.quality import Quality
from simvoice.timing.spectrum import FRAME_S, bands, decibels, frames_in
from simvoice.timing.turns import Speaker


def truth(planted: Planted) -> Reading:
    """Times and kinds as planted; syllables by the synthesis's own alignment; pitch and level by
    Praat and by power from the undisturbed sound, where it sounds."""
    speech = {who: spoken(planted, who) for who in SPEAKERS}
    found = [Overlap(event.kind, event.by, event.start_s, event.end_s) for event in planted.events]
    heard = Heard(
        _lane(planted, "learner", speech["learner"]),
        _lane(planted, "patient", speech["patient"]),
        planted.length_s,
    )
    return read_spoken(
        speech,
        found,
        planted.length_s,
        words=planted.words,
        heard=heard,
        given=frozenset({"speech", "sound", "words"}),
    )


SPEAKERS: tuple[Speaker, Speaker] = ("learner", "patient")


def spoken(planted: Planted, who: Speaker) -> Intervals:
    """All that one of them says, acknowledgements included."""
    return union(planted.floor[who], planted.acknowledgements[who])


def _lane(planted: Planted, who: Speaker, speech: Intervals) -> Lane:
    voice = _voice(planted.channel(who), speech, np.array(planted.syllables_s[who]))
    return Lane(speech, voice, Quality(SILENT_DBFS, 0.0, SILENT_DBFS, 0.0, 0.0))


def _voice(clean: Pcm, speech: Intervals, syllables_s: NDArray[np.float64]) -> Voice:
    pcm = to_int16(clean)
    power = bands(pcm)
    runs = np.clip(np.round(speech / FRAME_S).astype(np.int64), 0, frames_in(pcm.size))
    runs = runs[runs[:, 1] > runs[:, 0]]
    made = describe(pcm, power, decibels(power.sum(axis=1)), runs, 0.0)
    return Voice(
        *(syllables_s if name == "nuclei_s" else getattr(made, name) for name in Voice.__slots__)
    )
