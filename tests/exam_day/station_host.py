"""The machine of a station: its process, which is started again when it ends, and its faults.

It does what systemd, the power supply, the network and the browser do to a station. The process is
`tests.exam_day.station_process`: a real station and server, with scripted engines and fast clocks.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from simvoice.hub_client.pairing import Pairings
from simvoice.station.install_files import WATCHDOG_S
from simvoice.station.roster_store import FILE as ROSTER
from tests.endurance.sending import LoadPlan, Relay
from tests.exam_day.clock import FastClock
from tests.exam_day.disk import Cut, FaultyDisk
from tests.exam_day.lab import Paired

HOUSE = Path(__file__).resolve().parents[2]

RESTART_S = 1.0
"""`RestartSec` of the systemd unit."""
START_S = 180.0
"""Longest wait for a process. That it is back within 20 s is checked where it was ended."""

_NO_CUTS = LoadPlan(cut_bytes=(1 << 60, 1 << 60))


def waited_for_core_s(process: int) -> float:
    """Return how long the main thread of a process could have run while others had the cores.

    Recoveries are measured on machines that also do other work; a station has its cores for itself.
    Returns 0 for a process that is gone, and where the kernel does not count it.
    """
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


class Gate(Relay):
    """The network between a station and its hub. Closed, it refuses or swallows connections."""

    def __init__(self, target: int) -> None:
        """target: port of the hub on loopback."""
        self._open_ends: set[socket.socket] = set()
        self._ends_lock = threading.Lock()
        self.is_closed = False
        self.swallows = False
        super().__init__(target, _NO_CUTS)

    def shut(self, *, swallows: bool) -> None:
        """Take the network away. swallows: packets vanish; else connections are refused."""
        self.is_closed, self.swallows = True, swallows
        with self._ends_lock:
            ends, self._open_ends = self._open_ends, set()
        for each in ends:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        """Give the network back."""
        self.is_closed = False
        with self._ends_lock:
            ends, self._open_ends = self._open_ends, set()
        for each in ends:  # those that were swallowed
            with suppress(OSError):
                each.close()

    def _serve(self, client: socket.socket) -> None:
        if self.is_closed and not self.swallows:
            client.close()
            return
        with self._ends_lock:
            self._open_ends.add(client)
        if not self.is_closed:
            super()._serve(client)


@dataclass(frozen=True)
class ProcessPlan:
    """What `station_process` needs to know."""

    name: str
    data: str
    clock: str
    screen: str
    """The file in which the scripted browser says which address it has opened."""
    seed: int
    """Of the marks of all learners."""
    learners: int


@dataclass(frozen=True)
class Opened:
    """What the browser of a station has opened."""

    number: int
    """Grows with each new browser."""
    address: str


class StationHost:
    """One station of the day."""

    def __init__(
        self,
        paired: Paired,
        folder: Path,
        hub_port: int,
        *,
        speed: float,
        seed: int,
        learners: int,
    ) -> None:
        """folder: for this station alone; the station's own data is in a part of it."""
        self.paired = paired
        self.data = folder / "data"
        self._aside = folder / "aside"
        self.disk = FaultyDisk(self.data, self._aside)
        self.clock = FastClock(self._aside / "clock", speed=speed)
        self.gate = Gate(hub_port)
        self._plan = ProcessPlan(
            name=paired.name,
            data=str(self.data / "station"),
            clock=str(self._aside / "clock"),
            screen=str(self._aside / "screen"),
            seed=seed,
            learners=learners,
        )
        (self._aside / "plan.json").write_text(json.dumps(asdict(self._plan)))
        Pairings(Path(self._plan.data) / "paired").store(
            paired.pairing(f"http://127.0.0.1:{self.gate.port}")
        )
        self.disk.make_safe()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = False
        self._full_until_s: float | None = None
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        """What the process tells systemd."""
        self._told_at = f"simvoice-{uuid4()}"  # an address without a file has no longest name
        self._told.bind(f"\0{self._told_at}")
        self.starts = 0

    # -- the process

    def start(self) -> None:
        """Start the process, and start it again whenever it ends."""
        self._launch()
        threading.Thread(target=self._supervise, name=f"host-{self.paired.name}").start()

    def stop(self) -> None:
        """End the process as systemd does at a shutdown, and start it no more."""
        self._is_over = True
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.gate.close()
        self._told.close()

    def _launch(self) -> None:
        own = os.environ | self.disk.environment()
        home = self.data / "home"
        for name in ("tmp", "cache", "run"):
            (home / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        own |= {
            "HOME": str(home),
            "SIMVOICE_HOME": str(home / "simvoice"),
            "TMPDIR": str(home / "tmp"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_RUNTIME_DIR": str(home / "run"),
            "NOTIFY_SOCKET": f"@{self._told_at}",
            "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6)),
        }
        with (self.data / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.exam_day.station_process"),
                    str(self._aside / "plan.json"),
                ],
                cwd=HOUSE,
                env=own,
                stdout=output,
                stderr=output,
            )
        self.starts += 1

    def _supervise(self) -> None:
        while not self._is_over:
            process = self._process
            if process is None:
                time.sleep(0.02)
                continue
            process.wait()
            if self._is_over:
                return
            time.sleep(RESTART_S / self.clock.speed)
            with self._lock:
                if self._process is process and not self._is_over:
                    self._launch()

    def waited_for_core_s(self) -> float:
        """Return how long the present process has waited for a core."""
        process = self._process
        return 0.0 if process is None else waited_for_core_s(process.pid)

    def output(self) -> str:
        """Return what the processes have printed."""
        return (self.data / "output.log").read_text(errors="replace")

    # -- the browser

    def opened(self) -> Opened | None:
        """Return what the browser shows; None before the first start."""
        try:
            found = json.loads((self._aside / "screen").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return Opened(found["number"], found["address"])

    def close_window(self) -> None:
        """Close the browser, as someone does who finds its menu."""
        opened = self.opened()
        if opened is not None:
            (self._aside / f"screen.{opened.number}").unlink(missing_ok=True)

    # -- faults

    def fill_disk(self, room: int, for_s: float) -> None:
        """Let only `room` more bytes be written, until a technician frees space.

        for_s: seconds of the station until then.
        """
        self.disk.fill(room)
        self._full_until_s = self.clock.elapsed_s() + for_s

    def free_disk_when_due(self, *, now: bool = False) -> None:
        """Free the disk when its time has come. now: whether it has or not."""
        until_s = self._full_until_s
        if until_s is not None and (now or self.clock.elapsed_s() >= until_s):
            self._full_until_s = None
            self.disk.make_room()

    def kill(self) -> None:
        """End the process at once."""
        process = self._process
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def freeze(self) -> None:
        """Stop the process, and kill it when systemd's watchdog would: it has said nothing."""
        process = self._process
        assert process is not None
        self._hear_alive(START_S)
        process.send_signal(signal.SIGSTOP)
        with suppress(TimeoutError):
            while True:  # what was said before
                self._hear_alive(float(WATCHDOG_S))
        self.kill()

    def _hear_alive(self, within_s: float) -> None:
        """Wait until the process feeds the watchdog. Raises TimeoutError when it does not."""
        end = time.monotonic() + within_s
        while True:
            self._told.settimeout(max(0.01, end - time.monotonic()))
            if b"WATCHDOG=1" in self._told.recv(4096):
                return

    def has_roster(self) -> bool:
        """Return True when the list of codes has come."""
        return (Path(self._plan.data) / ROSTER).is_file()

    def cut_power(self, chosen: random.Random, while_off: Callable[[], None]) -> list[Cut]:
        """Take the power away and give it back. while_off: called in between.

        Returns what the files have lost.
        """
        with self._lock:
            process, self._process = self._process, None
            if process is not None:
                process.send_signal(signal.SIGKILL)
                process.wait()
            cuts = self.disk.cut_power(chosen)
            (self._aside / "screen").unlink(missing_ok=True)
            self.free_disk_when_due(now=True)  # a technician was there
            while_off()
            self.clock.boot()
            self._launch()
        return cuts
