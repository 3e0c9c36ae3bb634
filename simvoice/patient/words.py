"""How alike two utterances are by their words alone."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from simvoice.coding.text import plain

Vector = dict[str, float]

_ENDINGS = ("ings", "ing", "edly", "ed", "ies", "es", "s", "ly")


def stem(word: str) -> str:
    """The word without its commonest endings; short words stay."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def stems(text: str) -> list[str]:
    """The stems of a text, in order."""
    return [stem(word) for word in plain(text).split()]


@cache
def everyday(kind: str) -> frozenset[str]:
    """The stems of words that carry no fact. kind: "function" or "feeling"."""
    text = (files("simvoice.patient") / "data" / "everyday.toml").read_text(encoding="utf-8")
    return frozenset(stem(word) for word in str(tomllib.loads(text)[kind]).split())


def content(text: str) -> list[str]:
    """The stems that say something, in order."""
    return [each for each in stems(text) if each not in everyday("function")]


def overlap(one: str, other: str) -> float:
    """Share of the shorter text's different content stems that the other has, 0..1."""
    first, second = set(content(one)), set(content(other))
    shorter = min(len(first), len(second))
    return len(first & second) / shorter if shorter else 0.0


class WordIndex:
    """Exemplars as weighted bags of stems; rare words weigh more."""

    def __init__(self, texts: Sequence[str]) -> None:
        bags = [Counter(stems(text)) for text in texts]
        seen = Counter(word for bag in bags for word in bag)
        total = len(bags) + 1
        self._weight = {word: math.log(total / count) for word, count in seen.items()}
        self._rare = math.log(total)
        self._rows = [self._vector(bag) for bag in bags]

    def likeness(self, text: str) -> list[float]:
        """Cosine to each exemplar, 0..1, in the order they were given."""
        query = self._vector(Counter(stems(text)))
        return [_dot(query, row) for row in self._rows]

    def _vector(self, bag: Counter[str]) -> Vector:
        raw = {word: n * self._weight.get(word, self._rare) for word, n in bag.items()}
        length = math.sqrt(sum(value * value for value in raw.values()))
        return {word: value / length for word, value in raw.items()} if length else {}


def _dot(one: Vector, other: Vector) -> float:
    if len(other) < len(one):
        one, other = other, one
    return sum(weight * other.get(word, 0.0) for word, weight in one.items())
