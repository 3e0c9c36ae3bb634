"""The last good roster of a station on its disk, and codes that are looked up without the hub."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Final
from uuid import UUID

from pydantic import ValidationError

from simvoice.errors import UsageError
from simvoice.hub_client.code_hash import code_hash, normal
from simvoice.hub_client.station_messages import (
    Roster,
    RosterCode,
    StationAssignment,
    StationSettings,
)
from simvoice.record.files import read_regular, replace_file, storage_error

_log = logging.getLogger(__name__)

FILE: Final = "roster.json"
_LARGEST: Final = 16_000_000
"""Bytes; 5000 codes and 200 assignments have 3,000,000."""

NO_ROSTER: Final = "This station has no list from its hub yet; ask a technician to connect it."
DAMAGED_ROSTER: Final = (
    "The list from the hub cannot be read on this station's disk; connect the network once, and "
    "it is fetched again"
)
NO_CODE: Final = "This is no code; check each character. A code has 12 letters and digits."
_UNKNOWN: Final = "This code is not known at this station; check each character, or ask for help."
_USED: Final = "This code was used before, and it works once; ask a technician."
_EXPIRED: Final = "This code has expired; ask a technician."
NO_ASSIGNMENT: Final = "This assignment is not on this station's list; ask a technician."
_EARLY: Final = "This assignment has not opened yet; come back when it begins."
_CLOSED: Final = "This assignment has closed; ask a technician."


class RosterStore:
    """The roster, in memory and on the disk. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        """folder: the data folder of the station."""
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._roster: Roster | None = None
        self._by_hash: dict[str, RosterCode] = {}
        self.trouble = ""
        """Why there is no roster although one was stored, in a sentence; else empty."""

    def load(self) -> None:
        """Read the last roster from the disk."""
        try:
            self._use(Roster.model_validate_json(read_regular(self._path, _LARGEST)))
        except FileNotFoundError:
            return
        except (OSError, ValidationError):
            _log.error("the roster on the disk cannot be read")
            self.trouble = DAMAGED_ROSTER

    def replace(self, roster: Roster) -> None:
        """Use a roster that the hub has sent, and keep it.

        It is used also when the disk is full. Raises StorageFull or SimvoiceError then.
        """
        self._use(roster)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self._path, roster.model_dump_json().encode())
        except OSError as error:
            raise storage_error(error, "storing the list from the hub") from error

    def _use(self, roster: Roster) -> None:
        with self._lock:
            self._roster = roster
            self._by_hash = {code.hash: code for code in roster.codes}
            self.trouble = ""

    @property
    def roster(self) -> Roster | None:
        """The present roster; None before the first one."""
        with self._lock:
            return self._roster

    @property
    def settings(self) -> StationSettings:
        """How the lab wants its stations; as simvoice has it before the first roster."""
        found = self.roster
        return StationSettings() if found is None else found.settings

    def assignment(self, wanted: UUID) -> StationAssignment | None:
        """Return an assignment of the roster; None for an unknown one."""
        found = self.roster
        known = () if found is None else found.assignments
        return next((each for each in known if each.id == wanted), None)

    def is_open(self, wanted: UUID, hub_s: float) -> bool:
        """Return True for an assignment of the roster that can be begun now."""
        found = self.assignment(wanted)
        try:
            if found is not None:
                check_open(found, hub_s)
        except UsageError:
            return False
        return found is not None

    def code(self, wanted: UUID) -> RosterCode | None:
        """Return a code of the roster by its id; None for an unknown one."""
        found = self.roster
        return next((each for each in found.codes if each.id == wanted), None) if found else None

    def look_up(self, text: str) -> RosterCode:
        """Return the code with this text. Takes about 10 ms. Raises UsageError."""
        if not normal(text):
            raise UsageError(NO_CODE)
        found = self.roster
        if found is None:
            raise UsageError(NO_ROSTER)
        wanted = code_hash(text, found.salt)
        with self._lock:
            code = self._by_hash.get(wanted)
        if code is None:
            raise UsageError(_UNKNOWN)
        return code

    def check_usable(
        self, code: RosterCode, hub_s: float, is_used_here: bool
    ) -> StationAssignment | None:
        """Return the assignment of a code that may be used now; None for the code of a person.

        hub_s: Unix time of the hub, as far as it is known. is_used_here: another visit at this
        station has used it. Raises UsageError.
        """
        if code.assignment is None:
            if hub_s >= code.expires_at:
                raise UsageError(_EXPIRED)
            return None
        if code.is_used or is_used_here:
            raise UsageError(_USED)
        if hub_s >= code.expires_at:
            raise UsageError(_EXPIRED)
        assignment = self.assignment(code.assignment)
        if assignment is None:
            raise UsageError(NO_ASSIGNMENT)
        check_open(assignment, hub_s)
        return assignment


def check_open(assignment: StationAssignment, hub_s: float) -> None:
    """Raise UsageError before an assignment opens and after it closes."""
    if assignment.opens_at is not None and hub_s < assignment.opens_at:
        raise UsageError(_EARLY)
    if assignment.closes_at is not None and hub_s >= assignment.closes_at:
        raise UsageError(_CLOSED)
