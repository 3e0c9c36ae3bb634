"""A file of ratings is imported whole or not at all, and every error in it is named."""

from __future__ import annotations

import re

import pytest

from simvoice.errors import UsageError
from simvoice.scoring.instruments.instrument import Item, instruments
from simvoice.scoring.raters.ratings_file import blank_sheet, decode_text, read_ratings

HEAD = "attempt,rater,item,value,comment\n"
ATTEMPTS = ("one", "two")


def read(text: str) -> list[tuple[str, str, str, str | float]]:
    found = read_ratings(text, ATTEMPTS, "2026-11-24T10:00:00+01:00", "mine.csv")
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


def test_the_comment_the_byte_order_mark_and_the_line_ends_are_optional() -> None:
    text = "\ufeffattempt,rater,item,value\r\none,kim,os12-1-greets,met\r\n"
    assert read(text) == [("one", "kim", "os12-1-greets", "met")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "mine.csv is empty"),
        ("\n\n", "mine.csv is empty"),
        ("attempt;rater;item;value;comment\n", "line 1 of mine.csv is separated by semicolons"),
        ("attempt\trater\titem\tvalue\n", "line 1 of mine.csv is separated by tabs"),
        ("attempt,attempt,rater,item,value\n", "has the column attempt twice; line 1 must be"),
        (HEAD + HEAD, "line 2 repeats the column names; delete it"),
        (HEAD + 'one,kim,os12-1-greets,met,"oh\nno\n', "line 2 is not CSV"),
        (HEAD + 'one,kim,os12-1-greets,met,"oh"no\n', "line 2 is not CSV"),
        (HEAD + "one,kim,os12-1-greets,met," + "x" * 140_000, "line 2 is not CSV (field larger"),
        (HEAD + "one,kim,os12-1-greets,met," + "x" * 2001, "2001 characters in the column comment"),
        (HEAD + "one,kim,os12-1-greets,3,\n", "os12-1-greets takes met, not met or not judged"),
        (HEAD + "one,kim,nurse-name,met,\n", "nurse-name takes a whole number from 0"),
        (HEAD + "one,kim,nurse-name,1.5,\n", "nurse-name takes a whole number from 0"),
        (HEAD + "one,kim,nurse-name,-1,\n", "nurse-name takes a whole number from 0"),
        (HEAD + "one,kim,vr-codes-room-share,40,\n", "takes a number from 0 to 1"),
        ("attempt,rater,item\n", "lacks the column value"),
        ("attempt,rater,item,value,mood\n", "has a column 'mood'"),
        (HEAD, "has no rating"),
        (HEAD + "one,kim,os12-1-greets,,\n", "has no rating"),
        (HEAD + "six,kim,os12-1-greets,met,\n", "line 2 names the attempt 'six'"),
        (HEAD + "one,,os12-1-greets,met,\n", "line 2 does not say who rated"),
        (HEAD + "one,Machine,os12-1-greets,met,\n", "a rater is a human"),
        (HEAD + "one,k\x1b[31m,os12-1-greets,met,\n", "a rater's name has no control characters"),
        (HEAD + f"one,{'k' * 61},os12-1-greets,met,\n", "at most 60 characters"),
        (HEAD + "one,kim,os12-99,met,\n", "line 2 names the item 'os12-99'"),
        (HEAD + "one,kim,,met,\n", "line 2 names the item ''"),
        (HEAD + "one,kim,os12-1-greets,mostly,\n", "has the value 'mostly'"),
        (HEAD + "one,kim,os12-1-greets,nan,\n", "has the value 'nan'"),
        (HEAD + "one,kim\n", "line 2 has 2 fields and not 5"),
        (HEAD + "one,kim,os12-1-greets,met,a,b\n", "line 2 has 6 fields and not 5"),
        (
            HEAD + "one,kim,os12-1-greets,met,\n" * 2,
            "a second time by kim (first in line 2); delete one",
        ),
    ],
)
def test_an_error_is_named_with_its_line(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)) as caught:
        read(text)
    assert "mine.csv" in str(caught.value)


def test_an_error_after_a_comment_of_several_lines_has_the_right_line() -> None:
    text = HEAD + 'one,kim,os12-1-greets,met,"a\nb\nc"\none,kim,os12-99,met,\n'
    with pytest.raises(UsageError, match="line 5 names the item 'os12-99'"):
        read(text)


def test_a_comment_that_is_still_the_text_of_the_item_is_no_comment() -> None:
    (some,) = [each for each in instruments().values() if each.id == "spikes"]
    lines = blank_sheet(["one"], [some], "kim").replace(",,", ",met,").splitlines(keepends=True)
    head, first, second = lines[0], lines[1], lines[2]
    item = some.items[1]
    changed = second.replace(item.text, "too fast")
    found = read_ratings(head + first + changed, ATTEMPTS, "2026-11-24T10:00:00+01:00")
    assert [each.rating.comment for each in found] == ["", "too fast"]


def test_a_sheet_holds_no_formula_and_a_comment_is_imported_without_the_apostrophe() -> None:
    item = next(iter(instruments()["spikes"].items))
    unsafe = item.model_copy(update={"text": "=1+1 greets"})
    some = instruments()["spikes"].model_copy(update={"items": (unsafe,)})
    sheet = blank_sheet(["one"], [some], "kim")
    assert "'=1+1 greets" in sheet

    def known(_: str) -> dict[str, Item]:
        return {unsafe.id: unsafe}

    filled = sheet.replace(",,", ",met,")
    (left,) = read_ratings(filled, ATTEMPTS, "2026-11-24T10:00:00+01:00", known=known)
    assert left.rating.comment == ""
    filled = filled.replace("'=1+1 greets", "'- spoke first")
    (own,) = read_ratings(filled, ATTEMPTS, "2026-11-24T10:00:00+01:00", known=known)
    assert own.rating.comment == "- spoke first"


def test_a_name_in_other_capitals_is_the_same_rater() -> None:
    text = HEAD + "one,kim,os12-1-greets,met,\none,Kim,os12-1-greets,no,\n"
    with pytest.raises(UsageError, match="a second time by Kim"):
        read(text)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (HEAD.encode("utf-16"), "mine.csv is UTF-16 text; save it as CSV in UTF-8"),
        (HEAD.encode("utf-16-le"), "line 1 of mine.csv has a zero byte"),
        (HEAD.encode() + b"one,kim\0,x,met,", "line 2 of mine.csv has a zero byte"),
        (
            HEAD.encode() + b"one,ren\xe9,x,met,",
            "line 2 of mine.csv has a character that is not UTF",
        ),
    ],
)
def test_text_that_is_not_utf_8_is_refused_with_a_remedy(data: bytes, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)) as caught:
        decode_text(data, "mine.csv")
    assert "import it again" in str(caught.value)


def test_utf_8_is_read_with_and_without_a_byte_order_mark() -> None:
    for encoding in ("utf-8", "utf-8-sig"):
        assert decode_text("René".encode(encoding), "mine.csv") == "René"


def test_an_item_must_belong_to_the_attempt() -> None:
    def known(attempt: str) -> dict[str, Item]:
        if attempt == "two":
            raise UsageError("it is being recorded right now; end the encounter first")
        return {item.id: item for item in instruments()["spikes"].items}

    lines = "one,kim,os12-1-greets,met,\none,kim,critical-x-y,met,\ntwo,kim,spikes-order,met,\n"
    with pytest.raises(UsageError) as caught:
        read_ratings(HEAD + lines, ATTEMPTS, "2026-11-24T10:00:00+01:00", "mine.csv", known)
    message = str(caught.value)
    assert "line 2 names the item 'os12-1-greets', which belongs to OS-12" in message
    assert "import with --instrument os12" in message
    assert "line 3 names the item 'critical-x-y', which the attempt's case does not have" in message
    assert "line 4 names the attempt two, which cannot be rated (it is being recorded" in message


def test_one_error_refuses_the_whole_file_and_many_are_counted() -> None:
    text = HEAD + "one,kim,os12-1-greets,met,\n" + "six,kim,os12-1-greets,met,\n" * 11
    with pytest.raises(UsageError, match=r"nothing was imported .* and 3 more"):
        read(text)


def test_a_blank_sheet_has_every_item_and_no_judgement_and_can_be_filled_in() -> None:
    sheet = blank_sheet(["one"], [instruments()["spikes"]], "kim")
    assert sheet.count("\n") == 1 + len(instruments()["spikes"].items)
    with pytest.raises(UsageError, match="has no rating"):
        read(sheet)
    assert read(sheet.replace("spikes-order,,", "spikes-order,met,")) == [
        ("one", "kim", "spikes-order", "met")
    ]
