"""Render the learner's view beside the record's for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from simvoice.debrief.own_view import OwnView
from simvoice.debrief.terminal import flow
from simvoice.display import clock


def render_own_views(views: Sequence[OwnView]) -> Group:
    """Return the moments about which the learner wrote, with a title."""
    return Group(*_parts(views))


def _parts(views: Sequence[OwnView]) -> Iterator[RenderableType]:
    yield Text("Your view beside the record's", style="bold")
    for each in views:
        said = f"“{each.words or each.words_then}”"
        yield flow([Text.assemble((clock(each.moment.at_s), "dim"), " ", said)], 2)
        yield flow([Text.assemble((f"{a.question} ", "dim"), a.answer) for a in each.answers], 4)
        if each.record:
            yield flow([Text(f"Record: {' '.join(each.record)}", style="dim")], 4)
