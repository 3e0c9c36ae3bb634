"""What a learner reads first: how it felt, one thing that worked, one to try next.

Page, paper and terminal show the same. Every word comes from the debrief; where the debrief has
nothing that is certain to have worked, the first screen says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from simvoice.coding.grade import Grade
from simvoice.debrief.model import (
    Debrief,
    DebriefMoment,
    ShownLedgerStep,
    Suggestion,
    TranscriptRow,
)
from simvoice.debrief.moments import LEAD_S, TRUST
from simvoice.rounding import round_ledger
from simvoice.sentences import split_sentences

MOST_WORDS: Final = 84
"""Most words of a first screen. With its frame, a page then shows at most 120 on the first look."""
_FIXED_WORDS: Final = 25
"""Words of headings and buttons around what is told here."""
_ASKED_WORDS: Final = 9
"""Words that ask whether something possible helped."""
_FELT_WORDS: Final = 36
"""Most words of the patient's on how it felt: two short remarks, or a long one."""
_QUOTE_WORDS: Final = (16, 8, 5, 0)
"""Words of a quote of the learner's: as many of these as fit. None where there is no room."""
_LONGEST_S: Final = 20.0
"""Longest playback after a moment, in seconds."""

_WORD = re.compile(r"\S*\w\S*")


@dataclass(frozen=True, slots=True)
class Worked:
    """One thing after which trust rose."""

    what: str
    """What the patient took it as, in the words of the case; empty where that is not certain."""
    words: str
    """What the learner said, perhaps shortened; empty for a silence."""
    moment: DebriefMoment
    grade: Grade
    """possible: the learner is asked whether it helped."""


@dataclass(frozen=True, slots=True)
class ToTry:
    """One thing to change, with a sentence to try."""

    title: str
    words: str
    """The learner's words that it is about, perhaps shortened; empty for what was not done."""
    sentence: str
    moment: DebriefMoment | None


@dataclass(frozen=True, slots=True)
class FirstScreen:
    """What a debrief shows first."""

    felt: tuple[str, ...]
    """What the patient says about how it felt: two sentences, or one or two remarks; perhaps none.
    """
    felt_note: str
    """Why `felt` is empty; "" when it is not."""
    worked: Worked | None
    worked_note: str
    """Why `worked` is None; "" when it is not."""
    to_try: ToTry | None
    try_note: str
    """Why `to_try` is None; "" when it is not."""
    retry: DebriefMoment | None
    """Where another try begins; None where no checkpoint is known."""

    @property
    def worked_title(self) -> str:
        """The title of what worked, which says no more than is certain."""
        sure = self.worked is None or self.worked.grade == "certain"
        return "What worked" if sure else "What may have worked"


def first_screen(debrief: Debrief) -> FirstScreen:
    """Return what a debrief shows first, in at most `MOST_WORDS` words with its headings.

    Worked is the certain rise of trust that was the largest, or else the largest possible one.
    Quotes of the learner are shortened, and a second remark of the patient is left out, where the
    words would be too many. A sentence to try is never shortened.
    """
    suggestion = next(iter(debrief.suggestions), None)
    found = FirstScreen(
        felt=_felt(debrief),
        felt_note="" if debrief.felt else debrief.felt_note or "The record does not contain this.",
        worked=_worked(debrief),
        worked_note=_nothing_worked(debrief),
        to_try=_to_try(suggestion) if suggestion is not None else None,
        try_note=_nothing_to_try(debrief),
        retry=_retry(debrief, suggestion),
    )
    if found.worked is not None:
        found = replace(found, worked_note="")
    if found.to_try is not None:
        found = replace(found, try_note="")
    return _fitted(found)


def count_words(*texts: str) -> int:
    """Return the number of words; a dash or a bullet is none."""
    return sum(len(_WORD.findall(text)) for text in texts)


# -- the patient ------------------------------------------------------------------------------


def _felt(debrief: Debrief) -> tuple[str, ...]:
    """The first two remarks where they are short, or else the first, or its first sentences."""
    remarks = [each.text for each in debrief.felt[:2]]
    for some in (remarks, remarks[:1]):
        if count_words(*some) <= _FELT_WORDS:
            return tuple(some)
    sentences = split_sentences(remarks[0])
    return (" ".join(sentences[:2]),)


# -- what worked ------------------------------------------------------------------------------


def _worked(debrief: Debrief) -> Worked | None:
    rises = [point for point in debrief.turning_points if point.rose]
    sure = [point for point in rises if point.grade == "certain"]
    largest = max(sure, key=lambda point: round_ledger(point.after - point.before), default=None)
    if largest is not None:
        causes = " and ".join(largest.causes[:1])
        return Worked(_sentence(causes), largest.words, largest.moment, "certain")
    certain = _largest_change(debrief)
    if certain is not None:
        return certain
    asked = max(rises, key=lambda point: round_ledger(point.after - point.before), default=None)
    return Worked("", asked.words, asked.moment, "possible") if asked and asked.words else None


def _largest_change(debrief: Debrief) -> Worked | None:
    """The largest certain rise of trust that is no turning point."""
    rises: list[tuple[float, ShownLedgerStep]] = []
    trust = (each for each in debrief.changes if each.name == TRUST)
    for _, steps in groupby(trust, key=lambda step: step.at_s):
        together = list(steps)
        by = sum(step.after - step.before for step in together)
        up = [s for s in together if s.after > s.before and s.grade == "certain"]
        if by > 0.0 and up:
            rises.append((round_ledger(by), max(up, key=lambda step: step.after - step.before)))
    if not rises:
        return None
    step = max(rises, key=lambda rise: rise[0])[1]
    return Worked(_sentence(step.cause), step.words, _moment(debrief, step.at_s), "certain")


def _moment(debrief: Debrief, at_s: float) -> DebriefMoment:
    """The moment of a change at `at_s`: from the learner's turn before it to the answer's end."""
    own = [row for row in _turns(debrief.rows, "learner") if row.start_s <= at_s]
    begin_s = own[-1].start_s if own and own[-1].end_s > at_s - _LONGEST_S else at_s
    answer = next((r for r in _turns(debrief.rows, "patient") if r.end_s >= at_s), None)
    end_s = answer.end_s if answer is not None else at_s
    return DebriefMoment(
        at_s=begin_s,
        from_s=max(0.0, begin_s - LEAD_S),
        to_s=max(begin_s, min(end_s, begin_s + _LONGEST_S)),
    )


def _turns(rows: Iterable[TranscriptRow], who: str) -> list[TranscriptRow]:
    return [row for row in rows if row.who == who and row.kind == "turn"]


def _nothing_worked(debrief: Debrief) -> str:
    if debrief.half_page or not _turns(debrief.rows, "learner"):
        return "There was too little to say what worked."
    return "Nothing is certain to have raised trust. Listen for it yourself."


# -- what to try ------------------------------------------------------------------------------


def _to_try(suggestion: Suggestion) -> ToTry:
    return ToTry(
        _sentence(suggestion.title), suggestion.words, suggestion.sentence, suggestion.moment
    )


def _nothing_to_try(debrief: Debrief) -> str:
    if debrief.half_page or not _turns(debrief.rows, "learner"):
        return "There was too little to suggest anything."
    return "No suggestion stands out. Keep doing what worked."


def _retry(debrief: Debrief, suggestion: Suggestion | None) -> DebriefMoment | None:
    """The moment of the suggestion, or else the largest fall of trust, where it has a checkpoint.

    Where nothing fell, it is the largest rise.
    """
    moments = [suggestion.moment] if suggestion is not None and suggestion.moment else []
    points = sorted(debrief.turning_points, key=lambda p: round_ledger(p.after - p.before))
    moments += [point.moment for point in points]
    return next((each for each in moments if each.again_turn is not None), None)


# -- words ------------------------------------------------------------------------------------


def _sentence(text: str) -> str:
    text = text.strip().rstrip(".")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _fitted(found: FirstScreen) -> FirstScreen:
    """The screen with as much of its quotes and remarks as fits."""
    fewer = (found.felt, found.felt[:1], _first_sentences(found.felt))
    for felt in dict.fromkeys(fewer):
        for most in _QUOTE_WORDS:
            tried = replace(found, felt=felt, worked=_cut(found.worked, most))
            if tried.to_try is not None:
                words = shortened(tried.to_try.words, most)
                tried = replace(tried, to_try=replace(tried.to_try, words=words))
            asked = found.worked is not None and found.worked.grade == "possible"
            around = _FIXED_WORDS + (_ASKED_WORDS if asked else 0)
            if around + count_words(*_texts(tried)) <= MOST_WORDS:
                return tried
    return tried


def _first_sentences(felt: Sequence[str]) -> tuple[str, ...]:
    return tuple(" ".join(split_sentences(text)[:2]) for text in felt[:1])


def _cut(worked: Worked | None, most: int) -> Worked | None:
    # what worked is asked about by its words alone, which then cannot be left out
    if worked is None:
        return None
    return replace(worked, words=shortened(worked.words, most if worked.what else max(most, 8)))


def shortened(words: str, most: int) -> str:
    """Return at most so many of the words, with "…" where some are left out; "" for none."""
    found = list(_WORD.finditer(words))
    if len(found) <= most:
        return words
    return f"{words[: found[most - 1].end()].rstrip(',;:.')} …" if most else ""


def _texts(found: FirstScreen) -> tuple[str, ...]:
    worked, to_try = found.worked, found.to_try
    return (
        *found.felt,
        found.felt_note,
        *((worked.what, worked.words) if worked is not None else (found.worked_note,)),
        *((to_try.title, to_try.words, to_try.sentence) if to_try else (found.try_note,)),
    )
