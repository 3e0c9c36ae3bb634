"""Compute the metrics of voice and words: acoustic facts, never feelings.

Like `measures`: each function returns a number in the unit of its entry in `data/metrics.toml`, or
raises NotMeasurable.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simvoice.reading.news import distressed
from simvoice.reading.reading import Reading
from simvoice.scoring.metrics.functions import metric
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


@metric("pitch_median", who="learner")
@metric("patient_pitch_median", who="patient")
def pitch_median(reading: Reading, who: Speaker) -> float:
    """Median pitch, semitones re 100 Hz."""
    return quantile(_voiced(_voice(reading, who)), 0.5)


@metric("pitch_range", who="learner")
@metric("patient_pitch_range", who="patient")
def pitch_range(reading: Reading, who: Speaker) -> float:
    """Pitch between the 10th and the 90th percentile, semitones."""
    semitones = _voiced(_voice(reading, who))
    return quantile(semitones, 0.9) - quantile(semitones, 0.1)


@metric("loudness_range", who="learner")
def loudness_range(reading: Reading, who: Speaker) -> float:
    """Level between the 10th and the 90th percentile of stretches of speech, dB."""
    levels = _voice(reading, who).level_db
    return quantile(levels, 0.9) - quantile(levels, 0.1)


@metric("articulation_rate", who="learner")
@metric("patient_articulation_rate", who="patient")
def articulation_rate(reading: Reading, who: Speaker) -> float:
    """Syllables for each second of speech, pauses left out."""
    return _voice(reading, who).nuclei_s.size / total_s(_speech(reading, who))


@metric("speech_rate", who="learner")
def speech_rate(reading: Reading, who: Speaker) -> float:
    """Syllables for each second of a speaker's turns, pauses included."""
    turns = turn_extents(reading.timeline.turns, who)
    if total_s(turns) < LEAST_S:
        raise NotMeasurable(f"the {who} had the turn for less than {LEAST_S:.0f} s")
    return _voice(reading, who).inside(turns).nuclei_s.size / total_s(turns)


@metric("word_rate", who="learner")
def word_rate(reading: Reading, who: Speaker) -> float:
    """Words for each minute of speech, pauses left out."""
    spoken_s = _spoken_s(reading, who)
    return 60.0 * sum(word.who == who for word in reading.words) / spoken_s


@metric("filled_pauses", who="learner")
def filled_pauses(reading: Reading, who: Speaker) -> float:
    """Filled pauses for each minute of speech."""
    spoken_s = _spoken_s(reading, who)
    count = sum(
        word.who == who and word.text.lower().strip(".,;:!?-–—…\"'") in FILLERS
        for word in reading.words
    )
    return 60.0 * count / spoken_s


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


@metric("pitch_in_distress", voice_measure=_pitch)
@metric("loudness_in_distress", voice_measure=_loudness)
@metric("rate_in_distress", voice_measure=_rate)
def in_distress(reading: Reading, voice_measure: VoiceMeasure) -> float:
    """A measure of the learner's voice while the patient's distress is high, minus the same measure
    of the rest of the learner's speech, in the unit of the measure."""
    voice, speech = _voice(reading, "learner"), _speech(reading, "learner")
    end_s = reading.speech_times.end_s
    spans = intervals([(a, min(b, end_s)) for a, b in distressed(reading.entries, DISTRESS)])
    inside, outside = intersect(speech, spans), subtract(speech, spans)
    if min(total_s(inside), total_s(outside)) < LEAST_PART_S:
        raise NotMeasurable(
            f"you spoke for less than {LEAST_PART_S:.0f} s while the patient's distress was "
            "high, or while it was not"
        )
    high = voice_measure(voice.inside(inside), inside)
    return high - voice_measure(voice.inside(outside), outside)


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


@metric("pitch_course")
def pitch_course(reading: Reading) -> float:
    """Slope of the learner's pitch, semitones for each minute."""
    voice = _voice(reading, "learner")
    semitones = _voiced(voice)
    return _slope(reading, voice.pitch_s, semitones, np.ones_like(semitones))


@metric("loudness_course")
def loudness_course(reading: Reading) -> float:
    """Slope of the learner's level, decibels for each minute."""
    voice = _voice(reading, "learner")
    middles = (voice.start_s + voice.end_s) / 2.0
    return _slope(reading, middles, voice.level_db, voice.end_s - voice.start_s)


@metric("rate_course")
def rate_course(reading: Reading) -> float:
    """Slope of the learner's articulation rate, syllables per second for each minute."""
    voice = _voice(reading, "learner")
    middles, lengths = (voice.start_s + voice.end_s) / 2.0, voice.end_s - voice.start_s
    counts = np.searchsorted(voice.nuclei_s, voice.end_s) - np.searchsorted(
        voice.nuclei_s, voice.start_s
    )
    return _slope(reading, middles, counts / lengths, lengths)
