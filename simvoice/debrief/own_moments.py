"""Moments of the learner's own words: which ones to write about before the debrief.

The choice uses what happened and never says why a moment was chosen, because the learner is to
judge it first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from simvoice.debrief.model import DebriefMoment
from simvoice.debrief.moments import Exchange, debrief_moment, find_exchanges
from simvoice.reading.news import tells_news
from simvoice.reading.reading import Reading
from simvoice.record.events import Header, Interruption, LearnerTurn, PatientSpeech
from simvoice.record.reflection import LONGEST_WORDS, MOST_MOMENTS, ReflectedMoment

LEAST_S: Final = 30.0
"""Seconds of the shortest encounter with a moment to write about."""
MOMENT_EACH_S: Final = 60.0
"""One moment for each minute that has begun, up to the most."""
_LEAST_WORDS: Final = 3
"""Words of the shortest turn to write about: "Yes, I see"."""
_SAME_S: Final = 0.5
"""Largest difference between two times of the same moment, in seconds."""

_NEWS: Final = 1.0
_REACTION: Final = 0.9
"""Of the strongest reaction; a weaker one has its share of it."""
_INTERRUPTION: Final = 0.8
_CUE: Final = 0.75
_SILENCE: Final = 0.7
_ENDING: Final = 0.7
_ANY: Final = 0.3
"""Weights from 0 to 1: how much there is to think about after a turn. They order the choice, and
nothing is shown of them."""


@dataclass(frozen=True, slots=True)
class MomentToHear:
    """A moment as the learner hears and reads it again: the record's words and nothing else."""

    place: DebriefMoment
    before: str
    """The patient's words before the learner's, as delivered; empty where none were."""
    words: str
    """The learner's words, as the record has them now."""
    is_typed: bool
    answer: str
    """What the patient answered, as delivered; empty for a silence."""


def choose_moments(reading: Reading, header: Header) -> tuple[ReflectedMoment, ...]:
    """Return up to five moments of the learner's own words, in order of time.

    Candidates are the learner's turns: those that tell news, that the patient's ledger moved most
    after, that interrupt, that follow a cue, that stand before or after a silence, and the last
    one. The choice spreads over the encounter, has one moment a minute, and is the same each time.
    An encounter under 30 s has none.
    """
    length_s = reading.speech_times.end_s
    if length_s < LEAST_S:
        return ()
    weights = _weights(reading, header)
    most = min(MOST_MOMENTS, ceil(length_s / MOMENT_EACH_S), len(weights))
    chosen: list[float] = []
    while len(chosen) < most:
        left = [at_s for at_s in weights if at_s not in chosen]
        worth = {at_s: weights[at_s] * _room(at_s, chosen, length_s / most) for at_s in left}
        chosen.append(max(left, key=lambda at_s: (worth[at_s], -at_s)))
    turns = {turn.start_s: turn for turn in reading.of(LearnerTurn)}
    return tuple(
        ReflectedMoment(at_s=at_s, words=turns[at_s].text[:LONGEST_WORDS])
        for at_s in sorted(chosen)
    )


def hear_moment(reading: Reading, at_s: float) -> MomentToHear:
    """Return a moment to hear again. at_s: as `ReflectedMoment.at_s`.

    Without a turn of the learner there, as in a record that was changed since, it has no words.
    """
    turns = reading.of(LearnerTurn)
    turn = next((each for each in turns if abs(each.start_s - at_s) < _SAME_S), None)
    if turn is None:
        return MomentToHear(debrief_moment(reading.entries, at_s, at_s), "", "", False, "")
    exchange = next((each for each in find_exchanges(reading) if each.turn is turn), None)
    end_s = turn.end_s if exchange is None else exchange.end_s
    return MomentToHear(
        place=debrief_moment(reading.entries, turn.start_s, end_s),
        before=_words_before(reading, turn),
        words=turn.text,
        is_typed=turn.is_typed,
        answer="" if exchange is None else exchange.delivered,
    )


def _room(at_s: float, chosen: Sequence[float], share_s: float) -> float:
    """Return how much of its even share of the talk a turn has to itself, 0..1.

    It is squared, so that something small elsewhere is chosen before something large nearby.
    """
    nearest_s = min((abs(at_s - each) for each in chosen), default=share_s)
    return float(min(1.0, nearest_s / share_s) ** 2)


def _weights(reading: Reading, header: Header) -> dict[float, float]:
    """Return the start of each turn that can be chosen, and its weight."""
    turns = sorted(reading.of(LearnerTurn), key=lambda turn: turn.start_s)
    turns = [turn for turn in turns if len(turn.text.split()) >= _LEAST_WORDS]
    most_words = max((len(turn.text.split()) for turn in turns), default=1)
    found = {turn.start_s: _ANY * len(turn.text.split()) / most_words for turn in turns}

    def at_least(turn: LearnerTurn | None, weight: float) -> None:
        if turn is not None and turn.start_s in found:
            found[turn.start_s] = max(found[turn.start_s], weight)

    at_least(next((turn for turn in turns if tells_news(turn)), None), _NEWS)
    at_least(turns[-1] if turns else None, _ENDING)
    for interruption in reading.of(Interruption):
        at_least(_turn_at(turns, interruption.start_s), _INTERRUPTION)
    for end_s in _cue_ends(reading, header):
        at_least(next((turn for turn in turns if turn.end_s > end_s), None), _CUE)
    for silence in reading.events:
        if silence.kind == "silence":
            after = silence.breaker == "learner"
            at_least(_beside(turns, silence.end_s if after else silence.start_s, after), _SILENCE)
    answered = [each for each in find_exchanges(reading) if each.turn is not None]
    strongest = max(map(_reaction, answered), default=0.0)
    for exchange in answered:
        if strongest > 0.0:
            at_least(exchange.turn, _REACTION * _reaction(exchange) / strongest)
    return found


def _reaction(exchange: Exchange) -> float:
    """Return how far the patient's ledger moved in an exchange, over all its quantities."""
    return sum(abs(step.after - step.before) for step in exchange.move.steps)


def _turn_at(turns: Sequence[LearnerTurn], at_s: float) -> LearnerTurn | None:
    near = (t for t in turns if t.start_s - _SAME_S <= at_s <= t.end_s)
    return next(near, None)


def _beside(turns: Sequence[LearnerTurn], at_s: float, after: bool) -> LearnerTurn | None:
    """Return the first turn that begins at a time or after it, or the last that ends before it."""
    if after:
        return next((turn for turn in turns if turn.start_s >= at_s - _SAME_S), None)
    before = [turn for turn in turns if turn.end_s <= at_s + _SAME_S]
    return before[-1] if before else None


def _cue_ends(reading: Reading, header: Header) -> list[float]:
    """Return the ends of the patient's lines that are cues, or that show a feeling."""
    cues = {shown.line for shown in header.shows}
    found = [s.end_s for s in reading.of(PatientSpeech) if s.heard and s.line_id in cues]
    found += [u.end_s for u in reading.speech_times.utterances if u.is_cue]
    return found


def _words_before(reading: Reading, turn: LearnerTurn) -> str:
    """Return what the patient said between the learner's turn before this one and this one."""
    earlier = [t.start_s for t in reading.of(LearnerTurn) if t.start_s < turn.start_s]
    since_s = max(earlier, default=-1.0)
    said = [
        speech.heard
        for speech in sorted(reading.of(PatientSpeech), key=lambda each: each.start_s)
        if since_s < speech.start_s < turn.start_s and speech.heard
    ]
    return " ".join(said)
