"""The patient's moves in order, and where an opportunity was missed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from simvoice.debrief.model import CueAnswer, DebriefMoment
from simvoice.debrief.retry import again_at
from simvoice.debrief.wording import sentence_starts
from simvoice.record.events import (
    Hold,
    JournalEntry,
    LearnerTurn,
    LedgerStep,
    PatientMove,
    PatientSpeech,
)
from simvoice.scoring.metrics.reading import Reading

# -- moments ----------------------------------------------------------------------------------
# The moves of the patient's in order, each with the words it answered and where to listen.


TRUST = "trust"
"""The value of the ledger that a debrief follows."""
LEAD_S = 3.0
"""Seconds to listen to before a moment."""
_LONGEST_S = 20.0
"""Seconds after which listening to a moment stops."""
_SAME_S = 0.5
"""Seconds by which a move and the sound that belongs to it may be timed apart."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A move of the patient's, and what it answers."""

    move: PatientMove
    turn: LearnerTurn | None
    """What the learner said; None for what the patient did of herself."""
    hold: Hold | None
    """The silence after which she moved, where the learner said nothing."""
    answer: tuple[PatientSpeech, ...]
    """What she said then; empty when nothing sounded."""

    @property
    def at_s(self) -> float:
        """Where the learner's words or the silence began; else the move itself."""
        begun = self.turn or self.hold
        return begun.start_s if begun is not None else self.move.at_s

    @property
    def end_s(self) -> float:
        """Where the last of it ended."""
        ends = [self.move.at_s, *(each.end_s for each in self.answer)]
        if self.turn is not None:
            ends.append(self.turn.end_s)
        return max(ends)

    @property
    def heard(self) -> str:
        """What she said next, as it was heard."""
        return " ".join(each.heard for each in self.answer if each.heard)

    def words_of(self, step: LedgerStep) -> str:
        """The learner's words behind a step: those that show it, else the whole turn. A step may
        carry the turn's beginning only."""
        said = self.turn.text if self.turn is not None else ""
        return said if said.startswith(step.words) else step.words

    def of(self, name: str = TRUST) -> tuple[LedgerStep, ...]:
        """The steps of one value of the ledger."""
        return tuple(step for step in self.move.steps if step.name == name)


def in_sentences(words: str, said: str) -> str:
    """The whole sentences of what was said that some words of it stand in; the words alone where
    they are not in it."""
    begin = said.find(words)
    if not words or begin < 0:
        return words
    starts = [*sentence_starts(said), len(said)]
    first = max(at for at in starts if at <= begin)
    return said[first : min(at for at in starts if at >= begin + len(words))].strip()


def exchanges(reading: Reading) -> tuple[Exchange, ...]:
    """All moves in order of time."""
    return tuple(_exchanges(reading))


def moment(entries: Sequence[JournalEntry], at_s: float, end_s: float) -> DebriefMoment:
    """From three seconds before `at_s` to `end_s`, twenty seconds after it at the latest; another
    go begins with the patient's line before it."""
    begins = again_at(entries, at_s)
    return DebriefMoment(
        at_s=at_s,
        from_s=max(0.0, at_s - LEAD_S),
        to_s=max(at_s, min(end_s, at_s + _LONGEST_S)),
        again_turn=begins.turn if begins is not None else None,
    )


def _exchanges(reading: Reading) -> Iterator[Exchange]:
    turns, holds = reading.of(LearnerTurn), reading.of(Hold)
    speeches = sorted(reading.of(PatientSpeech), key=lambda speech: speech.start_s)
    moves = sorted(reading.of(PatientMove), key=lambda move: move.at_s)
    for number, move in enumerate(moves):
        following = moves[number + 1].at_s if number + 1 < len(moves) else float("inf")
        said = [t for t in turns if t.turn == move.turn and t.start_s <= move.at_s]
        turn = max(said, key=lambda t: t.start_s, default=None)
        yield Exchange(
            move=move,
            turn=turn,
            hold=_held(holds, move) if turn is None else None,
            answer=tuple(
                s
                for s in speeches
                if s.turn == move.turn and move.at_s - _SAME_S <= s.start_s < following
            ),
        )


def _held(holds: Sequence[Hold], move: PatientMove) -> Hold | None:
    """The silence that ended as she moved."""
    near = [h for h in holds if h.outcome == "held" and h.start_s <= move.at_s]
    ended = [h for h in near if abs(h.end_s - move.at_s) <= 2.0 * _SAME_S]
    return max(ended, key=lambda hold: hold.start_s, default=None)


# -- missed opportunity -----------------------------------------------------------------------
# Where there was room for something that was not done: to listen to, and to begin again at.


_TELLS: Final = frozenset({"headline", "headline_jargon", "plan", "honest_limits", "hope"})
"""Codes of what may be checked, and followed by what happens next."""
_AFTER_HERS: Final = frozenset({"give-back", "cue", "empathy"})
_AFTER_TOLD: Final = frozenset({"check", "next"})
"""Kinds of suggestions, by id, that answer what she said, and that follow what was told."""


@dataclass(frozen=True, slots=True)
class MissedOpportunity:
    """A place for something."""

    moment: DebriefMoment
    after: str
    """What she had just said, as it was heard; empty where it follows the learner's own words."""


def opportunity_for(
    kind: str, reading: Reading, cues: Sequence[CueAnswer]
) -> MissedOpportunity | None:
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


def last_opportunity(reading: Reading) -> DebriefMoment | None:
    """The last that the learner said, for what could have come at any time before it."""
    room = _at(reading, reading.of(LearnerTurn)[-1:])
    return room.moment if room is not None else None


def _does(turn: LearnerTurn, codes: frozenset[str]) -> bool:
    return any(each.code in codes for each in turn.codes)


def _at(reading: Reading, turns: Sequence[LearnerTurn]) -> MissedOpportunity | None:
    return next(
        (MissedOpportunity(moment(reading.entries, t.start_s, t.end_s), "") for t in turns), None
    )


def _after_hers(reading: Reading, cues: Sequence[CueAnswer]) -> MissedOpportunity | None:
    turns, speeches = reading.of(LearnerTurn), reading.of(PatientSpeech)
    answered = [s for s in speeches if s.heard and any(t.start_s >= s.start_s for t in turns)]
    missed = {cue.at_s for cue in cues if not cue.explicit}
    cued = (s for s in answered if s.start_s in missed)
    hers = next(cued, None) or max(answered, key=lambda s: len(s.heard.split()), default=None)
    if hers is None:
        return None
    turn = next(t for t in turns if t.start_s >= hers.start_s)
    return MissedOpportunity(moment(reading.entries, turn.start_s, turn.end_s), hers.heard)
