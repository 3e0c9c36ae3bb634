"""Copy sealed records to a USB stick, for a hub that the station cannot reach.

The files on the stick are the same as in the outbox: only the hub can open them. They stay in the
outbox until the hub says that it has them, whichever way they came.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from simvoice.display import count_noun
from simvoice.errors import RecordingLost, SimvoiceError, StorageFull
from simvoice.record.files import FULL, replace_file, sync_folder
from simvoice.release.sealed import STICK_FOLDER, check_sealed, sealed_name
from simvoice.station.outbox import QueuedRecord, RecordOutbox, RecordState

_log = logging.getLogger(__name__)

_README = "README.txt"
_GONE = frozenset(
    {errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOENT, errno.ENOTCONN, errno.ESTALE}
)

_ABOUT = """These files are records of encounters at a station of simvoice.

They are encrypted. Only the hub of your lab can open them; a lost stick shows
nothing but how many there are and how large.

Take the stick to the hub and run there:

    simvoice hub import FOLDER

with this folder. It says of each file what was done. A record that the hub has
already changes nothing, so nothing happens twice. Remove the files afterwards.
The station keeps its own copies until the hub tells it that it has them.
"""


@dataclass(frozen=True, slots=True)
class Copied:
    """What is on the stick now."""

    folder: Path
    new: int
    """Records that were copied now."""
    there: int
    """Records that were there before, whole."""

    @property
    def sentence(self) -> str:
        """What a technician reads."""
        if not self.new and not self.there:
            return "No record waits; the hub has all of them."
        before = f" ({self.there} more on it before)" if self.there else ""
        return (
            f"{count_noun(self.new, 'record')} copied to {STICK_FOLDER} on the stick{before}. Run "
            "“simvoice hub import” with this folder on the hub."
        )


def copy_to(outbox: RecordOutbox, stick: Path) -> Copied:
    """Copy all records that the hub does not have to a stick, and read each back from it.

    stick: where it is mounted. Can be repeated: what is there whole is not copied again. Raises
    StorageFull, and SimvoiceError with a sentence when the stick is pulled out or cannot be
    written; nothing is lost then.
    """
    waiting = [each for each in outbox.records() if each.state is not RecordState.SENT]
    folder = stick / STICK_FOLDER
    new = there = 0
    try:
        if not stick.is_dir():
            raise SimvoiceError("the stick is not there any more; put it in and try again")
        if waiting:
            folder.mkdir(exist_ok=True)
            replace_file(folder / _README, _ABOUT.encode())
        for record in waiting:
            if _is_whole(folder, record):
                there += 1
            else:
                _copy(outbox.path_of(record.uuid), folder, record)
                new += 1
    except OSError as error:
        raise _fault(error, new + there, len(waiting)) from error
    _log.info("copied sealed records to a stick count=%d", new)
    return Copied(folder, new, there)


def _is_whole(folder: Path, record: QueuedRecord) -> bool:
    try:
        check_sealed(folder / sealed_name(record.uuid), record.facts)
    except RecordingLost:
        return False
    return True


def _copy(source: Path, folder: Path, record: QueuedRecord) -> None:
    target = folder / source.name
    partial = target.with_name(target.name + ".partial")
    try:
        with source.open("rb") as given, partial.open("wb") as out:
            shutil.copyfileobj(given, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
        try:
            check_sealed(partial, record.facts)
        except RecordingLost as error:
            raise SimvoiceError(
                "the stick does not give back what was written to it; use another one"
            ) from error
        os.replace(partial, target)
        sync_folder(folder)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _fault(error: OSError, done: int, of: int) -> SimvoiceError:
    so_far = f"{done} of {count_noun(of, 'record')}"
    if error.errno in FULL:
        return StorageFull(
            f"the stick is full after {so_far}; use a larger one for the others, nothing is lost"
        )
    if error.errno in _GONE:
        return SimvoiceError(
            f"the stick went away after {so_far}; put it in and copy again, nothing is lost"
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return SimvoiceError("the stick cannot be written; remove its write protection")
    why = error.strerror or type(error).__name__
    return SimvoiceError(f"copying to the stick failed after {so_far} ({why}); use another one")
