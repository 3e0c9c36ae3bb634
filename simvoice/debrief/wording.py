"""Times and numbers as people read them; and whether a text is English."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median
from typing import Final

from simvoice.record.events import LearnerTurn
from simvoice.scoring.instruments.evidence import GUESSING
from simvoice.scoring.metrics.quantities import duration, quantity
from simvoice.scoring.metrics.registry import Measured

# -- wording ----------------------------------------------------------------------------------
# Times and numbers as people read them.


__all__ = ["clock", "duration", "in_words", "number", "sentence_starts", "sentences_of"]

_BETWEEN = re.compile(r"(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)(?<=[.?!…])\s+")
"""Between two sentences."""


def clock(at_s: float) -> str:
    """Session seconds as `3:07`."""
    whole = int(at_s)
    return f"{whole // 60}:{whole % 60:02d}"


def sentence_starts(said: str) -> list[int]:
    """The characters at which its sentences begin."""
    return [0, *(gap.end() for gap in _BETWEEN.finditer(said))]


def sentences_of(said: str) -> list[str]:
    """What was said, sentence by sentence, with its marks."""
    return _BETWEEN.split(said.strip())


def in_words(count: int, noun: str) -> str:
    """A count and its noun: `1 word`, `3 words`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def number(measured: Measured) -> str:
    """A metric's value with its unit, or why there is none."""
    if measured.value is None:
        return measured.reason
    return quantity(measured.unit, measured.value)


# -- english ----------------------------------------------------------------------------------
# Whether what was recognised of the learner is English, the only language the codebook knows.


LEAST_WORDS: Final = 20
"""Words from which it is judged."""
HARDLY_ANY: Final = 0.10
"""Share of the function words below in all words, under which a text is not English. Of the
labelled English utterances no twenty words in a row have fewer than that, and as a whole they have
more than three times as many."""
FEW: Final = 0.20
"""The same where the recogniser was guessing in more than half of the turns."""

NOT_ENGLISH: Final = "the words recognised do not look like English, the only language it knows"
"""Why an item was not judged, as a clause."""

_OWN_WORDS = """
the and you your that this it it's i'm are have with what for but they she he's his my there about
would can will how when from don't know just been were like can't that's you're i'll we'll i've
there's it'll we're
"""
_OWN: Final = frozenset(_OWN_WORDS.split())
"""Function words that are English alone, or nearly."""
_SHARED_WORDS = "to i we is do he of her not be has if or"
_SHARED: Final = frozenset(_SHARED_WORDS.split())
"""Those that are common words of another language too (Polish, Italian, Dutch, German, Danish):
they count only beside at least as many others."""


def is_english(turns: Sequence[LearnerTurn]) -> bool:
    """Whether the learner's words may be taken for English; True for too few to tell."""
    words = [w for turn in turns for w in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", turn.text)]
    if len(words) < LEAST_WORDS:
        return True
    plain = [word.lower().replace("’", "'") for word in words]
    sure = sum(word in _OWN for word in plain)
    shared = sum(word in _SHARED for word in plain)
    share = (sure + min(sure, shared)) / len(plain)
    guessed = median(turn.avg_logprob for turn in turns) < GUESSING
    return share >= (FEW if guessed else HARDLY_ANY)
