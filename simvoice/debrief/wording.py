"""Times and numbers as people read them."""

from __future__ import annotations

import re

from simvoice.scoring.metrics.quantities import duration, quantity
from simvoice.scoring.metrics.registry import Measured

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
