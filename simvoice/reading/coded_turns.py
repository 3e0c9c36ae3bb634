"""Code the learner's turns with what came before and how they end; see `coding.context`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from simvoice.audio import Pcm16, samples
from simvoice.coding.codebook import Code
from simvoice.coding.context import EXPLORES, UtteranceContext, code_in_context, could_be_question
from simvoice.errors import AttemptError
from simvoice.record.events import Coded, ConcernShown, JournalEntry, LearnerTurn, PatientSpeech
from simvoice.timing.prosody import RISES, TAIL_S, final_rise


class HasAudio(Protocol):
    """An attempt whose sound may have been stored."""

    def audio(self) -> tuple[Pcm16, Pcm16]:
        """(learner, patient), int16 [n] each, 16 kHz. Raises AttemptError."""
        ...


RiseDetector = Callable[[LearnerTurn], bool]
"""Whether the voice rises at the end of a turn."""

ANSWERED_S = 2.0
"""Seconds within which the patient answers a question."""


def rises_in_sound(attempt: HasAudio) -> RiseDetector:
    """Detect rises in the learner's channel, which is read on first use.

    Without stored sound, no turn rises.
    """

    def rises(turn: LearnerTurn) -> bool:
        if turn.is_typed:
            return False
        try:
            learner, _ = attempt.audio()
        except AttemptError:
            return False
        tail = learner[samples(max(0.0, turn.end_s - TAIL_S)) : samples(turn.end_s)]
        rise = final_rise(tail)
        return rise is not None and RISES[0] <= rise <= RISES[1]

    return rises


def never_rises(_: LearnerTurn) -> bool:
    """Return False: no turn rises."""
    return False


def code_turns_in_context(
    entries: Sequence[JournalEntry],
    shows: Sequence[ConcernShown],
    rises: RiseDetector = never_rises,
) -> tuple[JournalEntry, ...]:
    """The journal with each learner turn coded in context.

    The context is what came before the turn, how the turn ended and who spoke next. shows: a line
    that states a concern makes it known, whether the learner asked or not.
    """
    speeches = [e for e in entries if isinstance(e, PatientSpeech)]
    concern_lines = {each.line for each in shows if each.kind == "concern"}
    told_s = min(
        (e.end_s for e in speeches if e.line_id in concern_lines and e.heard), default=None
    )
    turns = sorted((e for e in entries if isinstance(e, LearnerTurn)), key=lambda e: e.start_s)
    coded: dict[int, LearnerTurn] = {}
    since_s = float("-inf")
    was_explored = False
    for turn in turns:
        before = " ".join(e.heard for e in speeches if since_s <= e.start_s < turn.start_s)
        is_told = told_s is not None and told_s <= turn.start_s
        context = UtteranceContext(
            before.strip(),
            is_explored=was_explored or is_told,
            is_asked=_is_answered(turn, entries)
            and could_be_question(*_text_and_codes(turn))
            and rises(turn),
        )
        coded[id(turn)] = _coded_in(turn, context)
        was_explored = was_explored or any(code.code in EXPLORES for code in turn.codes)
        since_s = turn.start_s
    return tuple(coded[id(entry)] if isinstance(entry, LearnerTurn) else entry for entry in entries)


def _coded_in(turn: LearnerTurn, context: UtteranceContext) -> LearnerTurn:
    found = code_in_context(*_text_and_codes(turn), context)
    return turn.model_copy(
        update={
            "codes": tuple(
                Coded(code=c.name, words=c.words, confidence=c.confidence) for c in found
            )
        }
    )


def _text_and_codes(turn: LearnerTurn) -> tuple[str, list[Code]]:
    return turn.text, [Code(each.code, each.words, each.confidence) for each in turn.codes]


def _is_answered(turn: LearnerTurn, entries: Sequence[JournalEntry]) -> bool:
    """Whether the patient spoke next, within `ANSWERED_S`."""
    later = [
        (entry.start_s, isinstance(entry, PatientSpeech))
        for entry in entries
        if isinstance(entry, LearnerTurn | PatientSpeech) and entry.start_s > turn.start_s
    ]
    at_s, is_patient = min(later, default=(float("inf"), False))
    return is_patient and at_s <= turn.end_s + ANSWERED_S
