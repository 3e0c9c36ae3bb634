"""`simvoice attempts`: list, show, recover and erase recorded encounters."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simvoice import paths
from simvoice.cli.common import AsJson, answers, notes, print_json
from simvoice.debrief.terminal import Fitted, flow, prose, sentence
from simvoice.display import clock, duration
from simvoice.errors import UsageError
from simvoice.record.endings import end_words
from simvoice.record.events import LearnerTurn, PatientSpeech, Trouble
from simvoice.record.store import Attempt, AttemptSummary, Store

app = typer.Typer(help="List, show, recover or erase recorded encounters.", no_args_is_help=True)

AttemptArgument = Annotated[
    str, typer.Argument(metavar="ATTEMPT", help="An id from: simvoice attempts list.")
]
Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ATTEMPT]...", help="Ids of attempts. Without one: all that a crash cut off."
    ),
]


@app.command("list")
def list_attempts(as_json: AsJson = False) -> None:
    """List every attempt, the newest first."""
    found = _store().list()
    if as_json:
        print_json({"folder": str(paths.attempts_dir()), "attempts": [asdict(a) for a in found]})
        return
    if not found:
        answers.print("There are no attempts yet. To make one, run: simvoice demo")
        return
    table = Table(box=None, pad_edge=False)
    narrow: list[RenderableType] = []
    for heading in ("attempt", "patient", "length", "state"):
        table.add_column(heading, no_wrap=True, justify="right" if heading == "length" else "left")
    for attempt in found:
        length = duration(attempt.duration_s)
        table.add_row(attempt.id, Text(attempt.patient_name), length, attempt.state)
        narrow.append(Text(attempt.id, no_wrap=True, overflow="ignore"))
        narrow.append(prose(f"    {attempt.patient_name}, {length}, {attempt.state}"))
    answers.print(Fitted(table, Group(*narrow)))
    for attempt in found:
        if attempt.is_part:
            answers.print(Text(f"{attempt.id} {_origin(attempt)}"))
        if attempt.problem:
            notes.print(flow(sentence(attempt.problem)))


@app.command("show")
def show_attempt(attempt: AttemptArgument, as_json: AsJson = False) -> None:
    """Show one attempt. Prints what was recorded, when, and with which devices."""
    found = _store().open(attempt)
    if as_json:
        print_json(_as_json(found))
        return
    for name, value in _facts(found):
        # one line for each: a folder's path stays whole
        answers.print(Text(f"{name:<8}  {value}"))
    if found.problem:
        notes.print(flow(sentence(found.problem)))
    for at_s, line in _lines(found):
        answers.print(Text(f"{clock(at_s):>6}  {line}"))


@app.command("recover")
def recover_attempts(attempts: Ids = None, as_json: AsJson = False) -> None:
    """Recover attempts that a crash cut off. Everything written before is kept."""
    store = _store()
    chosen = attempts or [a.id for a in store.list() if a.state == "crashed"]
    done = [store.recover(attempt).summary() for attempt in chosen]
    if as_json:
        print_json({"recovered": [asdict(summary) for summary in done]})
        return
    for summary in done:
        answers.print(f"{summary.id}: {summary.state}, {duration(summary.duration_s)}")
    if not done:
        answers.print("There is nothing to recover.")


@app.command("erase")
def erase_attempts(
    attempts: Annotated[
        list[str], typer.Argument(metavar="ATTEMPT...", help="Ids of the attempts to erase.")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Erase without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase attempts permanently, with sound and journal."""
    store = _store()
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("erasing cannot be undone; to erase without a question, add --yes")
        typer.confirm(f"Erase {', '.join(attempts)} permanently?", abort=True, err=True)
    for attempt in attempts:
        store.erase(attempt)
        if not as_json:
            answers.print(f"{attempt}: erased")
    if as_json:
        print_json({"erased": attempts})


def _store() -> Store:
    return Store(paths.attempts_dir())


def _as_json(found: Attempt) -> dict[str, Any]:
    return {
        **asdict(found.summary()),
        "folder": str(found.folder),
        "sound": found.audio_path.name if found.audio_path else None,
        "header": found.header.model_dump(mode="json"),
        "entries": [entry.model_dump(mode="json") for entry in found.entries],
    }


def _facts(found: Attempt) -> list[tuple[str, str]]:
    header, summary = found.header, found.summary()
    devices = header.devices
    return [
        ("attempt", found.id),
        ("case", f"{header.case_title} ({header.case_id})"),
        ("patient", header.patient_name),
        ("learner", header.learner or "no name given"),
        ("when", summary.when or "not recorded"),
        ("length", duration(found.duration_s)),
        ("state", found.state),
        *([("begins", f"it {_origin(summary)}")] if summary.is_part else []),
        ("ended", _ended(summary)),
        ("sound", found.audio_path.name if found.audio_path else "not kept"),
        ("devices", ", ".join(f"{name} {value}" for name, value in devices.items()) or "unknown"),
        ("simvoice", header.simvoice),
        ("folder", str(found.folder)),
    ]


def _origin(summary: AttemptSummary) -> str:
    """Return how a part of a conversation begins; it goes on after the attempt's name."""
    if summary.continues:
        at = clock(summary.continues_at_s)
        return f"goes on from {summary.continues}, which was cut off at {at}"
    if summary.again_of:
        return f"is a retry of {summary.again_of} from {clock(summary.again_at_s)}"
    return f"is a drill: {summary.moment_title}"


def _ended(summary: AttemptSummary) -> str:
    clause = end_words(summary.reason).clause
    return f"{clause}: {summary.ending}" if summary.ending else clause


def _lines(found: Attempt) -> list[tuple[float, str]]:
    """Return the lines of both speakers and the faults, with their times, in order."""
    lines: list[tuple[float, str]] = []
    for entry in found.entries:
        if isinstance(entry, LearnerTurn):
            lines.append((entry.start_s, f"{found.header.learner or 'You'}: {entry.text}"))
        elif isinstance(entry, PatientSpeech):
            lines.append((entry.start_s, f"{found.header.patient_name}: {entry.heard}"))
        elif isinstance(entry, Trouble):
            lines.append((entry.at_s, f"({entry.what})"))
    return sorted(lines)
