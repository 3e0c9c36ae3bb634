"""The briefs of attempts, kept beside their journals so that hundreds of them are listed quickly.

A brief lies in its attempt's own folder, so that erasing the attempt erases it. It is made anew
when the journal, the sound, this version of simvoice or one of the files it judges by has changed.
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

from pydantic import BaseModel, ValidationError

from simvoice import __version__
from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief, DebriefPart
from simvoice.errors import SimvoiceError
from simvoice.progress.brief import Brief, brief_of
from simvoice.record.files import FLAC, HEADER, JOURNAL, WAV, replace_file
from simvoice.record.store import Attempt, AttemptSummary, Store

FILE = "progress.json"
"""Its name in the attempt's folder."""

_FORMAT = 1
"""One more whenever the shape of a brief, or what is counted in it, changes."""

_JUDGED_BY = (
    ("simvoice.scoring", "data"),
    ("simvoice.scoring", "data", "instruments"),
    ("simvoice.debrief", "data"),
)
"""Packages, and their folders of data: metrics, instruments, errors, suggestions."""

_working = threading.Lock()
"""One at a time: each takes a second of a core, and somebody may be talking."""


class _Kept(BaseModel):
    made_by: str
    made_from: str
    brief: Brief


class Skipped(DebriefPart):
    """An attempt that no progress is read from."""

    attempt: str
    why: str
    """One sentence, with the remedy where there is one."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What is known of the attempts in a store without measuring any."""

    briefs: tuple[Brief, ...]
    waiting: tuple[AttemptSummary, ...]
    """Finished, but without a brief as yet."""
    skipped: tuple[tuple[str | None, Skipped], ...]
    """With the learner's pseudonym; None where the header cannot be read."""


def look(store: Store, listed: Iterable[AttemptSummary] | None = None) -> Looked:
    """The oldest first. Reads briefs, and the journals of attempts without one.

    listed: the attempts to look at, where they are listed already; None looks at all.
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
        found = kept(store.root / attempt)
        if found is not None:
            briefs.append(found)
            continue
        summary = summary or _summary(store, attempt)
        why = _not_yet(summary)
        if why:
            # without a case its header could not be read, and so it is nobody's
            whose = summary.learner if summary.case_id else None
            skipped.append((whose, Skipped(attempt=attempt, why=why)))
        else:
            waiting.append(summary)
    return Looked(tuple(briefs), tuple(waiting), tuple(skipped))


def _summary(store: Store, attempt: str) -> AttemptSummary:
    try:
        return store.open(attempt).summary()
    except SimvoiceError as error:
        return AttemptSummary(id=attempt, state="damaged", problem=str(error))


def _not_yet(summary: AttemptSummary) -> str:
    """Why an attempt cannot be read as it is; empty when it can."""
    if summary.state == "open":
        return f"attempt {summary.id} is going on right now"
    if summary.state == "complete":
        return ""
    return summary.problem or f"parts of attempt {summary.id} cannot be read"


def catch_up(
    store: Store,
    waiting: Sequence[AttemptSummary],
    patience_s: float | None = None,
    done: Callable[[], None] = lambda: None,
) -> tuple[tuple[Brief, ...], tuple[Skipped, ...], int]:
    """Make and keep the briefs that are waiting, the newest first.

    patience_s: seconds after which no other is begun; None for as long as it takes. done: called
    after each. Returns (briefs, those that could not be read, how many still wait).
    """
    until_s = None if patience_s is None else time.monotonic() + patience_s
    briefs: list[Brief] = []
    skipped: list[Skipped] = []
    left = list(waiting)
    while left and (until_s is None or time.monotonic() < until_s):
        summary = left.pop()  # the oldest come first in it
        with _working:
            try:
                found = kept(store.root / summary.id) or keep(store.open(summary.id))
                briefs.append(found)
            except SimvoiceError as error:
                skipped.append(Skipped(attempt=summary.id, why=str(error)))
        done()
    return tuple(briefs), tuple(skipped), len(left)


def keep(attempt: Attempt, debrief: Debrief | None = None) -> Brief:
    """Make an attempt's brief and keep it. debrief: when there is one already.

    A disk that is full or may not be written to keeps nothing; the brief is made again then.
    """
    seen = _print_of(attempt.folder)
    brief = brief_of(attempt, debrief or build_debrief(attempt, with_peaks=False))
    if attempt.state == "complete":
        made = _Kept(made_by=_maker(), made_from=seen, brief=brief)
        with suppress(OSError):
            replace_file(attempt.folder / FILE, made.model_dump_json().encode())
    return brief


def kept(folder: Path) -> Brief | None:
    """The brief in an attempt's folder; None when there is none or it is out of date."""
    try:
        found = _Kept.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    is_fresh = (found.made_by, found.made_from) == (_maker(), _print_of(folder))
    return found.brief if is_fresh and found.brief.attempt == folder.name else None


def learners(names: Iterable[str]) -> dict[str, int]:
    """Each learner once with how many attempts, by name; the nameless are the last."""
    counted: dict[str, int] = {}
    for name in names:
        counted[called(name)] = counted.get(called(name), 0) + 1
    return dict(sorted(counted.items(), key=lambda each: (not each[0], each[0].casefold())))


def called(name: str) -> str:
    """A pseudonym without blanks around it; empty for none, which "-" stands for too."""
    plain = " ".join(name.split())
    return "" if plain == "-" else plain


@cache
def _maker() -> str:
    """What a brief was made by: this version, and the files it judges by."""
    judged_by = hashlib.sha256()
    for package, *parts in _JUDGED_BY:
        found = files(package).joinpath(*parts).iterdir()
        for file in sorted((each for each in found if each.is_file()), key=lambda e: e.name):
            judged_by.update(file.read_bytes())
    return f"{_FORMAT} {__version__} {judged_by.hexdigest()[:16]}"


def _print_of(folder: Path) -> str:
    """Length and time of each file that a brief is made from."""
    found = []
    for name in (HEADER, JOURNAL, WAV, FLAC):
        with suppress(OSError):
            about = (folder / name).stat()
            found.append(f"{name} {about.st_size} {about.st_mtime_ns}")
    return "; ".join(found)
