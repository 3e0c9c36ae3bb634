"""The journal: one line of JSON for each entry, appended and never changed."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simvoice.record.events import JournalEntry, entry_adapter
from simvoice.record.files import read_regular, write_all
from simvoice.strict_model import StrictModel

_LONGEST_LINE = 1_000_000
"""Bytes of a line. A checkpoint, the longest entry, has 4,000."""
_LARGEST = 200_000_000
"""Bytes of a journal. An encounter of 45 minutes has 500,000."""

LONGEST_S = 86_400.0
"""Session seconds that an entry may name: a day. The sound file of an attempt holds 18 hours."""
_EARLIEST_S = -1.0
"""A voice can begin in the sound that a detector keeps from before its first frame."""


class Journal:
    """A journal open for writing. Not thread-safe: only the recorder's writer thread uses it."""

    def __init__(self, path: Path) -> None:
        """Open for appending, creating the file. Raises OSError."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._size = os.fstat(self._fd).st_size

    def append(self, entry: JournalEntry) -> None:
        """Write one line. On OSError no part of the line remains in the file."""
        line = encode(entry)
        write_all(self._fd, line, self._size)
        self._size += len(line)

    def sync(self) -> None:
        """Wait until all written lines are on the disk. Any thread may call it."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Close the file. May be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@dataclass(frozen=True, slots=True)
class JournalText:
    """The content of a journal file."""

    entries: tuple[JournalEntry, ...]
    """In the order they were written."""
    rejected: tuple[bytes, ...] = ()
    """Lines before the last one that are not entries: the file is damaged."""
    unfinished: bytes = b""
    """A last line that was not written completely before the process died."""
    size: int = 0
    """Bytes, with the end of the last line."""


def encode(entry: JournalEntry) -> bytes:
    """The journal line of one entry, with its line end."""
    return entry.model_dump_json().encode() + b"\n"


def read_journal(path: Path) -> JournalText:
    """Read all readable entries. A missing file gives an empty journal. Raises OSError."""
    try:
        whole = read_regular(path, _LARGEST)
    except FileNotFoundError:
        return JournalText(())
    lines = whole.split(b"\n")
    last = lines.pop()
    entries: list[JournalEntry] = []
    rejected: list[bytes] = []
    for line in lines:
        entry = _decode(line)
        if entry is not None:
            entries.append(entry)
        elif line:
            rejected.append(line)
    ending = _decode(last) if last else None
    if ending is not None:
        entries.append(ending)
        last = b""
    return JournalText(tuple(entries), tuple(rejected), last, len(whole) + (ending is not None))


def _decode(line: bytes) -> JournalEntry | None:
    """Return the entry of a line; None for a line that no recorder wrote."""
    if len(line) > _LONGEST_LINE:
        return None
    try:
        entry = entry_adapter.validate_json(line)
    except ValidationError:
        return None
    if not all(_is_time(name, getattr(entry, name)) for name in _times(type(entry))):
        return None
    if _EXTREME.search(line) and not all(math.isfinite(each) for each in _floats(entry)):
        return None
    return entry


_EXTREME = re.compile(rb"NaN|Infinity|[0-9][eE]\+?[0-9]{2}|[0-9]{300}")
"""What a line with a number holds that is not finite, or too large to be."""

_DURATIONS = frozenset({"chosen_silence_s", "lost_s", "window_s"})


@cache
def _times(kind: type[JournalEntry]) -> tuple[str, ...]:
    return tuple(name for name in kind.model_fields if name.endswith("_s") and name != "stages_s")


def _is_time(name: str, value: float | None) -> bool:
    """Whether a recorder can have written a time. NaN is not within any limits."""
    if value is None:
        return True
    return (-LONGEST_S if name in _DURATIONS else _EARLIEST_S) <= value <= LONGEST_S


def _floats(value: Any) -> Iterator[float]:
    """Yield every float in an entry, at any depth."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _floats(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _floats(each)
    elif isinstance(value, StrictModel):
        yield from _floats(dict(value))


def last_moment_s(entry: JournalEntry) -> float:
    """The latest session second in an entry; 0 for an entry without one."""
    for name in ("end_s", "stopped_s", "first_sound_s", "at_s"):
        moment_s = getattr(entry, name, None)
        if moment_s is not None:
            return float(moment_s)
    return 0.0
