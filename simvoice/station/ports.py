"""What the core of a station needs from its surroundings, as Protocols.

Tests and the exam day put scripted patients, a clock that runs fast and a screen without a browser
in their place.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from simvoice.debrief.retry import CheckpointRef
from simvoice.ports import AudioLine
from simvoice.release.manifest import SealedOwner
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.runtime.observer import Encounter, Observer
from simvoice.web.ports import CaseCard


class StationSimulator(Protocol):
    """What a station needs of `app.simulator.Simulator(attempts=…)`."""

    def cases(self) -> Sequence[CaseCard]:
        """Return the cases that are offered, in order."""
        ...

    def make_ready(
        self,
        case_id: str,
        progress: Callable[[float, str], None] = ...,
        cancelled: Callable[[], bool] = ...,
        *,
        likely_only: bool = False,
    ) -> None:
        """Prepare a case so far that an encounter can begin. Blocks."""
        ...

    def encounter(
        self,
        case_id: str,
        line: AudioLine,
        *,
        learner: str = "",
        observer: Observer = ...,
        retry_from: CheckpointRef | None = None,
        records: Path | None = None,
        options: EncounterOptions = ...,
    ) -> Encounter:
        """Return an encounter that is ready to run, and that records into a folder."""
        ...

    def shortage(self) -> str:
        """Return what an encounter lacks here, disk or memory, as a sentence; empty for nothing."""
        ...


class Screen(Protocol):
    """The browser of the station. Its methods return at once, but for `close`."""

    @property
    def problem(self) -> str:
        """Why there is no browser, in a sentence; empty while there is one."""
        ...

    def renew(self, address: str) -> None:
        """Close the browser, remove everything that it kept, and open the address in a new one."""
        ...

    def is_alive(self) -> bool:
        """Return False when the browser is gone, or was never opened."""
        ...

    def is_clean(self) -> bool:
        """Return True when the last `renew` has removed everything of the browser before it."""
        ...

    def close(self) -> None:
        """Close the browser and remove everything that it kept."""
        ...


class NoScreen:
    """A station whose pages are opened by hand or by a test."""

    problem = ""

    def renew(self, address: str) -> None:
        """Do nothing."""

    def is_alive(self) -> bool:
        """Return True: there is no browser to watch."""
        return True

    def is_clean(self) -> bool:
        """Return True: there is nothing to remove."""
        return True

    def close(self) -> None:
        """Do nothing."""


class SealedOutbox(Protocol):
    """Sealed records that wait for the hub (`station.outbox`). Thread-safe."""

    def seal(self, folder: Path, owner: SealedOwner, recipient: str) -> UUID:
        """Seal the record in an attempt's folder, verify the file on disk, and queue it.

        Returns the attempt's UUID. An attempt that is queued or was sent is not sealed again, so
        this can be repeated after a crash at any point. Raises StorageFull and SimvoiceError.
        """
        ...

    def has(self, uuid: UUID) -> bool:
        """Return True when the sealed record is whole on the disk, or the hub has it."""
        ...

    @property
    def waiting(self) -> int:
        """Number of records that the hub does not have yet."""
        ...


def _wait(event: threading.Event, seconds: float) -> bool:
    return event.wait(seconds)


@dataclass(frozen=True, slots=True)
class StationClocks:
    """The clocks of a station. An accelerated one gives all of them one factor."""

    elapsed_s: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    """Never goes back while the machine runs, and goes on while it sleeps."""
    wall_s: Callable[[], float] = time.time
    """Unix time of the machine, which can be wrong and can be set."""
    boot: Callable[[], str] = lambda: Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    """Changes when `elapsed_s` begins again."""
    real_s: Callable[[], float] = time.monotonic
    """For what a page, a disk or a browser takes. It does not run faster when the others do."""
    wait: Callable[[threading.Event, float], bool] = _wait
    """Waits for an event for so many seconds of these clocks; returns whether it is set."""
