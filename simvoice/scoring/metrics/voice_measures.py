"""Compute the metrics of voice and words: acoustic facts, never feelings.

Like `measures`: functions of a reading that return a number or raise NotMeasurable.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simvoice.reading.news import distressed
from simvoice.reading.reading import Reading
from simvoice.scoring.metrics.quantities import NotMeasurable
from simvoice.timing.intervals import Intervals, intersect, intervals, subtract, total_s
from simvoice.timing.measure_sound import ChannelMeasurement
from simvoice.timing.prosody import FloatSeries, VoiceProfile, quantile
from simvoice.timing.turns import Speaker, turn_extents

LEAST_S = 10.0
"""Least speech, seconds; with less, the median and range of a voice depend mostly on the words."""
LEAST_PART_S = 5.0
"""Least speech in each of two parts that are compared, seconds."""
LEAST_SPAN_S = 60.0
"""Shortest encounter for which the course of a measure is computed, seconds."""
DISTRESS = 0.6
"""Distress, 0..1, from which it shows in the patient's voice."""
FILLERS = frozenset({"um", "uh", "er", "erm", "uhm", "hm", "hmm", "eh", "ah"})


def _channel(reading: Reading, who: Speaker) -> ChannelMeasurement:
    assert reading.sound is not None  # `needs` holds "sound"
    return reading.sound.learner if who == "learner" else reading.sound.patient


def _voice(reading: Reading, who: Speaker) -> VoiceProfile:
    """The voice profile of a speaker. Raises NotMeasurable when there is too little speech."""
    channel = _channel(reading, who)
    if total_s(channel.speech) < LEAST_S:
        raise NotMeasurable(f"the {who} spoke for less than {LEAST_S:.0f} s")
    return channel.voice


def _speech(reading: Reading, who: Speaker) -> Intervals:
    return _channel(reading, who).speech


def _spoken_s(reading: Reading, who: Speaker) -> float:
    """Seconds of speech from the timeline. Raises NotMeasurable when there is too little."""
    spoken_s = reading.timeline.speech_s(who)
    if spoken_s < LEAST_S:
        raise NotMeasurable(f"the {who} spoke for less than {LEAST_S:.0f} s")
    return spoken_s


def _voiced(voice: VoiceProfile) -> FloatSeries:
    semitones = voice.semitones()
    if semitones.size < 50:  # one second
        raise NotMeasurable("hardly any pitch was found")
    return semitones


def pitch_median(who: Speaker) -> Callable[[Reading], float]:
    """Measure of the median pitch, semitones re 100 Hz."""
    return lambda reading: quantile(_voiced(_voice(reading, who)), 0.5)


def pitch_range(who: Speaker) -> Callable[[Reading], float]:
    """Measure of the pitch between the 10th and the 90th percentile, semitones."""

    def measure(reading: Reading) -> float:
        semitones = _voiced(_voice(reading, who))
        return quantile(semitones, 0.9) - quantile(semitones, 0.1)

    return measure


def loudness_range(who: Speaker) -> Callable[[Reading], float]:
    """Measure of the level between the 10th and the 90th percentile of stretches of speech, dB."""

    def measure(reading: Reading) -> float:
        levels = _voice(reading, who).level_db
        return quantile(levels, 0.9) - quantile(levels, 0.1)

    return measure


def articulation_rate(who: Speaker) -> Callable[[Reading], float]:
    """Measure of syllables for each second of speech, pauses left out."""
    return lambda reading: _voice(reading, who).nuclei_s.size / total_s(_speech(reading, who))


def speech_rate(who: Speaker) -> Callable[[Reading], float]:
    """Measure of syllables for each second of a speaker's turns, pauses included."""

    def measure(reading: Reading) -> float:
        turns = turn_extents(reading.timeline.turns, who)
        if total_s(turns) < LEAST_S:
            raise NotMeasurable(f"the {who} had the turn for less than {LEAST_S:.0f} s")
        return _voice(reading, who).inside(turns).nuclei_s.size / total_s(turns)

    return measure


def word_rate(who: Speaker) -> Callable[[Reading], float]:
    """Measure of words for each minute of speech, pauses left out."""

    def measure(reading: Reading) -> float:
        spoken_s = _spoken_s(reading, who)
        return 60.0 * sum(word.who == who for word in reading.words) / spoken_s

    return measure


def filled_pauses(who: Speaker) -> Callable[[Reading], float]:
    """Measure of filled pauses for each minute of speech."""

    def measure(reading: Reading) -> float:
        spoken_s = _spoken_s(reading, who)
        count = sum(
            word.who == who and word.text.lower().strip(".,;:!?-–—…\"'") in FILLERS
            for word in reading.words
        )
        return 60.0 * count / spoken_s

    return measure


# -- the learner's voice while the patient is distressed ------------------------------------


def _rate(voice: VoiceProfile, speech: Intervals) -> float:
    return voice.nuclei_s.size / total_s(speech)


def _loudness(voice: VoiceProfile, speech: Intervals) -> float:
    lengths = voice.end_s - voice.start_s
    powers = 10.0 ** (voice.level_db / 10.0)
    return float(10.0 * np.log10(np.sum(powers * lengths) / np.sum(lengths)))


def _pitch(voice: VoiceProfile, speech: Intervals) -> float:
    return quantile(_voiced(voice), 0.5)


VoiceMeasure = Callable[[VoiceProfile, Intervals], float]


def in_distress(voice_measure: VoiceMeasure) -> Callable[[Reading], float]:
    """Measure of the learner's voice while the patient's distress is high, minus the same measure
    of the rest of the learner's speech."""

    def measure(reading: Reading) -> float:
        voice, speech = _voice(reading, "learner"), _speech(reading, "learner")
        spans = intervals(
            [
                (a, min(b, reading.speech_times.end_s))
                for a, b in distressed(reading.entries, DISTRESS)
            ]
        )
        inside, outside = intersect(speech, spans), subtract(speech, spans)
        if min(total_s(inside), total_s(outside)) < LEAST_PART_S:
            raise NotMeasurable(
                f"you spoke for less than {LEAST_PART_S:.0f} s while the patient's distress was "
                "high, or while it was not"
            )
        high = voice_measure(voice.inside(inside), inside)
        return high - voice_measure(voice.inside(outside), outside)

    return measure


# -- course over the encounter --------------------------------------------------------------


def _slope(
    reading: Reading, times_s: FloatSeries, values: FloatSeries, weights: FloatSeries
) -> float:
    """Slope of values over time for each minute, by weighted least squares."""
    if reading.speech_times.end_s - reading.speech_times.start_s < LEAST_SPAN_S or times_s.size < 5:
        raise NotMeasurable("the encounter was too short to have a course")
    minutes = (times_s - np.average(times_s, weights=weights)) / 60.0
    spread = float(np.sum(weights * minutes**2))
    if spread <= 0.0:
        raise NotMeasurable("all of the speech is at one time")
    return float(np.sum(weights * minutes * values)) / spread


def pitch_course(reading: Reading) -> float:
    """Slope of the learner's pitch, semitones for each minute."""
    voice = _voice(reading, "learner")
    semitones = _voiced(voice)
    return _slope(reading, voice.pitch_s, semitones, np.ones_like(semitones))


def loudness_course(reading: Reading) -> float:
    """Slope of the learner's level, decibels for each minute."""
    voice = _voice(reading, "learner")
    middles = (voice.start_s + voice.end_s) / 2.0
    return _slope(reading, middles, voice.level_db, voice.end_s - voice.start_s)


def rate_course(reading: Reading) -> float:
    """Slope of the learner's articulation rate, syllables per second for each minute."""
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
"""Syllables per second."""
