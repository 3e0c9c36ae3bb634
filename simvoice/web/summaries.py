"""Debriefs that were made a moment ago: a page and what it fetches ask for the same one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from simvoice.debrief.build import summarise
from simvoice.debrief.model import Debrief
from simvoice.progress.brief_store import FILE
from simvoice.record.store import Attempt

_KEPT = 4
"""The one that is read, the one beside it, and one or two in other tabs."""

Print = tuple[tuple[str, int, int], ...]


class Summaries:
    """The last few, made anew as soon as anything in the attempt's folder has changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[Print, Debrief]] = OrderedDict()

    def of(self, attempt: Attempt) -> Debrief:
        """The debrief of an attempt. May take a second or two; two pages may ask at once."""
        with self._lock:
            seen = print_of(attempt.folder)
            kept = self._kept.get(attempt.id)
            if kept is None or kept[0] != seen:
                kept = (seen, summarise(attempt))
                self._kept[attempt.id] = kept
            self._kept.move_to_end(attempt.id)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return kept[1]


def print_of(folder: Path) -> Print:
    """Name, length and time of every file: an objection or a lost recording changes it. The brief
    that progress is read from is made of the debrief, and changes nothing."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(FILE):  # also while it is being written
            continue
        about = path.stat()
        found.append((path.name, about.st_size, about.st_mtime_ns))
    return tuple(found)
