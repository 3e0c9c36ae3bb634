"""`simvoice debrief` and `simvoice progress`: one attempt, and a learner over time."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from simvoice import paths
from simvoice.cli.common import answers, notes, print_json
from simvoice.debrief.build import build_debrief
from simvoice.debrief.comparison import compare
from simvoice.debrief.render_text import render, render_branches, render_items
from simvoice.debrief.wording import clock
from simvoice.errors import AttemptError, UsageError
from simvoice.progress.brief_store import Looked, catch_up, look
from simvoice.progress.course import known, of_learner, progress_of
from simvoice.progress.text import render_known, render_progress
from simvoice.record.store import Attempt, Store

# -- debrief ----------------------------------------------------------------------------------
# `simvoice debrief`: what happened in an attempt, in the terminal.


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
    summary = build_debrief(found)
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


# -- progress ---------------------------------------------------------------------------------
# `simvoice progress`: a learner's attempts over time, and what can be said of change.


def progress(
    learner: Annotated[
        str | None,
        typer.Argument(
            metavar="[LEARNER]",
            help="A learner's pseudonym, or - for attempts without one; none lists who there is.",
        ),
    ] = None,
    case: Annotated[
        str | None, typer.Option("--case", metavar="ID", help="Only attempts at this case.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")] = False,
) -> None:
    """Show a learner's attempts over time: what changed, and what cannot be told from chance."""
    store = Store(paths.attempts_dir())
    looked = look(store)
    if learner is None:
        if case is not None:
            raise UsageError("--case needs a learner; run: simvoice progress, to see who there is")
        _list(looked, as_json=as_json)
        return
    own = of_learner(looked, learner, case)
    with Progress(
        TextColumn("Reading attempts"),
        BarColumn(),
        MofNCompleteColumn(),
        console=notes,
        transient=True,
        disable=not own.waiting,
    ) as bar:
        task = bar.add_task("", total=len(own.waiting))
        made, failed, _ = catch_up(store, own.waiting, done=lambda: bar.advance(task))
    skipped = [each for _, each in own.skipped]
    found = progress_of(learner, [*own.briefs, *made], [*skipped, *failed])
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    answers.print(render_progress(found))


def _list(looked: Looked, *, as_json: bool) -> None:
    found = known(looked)
    lost = [each for name, each in looked.skipped if name is None]
    if as_json:
        print_json(
            {
                "learners": [each.model_dump(mode="json") for each in found],
                "skipped": [each.model_dump(mode="json") for each in lost],
            }
        )
        return
    if found:
        answers.print(render_known(found))
    else:
        answers.print("There are no attempts yet; make one with: simvoice demo")
    for each in lost:
        notes.print(each.why, markup=False)
