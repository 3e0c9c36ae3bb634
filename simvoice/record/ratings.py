"""What people say of an attempt afterwards: ratings, and a learner's objections.

They lie in files of their own beside the journal, one line of JSON each, appended and never
changed; the journal is not touched. Erasing the attempt erases them. Who appends holds a lock on
the file, so that two at once do not write into each other's lines; a line that was being written
when its process died is left out, and set aside by the next one who appends.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from simvoice.errors import AttemptError, SimvoiceError
from simvoice.record.events import RecordPart
from simvoice.record.files import is_id, locked, storage_error, sync_folder, write_all

RATINGS = "ratings.jsonl"
OBJECTIONS = "objections.jsonl"
SET_ASIDE = "remarks.rejected"
"""Half-written lines; kept, because nothing is thrown away."""

_PATIENCE_S = 5.0
"""Appending takes milliseconds; who holds the file for longer has stopped."""
_LOOK_S = 0.01


class Rating(RecordPart):
    """What one person says of one item; a later one of the same person takes its place."""

    rater: str = Field(min_length=1)
    """A pseudonym."""
    item: str
    value: Literal["met", "not met", "not judged"] | float
    """A number where the item is counted or rated on a scale."""
    comment: str = ""
    wall_time: str
    """ISO 8601 with zone."""
    source: Literal["file", "page"] = "file"
    """Those of the page count from when their rater has finished."""
    blind: bool = False
    """The page showed nothing of the machine's judgement. Of a file nobody can tell."""


class RaterDone(RecordPart):
    """A rater has finished an attempt on the page; the machine's judgement was shown then."""

    done: str = Field(min_length=1)
    """The rater."""
    wall_time: str


class Objection(RecordPart):
    """A learner's word that an item is wrong, and why."""

    item: str
    why: str = Field(min_length=1)
    wall_time: str
    number: int = 0
    """1 for the first of the attempt; given when it is read."""


class Withdrawal(RecordPart):
    """A learner takes an objection back; it stays in the file, and is not shown or counted."""

    withdraws: int
    """By its number."""
    wall_time: str


@dataclass(frozen=True, slots=True)
class AttemptFeedback:
    """All that was said of one attempt."""

    ratings: tuple[Rating, ...] = ()
    objections: tuple[Objection, ...] = ()
    problems: tuple[str, ...] = ()
    """What could not be read, a sentence each."""


_RatingLine = Annotated[Rating | RaterDone, Field(union_mode="left_to_right")]
_ObjectionLine = Annotated[Objection | Withdrawal, Field(union_mode="left_to_right")]
_rating_lines: TypeAdapter[Rating | RaterDone] = TypeAdapter(_RatingLine)
_objection_lines: TypeAdapter[Objection | Withdrawal] = TypeAdapter(_ObjectionLine)
_Line = TypeVar("_Line")


def add_ratings(folder: Path, ratings: Iterable[Rating]) -> None:
    """Append ratings to an attempt's folder, all of them or none."""
    add_to_each({folder: tuple(ratings)})


def add_to_each(ratings: Mapping[Path, Sequence[Rating]]) -> None:
    """Append ratings to the folders of several attempts, all of them or none.

    Raises StorageFull or SimvoiceError; what was written before is taken back then.
    """
    _append({folder / RATINGS: tuple(some) for folder, some in ratings.items() if some})


def finish_rating(folder: Path, done: RaterDone) -> None:
    """Keep that a rater has finished: what they said on the page counts from now on."""
    _append({folder / RATINGS: (done,)})


def add_objection(folder: Path, objection: Objection) -> None:
    """Append a learner's objection to an attempt's folder."""
    _append({folder / OBJECTIONS: (objection,)})


def withdraw_objection(folder: Path, number: int, wall_time: str) -> Objection:
    """Take an objection back; returns it. Raises AttemptError when none stands under the number."""
    standing = {each.number: each for each in objections_of(folder)}
    if number not in standing:
        raise AttemptError(f"there is no objection {number} here any more; load the page again")
    _append({folder / OBJECTIONS: (Withdrawal(withdraws=number, wall_time=wall_time),)})
    return standing[number]


def ratings_of(folder: Path) -> tuple[Rating, ...]:
    """The ratings that count: of each rater and item the last, in the order of the first.

    Raises AttemptError when a line cannot be read; one that was not written to its end is left out.
    """
    return _counting(_read(folder / RATINGS, _rating_lines)[0])


def objections_of(folder: Path) -> tuple[Objection, ...]:
    """Every objection that stands, in order. Raises AttemptError as `ratings_of` does."""
    return _standing(_read(folder / OBJECTIONS, _objection_lines)[0])


def feedback_of(folder: Path) -> AttemptFeedback:
    """All that can be read, and a sentence on what cannot; a fault of one file hides no other."""
    problems: list[str] = []
    ratings: tuple[Rating, ...] = ()
    objections: tuple[Objection, ...] = ()
    try:
        lines, half = _read(folder / RATINGS, _rating_lines)
        ratings = _counting(lines)
        problems += [half] if half else []
    except SimvoiceError as error:
        problems.append(str(error))
    try:
        said, half = _read(folder / OBJECTIONS, _objection_lines)
        objections = _standing(said)
        problems += [half] if half else []
    except SimvoiceError as error:
        problems.append(str(error))
    return AttemptFeedback(ratings, objections, tuple(problems))


@dataclass(frozen=True, slots=True)
class Draft:
    """What one rater has said on the page so far."""

    ratings: tuple[Rating, ...]
    """The last of each item."""
    done: bool


def draft_of(folder: Path, rater: str) -> Draft:
    """Raises AttemptError when a line cannot be read."""
    lines, _ = _read(folder / RATINGS, _rating_lines)
    said = [e for e in lines if isinstance(e, Rating) and e.source == "page" and e.rater == rater]
    done = any(isinstance(e, RaterDone) and e.done == rater for e in lines)
    return Draft(tuple({each.item: each for each in said}.values()), done)


def with_feedback(root: Path) -> list[Path]:
    """The folders of the attempts under `root` of which somebody has said something."""
    found = {path.parent for name in (RATINGS, OBJECTIONS) for path in root.glob(f"*/{name}")}
    return sorted(each for each in found if is_id(each.name))


def _counting(lines: Sequence[Rating | RaterDone]) -> tuple[Rating, ...]:
    done = {each.done for each in lines if isinstance(each, RaterDone)}
    said = (each for each in lines if isinstance(each, Rating))
    counted = (each for each in said if each.source == "file" or each.rater in done)
    return tuple({(each.rater, each.item): each for each in counted}.values())


def _standing(lines: Sequence[Objection | Withdrawal]) -> tuple[Objection, ...]:
    gone = {each.withdraws for each in lines if isinstance(each, Withdrawal)}
    said = [each for each in lines if isinstance(each, Objection)]
    numbered = (each.model_copy(update={"number": n}) for n, each in enumerate(said, start=1))
    return tuple(each for each in numbered if each.number not in gone)


# -- files ----------------------------------------------------------------------------------


def _append(remarks: Mapping[Path, Sequence[RecordPart]]) -> None:
    """Every file is locked before the first is written."""
    path = Path()
    written: list[tuple[int, int]] = []
    try:
        with ExitStack() as open_files:
            held: list[tuple[Path, int, bool]] = []
            for path in sorted(remarks):
                is_new = not path.exists()
                fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
                open_files.callback(os.close, fd)
                _lock(fd, path)
                held.append((path, fd, is_new))
            try:
                for path, fd, is_new in held:
                    at = _end_of_lines(fd, path)
                    written.append((fd, at))
                    write_all(fd, _lines(remarks[path]), at)
                    os.fsync(fd)
                    if is_new:
                        sync_folder(path.parent)
            except OSError:
                for fd, at in written:
                    with suppress(OSError):
                        os.ftruncate(fd, at)
                raise
    except OSError as error:
        raise storage_error(error, f"writing {_named(path)}") from error


def _lines(remarks: Sequence[RecordPart]) -> bytes:
    return b"".join(each.model_dump_json(exclude={"number"}).encode() + b"\n" for each in remarks)


def _lock(fd: int, path: Path) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not locked(fd, fcntl.LOCK_EX):
        if time.monotonic() > end:
            raise SimvoiceError(
                f"{_named(path)} is being written by another program; wait and try again"
            )
        time.sleep(_LOOK_S)


def _end_of_lines(fd: int, path: Path) -> int:
    """Where the next line begins. What a dying process left of one is set aside first."""
    size = os.fstat(fd).st_size
    whole = os.pread(fd, size, 0)
    at = whole.rfind(b"\n") + 1
    if at == size:
        return size
    if _is_whole(whole[at:], path):  # only its line end is missing
        write_all(fd, b"\n", size)
        return size + 1
    with (path.parent / SET_ASIDE).open("ab") as aside:
        aside.write(whole[at:] + b"\n")
    os.ftruncate(fd, at)
    return at


def _is_whole(line: bytes, path: Path) -> bool:
    if path.name == RATINGS:
        return _decoded(line, _rating_lines) is not None
    return _decoded(line, _objection_lines) is not None


def _read(path: Path, kind: TypeAdapter[_Line]) -> tuple[list[_Line], str]:
    """(the lines, a sentence on a half-written last one or nothing)."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], ""
    except OSError as error:
        raise storage_error(error, f"reading {_named(path)}") from error
    found: list[_Line] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        one = _decoded(line, kind)
        if one is not None:
            found.append(one)
        elif number == len(lines):
            return (
                found,
                f"the last line of {_named(path)} was not written to its end and is left out",
            )
        else:
            raise AttemptError(
                f"line {number} of {_named(path)} cannot be read; correct or remove that line"
            )
    return found, ""


def _decoded(line: bytes, kind: TypeAdapter[_Line]) -> _Line | None:
    try:
        return kind.validate_json(line)
    except ValidationError:
        return None


def _named(path: Path) -> str:
    return f"{path.name} of attempt {path.parent.name}"
