"""The learner's view beside the record's: what was written about a moment, and what is known of it.

Nothing that the learner writes is judged, and nothing of it enters a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simvoice.debrief.model import Debrief, DebriefMoment, ShownLedgerStep, TimingMark
from simvoice.debrief.own_moments import MomentToHear, hear_moment
from simvoice.debrief.patient_view import LEAST_CHANGE
from simvoice.debrief.wording import cue_answer, moved, taken_as
from simvoice.reading.reading import Reading
from simvoice.record.reflection import LearnerReflection, ReflectedMoment
from simvoice.rounding import round_ledger
from simvoice.strict_model import StrictModel

_SAME_S = 0.05
"""Largest difference between two times of the same event, in seconds."""
_MOST_CHANGES = 2
"""Most quantities of the ledger that are named of a moment."""
_MOST_CAUSES = 2
_MARKS = frozenset({"silence", "hold", "interruption", "together"})


class OwnAnswerShown(StrictModel):
    """One question about a moment, and the learner's answer."""

    question: str
    answer: str


class OwnView(StrictModel):
    """One moment in the learner's view and in the record's."""

    moment: DebriefMoment
    words: str
    """The learner's words, as the record has them now."""
    words_then: str
    """What the learner had read when writing; empty where it was the same."""
    answer: str
    """What the patient answered, as delivered."""
    answers: tuple[OwnAnswerShown, ...]
    """The learner's view; empty when nothing was written about this moment."""
    record: tuple[str, ...]
    """The record's view, in sentences; empty where it has no more than the words."""


def own_views(
    reading: Reading, debrief: Debrief, reflection: LearnerReflection | None
) -> tuple[OwnView, ...]:
    """Return the moments about which the learner wrote, in order of time.

    reading, debrief: of the attempt. reflection: None when there is none to show.
    """
    if reflection is None:
        return ()
    return tuple(_view(reading, debrief, each) for each in reflection.written)


def _view(reading: Reading, debrief: Debrief, written: ReflectedMoment) -> OwnView:
    heard = hear_moment(reading, written.at_s)
    is_same = heard.words.startswith(written.words)  # long words are cut when they are kept
    return OwnView(
        moment=heard.place,
        words=heard.words,
        words_then="" if is_same else written.words,
        answer=heard.answer,
        answers=tuple(OwnAnswerShown(question=q, answer=a) for q, a in written.answers),
        record=tuple(_record(debrief, heard)),
    )


def _record(debrief: Debrief, heard: MomentToHear) -> Iterator[str]:
    """Yield what a debrief says elsewhere about a moment, in its order."""
    at_s, end_s = heard.place.at_s, heard.place.to_s
    for cue in debrief.cues:
        if cue.answered_s is not None and abs(cue.answered_s - at_s) < _SAME_S:
            shown = f"Before it, a {cue.kind} of {debrief.patient_name}: “{cue.words}”"
            yield f"{shown} {cue_answer(cue)}"
    for row in debrief.rows:
        if row.who == "learner" and row.kind == "turn" and abs(row.start_s - at_s) < _SAME_S:
            parts = [_named("", row.does), _named("possibly ", row.may)]
            if any(parts):
                yield f"Coded as: {'; '.join(part for part in parts if part)}."
    steps = [step for step in debrief.changes if at_s <= step.at_s <= end_s + _SAME_S]
    yield from _changes(steps)
    yield from (mark.label for mark in debrief.marks if _touches(mark, at_s, end_s))


def _named(how_sure: str, codes: Sequence[str]) -> str:
    return how_sure + ", ".join(code.replace("_", " ") for code in codes) if codes else ""


def _changes(steps: Sequence[ShownLedgerStep]) -> Iterator[str]:
    """Yield a sentence for each of the quantities of the ledger that changed most."""
    by_name: dict[str, list[ShownLedgerStep]] = {}
    for step in steps:
        by_name.setdefault(step.name, []).append(step)
    changed = {name: each[-1].after - each[0].before for name, each in by_name.items()}
    most = sorted(changed, key=lambda name: (-round_ledger(abs(changed[name])), name))
    for name in most[:_MOST_CHANGES]:
        if round_ledger(abs(changed[name])) < LEAST_CHANGE:
            return
        along = [s for s in by_name[name] if (s.after - s.before) * changed[name] > 0.0]
        # what the words only may be is not named as the cause
        sure = list(dict.fromkeys(step.cause for step in along if step.grade == "certain"))
        named = f", {taken_as(sure[:_MOST_CAUSES])}" if sure else ""
        change = moved(by_name[name][0].before, by_name[name][-1].after)
        yield f"{name.capitalize()} {change}{named}."


def _touches(mark: TimingMark, at_s: float, end_s: float) -> bool:
    """Whether a silence or an interruption is in a moment, or ends where it begins."""
    return mark.kind in _MARKS and mark.start_s < end_s and mark.end_s > at_s - _SAME_S
