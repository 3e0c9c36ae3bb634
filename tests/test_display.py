"""Numbers and times as text."""

from __future__ import annotations

import re

import pytest

from simvoice.display import (
    clock,
    count_noun,
    duration_in_words,
    figure,
    fixed,
    percent,
    points,
    signed_points,
)
from tests.test_house import HOUSE, PACKAGE

CLOCKS: tuple[tuple[float | None, str], ...] = (
    (None, ""),
    (-5.0, "0:00"),
    (0.0, "0:00"),
    (0.999, "0:00"),
    (59.6, "0:59"),
    (59.9999999, "1:00"),
    (60.0, "1:00"),
    (119.999, "1:59"),
    (187.3, "3:07"),
    (3599.999, "59:59"),
    (3600.0, "1:00:00"),
    (3725.0, "1:02:05"),
    (36000.0, "10:00:00"),
)
"""Seconds and the clock that every page, picture and command shows. `tests/web/test_web_browser.py`
compares the script of the pages with the same table."""


@pytest.mark.parametrize(("at_s", "shown"), CLOCKS)
def test_the_clock(at_s: float | None, shown: str) -> None:
    assert clock(at_s) == shown


def test_no_other_code_formats_a_clock() -> None:
    """Minutes and seconds with a colon between them are made in two functions only."""
    own = {"simvoice/display.py", "simvoice/web/static/format.js"}
    sources = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.js"), *PACKAGE.rglob("*.html")]
    makes_one = re.compile(r'\{[^{}]*:02d?\}|padStart\(2|"%0?2d|%M:%S')
    found = {
        path.relative_to(HOUSE).as_posix()
        for path in sources
        if makes_one.search(path.read_text(encoding="utf-8"))
    }
    assert found - own == set()


@pytest.mark.parametrize(
    ("length_s", "words"),
    [
        (0.0, "0 seconds"),
        (1.0, "1 second"),
        (59.99, "59 seconds"),
        (60.0, "1 minute"),
        (88.6, "1 minute 28 seconds"),
        (299.0, "4 minutes 59 seconds"),
        (490.0, "8 minutes"),
        (-3.0, "0 seconds"),
    ],
)
def test_how_long_a_conversation_lasted(length_s: float, words: str) -> None:
    assert duration_in_words(length_s) == words


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0 words"), (1, "1 word"), (2, "2 words"), (12, "12 words")]
)
def test_a_noun_follows_its_count(count: int, shown: str) -> None:
    assert count_noun(count, "word") == shown


def test_a_noun_may_have_its_own_plural() -> None:
    assert [count_noun(n, "retry", "retries") for n in (1, 2)] == ["1 retry", "2 retries"]


def test_zero_has_no_minus_sign() -> None:
    assert (fixed(-0.004, 2), fixed(-0.006, 2)) == ("0.00", "-0.01")
    assert (points(-0.001), signed_points(-0.001)) == ("0", "+0")


def test_shares_and_points() -> None:
    assert (percent(0.473), percent(0.473, 1), percent(1.0)) == ("47 %", "47.3 %", "100 %")
    assert (points(0.354), signed_points(0.05), signed_points(-0.12)) == ("35", "+5", "-12")


def test_a_figure_has_decimals_only_where_it_needs_them() -> None:
    assert [figure(value) for value in (None, 3.0, 3.456, -1.0)] == ["–", "3", "3.46", "-1"]


PERCENT = re.compile(r"\{[^{}]*:\.\d%\}")


def test_every_percent_is_written_by_one_function() -> None:
    found = [
        path.relative_to(HOUSE).as_posix()
        for path in sorted(PACKAGE.rglob("*.py"))
        if PERCENT.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
