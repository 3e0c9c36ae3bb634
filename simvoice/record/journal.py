"""The journal: one line of JSON for each entry, appended and never changed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from simvoice.record.events import JournalEntry, entry_adapter
from simvoice.record.files import write_all


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


def encode(entry: JournalEntry) -> bytes:
    """The journal line of one entry, with its line end."""
    return entry.model_dump_json().encode() + b"\n"


def read_journal(path: Path) -> JournalText:
    """Read all readable entries. A missing file gives an empty journal. Raises OSError."""
    try:
        whole = path.read_bytes()
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
    return JournalText(tuple(entries), tuple(rejected), last)


def _decode(line: bytes) -> JournalEntry | None:
    try:
        return entry_adapter.validate_json(line)
    except ValidationError:
        return None


def last_moment_s(entry: JournalEntry) -> float:
    """The latest session second in an entry; 0 for an entry without one."""
    for name in ("end_s", "stopped_s", "first_sound_s", "at_s"):
        moment_s = getattr(entry, name, None)
        if moment_s is not None:
            return float(moment_s)
    return 0.0
