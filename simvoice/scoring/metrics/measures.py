"""Compute the metrics of speech, turns, overlaps and silences.

Each function returns a number in the unit of its entry in `data/metrics.toml`, or raises
NotMeasurable. `voice_measures` has those of voice and words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simvoice.display import percent
from simvoice.reading.news import NewsBeat, news_beat
from simvoice.reading.reading import Reading
from simvoice.record.events import Delay, Hold
from simvoice.scoring.metrics.functions import metric
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
        raise NotMeasurable(f"{percent(reading.lost_share, 1)} of the microphone's sound was lost")


def _median(values_s: Sequence[float] | NDArray[np.float64]) -> float:
    return float(np.median(values_s))


# -- speech and turns -----------------------------------------------------------------------


@metric("talk_share")
def talk_share(reading: Reading) -> float:
    """The learner's share of all speech, percent."""
    _require_speech(reading, "learner", "patient")
    share = reading.timeline.talk_share("learner")
    return 100.0 * share if share is not None else 0.0


@metric("learner_speech", who="learner")
@metric("patient_speech", who="patient")
def speech(reading: Reading, who: Speaker) -> float:
    """One speaker's speech, seconds."""
    return reading.timeline.speech_s(who)


@metric("learner_turns")
def turns(reading: Reading) -> float:
    """Number of the learner's turns."""
    return float(sum(turn.who == "learner" for turn in reading.timeline.turns))


@metric("longest_monologue")
def monologue(reading: Reading) -> float:
    """Length of the learner's longest turn, seconds."""
    _require_speech(reading, "learner")
    longest = reading.timeline.longest_turn("learner")
    if longest is None:
        raise NothingToMeasure("the learner never had the turn")
    return longest.length_s


@metric("response_latency")
def latency(reading: Reading) -> float:
    """Median floor transfer offset from the patient to the learner, seconds."""
    _require_speech(reading, "learner", "patient")
    _require_complete_sound(reading)
    offsets = reading.timeline.transfers_s("learner")
    if offsets.size == 0:
        raise NothingToMeasure("the learner never took the turn from the patient")
    return _median(offsets)


@metric("patient_latency")
def patient_latency(reading: Reading) -> float:
    """Median floor transfer offset from the learner to the patient, seconds."""
    _require_speech(reading, "learner", "patient")
    offsets = reading.timeline.transfers_s("patient")
    if offsets.size == 0:
        raise NothingToMeasure("the patient never took the turn from the learner")
    return _median(offsets)


@metric("learner_pauses")
def pause_count(reading: Reading) -> float:
    """Number of the learner's pauses."""
    _require_speech(reading, "learner")
    _require_complete_sound(reading)
    return float(reading.timeline.pauses_s("learner").size)


@metric("learner_pause_length")
def pause_median(reading: Reading) -> float:
    """Median length of the learner's pauses, seconds."""
    _require_speech(reading, "learner")
    _require_complete_sound(reading)
    pauses = reading.timeline.pauses_s("learner")
    if pauses.size == 0:
        raise NothingToMeasure("the learner made no pause")
    return _median(pauses)


# -- overlaps ------------------------------------------------------------------------------


@metric("overlaps")
def overlap_count(reading: Reading) -> float:
    """Number of overlaps."""
    return float(len(reading.timeline.overlaps()))


@metric("overlap_time")
def overlap_time(reading: Reading) -> float:
    """Seconds in which both spoke."""
    return sum(overlap.length_s for overlap in reading.timeline.overlaps())


@metric("interruptions", kind="interruption", by="learner")
@metric("interruption_attempts", kind="attempt", by="learner")
@metric("early_starts", kind="early", by="learner")
@metric("patient_interruptions", kind="interruption", by="patient")
@metric("backchannels", kind="acknowledgement", by="learner")
def overlap_kind(reading: Reading, kind: OverlapKind, by: Speaker) -> float:
    """Number of overlaps of one kind that one speaker began."""
    _require_speech(reading, "patient" if by == "learner" else "learner")
    return float(len(overlaps_of_kind(reading.overlaps, kind, by)))


@metric("interruption_depth")
def interruption_depth(reading: Reading) -> float:
    """Median time in which both voices sounded before an interruption succeeded, seconds."""
    found = overlaps_of_kind(reading.overlaps, "interruption", "learner")
    if not found:
        raise NothingToMeasure("the patient was never interrupted")
    return _median([overlap.both_s for overlap in found])


@metric("words_lost")
def words_lost(reading: Reading) -> float:
    """Number of the patient's words that interruptions cut off."""
    _require_speech(reading, "patient")
    found = overlaps_of_kind(reading.overlaps, "interruption", "learner")
    return float(sum(overlap.lost_words or 0 for overlap in found))


@metric("seconds_lost")
def seconds_lost(reading: Reading) -> float:
    """Seconds of the patient's speech that interruptions cut off."""
    _require_speech(reading, "patient")
    found = overlaps_of_kind(reading.overlaps, "interruption", "learner")
    return sum(overlap.lost_s or 0.0 for overlap in found)


@metric("first_interruption")
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


@metric("opening_statement")
def opening_length(reading: Reading) -> float:
    """Length of the opening statement, seconds."""
    return _opening(reading).length_s


@metric("opening_interrupted")
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


@metric("turn_length", who="learner")
@metric("patient_turn_length", who="patient")
def turn_length(reading: Reading, who: Speaker) -> float:
    """Median length of one speaker's turns, seconds."""
    lengths = [turn.length_s for turn in reading.timeline.turns if turn.who == who]
    if not lengths:
        raise NothingToMeasure(f"the {who} never had the turn")
    return _median(lengths)


@metric("floor_share")
def floor_share(reading: Reading) -> float:
    """The learner's share of the time of all turns, percent."""
    _require_speech(reading, "learner", "patient")
    share = reading.timeline.floor_share("learner")
    if share is None:
        raise NotMeasurable("no one took a turn")
    return 100.0 * share


# -- silences -------------------------------------------------------------------------------


@metric("silences")
def silence_count(reading: Reading) -> float:
    """Number of silences."""
    _require_speech(reading, "learner", "patient")
    _require_complete_sound(reading)
    return float(len(reading.timeline.silences))


@metric("longest_silence")
def longest_silence(reading: Reading) -> float:
    """Length of the longest silence, seconds."""
    if silence_count(reading) == 0:
        raise NothingToMeasure("no silence lasted two seconds")
    return max(silence.length_s for silence in reading.timeline.silences)


@metric("silence_time")
def silence_time(reading: Reading) -> float:
    """Total length of the silences, seconds."""
    silence_count(reading)
    return sum(silence.length_s for silence in reading.timeline.silences)


@metric("silences_broken")
def silences_broken(reading: Reading) -> float:
    """Number of silences that the learner broke, other than the learner's own pauses."""
    silence_count(reading)
    found = [s for s in reading.timeline.silences if s.kind != "mid_turn"]
    return float(sum(silence.breaker == "learner" for silence in found))


@metric("silences_after_question", kinds=("after_question",))
@metric("silences_after_cue", kinds=("after_cue",))
@metric("silences_after_news", kinds=("after_news", "hold"))
@metric("silences_mid_turn", kinds=("mid_turn",))
def silences_of(reading: Reading, kinds: Sequence[SilenceKind]) -> float:
    """Number of silences of these kinds."""
    silence_count(reading)
    return float(sum(silence.kind in kinds for silence in reading.timeline.silences))


# -- news, holds and delay -----------------------------------------------------------------


def _news(reading: Reading) -> NewsBeat:
    beat = news_beat(reading.entries)
    if beat is None:
        raise NothingToMeasure("the news was not told")
    return beat


@metric("news_warning")
def news_warning(reading: Reading) -> float:
    """Seconds from the last warning to the news."""
    beat = _news(reading)
    if beat.warned_s is None:
        raise NothingToMeasure("there was no warning before the news")
    return beat.headline_s - beat.warned_s


@metric("news_silence")
def news_silence(reading: Reading) -> float:
    """Seconds from the news to the next word, the machine's own delay left out."""
    beat = _news(reading)
    if beat.silence_s is None:
        raise NotMeasurable("no one spoke after the news")
    until_s = beat.told_s + beat.silence_s
    machine_s = machine_share_s(beat.told_s, until_s, reading.speech_times.waits)
    return beat.silence_s - (machine_s if beat.first == "patient" else 0.0)


@metric("holds_held", outcome="held")
@metric("holds_filled", outcome="filled")
def holds(reading: Reading, outcome: Literal["held", "filled"]) -> float:
    """Number of holds with this outcome."""
    found = reading.of(Hold)
    if not found:
        raise NothingToMeasure(
            "the patient never kept silent after hard news, a cue or a hard question"
        )
    return float(sum(hold.outcome == outcome for hold in found))


@metric("questions_unanswered")
def questions_unanswered(reading: Reading) -> float:
    """Number of the patient's questions that got no answer."""
    if reading.questions is None:
        raise NotMeasurable("the record does not say which of the patient's lines ask something")
    if not reading.questions:
        raise NothingToMeasure(
            "the patient said no line to its end that the case marks as a question"
        )
    return float(sum(not each.is_answered for each in reading.questions))


@metric("machine_delay")
def machine_delay(reading: Reading) -> float:
    """Median delay of the machine before the patient's answers, seconds."""
    delays = reading.of(Delay)
    if not delays:
        raise NotMeasurable("the patient answered nothing")
    return _median(
        [Wait(d.speech_end_s, d.first_sound_s, d.chosen_silence_s).machine_s for d in delays]
    )
