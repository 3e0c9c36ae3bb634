"""One table of the ways in which an encounter ends."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from simvoice.record.endings import END_WORDS, EndReason, RequestedEnd, end_words
from simvoice.record.events import Ended
from tests.test_house import HOUSE, PACKAGE

REASONS = get_args(EndReason)


def test_the_table_has_every_reason_and_no_other() -> None:
    assert set(END_WORDS) == set(REASONS)
    assert set(get_args(RequestedEnd)) < set(REASONS)


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_a_journal_has_every_form(reason: EndReason) -> None:
    ended = Ended(at_s=65.4, reason=reason)
    words = end_words(ended.reason)
    assert words.sentence(ended.at_s) == f"{words.at} 1:05."
    assert words.at[:1].isupper()
    assert words.clause[:1].islower()
    assert not words.clause.endswith(".")


def test_an_attempt_that_was_cut_short_is_not_one_that_ended() -> None:
    cut = {reason for reason in REASONS if END_WORDS[reason].is_cut_short}
    assert cut == {"device", "closed", "stopped", "fault"}


def test_a_sound_file_ends_instead_of_a_page() -> None:
    from_file = end_words("closed", {"kind": "file"})
    assert from_file.clause == "the sound file ended"
    assert from_file.sentence(20.0) == "The sound file that replaced the microphone ended at 0:20."
    assert end_words("closed", {"kind": "browser"}) == END_WORDS["closed"]
    assert end_words("learner", {"kind": "file"}) == END_WORDS["learner"]


def test_a_journal_without_an_end_says_so() -> None:
    assert end_words("").clause == "the end was not recorded"


def test_no_other_module_words_an_end() -> None:
    """A dictionary or a match with a case for each reason would be a second table."""
    two = re.compile(r'"(device|closed)":|case "(device|closed)"')
    found = [
        path.relative_to(HOUSE).as_posix()
        for path in sorted(PACKAGE.rglob("*.py"))
        if two.search(path.read_text(encoding="utf-8"))
    ]
    assert found == ["simvoice/record/endings.py"]
