"""Tell what shows listening ("Mm-hm.", "Oh, I see.") from what asks for the turn, by its words.

One lexicon, `data/acknowledgements.toml`, for the live encounter, the measurement of overlaps and
the coder. How an "mm-hm" sounds is in `conversation.backchannels`.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Final, Literal

MOST_PHRASES: Final = 3
"""Most phrases of one acknowledgement ("Yeah, okay, I see."). In PriMock57 (35 consultations) the
doctors' remarks of more phrases over the patient's speech begin a turn: "No, okay. Alright. Um".
"""

Place = Literal["over_speech", "as_turn"]

_WORD = re.compile(r"[a-z']+")


def lower_words(text: str) -> list[str]:
    """Return the words in lower case, without punctuation; "mm-hm" is two words."""
    return _WORD.findall(text.lower())


@cache
def phrases(place: Place) -> tuple[str, ...]:
    """Return the phrases of the lexicon, in lower case and without punctuation.

    place: "over_speech" for those that do not ask for the turn while the other speaks, "as_turn"
    for those that only show listening when they are a turn of their own.
    """
    path = files("simvoice") / "data" / "acknowledgements.toml"
    kinds = tomllib.loads(path.read_text(encoding="utf-8"))["kind"]
    return tuple(phrase for kind in kinds if kind[place] for phrase in kind["phrases"])


def is_acknowledgement(text: str) -> bool:
    """Whether a remark over the other's speech only acknowledges: "Mm-hm", "Oh, I see."

    A question mark makes it a question ("Right?"), which asks for an answer. False for a text
    without words.
    """
    words = tuple(lower_words(text))
    if not words or "?" in text:
        return False
    return _fits(words, MOST_PHRASES, may_go_on=False)


def may_become_acknowledgement(text: str) -> bool:
    """Whether the words so far may be the start of an acknowledgement: "I" of "I see".

    The last word may be cut off. True for a text without words.
    """
    return "?" not in text and _fits(tuple(lower_words(text)), MOST_PHRASES, may_go_on=True)


def _fits(words: tuple[str, ...], most: int, *, may_go_on: bool) -> bool:
    """Whether the words are at most `most` phrases; `may_go_on`: the last one may be cut off."""
    if not words:
        return True
    if most == 0:
        return False
    if may_go_on and any(_begins(words, phrase) for phrase in _over_speech()):
        return True
    return any(
        words[: len(phrase)] == phrase
        and _fits(words[len(phrase) :], most - 1, may_go_on=may_go_on)
        for phrase in _over_speech()
    )


@cache
def _over_speech() -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(phrase.split()) for phrase in phrases("over_speech"))


def _begins(words: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    """Whether a phrase begins with these words."""
    *whole, last = words
    return (
        len(phrase) >= len(words)
        and phrase[: len(whole)] == tuple(whole)
        and phrase[len(whole)].startswith(last)
    )
