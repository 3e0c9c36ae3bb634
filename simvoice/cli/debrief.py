"""`simvoice debrief`: what happened in an attempt, in the terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from simvoice import paths
from simvoice.cli.out import answers, print_json
from simvoice.debrief.items_text import render_items
from simvoice.debrief.summary import summarise
from simvoice.debrief.text import render
from simvoice.record.store import Store


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
    else:
        answers.print(render_items(summary) if items else render(summary))
