"""The attempts on this machine: list, open, recover, erase."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from simvoice.audio import Pcm16, seconds
from simvoice.errors import AttemptError, SimvoiceError
from simvoice.record.events import Ended, Header, JournalEntry, Started, Trouble
from simvoice.record.files import (
    CLOSED,
    FLAC,
    HEADER,
    JOURNAL,
    REJECTED,
    RESERVE,
    WAV,
    AttemptLock,
    check_id,
    in_use,
    is_id,
    replace_file,
    storage_error,
    sync_folder,
)
from simvoice.record.journal import encode, last_moment_s, read_journal
from simvoice.record.recorder import mark_closed
from simvoice.record.sound import count_samples, pack, read_sound, repair_wav, sound_path

# -- recover ----------------------------------------------------------------------------------
# Finishing an attempt whose process died. Safe to run twice, and to be killed half-way.


def recover_folder(folder: Path) -> None:
    """Repair sound and journal, write the missing end and mark the attempt as closed.

    The caller holds the attempt's lock. Raises OSError when the disk refuses; the attempt can
    then be recovered again. Nothing that can be read is dropped.
    """
    for name in (RESERVE, FLAC + ".partial", HEADER + ".partial", JOURNAL + ".partial"):
        (folder / name).unlink(missing_ok=True)
    wav = folder / WAV
    if wav.is_file():
        repair_wav(wav)
    path = sound_path(folder)
    try:
        length_s = seconds(count_samples(path)) if path is not None else 0.0
    except AttemptError:
        length_s = 0.0  # the sound is beyond repair, which is no reason to lose the journal
    _repair_journal(folder, length_s)
    pack(folder)
    mark_closed(folder)


def _repair_journal(folder: Path, length_s: float) -> None:
    path = folder / JOURNAL
    found = read_journal(path)
    if found.rejected:
        replace_file(folder / REJECTED, b"\n".join(found.rejected) + b"\n")
    entries = list(found.entries)
    if any(isinstance(entry, Ended) for entry in entries) and not (
        found.unfinished or found.rejected
    ):
        return
    at_s = max([length_s, *(last_moment_s(entry) for entry in entries)])
    if found.unfinished or found.rejected:
        entries.append(
            Trouble(
                at_s=at_s,
                what=f"recovered: {len(found.unfinished)} bytes of an unfinished entry and "
                f"{len(found.rejected)} unreadable entries were left out",
            )
        )
    if not any(isinstance(entry, Ended) for entry in entries):
        entries.append(Ended(at_s=at_s, reason="fault"))
    replace_file(path, b"".join(encode(entry) for entry in entries))


# -- store ------------------------------------------------------------------------------------


AttemptState = Literal["complete", "open", "crashed", "damaged"]
"""complete: finished and whole. open: being recorded now. crashed: its process died before the
end, `recover` finishes it. damaged: parts of it cannot be read."""

_MAKING_S = 3600.0
"""Seconds after which a folder that is still being made belongs to nobody; it takes 0.1 s."""

_TRIES = 5
"""Two who remove the same folder trip over each other's steps, never for more than a few."""

FORMAT = 1
"""The record format this version writes and reads."""


@dataclass(frozen=True, slots=True)
class AttemptSummary:
    """One line of a list of attempts."""

    id: str
    state: AttemptState
    case_id: str = ""
    case_title: str = ""
    patient_name: str = ""
    learner: str = ""
    """The pseudonym the learner chose; empty when none."""
    when: str = ""
    """ISO 8601 with zone; empty when the journal does not say."""
    duration_s: float = 0.0
    reason: str = ""
    """Why it ended (`record.events.Ended.reason`); empty when no end was written."""
    ending: str | None = None
    """The case's ending, by id."""
    again_of: str = ""
    """The attempt that this is another go of; empty when it began at the door."""
    again_at_s: float = 0.0
    """Session second of that attempt at which it was taken up."""
    problem: str = ""
    """One sentence when something is wrong with it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One recorded encounter, as it lies on the disk."""

    id: str
    folder: Path
    state: AttemptState
    header: Header
    entries: tuple[JournalEntry, ...]
    """In the order they were written."""
    audio_path: Path | None
    """WAV or FLAC, two channels: left the learner, right the patient; None when not kept."""
    duration_s: float
    """Session seconds, to the last sample or entry, whichever is later."""
    problem: str = ""
    """One sentence when something is wrong with it."""
    _sound: list[tuple[Pcm16, Pcm16]] = field(default_factory=list, repr=False, compare=False)

    def audio(self) -> tuple[Pcm16, Pcm16]:
        """(learner, patient), int16 [n] each, 16 kHz; read on first use.

        Raises AttemptError when the sound was not kept or is not readable.
        """
        if not self._sound:
            path = self.audio_path
            if path is not None and not path.exists():
                path = sound_path(self.folder)  # it was packed since
            if path is None:
                raise AttemptError(f"the sound of attempt {self.id} was not kept")
            self._sound.append(read_sound(path))
        return self._sound[0]

    @property
    def started(self) -> Started | None:
        """The first entry; None when the process died before it was written."""
        return next((e for e in self.entries if isinstance(e, Started)), None)

    @property
    def ended(self) -> Ended | None:
        """The end; None while it is open or not recovered."""
        return next((e for e in reversed(self.entries) if isinstance(e, Ended)), None)

    def summary(self) -> AttemptSummary:
        """One line of a list."""
        ended = self.ended
        return AttemptSummary(
            id=self.id,
            state=self.state,
            case_id=self.header.case_id,
            case_title=self.header.case_title,
            patient_name=self.header.patient_name,
            learner=self.header.learner,
            when=self.started.wall_time if self.started else "",
            duration_s=round(self.duration_s, 3),
            reason=ended.reason if ended else "",
            ending=ended.ending if ended else None,
            again_of=self.header.again.attempt if self.header.again else "",
            again_at_s=self.header.again.at_s if self.header.again else 0.0,
            problem=self.problem,
        )


class Store:
    """All attempts under one folder."""

    def __init__(self, root: Path) -> None:
        """root: need not exist yet."""
        self.root = root

    def ids(self) -> list[str]:
        """Identifiers, newest first."""
        try:
            names = [entry.name for entry in os.scandir(self.root) if entry.is_dir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error(error, "reading the folder of attempts") from error
        return sorted((name for name in names if is_id(name)), reverse=True)

    def list(self) -> list[AttemptSummary]:
        """Every attempt, newest first; one that cannot be read is listed as damaged."""
        self._sweep()
        return [self._summary(attempt) for attempt in self.ids()]

    def _summary(self, attempt: str) -> AttemptSummary:
        try:
            return self.open(attempt).summary()
        except SimvoiceError as error:
            return AttemptSummary(id=attempt, state="damaged", problem=str(error))

    def open(self, attempt: str) -> Attempt:
        """Read an attempt, also one that is being recorded or was cut off.

        Raises AttemptError when it is not there, or its header cannot be read.
        """
        folder = self._folder(attempt)
        header = _read_header(folder)
        try:
            journal = read_journal(folder / JOURNAL)
        except OSError as error:
            raise storage_error(error, f"reading the journal of attempt {attempt}") from error
        path, length_s, problem = _measure_sound(folder)
        if not (folder / JOURNAL).exists():
            problem = (
                f"the journal of attempt {attempt} is missing, so only its sound is left; "
                f"run: simvoice attempts recover {attempt}"
            )
        elif journal.rejected:
            problem = (
                f"{len(journal.rejected)} lines of the journal of attempt {attempt} cannot be "
                f"read and were left out; run: simvoice attempts recover {attempt}"
            )
        last_s = max((last_moment_s(entry) for entry in journal.entries), default=0.0)
        state, why = _state(folder, bool(problem))
        return Attempt(
            id=attempt,
            folder=folder,
            state=state,
            header=header,
            entries=journal.entries,
            audio_path=path,
            duration_s=max(length_s, last_s),
            problem=problem or why,
        )

    def recover(self, attempt: str) -> Attempt:
        """Finish an attempt whose process died; one that is whole stays as it is.

        Raises AttemptError when it is being recorded, is not there, or has no readable header.
        """
        folder = self._folder(attempt)
        _read_header(folder)
        lock = self._claim(folder)
        try:
            if self.open(attempt).problem or not (folder / CLOSED).exists():
                recover_folder(folder)
        except OSError as error:
            raise storage_error(error, f"recovering attempt {attempt}") from error
        finally:
            lock.release()
        return self.open(attempt)

    def erase(self, attempt: str) -> None:
        """Remove everything of an attempt; half-removed ones are finished too.

        Raises AttemptError when it is being recorded or is not there.
        """
        folder = self.root / check_id(attempt)
        leftover = self._going(attempt)
        was_there = leftover.exists()
        if folder.is_dir() and not folder.is_symlink():
            was_there = self._take_away(folder, leftover) or was_there
        if not was_there:
            raise _missing(attempt)
        self._finish_erasing(leftover)
        if leftover.exists():
            raise SimvoiceError(
                f"parts of attempt {attempt} could not be removed; check the permissions of its "
                f"folder and run again: simvoice attempts erase {attempt}"
            )
        sync_folder(self.root)

    def _take_away(self, folder: Path, leftover: Path) -> bool:
        """Rename first: killed half-way, it is gone from every list and swept up later.

        False when somebody else was quicker.
        """
        try:
            lock = AttemptLock.take(folder)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise storage_error(error, f"erasing attempt {folder.name}") from error
        if lock is None:
            raise _in_use(folder)
        try:
            self._finish_erasing(leftover)
            os.rename(folder, leftover)
            sync_folder(self.root)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise storage_error(error, f"erasing attempt {folder.name}") from error
        finally:
            lock.release()
        return True

    def _going(self, attempt: str) -> Path:
        return self.root / f".{attempt}.erased"

    @staticmethod
    def _finish_erasing(leftover: Path) -> None:
        for _ in range(_TRIES):
            shutil.rmtree(leftover, ignore_errors=True)
            if not leftover.exists():
                return

    def _sweep(self) -> None:
        """Finish what a killed process left half-made or half-erased: it may hold a voice."""
        for leftover in self.root.glob(".*"):
            name, _, kind = leftover.name[1:].rpartition(".")
            if is_id(name) and (kind == "erased" or (kind == "new" and _is_stale(leftover))):
                self._finish_erasing(leftover)

    def _folder(self, attempt: str) -> Path:
        folder = self.root / check_id(attempt)
        if not folder.is_dir():
            raise _missing(attempt)
        return folder

    def _claim(self, folder: Path) -> AttemptLock:
        try:
            lock = AttemptLock.take(folder)
        except OSError as error:
            raise storage_error(error, f"opening attempt {folder.name}") from error
        if lock is None:
            raise _in_use(folder)
        return lock


def _is_stale(building: Path) -> bool:
    """Whether a half-made folder was left by a process that died, not one busy making it."""
    try:
        age_s = time.time() - building.stat().st_mtime
    except OSError:
        return False
    return age_s > _MAKING_S and not in_use(building)


def _measure_sound(folder: Path) -> tuple[Path | None, float, str]:
    """(where the sound is, its seconds, what is wrong with it)."""
    path = sound_path(folder)
    if path is None:
        return None, 0.0, ""
    try:
        return path, seconds(count_samples(path)), ""
    except AttemptError as error:
        if not path.exists():  # packed a moment ago by the process that recorded it
            return _measure_sound(folder)
        return None, 0.0, str(error)


def _state(folder: Path, is_damaged: bool) -> tuple[AttemptState, str]:
    if in_use(folder):
        return "open", ""
    if is_damaged:
        return "damaged", ""
    if (folder / CLOSED).exists():
        return "complete", ""
    return "crashed", (
        f"attempt {folder.name} was cut off; run: simvoice attempts recover {folder.name}"
    )


def _read_header(folder: Path) -> Header:
    try:
        raw = json.loads((folder / HEADER).read_bytes())
    except (OSError, ValueError) as error:
        raise _bad_header(folder) from error
    if not isinstance(raw, dict):
        raise _bad_header(folder)
    version = raw.get("format")
    if version != FORMAT:
        raise AttemptError(
            f"attempt {folder.name} is in record format {version!r} and this simvoice reads "
            f"format {FORMAT}; install the version of simvoice that wrote it, or a newer one"
        )
    try:
        return Header.model_validate(raw)
    except ValidationError as error:
        raise _bad_header(folder) from error


def _bad_header(folder: Path) -> AttemptError:
    return AttemptError(
        f"the header of attempt {folder.name} is missing or broken, so it cannot be read; "
        f"to remove it run: simvoice attempts erase {folder.name}"
    )


def _in_use(folder: Path) -> AttemptError:
    return AttemptError(
        f"attempt {folder.name} is being recorded right now; end the encounter first"
    )


def _missing(attempt: str) -> AttemptError:
    return AttemptError(
        f"there is no attempt {attempt}; run: simvoice attempts list, to see the ones there are"
    )
