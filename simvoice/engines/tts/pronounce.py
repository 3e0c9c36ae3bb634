"""Written words to words that espeak reads as people say them, and where a voice pauses."""

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
    # espeak spells these out letter by letter.
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
# espeak drops an ellipsis and joins the words on either side of it; a spaced dash likewise.
_BREAK = re.compile(r"\.{2,}|…|\s[-–—]\s|—|–(?!\d)")
_EDGES = ".,;:!?()"


@dataclass(frozen=True, slots=True)
class PhraseStretch:
    """Words that are spoken without a chosen break between them."""

    words: tuple[str, ...]
    """As written."""
    spoken: tuple[str, ...]
    """What espeak is given for each."""
    hesitates: bool
    """An ellipsis or a dash follows."""


def spoken_word(word: str) -> str:
    """One written word as espeak should be given it; punctuation around it is kept."""
    plain = word.translate(_QUOTES)
    whole = _SPOKEN.get(plain.lower().rstrip(",;:!?"))
    if whole is not None:
        tail = plain[len(plain.rstrip(",;:!?")) :]
        return whole + tail
    core = plain.strip(_EDGES)
    said = _SPOKEN.get(core.lower())
    return plain.replace(core, said, 1) if said is not None else plain


def has_sound(word: str) -> bool:
    """False for a token of punctuation alone."""
    return any(letter.isalnum() for letter in word) or word == "&"


def stretches(text: str) -> list[PhraseStretch]:
    """Cut a text at its ellipses and dashes. Their marks stay with the word before them."""
    found: list[PhraseStretch] = []
    start = 0
    for mark in [*_BREAK.finditer(text), None]:
        end = mark.start() if mark else len(text)
        words = tuple(word for word in text[start:end].split() if has_sound(word))
        if words:
            shown = (*words[:-1], words[-1] + mark.group().strip()) if mark else words
            spoken = tuple(spoken_word(word) for word in words)
            found.append(PhraseStretch(shown, spoken, hesitates=mark is not None))
        start = mark.end() if mark else len(text)
    return found
