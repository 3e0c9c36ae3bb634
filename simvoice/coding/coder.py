"""What an utterance does, found by rules on the recogniser's words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from simvoice.coding.behaviour import SentencePart, leading, multiple, part, reflections
from simvoice.coding.codebook import CODEBOOK, Code
from simvoice.coding.text import Sentence, sentences

# -- jargon -----------------------------------------------------------------------------------
# Technical words, and whether the speaker says what they mean.


CERTAIN, FAIR = 0.9, 0.7
"""Confidence in a word of the list; in an explanation, which has no list."""

AFTER = 12
"""Words after the term in which its explanation begins."""


class Jargon:
    """The terms to look for and the phrases that explain one."""

    def __init__(
        self,
        terms: Mapping[str, str],
        after: Sequence[str],
        at_once: Sequence[str],
        before: Sequence[str],
    ) -> None:
        """terms: in plain form, to everyday words.

        after: patterns of an explanation that begins up to `AFTER` words after its term;
        at_once: the same for one that follows the term itself; before: for one that leads to it.
        """
        self._terms = terms
        longest_first = sorted(terms, key=len, reverse=True)
        self._find = re.compile(rf"\b(?:{'|'.join(re.escape(term) for term in longest_first)})\b")
        near = rf"^(?: \w+){{0,{AFTER}}}?"
        patterns = [*(f"{near} {pattern}" for pattern in after), *(f"^ {each}" for each in at_once)]
        self._after = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
        self._before = re.compile("|".join(f"(?:{pattern}$)" for pattern in before))

    def codes(self, said: Sequence[Sentence], number: int) -> list[Code]:
        """Of one sentence of an utterance; the next one may explain what this one names."""
        sentence = said[number]
        follows = f" {said[number + 1].plain}" if number + 1 < len(said) else ""
        found = []
        for hit in self._find.finditer(sentence.plain):
            words = sentence.words_at(*hit.span())
            rest = sentence.plain[hit.end() :]
            explained = (
                self._after.search(rest)
                or self._before.search(sentence.plain[: hit.start()])
                or self._after.search(follows)
                or self._in_plain_words(hit.group(), sentence.plain + follows)
            )
            name, confidence = ("jargon_explained", FAIR) if explained else ("jargon", CERTAIN)
            found.append(Code(name, words, confidence))
        return found

    def _in_plain_words(self, term: str, text: str) -> bool:
        return re.search(rf"\b{re.escape(self._terms[term])}\b", text) is not None


# -- coder ------------------------------------------------------------------------------------


"""Confidence of a rule that needs the sentence's form to hold, and of one that does not."""


@dataclass(frozen=True, slots=True)
class CodeRule:
    """The patterns of one code."""

    name: str
    form: str
    """"any", "question" or "statement"."""
    shows: re.Pattern[str]
    unless: re.Pattern[str] | None
    instead_of: tuple[str, ...] = ()
    """Codes that are not meant where this one shows."""

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


def _one(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


def rule(
    name: str,
    shows: Collection[str],
    *,
    form: str = "any",
    unless: Collection[str] = (),
    instead_of: Iterable[str] = (),
) -> CodeRule:
    """A rule from its patterns, on the plain form of one sentence. Raises re.error."""
    taken_back = _one(unless) if unless else None
    return CodeRule(name, form, _one(shows), taken_back, tuple(instead_of))


@cache
def rules() -> tuple[CodeRule, ...]:
    """All rules, in the order of the codebook."""
    data = _data("rules.toml")
    return tuple(
        rule(
            name,
            data[name]["any"],
            form=data[name].get("form", "any"),
            unless=data[name].get("unless", ()),
            instead_of=data[name].get("instead_of", ()),
        )
        for name in CODEBOOK
        if name in data
    )


@cache
def jargon_terms() -> dict[str, str]:
    """Term in plain form to everyday words."""
    return dict(_data("jargon.toml")["terms"])


class Coder:
    """The shared rules with a case's own."""

    def __init__(
        self, own: Iterable[CodeRule] = (), jargon: Mapping[str, str] | None = None
    ) -> None:
        """own: rules of the case; one with a shared rule's name takes its place.

        jargon: term in plain form to everyday words, beside the shared ones.
        """
        mine = {each.name: each for each in own}
        shared = [mine.pop(each.name, each) for each in rules()]
        self._rules = (*shared, *mine.values())
        self.terms = {**jargon_terms(), **(jargon or {})}
        data = _data("jargon.toml")
        self._jargon = Jargon(
            self.terms,
            after=data["explained_after"],
            at_once=data["explained_at_once"],
            before=data["explained_before"],
        )
        self._gives_back = "reflection" not in {each.name for each in self._rules}
        self._stronger = (
            *_STRONGER,
            *((each.name, weaker) for each in self._rules for weaker in each.instead_of),
        )

    def code(self, text: str) -> tuple[Code, ...]:
        """The codes of one utterance, in the order of its sentences.

        text: as the recogniser gives it, with or without marks; question marks help.
        """
        said = sentences(text)
        parts = tuple(part(sentence) for sentence in said)
        given_back = reflections(parts) if self._gives_back else ()
        found: list[Code] = []
        for number, each in enumerate(parts):
            codes = self._code_part(each)
            codes.extend(self._jargon.codes(said, number))
            if each in given_back and _TELLING.isdisjoint(code.name for code in codes):
                words = each.sentence.words_at(0, len(each.sentence.plain))
                codes.append(Code("reflection", words, round(each.leaning.reflection, 2)))
            found.extend(codes)
        found.extend(multiple(parts))
        return _settled(found, self._stronger)

    def _code_part(self, each: SentencePart) -> list[Code]:
        sentence, asks = each.sentence, each.shape != "statement"
        found = []
        if asks:
            confidence = CERTAIN if sentence.asked else FAIR
            found.append(Code(f"question_{each.shape}", sentence.text, confidence))
            found.extend(leading(each))
        matches = (rule.find(sentence, asks) for rule in self._rules)
        found.extend(match for match in matches if match is not None)
        return found


@cache
def _shared() -> Coder:
    return Coder()


def code(text: str) -> tuple[Code, ...]:
    """The codes of one utterance by the shared rules alone; see `Coder.code`."""
    return _shared().code(text)


# what tells her something gives nothing back
_TELLING = frozenset(
    {
        "headline", "headline_jargon", "good_news", "euphemism", "hedged_news", "warning_shot",
        "machine", "hostility", "blaming", "minimising", "confront", "reassurance", "fixing",
        "introduction", "apology", "postponing", "empathy_support", "empathy_understand", "plan",
    }
)  # fmt: skip

# how it is said, beside what is said
_MANNER = frozenset({"filler", "hedge", "question_multiple", "question_leading"})

# kinds of what another code says already
_BESIDE = frozenset({"chunk_check", "teach_back", "normalising", "jargon_explained", "signpost"})

# when both are there, only the first is meant
_STRONGER = (
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


def _settled(found: list[Code], order: Iterable[tuple[str, str]]) -> tuple[Code, ...]:
    names = {each.name for each in found}
    dropped = {weaker for stronger, weaker in order if stronger in names}
    if "elicit" in names and "empathy_explore" in names:
        dropped.discard("elicit")
    if "acknowledge" in names and len(names - _MANNER - _BESIDE) > 2:
        dropped.add("acknowledge")
    kept: list[Code] = []
    seen: set[tuple[str, str]] = set()
    for each in found:
        if each.name not in dropped and (each.name, each.words.lower()) not in seen:
            seen.add((each.name, each.words.lower()))
            kept.append(each)
    return tuple(kept)
