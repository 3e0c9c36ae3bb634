"""What an utterance does in its place: after the patient's words, and after what came up before.

For the record, where all of that is known; live, words alone decide. Nothing is taken away, and
what is added is no surer than `LIKELY`: a place suggests where words would show.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from simvoice.coding.behaviour import SURELY, SentencePart, fluent, part
from simvoice.coding.codebook import QUESTIONS, Code
from simvoice.coding.text import sentences

LIKELY = 0.6
"""Confidence of what the place suggests."""

SHORT, BARE = 8, 4
"""Words: of a statement that can be an echo; of one that can name a feeling by a bare word."""
LETTERS = 5
"""Letters two words share to be one word in two forms: "insured", "insurance"."""

EXPLORES = frozenset(
    {"ask_concerns", "empathy_explore", "empathy_name", "empathy_understand", "elicit"}
)
"""Codes that go after what troubles her, or show that it was heard."""

_FEELING = re.compile(
    r"\b(?:scared|frightened|afraid|terrified|worried|anxious|nervous|angry|furious|upset|sad|"
    r"lonely|alone|overwhelmed|exhausted|guilty|ashamed|numb|helpless|hopeless|devastated|"
    r"shocked|lost|scary|frightening|terrifying|overwhelming|devastating|heartbroken)\b"
)
_SORRY = re.compile(r"^(?:(?:oh|and|so) )*i am (?:(?:so|very|really|truly) )?sorry (?:that )?")
_HERS = re.compile(r"\byou(?:r|rs)?\b")
_NOT_SO = re.compile(r"\b(?:not|no|never|do|did|are you|i am|i was|we)\b")
_FUNCTION_WORDS = """
a about after again all am alright an and any are as at be because been before being but by can cool
could did do does fine for from get go going good got great had has have he her here him his how i
if in into is it just like lot me mhm mm hmm more much my nice no not now of off oh okay on one or
our out over really right see she so some sure that the their them then there these they thing
things think this those to too up us very want was we well were what when where which who why will
with would yeah yes you your
"""
_FUNCTION = frozenset(_FUNCTION_WORDS.split())
_TAKEN = frozenset(
    {
        "reflection", "summary", "empathy_name", "greeting", "introduction", "thanks", "apology",
        "minimising", "hostility", "blaming", "confront", "reassurance", "closing", "fixing",
        "headline", "headline_jargon", "machine", "repeat_request", "teach_back", "warning_shot",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class UtteranceContext:
    """Where an utterance stands."""

    before: str = ""
    """The patient's words since the speaker's last turn, as they were heard."""
    is_explored: bool = False
    """What troubles the patient was asked about, named or told before this turn."""
    is_asked: bool = False
    """The voice rises at the end and leaves the patient the floor."""


def in_place(text: str, codes: Sequence[Code], place: UtteranceContext) -> tuple[Code, ...]:
    """The codes of an utterance that was coded by its words, with what its place tells."""
    parts = tuple(part(sentence) for sentence in sentences(text))
    found: list[Code] = []
    is_explored = place.is_explored
    for code in codes:
        found.append(code)
        if code.name == "reassurance":
            kind = "earned" if is_explored else "premature"
            found.append(Code(f"reassurance_{kind}", code.words, code.confidence))
        is_explored = is_explored or code.name in EXPLORES
    if place.before and _TAKEN.isdisjoint(code.name for code in codes):
        named = [Code("empathy_name", each.sentence.text, LIKELY) for each in _named(parts)]
        found += named or _echoes(parts, place.before)
    if place.is_asked and parts:
        found += _asked(parts[-1], found)
    return tuple(found)


def may_be_asked(text: str, codes: Sequence[Code]) -> bool:
    """It ends in a statement about what the patient knows best, which a rise makes a question."""
    last = sentences(text)[-1:]
    return bool(last) and bool(_asked(part(last[0]), codes))


def _asked(last: SentencePart, codes: Sequence[Code]) -> list[Code]:
    """A closed question, where its words are a statement about her: what only the hearer knows is
    asked by telling it (Labov and Fanshel 1977). A rise counts as a question mark would: what
    surely gives back does not ask, for many a voice rises there out of habit."""
    if not last.states or last.leaning.reflection > SURELY or not _HERS.search(last.sentence.plain):
        return []
    here = [code for code in codes if code.words and code.words in last.sentence.text]
    if any(code.name in _TAKEN - {"reflection"} | QUESTIONS for code in here):
        return []
    return [Code("question_closed", last.sentence.text, LIKELY)]


def _named(parts: Sequence[SentencePart]) -> list[SentencePart]:
    """A feeling as all that is said: "Scared.", "So, frightening." """
    return [
        each
        for each in parts
        if each.states
        and 0 < each.words <= BARE
        and _FEELING.search(each.sentence.plain)
        and not _NOT_SO.search(each.sentence.plain)
    ]


def _echoes(parts: Sequence[SentencePart], before: str) -> list[Code]:
    """A short statement made of the patient's own words gives them back, also after a sorry."""
    hers = stems(before)
    return [
        Code("reflection", each.sentence.text, LIKELY)
        for each in parts
        if each.states
        and len((said := _SORRY.sub("", fluent(each.sentence.plain))).split()) <= SHORT
        and (mine := stems(said))
        and mine <= hers
        and not re.search(r"\bi\b|\bme\b|\bmy\b", said)
    ]


def stems(text: str) -> frozenset[str]:
    """The first letters of the words that carry meaning."""
    plain = " ".join(sentence.plain for sentence in sentences(text))
    return frozenset(w[:LETTERS] for w in fluent(plain).split() if w not in _FUNCTION)
