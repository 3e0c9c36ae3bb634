"""Levels of responses to a feeling, with the words that show them."""

from __future__ import annotations

import pytest

from simvoice.coding.codebook import CODEBOOK, eccs_is_verified, eccs_levels, grade_response
from simvoice.coding.coder import code


def test_each_of_seven_levels_has_its_own_codes_of_the_codebook() -> None:
    assert [level.grade for level in eccs_levels()] == list(range(7))
    named = [name for level in eccs_levels() for name in level.codes]
    assert len(named) == len(set(named))
    assert set(named) <= set(CODEBOOK)


def test_levels_are_marked_as_not_checked_against_the_source() -> None:
    assert not eccs_is_verified()


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
def test_a_response_has_the_level_of_its_best_code(text: str, grade: int) -> None:
    found = grade_response(code(text))
    assert found is not None
    assert found.level.grade == grade
    assert found.by.words


def test_a_response_without_codes_has_no_level() -> None:
    assert grade_response(()) is None
