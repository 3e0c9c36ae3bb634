"""How a question is asked: one at a time, or several; open to any answer, or to the wanted one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from simvoice.coding.behaviour import Part
from simvoice.coding.codebook import QUESTIONS
from simvoice.coding.codes import Code
from simvoice.coding.forms import question_starts

TAGGED, GUESSED = 0.8, 0.6
"""Confidence: the wanted answer is in the words; several questions without marks."""

APART = 4
"""Words between two questions of an unmarked run, below which they are one ("do you know why")."""

_END_MARKS = " .?!…"
_TAG_AUX = r"(?:is|are|was|were|do|does|did|have|has|had|would|can|could|will|should)"
_LEADS = re.compile(
    rf"\b\w+ \w+.* {_TAG_AUX} not (?:it|you|he|she|they|there|that|we|i)$|"  # "…, don't you?"
    rf"\bnot\b.* {_TAG_AUX} (?:it|you|he|she|they|there)$|"  # "you don't smoke, do you?"
    rf"^(?:\w+ ){{0,2}}{_TAG_AUX} not (?:you|it|that|he|she|they|this)\b|"  # "Don't you think …?"
    r"\byou (?:would|do|will) agree\b|\bsurely\b|\b(?:no|not|never|nothing)\b.* (?:right|correct)$|"
    r"^(?:so |and |but )*you (?:\w+ ){1,}(?:right|correct|yes|yeah)$"
)


def leading(part: Part) -> list[Code]:
    """A question that holds its answer; nothing otherwise."""
    match = _LEADS.search(part.sentence.plain)
    if match is None or len(part.sentence.spoken) < 3:
        return []
    return [Code("question_leading", part.sentence.words_at(*match.span()), TAGGED)]


def multiple(parts: Sequence[Part]) -> list[Code]:
    """Several questions in one utterance; one that only checks what was told does not count."""
    asked = [each for each in parts if each.asks]
    if len(asked) > 1:
        words = " ".join(each.sentence.text for each in asked)
        return [Code("question_multiple", words, TAGGED)]
    for each in asked:
        starts = question_starts(each.sentence)
        if any(later - first > APART for first, later in pairwise(starts)):
            return [Code("question_multiple", each.sentence.text, GUESSED)]
    return []


def ends_asking(text: str, codes: Iterable[Code]) -> bool:
    """Whether the last sentence of `text`, of which `codes` are, asks something or invites her to
    go on."""
    spoken = text.rstrip(_END_MARKS)
    asking = (code for code in codes if code.name in QUESTIONS or code.name == "elicit")
    return any(code.words and spoken.endswith(code.words.rstrip(_END_MARKS)) for code in asking)
