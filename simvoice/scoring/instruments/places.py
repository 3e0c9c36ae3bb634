"""The learner's turns with what their place and their melody tell; see `coding.context`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from simvoice.audio import Pcm16, samples
from simvoice.coding.codebook import Code
from simvoice.coding.context import EXPLORES, UtteranceContext, in_place, may_be_asked
from simvoice.errors import AttemptError
from simvoice.record.events import Coded, ConcernShown, JournalEntry, LearnerTurn, PatientSpeech
from simvoice.timing.prosody import RISES, TAIL_S, final_rise


class Sounding(Protocol):
    """What may have been recorded."""

    def audio(self) -> tuple[Pcm16, Pcm16]:
        """(learner, patient), int16 [n] each, 16 kHz. Raises AttemptError."""
        ...


Rises = Callable[[LearnerTurn], bool]
"""Whether the voice rises at the end of a turn."""

ANSWERED_S = 2.0
"""Seconds within which the patient speaks after what she takes for a question."""


def by_ear(attempt: Sounding) -> Rises:
    """By the learner's channel, which is read when it is first needed; nothing rises without it."""

    def rises(turn: LearnerTurn) -> bool:
        try:
            learner, _ = attempt.audio()
        except AttemptError:
            return False
        said = learner[samples(max(0.0, turn.end_s - TAIL_S)) : samples(turn.end_s)]
        climb = final_rise(said)
        return climb is not None and RISES[0] <= climb <= RISES[1]

    return rises


def deaf(_: LearnerTurn) -> bool:
    """Nothing rises."""
    return False


def in_places(
    entries: Sequence[JournalEntry], shows: Sequence[ConcernShown], rises: Rises = deaf
) -> tuple[JournalEntry, ...]:
    """The journal, in which each turn of the learner's is coded with what came before it, and with
    how it ended and who spoke next.

    shows: the lines that say a concern outright tell what troubles her, asked or not.
    """
    speeches = [e for e in entries if isinstance(e, PatientSpeech)]
    says = {each.line for each in shows if each.kind == "concern"}
    told_s = min((e.end_s for e in speeches if e.line_id in says and e.heard), default=None)
    turns = sorted((e for e in entries if isinstance(e, LearnerTurn)), key=lambda e: e.start_s)
    placed: dict[int, LearnerTurn] = {}
    since_s = float("-inf")
    was_explored = False
    for turn in turns:
        before = " ".join(e.heard for e in speeches if since_s <= e.start_s < turn.start_s)
        is_told = told_s is not None and told_s <= turn.start_s
        place = UtteranceContext(
            before.strip(),
            is_explored=was_explored or is_told,
            is_asked=_is_answered(turn, entries) and may_be_asked(*_words(turn)) and rises(turn),
        )
        placed[id(turn)] = _placed(turn, place)
        was_explored = was_explored or any(code.code in EXPLORES for code in turn.codes)
        since_s = turn.start_s
    return tuple(
        placed[id(entry)] if isinstance(entry, LearnerTurn) else entry for entry in entries
    )


def _placed(turn: LearnerTurn, place: UtteranceContext) -> LearnerTurn:
    found = in_place(*_words(turn), place)
    return turn.model_copy(
        update={
            "codes": tuple(
                Coded(code=c.name, words=c.words, confidence=c.confidence) for c in found
            )
        }
    )


def _words(turn: LearnerTurn) -> tuple[str, list[Code]]:
    return turn.text, [Code(each.code, each.words, each.confidence) for each in turn.codes]


def _is_answered(turn: LearnerTurn, entries: Sequence[JournalEntry]) -> bool:
    """The patient spoke next, and soon."""
    later = [
        (entry.start_s, isinstance(entry, PatientSpeech))
        for entry in entries
        if isinstance(entry, LearnerTurn | PatientSpeech) and entry.start_s > turn.start_s
    ]
    at_s, is_hers = min(later, default=(float("inf"), False))
    return is_hers and at_s <= turn.end_s + ANSWERED_S
