"""Progress in a terminal."""

from __future__ import annotations

from rich.console import Console, RenderableType

from simvoice.progress.brief import Advice
from simvoice.progress.brief_store import Skipped
from simvoice.progress.course import build_progress
from simvoice.progress.model import KnownLearner
from simvoice.progress.text import render_known, render_progress
from tests.progress.attempts import NAMES, brief, heading, retry

SILENCE = Advice(kind="let_silence_stand", title="Let [b]Ines[/b] be silent", again_turn=4)


def printed(what: RenderableType, width: int = 80) -> str:
    console = Console(width=width, no_color=True, highlight=False, soft_wrap=True)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


def test_the_table_has_a_row_for_each_attempt_and_fits_80_columns() -> None:
    out = printed(render_progress(build_progress("Kim", [brief(1, met=0), brief(2, met=5)])))
    (row,) = (line for line in out.splitlines() if "20261102" in line)
    assert len(row.rstrip()) <= 80
    assert row.count("5 of 5") == 3
    assert "first to last: changed: 0 of 5 met, then 5 of 5 met" in " ".join(out.split())
    headings = out.partition("How you asked")[0]
    assert "%" not in headings
    assert "7 comparisons are made here." in out
    assert "…" not in out


def test_items_that_were_not_judged_stand_beside_the_counts() -> None:
    some = brief(1, headings=tuple(heading(key, 2, judged=4) for key in NAMES))
    out = printed(render_progress(build_progress("Kim", [some, brief(2)])))
    (row,) = (line for line in out.splitlines() if "20261101" in line)
    assert len(row.rstrip()) <= 80
    assert row.count("2 of 4 (1 ?)") == 3
    assert "Active listening: 2 of 4 met, 1 not judged → 2 of 5 met" in out


def test_other_versions_of_the_case_have_a_star() -> None:
    out = printed(
        render_progress(build_progress("Kim", [brief(1, case_sha256="1" * 64), brief(2)]))
    )
    assert "1*" in out
    assert "* at another version of the case" in out


def test_only_the_last_attempts_are_shown() -> None:
    many = [brief(day, advice=(SILENCE,)) for day in range(1, 31)]
    out = printed(render_progress(build_progress("Kim", many)))
    assert "20261111" in out
    assert "20261110" not in out
    assert "the last 20" in out
    assert "and 21 earlier ones" in out


def test_outcomes_are_shown_and_text_is_not_read_as_markup() -> None:
    first = brief(1, advice=(SILENCE,))
    found = build_progress("[red]Kim", [first, retry(2, first, 4, 60.0)])
    out = " ".join(printed(render_progress(found)).split())
    assert "[red]Kim" in out
    assert "“Let [b]Ines[/b] be silent”" in out
    assert "Retry from 1:00: done 0 times (before: 0)" in out
    assert "1 attempt, 1 retry" in out


def test_skipped_and_waiting_attempts_are_shown() -> None:
    left = Skipped(attempt="x", why="it was cut off")
    out = printed(render_progress(build_progress("", [], [left], waiting=2)))
    assert "(without a name)" in out
    assert "x: it was cut off" in out
    assert "2 attempts not read yet" in out
    assert "No attempt can be read yet." in out


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


def test_a_narrow_terminal_shows_the_ids_whole_below_the_table() -> None:
    course = render_progress(build_progress("Kim", [brief(1, met=0), brief(2, met=5)]))
    lines = [line.rstrip() for line in printed(course, 60).splitlines()]
    assert " 2  20261102-101530-planted-talk-aaaa" in lines
    assert any(line.split()[0] == "2" and line.count("5 of 5") == 3 for line in lines if line)
    assert max(map(len, lines)) <= 60
