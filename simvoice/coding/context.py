"""Codes that depend on the context: the patient's words before the utterance, and what came up
earlier.

Only a record has this context; live coding uses the words alone. Nothing is removed, and added
codes have the confidence `LIKELY`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from simvoice.coding.behaviour import SURELY_REFLECTS, SentenceAnalysis, analyse, fluent
from simvoice.coding.codebook import QUESTIONS, Code, group
from simvoice.coding.text import sentences

LIKELY = 0.6
"""Confidence of a code that rests on the context."""

ECHO_WORDS, BARE_FEELING_WORDS = 8, 4
"""Most words of a statement that can be an echo; of one that names a feeling by a bare word."""
STEM_LETTERS = 5
"""Letters that two forms of one word share: "insured", "insurance"."""

EXPLORES: Final = group("explores")
"""Codes that ask about the patient's concerns, or show that a concern was understood."""

_FEELING = re.compile(
    r"\b(?:scared|frightened|afraid|terrified|worried|anxious|nervous|angry|furious|upset|sad|"
    r"lonely|alone|overwhelmed|exhausted|guilty|ashamed|numb|helpless|hopeless|devastated|"
    r"shocked|lost|scary|frightening|terrifying|overwhelming|devastating|heartbroken)\b"
)
_SORRY = re.compile(r"^(?:(?:oh|and|so) )*i am (?:(?:so|very|really|truly) )?sorry (?:that )?")
_SECOND_PERSON = re.compile(r"\byou(?:r|rs)?\b")
_NO_FEELING = re.compile(r"\b(?:not|no|never|do|did|are you|i am|i was|we)\b")
_FUNCTION_WORDS = """
a about after again all am alright an and any are as at be because been before being but by can cool
could did do does fine for from get go going good got great had has have he her here him his how i
if in into is it just like lot me mhm mm hmm more much my nice no not now of off oh okay on one or
our out over really right see she so some sure that the their them then there these they thing
things think this those to too up us very want was we well were what when where which who why will
with would yeah yes you your
"""
_FUNCTION = frozenset(_FUNCTION_WORDS.split())
_NO_ECHO: Final = group("no_echo")


@dataclass(frozen=True, slots=True)
class UtteranceContext:
    """The context of an utterance."""

    before: str = ""
    """The patient's delivered words since the speaker's last turn."""
    is_explored: bool = False
    """The patient's concerns were asked about, named or told before this turn."""
    is_asked: bool = False
    """The voice rises at the end, and the patient speaks next."""


def code_in_context(
    text: str, codes: Sequence[Code], context: UtteranceContext
) -> tuple[Code, ...]:
    """The codes of an utterance, with those that its context adds.

    codes: the codes of `text` by its words alone.
    """
    parts = tuple(analyse(sentence) for sentence in sentences(text))
    found: list[Code] = []
    is_explored = context.is_explored
    for code in codes:
        found.append(code)
        if code.name == "reassurance":
            kind = "earned" if is_explored else "premature"
            found.append(Code(f"reassurance_{kind}", code.words, code.confidence))
        is_explored = is_explored or code.name in EXPLORES
    if context.before and _NO_ECHO.isdisjoint(code.name for code in codes):
        named = [Code("empathy_name", each.sentence.text, LIKELY) for each in _bare_feelings(parts)]
        found += named or _echoes(parts, context.before)
    if context.is_asked and parts:
        found += _rising_question(parts[-1], found)
    return tuple(found)


def could_be_question(text: str, codes: Sequence[Code]) -> bool:
    """Whether the utterance ends in a statement that a rising voice makes a question: one about
    what the patient knows best."""
    last = sentences(text)[-1:]
    return bool(last) and bool(_rising_question(analyse(last[0]), codes))


def _rising_question(last: SentenceAnalysis, codes: Sequence[Code]) -> list[Code]:
    """The code of a closed question that is worded as a statement about the patient; empty
    otherwise.

    What only the hearer knows is asked by stating it (Labov and Fanshel 1977). A rise counts like a
    question mark: a sure reflection is no question, because many voices rise there by habit.
    """
    if (
        not last.states
        or last.probabilities.reflection > SURELY_REFLECTS
        or not _SECOND_PERSON.search(last.sentence.plain)
    ):
        return []
    here = [code for code in codes if code.words and code.words in last.sentence.text]
    if any(code.name in _NO_ECHO - {"reflection"} | QUESTIONS for code in here):
        return []
    return [Code("question_closed", last.sentence.text, LIKELY)]


def _bare_feelings(parts: Sequence[SentenceAnalysis]) -> list[SentenceAnalysis]:
    """Statements that consist of a word for a feeling: "Scared.", "So, frightening." """
    return [
        each
        for each in parts
        if each.states
        and 0 < each.words <= BARE_FEELING_WORDS
        and _FEELING.search(each.sentence.plain)
        and not _NO_FEELING.search(each.sentence.plain)
    ]


def _echoes(parts: Sequence[SentenceAnalysis], before: str) -> list[Code]:
    """Reflections: short statements made of the patient's own words, also after an apology."""
    patient_stems = stems(before)
    return [
        Code("reflection", each.sentence.text, LIKELY)
        for each in parts
        if each.states
        and len((said := _SORRY.sub("", fluent(each.sentence.plain))).split()) <= ECHO_WORDS
        and (own := stems(said))
        and own <= patient_stems
        and not re.search(r"\bi\b|\bme\b|\bmy\b", said)
    ]


def stems(text: str) -> frozenset[str]:
    """The first `STEM_LETTERS` letters of each word that carries meaning."""
    plain = " ".join(sentence.plain for sentence in sentences(text))
    return frozenset(w[:STEM_LETTERS] for w in fluent(plain).split() if w not in _FUNCTION)
