"""Compute each metric: a function of a reading that returns a number or raises NotMeasurable.

The unit of each number is the unit in `data/metrics.toml`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simvoice.reading.news import NewsBeat, news_beat
from simvoice.reading.reading import Reading
from simvoice.record.events import Delay, Hold
from simvoice.scoring.metrics import voice_measures as voice
from simvoice.scoring.metrics.quantities import NothingToMeasure, NotMeasurable
from simvoice.timing.overlaps import OverlapKind, overlaps_of_kind
from simvoice.timing.silences import SilenceKind, Wait, machine_share_s
from simvoice.timing.turns import Speaker, Turn

OPENING_S = 2.0
"""Shortest first turn of the patient that counts as a statement and not as a greeting, seconds."""
LOST_SHARE = 0.01
"""Share of lost microphone frames above which times between speakers are not measurable: one lost
frame in a hundred moves some boundary in nearly every turn."""


# -- requirements ---------------------------------------------------------------------------


def _require_speech(reading: Reading, *who: Speaker) -> None:
    """Raise NotMeasurable unless each of these speakers spoke."""
    for speaker in who:
        if reading.timeline.speech_s(speaker) <= 0.0:
            raise NotMeasurable(f"the {speaker} did not speak")


def _require_complete_sound(reading: Reading) -> None:
    """Raise NotMeasurable when too much of the microphone's sound was lost."""
    if reading.lost_share > LOST_SHARE:
        raise NotMeasurable(f"{reading.lost_share:.1%} of the microphone's sound was lost")


def _median(values_s: Sequence[float] | NDArray[np.float64]) -> float:
    return float(np.median(values_s))


# -- speech and turns -----------------------------------------------------------------------


def talk_share(reading: Reading) -> float:
    """The learner's share of all speech, percent."""
    _require_speech(reading, "learner", "patient")
    share = reading.timeline.talk_share("learner")
    return 100.0 * share if share is not None else 0.0


def speech(who: Speaker) -> Callable[[Reading], float]:
    """Measure of one speaker's speech, seconds."""
    return lambda reading: reading.timeline.speech_s(who)


def turns(reading: Reading) -> float:
    """Number of the learner's turns."""
    return float(sum(turn.who == "learner" for turn in reading.timeline.turns))


def monologue(reading: Reading) -> float:
    """Length of the learner's longest turn, seconds."""
    _require_speech(reading, "learner")
    longest = reading.timeline.longest_turn("learner")
    if longest is None:
        raise NothingToMeasure("the learner never had the turn")
    return longest.length_s


def latency(reading: Reading) -> float:
    """Median floor transfer offset from the patient to the learner, seconds."""
    _require_speech(reading, "learner", "patient")
    _require_complete_sound(reading)
    offsets = reading.timeline.transfers_s("learner")
    if offsets.size == 0:
        raise NothingToMeasure("the learner never took the turn from the patient")
    return _median(offsets)


def patient_latency(reading: Reading) -> float:
    """Median floor transfer offset from the learner to the patient, seconds."""
    _require_speech(reading, "learner", "patient")
    offsets = reading.timeline.transfers_s("patient")
    if offsets.size == 0:
        raise NothingToMeasure("the patient never took the turn from the learner")
    return _median(offsets)


def pause_count(reading: Reading) -> float:
    """Number of the learner's pauses."""
    _require_speech(reading, "learner")
    _require_complete_sound(reading)
    return float(reading.timeline.pauses_s("learner").size)


def pause_median(reading: Reading) -> float:
    """Median length of the learner's pauses, seconds."""
    _require_speech(reading, "learner")
    _require_complete_sound(reading)
    pauses = reading.timeline.pauses_s("learner")
    if pauses.size == 0:
        raise NothingToMeasure("the learner made no pause")
    return _median(pauses)


# -- overlaps ------------------------------------------------------------------------------


def overlap_count(reading: Reading) -> float:
    """Number of overlaps."""
    return float(len(reading.timeline.overlaps()))


def overlap_time(reading: Reading) -> float:
    """Seconds in which both spoke."""
    return sum(overlap.length_s for overlap in reading.timeline.overlaps())


def overlap_kind(kind: OverlapKind, by: Speaker) -> Callable[[Reading], float]:
    """Measure of the number of overlaps of one kind that one speaker began."""

    def count(reading: Reading) -> float:
        _require_speech(reading, "patient" if by == "learner" else "learner")
        return float(len(overlaps_of_kind(reading.overlaps, kind, by)))

    return count


def interruption_depth(reading: Reading) -> float:
    """Median time in which both voices sounded before an interruption succeeded, seconds."""
    found = overlaps_of_kind(reading.overlaps, "interruption", "learner")
    if not found:
        raise NothingToMeasure("the patient was never interrupted")
    return _median([overlap.both_s for overlap in found])


def words_lost(reading: Reading) -> float:
    """Number of the patient's words that interruptions cut off."""
    _require_speech(reading, "patient")
    found = overlaps_of_kind(reading.overlaps, "interruption", "learner")
    return float(sum(overlap.lost_words or 0 for overlap in found))


def seconds_lost(reading: Reading) -> float:
    """Seconds of the patient's speech that interruptions cut off."""
    _require_speech(reading, "patient")
    found = overlaps_of_kind(reading.overlaps, "interruption", "learner")
    return sum(overlap.lost_s or 0.0 for overlap in found)


def first_interruption(reading: Reading) -> float:
    """Session seconds of the first interruption."""
    _require_speech(reading, "patient")
    found = overlaps_of_kind(reading.overlaps, "interruption", "learner")
    if not found:
        raise NothingToMeasure("the patient was never interrupted")
    return found[0].start_s


# -- the opening statement -----------------------------------------------------------------


def _opening(reading: Reading) -> Turn:
    """The patient's opening statement: the first turn of `OPENING_S` or more, or the first turn
    that the learner cut off, whose full length is unknown."""
    _require_speech(reading, "patient")
    for turn in reading.timeline.turns:
        if turn.who == "patient" and (turn.length_s >= OPENING_S or _cut_off_s(reading, turn)):
            return turn
    raise NothingToMeasure("the patient made no opening statement")


def opening_length(reading: Reading) -> float:
    """Length of the opening statement, seconds."""
    return _opening(reading).length_s


def opening_interrupted(reading: Reading) -> float:
    """Seconds from the start of the opening statement to its first interruption."""
    opening = _opening(reading)
    at_s = _cut_off_s(reading, opening)
    if at_s is None:
        raise NothingToMeasure("the opening statement was not interrupted")
    return at_s - opening.start_s


def _cut_off_s(reading: Reading, turn: Turn) -> float | None:
    """Session seconds at which the learner cut off a turn of the patient; None otherwise.

    The patient may have paused at that moment, so a turn counts as open until the next one begins.
    """
    found = overlaps_of_kind(reading.overlaps, "interruption", "learner")
    later = (t.start_s for t in reading.timeline.turns if t.who == "patient")
    until_s = min((at_s for at_s in later if at_s > turn.start_s), default=float("inf"))
    within = (each.start_s for each in found if turn.start_s <= each.start_s < until_s)
    return next(within, None)


# -- lengths and shares of turns -----------------------------------------------------------


def turn_length(who: Speaker) -> Callable[[Reading], float]:
    """Measure of the median length of one speaker's turns, seconds."""

    def measure(reading: Reading) -> float:
        lengths = [turn.length_s for turn in reading.timeline.turns if turn.who == who]
        if not lengths:
            raise NothingToMeasure(f"the {who} never had the turn")
        return _median(lengths)

    return measure


def floor_share(reading: Reading) -> float:
    """The learner's share of the time of all turns, percent."""
    _require_speech(reading, "learner", "patient")
    share = reading.timeline.floor_share("learner")
    if share is None:
        raise NotMeasurable("no one took a turn")
    return 100.0 * share


# -- silences -------------------------------------------------------------------------------


def silence_count(reading: Reading) -> float:
    """Number of silences."""
    _require_speech(reading, "learner", "patient")
    _require_complete_sound(reading)
    return float(len(reading.timeline.silences))


def longest_silence(reading: Reading) -> float:
    """Length of the longest silence, seconds."""
    if silence_count(reading) == 0:
        raise NothingToMeasure("no silence lasted two seconds")
    return max(silence.length_s for silence in reading.timeline.silences)


def silence_time(reading: Reading) -> float:
    """Total length of the silences, seconds."""
    silence_count(reading)
    return sum(silence.length_s for silence in reading.timeline.silences)


def silences_broken(reading: Reading) -> float:
    """Number of silences that the learner broke, other than the learner's own pauses."""
    silence_count(reading)
    found = [s for s in reading.timeline.silences if s.kind != "mid_turn"]
    return float(sum(silence.breaker == "learner" for silence in found))


def silences_of(*kinds: SilenceKind) -> Callable[[Reading], float]:
    """Measure of the number of silences of these kinds."""

    def count(reading: Reading) -> float:
        silence_count(reading)
        return float(sum(silence.kind in kinds for silence in reading.timeline.silences))

    return count


# -- news, holds and delay -----------------------------------------------------------------


def _news(reading: Reading) -> NewsBeat:
    beat = news_beat(reading.entries)
    if beat is None:
        raise NothingToMeasure("the news was not told")
    return beat


def news_warning(reading: Reading) -> float:
    """Seconds from the last warning to the news."""
    beat = _news(reading)
    if beat.warned_s is None:
        raise NothingToMeasure("there was no warning before the news")
    return beat.headline_s - beat.warned_s


def news_silence(reading: Reading) -> float:
    """Seconds from the news to the next word, the machine's own delay left out."""
    beat = _news(reading)
    if beat.silence_s is None:
        raise NotMeasurable("no one spoke after the news")
    until_s = beat.told_s + beat.silence_s
    machine_s = machine_share_s(beat.told_s, until_s, reading.speech_times.waits)
    return beat.silence_s - (machine_s if beat.first == "patient" else 0.0)


def holds(outcome: Literal["held", "filled"]) -> Callable[[Reading], float]:
    """Measure of the number of holds with this outcome."""

    def count(reading: Reading) -> float:
        holds = reading.of(Hold)
        if not holds:
            raise NothingToMeasure("the patient never fell silent after hard news")
        return float(sum(hold.outcome == outcome for hold in holds))

    return count


def machine_delay(reading: Reading) -> float:
    """Median delay of the machine before the patient's answers, seconds."""
    delays = reading.of(Delay)
    if not delays:
        raise NotMeasurable("the patient answered nothing")
    return _median(
        [Wait(d.speech_end_s, d.first_sound_s, d.chosen_silence_s).machine_s for d in delays]
    )


# -- all measures --------------------------------------------------------------------------


MEASURES: Mapping[str, Callable[[Reading], float]] = MappingProxyType(
    {
        "talk_share": talk_share,
        "learner_speech": speech("learner"),
        "patient_speech": speech("patient"),
        "floor_share": floor_share,
        "learner_turns": turns,
        "turn_length": turn_length("learner"),
        "patient_turn_length": turn_length("patient"),
        "longest_monologue": monologue,
        "response_latency": latency,
        "patient_latency": patient_latency,
        "learner_pauses": pause_count,
        "learner_pause_length": pause_median,
        "overlaps": overlap_count,
        "overlap_time": overlap_time,
        "interruptions": overlap_kind("interruption", "learner"),
        "interruption_depth": interruption_depth,
        "interruption_attempts": overlap_kind("attempt", "learner"),
        "early_starts": overlap_kind("early", "learner"),
        "patient_interruptions": overlap_kind("interruption", "patient"),
        "words_lost": words_lost,
        "seconds_lost": seconds_lost,
        "first_interruption": first_interruption,
        "opening_statement": opening_length,
        "opening_interrupted": opening_interrupted,
        "backchannels": overlap_kind("acknowledgement", "learner"),
        "silences": silence_count,
        "silence_time": silence_time,
        "longest_silence": longest_silence,
        "silences_broken": silences_broken,
        "silences_after_question": silences_of("after_question"),
        "silences_after_cue": silences_of("after_cue"),
        "silences_after_news": silences_of("after_news", "hold"),
        "silences_mid_turn": silences_of("mid_turn"),
        "holds_held": holds("held"),
        "holds_filled": holds("filled"),
        "news_warning": news_warning,
        "news_silence": news_silence,
        "machine_delay": machine_delay,
        "word_rate": voice.word_rate("learner"),
        "filled_pauses": voice.filled_pauses("learner"),
        "speech_rate": voice.speech_rate("learner"),
        "articulation_rate": voice.articulation_rate("learner"),
        "patient_articulation_rate": voice.articulation_rate("patient"),
        "pitch_median": voice.pitch_median("learner"),
        "pitch_range": voice.pitch_range("learner"),
        "patient_pitch_median": voice.pitch_median("patient"),
        "patient_pitch_range": voice.pitch_range("patient"),
        "loudness_range": voice.loudness_range("learner"),
        "pitch_in_distress": voice.pitch_in_distress,
        "loudness_in_distress": voice.loudness_in_distress,
        "rate_in_distress": voice.rate_in_distress,
        "pitch_course": voice.pitch_course,
        "loudness_course": voice.loudness_course,
        "rate_course": voice.rate_course,
    }
)
"""Key of a metric in `data/metrics.toml` to the function that computes it."""
