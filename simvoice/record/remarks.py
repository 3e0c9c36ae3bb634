"""What people say of an attempt afterwards: ratings, and a learner's objections.

They lie in two files of their own beside the journal, one line of JSON each, appended and never
changed; the journal is not touched. Erasing the attempt erases them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError

from simvoice.errors import AttemptError
from simvoice.record.events import Fact
from simvoice.record.files import storage_error, sync_folder, write_all

RATINGS = "ratings.jsonl"
OBJECTIONS = "objections.jsonl"


class Rating(Fact):
    """What one person says of one item; a later one of the same person takes its place."""

    rater: str = Field(min_length=1)
    """A pseudonym."""
    item: str
    value: Literal["met", "not met", "not judged"] | float
    """A number where the item is counted or rated on a scale."""
    comment: str = ""
    wall_time: str
    """ISO 8601 with zone."""


class Objection(Fact):
    """A learner's word that an item is wrong, and why."""

    item: str
    why: str = Field(min_length=1)
    wall_time: str


_Remark = TypeVar("_Remark", Rating, Objection)


def add_ratings(folder: Path, ratings: Iterable[Rating]) -> None:
    """Append ratings to an attempt's folder, all of them or none."""
    _append(folder / RATINGS, list(ratings))


def add_objection(folder: Path, objection: Objection) -> None:
    """Append a learner's objection to an attempt's folder."""
    _append(folder / OBJECTIONS, [objection])


def ratings_of(folder: Path) -> tuple[Rating, ...]:
    """The ratings that count: of each rater and item the last, in the order of the first.

    Raises AttemptError when a line cannot be read.
    """
    last = {(each.rater, each.item): each for each in _read(folder / RATINGS, Rating)}
    return tuple(last.values())


def objections_of(folder: Path) -> tuple[Objection, ...]:
    """Every objection, in order. Raises AttemptError when a line cannot be read."""
    return tuple(_read(folder / OBJECTIONS, Objection))


def _append(path: Path, remarks: list[Rating] | list[Objection]) -> None:
    data = b"".join(each.model_dump_json().encode() + b"\n" for each in remarks)
    if not data:
        return
    try:
        is_new = not path.exists()
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            write_all(fd, data, os.fstat(fd).st_size)
            os.fsync(fd)
        finally:
            os.close(fd)
        if is_new:
            sync_folder(path.parent)
    except OSError as error:
        raise storage_error(error, f"writing {path.name} of attempt {path.parent.name}") from error


def _read(path: Path, kind: type[_Remark]) -> list[_Remark]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error(error, f"reading {path.name} of attempt {path.parent.name}") from error
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(kind.model_validate_json(line))
        except ValidationError:
            raise AttemptError(
                f"line {number} of {path.name} of attempt {path.parent.name} cannot be read; "
                "correct or remove that line"
            ) from None
    return found
