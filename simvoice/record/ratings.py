"""Feedback on an attempt: ratings by raters, and objections by the learner.

Each kind has a file beside the journal, with one line of JSON for each entry. Lines are appended
and never changed. Erasing the attempt erases the files. A writer locks the file while it appends.
An incomplete last line, from a process that died, is skipped by readers and set aside by the next
writer.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from simvoice.errors import AttemptError, SimvoiceError, UsageError
from simvoice.record.files import is_id, locked, storage_error, sync_folder, write_all
from simvoice.strict_model import StrictModel

RATINGS = "ratings.jsonl"
OBJECTIONS = "objections.jsonl"
SET_ASIDE = "remarks.rejected"
"""Incomplete lines. They are not deleted."""

_LOCK_TIMEOUT_S = 5.0
"""Appending takes milliseconds; a process that holds the lock for longer hangs."""
_RETRY_S = 0.01

LONGEST_RATER = 60
"""Most characters of a rater's name."""


class Rating(StrictModel):
    """The judgement of one rater on one item. A later rating by the same rater replaces it."""

    rater: str = Field(min_length=1)
    """A pseudonym."""
    item: str
    value: Literal["met", "not met", "not judged"] | float
    """A number where the item is counted or rated on a scale."""
    comment: str = ""
    wall_time: str
    """ISO 8601 with zone."""
    source: Literal["file", "page"] = "file"
    """Ratings from the page count once their rater has finished."""
    blind: bool = False
    """The rater had not seen the machine's judgement. False for a file, where it is unknown."""


class RaterDone(StrictModel):
    """A rater finished an attempt on the page. From then on the machine's judgement is shown."""

    done: str = Field(min_length=1)
    """Pseudonym of the rater."""
    wall_time: str


class Objection(StrictModel):
    """A learner's statement that an item was judged wrongly, with the reason."""

    item: str
    why: str = Field(min_length=1)
    wall_time: str
    number: int = 0
    """1 for the first objection of the attempt. Assigned on reading, not stored."""


class Withdrawal(StrictModel):
    """A learner withdraws an objection. It stays in the file and is neither shown nor counted."""

    withdraws: int
    """`Objection.number`."""
    wall_time: str


@dataclass(frozen=True, slots=True)
class AttemptFeedback:
    """All ratings and objections of one attempt."""

    ratings: tuple[Rating, ...] = ()
    objections: tuple[Objection, ...] = ()
    problems: tuple[str, ...] = ()
    """One sentence for each problem in reading."""


_RatingLine = Annotated[Rating | RaterDone, Field(union_mode="left_to_right")]
_ObjectionLine = Annotated[Objection | Withdrawal, Field(union_mode="left_to_right")]
_rating_lines: TypeAdapter[Rating | RaterDone] = TypeAdapter(_RatingLine)
_objection_lines: TypeAdapter[Objection | Withdrawal] = TypeAdapter(_ObjectionLine)
_Line = TypeVar("_Line")


def check_rater_name(text: str) -> str:
    """Return a rater's pseudonym without extra spaces. Raises UsageError if it is not allowed."""
    rater = " ".join(text.split())
    if not rater:
        raise UsageError("enter a name for the rater, always the same one, such as rater 7")
    if len(rater) > LONGEST_RATER:
        raise UsageError(
            f"a rater's name has at most {LONGEST_RATER} characters; choose a shorter one"
        )
    if not rater.isprintable():
        raise UsageError("a rater's name has no control characters; type it again, such as rater 7")
    if rater.lower() == "machine":
        raise UsageError("a rater is a human; choose another name")
    return rater


def add_ratings(folder: Path, ratings: Iterable[Rating]) -> None:
    """Append ratings to the folder of an attempt: all or none."""
    add_ratings_to_each({folder: tuple(ratings)})


def add_ratings_to_each(ratings: Mapping[Path, Sequence[Rating]]) -> None:
    """Append ratings to the folders of several attempts: all or none.

    Raises StorageFull or SimvoiceError, after removing what was written.
    """
    _append({folder / RATINGS: tuple(some) for folder, some in ratings.items() if some})


def finish_rating(folder: Path, done: RaterDone) -> None:
    """Store that a rater has finished. Their ratings from the page count from now on."""
    _append({folder / RATINGS: (done,)})


def add_objection(folder: Path, objection: Objection) -> None:
    """Append an objection by the learner to the folder of an attempt."""
    _append({folder / OBJECTIONS: (objection,)})


def withdraw_objection(folder: Path, number: int, wall_time: str) -> Objection:
    """Withdraw an objection and return it. Raises AttemptError if no objection has the number."""
    open_objections = {each.number: each for each in load_objections(folder)}
    if number not in open_objections:
        raise AttemptError(f"there is no objection {number} here any more; load the page again")
    _append({folder / OBJECTIONS: (Withdrawal(withdraws=number, wall_time=wall_time),)})
    return open_objections[number]


def join_objections(folder: Path, other: Path) -> None:
    """Add the objections of another copy of an attempt to those in a folder; none twice.

    Both copies may have grown apart after they were one. Raises StorageFull, SimvoiceError, and
    AttemptError for a line that cannot be read.
    """
    ours, _ = _read(folder / OBJECTIONS, _objection_lines)
    theirs, _ = _read(other / OBJECTIONS, _objection_lines)
    numbers: dict[tuple[str, str, str], int] = {}
    count = 0
    for each in ours:
        if isinstance(each, Objection):
            count += 1
            numbers.setdefault(_key(each), count)
    withdrawn = {each.withdraws for each in ours if isinstance(each, Withdrawal)}
    ours_of: list[int] = []
    added: list[Objection | Withdrawal] = []
    for each in theirs:
        if isinstance(each, Objection):
            if _key(each) not in numbers:
                count += 1
                numbers[_key(each)] = count
                added.append(each)
            ours_of.append(numbers[_key(each)])
        elif each.withdraws <= len(ours_of) and ours_of[each.withdraws - 1] not in withdrawn:
            number = ours_of[each.withdraws - 1]
            withdrawn.add(number)
            added.append(each.model_copy(update={"withdraws": number}))
    if added:
        _append({folder / OBJECTIONS: tuple(added)})


def _key(objection: Objection) -> tuple[str, str, str]:
    return objection.item, objection.why, objection.wall_time


def load_ratings(folder: Path) -> tuple[Rating, ...]:
    """Return the ratings that count: the last one of each rater and item.

    They are in the order of the first rating of each rater and item. An incomplete last line is
    skipped. Raises AttemptError for any other line that cannot be read.
    """
    return _counting(_read(folder / RATINGS, _rating_lines)[0])


def load_objections(folder: Path) -> tuple[Objection, ...]:
    """Return all objections that were not withdrawn, in order. Raises like `load_ratings`."""
    return _not_withdrawn(_read(folder / OBJECTIONS, _objection_lines)[0])


def load_feedback(folder: Path) -> AttemptFeedback:
    """Return all readable feedback. A problem with one file does not hide the other file."""
    problems: list[str] = []
    ratings: tuple[Rating, ...] = ()
    objections: tuple[Objection, ...] = ()
    try:
        lines, incomplete = _read(folder / RATINGS, _rating_lines)
        ratings = _counting(lines)
        problems += [incomplete] if incomplete else []
    except SimvoiceError as error:
        problems.append(str(error))
    try:
        objection_lines, incomplete = _read(folder / OBJECTIONS, _objection_lines)
        objections = _not_withdrawn(objection_lines)
        problems += [incomplete] if incomplete else []
    except SimvoiceError as error:
        problems.append(str(error))
    return AttemptFeedback(ratings, objections, tuple(problems))


@dataclass(frozen=True, slots=True)
class Draft:
    """The ratings that one rater has entered on the page so far."""

    ratings: tuple[Rating, ...]
    """The last rating of each item."""
    done: bool


def load_draft(folder: Path, rater: str) -> Draft:
    """Return a rater's draft on the page. Raises AttemptError when a line cannot be read."""
    lines, _ = _read(folder / RATINGS, _rating_lines)
    own = [e for e in lines if isinstance(e, Rating) and e.source == "page" and e.rater == rater]
    done = any(isinstance(e, RaterDone) and e.done == rater for e in lines)
    return Draft(tuple({each.item: each for each in own}.values()), done)


def folders_with_feedback(root: Path) -> list[Path]:
    """Return the folders of attempts under `root` that have ratings or objections, sorted."""
    found = {path.parent for name in (RATINGS, OBJECTIONS) for path in root.glob(f"*/{name}")}
    return sorted(each for each in found if is_id(each.name))


def count_ratings(root: Path) -> Counter[str]:
    """Count the ratings of each item over the attempts of a store, by the id of the item.

    Files that cannot be read count as far as they can.
    """
    feedback = map(load_feedback, folders_with_feedback(root))
    return Counter(rating.item for each in feedback for rating in each.ratings)


def _counting(lines: Sequence[Rating | RaterDone]) -> tuple[Rating, ...]:
    done = {each.done for each in lines if isinstance(each, RaterDone)}
    ratings = (each for each in lines if isinstance(each, Rating))
    counted = (each for each in ratings if each.source == "file" or each.rater in done)
    return tuple({(each.rater, each.item): each for each in counted}.values())


def _not_withdrawn(lines: Sequence[Objection | Withdrawal]) -> tuple[Objection, ...]:
    withdrawn = {each.withdraws for each in lines if isinstance(each, Withdrawal)}
    objections = [each for each in lines if isinstance(each, Objection)]
    numbered = (each.model_copy(update={"number": n}) for n, each in enumerate(objections, start=1))
    return tuple(each for each in numbered if each.number not in withdrawn)


# -- files ----------------------------------------------------------------------------------


def _append(entries: Mapping[Path, Sequence[StrictModel]]) -> None:
    """Append to each file its entries: all or none. All files are locked before any is written."""
    path = Path()
    written: list[tuple[int, int]] = []
    try:
        with ExitStack() as open_files:
            locked_files: list[tuple[Path, int, bool]] = []
            for path in sorted(entries):
                is_new = not path.exists()
                fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
                open_files.callback(os.close, fd)
                _lock(fd, path)
                locked_files.append((path, fd, is_new))
            try:
                for path, fd, is_new in locked_files:
                    at = _end_of_lines(fd, path)
                    written.append((fd, at))
                    write_all(fd, _lines(entries[path]), at)
                    os.fsync(fd)
                    if is_new:
                        sync_folder(path.parent)
            except OSError:
                for fd, at in written:
                    with suppress(OSError):
                        os.ftruncate(fd, at)
                raise
    except OSError as error:
        raise storage_error(error, f"writing {_describe(path)}") from error


def _lines(entries: Sequence[StrictModel]) -> bytes:
    return b"".join(each.model_dump_json(exclude={"number"}).encode() + b"\n" for each in entries)


def _lock(fd: int, path: Path) -> None:
    end = time.monotonic() + _LOCK_TIMEOUT_S
    while not locked(fd, fcntl.LOCK_EX):
        if time.monotonic() > end:
            raise SimvoiceError(
                f"{_describe(path)} is in use by another program; wait and try again"
            )
        time.sleep(_RETRY_S)


def _end_of_lines(fd: int, path: Path) -> int:
    """Return the offset for the next line, after setting an incomplete last line aside."""
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
    """Return the entries, and a sentence about an incomplete last line, or ""."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], ""
    except OSError as error:
        raise storage_error(error, f"reading {_describe(path)}") from error
    found: list[_Line] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        entry = _decoded(line, kind)
        if entry is not None:
            found.append(entry)
        elif number == len(lines):
            return (
                found,
                f"the last line of {_describe(path)} is incomplete and was left out",
            )
        else:
            raise AttemptError(
                f"line {number} of {_describe(path)} cannot be read; correct or remove the line"
            )
    return found, ""


def _decoded(line: bytes, kind: TypeAdapter[_Line]) -> _Line | None:
    try:
        return kind.validate_json(line)
    except ValidationError:
        return None


def _describe(path: Path) -> str:
    return f"{path.name} of attempt {path.parent.name}"
