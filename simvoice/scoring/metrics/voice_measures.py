"""What each metric of the voice and the words computes. Acoustic facts, never feelings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simvoice.scoring.instruments.news import distressed
from simvoice.scoring.metrics.quantities import NotMeasurable
from simvoice.scoring.metrics.reading import Reading
from simvoice.timing.intervals import Intervals, intersect, intervals, subtract, total_s
from simvoice.timing.prosody import FloatSeries, VoiceProfile, quantile
from simvoice.timing.turns import Speaker

LEAST_S = 10.0
"""Seconds of speech below which a voice's median and range say more of the words than of it."""
LEAST_PART_S = 5.0
"""Seconds of speech in each of two parts that are compared."""
LEAST_SPAN_S = 60.0
"""Seconds of an encounter below which there is no course of anything."""
DISTRESS = 0.6
"""Of 0..1: from here on the patient's distress shows in her voice."""
FILLERS = frozenset({"um", "uh", "er", "erm", "uhm", "hm", "hmm", "eh", "ah"})


def _voice(reading: Reading, who: Speaker) -> VoiceProfile:
    """Raise unless there is enough of it."""
    assert reading.heard is not None  # `needs` holds "sound"
    lane = reading.heard.learner if who == "learner" else reading.heard.patient
    if total_s(lane.speech) < LEAST_S:
        raise NotMeasurable(f"the {who} spoke for less than {LEAST_S:.0f} s")
    return lane.voice


def _speech(reading: Reading, who: Speaker) -> Intervals:
    assert reading.heard is not None
    return (reading.heard.learner if who == "learner" else reading.heard.patient).speech


def _voiced(voice: VoiceProfile) -> FloatSeries:
    semitones = voice.semitones()
    if semitones.size < 50:  # one second
        raise NotMeasurable("hardly any pitch was found")
    return semitones


def pitch_median(who: Speaker) -> Callable[[Reading], float]:
    """Semitones re 100 Hz."""
    return lambda reading: quantile(_voiced(_voice(reading, who)), 0.5)


def pitch_range(who: Speaker) -> Callable[[Reading], float]:
    """Semitones between the 10th and the 90th percentile."""

    def measure(reading: Reading) -> float:
        semitones = _voiced(_voice(reading, who))
        return quantile(semitones, 0.9) - quantile(semitones, 0.1)

    return measure


def loudness_range(who: Speaker) -> Callable[[Reading], float]:
    """Decibels between the 10th and the 90th percentile of the stretches of speech."""

    def measure(reading: Reading) -> float:
        levels = _voice(reading, who).level_db
        return quantile(levels, 0.9) - quantile(levels, 0.1)

    return measure


def articulation_rate(who: Speaker) -> Callable[[Reading], float]:
    """Syllables a second of speech, pauses left out."""
    return lambda reading: _voice(reading, who).nuclei_s.size / total_s(_speech(reading, who))


def speech_rate(who: Speaker) -> Callable[[Reading], float]:
    """Syllables a second of holding the floor, pauses included."""

    def measure(reading: Reading) -> float:
        held = intervals([(t.start_s, t.end_s) for t in reading.anatomy.turns if t.who == who])
        if total_s(held) < LEAST_S:
            raise NotMeasurable(f"the {who} held the floor for less than {LEAST_S:.0f} s")
        return _voice(reading, who).inside(held).nuclei_s.size / total_s(held)

    return measure


def word_rate(who: Speaker) -> Callable[[Reading], float]:
    """Words a minute of speech, pauses left out."""

    def measure(reading: Reading) -> float:
        spoken_s = reading.anatomy.speech_s(who)
        if spoken_s < LEAST_S:
            raise NotMeasurable(f"the {who} spoke for less than {LEAST_S:.0f} s")
        return 60.0 * sum(word.who == who for word in reading.words) / spoken_s

    return measure


def filled_pauses(who: Speaker) -> Callable[[Reading], float]:
    """A minute of speech."""

    def measure(reading: Reading) -> float:
        spoken_s = reading.anatomy.speech_s(who)
        if spoken_s < LEAST_S:
            raise NotMeasurable(f"the {who} spoke for less than {LEAST_S:.0f} s")
        count = sum(
            word.who == who and word.text.lower().strip(".,;:!?-–—…\"'") in FILLERS
            for word in reading.words
        )
        return 60.0 * count / spoken_s

    return measure


# -- towards the patient's distress ---------------------------------------------------------


def _rate(voice: VoiceProfile, speech: Intervals) -> float:
    return voice.nuclei_s.size / total_s(speech)


def _loudness(voice: VoiceProfile, speech: Intervals) -> float:
    lengths = voice.end_s - voice.start_s
    powers = 10.0 ** (voice.level_db / 10.0)
    return float(10.0 * np.log10(np.sum(powers * lengths) / np.sum(lengths)))


def _pitch(voice: VoiceProfile, speech: Intervals) -> float:
    return quantile(_voiced(voice), 0.5)


VoiceMeasure = Callable[[VoiceProfile, Intervals], float]


def in_distress(fact: VoiceMeasure) -> Callable[[Reading], float]:
    """How far the learner's voice was, while the patient's distress was high, from what it was
    else; in the fact's own unit."""

    def measure(reading: Reading) -> float:
        voice, speech = _voice(reading, "learner"), _speech(reading, "learner")
        spans = intervals(
            [(a, min(b, reading.spoken.end_s)) for a, b in distressed(reading.entries, DISTRESS)]
        )
        then, else_ = intersect(speech, spans), subtract(speech, spans)
        if min(total_s(then), total_s(else_)) < LEAST_PART_S:
            raise NotMeasurable(
                f"you spoke for less than {LEAST_PART_S:.0f} s while the patient's distress was "
                "high, or else"
            )
        return fact(voice.inside(then), then) - fact(voice.inside(else_), else_)

    return measure


# -- over the encounter ---------------------------------------------------------------------


def _slope(
    reading: Reading, times_s: FloatSeries, values: FloatSeries, weights: FloatSeries
) -> float:
    """Per minute, by weighted least squares."""
    if reading.spoken.end_s - reading.spoken.start_s < LEAST_SPAN_S or times_s.size < 5:
        raise NotMeasurable("the encounter was too short to have a course")
    minutes = (times_s - np.average(times_s, weights=weights)) / 60.0
    spread = float(np.sum(weights * minutes**2))
    if spread <= 0.0:
        raise NotMeasurable("all of the speech lies in one place")
    return float(np.sum(weights * minutes * values)) / spread


def pitch_course(reading: Reading) -> float:
    """Semitones a minute."""
    voice = _voice(reading, "learner")
    semitones = _voiced(voice)
    return _slope(reading, voice.pitch_s, semitones, np.ones_like(semitones))


def loudness_course(reading: Reading) -> float:
    """Decibels a minute."""
    voice = _voice(reading, "learner")
    middles = (voice.start_s + voice.end_s) / 2.0
    return _slope(reading, middles, voice.level_db, voice.end_s - voice.start_s)


def rate_course(reading: Reading) -> float:
    """Syllables a second, a minute."""
    voice = _voice(reading, "learner")
    middles, lengths = (voice.start_s + voice.end_s) / 2.0, voice.end_s - voice.start_s
    counts = np.searchsorted(voice.nuclei_s, voice.end_s) - np.searchsorted(
        voice.nuclei_s, voice.start_s
    )
    return _slope(reading, middles, counts / lengths, lengths)


pitch_in_distress = in_distress(_pitch)
"""Semitones."""
loudness_in_distress = in_distress(_loudness)
"""Decibels."""
rate_in_distress = in_distress(_rate)
"""Syllables a second."""
