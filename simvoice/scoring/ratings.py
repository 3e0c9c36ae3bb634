"""A file of ratings by humans: CSV with the columns attempt, rater, item, value, comment.

Strict: nothing is taken from a file that has a fault, and every fault is said with its line.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from simvoice.errors import UsageError
from simvoice.record.remarks import Rating
from simvoice.scoring.instruments import Instrument, items

COLUMNS = ("attempt", "rater", "item", "value", "comment")
_VALUES = {
    "met": "met",
    "yes": "met",
    "not met": "not met",
    "no": "not met",
    "not judged": "not judged",
    "unsure": "not judged",
}
_MOST_FAULTS = 8
"""Faults that one message names; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Rated:
    """One line of the file."""

    attempt: str
    rating: Rating


def read_ratings(
    text: str,
    attempts: Collection[str],
    wall_time: str,
    name: str = "the file",
    known: Callable[[str], Collection[str]] = lambda _: items(),
) -> tuple[Rated, ...]:
    """The ratings of a whole file. Lines without a value are a sheet's empty fields, left out.

    text: CSV with a first line of column names. attempts: the ids that are there. wall_time: when
    they are taken in, ISO 8601. known: the ids of an attempt's items, by its id. Raises UsageError
    that names every fault with its line.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    missing = [each for each in COLUMNS[:4] if each not in (reader.fieldnames or ())]
    unknown = [str(each) for each in reader.fieldnames or () if each not in COLUMNS]
    if missing or unknown:
        what = f"lacks the column {missing[0]}" if missing else f"has a column {unknown[0]!r}"
        raise UsageError(f"{name} {what}; its first line has to be: {','.join(COLUMNS)}")
    found: list[Rated] = []
    faults: list[str] = []
    seen: dict[tuple[str, str, str], int] = {}
    for row in reader:
        line = reader.line_num
        if None in row or any(row[each] is None for each in COLUMNS[:4]):
            faults.append(f"line {line} does not have {len(reader.fieldnames or ())} fields")
            continue
        fields = {each: (row.get(each) or "").strip() for each in COLUMNS}
        if not fields["value"]:
            continue
        wrong = _faults(fields, attempts, known)
        key = (fields["attempt"], fields["rater"], fields["item"])
        if not wrong and key in seen:
            wrong = [f"rates {key[2]} a second time (first in line {seen[key]})"]
        if wrong:
            faults += [f"line {line} {each}" for each in wrong]
            continue
        seen[key] = line
        found.append(Rated(fields["attempt"], _rating(fields, wall_time)))
    if faults:
        raise UsageError(_sentence(name, faults))
    if not found:
        raise UsageError(f"{name} holds no rating; fill in the column value and import it again")
    return tuple(found)


def _faults(
    fields: dict[str, str], attempts: Collection[str], known: Callable[[str], Collection[str]]
) -> list[str]:
    wrong = []
    if fields["attempt"] not in attempts:
        wrong.append(f"names the attempt {fields['attempt']!r}, which is not there")
    if not fields["rater"]:
        wrong.append("does not say who rated")
    if fields["rater"].lower() == "machine":
        wrong.append("says that the machine rated; a rater is a human")
    is_there = fields["attempt"] in attempts
    if fields["item"] not in (known(fields["attempt"]) if is_there else items()):
        wrong.append(f"names the item {fields['item']!r}, which no instrument has")
    if _value(fields["value"]) is None:
        wrong.append(
            f"has the value {fields['value']!r}; it is met, not met, not judged or a number"
        )
    return wrong


def _value(text: str) -> str | float | None:
    word = _VALUES.get(text.lower())
    if word is not None:
        return word
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _rating(fields: dict[str, str], wall_time: str) -> Rating:
    return Rating.model_validate(
        {
            "rater": fields["rater"],
            "item": fields["item"],
            "value": _value(fields["value"]),
            "comment": fields["comment"],
            "wall_time": wall_time,
        }
    )


def _sentence(name: str, faults: list[str]) -> str:
    more = len(faults) - _MOST_FAULTS
    listed = "; ".join(faults[:_MOST_FAULTS]) + (f"; and {more} more" if more > 0 else "")
    return f"nothing was imported from {name}: {listed}; correct it and import it again"


def blank_sheet(attempts: Iterable[str], chosen: Iterable[Instrument], rater: str) -> str:
    """CSV to be filled in, one line for each attempt and item, blind to the machine's judgement.

    The column comment carries the item's text, for the rater to overwrite.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    lists = tuple(chosen)
    for attempt in attempts:
        for each in lists:
            for item in each.items:
                writer.writerow([attempt, rater, item.id, "", item.text])
    return out.getvalue()
