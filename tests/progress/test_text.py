"""Progress in a terminal."""

from __future__ import annotations

from rich.console import Console, RenderableType

from simvoice.progress.brief import Advice
from simvoice.progress.brief_store import Skipped
from simvoice.progress.course import progress_of
from simvoice.progress.model import KnownLearner
from simvoice.progress.text import render_known, render_progress
from tests.progress.attempts import another_go, brief

SILENCE = Advice(kind="silence", title="Let [b]Ines[/b]'s silence stand", again_turn=4)


def printed(what: RenderableType, width: int = 80) -> str:
    console = Console(width=width, no_color=True, highlight=False, soft_wrap=True)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


def test_a_row_an_attempt_with_shares_and_intervals_fits_80_columns() -> None:
    out = printed(render_progress(progress_of("Kim", [brief(1, met=0), brief(2, met=5)])))
    (row,) = (line for line in out.splitlines() if "20261102" in line)
    assert len(row.rstrip()) <= 80
    assert row.count("100 (56-100)") == 3
    assert "first to last: changed: 100 points higher" in " ".join(out.split())
    assert "7 comparisons are made here." in out
    assert "…" not in out


def test_other_versions_are_starred_and_explained() -> None:
    out = printed(render_progress(progress_of("Kim", [brief(1, case_sha256="1" * 64), brief(2)])))
    assert "1*" in out
    assert "* of another version of the case" in out


def test_of_many_attempts_the_last_are_shown_and_the_rest_counted() -> None:
    many = [brief(day, advice=(SILENCE,)) for day in range(1, 31)]
    out = printed(render_progress(progress_of("Kim", many)))
    assert "20261111" in out
    assert "20261110" not in out
    assert "the last 20" in out
    assert "and 21 before these" in out


def test_what_was_tried_is_told_and_nothing_is_taken_for_markup() -> None:
    first = brief(1, advice=(SILENCE,))
    found = progress_of("[red]Kim", [first, another_go(2, first, 4, 60.0)])
    out = " ".join(printed(render_progress(found)).split())
    assert "[red]Kim" in out
    assert "“Let [b]Ines[/b]'s silence stand”" in out
    assert "Another go from 1:00: done, 0 times (before: 0)" in out
    assert "1 attempt, 1 other go" in out


def test_what_is_left_out_and_what_waits_is_said() -> None:
    left = Skipped(attempt="x", why="it was cut off")
    out = printed(render_progress(progress_of("", [], [left], waiting=2)))
    assert "(without a name)" in out
    assert "x: it was cut off" in out
    assert "2 attempts not read yet" in out
    assert "No attempt can be read as yet." in out


def test_the_list_of_learners_has_names_counts_and_dates() -> None:
    out = printed(
        render_known(
            [
                KnownLearner(learner="Kim [x]", attempts=3, last="2026-11-22T10:15:30+00:00"),
                KnownLearner(learner="", attempts=1, last=""),
            ]
        )
    )
    assert "Kim [x]" in out
    assert "2026-11-22 10:15" in out
    assert "(without a name)" in out
