"""What each metric computes. Each takes a reading and gives a number, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simvoice.record.events import Delay, Hold
from simvoice.scoring.instruments.news import NewsBeat, news_beat
from simvoice.scoring.metrics import voice_measures as voice
from simvoice.scoring.metrics.quantities import NothingThere, NotMeasurable
from simvoice.scoring.metrics.reading import Reading
from simvoice.timing.overlaps import OverlapKind, of_kind
from simvoice.timing.silences import SilenceKind, Wait, machine_share_s
from simvoice.timing.turns import Speaker, Turn

OPENING_S = 2.0
"""Seconds of the patient's first turn from which it is a statement and not a greeting."""
LOST_SHARE = 0.01
"""Share of lost microphone frames above which times between speakers are not to be trusted: one
in a hundred moves some boundary in nearly every turn."""


# -- what has to be there -------------------------------------------------------------------


def _heard(reading: Reading, *who: Speaker) -> None:
    """Raise unless each of them spoke."""
    for speaker in who:
        if reading.anatomy.speech_s(speaker) <= 0.0:
            raise NotMeasurable(f"the {speaker} did not speak")


def _whole(reading: Reading) -> None:
    """Raise when too much of the microphone's sound was lost."""
    if reading.lost_share > LOST_SHARE:
        raise NotMeasurable(f"{reading.lost_share:.1%} of the microphone's sound was lost")


def _median(values_s: Sequence[float] | NDArray[np.float64]) -> float:
    return float(np.median(values_s))


# -- the measures ---------------------------------------------------------------------------


def talk_share(reading: Reading) -> float:
    """Percent."""
    _heard(reading, "learner", "patient")
    share = reading.anatomy.talk_share("learner")
    return 100.0 * share if share is not None else 0.0


def speech(who: Speaker) -> Callable[[Reading], float]:
    """Seconds of one voice."""
    return lambda reading: reading.anatomy.speech_s(who)


def turns(reading: Reading) -> float:
    """Count of the learner's."""
    return float(sum(turn.who == "learner" for turn in reading.anatomy.turns))


def monologue(reading: Reading) -> float:
    """Seconds of the learner's longest turn."""
    _heard(reading, "learner")
    longest = reading.anatomy.longest_turn("learner")
    if longest is None:
        raise NothingThere("the learner never had the floor")
    return longest.length_s


def latency(reading: Reading) -> float:
    """Seconds, median, from the patient to the learner."""
    _heard(reading, "learner", "patient")
    _whole(reading)
    offsets = reading.anatomy.transfers_s("learner")
    if offsets.size == 0:
        raise NothingThere("the learner never took over from the patient")
    return _median(offsets)


def patient_latency(reading: Reading) -> float:
    """Seconds, median, from the learner to the patient."""
    _heard(reading, "learner", "patient")
    offsets = reading.anatomy.transfers_s("patient")
    if offsets.size == 0:
        raise NothingThere("the patient never took over from the learner")
    return _median(offsets)


def pause_count(reading: Reading) -> float:
    """Count of the learner's."""
    _heard(reading, "learner")
    _whole(reading)
    return float(reading.anatomy.pauses_s("learner").size)


def pause_median(reading: Reading) -> float:
    """Seconds, of the learner's."""
    _heard(reading, "learner")
    _whole(reading)
    pauses = reading.anatomy.pauses_s("learner")
    if pauses.size == 0:
        raise NothingThere("the learner made no pause")
    return _median(pauses)


def overlap_count(reading: Reading) -> float:
    """Count."""
    return float(len(reading.anatomy.overlaps()))


def overlap_time(reading: Reading) -> float:
    """Seconds."""
    return sum(overlap.length_s for overlap in reading.anatomy.overlaps())


def overlap_kind(kind: OverlapKind, by: Speaker) -> Callable[[Reading], float]:
    """Count of the overlaps of that kind that one speaker began."""

    def count(reading: Reading) -> float:
        _heard(reading, "patient" if by == "learner" else "learner")
        return float(len(of_kind(reading.overlaps, kind, by)))

    return count


def interruption_depth(reading: Reading) -> float:
    """Seconds in which both spoke, median."""
    found = of_kind(reading.overlaps, "interruption", "learner")
    if not found:
        raise NothingThere("the patient was never interrupted")
    return _median([overlap.length_s for overlap in found])


def words_lost(reading: Reading) -> float:
    """Words of the patient's."""
    _heard(reading, "patient")
    found = of_kind(reading.overlaps, "interruption", "learner")
    return float(sum(overlap.lost_words or 0 for overlap in found))


def seconds_lost(reading: Reading) -> float:
    """Seconds of the patient's speech."""
    _heard(reading, "patient")
    found = of_kind(reading.overlaps, "interruption", "learner")
    return sum(overlap.lost_s or 0.0 for overlap in found)


def first_interruption(reading: Reading) -> float:
    """Session seconds."""
    _heard(reading, "patient")
    found = of_kind(reading.overlaps, "interruption", "learner")
    if not found:
        raise NothingThere("the patient was never interrupted")
    return found[0].start_s


def _opening(reading: Reading) -> Turn:
    """The patient's opening statement: her first turn of `OPENING_S` and more, or that was cut
    off: how long it would have been nobody knows."""
    _heard(reading, "patient")
    for turn in reading.anatomy.turns:
        if turn.who == "patient" and (turn.length_s >= OPENING_S or _cut_off_s(reading, turn)):
            return turn
    raise NothingThere("the patient made no opening statement")


def opening_length(reading: Reading) -> float:
    """Seconds."""
    return _opening(reading).length_s


def opening_interrupted(reading: Reading) -> float:
    """Seconds from its start."""
    opening = _opening(reading)
    at_s = _cut_off_s(reading, opening)
    if at_s is None:
        raise NothingThere("the opening statement was not interrupted")
    return at_s - opening.start_s


def _cut_off_s(reading: Reading, turn: Turn) -> float | None:
    """Session seconds at which the learner cut off a turn of the patient's; else None. She may have
    paused just then: until her next turn begins it is this one that was going on."""
    found = of_kind(reading.overlaps, "interruption", "learner")
    later = (t.start_s for t in reading.anatomy.turns if t.who == "patient")
    until_s = min((at_s for at_s in later if at_s > turn.start_s), default=float("inf"))
    within = (each.start_s for each in found if turn.start_s <= each.start_s < until_s)
    return next(within, None)


def turn_length(who: Speaker) -> Callable[[Reading], float]:
    """Seconds, median."""

    def measure(reading: Reading) -> float:
        lengths = [turn.length_s for turn in reading.anatomy.turns if turn.who == who]
        if not lengths:
            raise NothingThere(f"the {who} never had the floor")
        return _median(lengths)

    return measure


def floor_share(reading: Reading) -> float:
    """Percent."""
    _heard(reading, "learner", "patient")
    share = reading.anatomy.floor_share("learner")
    if share is None:
        raise NotMeasurable("nobody took the floor")
    return 100.0 * share


def silence_count(reading: Reading) -> float:
    """Count."""
    _heard(reading, "learner", "patient")
    _whole(reading)
    return float(len(reading.anatomy.silences))


def longest_silence(reading: Reading) -> float:
    """Seconds."""
    if silence_count(reading) == 0:
        raise NothingThere("no silence lasted two seconds")
    return max(silence.length_s for silence in reading.anatomy.silences)


def silence_time(reading: Reading) -> float:
    """Seconds."""
    silence_count(reading)
    return sum(silence.length_s for silence in reading.anatomy.silences)


def silences_broken(reading: Reading) -> float:
    """Count."""
    silence_count(reading)
    found = [s for s in reading.anatomy.silences if s.kind != "mid_turn"]
    return float(sum(silence.breaker == "learner" for silence in found))


def silences_of(*kinds: SilenceKind) -> Callable[[Reading], float]:
    """Count of the silences of those kinds."""

    def count(reading: Reading) -> float:
        silence_count(reading)
        return float(sum(silence.kind in kinds for silence in reading.anatomy.silences))

    return count


def _news(reading: Reading) -> NewsBeat:
    beat = news_beat(reading.entries)
    if beat is None:
        raise NothingThere("the news was not told")
    return beat


def news_warning(reading: Reading) -> float:
    """Seconds."""
    beat = _news(reading)
    if beat.warned_s is None:
        raise NothingThere("there was no warning before the news")
    return beat.headline_s - beat.warned_s


def news_silence(reading: Reading) -> float:
    """Seconds, without the machine's own delay."""
    beat = _news(reading)
    if beat.silence_s is None:
        raise NotMeasurable("nobody spoke after the news")
    until_s = beat.told_s + beat.silence_s
    own_s = machine_share_s(beat.told_s, until_s, reading.spoken.waits)
    return beat.silence_s - (own_s if beat.first == "patient" else 0.0)


def holds(outcome: Literal["held", "filled"]) -> Callable[[Reading], float]:
    """Count of the holds with that outcome."""

    def count(reading: Reading) -> float:
        holds = reading.of(Hold)
        if not holds:
            raise NothingThere("the patient never fell silent after a blow")
        return float(sum(hold.outcome == outcome for hold in holds))

    return count


def machine_delay(reading: Reading) -> float:
    """Seconds, median."""
    delays = reading.of(Delay)
    if not delays:
        raise NotMeasurable("the patient answered nothing")
    return _median(
        [Wait(d.speech_end_s, d.first_sound_s, d.chosen_silence_s).machine_s for d in delays]
    )


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
"""Key of `data/metrics.toml` to what computes it."""
