"""Is the learner's turn over? The melody (Smart Turn), the words (a language model) and how surely
they were recognised, together.

A sentence that is cut off is often misheard as a whole one ("anybody at" becomes "anybody yet?"),
and then less surely than the speaker's other words. The measure is the speaker's own usual
sureness: an accent that the recogniser knows badly must not make every answer late.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from statistics import median

_BIAS = 1.02
_WORDS_WEIGHT = 1.43
_MELODY_WEIGHT = 0.56
_UNSURE_WEIGHT = 2.17
"""Logistic regression on 145 synthetic clinician utterances, 90 of them cut in the middle, by
`scripts/fit_turn_end.py`: AUC .97 on them, and .97 on the floor bench's 96, which it never saw."""

USUALLY = -0.15
"""Mean log-probability a token of a speaker whom the recogniser knows well."""
_MOST_UNSURE = 0.3
"""Nats; what is more unsure than that says no more."""
_ENOUGH_TURNS = 3

_UNFINISHED = re.compile(
    r"\b(?:and|but|so|because|or|if|that|the|a|an|to|of|my|your|our|is|are|was|we|i|um|uh|er|erm|"
    r"with|for|in|about|which|when|i'm|we're|it's|going|want|like)[.,…-]*$",
    re.IGNORECASE,
)
"""Words that a finished turn hardly ever ends with, for when no model is there to ask."""

_SURE = 0.9
"""A melody this final outweighs such a word."""


_NAME = re.compile(r"(?:[^.?!]|\b(?:Dr|Mrs?|Ms)\.)\s(?!I\b)[A-Z][a-z]+[.?!,]*$")
_NAME_PROB = 0.2
"""No model expects a name to end a sentence, because it could not expect the name: "my name is
Doctor Lind." gets .04."""


def over_prob(text: str, melody: float | None, words: float | None, unsure: float = 0.0) -> float:
    """Probability, 0..1, that the turn is over.

    text: as recognised. melody: Smart Turn's answer. words: `ports.LastWords`' answer; None for
    either when it is not known. unsure: see `unsureness`.
    """
    melody = 0.5 if melody is None else melody
    if words is None:
        return 0.1 if _UNFINISHED.search(text) and melody < _SURE else melody
    if _NAME.search(text):
        words = max(words, _NAME_PROB)
    score = _BIAS + _WORDS_WEIGHT * _logit(words) + _MELODY_WEIGHT * _logit(melody)
    return 1.0 / (1.0 + math.exp(_UNSURE_WEIGHT * unsure - score))


def unsureness(avg_logprob: float, before: Sequence[float]) -> float:
    """Nats a token, 0..0.3, by which these words are less sure than the speaker's usually are.

    avg_logprob: of the words. before: of the speaker's turns so far, by the same recogniser.
    """
    usual = min(USUALLY, median(before)) if len(before) >= _ENOUGH_TURNS else USUALLY
    return min(_MOST_UNSURE, max(0.0, usual - avg_logprob))


def _logit(prob: float) -> float:
    kept = min(max(prob, 1e-3), 1.0 - 1e-3)
    return math.log(kept / (1.0 - kept))
