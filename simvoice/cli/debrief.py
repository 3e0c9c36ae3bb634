"""`simvoice debrief` and `simvoice progress`: one attempt, and one learner over time."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from simvoice import paths
from simvoice.cli.common import AsJson, answers, notes, print_json
from simvoice.debrief.build import build_debrief
from simvoice.debrief.comparison import Comparison, ReadAttempt, compare
from simvoice.debrief.own_view import own_views
from simvoice.debrief.own_view_text import render_own_views
from simvoice.debrief.render_text import (
    render,
    render_comparison,
    render_items,
    render_screen,
)
from simvoice.debrief.terminal import flow, sentence
from simvoice.debrief.wording import RETRY_SCOPE
from simvoice.display import clock
from simvoice.errors import AttemptError, UsageError
from simvoice.progress.brief_store import StoreScan, build_waiting, scan_store
from simvoice.progress.course import build_progress, list_learners, select_learner
from simvoice.progress.text import render_known, render_progress
from simvoice.reading.reading import read
from simvoice.record.events import RetryOrigin
from simvoice.record.ratings import count_ratings
from simvoice.record.reflection import reflection_for_page
from simvoice.record.store import Store

# -- debrief


def debrief(
    attempt: Annotated[
        str, typer.Argument(metavar="ATTEMPT", help="An id from: simvoice attempts list.")
    ],
    items: Annotated[
        bool, typer.Option("--items", help="Show the items of the instruments with their evidence.")
    ] = False,
    numbers: Annotated[
        bool,
        typer.Option("--numbers", help="Show everything: all numbers, silences, transcript."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the debrief of an attempt, on one screen."""
    if items and numbers:
        raise UsageError("--items and --numbers are two views; give one of them")
    store = Store(paths.attempts_dir())
    found = store.open_recovered(attempt)
    reading = read(found)
    summary = build_debrief(found, reading)
    views = own_views(reading, summary, reflection_for_page(found.folder))
    if as_json:
        own = [each.model_dump(mode="json") for each in views]
        print_json({**summary.model_dump(mode="json"), "own_views": own})
        return
    origin = found.header.again
    if origin is not None:
        answers.print(
            flow(sentence(f"Retry from {clock(origin.at_s)} of {origin.attempt}. {RETRY_SCOPE}"))
        )
    if items:
        answers.print(render_items(summary, count_ratings(store.root)))
        return
    compared = None if origin is None else _comparison(store, origin, ReadAttempt(found, reading))
    if not numbers:
        answers.print(
            render_screen(summary, compared if isinstance(compared, Comparison) else None)
        )
    else:
        answers.print(render(summary, count_ratings(store.root)))
        if isinstance(compared, Comparison):
            answers.print()
            answers.print(render_comparison(compared))
    if views:
        answers.print()
        answers.print(render_own_views(views))
    if isinstance(compared, AttemptError):
        answers.print()
        answers.print(flow(sentence(f"The two attempts cannot be compared: {compared}")))


def _comparison(store: Store, origin: RetryOrigin, found: ReadAttempt) -> Comparison | AttemptError:
    try:
        return compare(ReadAttempt.of(store.open(origin.attempt)), found)
    except AttemptError as error:
        return error


# -- progress


def progress(
    learner: Annotated[
        str | None,
        typer.Argument(
            metavar="[LEARNER]",
            help="A learner's pseudonym; - for attempts without one. Default: list the learners.",
        ),
    ] = None,
    case: Annotated[
        str | None, typer.Option("--case", metavar="ID", help="Show only attempts at this case.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a learner's attempts over time. Tells what changed and what may be chance."""
    store = Store(paths.attempts_dir())
    looked = scan_store(store)
    if learner is None:
        if case is not None:
            raise UsageError("--case needs a learner; to list the learners, run: simvoice progress")
        _list_learners(looked, as_json=as_json)
        return
    own = select_learner(looked, learner, case)
    with Progress(
        TextColumn("Reading attempts"),
        BarColumn(),
        MofNCompleteColumn(),
        console=notes,
        transient=True,
        disable=not own.waiting,
    ) as bar:
        task = bar.add_task("", total=len(own.waiting))
        made, failed, _ = build_waiting(store, own.waiting, done=lambda: bar.advance(task))
    skipped = [each for _, each in own.skipped]
    found = build_progress(learner, [*own.briefs, *made], [*skipped, *failed])
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    answers.print(render_progress(found))


def _list_learners(looked: StoreScan, *, as_json: bool) -> None:
    found = list_learners(looked)
    unreadable = [each for name, each in looked.skipped if name is None]
    if as_json:
        print_json(
            {
                "learners": [each.model_dump(mode="json") for each in found],
                "skipped": [each.model_dump(mode="json") for each in unreadable],
            }
        )
        return
    if found:
        answers.print(render_known(found))
    else:
        answers.print("There are no attempts yet. To make one, run: simvoice demo")
    for each in unreadable:
        notes.print(each.why, markup=False)
