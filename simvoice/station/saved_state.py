"""What a station was doing, in one file that survives a crash and a power cut at any moment."""

from __future__ import annotations

import errno
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

from pydantic import Field, ValidationError
from pydantic_core import from_json, to_json

from simvoice.hub_client.station_messages import CodeUse, Phase
from simvoice.record.files import FULL, read_regular, replace_file, storage_error, write_all
from simvoice.station.ports import StationClocks
from simvoice.station.visit import FlowState
from simvoice.strict_model import StrictModel

_log = logging.getLogger(__name__)

FILE: Final = "state.json"
DAMAGED: Final = "state.damaged.json"
RESERVE: Final = "reserve"
"""Reserves disk space. It is removed when the disk is full, so that the state can be written."""

RESERVED_BYTES: Final = 4 << 20
"""Two states of 1 MB, and the learner's answers."""

_LARGEST: Final = 8_000_000
"""Bytes of the file; ten long answers and 5000 used codes have 1,000,000."""


class UsedCode(StrictModel):
    """A code under which an encounter counted here. A roster may not know it yet."""

    code: UUID
    session: UUID
    expires_at: float
    assignment: UUID | None = None
    """For the code of a person: the exam that was done; None for an exam code."""


class SavedStation(StrictModel):
    """All that a station knows beyond its roster and its records."""

    format: Literal[1] = 1
    flow: FlowState = FlowState()
    boot: str = ""
    elapsed_s: float = 0.0
    """When it was saved, on the clock of that boot."""
    wall_s: float = 0.0
    """The same by the machine's clock."""
    hub_s: float | None = None
    """The same by the clock of the hub, as far as it is known."""
    used: tuple[UsedCode, ...] = ()
    uses: tuple[CodeUse, ...] = Field((), max_length=500)
    """Uses that the hub has not noted yet."""
    last_command: int = 0
    """The id of the hub's last command that was carried out."""
    wrong_pins: int = 0
    pin_wait_s: float = 0.0
    """Seconds until the next PIN is looked at."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was read after a start."""

    saved: SavedStation | None
    """None at the first start. Of a file that cannot be read, what is left: used codes and PINs."""
    passed_s: float
    """Seconds since it was saved."""
    is_measured: bool = True
    """A clock that nobody sets has counted `passed_s`: there was no reboot."""
    is_damaged: bool = False
    """There is a file that cannot be read."""


class StateFile:
    """The file in the data folder of a station. One thread at a time writes it."""

    def __init__(self, folder: Path, clocks: StationClocks) -> None:
        """folder: made when needed, for its owner alone."""
        self._folder = folder
        self._clocks = clocks

    def load(self) -> Restored:
        """Return what was saved. A file that cannot be read is set aside.

        A visit of another version of simvoice may not be readable; what else the file says is.
        """
        path = self._folder / FILE
        data = b""
        try:
            data = read_regular(path, _LARGEST)
            saved = SavedStation.model_validate_json(data)
        except FileNotFoundError:
            return Restored(None, 0.0)
        except (OSError, ValidationError):
            _log.error("The saved state cannot be read, so the station is reset. Records are kept.")
            with suppress(OSError):
                os.replace(path, self._folder / DAMAGED)
            left = _without_visit(data)
            since_s = 0.0 if left is None else passed_s(left, self._clocks)
            return Restored(left, since_s, is_damaged=True)
        is_measured = saved.boot == self._clocks.boot()
        return Restored(saved, passed_s(saved, self._clocks), is_measured)

    def save(self, saved: SavedStation) -> None:
        """Replace the file, with the clocks of now. On a full disk the reserve makes space.

        Raises StorageFull or SimvoiceError; then the state before it stays.
        """
        stamped = saved.model_copy(
            update={
                "boot": self._clocks.boot(),
                "elapsed_s": self._clocks.elapsed_s(),
                "wall_s": self._clocks.wall_s(),
            }
        )
        data = stamped.model_dump_json().encode()
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                replace_file(self._folder / FILE, data)
            except OSError as error:
                if error.errno not in FULL or not self._give_reserve():
                    raise
                replace_file(self._folder / FILE, data)
        except OSError as error:
            raise storage_error(error, "saving what the station does") from error

    def forget_damaged(self) -> None:
        """Remove a file that was set aside: it can hold what a learner wrote."""
        with suppress(OSError):
            (self._folder / DAMAGED).unlink(missing_ok=True)

    def reserve(self) -> bool:
        """Reserve space for the state. Returns False while the disk has none."""
        path = self._folder / RESERVE
        try:
            if path.exists() and path.stat().st_size == RESERVED_BYTES:
                return True
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                write_all(descriptor, bytes(RESERVED_BYTES), 0)
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno not in (*FULL, errno.EACCES, errno.EROFS):
                _log.warning("no space could be reserved (%s)", error.strerror)
            with suppress(OSError):
                path.unlink(missing_ok=True)
            return False
        return True

    def _give_reserve(self) -> bool:
        try:
            (self._folder / RESERVE).unlink()
        except OSError:
            return False
        _log.warning("the disk is full; the reserve was given up")
        return True


def _without_visit(data: bytes) -> SavedStation | None:
    """Return a state that begins with a reset, and keeps all but the visit; None if it cannot."""
    try:
        found = from_json(data)
        if not isinstance(found, dict):
            return None
        found["flow"] = {"phase": Phase.RESET.value}
        return SavedStation.model_validate_json(to_json(found))
    except (ValueError, RecursionError):  # ValidationError is a ValueError
        return None


def passed_s(saved: SavedStation, clocks: StationClocks) -> float:
    """Return the seconds since a state was saved.

    Within one boot they come from a clock that nobody sets. After a reboot they come from the
    machine's clock, and are at least the time since the boot: a clock that was set back neither
    gives time nor takes it.
    """
    elapsed_s = max(0.0, clocks.elapsed_s())
    if saved.boot == clocks.boot():
        return max(0.0, elapsed_s - saved.elapsed_s)
    return max(elapsed_s, clocks.wall_s() - saved.wall_s)
