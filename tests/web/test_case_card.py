"""A door note names the time that an encounter has, not that for which the case was written."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from simvoice.app.attempt_header import case_card
from tests.shipped_cases import CASE_IDS, shipped_case
from tests.web.stand_in import CASE

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case_id", CASE_IDS)
def test_the_note_of_each_case_names_the_time_that_holds(case_id: str) -> None:
    card = case_card(shipped_case(case_id))
    assert card.time_s
    assert card.lasting(card.time_s) == card
    changed = card.lasting(450.0)
    assert changed.time_s == 450.0
    assert "You have 7 minutes." in changed.door_note
    assert not re.search(r"[Yy]ou have \w+(teen|ve) minutes", changed.door_note)
    assert card.lasting(None).door_note == card.door_note


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        ("In the next eight minutes:", "In the next 12 minutes:"),
        ("you have\n8 minutes", "you have\n12 minutes"),
        ("She fell eight minutes ago. You have ten minutes.", None),
        ("You have eighteen minutes.", None),
    ],
)
def test_only_the_time_of_the_case_is_changed(note: str, shown: str | None) -> None:
    assert replace(CASE, door_note=note).lasting(720.0).door_note == (shown or note)
