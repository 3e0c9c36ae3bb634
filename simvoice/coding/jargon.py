"""Technical words, and whether the speaker says what they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from simvoice.coding.codes import Code
from simvoice.coding.text import Sentence

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
