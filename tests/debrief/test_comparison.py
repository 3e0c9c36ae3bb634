"""An attempt and its retry, side by side."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from simvoice.debrief.comparison import Comparison, ReadAttempt, compare, find_retries
from simvoice.debrief.render_text import render_comparison
from simvoice.errors import AttemptError
from simvoice.record.store import Store
from tests.web.test_web_retry import FIRST, FIRST_ENTRIES, SECOND, SECOND_ENTRIES, TOLD, plant


@pytest.fixture
def store(tmp_path: Path) -> Store:
    plant(tmp_path, FIRST, FIRST_ENTRIES)
    plant(tmp_path, SECOND, SECOND_ENTRIES, "2026-11-22T10:30:00+00:00")
    return Store(tmp_path)


@pytest.fixture
def both(store: Store) -> Comparison:
    return compare(ReadAttempt.of(store.open(FIRST)), ReadAttempt.of(store.open(SECOND)))


def test_both_begin_with_the_same_line_at_the_checkpoint(both: Comparison) -> None:
    first, second = both.first.lines[0], both.second.lines[0]
    assert first.text == "So it is. I knew,"
    assert first.unsaid == "you know. I always knew."
    assert second.text == "So it is. I knew, you know. I always knew."
    assert first.since_s == second.since_s == pytest.approx(0.1)
    assert first.at_s == pytest.approx(6.1)


def test_lines_before_the_checkpoint_are_left_out(both: Comparison) -> None:
    assert "It is a cancer." not in [line.text for line in both.first.lines]


def test_each_has_ledger_silences_facts_and_end(both: Comparison) -> None:
    first, second = both.first, both.second
    assert (first.start["trust"], first.end["trust"]) == (0.35, 0.2)
    assert (second.start["trust"], second.end["trust"]) == (0.35, 0.7)
    assert ((first.held, first.filled), (second.held, second.filled)) == ((0, 1), (1, 0))
    assert (first.told, second.told) == ((), (TOLD,))
    assert (first.cut_off, second.cut_off) == (1, 0)
    assert (first.ended, second.ended) == ("the conversation ended", "you ended it")
    assert [first.length_s, second.length_s] == pytest.approx([16.2, 10.0])
    assert both.names == ("trust", "distress", "understanding")


def test_a_change_of_the_ledger_is_shown_with_its_line(both: Comparison) -> None:
    (line,) = (line for line in both.second.lines if line.moved)
    assert (line.text, line.causes) == ("My mother died of it.", ("cause 3",))
    assert line.moved == pytest.approx({"trust": 0.3})


def test_unrelated_attempts_are_refused(store: Store) -> None:
    with pytest.raises(AttemptError, match="is not a retry of"):
        compare(ReadAttempt.of(store.open(SECOND)), ReadAttempt.of(store.open(FIRST)))


def test_all_retries_of_an_attempt_are_found(store: Store) -> None:
    third = "20261122-104500-breast-biopsy-cccc"
    plant(store.root, third, SECOND_ENTRIES, "2026-11-22T10:45:00+00:00")
    assert [each.id for each in find_retries(FIRST, store.list())] == [SECOND, third]
    assert find_retries(SECOND, store.list()) == ()


def test_the_terminal_shows_both_columns(both: Comparison) -> None:
    console = Console(width=100, file=io.StringIO())
    console.print(render_comparison(both))
    assert isinstance(console.file, io.StringIO)
    text = " ".join(console.file.getvalue().split())
    for shown in ("the first time", "this time", "35 → 20", "35 → 70", "1 held, 0 filled", TOLD):
        assert shown in text
    assert f"From 0:06 of {FIRST} on." in text


def test_a_narrow_terminal_shows_one_attempt_below_the_other(both: Comparison) -> None:
    console = Console(width=80, file=io.StringIO())
    console.print(render_comparison(both), soft_wrap=True)
    assert isinstance(console.file, io.StringIO)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]
    assert "trust: the first time 35 → 20; this time 35 → 70" in lines
    assert lines.index("The first time") < lines.index("This time")
    assert max(map(len, lines)) <= 80
    assert any(f"{TOLD}" in line for line in lines)
