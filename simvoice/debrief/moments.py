"""The exchanges of an encounter in order, moments to listen to, and missed opportunities."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from simvoice.coding.codebook import group
from simvoice.coding.grade import Grade, fits_cause
from simvoice.debrief.model import CueAnswer, DebriefMoment
from simvoice.debrief.retry import checkpoint_before
from simvoice.reading.reading import Reading
from simvoice.record.events import (
    Hold,
    Interruption,
    JournalEntry,
    LearnerTurn,
    LedgerStep,
    PatientMove,
    PatientSpeech,
)
from simvoice.scoring.instruments.credit import CUT_WORDS, Credit
from simvoice.scoring.instruments.evidence import code_grade, hits_in, words_before
from simvoice.scoring.instruments.rule_text import NO_MEANINGS
from simvoice.sentences import sentence_starts
from simvoice.suggestion_kinds import Place, find_kind

# -- exchanges and moments --------------------------------------------------------------------

TRUST = "trust"
"""The quantity of the ledger that a debrief follows."""
LEAD_S = 3.0
"""Seconds that playback starts before a moment."""
_LONGEST_S = 20.0
"""Longest playback after a moment, in seconds."""
_SAME_S = 0.5
"""Largest difference between the times of a move and of its sound, in seconds."""
_CUT_OFF: Final = re.compile(r"\b(?:cut|interrupt\w*|talked over|wait for the end)\b")
"""Words in the cause of an interruption."""


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
    before: str = ""
    """The patient's words since the learner's turn before this one."""
    void: frozenset[str] = frozenset()
    """The learner's words that earn no credit (`scoring.instruments.credit`)."""
    cuts_off: bool = False
    """Whether the learner's turn cut off words of the patient."""

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

        They are the words of the step, or the whole turn if the step has none, only the beginning
        of the turn, or words from several places in it.
        """
        text = self.turn.text if self.turn is not None else ""
        return text if text.startswith(step.words) or step.words not in text else step.words

    def grade_of(self, step: LedgerStep) -> Grade:
        """Return how sure it is that the learner did what a step names.

        Certain are a silence, a wait in vain and an interruption of the record, and words with a
        certain code that earns credit, where the cause says what the code does. What was not done
        before is never certain: other words may have done it.
        """
        its_kind = find_kind(step.suggests)
        if its_kind is not None and its_kind.undone:
            return "possible"
        if self.turn is None:
            waited = self.move.kind == "prompt" and "nothing" in step.cause
            return "certain" if self.hold is not None or waited else "possible"
        if not step.words:
            cut = self.cuts_off and _CUT_OFF.search(step.cause) is not None
            return "certain" if cut else "possible"
        codes = [each for each in self.turn.codes if each.words == step.words]
        # which of the codes moved the patient is not recorded, so all must be certain
        sure = bool(codes) and step.words not in self.void
        for each in codes:
            is_certain = code_grade(self.turn, each, self.before) == "certain"
            sure = sure and is_certain and fits_cause(each.code, step.cause)
        return "certain" if sure else "possible"

    def steps(self, name: str = TRUST) -> tuple[LedgerStep, ...]:
        """Return the steps of one quantity of the ledger."""
        return tuple(step for step in self.move.steps if step.name == name)


def trust_change(exchange: Exchange) -> float:
    """Return the change of trust in an exchange, -1..1."""
    return sum(step.after - step.before for step in exchange.steps(TRUST))


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
    in_order = sorted(turns, key=lambda turn: turn.start_s)
    heard = words_before(in_order, speeches)
    before_turn = dict(zip((t.start_s for t in in_order), heard, strict=True))
    void = _void_words(reading, in_order, heard)
    cuts = [e for e in reading.of(Interruption) if e.lost_words >= CUT_WORDS]
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
            before=before_turn[turn.start_s] if turn is not None else "",
            void=void.get(turn.start_s, frozenset()) if turn is not None else frozenset(),
            cuts_off=turn is not None
            and any(turn.start_s - _SAME_S <= e.start_s <= turn.end_s for e in cuts),
        )


def _void_words(
    reading: Reading, turns: Sequence[LearnerTurn], before: Sequence[str]
) -> dict[float, frozenset[str]]:
    """Return the words of each turn, by its start, that earn no credit."""
    still_open = [each for each in reading.questions or () if not each.is_answered]
    credit = Credit(reading.entries, turns, still_open)
    found: dict[float, frozenset[str]] = {}
    for hit in hits_in(turns, NO_MEANINGS, before):
        if credit.void(hit):
            found[hit.at_s] = found.get(hit.at_s, frozenset()) | {hit.words}
    return found


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
