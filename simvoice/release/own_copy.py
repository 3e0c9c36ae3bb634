"""A learner's own copy: all that is kept of a person, as one ZIP file that any program opens.

It is sent while it is made. An attempt that cannot be read, or is erased meanwhile, does not stop
the others: a text at the end names it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from simvoice.debrief.model import Debrief
from simvoice.display import clock
from simvoice.errors import SimvoiceError
from simvoice.record.answers import ANSWERS
from simvoice.record.events import Header
from simvoice.record.files import CLOSED, FLAC, HEADER, JOURNAL, WAV, check_id
from simvoice.record.ratings import OBJECTIONS, RATINGS
from simvoice.record.reflection import REFLECTION
from simvoice.record.store import Attempt
from simvoice.release.contents import NUMBERS
from simvoice.release.zip_stream import ZipStream
from simvoice.safe_text import csv_cell, json_text, one_line
from simvoice.strict_model import StrictModel

_AS_THEY_ARE = (
    *(JOURNAL, CLOSED, FLAC, WAV),
    *(ANSWERS, REFLECTION, OBJECTIONS, RATINGS, NUMBERS),
)

Cell = str | float | int | None


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A table of the copy, which becomes a CSV file."""

    name: str
    """Of the file."""
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    about: str
    """What it lists, in a clause."""


@dataclass(frozen=True, slots=True)
class CopiedAttempt:
    """An attempt of the copy."""

    record_id: str
    opened: AbstractContextManager[tuple[Attempt, Debrief | None]]
    """Opens its record and debrief, and holds them while they are copied; no debrief when only its
    numbers are here. Raises SimvoiceError."""


def own_copy(
    *,
    whose: str,
    where: str,
    at: datetime,
    facts: dict[str, object],
    tables: Sequence[CopiedTable],
    attempts: Iterable[CopiedAttempt],
    left_out: Iterable[str] = (),
) -> Iterator[bytes]:
    """Yield the bytes of the copy.

    whose, where: the person and the program, for the text that explains the files. at: the present
    moment. facts: what is known of the person, which becomes `person.json`. tables: become CSV
    files. left_out: sentences about what is not in it.
    """
    made = ZipStream(at)
    yield from made.text("README.txt", _readme(whose, where, at, tables))
    yield from made.text("person.json", json_text(facts) + "\n")
    for table in tables:
        yield from made.text(table.name, table_text(table.columns, table.rows))
    missing = list(left_out)
    used: set[str] = set()
    for one in attempts:
        folder = _folder(one.record_id, used)
        try:
            with one.opened as (attempt, debrief):
                yield from _attempt(made, folder, attempt, debrief)
        except (SimvoiceError, OSError, EOFError) as error:
            known = isinstance(error, SimvoiceError)
            why = str(error) if known else "it was erased or changed while it was copied"
            missing.append(f"{one.record_id} is not here, or not whole: {why}.")
    if missing:
        told = "What is not in this copy, and why:\n\n"
        yield from made.text("left-out.txt", told + "".join(f"- {each}\n" for each in missing))
    yield from made.end()


def table_text(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a CSV file. No cell acts as a formula in a spreadsheet."""
    written = io.StringIO()
    write = csv.writer(written, lineterminator="\r\n").writerow
    write(columns)
    for row in rows:
        write(csv_cell(cell) if isinstance(cell, str) else cell for cell in row)
    return written.getvalue()


def _folder(record_id: str, used: set[str]) -> str:
    name, number = check_id(record_id), 2
    while name in used:
        name, number = f"{record_id}-{number}", number + 1
    used.add(name)
    return f"attempts/{name}"


def _attempt(
    made: ZipStream, folder: str, attempt: Attempt, debrief: Debrief | None
) -> Iterator[bytes]:
    """Yield one attempt: first what people read, then what was recorded."""
    if debrief is not None:
        yield from made.text(f"{folder}/transcript.txt", _transcript(debrief))
        yield from made.text(f"{folder}/transcript.csv", _transcript_table(debrief))
        yield from made.text(f"{folder}/numbers.csv", _numbers(debrief))
        shown = debrief.model_copy(update={"peaks": None})  # drawn from the recording
        yield from made.text(f"{folder}/debrief.json", _json(shown))
    yield from made.text(f"{folder}/record/{HEADER}", _json(_without_the_case(attempt.header)))
    for name in _AS_THEY_ARE:
        path = attempt.folder / name
        if path.is_file() and not path.is_symlink():
            yield from made.file(f"{folder}/record/{name}", path)


def _json(model: StrictModel) -> str:
    return json_text(model.model_dump(mode="json")) + "\n"


def _without_the_case(header: Header) -> Header:
    """Return the header without what the patient holds back: it is the author's, and a secret."""
    return header.model_copy(update={"tellable": (), "shows": (), "asks": None})


def _transcript(debrief: Debrief) -> str:
    names = {"learner": "You", "patient": debrief.patient_name}
    lines = [f"{debrief.title}, with {debrief.patient_name}", debrief.when, ""]
    for row in debrief.rows:
        unsaid = f" [not said: {one_line(row.unsaid)}]" if row.unsaid else ""
        lines.append(f"{clock(row.start_s):>7}  {names[row.who]}: {one_line(row.text)}{unsaid}")
    return "\n".join(lines) + "\n"


def _transcript_table(debrief: Debrief) -> str:
    columns = ("start_s", "end_s", "who", "kind", "text", "not_said", "does", "may_do")
    rows = (
        (
            *(round(row.start_s, 3), round(row.end_s, 3), row.who, row.kind, row.text, row.unsaid),
            *("; ".join(row.does), "; ".join(row.may)),
        )
        for row in debrief.rows
    )
    return table_text(columns, rows)


def _numbers(debrief: Debrief) -> str:
    columns = ("key", "name", "unit", "value", "low", "high", "shown")
    rows = (
        (each.key, each.name, each.unit, each.value, each.low, each.high, each.shown)
        for each in debrief.numbers
    )
    return table_text(columns, rows)


def _readme(whose: str, where: str, at: datetime, tables: Sequence[CopiedTable]) -> str:
    listed = "".join(
        f"{table.name}\n    {table.about[:1].upper()}{table.about[1:]}.\n" for table in tables
    )
    return f"""Your data: {whose}

This is a copy of all that {where} keeps of you. It was made on {at:%Y-%m-%d} at {at:%H:%M} (UTC).
The originals stay where they are until you erase them. Times inside an attempt are seconds of its
recording. CSV files open in any spreadsheet; JSON files are text.

person.json
    What is kept of you as a person.
{listed}attempts/
    One folder for each attempt. In it:
    transcript.txt, transcript.csv  what was said, and when
    debrief.json                    the whole debrief
    numbers.csv                     its numbers, with the ends of their 90 % intervals
    record/audio.flac or .wav       the recording: you on the left, the patient on the right
    record/journal.jsonl            what happened, one line of JSON for each event
    record/header.json              which case, program and devices it was. What the patient could
                                    have told is left out: it belongs to the case
    record/reflection.json          what you wrote before the debrief, if you wrote something
    record/answers.json             your answers to questions, if there were any
    record/objections.jsonl         your objections to judgements, if there are any
    record/ratings.jsonl            answers of human raters, if there are any
left-out.txt
    What is not here, and why. It is missing when nothing is.

Keep this file where nobody else can read it: it has your voice in it.
"""
