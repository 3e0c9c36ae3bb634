"""Ratings and objections lie beside the journal and never touch it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from simvoice.errors import AttemptError, SimvoiceError
from simvoice.record.journal import read_journal
from simvoice.record.remarks import (
    OBJECTIONS,
    RATINGS,
    Objection,
    Rating,
    add_objection,
    add_ratings,
    objections_of,
    ratings_of,
)
from simvoice.record.store import Store
from tests.planted_talk import record

WHEN = "2026-11-24T10:00:00+01:00"


def rating(value: str | float = "met", rater: str = "kim", item: str = "os12-1-greets") -> Rating:
    return Rating.model_validate({"rater": rater, "item": item, "value": value, "wall_time": WHEN})


def test_what_was_added_is_read_back_in_order(tmp_path: Path) -> None:
    add_ratings(tmp_path, [rating(), rating(3.0, item="bas-points")])
    add_objection(tmp_path, Objection(item="os12-1-greets", why="I did say hello", wall_time=WHEN))
    assert [each.value for each in ratings_of(tmp_path)] == ["met", 3.0]
    assert [each.why for each in objections_of(tmp_path)] == ["I did say hello"]


def test_nothing_said_is_nothing_and_leaves_no_file(tmp_path: Path) -> None:
    add_ratings(tmp_path, [])
    assert ratings_of(tmp_path) == objections_of(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_rater_s_later_word_takes_the_place_of_the_first_and_both_are_kept(
    tmp_path: Path,
) -> None:
    add_ratings(tmp_path, [rating("met"), rating("met", rater="lee")])
    add_ratings(tmp_path, [rating("not met")])
    assert {each.rater: each.value for each in ratings_of(tmp_path)} == {
        "kim": "not met",
        "lee": "met",
    }
    assert len((tmp_path / RATINGS).read_text().splitlines()) == 3


def test_the_journal_stays_as_it_was_and_the_attempt_opens(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    before = (attempt.folder / "journal.jsonl").read_bytes()
    add_objection(attempt.folder, Objection(item="x", why="no", wall_time=WHEN))
    add_ratings(attempt.folder, [rating()])
    assert (attempt.folder / "journal.jsonl").read_bytes() == before
    again = Store(tmp_path).open(attempt.id)
    assert (again.state, again.entries) == ("complete", attempt.entries)
    assert read_journal(attempt.folder / "journal.jsonl").rejected == ()


def test_erasing_the_attempt_erases_what_was_said_of_it(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    add_ratings(attempt.folder, [rating()])
    Store(tmp_path).erase(attempt.id)
    assert not list(tmp_path.rglob(RATINGS))


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / OBJECTIONS).write_text('{"item": "x", "why": "y", "wall_time": "z"}\n{"item": 3')
    with pytest.raises(AttemptError, match=r"line 2 of objections\.jsonl"):
        objections_of(tmp_path)


def test_an_objection_without_a_reason_is_none() -> None:
    with pytest.raises(ValidationError):
        Objection(item="x", why="", wall_time=WHEN)


def test_a_folder_that_is_not_there_gives_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SimvoiceError, match="check the disk"):
        add_ratings(tmp_path / "gone", [rating()])
