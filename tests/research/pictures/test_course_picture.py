"""The picture of a heading's items over a learner's attempts."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from simvoice.research.pictures.course import CourseMark, course
from simvoice.research.pictures.style import FAINT, INK, render


def marks(many: int, older: int = 0) -> list[CourseMark]:
    """Attempts with 2 of 4 items met, and 1 not judged."""
    return [CourseMark(n, 2, 4, 1, comparable=n > older) for n in range(1, many + 1)]


def words(sheet: Figure) -> list[str]:
    return [str(found.get_text()) for found in sheet.findobj(Text) if found.get_text()]


def lines(sheet: Figure) -> list[Line2D]:
    """Return the lines drawn for attempts, without grid and ticks."""
    return list(sheet.axes[0].lines)


def test_the_same_attempts_give_the_same_bytes() -> None:
    first, second = (render(course("Clarity", marks(4), "x"), "svg", "t") for _ in range(2))
    assert first == second
    assert first.startswith(b"<?xml")


def test_title_verdict_and_numbers_of_attempts_are_written() -> None:
    sheet = course("Clarity", marks(3), "First to last: no change that can be told from chance.")
    found = words(sheet)
    assert "Clarity" in found
    assert {"1", "2", "3", "4", "5"} <= set(found)
    assert "items: ● met, ○ not met, · not judged" in found
    assert not any("%" in text for text in found)
    assert any(text.replace("\n", " ").startswith("First to last: no change") for text in found)


def drawn(sheet: Figure) -> dict[tuple[float, float], tuple[str, str, float]]:
    """(attempt, row) to (edge, face, size) of the mark there."""
    return {
        (float(x), float(y)): (
            to_hex(line.get_color()),
            to_hex(line.get_markerfacecolor()),
            float(line.get_markersize()),
        )
        for line in lines(sheet)
        for x, y in np.asarray(line.get_xydata())
    }


def test_each_item_of_an_attempt_has_one_mark_and_nothing_is_joined_to_a_bar() -> None:
    sheet = course("Clarity", marks(2))
    found = drawn(sheet)
    assert set(found) == {(x, y) for x in (1.0, 2.0) for y in range(1, 6)}
    assert [found[1.0, y][1] for y in (1, 2, 3, 4)] == [INK, INK, "#ffffff", "#ffffff"]
    assert found[1.0, 5][2] < found[1.0, 4][2]
    assert {line.get_linestyle() for line in lines(sheet)} == {"None"}
    assert not sheet.axes[0].patches


def test_another_version_of_the_case_is_faint() -> None:
    found = drawn(course("Clarity", marks(3, older=1)))
    assert [found[x, 1.0][0] for x in (1.0, 2.0, 3.0)] == [FAINT, INK, INK]


def test_an_attempt_without_the_heading_has_a_dash_and_no_marks() -> None:
    some = [*marks(1), CourseMark(2, None, None, None, comparable=True)]
    sheet = course("Clarity", some)
    assert "–" in words(sheet)
    assert {x for x, _ in drawn(sheet)} == {1.0}


@pytest.mark.slow
@pytest.mark.parametrize("many", [1, 9, 400])
def test_any_number_of_attempts_fits(many: int) -> None:
    sheet = course("Clarity", marks(many))
    ticks = [text for text in sheet.axes[0].get_xticklabels() if text.get_text()]
    assert 1 <= len(ticks) <= 8
    assert ticks[-1].get_text() == str(many)
    assert render(sheet, "svg", "t")
