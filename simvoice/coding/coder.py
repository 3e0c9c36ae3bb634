"""Find the codes of an utterance by rules on the recogniser's transcript."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from simvoice.acknowledgements import phrases
from simvoice.coding.behaviour import (
    SentenceAnalysis,
    analyse,
    leading_question,
    multiple_questions,
    reflections,
)
from simvoice.coding.codebook import CODEBOOK, Code, group
from simvoice.coding.text import Sentence, plain, sentences

# -- jargon -----------------------------------------------------------------------------------
# Technical words, and whether the speaker explains them.


CERTAIN, FAIR = 0.9, 0.7
"""Confidence in a listed word and in a rule that requires a form of sentence; in an explanation and
in a rule for any form."""

MODEL_MOST = 0.99
"""Most confidence of the model of statements; 1 is for codes that a person gave."""
SURE = 0.95
"""Confidence in a narrow pattern of a case's own code; see `grade`."""

AFTER = 12
"""Most words between a term and the start of its explanation."""


class JargonFinder:
    """Find technical terms and the phrases that explain them."""

    def __init__(
        self,
        terms: Mapping[str, str],
        after: Sequence[str],
        at_once: Sequence[str],
        before: Sequence[str],
    ) -> None:
        """terms: term in plain form to everyday words.

        after: patterns of an explanation that begins up to `AFTER` words after its term; at_once:
        of one directly after the term; before: of one that leads to the term.
        """
        self._terms = terms
        longest_first = sorted(terms, key=len, reverse=True)
        self._find = re.compile(rf"\b(?:{'|'.join(re.escape(term) for term in longest_first)})\b")
        near = rf"^(?: \w+){{0,{AFTER}}}?"
        patterns = [*(f"{near} {pattern}" for pattern in after), *(f"^ {each}" for each in at_once)]
        self._after = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
        self._before = re.compile("|".join(f"(?:{pattern}$)" for pattern in before))

    def codes(self, utterance: Sequence[Sentence], number: int) -> list[Code]:
        """The jargon codes of sentence `number` of an utterance; the next sentence may explain its
        terms."""
        sentence = utterance[number]
        after = utterance[number + 1 : number + 2]
        follows = f" {after[0].plain}" if after else ""
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


@dataclass(frozen=True, slots=True)
class CodeRule:
    """The patterns of one code, on the plain form of a sentence."""

    name: str
    form: str
    """"any", "question" or "statement"."""
    patterns: re.Pattern[str]
    unless: re.Pattern[str] | None
    instead_of: tuple[str, ...] = ()
    """Codes that are dropped when this one is found."""
    certain: re.Pattern[str] | None = None
    """Narrow patterns of a case's own code, which certainly show it."""

    def find(self, sentence: Sentence, is_question: bool) -> Code | None:
        """The code with the words that match, or None."""
        if self.form != "any" and (self.form == "question") != is_question:
            return None
        match = self.patterns.search(sentence.plain)
        if match is None or (self.unless and self.unless.search(sentence.plain)):
            return None
        words = sentence.words_at(*match.span())
        if self.certain is not None and self.certain.search(sentence.plain):
            return Code(self.name, words, SURE)
        return Code(self.name, words, FAIR if self.form == "any" else CERTAIN)


def _data(name: str) -> dict[str, Any]:
    return tomllib.loads((files("simvoice.coding") / "data" / name).read_text(encoding="utf-8"))


def _union(patterns: Iterable[str]) -> re.Pattern[str]:
    """One pattern of all. Raises re.error."""
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


def rule(
    name: str,
    patterns: Collection[str],
    *,
    form: str = "any",
    unless: Collection[str] = (),
    instead_of: Iterable[str] = (),
    certain: Collection[str] = (),
) -> CodeRule:
    """Make a rule from patterns on the plain form of one sentence. Raises re.error."""
    exceptions = _union(unless) if unless else None
    sure = _union(certain) if certain else None
    return CodeRule(name, form, _union(patterns), exceptions, tuple(instead_of), sure)


@cache
def rules() -> tuple[CodeRule, ...]:
    """The shared rules, in the order of the codebook."""
    data = _data("rules.toml")
    listening = "|".join(dict.fromkeys(plain(phrase) for phrase in phrases("as_turn")))
    return tuple(
        rule(
            name,
            [each.replace("{acknowledgements}", listening) for each in data[name]["any"]],
            form=data[name].get("form", "any"),
            unless=data[name].get("unless", ()),
            instead_of=data[name].get("instead_of", ()),
        )
        for name in CODEBOOK
        if name in data
    )


@cache
def jargon_terms() -> dict[str, str]:
    """The shared list of terms: term in plain form to everyday words."""
    return dict(_data("jargon.toml")["terms"])


class Coder:
    """A coder with the shared rules and a case's own rules."""

    def __init__(
        self, own: Iterable[CodeRule] = (), jargon: Mapping[str, str] | None = None
    ) -> None:
        """own: rules of the case; each replaces the shared rule of the same name.

        jargon: terms of the case in plain form to everyday words, added to the shared ones.
        """
        own_by_name = {each.name: each for each in own}
        shared = [own_by_name.pop(each.name, each) for each in rules()]
        self._rules = (*shared, *own_by_name.values())
        self.terms = {**jargon_terms(), **(jargon or {})}
        data = _data("jargon.toml")
        self._jargon = JargonFinder(
            self.terms,
            after=data["explained_after"],
            at_once=data["explained_at_once"],
            before=data["explained_before"],
        )
        self._model_finds_reflections = "reflection" not in {each.name for each in self._rules}
        # what a shared rule replaces holds for a case's own rule of the same name, too
        self._stronger = frozenset(
            (each.name, weaker) for each in (*rules(), *self._rules) for weaker in each.instead_of
        )

    def code(self, text: str) -> tuple[Code, ...]:
        """The codes of one utterance, in the order of its sentences.

        text: the recogniser's transcript, with or without punctuation; question marks help.
        """
        utterance = sentences(text)
        parts = tuple(analyse(sentence) for sentence in utterance)
        reflecting = reflections(parts) if self._model_finds_reflections else ()
        found: list[Code] = []
        for number, each in enumerate(parts):
            codes = self._code_sentence(each)
            codes.extend(self._jargon.codes(utterance, number))
            if each in reflecting and _NO_REFLECTION.isdisjoint(code.name for code in codes):
                words = each.sentence.words_at(0, len(each.sentence.plain))
                sure = min(MODEL_MOST, round(each.probabilities.reflection, 2))
                codes.append(Code("reflection", words, sure))
            found.extend(codes)
        found.extend(multiple_questions(parts))
        return _without_weaker(found, self._stronger)

    def _code_sentence(self, each: SentenceAnalysis) -> list[Code]:
        sentence, asks = each.sentence, each.shape != "statement"
        found = []
        if asks:
            confidence = CERTAIN if sentence.asked else FAIR
            found.append(Code(f"question_{each.shape}", sentence.text, confidence))
            found.extend(leading_question(each))
        matches = (rule.find(sentence, asks) for rule in self._rules)
        found.extend(match for match in matches if match is not None)
        return found


@cache
def _shared() -> Coder:
    return Coder()


def code(text: str) -> tuple[Code, ...]:
    """The codes of one utterance by the shared rules alone; see `Coder.code`."""
    return _shared().code(text)


_NO_REFLECTION: Final = group("no_reflection")
_BESIDES: Final = group("manner") | group("detail")
"""Codes that do not count beside an acknowledgement: of manner, and of detail."""


def _without_weaker(found: list[Code], order: Iterable[tuple[str, str]]) -> tuple[Code, ...]:
    names = {each.name for each in found}
    dropped = {weaker for stronger, weaker in order if stronger in names}
    if "elicit" in names and "empathy_explore" in names:
        dropped.discard("elicit")
    if "acknowledge" in names and len(names - _BESIDES) > 2:
        dropped.add("acknowledge")
    kept: list[Code] = []
    seen: set[tuple[str, str]] = set()
    for each in found:
        if each.name not in dropped and (each.name, each.words.lower()) not in seen:
            seen.add((each.name, each.words.lower()))
            kept.append(each)
    return tuple(kept)
