"""Telling a short acknowledgement (a backchannel) from words that ask for the floor."""

from __future__ import annotations

import re

_ACKNOWLEDGEMENTS = (
    "mm", "mhm", "mmhm", "mm hm", "mm hmm", "mhmm", "hm", "hmm", "uh huh", "uhhuh", "uh hu",
    "ah", "aha", "oh", "ooh", "yeah", "yep", "yes", "yup", "ok", "okay", "k", "right", "sure",
    "i see", "of course", "i know", "go on", "oh dear", "oh no", "okay yeah", "i hear you",
    "mm mm", "uh", "um", "alright", "all right", "got it", "no",
)  # fmt: skip
"""After Yngve 1970 and the commonest ones in PriMock57's doctors; "I understand" is more than an
acknowledgement here, because in a bad-news talk it is an empathic statement of its own."""

_WORD = re.compile(r"[a-z']+")
_LONGEST_WORDS = 4


def words_of(text: str) -> list[str]:
    """Lower-case words, without punctuation; a hyphen separates ("mm-hm" is two words)."""
    return _WORD.findall(text.lower())


def is_acknowledgement(text: str) -> bool:
    """True for "Mm-hm", "Okay, yeah", "I see, right": nothing but acknowledgements.

    A question mark makes it a question ("Right?"), which asks for an answer.
    """
    words = words_of(text)
    if not words or len(words) > _LONGEST_WORDS or "?" in text:
        return False
    return _made_of_acknowledgements(tuple(words))


def may_become_acknowledgement(text: str) -> bool:
    """True when the words heard so far may be the beginning of nothing but acknowledgements."""
    words = tuple(words_of(text))
    if not words:
        return True
    if len(words) > _LONGEST_WORDS or "?" in text:
        return False
    return any(
        _made_of_acknowledgements(words[:cut]) and _begins_one(words[cut:])
        for cut in range(len(words) + 1)
    )


def _made_of_acknowledgements(words: tuple[str, ...]) -> bool:
    if not words:
        return True
    return any(
        words[: len(phrase)] == phrase and _made_of_acknowledgements(words[len(phrase) :])
        for phrase in _PHRASES
    )


def _begins_one(words: tuple[str, ...]) -> bool:
    """The last word may be cut: a phrase that starts with these words, or with part of the last."""
    if not words:
        return True
    *whole, last = words
    return any(
        len(phrase) >= len(words)
        and list(phrase[: len(whole)]) == whole
        and phrase[len(whole)].startswith(last)
        for phrase in _PHRASES
    )


_PHRASES = tuple(tuple(phrase.split()) for phrase in _ACKNOWLEDGEMENTS)
