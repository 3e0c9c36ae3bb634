"""Rewrite words for espeak so that they sound as people say them, and split texts at pauses."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SPOKEN = {
    "dr.": "doctor",
    "mr.": "mister",
    "mrs.": "missus",
    "ms.": "miz",
    "st.": "saint",
    "prof.": "professor",
    "e.g.": "for example",
    "i.e.": "that is",
    "etc.": "et cetera",
    "vs.": "versus",
    # espeak spells these letter by letter.
    "mm": "hum",
    "mmm": "hum",
    "mm-hm": "um-hum",
    "mm-hmm": "um-hum",
    "mhm": "um-hum",
    "hm": "hum",
    "hmm": "hum",
    "&": "and",
}

_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": "", "”": "", '"': "", "[": "", "]": ""})
# espeak drops an ellipsis or a spaced dash and joins the words on both sides.
_PAUSE = re.compile(r"\.{2,}|…|\s[-–—]\s|—|–(?!\d)")
_EDGES = ".,;:!?()"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words without an ellipsis or a dash between them."""

    words: tuple[str, ...]
    """As written."""
    spoken: tuple[str, ...]
    """The form of each word that espeak receives."""


def spoken_word(word: str) -> str:
    """Return a written word in the form that espeak receives; punctuation around it stays."""
    plain = word.translate(_QUOTES)
    whole = _SPOKEN.get(plain.lower().rstrip(",;:!?"))
    if whole is not None:
        tail = plain[len(plain.rstrip(",;:!?")) :]
        return whole + tail
    core = plain.strip(_EDGES)
    said = _SPOKEN.get(core.lower())
    return plain.replace(core, said, 1) if said is not None else plain


def has_sound(word: str) -> bool:
    """Return False for a token of punctuation alone."""
    return any(letter.isalnum() for letter in word) or word == "&"


def split_at_pauses(text: str) -> list[Phrase]:
    """Split a text at its ellipses and dashes. Each mark stays with the word before it."""
    phrases: list[Phrase] = []
    start = 0
    for mark in [*_PAUSE.finditer(text), None]:
        end = mark.start() if mark else len(text)
        words = tuple(word for word in text[start:end].split() if has_sound(word))
        if words:
            written = (*words[:-1], words[-1] + mark.group().strip()) if mark else words
            phrases.append(Phrase(written, tuple(spoken_word(word) for word in words)))
        start = mark.end() if mark else len(text)
    return phrases
