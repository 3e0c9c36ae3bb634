"""The records of a station: plain while they are needed, sealed when they are over, then erased.

    attempts/ID/       the plain record of an attempt
    owners/ID.json     whose it is, written before the record begins
    outbox/            sealed records (`station.outbox`)

A record under a code is sealed as soon as it is over, and its plain files go at the reset. One
without a code goes at the reset. What a crash left is found by the files of owners, so nothing here
depends on what the station remembers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from pydantic import ValidationError

from simvoice import log
from simvoice.errors import AttemptError, SimvoiceError
from simvoice.hub_client.device_files import delete, names_in
from simvoice.record.answers import OwnAnswers, write_answers
from simvoice.record.files import (
    HEADER,
    is_id,
    read_regular,
    replace_file,
    storage_error,
    sync_folder,
)
from simvoice.record.identity import attempt_uuid
from simvoice.record.store import Store
from simvoice.release.manifest import SealedOwner
from simvoice.station.ports import SealedOutbox
from simvoice.strict_model import StrictModel

_log = logging.getLogger(__name__)

ATTEMPTS: Final = "attempts"
OWNERS: Final = "owners"

_LARGEST_OWNER: Final = 20_000
"""Bytes; it has 700."""


class AttemptOwner(StrictModel):
    """Whose record it is, and for whom it is sealed."""

    owner: SealedOwner
    seal_key: str
    """Of the hub whose code it was; empty without a code."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the records that are over."""

    waiting: int
    """Records under a code that could not be sealed yet."""
    trouble: str = ""
    """Why, in a sentence; empty when all are sealed."""


class Records:
    """The plain records of a station, and their owners. Thread-safe."""

    def __init__(self, folder: Path, outbox: SealedOutbox) -> None:
        """folder: the data folder of the station."""
        self.store = Store(folder / ATTEMPTS)
        self._owners = folder / OWNERS
        self._outbox = outbox
        self._lock = threading.RLock()

    def begin(self, attempt: str, owner: AttemptOwner) -> None:
        """Note whose record it is, before it begins. Raises StorageFull or SimvoiceError."""
        self._write(attempt, owner)

    def close(self, attempt: str, ended_at: float) -> None:
        """Note when an encounter has ended. ended_at: Unix time of the station.

        What cannot be written changes only the time that is told.
        """
        try:
            found = self.owner(attempt)
            if found is not None:
                owner = found.owner.model_copy(update={"made_at": ended_at})
                self._write(attempt, found.model_copy(update={"owner": owner}))
        except SimvoiceError as error:
            _log.warning("the end of a record is not noted: %s", log.place(error))

    def owner(self, attempt: str) -> AttemptOwner | None:
        """Return whose record it is; None without one. Raises AttemptError for a damaged file."""
        try:
            data = read_regular(self._owner_file(attempt), _LARGEST_OWNER)
            return AttemptOwner.model_validate_json(data)
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise AttemptError(
                f"whose record {attempt} is cannot be read; it stays on this station, ask for help"
            ) from error

    def has_record(self, attempt: str) -> bool:
        """Return True when something of an attempt was recorded."""
        return bool(attempt) and (self.store.root / attempt / HEADER).is_file()

    def is_sealed(self, attempt: str) -> bool:
        """Return True when the sealed record of an attempt is whole, or the hub has it."""
        try:
            return self._outbox.has(attempt_uuid(self.store.open(attempt).header))
        except SimvoiceError:
            return False

    def settle(self, still_open: str, answers: Mapping[str, OwnAnswers]) -> Settled:
        """Seal every record under a code that is over. Can be repeated at any time. Blocks.

        still_open: the attempt to which something may be added; empty for none. answers: of
        attempts, as far as the learner has given some.
        """
        waiting, trouble = 0, ""
        with self._lock:
            for attempt in self._attempts():
                if attempt == still_open:
                    continue
                try:
                    with log.of_attempt(attempt):
                        self._seal(attempt, answers.get(attempt))
                except SimvoiceError as error:
                    _log.error("attempt=%s is not sealed: %s", attempt, log.place(error))
                    waiting, trouble = waiting + 1, str(error)
        return Settled(waiting, trouble)

    def _seal(self, attempt: str, answers: OwnAnswers | None) -> None:
        found = self.owner(attempt)
        if not self.has_record(attempt):
            self._remove(attempt)
            return
        if found is None:
            raise AttemptError(f"record {attempt} has no owner; it stays on this station")
        if found.owner.code is None or self.is_sealed(attempt):
            return
        folder = self.store.root / attempt
        if answers is not None:
            write_answers(folder, answers)
        self._outbox.seal(folder, found.owner, found.seal_key)

    def keep_answers(self, answers: Mapping[str, OwnAnswers]) -> None:
        """Store answers beside records that are not sealed. Raises StorageFull or SimvoiceError."""
        with self._lock:
            for attempt, given in answers.items():
                if self.has_record(attempt) and not self.is_sealed(attempt):
                    write_answers(self.store.root / attempt, given)

    def attempts(self) -> frozenset[str]:
        """Return the attempts of which anything is here."""
        return frozenset(self._attempts())

    def erase(self, only: frozenset[str] | None = None) -> int:
        """Erase what was recorded without a code, and plain records that are sealed. Blocks.

        only: these attempts, while others may be recorded. None for all, and for what else is in
        both folders. Returns the number of records that must stay, because they are not sealed
        yet. Raises SimvoiceError when the disk refuses.
        """
        left = 0
        with self._lock:
            for attempt in self._attempts():
                if only is not None and attempt not in only:
                    continue
                if self._may_go(attempt):
                    self._remove(attempt)
                else:
                    left += 1
            if only is None:
                self._remove_rest()
        return left

    def erase_earlier(self, session: UUID) -> None:
        """Erase plain records of earlier visits, as when a full disk kept them from being sealed.

        session: of the visit that is here now, whose records stay. Blocks. Raises SimvoiceError.
        """
        with self._lock:
            for attempt in self._attempts():
                if not self.has_record(attempt) or not self._may_go(attempt):
                    continue
                found = self.owner(attempt)
                if found is not None and found.owner.session != session:
                    self._remove(attempt)

    def _may_go(self, attempt: str) -> bool:
        if not self.has_record(attempt):
            return True
        try:
            found = self.owner(attempt)
        except AttemptError:
            return False
        if found is None:
            return False
        return found.owner.code is None or self.is_sealed(attempt)

    def _remove(self, attempt: str) -> None:
        """Erase a record, and then its owner: what is left after a crash still has one."""
        try:
            delete(self.store.root / attempt)
            self._owner_file(attempt).unlink(missing_ok=True)
            for folder in (self.store.root, self._owners):
                if folder.is_dir():
                    sync_folder(folder)
        except OSError as error:
            raise storage_error(error, "erasing a record") from error

    def _remove_rest(self) -> None:
        """Remove what else is in both folders, such as files of a replacement that was cut off."""
        known = set(self._attempts())
        kept = known | {self._owner_file(each).name for each in known}
        try:
            for folder in (self.store.root, self._owners):
                for name in names_in(folder):
                    if name not in kept:
                        delete(folder / name)
        except OSError as error:
            raise storage_error(error, "erasing what is left of records") from error

    def _attempts(self) -> list[str]:
        owned = [name.removesuffix(".json") for name in names_in(self._owners)]
        found = {name for name in (*owned, *names_in(self.store.root)) if is_id(name)}
        return sorted(found)

    def _owner_file(self, attempt: str) -> Path:
        return self._owners / f"{attempt}.json"

    def _write(self, attempt: str, owner: AttemptOwner) -> None:
        try:
            for folder in (self.store.root, self._owners):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self._owner_file(attempt), owner.model_dump_json().encode())
        except OSError as error:
            raise storage_error(error, "preparing the record of an encounter") from error
