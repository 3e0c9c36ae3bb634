"""Where there was room for something that was not done: to listen to, and to begin again at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from simvoice.debrief.model import CueAnswer, Moment
from simvoice.debrief.moments import moment
from simvoice.record.events import LearnerTurn, PatientSpeech
from simvoice.scoring.metrics.reading import Reading

_TELLS: Final = frozenset({"headline", "headline_jargon", "plan", "honest_limits", "hope"})
"""Codes of what may be checked, and followed by what happens next."""
_AFTER_HERS: Final = frozenset({"give-back", "cue", "empathy"})
_AFTER_TOLD: Final = frozenset({"check", "next"})
"""Kinds of suggestions, by id, that answer what she said, and that follow what was told."""


@dataclass(frozen=True, slots=True)
class Room:
    """A place for something."""

    moment: Moment
    after: str
    """What she had just said, as it was heard; empty where it follows the learner's own words."""


def room_for(kind: str, reading: Reading, cues: Sequence[CueAnswer]) -> Room | None:
    """For a kind of suggestion by id; None where no place is better than another.

    What answers her: after the first cue that was not taken up in words, else after the most that
    she said at a time. What makes sure, or says what comes: the last time that something was told.
    A question that leaves room: the first that a yes or a number answers.
    """
    turns = reading.of(LearnerTurn)
    if kind in _AFTER_HERS:
        return _after_hers(reading, cues)
    if kind in _AFTER_TOLD:
        return _at(reading, [t for t in turns if _does(t, _TELLS)][-1:])
    if kind == "open":
        return _at(reading, [t for t in turns if _does(t, frozenset({"question_closed"}))][:1])
    return None


def last_room(reading: Reading) -> Moment | None:
    """The last that the learner said, for what could have come at any time before it."""
    room = _at(reading, reading.of(LearnerTurn)[-1:])
    return room.moment if room is not None else None


def _does(turn: LearnerTurn, codes: frozenset[str]) -> bool:
    return any(each.code in codes for each in turn.codes)


def _at(reading: Reading, turns: Sequence[LearnerTurn]) -> Room | None:
    return next((Room(moment(reading.entries, t.start_s, t.end_s), "") for t in turns), None)


def _after_hers(reading: Reading, cues: Sequence[CueAnswer]) -> Room | None:
    turns, speeches = reading.of(LearnerTurn), reading.of(PatientSpeech)
    answered = [s for s in speeches if s.heard and any(t.start_s >= s.start_s for t in turns)]
    missed = {cue.at_s for cue in cues if not cue.explicit}
    cued = (s for s in answered if s.start_s in missed)
    hers = next(cued, None) or max(answered, key=lambda s: len(s.heard.split()), default=None)
    if hers is None:
        return None
    turn = next(t for t in turns if t.start_s >= hers.start_s)
    return Room(moment(reading.entries, turn.start_s, turn.end_s), hers.heard)
