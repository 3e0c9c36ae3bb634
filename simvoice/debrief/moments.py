"""The exchanges of an encounter in order, moments to listen to, and missed opportunities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from simvoice.coding.codebook import group
from simvoice.debrief.model import CueAnswer, DebriefMoment
from simvoice.debrief.retry import checkpoint_before
from simvoice.reading.reading import Reading
from simvoice.record.events import (
    Hold,
    JournalEntry,
    LearnerTurn,
    LedgerStep,
    PatientMove,
    PatientSpeech,
)
from simvoice.sentences import sentence_starts
from simvoice.suggestion_kinds import Place

# -- exchanges and moments --------------------------------------------------------------------

TRUST = "trust"
"""The quantity of the ledger that a debrief follows."""
LEAD_S = 3.0
"""Seconds that playback starts before a moment."""
_LONGEST_S = 20.0
"""Longest playback after a moment, in seconds."""
_SAME_S = 0.5
"""Largest difference between the times of a move and of its sound, in seconds."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A move of the patient, with what it answers and the words that followed."""

    move: PatientMove
    turn: LearnerTurn | None
    """The learner's turn; None when the patient moved without one."""
    hold: Hold | None
    """The silence before the move; None when the learner spoke."""
    answer: tuple[PatientSpeech, ...]
    """The patient's utterances; empty when nothing was played."""

    @property
    def at_s(self) -> float:
        """Start of the learner's turn or of the silence, or else time of the move."""
        begun = self.turn or self.hold
        return begun.start_s if begun is not None else self.move.at_s

    @property
    def end_s(self) -> float:
        """End of the last utterance of the exchange."""
        ends = [self.move.at_s, *(each.end_s for each in self.answer)]
        if self.turn is not None:
            ends.append(self.turn.end_s)
        return max(ends)

    @property
    def delivered(self) -> str:
        """The patient's words, as delivered."""
        return " ".join(each.heard for each in self.answer if each.heard)

    def words_of(self, step: LedgerStep) -> str:
        """Return the learner's words behind a step.

        They are the words of the step, or the whole turn if the step has none or only the
        beginning of the turn.
        """
        text = self.turn.text if self.turn is not None else ""
        return text if text.startswith(step.words) else step.words

    def steps(self, name: str = TRUST) -> tuple[LedgerStep, ...]:
        """Return the steps of one quantity of the ledger."""
        return tuple(step for step in self.move.steps if step.name == name)


def whole_sentences(words: str, text: str) -> str:
    """Return the whole sentences of a text that contain some words of it.

    Words that are not in the text are returned unchanged.
    """
    begin = text.find(words)
    if not words or begin < 0:
        return words
    starts = [*sentence_starts(text), len(text)]
    first = max(at for at in starts if at <= begin)
    return text[first : min(at for at in starts if at >= begin + len(words))].strip()


def find_exchanges(reading: Reading) -> tuple[Exchange, ...]:
    """Return all exchanges in order of time."""
    return tuple(_exchanges(reading))


def debrief_moment(entries: Sequence[JournalEntry], at_s: float, end_s: float) -> DebriefMoment:
    """Return a moment with its playback and its checkpoint.

    Playback runs from three seconds before `at_s` to `end_s`, at most to twenty seconds after
    `at_s`. A retry begins at the last checkpoint before it.
    """
    checkpoint = checkpoint_before(entries, at_s)
    return DebriefMoment(
        at_s=at_s,
        from_s=max(0.0, at_s - LEAD_S),
        to_s=max(at_s, min(end_s, at_s + _LONGEST_S)),
        again_turn=checkpoint.turn if checkpoint is not None else None,
    )


def _exchanges(reading: Reading) -> Iterator[Exchange]:
    turns, holds = reading.of(LearnerTurn), reading.of(Hold)
    speeches = sorted(reading.of(PatientSpeech), key=lambda speech: speech.start_s)
    moves = sorted(reading.of(PatientMove), key=lambda move: move.at_s)
    for number, move in enumerate(moves):
        following = moves[number + 1].at_s if number + 1 < len(moves) else float("inf")
        before = [t for t in turns if t.turn == move.turn and t.start_s <= move.at_s]
        turn = max(before, key=lambda t: t.start_s, default=None)
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
    """Return the kept silence that ended when the patient moved; None without one."""
    near = [h for h in holds if h.outcome == "held" and h.start_s <= move.at_s]
    ended = [h for h in near if abs(h.end_s - move.at_s) <= 2.0 * _SAME_S]
    return max(ended, key=lambda hold: hold.start_s, default=None)


# -- missed opportunities ---------------------------------------------------------------------

_TELLS: Final = group("checkable")
"""Codes of information that the learner can check, or continue with the next steps."""
_CLOSED: Final = frozenset({"question_closed"})


@dataclass(frozen=True, slots=True)
class MissedOpportunity:
    """A place where something helpful was possible and was not done."""

    moment: DebriefMoment
    after: str
    """The patient's last words, as delivered; empty where it follows the learner's words."""


def find_opportunity(
    place: Place | None, reading: Reading, cues: Sequence[CueAnswer]
) -> MissedOpportunity | None:
    """Return where a suggestion could have been followed; None without such a place.

    place: the `place` of the kind.

    - "after_patient": after the first cue that was not answered explicitly, or else after the
      patient's longest utterance.
    - "after_information": the last turn that gave information.
    - "closed_question": the first closed question.
    """
    turns = reading.of(LearnerTurn)
    match place:
        case "after_patient":
            return _after_patient(reading, cues)
        case "after_information":
            return _at(reading, [t for t in turns if _has_code(t, _TELLS)][-1:])
        case "closed_question":
            return _at(reading, [t for t in turns if _has_code(t, _CLOSED)][:1])
        case None:
            return None


def last_opportunity(reading: Reading) -> DebriefMoment | None:
    """Return the learner's last turn, for what was possible at any time; None without turns."""
    place = _at(reading, reading.of(LearnerTurn)[-1:])
    return place.moment if place is not None else None


def _has_code(turn: LearnerTurn, codes: frozenset[str]) -> bool:
    return any(each.code in codes for each in turn.codes)


def _at(reading: Reading, turns: Sequence[LearnerTurn]) -> MissedOpportunity | None:
    return next(
        (MissedOpportunity(debrief_moment(reading.entries, t.start_s, t.end_s), "") for t in turns),
        None,
    )


def _after_patient(reading: Reading, cues: Sequence[CueAnswer]) -> MissedOpportunity | None:
    turns, speeches = reading.of(LearnerTurn), reading.of(PatientSpeech)
    answered = [s for s in speeches if s.heard and any(t.start_s >= s.start_s for t in turns)]
    missed = {cue.at_s for cue in cues if not cue.explicit}
    cued = (s for s in answered if s.start_s in missed)
    speech = next(cued, None) or max(answered, key=lambda s: len(s.heard.split()), default=None)
    if speech is None:
        return None
    turn = next(t for t in turns if t.start_s >= speech.start_s)
    moment = debrief_moment(reading.entries, turn.start_s, turn.end_s)
    return MissedOpportunity(moment, speech.heard)
