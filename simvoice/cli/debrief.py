"""`simvoice debrief`: what happened in an attempt, in the terminal."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from simvoice import paths
from simvoice.cli.output import answers, print_json
from simvoice.debrief.build import summarise
from simvoice.debrief.comparison import compare
from simvoice.debrief.comparison_text import render_branches
from simvoice.debrief.items_text import render_items
from simvoice.debrief.render_text import render
from simvoice.debrief.wording import clock
from simvoice.errors import AttemptError
from simvoice.record.store import Attempt, Store


def debrief(
    attempt: Annotated[
        str, typer.Argument(metavar="ATTEMPT", help="An id from: simvoice attempts list.")
    ],
    items: Annotated[
        bool, typer.Option("--items", help="Show the items of the instruments, with evidence.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")] = False,
) -> None:
    """Show what happened in an attempt, with its numbers."""
    store = Store(paths.attempts_dir())
    found = store.open(attempt)
    if found.state == "crashed":
        found = store.recover(attempt)
    summary = summarise(found)
    if as_json:
        print_json(summary.model_dump(mode="json"))
        return
    if found.header.again is not None:
        again = found.header.again
        answers.print(
            f"Another go from {clock(again.at_s)} of {again.attempt}. The numbers are of this go "
            "alone; its first words had been said before."
        )
    answers.print(render_items(summary) if items else render(summary))
    if not items and found.header.again is not None:
        answers.print()
        answers.print(_side_by_side(store, found))


def _side_by_side(store: Store, found: Attempt) -> RenderableType:
    again = found.header.again
    assert again is not None
    try:
        return render_branches(compare(store.open(again.attempt), found))
    except AttemptError as error:
        return Text(f"The two goes cannot be shown side by side: {error}")
