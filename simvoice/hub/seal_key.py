"""The seal key: stations seal records for it, and only this hub can open them.

The identity is a file of the data folder that its owner alone can read; stations get its recipient
with their roster. The database knows the recipient too. So a hub whose file is missing notices, and
does not make a new key in silence: what stations have sealed until then would be lost.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simvoice.errors import SettingError, StorageRefused
from simvoice.hub.storage.database import Database
from simvoice.hub.storage.tables import Setting
from simvoice.hub.storage.upsert import put
from simvoice.record.files import sync_folder
from simvoice.release.age import make_identity, read_identities, recipient_of

FILE = "seal.key"
_SETTING = "seal_recipient"


@dataclass(frozen=True, slots=True)
class SealKey:
    """The keys in the file."""

    recipient: str
    """For which stations seal now ("age1…"): that of the first identity."""
    identities: Sequence[Any]
    """All that are in the file; older ones stay for what was sealed for them."""


def load_seal_key(data: Path, database: Database) -> SealKey:
    """Return the seal key in the data folder of a hub; the first time, make it.

    Raises StorageRefused when the file is lost, damaged, or cannot be read or written, and
    DatabaseAway.
    """
    file = data / FILE
    known = _known_recipient(database)
    if not file.exists():
        if known:
            raise StorageRefused(
                f"{file} is missing, and stations have sealed records for it; restore it from a "
                "backup, or give it up with: simvoice hub seal-key --new"
            )
        _make(file)
    return _read(database, file, known)


def renew_seal_key(data: Path, database: Database) -> SealKey:
    """Make a new key for what is sealed from now on. Those in the file stay, to open older records.

    Raises as `load_seal_key`.
    """
    file = data / FILE
    partial = file.with_name(f"{FILE}.{secrets.token_hex(4)}")
    try:
        make_identity(partial)
        with suppress(FileNotFoundError):
            older = file.read_bytes()
            with partial.open("ab") as out:
                out.write(older)
                out.flush()
                os.fsync(out.fileno())
        os.replace(partial, file)
        sync_folder(file.parent)
    except OSError as error:
        raise _not_usable(file, error) from error
    finally:
        partial.unlink(missing_ok=True)
    return _read(database, file, known="")


def _make(file: Path) -> None:
    partial = file.with_name(f"{FILE}.{secrets.token_hex(4)}")
    try:
        make_identity(partial)
        with suppress(FileExistsError):  # of two processes that start together, one is first
            os.link(partial, file)
        sync_folder(file.parent)
    except OSError as error:
        raise _not_usable(file, error) from error
    finally:
        partial.unlink(missing_ok=True)


def _read(database: Database, file: Path, known: str) -> SealKey:
    try:
        identities = read_identities(file)
    except SettingError as error:
        raise StorageRefused(str(error)) from error
    found = SealKey(recipient_of(identities[0]), identities)
    if found.recipient != known:
        with database.begin() as session:
            put(session, Setting(name=_SETTING, value=found.recipient))
    return found


def _known_recipient(database: Database) -> str:
    with database.read() as session:
        kept = session.get(Setting, _SETTING)
        return kept.value if kept is not None else ""


def _not_usable(file: Path, error: OSError) -> StorageRefused:
    return StorageRefused(f"{file} cannot be written ({error.strerror})")
