"""Read and write files of human ratings: CSV with columns attempt, rater, item, value, comment.

Reading is strict: a file with an error is not imported at all, and the message names every error
with its line.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from simvoice.errors import SimvoiceError, UsageError
from simvoice.record.ratings import LONGEST_RATER, Rating, check_rater_name
from simvoice.safe_text import csv_cell, for_terminal, from_csv_cell, one_line
from simvoice.scoring.instruments.instrument import CRITICAL, Instrument, Item, instruments, items
from simvoice.scoring.raters.questions import allowed_answers, answer_kind, parse_answer

COLUMNS = ("attempt", "rater", "item", "value", "comment")
_HEAD = ",".join(COLUMNS)
_MOST_FAULTS = 8
"""Most errors that one message lists; it counts the others."""
LONGEST = 2000
"""Most characters of a comment; more means that a quotation mark was not closed."""

KnownItems = Callable[[str], Mapping[str, Item]]
"""From an attempt's id to its items by id. May raise SimvoiceError."""


@dataclass(frozen=True, slots=True)
class RatingRow:
    """One row of a file of ratings."""

    attempt: str
    rating: Rating


def decode_text(data: bytes, name: str) -> str:
    """The text of a file of ratings. Raises UsageError when the file is not UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UsageError(
            f"{name} is UTF-16 text; save it as CSV in UTF-8 (“CSV UTF-8” in a spreadsheet) and "
            "import it again"
        )
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise UsageError(
            f"line {line} of {name} has a zero byte, so it is not UTF-8 text; save it as CSV "
            "in UTF-8 and import it again"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(
            f"line {line} of {name} has a character that is not UTF-8; save it as CSV in UTF-8 "
            "(“CSV UTF-8” in a spreadsheet) and import it again"
        ) from None


def read_ratings(
    text: str,
    attempts: Collection[str],
    wall_time: str,
    name: str = "the file",
    known: KnownItems = lambda _: items(),
) -> tuple[RatingRow, ...]:
    """The ratings of a whole file. Rows without a value are skipped.

    text: CSV with a first line of column names. attempts: the known ids. wall_time: time of the
    import, ISO 8601. Raises UsageError that names every error with its line.
    """
    rows = _rows(text.removeprefix("\ufeff"), name)
    _, head = next(rows, (0, []))
    columns = [each.strip() for each in head]
    _check_head(columns, name)
    found: list[RatingRow] = []
    faults: list[str] = []
    seen: dict[tuple[str, str, str], int] = {}
    for line, row in rows:
        if [each.strip() for each in row] == columns:
            faults.append(f"line {line} repeats the column names; delete it")
            continue
        if len(row) != len(columns):
            faults.append(f"line {line} has {len(row)} fields and not {len(columns)}")
            continue
        fields = dict.fromkeys(COLUMNS, "") | {
            column: from_csv_cell(each.strip()) for column, each in zip(columns, row, strict=True)
        }
        fields["rater"] = " ".join(fields["rater"].split())
        if not fields["value"]:
            continue
        wrong = _faults(fields, attempts, known)
        key = (fields["attempt"], fields["rater"].lower(), fields["item"])
        if not wrong and key in seen:
            wrong = [
                f"rates {fields['item']} of {fields['attempt']} a second time by "
                f"{fields['rater']} (first in line {seen[key]}); delete one of them"
            ]
        if wrong:
            faults += [f"line {line} {each}" for each in wrong]
            continue
        seen[key] = line
        found.append(_rating_row(fields, wall_time, known))
    if faults:
        raise UsageError(_sentence(name, faults))
    if not found:
        raise UsageError(f"{name} has no rating; fill in the column value and import it again")
    return tuple(found)


def _rows(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """(first line, fields) of each row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise UsageError(
            f"nothing was imported from {name}: line {line} is not CSV ({error}); look for a "
            "quotation mark that is not closed or not doubled, correct it and import it again"
        ) from None


def _check_head(columns: list[str], name: str) -> None:
    if not columns:
        raise UsageError(f"{name} is empty; begin with a sheet: simvoice rate sheet ATTEMPT")
    for sign, called in ((";", "semicolons"), ("\t", "tabs")):
        if len(columns) == 1 and sign in columns[0]:
            raise UsageError(
                f"line 1 of {name} is separated by {called}; save it as CSV with commas and import "
                "it again"
            )
    counts = Counter(columns)
    missing = [each for each in COLUMNS[:4] if each not in counts]
    unknown = [each for each in columns if each not in COLUMNS]
    twice = [each for each in columns if counts[each] > 1]
    for what in (
        *(f"lacks the column {each}" for each in missing),
        *(f"has a column {each[:60]!r}" for each in unknown),
        *(f"has the column {each} twice" for each in twice),
    ):
        raise UsageError(f"{name} {what}; line 1 must be: {_HEAD}")


def _faults(fields: dict[str, str], attempts: Collection[str], known: KnownItems) -> list[str]:
    wrong = []
    if not fields["rater"]:
        wrong.append("does not say who rated")
    else:
        try:
            check_rater_name(fields["rater"])
        except UsageError as error:
            wrong.append(f"has the rater {fields['rater'][:LONGEST_RATER]!r} ({error})")
    if len(fields["comment"]) > LONGEST:
        wrong.append(
            f"has {len(fields['comment'])} characters in the column comment; at most {LONGEST} are "
            "allowed"
        )
    attempt, item = fields["attempt"][:100], fields["item"][:100]
    if fields["attempt"] not in attempts:
        wrong.append(f"names the attempt {attempt!r}, which does not exist")
        known_items: Mapping[str, Item] = items()
    else:
        try:
            known_items = known(attempt)
        except SimvoiceError as error:
            return [*wrong, f"names the attempt {attempt}, which cannot be rated ({error})"]
    if item not in known_items:
        return [*wrong, f"names the item {item!r}, {_unknown_item(item)}"]
    kind = answer_kind(known_items[item])
    if parse_answer(fields["value"], kind) is None:
        wrong.append(
            f"has the value {fields['value'][:60]!r}; {item} takes {allowed_answers(kind)}"
        )
    return wrong


def _unknown_item(item: str) -> str:
    if item.startswith(f"{CRITICAL}-"):
        return "which the attempt's case does not have; take the items from: simvoice rate sheet"
    for each in instruments().values():
        if any(item == one.id for one in each.items):
            return (
                f"which belongs to {each.name}, and the attempt's case does not use it; delete the "
                f"line, or import with --instrument {each.id}"
            )
    return "which no instrument has; take the items from: simvoice rate sheet"


def _rating_row(fields: dict[str, str], wall_time: str, known: KnownItems) -> RatingRow:
    item = known(fields["attempt"])[fields["item"]]
    comment = fields["comment"]
    if one_line(for_terminal(comment)) == one_line(for_terminal(item.text)):
        comment = ""  # the sheet begins with the item's text; the rater left it there
    return RatingRow(
        fields["attempt"],
        Rating.model_validate(
            {
                "rater": fields["rater"],
                "item": item.id,
                "value": parse_answer(fields["value"], answer_kind(item)),
                "comment": comment,
                "wall_time": wall_time,
            }
        ),
    )


def _sentence(name: str, faults: list[str]) -> str:
    more = len(faults) - _MOST_FAULTS
    listed = "; ".join(faults[:_MOST_FAULTS]) + (f"; and {more} more" if more > 0 else "")
    return f"nothing was imported from {name}: {listed}; correct it and import it again"


def blank_sheet(attempts: Iterable[str], chosen: Iterable[Instrument], rater: str) -> str:
    """CSV for a rater to fill in: one row for each attempt and item, without machine judgements.

    The column comment has the item's text, which the rater may overwrite; `read_ratings` leaves it
    out where it is unchanged.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    lists = tuple(chosen)
    for attempt in attempts:
        for each in lists:
            for item in each.items:
                texts = [csv_cell(each) for each in (attempt, rater, item.id)]
                writer.writerow([*texts, "", csv_cell(item.text)])
    return out.getvalue()
