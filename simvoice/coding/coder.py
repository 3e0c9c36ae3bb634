"""What an utterance does, found by rules on the recogniser's words."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from simvoice.coding.codebook import CODEBOOK
from simvoice.coding.codes import Code
from simvoice.coding.forms import Form, form
from simvoice.coding.text import Sentence, sentences

CERTAIN, FAIR = 0.9, 0.7
"""Confidence of a rule that needs the sentence's form to hold, and of one that does not."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The patterns of one code."""

    name: str
    form: str
    """"any", "question" or "statement"."""
    shows: re.Pattern[str]
    unless: re.Pattern[str] | None

    def find(self, sentence: Sentence, is_question: bool) -> Code | None:
        """The code with the words that show it, or None."""
        if self.form != "any" and (self.form == "question") != is_question:
            return None
        match = self.shows.search(sentence.plain)
        if match is None or (self.unless and self.unless.search(sentence.plain)):
            return None
        words = sentence.words_at(*match.span())
        return Code(self.name, words, FAIR if self.form == "any" else CERTAIN)


def _data(name: str) -> dict[str, Any]:
    return tomllib.loads((files("simvoice.coding") / "data" / name).read_text(encoding="utf-8"))


def _one(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


@cache
def rules() -> tuple[Rule, ...]:
    """All rules, in the order of the codebook."""
    data = _data("rules.toml")
    return tuple(
        Rule(
            name,
            data[name].get("form", "any"),
            _one(data[name]["any"]),
            _one(data[name]["unless"]) if "unless" in data[name] else None,
        )
        for name in CODEBOOK
        if name in data
    )


@cache
def jargon_terms() -> dict[str, str]:
    """Term in plain form to everyday words."""
    return dict(_data("jargon.toml")["terms"])


@cache
def _jargon() -> tuple[re.Pattern[str], re.Pattern[str]]:
    longest_first = sorted(jargon_terms(), key=len, reverse=True)
    terms = re.compile(r"\b(?:" + "|".join(re.escape(term) for term in longest_first) + r")\b")
    return terms, _one(_data("jargon.toml")["explained_by"])


def code(text: str) -> tuple[Code, ...]:
    """The codes of one utterance, in the order of its sentences.

    text: as the recogniser gives it, with or without marks; question marks help.
    """
    found: list[Code] = []
    for sentence in sentences(text):
        found.extend(_code_sentence(sentence))
    return _settled(found)


def _code_sentence(sentence: Sentence) -> list[Code]:
    shape: Form = form(sentence)
    found = []
    if shape != "statement":
        confidence = CERTAIN if sentence.asked else FAIR
        found.append(Code(f"question_{shape}", sentence.text, confidence))
    for rule in rules():
        match = rule.find(sentence, shape != "statement")
        if match is not None:
            found.append(match)
    found.extend(_jargon_in(sentence))
    return found


def _jargon_in(sentence: Sentence) -> list[Code]:
    terms, explained = _jargon()
    hits = list(terms.finditer(sentence.plain))
    if not hits or explained.search(sentence.plain):
        return []
    return [Code("jargon", sentence.words_at(*hit.span()), CERTAIN) for hit in hits]


# when both are there, only the first is meant
_STRONGER = (
    ("headline", "cancer_mentioned"),
    ("headline", "hedged_news"),
    ("headline", "euphemism"),
    ("headline", "headline_jargon"),
    ("headline_jargon", "euphemism"),
    ("hedged_news", "cancer_mentioned"),
    ("warning_shot", "sorry_for"),
    ("apology", "sorry_for"),
    ("empathy_explore", "elicit"),
    ("warning_shot", "good_news"),
    ("warning_shot", "deny"),
    ("warning_shot", "affirm"),
    ("check_understanding", "ask_perception"),
    ("machine", "ask_perception"),
    ("hostility", "reassurance"),
    ("repeat_request", "apology"),
    ("repeat_request", "sorry_for"),
)


def _settled(found: list[Code]) -> tuple[Code, ...]:
    names = {each.name for each in found}
    dropped = {weaker for stronger, weaker in _STRONGER if stronger in names}
    if "elicit" in names and "empathy_explore" in names:
        dropped.discard("elicit")
    if "acknowledge" in names and len(names) > 2:
        dropped.add("acknowledge")
    kept: list[Code] = []
    seen: set[tuple[str, str]] = set()
    for each in found:
        if each.name not in dropped and (each.name, each.words.lower()) not in seen:
            seen.add((each.name, each.words.lower()))
            kept.append(each)
    return tuple(kept)
