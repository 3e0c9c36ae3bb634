"""The clocks of an accelerated station: they run faster, can be set, and begin again at a boot.

The harness and the process of a station share them through a file in memory.
"""

from __future__ import annotations

import mmap
import struct
import threading
import time
from pathlib import Path

from simvoice.station.ports import StationClocks

_FIELDS = struct.Struct("<dddq")
"""Speed, monotonic second of the boot, what the wall clock is wrong by, number of the boot."""
_PAGE = 4096


class FastClock:
    """The clocks of one station's machine.

    Elapsed time runs faster. The wall clock runs as that of the hub does: both are compared.
    """

    def __init__(self, file: Path, *, speed: float | None = None) -> None:
        """file: shared by all processes. speed: given by the harness, which makes the file."""
        if speed is not None:
            file.write_bytes(_FIELDS.pack(speed, time.monotonic(), 0.0, 1).ljust(_PAGE, b"\0"))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), _PAGE)

    def _read(self) -> tuple[float, float, float, int]:
        return _FIELDS.unpack_from(self._shared)

    def _write(self, *fields: float) -> None:
        self._shared[: _FIELDS.size] = _FIELDS.pack(*fields)

    @property
    def speed(self) -> float:
        """How many seconds of the station pass in one second."""
        return self._read()[0]

    def set_wall(self, wrong_by_s: float) -> None:
        """Set the wall clock: ahead of the true time for more than 0, behind it for less."""
        speed, booted_s, _, boot = self._read()
        self._write(speed, booted_s, wrong_by_s, boot)

    def set_back(self, by_s: float) -> None:
        """Set the wall clock back."""
        self.set_wall(self._read()[2] - by_s)

    def boot(self) -> None:
        """Let the machine start again: elapsed time begins at 0."""
        speed, _, wrong_by_s, boot = self._read()
        self._write(speed, time.monotonic(), wrong_by_s, boot + 1)

    def elapsed_s(self) -> float:
        """Return the accelerated seconds since the boot."""
        speed, booted_s, _, _ = self._read()
        return (time.monotonic() - booted_s) * speed

    def wall_s(self) -> float:
        """Return the Unix time, as wrong as it is set."""
        return time.time() + self._read()[2]

    def boot_id(self) -> str:
        """Return what changes with each boot."""
        return f"boot-{self._read()[3]}"

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for an event for so many accelerated seconds."""
        return event.wait(seconds / self.speed)

    def clocks(self) -> StationClocks:
        """Return them as a station takes them."""
        return StationClocks(
            elapsed_s=self.elapsed_s, wall_s=self.wall_s, boot=self.boot_id, wait=self.wait
        )
