"""What each metric computes. Each takes a reading and gives a number, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simvoice.record.events import Backchannel, Delay, Hold, Interruption
from simvoice.scoring.reading import Reading
from simvoice.timing.floor import Speaker
from simvoice.timing.silences import Wait

LOST_SHARE = 0.01
"""Share of lost microphone frames above which times between speakers are not to be trusted: one
in a hundred moves some boundary in nearly every turn."""


class NotMeasurable(Exception):
    """Why a metric has no value here; a short clause. `metrics` turns it into words."""


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
        raise NotMeasurable("the learner never had the floor")
    return longest.length_s


def latency(reading: Reading) -> float:
    """Seconds, median, from the patient to the learner."""
    _heard(reading, "learner", "patient")
    _whole(reading)
    offsets = reading.anatomy.transfers_s("learner")
    if offsets.size == 0:
        raise NotMeasurable("the learner never took over from the patient")
    return _median(offsets)


def patient_latency(reading: Reading) -> float:
    """Seconds, median, from the learner to the patient."""
    _heard(reading, "learner", "patient")
    offsets = reading.anatomy.transfers_s("patient")
    if offsets.size == 0:
        raise NotMeasurable("the patient never took over from the learner")
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
        raise NotMeasurable("the learner made no pause")
    return _median(pauses)


def overlap_count(reading: Reading) -> float:
    """Count."""
    return float(len(reading.anatomy.overlaps()))


def overlap_time(reading: Reading) -> float:
    """Seconds."""
    return sum(overlap.length_s for overlap in reading.anatomy.overlaps())


def interruptions(reading: Reading) -> float:
    """Count."""
    _heard(reading, "patient")
    return float(len(reading.of(Interruption)))


def words_lost(reading: Reading) -> float:
    """Words of the patient's."""
    _heard(reading, "patient")
    return float(sum(entry.lost_words for entry in reading.of(Interruption)))


def seconds_lost(reading: Reading) -> float:
    """Seconds of the patient's speech."""
    _heard(reading, "patient")
    return sum(entry.lost_s for entry in reading.of(Interruption))


def first_interruption(reading: Reading) -> float:
    """Session seconds."""
    _heard(reading, "patient")
    found = reading.of(Interruption)
    if not found:
        raise NotMeasurable("the patient was never interrupted")
    return found[0].start_s


def backchannels(reading: Reading) -> float:
    """Count."""
    _heard(reading, "patient")
    return float(len(reading.of(Backchannel)))


def silence_count(reading: Reading) -> float:
    """Count."""
    _heard(reading, "learner", "patient")
    _whole(reading)
    return float(len(reading.anatomy.silences))


def longest_silence(reading: Reading) -> float:
    """Seconds."""
    if silence_count(reading) == 0:
        raise NotMeasurable("no silence lasted two seconds")
    return max(silence.length_s for silence in reading.anatomy.silences)


def holds(outcome: Literal["held", "filled"]) -> Callable[[Reading], float]:
    """Count of the holds with that outcome."""

    def count(reading: Reading) -> float:
        holds = reading.of(Hold)
        if not holds:
            raise NotMeasurable("the patient never fell silent after a blow")
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
        "learner_turns": turns,
        "longest_monologue": monologue,
        "response_latency": latency,
        "patient_latency": patient_latency,
        "learner_pauses": pause_count,
        "learner_pause_length": pause_median,
        "overlaps": overlap_count,
        "overlap_time": overlap_time,
        "interruptions": interruptions,
        "words_lost": words_lost,
        "seconds_lost": seconds_lost,
        "first_interruption": first_interruption,
        "backchannels": backchannels,
        "silences": silence_count,
        "longest_silence": longest_silence,
        "holds_held": holds("held"),
        "holds_filled": holds("filled"),
        "machine_delay": machine_delay,
    }
)
"""Key of `data/metrics.toml` to what computes it."""
