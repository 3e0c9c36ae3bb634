"""The picture of a share over a learner's attempts."""

from __future__ import annotations

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from simvoice.research.pictures.course import CourseMark, course
from simvoice.research.pictures.style import INK, render


def marks(many: int, older: int = 0) -> list[CourseMark]:
    return [CourseMark(n, 0.5, 0.2, 0.8, comparable=n > older) for n in range(1, many + 1)]


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
    assert {"1", "2", "3", "0", "50", "100 %"} <= set(found)
    assert any(text.replace("\n", " ").startswith("First to last: no change") for text in found)


def test_each_attempt_has_a_bar_and_a_mark() -> None:
    drawn = [line.get_xydata() for line in lines(course("Clarity", marks(2)))]
    bars = [data.tolist() for data in drawn if len(data) == 2 and data[0][0] == data[1][0]]
    assert bars == [[[1.0, 0.2], [1.0, 0.8]], [[2.0, 0.2], [2.0, 0.8]]]


def test_another_version_of_the_case_is_hollow_and_without_a_line() -> None:
    drawn = lines(course("Clarity", marks(3, older=1)))
    joined = drawn[0].get_xdata()
    assert list(joined) == [2, 3]
    faces = [to_hex(line.get_markerfacecolor()) for line in drawn if line.get_marker() == "o"]
    assert faces == ["#ffffff", INK, INK]


def test_an_attempt_without_a_share_leaves_a_gap() -> None:
    some = [*marks(1), CourseMark(2, None, None, None, comparable=True)]
    assert "–" in words(course("Clarity", some))


@pytest.mark.slow
@pytest.mark.parametrize("many", [1, 9, 400])
def test_any_number_of_attempts_fits(many: int) -> None:
    sheet = course("Clarity", marks(many))
    ticks = [text for text in sheet.axes[0].get_xticklabels() if text.get_text()]
    assert 1 <= len(ticks) <= 8
    assert ticks[-1].get_text() == str(many)
    assert render(sheet, "svg", "t")
