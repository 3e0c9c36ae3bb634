"""A response to a feeling has a grade and the words that show it."""

from __future__ import annotations

import pytest

from simvoice.coding.codebook import CODEBOOK, graded, is_verified, levels
from simvoice.coding.coder import code


def test_there_are_seven_levels_over_codes_of_the_codebook_each_in_one() -> None:
    assert [level.grade for level in levels()] == list(range(7))
    named = [name for level in levels() for name in level.codes]
    assert len(named) == len(set(named))
    assert set(named) <= set(CODEBOOK)


def test_levels_that_nobody_read_in_the_source_say_so() -> None:
    assert not is_verified()


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("Calm down, it's only a small one.", 0),
        ("Okay, calm down.", 0),
        ("Okay.", 1),
        ("How long have you had it?", 2),
        ("You look frightened.", 3),
        ("What frightens you most about it?", 4),
        ("It makes sense that you're angry.", 5),
        ("I lost my own mother to this.", 6),
    ],
)
def test_a_response_has_the_grade_of_the_best_it_does(text: str, grade: int) -> None:
    found = graded(code(text))
    assert found is not None
    assert found.level.grade == grade
    assert found.by.words


def test_no_code_has_no_grade() -> None:
    assert graded(()) is None
