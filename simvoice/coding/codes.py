"""The codes an utterance can carry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One thing an utterance does."""

    name: str
    """From the codebook: question_open, question_closed, empathy_name, warning_shot …"""
    words: str
    """The learner's words that show it."""
    confidence: float = 1.0
    """0..1."""
