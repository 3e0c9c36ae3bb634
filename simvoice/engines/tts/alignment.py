"""Assign a voice's phonemes to the written words, and find where syllables end.

espeak joins words ("of the" is one), expands numbers and abbreviations, and drops what it
cannot say. So each word is phonemised alone as well, and the spoken phonemes are aligned with
these expected ones by edit distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

MARKS = frozenset("ˈˌ")
"""Stress marks: they have a length in samples, and a syllable begins with them."""

VOWELS = frozenset("aeiouyæøœɐɑɒɔɘəɚɛɜɝɞɤɪɨɯʉʊʌʏᵻᵊ")
_LENGTH = frozenset("ːˑ\u0303\u0329\u032f")
_NOT_SPOKEN = frozenset("^$_.,;:!?¡¿—–-'\"()… ")


@dataclass(frozen=True, slots=True)
class Phoneme:
    """A phoneme and its times, in seconds from the start of its clip."""

    symbol: str
    start_s: float
    end_s: float


def is_spoken(symbol: str) -> bool:
    """Return False for pauses, word boundaries and the marks of beginning and end."""
    return symbol not in _NOT_SPOKEN


def is_vowel(symbol: str) -> bool:
    """Return True for a vowel, and for a merged cluster that begins with one."""
    return bool(symbol) and symbol[0] in VOWELS


def assign_words(spoken: Sequence[str], expected: Sequence[Sequence[str]]) -> list[int]:
    """Return the index of the word of each spoken phoneme; the indices never fall.

    spoken: symbols without pauses and stress. expected: the symbols of each word said alone.
    Edit distance (Wagner & Fischer 1974); replacing a vowel by a vowel costs less than by a
    consonant.
    """
    flat = [(symbol, word) for word, symbols in enumerate(expected) for symbol in symbols]
    if not flat:
        return [0] * len(spoken)
    rows, columns = len(spoken) + 1, len(flat) + 1
    cost = np.zeros((rows, columns))
    cost[:, 0] = np.arange(rows)
    cost[0, :] = np.arange(columns)
    for row in range(1, rows):
        for column in range(1, columns):
            cost[row, column] = min(
                cost[row - 1, column - 1] + _replacement_cost(spoken[row - 1], flat[column - 1][0]),
                cost[row - 1, column] + 1.0,
                cost[row, column - 1] + 1.0,
            )
    return _trace_back(cost, spoken, flat)


def _replacement_cost(one: str, other: str) -> float:
    if one == other:
        return 0.0
    return 0.6 if is_vowel(one) == is_vowel(other) else 1.5


def _trace_back(
    cost: np.ndarray, spoken: Sequence[str], flat: Sequence[tuple[str, int]]
) -> list[int]:
    words = [0] * len(spoken)
    row, column = len(spoken), len(flat)
    while row > 0:
        word = flat[max(column - 1, 0)][1]
        if column > 0 and np.isclose(
            cost[row, column],
            cost[row - 1, column - 1] + _replacement_cost(spoken[row - 1], flat[column - 1][0]),
        ):
            words[row - 1] = word
            row, column = row - 1, column - 1
        elif np.isclose(cost[row, column], cost[row - 1, column] + 1.0):
            words[row - 1] = word
            row -= 1
        else:
            column -= 1
    return words


def word_spans(
    phonemes: Sequence[Phoneme], expected: Sequence[Sequence[str]]
) -> list[tuple[float, float]]:
    """Return start and end of each word, in seconds, rising; equal for a word that was not spoken.

    phonemes: in order, with pauses. expected: the symbols of each word said alone.
    """
    spoken = [p for p in phonemes if is_spoken(p.symbol)]
    segments = [p for p in spoken if p.symbol not in MARKS]
    word_of_segment = iter(
        assign_words(
            [p.symbol for p in segments], [[s for s in w if is_segment(s)] for w in expected]
        )
    )
    spans: list[tuple[float, float] | None] = [None] * len(expected)
    mark_start: float | None = None
    for phoneme in spoken:
        if phoneme.symbol in MARKS:
            mark_start = phoneme.start_s if mark_start is None else mark_start
            continue
        word = next(word_of_segment)
        start_s = phoneme.start_s if mark_start is None else mark_start
        mark_start = None
        known = spans[word]
        spans[word] = (start_s if known is None else known[0], phoneme.end_s)
    return _fill(spans, phonemes[0].start_s if phonemes else 0.0)


def _fill(spans: Sequence[tuple[float, float] | None], start_s: float) -> list[tuple[float, float]]:
    filled: list[tuple[float, float]] = []
    for span in spans:
        if span is not None:
            filled.append(span)
        else:
            at_s = filled[-1][1] if filled else start_s
            filled.append((at_s, at_s))
    return filled


def is_segment(symbol: str) -> bool:
    """Return True for a vowel or a consonant, False for pauses and stress marks."""
    return is_spoken(symbol) and symbol not in MARKS


def syllable_ends(phonemes: Sequence[Phoneme]) -> list[float]:
    """Return the times, in seconds and rising, at which speech can stop between two syllables.

    Of two or more consonants between two vowels, the first closes the syllable. A single one
    opens the next syllable (an approximation of the maximal onset). A word's last syllable ends
    with the word.
    """
    ends: list[float] = []
    for run in _runs(phonemes):
        nuclei = _nuclei(run)
        for (_, stop), (start, _) in pairwise(nuclei):
            consonants = [i for i in range(stop, start) if run[i].symbol not in MARKS]
            last = consonants[0] if len(consonants) > 1 else stop - 1
            ends.append(run[last].end_s)
        ends.append(run[-1].end_s)
    return ends


def _runs(phonemes: Sequence[Phoneme]) -> list[list[Phoneme]]:
    """Split the phonemes at pauses and word boundaries."""
    runs: list[list[Phoneme]] = [[]]
    for phoneme in phonemes:
        if is_spoken(phoneme.symbol):
            runs[-1].append(phoneme)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _nuclei(run: Sequence[Phoneme]) -> list[tuple[int, int]]:
    """Return start and end index of each group of vowels; a stress mark starts a new group."""
    nuclei: list[tuple[int, int]] = []
    begin: int | None = None
    for index, phoneme in enumerate(run):
        if is_vowel(phoneme.symbol):
            begin = index if begin is None else begin
        elif begin is not None and phoneme.symbol not in _LENGTH:
            nuclei.append((begin, index))
            begin = None
    if begin is not None:
        nuclei.append((begin, len(run)))
    return nuclei
