"""Layout for a terminal."""

from __future__ import annotations

import pytest
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from simvoice.debrief.terminal import Fitted, command, flow, hanging, sentence

COMMAND = "simvoice attempts recover 20261128-224814-sudden-death-mn3n"


def printed(what: RenderableType, width: int) -> list[str]:
    console = Console(width=width, no_color=True, highlight=False)
    with console.capture() as capture:
        console.print(what, soft_wrap=True)
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_command_stays_whole_at_any_width(width: int) -> None:
    rows = [("0:01", Text("a b c d e f")), ("", command(COMMAND))]
    assert f"  {' ' * 5}{COMMAND}" in printed(flow([hanging(rows)], 2), width)


def test_a_command_at_the_end_of_a_sentence_is_on_its_own_line() -> None:
    problem = f"the attempt did not end properly; run: {COMMAND}"
    shown = printed(flow(sentence(problem)), 40)
    assert shown == ["the attempt did not end properly; run:", COMMAND]
    assert printed(flow(sentence("No one spoke.")), 40) == ["No one spoke."]


def test_prose_wraps_between_words() -> None:
    assert printed(flow([Text("one two three four")], 2), 12) == ["  one two", "  three four"]


def test_a_table_is_shown_where_it_fits_without_a_wrapped_cell() -> None:
    table = Table.grid(padding=(0, 2))
    table.add_row("a name of words", "a value of words")
    fitted = Fitted(table, Text("narrow"))
    natural = len("a name of words  a value of words")
    assert printed(fitted, natural) == ["a name of words  a value of words"]
    assert printed(fitted, natural - 1) == ["narrow"]
