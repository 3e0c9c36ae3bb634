"""Measure a planted conversation under a condition, and compare the result with the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simvoice.audio import SILENT_DBFS, Pcm, to_int16
from simvoice.reading.reading import Reading, read_measured_sound, read_speech
from simvoice.research.calibrate.conditions import RecordingCondition, disturb
from simvoice.research.calibrate.plant import Planted, PlantedEvent
from simvoice.scoring.metrics.interval import ERROR_DEPENDS_ON_WORDS, Conditions, conditions
from simvoice.scoring.metrics.registry import Measured, measure_reading
from simvoice.timing.intervals import Intervals, at_least, complement, intersect, union
from simvoice.timing.measure_sound import ChannelMeasurement, SoundMeasurement, measure_channels
from simvoice.timing.overlaps import Overlap
from simvoice.timing.prosody import VoiceProfile, measure_voice
from simvoice.timing.quality import Quality
from simvoice.timing.spectrum import FRAME_S, bands, decibels, frames_in
from simvoice.timing.turns import Speaker

# -- truth ----------------------------------------------------------------------------------


def truth(planted: Planted) -> Reading:
    """Return the reading that a perfect measurement of a planted conversation would give.

    Times and kinds are as planted, syllables as aligned by the synthesis. Pitch is by Praat and
    level by power, from the undisturbed sound.
    """
    speech = {who: all_speech(planted, who) for who in SPEAKERS}
    found = [Overlap(event.kind, event.by, event.start_s, event.end_s) for event in planted.events]
    measurement = SoundMeasurement(
        _lane(planted, "learner", speech["learner"]),
        _lane(planted, "patient", speech["patient"]),
        planted.length_s,
    )
    return read_speech(
        speech,
        found,
        planted.length_s,
        words=planted.words,
        sound=measurement,
        available=frozenset({"speech", "sound", "words"}),
    )


SPEAKERS: tuple[Speaker, Speaker] = ("learner", "patient")


def all_speech(planted: Planted, who: Speaker) -> Intervals:
    """Return all speech of a speaker, including acknowledgements."""
    return union(planted.turn_speech[who], planted.acknowledgements[who])


def _lane(planted: Planted, who: Speaker, speech: Intervals) -> ChannelMeasurement:
    voice = _voice(planted.channel(who), speech, np.array(planted.syllables_s[who]))
    return ChannelMeasurement(speech, voice, Quality(SILENT_DBFS, 0.0, SILENT_DBFS, 0.0, 0.0))


def _voice(clean: Pcm, speech: Intervals, syllables_s: NDArray[np.float64]) -> VoiceProfile:
    pcm = to_int16(clean)
    power = bands(pcm)
    runs = np.clip(np.round(speech / FRAME_S).astype(np.int64), 0, frames_in(pcm.size))
    runs = runs[runs[:, 1] > runs[:, 0]]
    made = measure_voice(pcm, power, decibels(power.sum(axis=1)), runs, 0.0)
    return VoiceProfile(
        *(
            syllables_s if name == "nuclei_s" else getattr(made, name)
            for name in VoiceProfile.__slots__
        )
    )


# -- comparison -----------------------------------------------------------------------------

PAUSE_S = 0.2
OVERLAP_S = 0.1
EDGE_S = 0.04
"""Tolerance in length, seconds: two edges with an error of a frame or two each."""
_NEAR_S = 0.25
"""Seconds: an edge further away belongs to another stretch."""
_SAME_S = 0.2
"""Seconds by which the onsets of a planted and a found event may differ."""


Values = dict[str, float]
"""Metric to value, for measurable metrics."""


@dataclass(frozen=True, slots=True)
class HitCounts:
    """Counts of found, missed and invented events of one kind."""

    found: int = 0
    missed: int = 0
    invented: int = 0

    def __add__(self, other: HitCounts) -> HitCounts:
        """Return the sums."""
        return HitCounts(
            self.found + other.found, self.missed + other.missed, self.invented + other.invented
        )

    @property
    def f1(self) -> float:
        """F1, 0..1; 1 when there was nothing to find and nothing was found."""
        total = 2 * self.found + self.missed + self.invented
        return 2 * self.found / total if total else 1.0


@dataclass(frozen=True, slots=True)
class Trial:
    """The result for one conversation under one condition."""

    conversation: int
    condition: str
    conditions: Conditions
    """Conditions as measured from the sound."""
    edges_s: tuple[float, ...]
    """Signed errors of onsets and offsets, seconds; positive is late."""
    pauses: HitCounts
    overlaps: HitCounts
    interruptions: HitCounts
    """Interruptions against acknowledgements, when the words are known."""
    interruptions_by_sound: HitCounts
    """The same, from the sound alone."""
    metrics: dict[str, tuple[float, float]]
    """Metric to (true, measured) value, where both are measurable."""
    talk_error: float
    """Measured minus true share of the talking, percentage points."""


def run_trial(
    planted: Planted, condition: RecordingCondition, conversation: int, seed: int, true: Values
) -> Trial:
    """Disturb the sound, measure it and compare. true: from `true_values`."""
    measurement = measure_channels(*disturb(planted.learner, planted.patient, condition, seed))
    by_sound = read_measured_sound(measurement)
    by_words = read_measured_sound(measurement, words=planted.words)
    metrics = _metrics(true, by_sound, by_words)
    true_share, share = metrics.get("talk_share", (0.0, 0.0))
    return Trial(
        conversation=conversation,
        condition=condition.name,
        conditions=conditions(measurement),
        edges_s=tuple(_edges(planted, measurement)),
        pauses=_pauses(planted, measurement),
        overlaps=_overlaps(planted, measurement),
        interruptions=_interruptions(planted.events, by_words.overlaps),
        interruptions_by_sound=_interruptions(planted.events, by_sound.overlaps),
        metrics=metrics,
        talk_error=share - true_share,
    )


def true_values(planted: Planted) -> Values:
    """Return the planted value of each metric."""
    return _values(measure_reading(truth(planted)))


def _metrics(true: Values, by_sound: Reading, by_words: Reading) -> dict[str, tuple[float, float]]:
    made = dict(_values(measure_reading(by_sound)))
    worded = _values(measure_reading(by_words))
    found = {key: (true[key], made[key]) for key in made if key in true}
    for key, value in worded.items():
        if key in true and (key in ERROR_DEPENDS_ON_WORDS or key not in made):
            name = f"{key}+words" if key in ERROR_DEPENDS_ON_WORDS else key
            found[name] = (true[key], value)
    return found


def _values(measured: Sequence[Measured]) -> Values:
    return {m.key: m.value for m in measured if m.value is not None}


def _lanes(planted: Planted, measurement: SoundMeasurement) -> list[tuple[Intervals, Intervals]]:
    """Return (true, measured) speech of each speaker."""
    return [
        (
            all_speech(planted, who),
            (measurement.learner if who == "learner" else measurement.patient).speech,
        )
        for who in SPEAKERS
    ]


def _edges(planted: Planted, measurement: SoundMeasurement) -> list[float]:
    errors: list[float] = []
    for true, made in _lanes(planted, measurement):
        if len(made) == 0 or len(true) == 0:
            continue
        for column in (0, 1):
            nearest = np.abs(made[:, column][None] - true[:, column][:, None]).argmin(axis=1)
            error = made[nearest, column] - true[:, column]
            errors += error[np.abs(error) <= _NEAR_S].tolist()
    return errors


def _pauses(planted: Planted, measurement: SoundMeasurement) -> HitCounts:
    """Compare the silences of both speakers, within turns and between them."""
    lanes = _lanes(planted, measurement)
    silent = [
        complement(union(lanes[0][k], lanes[1][k]), 0.0, planted.length_s)[1:-1] for k in (0, 1)
    ]
    return _count(silent[0], silent[1], PAUSE_S)


def _overlaps(planted: Planted, measurement: SoundMeasurement) -> HitCounts:
    lanes = _lanes(planted, measurement)
    both = [intersect(lanes[0][k], lanes[1][k]) for k in (0, 1)]
    return _count(both[0], both[1], OVERLAP_S)


def _count(true: Intervals, made: Intervals, shortest_s: float) -> HitCounts:
    nearly = shortest_s - EDGE_S
    found = [_is_in(event, at_least(made, nearly)) for event in at_least(true, shortest_s)]
    real = [_is_in(event, at_least(true, nearly)) for event in at_least(made, shortest_s)]
    return HitCounts(sum(found), found.count(False), real.count(False))


def _is_in(event: Intervals, others: Intervals) -> bool:
    if len(others) == 0:
        return False
    shared = np.minimum(event[1], others[:, 1]) - np.maximum(event[0], others[:, 0])
    longer = np.maximum(event[1] - event[0], others[:, 1] - others[:, 0])
    return bool(np.any(shared > 0.5 * longer))


def _interruptions(events: Sequence[PlantedEvent], found: Sequence[Overlap]) -> HitCounts:
    """Count interruptions against acknowledgements.

    A missed interruption was not found, or found as another kind. An invented one is an
    acknowledgement that was found as an interruption.
    """
    counts = HitCounts()
    for event in events:
        if event.kind not in ("interruption", "acknowledgement"):
            continue
        near = [
            (abs(overlap.start_s - event.start_s), overlap.kind)
            for overlap in found
            if overlap.by == event.by and abs(overlap.start_s - event.start_s) <= _SAME_S
        ]
        is_one = bool(near) and min(near)[1] == "interruption"
        if event.kind == "interruption":
            counts += HitCounts(found=int(is_one), missed=int(not is_one))
        else:
            counts += HitCounts(invented=int(is_one))
    return counts
