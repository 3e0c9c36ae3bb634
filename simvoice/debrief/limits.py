"""What cannot be judged in an encounter, and why: the same for every list of items, and said once.

An encounter of ten seconds, of silence, in another language, of laughter, or one that broke off
still shows something. A judgement stays where it rests on what happened. Where it would rest on
what did not happen, or on words that are not there, there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from simvoice.criteria.encounter import RuleVerdict
from simvoice.debrief.wording import NOT_ENGLISH, is_english
from simvoice.reading.reading import Reading
from simvoice.record.events import Ended, LearnerTurn
from simvoice.scoring.instruments.instrument import Item
from simvoice.scoring.raters.questions import resolve_rule

MIN_TURNS: Final = 4
"""Fewest turns of the learner from which something may be concluded from what did not happen."""

_BROKEN_OFF: Final = frozenset({"fault", "device", "stopped"})
"""Reasons for an end that no speaker chose (`record.endings.EndReason`)."""

NO_WORDS: Final = "no words of yours were recognised"
ONLY_LAUGHTER: Final = "only laughter was recognised, and no other words of yours"
BROKE_OFF: Final = "the encounter broke off"

_WORD = re.compile(r"[^\W\d_]+")
_LAUGHTER = re.compile(r"a?(?:h[aeou]+h?)+|laugh\w*|chuckl\w*|giggl\w*")


@dataclass(frozen=True, slots=True)
class Limits:
    """Why items are not judged in one encounter: clauses, empty where they are."""

    words: str = ""
    """Of items that depend on the learner's words."""
    absence: str = ""
    """Of items whose verdict rests on what did not happen, or not yet."""
    turns: int = MIN_TURNS

    @property
    def leaves_little(self) -> bool:
        """Whether so little is left that the debrief is half a page."""
        return bool(self.words) or self.turns < MIN_TURNS

    def on(self, item: Item, verdict: RuleVerdict) -> RuleVerdict:
        """Return the verdict within these limits."""
        if verdict.outcome == "not judged" and (item.rule is None or not self.leaves_little):
            return verdict
        if self.words and depends_on_words(item):
            return RuleVerdict("not judged", reason=self.words)
        if self.absence and verdict.outcome != "counted" and not _happened(item, verdict):
            return RuleVerdict("not judged", reason=self.absence)
        return verdict

    def sentence(self, patient_name: str) -> str:
        """Return what was not judged and why, for the top of a debrief; empty without limits."""
        if self.words == NOT_ENGLISH:
            return (
                "Your recognised words do not look like English, the only language that simvoice "
                f"knows, so {patient_name} could not follow them. There are no suggestions, and "
                "only items that depend on timing or on the patient were judged."
            )
        if self.words == ONLY_LAUGHTER:
            return (
                "Only laughter of yours was recognised, and no other words. There are no "
                "suggestions, and only items that depend on timing or on the patient were judged."
            )
        if self.words or not self.absence:
            return ""  # the note about the voice says it
        if self.absence == BROKE_OFF:
            return "The encounter broke off, so what had not happened by then is not judged."
        return f"You had fewer than {MIN_TURNS} turns, so what did not happen is not judged."


def find_limits(reading: Reading) -> Limits:
    """Return what cannot be judged in an encounter."""
    turns = reading.of(LearnerTurn)
    return Limits(_words(turns), _absence(reading, len(turns)), len(turns))


def depends_on_words(item: Item) -> bool:
    """Whether an item is judged by the codes of the learner's words."""
    rule = item.rule
    return rule is not None and any(part.by_words for part in rule.parts())


_ACTS: Final = frozenset({"avoids", "silence", "metric"})
"""Kinds of rules that are not met by something that the learner did, and not by leaving it out."""


def _happened(item: Item, verdict: RuleVerdict) -> bool:
    """Whether a verdict rests on what happened: evidence may also show an occasion missed."""
    if not verdict.evidence or verdict.outcome != "not met":
        return bool(verdict.evidence)
    rule = resolve_rule(item)
    return rule is not None and all(part.kind in _ACTS for part in rule.parts())


def is_laughter(text: str) -> bool:
    """Whether a text is laughter and nothing else: "Ha ha.", "[laughs]". False without words."""
    words = _WORD.findall(text.lower())
    return bool(words) and all(_LAUGHTER.fullmatch(word) for word in words)


def _words(turns: Sequence[LearnerTurn]) -> str:
    said = [turn.text for turn in turns if turn.text.strip()]
    if not said:
        return NO_WORDS
    if all(map(is_laughter, said)):
        return ONLY_LAUGHTER
    return "" if is_english(turns) else NOT_ENGLISH


def _absence(reading: Reading, turns: int) -> str:
    if turns < MIN_TURNS:
        return f"you had fewer than {MIN_TURNS} turns"
    ends = reading.of(Ended)
    return BROKE_OFF if not ends or ends[-1].reason in _BROKEN_OFF else ""
