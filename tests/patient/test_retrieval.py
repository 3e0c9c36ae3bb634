"""The index of exemplars: matching, storing and loading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from simvoice.patient.case.schema import Case
from simvoice.patient.retrieval import (
    CaseIndex,
    WordIndex,
    best_by_line,
    exemplars,
    overlap,
    unalias,
)


class Letters:
    """An embedder that counts letters, and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls += 1
        rows = np.array([[text.lower().count(c) + 1e-3 for c in "abcdefghij"] for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_an_exemplar_is_most_similar_to_itself(case: Case) -> None:
    embedder = Letters()
    index = CaseIndex.build(case, embedder)
    owner, text = exemplars(case)[7]
    scores = index.similarity(embedder.embed([unalias(case, text)])[0])
    assert scores.shape == (len(exemplars(case)),)
    assert scores[7] == pytest.approx(1.0, abs=1e-5)
    assert best_by_line(scores.tolist(), [o for o, _ in exemplars(case)])[owner] > 0.5


def test_an_index_is_built_once_and_stored(case: Case, tmp_path: Path) -> None:
    embedder = Letters()
    made = CaseIndex.cached(tmp_path, case, embedder, "ab" * 32)
    stored = CaseIndex.cached(tmp_path, case, embedder, "ab" * 32)
    assert embedder.calls == 1
    np.testing.assert_array_equal(made.vectors, stored.vectors)
    assert CaseIndex.load(tmp_path, case, "cd" * 32) is None


def test_a_damaged_index_is_rebuilt(case: Case, tmp_path: Path) -> None:
    path = CaseIndex.build(case, Letters(), "ab").save(tmp_path)
    path.write_bytes(b"not an archive")
    assert CaseIndex.load(tmp_path, case, "ab") is None
    assert CaseIndex.cached(tmp_path, case, Letters(), "ab").vectors.ndim == 2


def test_aliases_in_a_question_are_replaced(case: Case) -> None:
    assert unalias(case, "Does Pete know?") == "Does your husband know?"
    assert unalias(case, "And your mom?") == "And your mother?"


def test_several_agreeing_exemplars_beat_a_single_one() -> None:
    best = best_by_line([0.8, 0.1, 0.1, 0.7, 0.7, 0.7], ["a", "a", "a", "b", "b", "b"])
    assert best["b"] > best["a"]


def test_rare_words_weigh_more_than_common_ones() -> None:
    index = WordIndex(["do you sleep", "do you eat", "do you walk"])
    scores = index.similarity("did you sleep")
    assert scores[0] > 3 * scores[1]
    assert index.similarity("") == [0.0, 0.0, 0.0]
    assert overlap("", "something") == 0.0
