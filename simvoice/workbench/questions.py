"""Questions that no line answers: one group for each thing that is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from simvoice.coding.text import plain
from simvoice.patient.retrieval import overlap
from simvoice.ports import Embedder

ALIKE: Final = 0.62
"""Least cosine of two questions about the same thing; with words alone, the least share."""
MOST_QUESTIONS: Final = 300


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that no line answers."""

    text: str
    sha256: str
    """Of its words in plain form (`key_of`)."""
    times: int
    """How often it was asked."""
    of_learners: bool
    """A learner asked it in a conversation that was released; otherwise only on the workbench."""


@dataclass(frozen=True, slots=True)
class QuestionGroup:
    """Questions about one thing, the most frequent first."""

    questions: tuple[OpenQuestion, ...]

    @property
    def times(self) -> int:
        """How often they were asked in all."""
        return sum(each.times for each in self.questions)


def key_of(text: str) -> str:
    """Return the hash of a question's words in plain form."""
    return hashlib.sha256(plain(text).encode()).hexdigest()


def counted(asked: Sequence[str], of_learners: Sequence[str]) -> list[OpenQuestion]:
    """Return each question once. asked: on the workbench; of_learners: in conversations."""
    words: dict[str, str] = {}
    times: dict[str, int] = {}
    real = {key_of(each) for each in of_learners}
    for text in (*of_learners, *asked):
        key = key_of(text)
        words.setdefault(key, " ".join(text.split()))
        times[key] = times.get(key, 0) + 1
    found = [OpenQuestion(words[k], k, n, k in real) for k, n in times.items()]
    found.sort(key=lambda each: (-each.times, each.text))
    return found[:MOST_QUESTIONS]


def grouped(questions: Sequence[OpenQuestion], embedder: Embedder | None) -> list[QuestionGroup]:
    """Return the questions in groups that ask about the same thing, the most frequent first."""
    if not questions:
        return []
    likeness = _likeness([each.text for each in questions], embedder)
    groups: list[list[int]] = []
    for number in range(len(questions)):
        near = next((group for group in groups if likeness[number, group[0]] >= ALIKE), None)
        if near is None:
            groups.append([number])
        else:
            near.append(number)
    found = [QuestionGroup(tuple(questions[each] for each in group)) for group in groups]
    return sorted(found, key=lambda each: -each.times)


def _likeness(texts: Sequence[str], embedder: Embedder | None) -> np.ndarray:
    if embedder is not None:
        vectors = np.asarray(embedder.embed(list(texts)), np.float32)
        return vectors @ vectors.T
    return np.array([[overlap(one, other) for other in texts] for one in texts])
