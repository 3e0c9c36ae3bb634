"""Is the learner's turn over? The melody (Smart Turn) and the words (a language model) together."""

from __future__ import annotations

import math
import re

_BIAS = 1.95
_WORDS_WEIGHT = 1.80
_MELODY_WEIGHT = 0.53
"""Logistic regression on 54 synthetic clinician utterances, half of them cut in the middle: AUC
.99, against .97 for the words and .72 for the melody alone."""

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


def over_prob(text: str, melody: float | None, words: float | None) -> float:
    """Probability, 0..1, that the turn is over.

    text: as recognised. melody: Smart Turn's answer. words: `ports.LastWords`' answer; None for
    either when it is not known.
    """
    melody = 0.5 if melody is None else melody
    if words is None:
        return 0.1 if _UNFINISHED.search(text) and melody < _SURE else melody
    if _NAME.search(text):
        words = max(words, _NAME_PROB)
    score = _BIAS + _WORDS_WEIGHT * _logit(words) + _MELODY_WEIGHT * _logit(melody)
    return 1.0 / (1.0 + math.exp(-score))


def _logit(prob: float) -> float:
    kept = min(max(prob, 1e-3), 1.0 - 1e-3)
    return math.log(kept / (1.0 - kept))
