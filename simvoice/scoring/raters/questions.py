"""The items that human raters answer for an attempt, and the answers that are allowed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

from simvoice.criteria import ItemIsRule, ItemRule, RuleAnswer
from simvoice.record.events import Header
from simvoice.scoring.instruments.instrument import (
    Instrument,
    Item,
    critical_instrument,
    find_instruments,
    headings,
    items,
)
from simvoice.scoring.instruments.rule_text import rule_in_words

CUES = "VR-CoDES"
"""The instrument that is always included when the record says which lines are cues."""

AnswerKind = RuleAnswer | Literal["any"]
"""any: yes or no, or a number on the scale that the item names; only for items left to humans."""

_WORDS = {
    "met": "met",
    "yes": "met",
    "not met": "not met",
    "no": "not met",
    "not judged": "not judged",
    "cannot judge": "not judged",
    "unsure": "not judged",
}
_MAY_BE: dict[AnswerKind, str] = {
    "yes or no": "met, not met or not judged",
    "count": "a whole number from 0, or not judged",
    "ratio": "a number from 0, or not judged",
    "share": "a number from 0 to 1, or not judged",
    "any": "met, not met, not judged or a number",
}


def instruments_asked(header: Header, more: Iterable[str] = ()) -> tuple[Instrument, ...]:
    """The instruments judged in one attempt: the case's critical items, the headings, the
    instruments that its author chose, and `more`, by name."""
    own, lists, _ = critical_and_chosen(header, more)
    return (*own, *headings(), *lists)


def critical_and_chosen(
    header: Header, more: Iterable[str] = ()
) -> tuple[tuple[Instrument, ...], tuple[Instrument, ...], tuple[str, ...]]:
    """(the case's critical items, the chosen instruments, the unknown names)."""
    names = [*header.instruments, *([CUES] if header.shows else []), *more]
    critical = critical_instrument(header.case_id, header.critical)
    return (critical,) if critical is not None else (), *find_instruments(names)


def items_asked(header: Header, more: Iterable[str] = ()) -> Mapping[str, Item]:
    """The items of `instruments_asked`, by id."""
    return MappingProxyType(
        {i.id: i for each in instruments_asked(header, more) for i in each.items}
    )


def answer_kind(item: Item) -> AnswerKind:
    """The kind of answer that an item takes."""
    rule = resolve_rule(item)
    return "any" if rule is None else rule.answer_kind()


def rule_for_rater(item: Item) -> str:
    """The item's rule as a clause for a rater; empty where the item is left to a human.

    `rule_text` addresses the learner; this text speaks of the learner.
    """
    rule = resolve_rule(item)
    words = "" if rule is None else rule_in_words(rule, item.means)
    return re.sub(r"\byou\b", "the learner", re.sub(r"\byour\b", "the learner's", words))


def resolve_rule(item: Item) -> ItemRule | None:
    """The item's rule; where it refers to another item, the rule of that item."""
    if isinstance(item.rule, ItemIsRule):
        other = items().get(item.rule.item)
        return (other.rule if other is not None else None) or item.rule
    return item.rule


def parse_answer(
    text: str, kind: AnswerKind
) -> Literal["met", "not met", "not judged"] | float | None:
    """A rater's answer; None when items of this kind do not take such an answer."""
    word = _WORDS.get(text.strip().lower())
    if word == "not judged":
        return "not judged"
    if word is not None:
        if kind not in {"yes or no", "any"}:
            return None
        return "met" if word == "met" else "not met"
    if kind == "yes or no":
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number) or number < 0.0:
        return None
    if (kind == "count" and number != int(number)) or (kind == "share" and number > 1.0):
        return None
    return number


def allowed_answers(kind: AnswerKind) -> str:
    """The allowed answers, as a clause."""
    return _MAY_BE[kind]
