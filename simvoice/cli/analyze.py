"""`simvoice analyze`: measure attempts and other recordings."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from simvoice import paths
from simvoice.cli.common import AsJson, answers, notes, print_json
from simvoice.debrief.terminal import command
from simvoice.display import duration
from simvoice.errors import UsageError
from simvoice.machine import usable_cores
from simvoice.research.analysis.batch import BatchOutcome, BatchPlan, run
from simvoice.research.analysis.conversation import Conversation, Value
from simvoice.research.analysis.folder_search import LeftOut
from simvoice.research.analysis.inputs import InputItem, gather, pair
from simvoice.research.analysis.recording import Options
from simvoice.research.analysis.results import load
from simvoice.research.recordings.file_names import shown_name
from simvoice.research.recordings.speaker_names import SpeakerNames
from simvoice.scoring.metrics.definitions import Unit, definitions
from simvoice.scoring.metrics.norms import check_visits, norms_beside, visits
from simvoice.scoring.metrics.quantities import quantity, with_interval

_MOST_LINES = 40
"""How many conversations are listed one by one; of more, only the number is printed."""

_MOST_LEFT_OUT = 10
"""How many files that were left out for one reason are named."""


def analyze(
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH...",
            help="Ids of attempts, sound files with one speaker on each channel, or folders.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="The folder for the results.")] = Path(
        "simvoice-results"
    ),
    two: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="LEARNER PATIENT", help="Two files, each with one speaker."),
    ] = None,
    learner: Annotated[
        Literal["auto", "left", "right"],
        typer.Option(help="The learner's channel. auto: as the transcript says, else left."),
    ] = "auto",
    names: Annotated[
        str,
        typer.Option(
            metavar="LEARNER,PATIENT",
            help="Names of the two speakers in files, tiers and labels: doctor,patient or "
            "'Dr Smith,SPEAKER_01'. Put | between several names of one speaker.",
        ),
    ] = "",
    transcript: Annotated[
        bool,
        typer.Option(
            "--transcript/--no-transcript",
            help="Read the transcript beside the sound file: TextGrid, EAF, CHAT, CTM, STM, VTT, "
            "SRT, RTTM or the JSON of Whisper.",
        ),
    ] = True,
    words: Annotated[
        bool, typer.Option("--words", help="Recognise the words and their times with Whisper.")
    ] = False,
    visit: Annotated[
        list[str] | None,
        typer.Option(help="The kind of visit, to show norms. You can give it more than once."),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, max=64, help="How many to analyse at the same time.")
    ] = max(1, usable_cores() // 2),
    again: Annotated[
        bool, typer.Option("--again", help="Analyse again what already has a result.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure attempts or recordings. A recording needs one speaker on each channel."""
    speakers = SpeakerNames.parse(names) if names else SpeakerNames()
    items: list[InputItem] = []
    left_out: list[LeftOut] = []
    if given:
        gathered = gather(given, paths.attempts_dir(), speakers)
        items, left_out = gathered.items, gathered.left_out
    if two is not None:
        items.append(pair(*two))
    if not items:
        raise UsageError(
            "give what to analyse: an attempt's id, a sound file or a folder; or two files with "
            "--two LEARNER PATIENT"
        )
    plan = _plan(
        Options(learner, speakers, transcript, words, check_visits(visit or ())), out, again
    )
    outcomes = _run(items, plan, jobs)
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if as_json:
        print_json(_report(outcomes, out, left_out))
    else:
        _show(outcomes, out)
        _show_left_out(left_out)
    for outcome in failed:
        notes.print(Text(f"{outcome.name}: {outcome.reason}", style="bold"))
    if failed:
        raise typer.Exit(failed[0].exit_code if len(outcomes) == 1 else 1)


def _plan(options: Options, out: Path, again: bool) -> BatchPlan:
    from simvoice.app import standalone

    make_recogniser = None
    if options.words:
        # report a missing model before any file is read
        standalone.check_word_recogniser()
        make_recogniser = standalone.word_recogniser
    return BatchPlan(options, out, again, make_recogniser)


def _run(items: Sequence[InputItem], plan: BatchPlan, jobs: int) -> list[BatchOutcome]:
    with _progress(len(items)) as advance:
        found = []
        for outcome in run(items, plan, jobs):
            found.append(outcome)
            advance(outcome)
    order = {item.name: index for index, item in enumerate(items)}
    return sorted(found, key=lambda outcome: order[outcome.name])


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[BatchOutcome], None]]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=notes, transient=True) as bar:
        task = bar.add_task("Analysing", total=total)

        def advance(outcome: BatchOutcome) -> None:
            bar.update(task, advance=1, description=outcome.name[-40:])

        yield advance


# -- output


def _report(
    outcomes: Sequence[BatchOutcome], out: Path, left_out: Sequence[LeftOut]
) -> dict[str, Any]:
    return {
        "folder": shown_name(out, whole=True),
        "analysed": sum(outcome.state == "done" for outcome in outcomes),
        "skipped": sum(outcome.state == "skipped" for outcome in outcomes),
        "failed": [
            {"name": outcome.name, "reason": outcome.reason}
            for outcome in outcomes
            if outcome.state == "failed"
        ],
        "left_out": [{"name": each.name, "reason": each.reason} for each in left_out],
        "conversations": [_entry(outcome) for outcome in outcomes if outcome.result is not None],
    }


def _entry(outcome: BatchOutcome) -> dict[str, Any]:
    assert outcome.result is not None
    found = load(outcome.result)
    return {
        "name": outcome.name,
        "id": found.id,
        "state": outcome.state,
        "result": shown_name(outcome.result, whole=True),
        "length_s": found.length_s,
        "notes": list(found.notes),
        "metrics": {value.key: value.model_dump(exclude={"key"}) for value in found.metrics},
    }


def _show(outcomes: Sequence[BatchOutcome], out: Path) -> None:
    with_result = [outcome for outcome in outcomes if outcome.result is not None]
    if len(with_result) == 1 and len(outcomes) == 1:
        _show_one(load(_result(with_result[0])))
    elif len(with_result) <= _MOST_LINES:
        _show_list(with_result)
    counts = [(state, sum(o.state == state for o in outcomes)) for state in _COUNTED]
    summary = ", ".join(f"{count} {_COUNTED[state]}" for state, count in counts if count)
    where = (
        f"the results are in {shown_name(out, whole=True)}" if with_result else "there is no result"
    )
    answers.print(Text(f"{summary}; {where}"))
    if with_result:
        answers.print("To export them:")
        answers.print(command(f"simvoice export {shown_name(out, whole=True)}"))


def _show_left_out(left_out: Sequence[LeftOut]) -> None:
    """Name every file that was not analysed; many with one reason are counted."""
    by_reason: dict[str, list[str]] = {}
    for each in left_out:
        by_reason.setdefault(each.reason, []).append(each.name)
    for reason, named in by_reason.items():
        shown = ", ".join(named[:_MOST_LEFT_OUT])
        more = len(named) - _MOST_LEFT_OUT
        rest = f" and {more} more (--json names all)" if more > 0 else ""
        notes.print(Text(f"Left out: {shown}{rest}: {reason}"))


_COUNTED = {"done": "analysed", "skipped": "already analysed", "failed": "failed"}


def _result(outcome: BatchOutcome) -> Path:
    assert outcome.result is not None
    return outcome.result


def _show_list(outcomes: Sequence[BatchOutcome]) -> None:
    if not outcomes:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("conversation", no_wrap=True)
    listed = [entry for entry in definitions() if entry.heading]
    for heading in ("length", *(entry.heading for entry in listed)):
        table.add_column(heading, no_wrap=True, justify="right")
    for outcome in outcomes:
        found = load(_result(outcome))
        values = {value.key: value for value in found.metrics}
        cells = [_cell(entry.unit, values.get(entry.key)) for entry in listed]
        table.add_row(Text(outcome.name), duration(found.length_s), *cells)
        for note in found.notes:
            notes.print(Text(f"{outcome.name}: {note}"))
    answers.print(table)


def _cell(unit: Unit, value: Value | None) -> str:
    if value is None or value.value is None:
        return "–"
    return with_interval(unit, value.value, value.low, value.high)


def _show_one(found: Conversation) -> None:
    named = {entry.key: entry for entry in definitions()}
    answers.print(Text(found.title, style="bold"))
    answers.print(Text(f"{found.id} · {duration(found.length_s)}", style="dim"))
    for note in found.notes:
        notes.print(Text(f"Note: {note}"))
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    missing: dict[str, list[str]] = {}
    for value in found.metrics:
        entry = named.get(value.key)
        if entry is None:
            continue
        if value.value is None:
            missing.setdefault(value.reason, []).append(entry.name)
            continue
        table.add_row(Text(entry.name), Text(_with_interval(entry.unit, value)))
        for norm in norms_beside(value.key, found.visit):
            table.add_row(Text(""), Text(norm.sentence, style="dim"))
    answers.print(table)
    for reason, which in missing.items():
        answers.print(Text(f"{', '.join(which)}: {reason}", style="dim"))
    if not found.visit and found.kind == "recording":
        kinds = ", ".join(sorted(visits()))
        notes.print(Text(f"To see norms, give the kind of visit: --visit ({kinds})."))


def _with_interval(unit: Unit, value: Value) -> str:
    assert value.value is not None
    shown = quantity(unit, value.value)
    if value.low is None or value.high is None:
        return with_interval(unit, value.value, None, None)
    return f"{shown}  ({quantity(unit, value.low)} to {quantity(unit, value.high)})"
