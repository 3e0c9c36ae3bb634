"""The attempts on this machine: list, open, recover, erase."""

from __future__ import annotations

import logging
import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import ValidationError
from pydantic_core import from_json

from simvoice.audio import RATE, Pcm16, seconds
from simvoice.display import clock, count_noun
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
    read_regular,
    replace_file,
    storage_error,
    sync_folder,
)
from simvoice.record.journal import (
    LONGEST_S,
    JournalText,
    encode,
    last_moment_s,
    read_journal,
)
from simvoice.record.recorder import ClosedFacts, mark_closed, read_closed
from simvoice.record.sound import (
    count_readable,
    count_samples,
    pack,
    read_sound,
    repair_wav,
    sound_path,
)
from simvoice.rounding import round_seconds

# -- recovery ---------------------------------------------------------------------------------
# Complete an attempt whose process died. Can be interrupted and repeated.


def recover_folder(folder: Path) -> None:
    """Repair sound and journal, write the missing end and mark the attempt as complete.

    The caller holds the lock of the attempt. Nothing readable is dropped. Raises OSError when the
    disk fails; the attempt can then be recovered again.
    """
    for name in (RESERVE, FLAC + ".partial", HEADER + ".partial", JOURNAL + ".partial"):
        (folder / name).unlink(missing_ok=True)
    closed = read_closed(folder)
    wav = folder / WAV
    length_s = 0.0
    with suppress(AttemptError):  # the sound cannot be repaired, but the journal can
        if wav.is_file():
            repair_wav(wav)
        path = sound_path(folder)
        length_s = seconds(count_readable(path)) if path is not None else 0.0
    _set_unreadable_journal_aside(folder / JOURNAL)
    _repair_journal(folder, length_s, closed)
    pack(folder)
    mark_closed(folder, closed)


def _set_unreadable_journal_aside(path: Path) -> None:
    """Rename what stands in the place of the journal and is no file, so that one can be written."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        os.rename(path, path.with_name(f"{REJECTED}.{time.time_ns()}"))


def _repair_journal(folder: Path, length_s: float, closed: ClosedFacts | None) -> None:
    path = folder / JOURNAL
    found = read_journal(path)
    if found.rejected:
        replace_file(folder / REJECTED, b"\n".join(found.rejected) + b"\n")
    entries = list(found.entries)
    lost = _lost_bytes(found, closed)
    lacks_line_end = path.exists() and path.stat().st_size < found.size
    is_whole = not (found.unfinished or found.rejected or lost or lacks_line_end)
    if any(isinstance(entry, Ended) for entry in entries) and is_whole:
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
    if lost:
        entries.append(
            Trouble(at_s=at_s, what=f"recovered: {lost} bytes of the journal were missing")
        )
    if not any(isinstance(entry, Ended) for entry in entries):
        entries.append(Ended(at_s=at_s, reason="fault"))
    replace_file(path, b"".join(encode(entry) for entry in entries))


def _lost_bytes(found: JournalText, closed: ClosedFacts | None) -> int:
    """Return the bytes by which a journal is shorter than at the end of its encounter."""
    return 0 if closed is None else max(0, closed.journal_bytes - found.size)


# -- store ------------------------------------------------------------------------------------


AttemptState = Literal["complete", "open", "crashed", "damaged"]
"""complete: finished, and all of it is readable. open: being recorded now. crashed: its process
died before the end, and `recover` completes it. damaged: parts of it cannot be read."""

_log = logging.getLogger(__name__)

_STALE_S = 3600.0
"""Seconds after which an unfinished new folder counts as abandoned. Creating one takes 0.1 s."""

_TRIES = 5
"""Removing a folder can fail while another process removes it too; a few tries are enough."""

FORMAT = 1
"""The record format this version writes and reads."""


@dataclass(frozen=True, slots=True)
class AttemptSummary:
    """One line of the list of attempts."""

    id: str
    state: AttemptState
    case_id: str = ""
    case_title: str = ""
    patient_name: str = ""
    learner: str = ""
    """The pseudonym that the learner chose; empty without one."""
    when: str = ""
    """ISO 8601 with time zone; empty when the journal does not contain it."""
    duration_s: float = 0.0
    reason: str = ""
    """Why it ended (`record.events.Ended.reason`); empty without an end."""
    ending: str | None = None
    """Identifier of the ending of the case; None without one."""
    again_of: str = ""
    """The attempt that this one retries; empty when it is not a retry."""
    again_at_s: float = 0.0
    """Session second of the checkpoint in that attempt."""
    continues: str = ""
    """The attempt that was cut off and goes on in this one; empty for any other."""
    continues_at_s: float = 0.0
    """Session second at which that attempt was cut off."""
    moment_title: str = ""
    """Title of the moment at which a drill began; empty for any other."""
    problem: str = ""
    """One sentence when something is wrong with it."""

    @property
    def is_part(self) -> bool:
        """As `Header.is_part`."""
        return bool(self.again_of or self.continues or self.moment_title)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One recorded encounter, as read from the disk."""

    id: str
    folder: Path
    state: AttemptState
    header: Header
    entries: tuple[JournalEntry, ...]
    """In the order they were written."""
    audio_path: Path | None
    """WAV or FLAC, two channels: left the learner, right the patient. None without sound."""
    duration_s: float
    """Session seconds to the last sample or the last entry, whichever is later."""
    problem: str = ""
    """One sentence when something is wrong with it."""
    _sound: list[tuple[Pcm16, Pcm16]] = field(default_factory=list, repr=False, compare=False)

    def audio(self) -> tuple[Pcm16, Pcm16]:
        """Return (learner, patient), int16 [n] each, 16 kHz. The file is read on the first call.

        Raises AttemptError if the sound was not stored or is not readable.
        """
        if not self._sound:
            path = self.audio_path
            if path is not None and not path.exists():
                path = sound_path(self.folder)  # the sound was packed after `open`
            if path is None:
                raise AttemptError(f"the sound of attempt {self.id} was not stored")
            self._sound.append(read_sound(path))
        return self._sound[0]

    @property
    def started(self) -> Started | None:
        """The start; None when the process died before writing it."""
        return next((e for e in self.entries if isinstance(e, Started)), None)

    @property
    def ended(self) -> Ended | None:
        """The end; None while the attempt is open or not recovered."""
        return next((e for e in reversed(self.entries) if isinstance(e, Ended)), None)

    def summary(self) -> AttemptSummary:
        """Return the line for the list of attempts."""
        ended = self.ended
        return AttemptSummary(
            id=self.id,
            state=self.state,
            case_id=self.header.case_id,
            case_title=self.header.case_title,
            patient_name=self.header.patient_name,
            learner=self.header.learner,
            when=self.started.wall_time if self.started else "",
            duration_s=round_seconds(self.duration_s),
            reason=ended.reason if ended else "",
            ending=ended.ending if ended else None,
            again_of=self.header.again.attempt if self.header.again else "",
            again_at_s=self.header.again.at_s if self.header.again else 0.0,
            continues=self.header.continues.attempt if self.header.continues else "",
            continues_at_s=self.header.continues.at_s if self.header.continues else 0.0,
            moment_title=self.header.moment.title if self.header.moment else "",
            problem=self.problem,
        )


class Store:
    """The attempts in one folder."""

    def __init__(self, root: Path) -> None:
        """root: the folder; it need not exist."""
        self.root = root
        self._listed: dict[str, tuple[_FileStates, AttemptSummary]] = {}
        """The complete attempts of the last list, so that the next one reads only what changed."""

    def ids(self) -> list[str]:
        """Return the identifiers of all attempts, newest first."""
        try:
            names = [entry.name for entry in os.scandir(self.root) if _may_be_attempt(entry)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error(error, "reading the folder of attempts") from error
        return sorted((name for name in names if is_id(name)), reverse=True)

    def list(self) -> list[AttemptSummary]:
        """Return all attempts, newest first. Those that cannot be read are listed as damaged."""
        self._sweep()
        found: list[AttemptSummary] = []
        listed = {}
        for attempt in self.ids():
            states = _file_states(self.root / attempt)
            before = self._listed.get(attempt)
            if before is None or before[0] != states:
                before = (states, self.summary(attempt))
                states = _file_states(self.root / attempt)  # others than before while it is written
            found.append(before[1])
            if before[1].state == "complete" and before[0] == states:
                listed[attempt] = before
        self._listed = listed
        return found

    def summary(self, attempt: str) -> AttemptSummary:
        """Return the line of one attempt, as damaged when it cannot be read."""
        try:
            return self.open(attempt).summary()
        except SimvoiceError as error:
            return self._summary_of_rest(attempt, str(error))

    def _summary_of_rest(self, attempt: str, problem: str) -> AttemptSummary:
        """Return the line of an attempt without a readable header: what else is left of it."""
        try:
            rest = _read_rest(self._folder(attempt))
        except (SimvoiceError, OSError):
            return AttemptSummary(id=attempt, state="damaged", problem=problem)
        return AttemptSummary(
            id=attempt,
            state="damaged",
            when=next((e.wall_time for e in rest.entries if isinstance(e, Started)), ""),
            duration_s=round_seconds(rest.duration_s),
            problem=problem,
        )

    def open(self, attempt: str) -> Attempt:
        """Read an attempt. It may be incomplete: still being recorded, crashed or damaged.

        Raises AttemptError if it does not exist or its header cannot be read.
        """
        folder = self._folder(attempt)
        try:
            header = _read_header(folder)
            was_closed = (folder / CLOSED).exists()
            rest = _read_rest(folder)
            is_open = in_use(folder)
            if not was_closed and (folder / CLOSED).exists():  # it ended in this moment
                rest = _read_rest(folder)
        except OSError as error:
            raise storage_error(error, f"reading attempt {attempt}") from error
        state, problem = _state(rest, is_open)
        return Attempt(
            id=attempt,
            folder=folder,
            state=state,
            header=header,
            entries=rest.entries,
            audio_path=rest.sound,
            duration_s=rest.duration_s,
            problem=problem,
        )

    def recover(self, attempt: str) -> Attempt:
        """Complete an attempt whose process died. A complete attempt is not changed.

        Raises AttemptError if it is being recorded, does not exist, or has no readable header.
        """
        folder = self._folder(attempt)
        try:
            _read_header(folder)
        except OSError as error:
            raise storage_error(error, f"reading attempt {attempt}") from error
        lock = self._claim(folder)
        try:
            if not _read_rest(folder).is_whole:
                recover_folder(folder)
                _log.warning("recovered attempt=%s", attempt)
        except OSError as error:
            raise storage_error(error, f"recovering attempt {attempt}") from error
        finally:
            lock.release()
        return self.open(attempt)

    def open_recovered(self, attempt: str) -> Attempt:
        """Read an attempt. Recovers it first when a crash cut it off.

        On a disk that cannot be written it stays as it is. Raises AttemptError as `open`.
        """
        found = self.open(attempt)
        if found.state != "crashed":
            return found
        try:
            return self.recover(attempt)
        except SimvoiceError:
            _log.warning("could not recover attempt=%s", attempt)
            return self.open(attempt)

    def erase(self, attempt: str) -> None:
        """Remove all files of an attempt, also after an earlier, incomplete removal.

        Raises AttemptError if it is being recorded or does not exist.
        """
        folder = self.root / check_id(attempt)
        leftover = self._erased_folder(attempt)
        has_existed = leftover.exists()
        if _leads_nowhere(folder):
            folder.unlink(missing_ok=True)
            has_existed = True
        if folder.is_dir() and not folder.is_symlink():
            has_existed = self._take_away(folder, leftover) or has_existed
        if not has_existed:
            raise _missing(attempt)
        self._finish_erasing(leftover)
        if leftover.exists():
            raise SimvoiceError(
                f"parts of attempt {attempt} could not be removed; check the permissions of its "
                f"folder and run again: simvoice attempts erase {attempt}"
            )
        sync_folder(self.root)

    def _take_away(self, folder: Path, leftover: Path) -> bool:
        """Rename the folder to `leftover`, so that the attempt is in no list while it is removed.

        Returns False if another process was faster.
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

    def _erased_folder(self, attempt: str) -> Path:
        return self.root / f".{attempt}.erased"

    @staticmethod
    def _finish_erasing(leftover: Path) -> None:
        for _ in range(_TRIES):
            shutil.rmtree(leftover, ignore_errors=True)
            if not leftover.exists():
                return

    def _sweep(self) -> None:
        """Remove folders that a killed process left incomplete or half erased."""
        for leftover in self.root.glob(".*"):
            name, _, kind = leftover.name[1:].rpartition(".")
            if is_id(name) and (kind == "erased" or (kind == "new" and _is_stale(leftover))):
                self._finish_erasing(leftover)

    def _folder(self, attempt: str) -> Path:
        folder = self.root / check_id(attempt)
        if _leads_nowhere(folder):
            raise AttemptError(
                f"attempt {attempt} is a link to a folder that is not there; bring back the disk "
                f"with this folder, or remove the link: simvoice attempts erase {attempt}"
            )
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
    """Whether the process that was creating the folder has died."""
    try:
        age_s = time.time() - building.stat().st_mtime
    except OSError:
        return False
    return age_s > _STALE_S and not in_use(building)


def _may_be_attempt(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir() or _leads_nowhere(Path(entry.path))
    except OSError:  # a link that leads to itself
        return True


def _leads_nowhere(folder: Path) -> bool:
    return folder.is_symlink() and not folder.exists()


_FileStates = tuple[tuple[int, int, int], ...]
"""Inode, time of the last change in ns and size of each file of a complete attempt; zeros for one
that is not there."""


def _file_states(folder: Path) -> _FileStates:
    return tuple(_file_state(folder / name) for name in (HEADER, JOURNAL, CLOSED, FLAC, WAV))


def _file_state(path: Path) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)


# -- what is left of an attempt


@dataclass(frozen=True, slots=True)
class _Rest:
    """Everything of an attempt but its header, and what is wrong with it."""

    folder: Path
    entries: tuple[JournalEntry, ...]
    sound: Path | None
    sound_s: float
    closed: ClosedFacts | None
    """None for an attempt that was not completed."""
    journal_fault: str
    """A clause about the journal; empty when it is whole."""
    end_fault: str
    """A clause about the end of the journal, which an attempt that runs does not have yet."""
    sound_fault: str
    """A clause about the sound; empty when it is whole."""

    @property
    def is_whole(self) -> bool:
        """Whether the attempt was completed and nothing of it is damaged."""
        faults = self.journal_fault or self.end_fault or self.sound_fault
        return self.closed is not None and not faults

    @property
    def duration_s(self) -> float:
        """Session seconds to the last sample or the last entry, whichever is later."""
        return max([self.sound_s, *(last_moment_s(entry) for entry in self.entries)])

    def describe(self) -> str:
        """Return what can be read, as a clause."""
        sound = f"{clock(self.sound_s)} of sound" if self.sound else "no sound"
        entries = count_noun(len(self.entries), "entry", "entries")
        return f"{entries} of its journal and {sound} can be read"


def _read_rest(folder: Path) -> _Rest:
    """Read journal and sound. Raises OSError when the folder cannot be read."""
    closed = read_closed(folder)
    found, journal_fault = _read_journal_or_fault(folder)
    end_fault = ""
    if not journal_fault and closed is not None:
        end_fault = _end_fault(found, closed)
    sound, sound_s, sound_fault = _measure_sound(folder)
    if sound is None and not sound_fault and closed is not None and closed.samples:
        sound_fault = f"its sound of {clock(closed.samples / RATE)} is missing"
    return _Rest(
        folder, found.entries, sound, sound_s, closed, journal_fault, end_fault, sound_fault
    )


def _end_fault(found: JournalText, closed: ClosedFacts) -> str:
    """Return a clause about the journal of a complete attempt, compared with its end."""
    lost = _lost_bytes(found, closed)
    if found.unfinished or not any(isinstance(entry, Ended) for entry in found.entries):
        return "the end of its journal is missing"
    if lost:
        return f"{count_noun(lost, 'byte')} of its journal are missing"
    if closed.journal_bytes and found.size > closed.journal_bytes:
        return "its journal was lengthened after the encounter"
    return ""


def _read_journal_or_fault(folder: Path) -> tuple[JournalText, str]:
    path = folder / JOURNAL
    try:
        found = read_journal(path)
    except OSError as error:
        return JournalText(()), f"its journal cannot be read ({error.strerror or error})"
    if not path.exists():
        return found, "its journal is missing"
    if found.rejected:
        lines = count_noun(len(found.rejected), "line")
        return found, f"{lines} of its journal cannot be read and {_were(found)} left out"
    return found, ""


def _were(found: JournalText) -> str:
    return "was" if len(found.rejected) == 1 else "were"


def _measure_sound(folder: Path) -> tuple[Path | None, float, str]:
    """Return the path of the sound, its seconds, and a clause about a problem or ""."""
    path = sound_path(folder)
    if path is None:
        names = [name for name in (WAV, FLAC) if os.path.lexists(folder / name)]
        return None, 0.0, f"its {names[0]} is not a sound file" if names else ""
    try:
        whole, readable = count_samples(path), count_readable(path)
    except AttemptError:
        if not path.exists():  # the recording process has just packed it
            return _measure_sound(folder)
        return None, 0.0, f"its sound, {path.name}, cannot be read"
    if readable < whole:
        named = f" of {clock(seconds(whole))}" if seconds(whole) <= LONGEST_S else ""
        return path, seconds(readable), f"its sound breaks off at {clock(seconds(readable))}{named}"
    return path, seconds(readable), ""


def _state(rest: _Rest, is_open: bool) -> tuple[AttemptState, str]:
    """Return the state of an attempt and a sentence about a problem or ""."""
    attempt = rest.folder.name
    recover = f"; run: simvoice attempts recover {attempt}"
    faults = [rest.journal_fault, rest.sound_fault]
    if not is_open:
        faults.append(rest.end_fault)
    named = ", and ".join(fault for fault in faults if fault)
    problem = f"attempt {attempt} is damaged: {named}; {rest.describe()}" if named else ""
    if rest.journal_fault or (rest.end_fault and not is_open):
        problem += recover
    if is_open:
        return "open", problem
    if problem:
        return "damaged", problem
    if rest.closed is not None:
        return "complete", ""
    return "crashed", f"attempt {attempt} did not end properly{recover}"


# -- header

_LARGEST_HEADER = 1_000_000
"""Bytes. Those of release cases have 20,000."""


def _read_header(folder: Path) -> Header:
    """Read the header. Raises AttemptError."""
    try:
        # Unlike the json module, it refuses deep nesting, NaN and lone surrogates.
        raw = from_json(read_regular(folder / HEADER, _LARGEST_HEADER), allow_inf_nan=False)
    except (OSError, ValueError) as error:
        raise _bad_header(folder) from error
    if not isinstance(raw, dict) or "format" not in raw:
        raise _bad_header(folder)
    version = raw["format"]
    if version != FORMAT:
        raise AttemptError(
            f"attempt {folder.name} is in record format {repr(version)[:20]} and this simvoice "
            f"reads format {FORMAT}; install the version of simvoice that wrote it, or a newer one"
        )
    try:
        header = Header.model_validate(raw)
    except ValidationError as error:
        raise _bad_header(folder) from error
    origin = header.again
    for named in (origin, header.continues):
        if named is not None and not (is_id(named.attempt) and 0.0 <= named.at_s <= LONGEST_S):
            raise _bad_header(folder)
    return header


def _bad_header(folder: Path) -> AttemptError:
    try:
        left = f"; {_read_rest(folder).describe()}"
    except OSError:
        left = ""
    return AttemptError(
        f"the header of attempt {folder.name} is missing or damaged, so it cannot be debriefed"
        f"{left}; to remove it run: simvoice attempts erase {folder.name}"
    )


def _in_use(folder: Path) -> AttemptError:
    return AttemptError(f"attempt {folder.name} is being recorded now; end the encounter first")


def _missing(attempt: str) -> AttemptError:
    return AttemptError(
        f"there is no attempt {attempt}; to see all attempts run: simvoice attempts list"
    )
