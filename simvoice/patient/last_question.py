"""The question that an utterance ends with, told apart from what was said before it."""

from __future__ import annotations

import re

from simvoice.coding.codebook import EMPATHY
from simvoice.coding.coder import code
from simvoice.coding.forms import form, is_declarative
from simvoice.coding.text import Sentence, sentences
from simvoice.patient.words import content

SHORT = 7
"""Words: "And your mother?", "Which sort of person are you?" need the sentence before them."""
LEAST = 3
"""Words of a question that stands by itself: "Okay?" and "You see?" do not."""
POINTS_WITHIN, OWN_WORDS = 9, 2
"""Words of a question that can only be understood from what was said; those with a meaning."""

_MEETING = frozenset({"greeting", "introduction", "thanks"})
"""What no question is about."""
_ASIDE = EMPATHY | {"acknowledge", "apology", "normalising"}
"""What is said before a question without being its subject; "Do you?" has no other."""
_REFERS = re.compile(
    r"\b(?:that|this|it|those|these|so|then|he|she|they|him|her|them|there|one|else)\b|"
    r"^(?:and |so |but )*(?:what|how) (?:do|did|would|are) you (?:think|feel|say|make)\b"
)
_OF_THAT = re.compile(
    r"\b(?:that|this|these|those) (?:sort|sorts|kind|kinds) of (?:thing|things|stuff|news)\b"
)
"""What the sentence before it told of, whatever the length."""
_TAKES_BACK = re.compile(
    r"\b(?:that|this|it|all) (?:sound|okay|all right|alright|clear|help|make|fit|fair|right|"
    r"work|seem|feel)|\bwith me\b|\b(?:sound|thoughts|questions)\b|"
    r"^(?:and |so |but )*(?:what|how) (?:do|did|would) you (?:think|feel|say|make)(?: (?:of|about) "
    r"(?:that|this|it|all)(?: \w+)?)?$"
)
"""Asks what she says to the sentence before: "How does that sound?" """

_POINTS = re.compile(
    r"(?<!\bafter )(?<!\bbefore )\b"
    r"(?:(?:that|those|these|then)(?: (?:is|was|time|with|by|all|now))?|"
    r"(?:that|it|this) (?:like|happen|happened|for|about|to you|for you|at all))$"
)
"""It ends on what was said."""


def focus(text: str) -> str:
    """The part of an utterance that asks: its last question, else its last two sentences."""
    found = sentences(text)
    for number in range(len(found) - 1, -1, -1):
        if form(found[number]) != "statement":
            first = number - (number > 0 and _leans(found[number], found[number - 1]))
            return " ".join(each.text for each in found[first : number + 1])
    return " ".join(each.text for each in found[-2:])


def last_question(text: str) -> str:
    """The question it ends with, with a subject of its own, after other words; else empty."""
    found = sentences(text)
    if len(found) < 2:
        return ""
    last = found[-1]
    asks = form(last) != "statement" and not is_declarative(last) and len(last.spoken) >= LEAST
    return last.text if asks and not _TAKES_BACK.search(last.plain) else ""


def points_back(asked: str) -> bool:
    """Whether a question says nothing of what it is about: "How long have you done that?" """
    found = sentences(asked)
    if len(found) != 1 or len(found[0].spoken) > POINTS_WITHIN:
        return False
    return _POINTS.search(found[0].plain) is not None and len(content(found[0].plain)) <= OWN_WORDS


def _leans(question: Sentence, before: Sentence) -> bool:
    """Whether a question needs the sentence before it to be understood."""
    if len(question.spoken) > SHORT and not _OF_THAT.search(question.plain):
        return False
    does = {each.name for each in code(before.text)}
    if not _MEETING.isdisjoint(does):
        return False
    is_bare = not content(question.plain) or _REFERS.search(question.plain) is not None
    return is_bare or _ASIDE.isdisjoint(does)
