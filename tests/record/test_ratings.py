"""Ratings and objections are stored beside the journal and never change it."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
from pathlib import Path

import pytest
from pydantic import ValidationError

from simvoice.errors import AttemptError, SimvoiceError, StorageFull
from simvoice.record import ratings
from simvoice.record.journal import read_journal
from simvoice.record.ratings import (
    OBJECTIONS,
    RATINGS,
    SET_ASIDE,
    Objection,
    RaterDone,
    Rating,
    add_objection,
    add_ratings,
    add_ratings_to_each,
    count_ratings,
    finish_rating,
    load_draft,
    load_feedback,
    load_objections,
    load_ratings,
    withdraw_objection,
)
from simvoice.record.store import Store
from tests.planted.talk import record

WHEN = "2026-11-24T10:00:00+01:00"


def rating(value: str | float = "met", rater: str = "kim", item: str = "os12-1-greets") -> Rating:
    return Rating.model_validate({"rater": rater, "item": item, "value": value, "wall_time": WHEN})


def test_added_feedback_is_read_back_in_order(tmp_path: Path) -> None:
    add_ratings(tmp_path, [rating(), rating(3.0, item="bas-points")])
    add_objection(tmp_path, Objection(item="os12-1-greets", why="I did say hello", wall_time=WHEN))
    assert [each.value for each in load_ratings(tmp_path)] == ["met", 3.0]
    assert [each.why for each in load_objections(tmp_path)] == ["I did say hello"]


def test_adding_nothing_creates_no_file(tmp_path: Path) -> None:
    add_ratings(tmp_path, [])
    assert load_ratings(tmp_path) == load_objections(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_rater_s_later_rating_replaces_the_first_and_both_stay_in_the_file(
    tmp_path: Path,
) -> None:
    add_ratings(tmp_path, [rating("met"), rating("met", rater="lee")])
    add_ratings(tmp_path, [rating("not met")])
    assert {each.rater: each.value for each in load_ratings(tmp_path)} == {
        "kim": "not met",
        "lee": "met",
    }
    assert len((tmp_path / RATINGS).read_text().splitlines()) == 3


def test_feedback_does_not_change_the_journal(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    before = (attempt.folder / "journal.jsonl").read_bytes()
    add_objection(attempt.folder, Objection(item="x", why="no", wall_time=WHEN))
    add_ratings(attempt.folder, [rating()])
    assert (attempt.folder / "journal.jsonl").read_bytes() == before
    reopened = Store(tmp_path).open(attempt.id)
    assert (reopened.state, reopened.entries) == ("complete", attempt.entries)
    assert read_journal(attempt.folder / "journal.jsonl").rejected == ()


def test_erasing_the_attempt_erases_its_feedback(tmp_path: Path) -> None:
    attempt = record(tmp_path)
    add_ratings(attempt.folder, [rating()])
    Store(tmp_path).erase(attempt.id)
    assert not list(tmp_path.rglob(RATINGS))


WHOLE = '{"item": "x", "why": "y", "wall_time": "z"}\n'


def test_an_unreadable_line_is_reported_and_the_other_file_is_still_read(tmp_path: Path) -> None:
    (tmp_path / OBJECTIONS).write_text(WHOLE + '{"item": 3}\n' + WHOLE)
    add_ratings(tmp_path, [rating()])
    with pytest.raises(AttemptError, match=r"line 2 of objections\.jsonl"):
        load_objections(tmp_path)
    found = load_feedback(tmp_path)
    assert (len(found.ratings), found.objections) == (1, ())
    (problem,) = found.problems
    assert "line 2 of objections.jsonl" in problem


def test_an_incomplete_last_line_is_left_out_and_reported(tmp_path: Path) -> None:
    (tmp_path / OBJECTIONS).write_text(WHOLE + WHOLE[:20])
    assert [each.why for each in load_objections(tmp_path)] == ["y"]
    (problem,) = load_feedback(tmp_path).problems
    assert "the last line of objections.jsonl" in problem
    add_objection(tmp_path, Objection(item="x", why="then", wall_time=WHEN))
    assert [each.why for each in load_objections(tmp_path)] == ["y", "then"]
    assert load_feedback(tmp_path).problems == ()
    assert (tmp_path / SET_ASIDE).read_text() == WHOLE[:20] + "\n"


def test_a_last_line_without_line_end_is_read(tmp_path: Path) -> None:
    (tmp_path / OBJECTIONS).write_text(WHOLE[:-1])
    add_objection(tmp_path, Objection(item="x", why="then", wall_time=WHEN))
    assert [each.why for each in load_objections(tmp_path)] == ["y", "then"]


def test_concurrent_writers_lose_nothing(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for turn in range(10):
            add_ratings(tmp_path, [rating(rater=f"r{number}", item=f"i{turn}")])

    writers = [multiprocessing.get_context("fork").Process(target=write, args=(n,)) for n in "abcd"]
    for each in writers:
        each.start()
    for each in writers:
        each.join(30)
    assert [each.exitcode for each in writers] == [0, 0, 0, 0]
    assert len(load_ratings(tmp_path)) == 40
    assert load_feedback(tmp_path).problems == ()


def test_a_locked_file_gives_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratings, "_LOCK_TIMEOUT_S", 0.05)
    add_ratings(tmp_path, [rating()])
    with (tmp_path / RATINGS).open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SimvoiceError, match="wait and try again"):
            add_ratings(tmp_path, [rating("not met")])
    assert [each.value for each in load_ratings(tmp_path)] == ["met"]


def test_ratings_of_several_attempts_are_added_all_or_none(tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.mkdir()
    add_ratings(one, [rating()])
    with pytest.raises(SimvoiceError):
        add_ratings_to_each({one: [rating("not met")], tmp_path / "two": [rating()]})
    assert [each.value for each in load_ratings(one)] == ["met"]


def test_a_full_disk_undoes_the_ratings_of_the_other_attempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for each in folders:
        each.mkdir()
        add_ratings(each, [rating()])
    real, calls = ratings.write_all, []

    def full(fd: int, data: bytes, at: int) -> None:
        calls.append(at)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "full")
        real(fd, data, at)

    monkeypatch.setattr(ratings, "write_all", full)
    with pytest.raises(StorageFull):
        add_ratings_to_each({folder: [rating("not met")] for folder in folders})
    assert len(calls) == 2
    assert [each.value for f in folders for each in load_ratings(f)] == ["met", "met"]


def test_ratings_on_the_page_count_when_the_rater_has_finished(tmp_path: Path) -> None:
    add_ratings(tmp_path, [rating("met"), rating(item="other", rater="lee")])
    on_page = rating("not met").model_copy(update={"source": "page", "blind": True})
    add_ratings(tmp_path, [on_page])
    assert [each.value for each in load_ratings(tmp_path)] == ["met", "met"]
    assert (load_draft(tmp_path, "kim").ratings, load_draft(tmp_path, "kim").done) == (
        (on_page,),
        False,
    )
    assert load_draft(tmp_path, "lee").ratings == ()
    finish_rating(tmp_path, RaterDone(done="kim", wall_time=WHEN))
    assert load_ratings(tmp_path)[0] == on_page
    assert load_draft(tmp_path, "kim").done


def test_ratings_are_counted_by_item_over_all_attempts(tmp_path: Path) -> None:
    one, other = record(tmp_path).folder, record(tmp_path).folder
    assert count_ratings(tmp_path) == {}
    add_ratings(one, [rating(), rating(rater="lee"), rating(item="spikes-order")])
    add_ratings(other, [rating("not met")])
    draft = rating(item="nurse-name").model_copy(update={"source": "page", "blind": True})
    add_ratings(other, [draft])  # its rater has not finished
    assert count_ratings(tmp_path) == {"os12-1-greets": 3, "spikes-order": 1}
    (other / RATINGS).write_text("nonsense\n", encoding="utf-8")
    assert count_ratings(tmp_path) == {"os12-1-greets": 2, "spikes-order": 1}


def test_an_objection_is_withdrawn_by_its_number_and_stays_in_the_file(tmp_path: Path) -> None:
    for why in ("first", "second"):
        add_objection(tmp_path, Objection(item="x", why=why, wall_time=WHEN))
    assert [each.number for each in load_objections(tmp_path)] == [1, 2]
    assert withdraw_objection(tmp_path, 1, WHEN).why == "first"
    assert [(each.number, each.why) for each in load_objections(tmp_path)] == [(2, "second")]
    assert "first" in (tmp_path / OBJECTIONS).read_text()
    for number in (1, 3):
        with pytest.raises(AttemptError, match=f"no objection {number} here"):
            withdraw_objection(tmp_path, number, WHEN)


def test_an_objection_needs_a_reason() -> None:
    with pytest.raises(ValidationError):
        Objection(item="x", why="", wall_time=WHEN)


def test_a_missing_folder_gives_an_error(tmp_path: Path) -> None:
    with pytest.raises(SimvoiceError, match="check the disk"):
        add_ratings(tmp_path / "gone", [rating()])
