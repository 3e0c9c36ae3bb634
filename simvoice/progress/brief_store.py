"""Store the briefs of attempts beside their journals, so that hundreds are listed quickly.

A brief is in the folder of its attempt, so erasing the attempt erases it. It is out of date when
the journal, the sound, the version of simvoice or one of the data files for judging has changed.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from simvoice import __version__
from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief
from simvoice.errors import SimvoiceError
from simvoice.progress.brief import Brief, build_brief
from simvoice.reading.reading import Reading, read
from simvoice.record.files import FLAC, HEADER, JOURNAL, WAV, replace_file
from simvoice.record.reflection import REFLECTION
from simvoice.record.store import Attempt, AttemptSummary, Store
from simvoice.strict_model import StrictModel

FILE = "progress.json"
"""Name of the brief in the folder of the attempt."""

_FORMAT = 5
"""Increase it whenever the fields of a brief, or what they count, change."""

_JUDGED_BY = (
    ("simvoice.coding", "data"),
    ("simvoice.scoring", "data"),
    ("simvoice.scoring", "data", "instruments"),
    ("simvoice", "data"),
)
"""Packages and their data folders: metrics, instruments, errors, suggestions."""

_working = threading.Lock()
"""Only one brief is built at a time: it takes 1 s of a core, and an encounter may be running."""


class _StoredBrief(StrictModel):
    made_by: str
    made_from: str
    brief: Brief


class Skipped(StrictModel):
    """An attempt that progress leaves out."""

    attempt: str
    why: str
    """The reason in a sentence, with a remedy if there is one."""


@dataclass(frozen=True, slots=True)
class StoreScan:
    """What is known of the attempts in a store without measuring them."""

    briefs: tuple[Brief, ...]
    waiting: tuple[AttemptSummary, ...]
    """Finished attempts without a brief."""
    skipped: tuple[tuple[str | None, Skipped], ...]
    """Each with the learner's pseudonym; None when the header cannot be read."""


def scan_store(store: Store, listed: Iterable[AttemptSummary] | None = None) -> StoreScan:
    """Read the briefs, and the journals of attempts without one. The oldest come first.

    listed: the attempts to read, if they are already listed; None reads all.
    """
    if listed is None:
        pairs: list[tuple[str, AttemptSummary | None]] = [
            (attempt, None) for attempt in store.ids()
        ]
    else:
        pairs = [(each.id, each) for each in sorted(listed, key=lambda e: e.id, reverse=True)]
    briefs: list[Brief] = []
    waiting: list[AttemptSummary] = []
    skipped: list[tuple[str | None, Skipped]] = []
    for attempt, summary in reversed(pairs):
        found = load_brief(store.root / attempt)
        if found is not None:
            briefs.append(found)
            continue
        summary = summary or store.summary(attempt)
        why = _not_yet(summary)
        if why:
            # without a case the header could not be read, and the learner is unknown
            learner = summary.learner if summary.case_id else None
            skipped.append((learner, Skipped(attempt=attempt, why=why)))
        else:
            waiting.append(summary)
    return StoreScan(tuple(briefs), tuple(waiting), tuple(skipped))


def _not_yet(summary: AttemptSummary) -> str:
    """Return why an attempt cannot be read now; empty when it can."""
    if summary.state == "open":
        return f"attempt {summary.id} is being recorded now"
    if summary.state == "complete":
        return ""
    return summary.problem or f"parts of attempt {summary.id} cannot be read"


def build_waiting(
    store: Store,
    waiting: Sequence[AttemptSummary],
    time_s: float | None = None,
    done: Callable[[], None] = lambda: None,
) -> tuple[tuple[Brief, ...], tuple[Skipped, ...], int]:
    """Build and store the missing briefs, the newest first.

    time_s: seconds after which no other brief is started; None for no limit. done: called after
    each brief. Returns (briefs, attempts that could not be read, number still waiting).
    """
    until_s = None if time_s is None else time.monotonic() + time_s
    briefs: list[Brief] = []
    skipped: list[Skipped] = []
    left = list(waiting)
    while left and (until_s is None or time.monotonic() < until_s):
        summary = left.pop()  # the newest is the last
        with _working:
            try:
                briefs.append(
                    load_brief(store.root / summary.id) or make_brief(store.open(summary.id))
                )
            except SimvoiceError as error:
                skipped.append(Skipped(attempt=summary.id, why=str(error)))
        done()
    return tuple(briefs), tuple(skipped), len(left)


def make_brief(attempt: Attempt) -> Brief:
    """Read an attempt, build its brief and store it."""
    reading = read(attempt)
    return store_brief(attempt, reading, build_debrief(attempt, reading, with_peaks=False))


def store_brief(attempt: Attempt, reading: Reading, debrief: Debrief) -> Brief:
    """Build the brief of an attempt and store it.

    If the file cannot be written, the brief is not stored and is built again next time.
    """
    fingerprint = _file_fingerprint(attempt.folder)
    brief = build_brief(attempt, reading, debrief)
    if attempt.state == "complete":
        made = _StoredBrief(made_by=code_fingerprint(), made_from=fingerprint, brief=brief)
        with suppress(OSError):
            replace_file(attempt.folder / FILE, made.model_dump_json().encode())
    return brief


def load_brief(folder: Path) -> Brief | None:
    """Load the brief from the folder of an attempt; None without one or when it is out of date."""
    try:
        found = _StoredBrief.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    is_fresh = (found.made_by, found.made_from) == (
        code_fingerprint(),
        _file_fingerprint(folder),
    )
    return found.brief if is_fresh and found.brief.attempt == folder.name else None


def count_learners(names: Iterable[str]) -> dict[str, int]:
    """Count the attempts of each learner, by name; those without a name come last."""
    counted: dict[str, int] = {}
    for name in names:
        counted[normalize_name(name)] = counted.get(normalize_name(name), 0) + 1
    return dict(sorted(counted.items(), key=lambda each: (not each[0], each[0].casefold())))


def normalize_name(name: str) -> str:
    """Return a pseudonym without extra spaces; empty for none, which "-" means too."""
    plain = " ".join(name.split())
    return "" if plain == "-" else plain


@cache
def code_fingerprint() -> str:
    """Return a fingerprint of this version of simvoice and of the data files for judging."""
    judged_by = hashlib.sha256()
    for package, *parts in _JUDGED_BY:
        found = files(package).joinpath(*parts).iterdir()
        for file in sorted((each for each in found if each.is_file()), key=lambda e: e.name):
            judged_by.update(file.read_bytes())
    return f"{_FORMAT} {__version__} {judged_by.hexdigest()[:16]}"


def _file_fingerprint(folder: Path) -> str:
    """Return length and time of each file that a brief is built from."""
    found = []
    for name in (HEADER, JOURNAL, WAV, FLAC, REFLECTION):
        with suppress(OSError):
            status = (folder / name).stat()
            found.append(f"{name} {status.st_size} {status.st_mtime_ns}")
    return "; ".join(found)
