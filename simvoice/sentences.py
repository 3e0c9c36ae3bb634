"""Split text into sentences: where each begins, and whether a text ends one.

Every module that needs sentences asks here: the coder, the debrief, the voices, the guard of the
language model, the transcripts of recordings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

MARKS: Final = ".?!…"
"""The marks that end sentences."""

CLOSERS: Final = "\"'”’»)]"
"""Marks that may follow the end of a sentence: closing quotation marks and brackets."""

_OPENERS: Final = "\"'“‘«(["

_CLOSING = f"[{re.escape(CLOSERS)}]*"
_JOINED = r"(?<=[a-z]{2})(?:[?!](?=[A-Z])|\.(?=[A-Z][a-z]|I\b))"
_END = re.compile(rf"[{MARKS}]+{_CLOSING}(?=\s)|{_JOINED}")
"""Where a sentence may end: marks with white space after them, or marks between two words that a
transcript joined ("That's fine.And then")."""

_TITLES: Final = frozenset({"dr", "mr", "mrs", "ms", "mx", "prof", "st", "rev"})
"""Abbreviations before a name; their point ends no sentence."""

_LINKS: Final = frozenset({"e.g", "i.e", "vs", "cf", "approx", "incl", "esp"})
"""Abbreviations before what they introduce; their point ends no sentence."""

_LAST_WORDS: Final = frozenset({"etc", "al", "jr", "sr"})
"""Abbreviations that may be the last word of a sentence, as may all with a point inside ("a.m.").
The sentence goes on when the next word is in lower case."""

_BEGINS: Final = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "but", "can", "did", "do", "for", "has", "have", "he",
        "her", "his", "how", "i", "if", "in", "is", "it", "let", "my", "no", "now", "of", "oh",
        "okay", "or", "our", "she", "so", "that", "the", "their", "then", "there", "they", "this",
        "to", "was", "we", "well", "were", "what", "when", "where", "who", "why", "will", "would",
        "yes", "you", "your",
    }
)  # fmt: skip
"""Words that often begin sentences. After a single letter they show that it is no initial: "You
need vitamin D. It helps."""

_POINTED = re.compile(r"[a-z]+(?:\.[a-z]+)+")
_BARE_MARKS = re.compile(rf"\s+(?:[{MARKS}{re.escape(CLOSERS)}]+(?:\s+|$))*")
_LAST_WORD = re.compile(rf"[^\s{re.escape(_OPENERS)}]+$")
_NEXT_WORD = re.compile(rf"[\s{re.escape(_OPENERS)}]*([\w'’]+)")


_WORD = re.compile(r"\w")
_MOST_BEFORE = 200
"""Characters before a mark in which its word is looked for: a longer one is no abbreviation."""


def sentence_starts(text: str) -> list[int]:
    """The offsets at which the sentences of a text begin, in order; the first is 0.

    A sentence ends at a full stop, question mark, exclamation mark or ellipsis with white space
    after it, closing quotation marks and brackets included. It does not end

    - after a title, an initial or an abbreviation: "Dr. Smith", "J. Smith", "e.g. tea";
    - inside a number or a word: "2.5 mg", "a.m.";
    - after a quoted question or exclamation whose sentence goes on: "“Really?” she said.";
    - after an ellipsis, when the next word is in lower case or the same: "I… I just… don't know."

    A text without marks is one sentence; a text without words, too.
    """
    return [0, *(end for end in _ends(text) if text[end:].strip())]


def split_sentences(text: str) -> list[str]:
    """The sentences of a text with their marks, without white space around them.

    Empty for an empty text. See `sentence_starts` for where a sentence ends.
    """
    starts = sentence_starts(text)
    pieces = (text[a:b].strip() for a, b in zip(starts, [*starts[1:], len(text)], strict=True))
    return [piece for piece in pieces if piece]


def ends_sentence(text: str) -> bool:
    """Whether a text ends a sentence, by its last marks: "So I went.", but not "I saw Dr."."""
    bare = text.rstrip().rstrip(CLOSERS)
    return bare.endswith(tuple(MARKS)) and not _is_abbreviation(bare.rstrip(), "")


def _ends(text: str) -> Iterator[int]:
    """The offsets after the marks and the white space that end a sentence."""
    begins = seen = 0
    has_word = False
    for found in _END.finditer(text):
        has_word = has_word or _WORD.search(text, seen, found.end()) is not None
        seen = max(seen, found.end())
        if not has_word:
            continue  # marks that stand alone belong to the sentence before
        following = _NEXT_WORD.match(text, found.end())
        head = text[max(begins, found.end() - _MOST_BEFORE) : found.end()]
        if _goes_on(head, following[1] if following else ""):
            continue
        gap = _BARE_MARKS.match(text, found.end())
        begins = seen = gap.end() if gap else found.end()
        has_word = False
        yield begins


def _goes_on(head: str, following: str) -> bool:
    """Whether a sentence goes on after marks. head: text up to and with them. following: a word."""
    bare = head.rstrip(CLOSERS)
    in_lower_case = following[:1].islower()
    if bare != head and not bare.endswith(".") and in_lower_case:
        return True
    if bare.endswith(("...", "…")):
        return in_lower_case or _last_word(bare).casefold() == following.casefold() != ""
    return _is_abbreviation(bare, following)


def _is_abbreviation(bare: str, following: str) -> bool:
    """Whether the point at the end belongs to an abbreviation or an initial that goes on."""
    if not bare.endswith(".") or bare.endswith(".."):
        return False
    word = _last_word(bare)
    plain = word.casefold()
    if plain in _TITLES or plain in _LINKS:
        return True
    if plain in _LAST_WORDS or _POINTED.fullmatch(plain):
        return following[:1].islower()
    return _is_initial(bare, word, following)


def _is_initial(bare: str, word: str, following: str) -> bool:
    """Whether a single capital letter is the initial of a name: "J. Smith", "Mary J. Blige"."""
    if len(word) != 1 or not word.isupper() or following.casefold() in _BEGINS:
        return False
    if following and not following[:1].isupper():
        return False
    before = _LAST_WORD.search(bare[-_MOST_BEFORE : len(bare) - 2].rstrip())
    return word != "I" and (before is None or before.group()[:1].isupper())


def _last_word(bare: str) -> str:
    """The last word before the marks at the end of a text."""
    found = _LAST_WORD.search(bare.rstrip(MARKS)[-_MOST_BEFORE:])
    return found.group() if found else ""
