"""Show metrics in words, and detect whether a transcript is English."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median
from typing import Final

from simvoice.record.events import LearnerTurn
from simvoice.scoring.instruments.evidence import GUESSING
from simvoice.scoring.metrics.quantities import quantity
from simvoice.scoring.metrics.registry import Measured


def format_measured(measured: Measured) -> str:
    """Return the value of a metric with its unit, or the reason why there is none."""
    if measured.value is None:
        return measured.reason
    return quantity(measured.unit, measured.value)


# -- English ----------------------------------------------------------------------------------

LEAST_WORDS: Final = 20
"""Fewest words that are judged."""
LEAST_SHARE: Final = 0.10
"""Smallest share of function words in an English text. In the labelled English utterances no twenty
words in a row have a smaller share, and together they have more than three times as many."""
LEAST_SHARE_UNSURE: Final = 0.20
"""The same when speech recognition was unsure in more than half of the turns."""

NOT_ENGLISH: Final = (
    "the recognised words do not look like English, the only language that simvoice knows"
)
"""The reason why an item was not judged, as a clause."""

_ENGLISH_WORDS = """
the and you your that this it it's i'm are have with what for but they she he's his my there about
would can will how when from don't know just been were like can't that's you're i'll we'll i've
there's it'll we're
"""
_ENGLISH: Final = frozenset(_ENGLISH_WORDS.split())
"""Function words that occur almost only in English."""
_SHARED_WORDS = "to i we is do he of her not be has if or"
_SHARED: Final = frozenset(_SHARED_WORDS.split())
"""Function words that are also common in another language (Polish, Italian, Dutch, German, Danish).
They count only up to the number of the words above."""


def is_english(turns: Sequence[LearnerTurn]) -> bool:
    """Whether the learner's words look like English; True for fewer than `LEAST_WORDS` words."""
    words = [w for turn in turns for w in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)*", turn.text)]
    if len(words) < LEAST_WORDS:
        return True
    plain = [word.lower().replace("’", "'") for word in words]
    english = sum(word in _ENGLISH for word in plain)
    shared = sum(word in _SHARED for word in plain)
    share = (english + min(english, shared)) / len(plain)
    unsure = median(turn.avg_logprob for turn in turns) < GUESSING
    return share >= (LEAST_SHARE_UNSURE if unsure else LEAST_SHARE)
