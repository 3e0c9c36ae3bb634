"""Words of learners that were once taken for something else."""

from __future__ import annotations

from functools import cache

import pytest

from simvoice import paths
from simvoice.patient.case import Case
from simvoice.patient.last_question import focus
from simvoice.patient.load import load_case


@cache
def case_of(case_id: str) -> Case:
    return load_case(paths.scenarios_dir() / case_id / "case.yaml")


def names(case_id: str, text: str) -> set[str]:
    return {each.name for each in case_of(case_id).coder.code(text)}


@pytest.mark.parametrize(
    ("case_id", "text", "code"),
    [
        ("angry-relative", "Nobody came, and that's because they were all next door.", "owned"),
        ("behaviour-change", "What would be one thing you could cut?", "fixing"),
        ("behaviour-change", "What do you not really enjoy about it?", "evokes_good"),
        ("behaviour-change", "Do you get the sweats in the morning?", "evokes_good"),
        ("goals-of-care", "I'm one of the doctors looking after you.", "empathy_support"),
        ("medication-error", "The nurse who brought it wants to say sorry.", "says_who"),
    ],
)
def test_it_is_not_taken_for(case_id: str, text: str, code: str) -> None:
    assert code not in names(case_id, text)


@pytest.mark.parametrize(
    ("case_id", "text", "code"),
    [
        ("angry-relative", "Nobody came, and that is our fault.", "owned"),
        ("behaviour-change", "You could try chamomile.", "fixing"),
        ("behaviour-change", "What do you enjoy about it?", "evokes_good"),
        ("goals-of-care", "We'll be looking after you.", "empathy_support"),
        ("medication-error", "The nurse would like to say sorry to you.", "offers_meeting"),
        ("medication-error", "A nurse gave you the tablet.", "says_who"),
    ],
)
def test_it_is_still_taken_for(case_id: str, text: str, code: str) -> None:
    assert code in names(case_id, text)


def test_that_sort_of_thing_is_what_the_sentence_before_told_of() -> None:
    before = "Some want the figures and some would rather not."
    asked = "Where do you find yourself with that kind of news?"
    assert focus(f"Good morning. {before} {asked}") == f"{before} {asked}"
    unrelated = "Where do you find yourself on most evenings then?"
    assert focus(f"{before} {unrelated}") == unrelated
