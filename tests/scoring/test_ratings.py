"""A file of ratings is taken whole or not at all, and every fault in it is named."""

from __future__ import annotations

import re

import pytest

from simvoice.errors import UsageError
from simvoice.scoring.instruments import instruments
from simvoice.scoring.ratings import blank_sheet, read_ratings

HEAD = "attempt,rater,item,value,comment\n"
THERE = ("one", "two")


def read(text: str) -> list[tuple[str, str, str, str | float]]:
    found = read_ratings(text, THERE, "2026-11-24T10:00:00+01:00", "mine.csv")
    return [(e.attempt, e.rating.rater, e.rating.item, e.rating.value) for e in found]


def test_words_and_numbers_are_read() -> None:
    text = HEAD + 'one,kim,os12-1-greets,Met,"said hello, twice"\none,kim,bas-points,87,\n'
    text += "two,kim,os12-1-greets,no,\ntwo,lee,os12-1-greets,unsure,\n"
    assert read(text) == [
        ("one", "kim", "os12-1-greets", "met"),
        ("one", "kim", "bas-points", 87.0),
        ("two", "kim", "os12-1-greets", "not met"),
        ("two", "lee", "os12-1-greets", "not judged"),
    ]


def test_the_comment_may_be_missing_and_a_spreadsheet_s_mark_and_line_ends_do_not_matter() -> None:
    text = "\ufeffattempt,rater,item,value\r\none,kim,os12-1-greets,met\r\n"
    assert read(text) == [("one", "kim", "os12-1-greets", "met")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "lacks the column attempt"),
        ("attempt,rater,item\n", "lacks the column value"),
        ("attempt,rater,item,value,mood\n", "has a column 'mood'"),
        (HEAD, "holds no rating"),
        (HEAD + "one,kim,os12-1-greets,,\n", "holds no rating"),
        (HEAD + "six,kim,os12-1-greets,met,\n", "line 2 names the attempt 'six'"),
        (HEAD + "one,,os12-1-greets,met,\n", "line 2 does not say who rated"),
        (HEAD + "one,Machine,os12-1-greets,met,\n", "a rater is a human"),
        (HEAD + "one,kim,os12-99,met,\n", "line 2 names the item 'os12-99'"),
        (HEAD + "one,kim,,met,\n", "line 2 names the item ''"),
        (HEAD + "one,kim,os12-1-greets,mostly,\n", "has the value 'mostly'"),
        (HEAD + "one,kim,os12-1-greets,nan,\n", "has the value 'nan'"),
        (HEAD + "one,kim\n", "line 2 does not have 5 fields"),
        (HEAD + "one,kim,os12-1-greets,met,a,b\n", "line 2 does not have 5 fields"),
        (HEAD + "one,kim,os12-1-greets,met,\n" * 2, "a second time (first in line 2)"),
    ],
)
def test_a_fault_is_said_with_its_line(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)) as caught:
        read(text)
    assert "mine.csv" in str(caught.value)


def test_one_fault_keeps_the_whole_file_out_and_many_are_counted() -> None:
    text = HEAD + "one,kim,os12-1-greets,met,\n" + "six,kim,os12-1-greets,met,\n" * 11
    with pytest.raises(UsageError, match=r"nothing was imported .* and 3 more"):
        read(text)


def test_a_blank_sheet_has_every_item_and_no_judgement_and_can_be_filled_in() -> None:
    sheet = blank_sheet(["one"], [instruments()["spikes"]], "kim")
    assert sheet.count("\n") == 1 + len(instruments()["spikes"].items)
    with pytest.raises(UsageError, match="holds no rating"):
        read(sheet)
    assert read(sheet.replace("spikes-order,,", "spikes-order,met,")) == [
        ("one", "kim", "spikes-order", "met")
    ]
