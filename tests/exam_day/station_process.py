"""The process of an accelerated station: python -m tests.exam_day.station_process PLAN.

Station, server, saved state, records, outbox, sender and reports are the real ones. The engines are
scripted (`patients`), the clocks run fast (`clock`), and the browser is a file that says which
address is open: the scripted learner opens it.
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import os
import shutil
import signal
import sys
from pathlib import Path

from simvoice import log, paths
from simvoice.hub_client.connection import HubConnection
from simvoice.hub_client.pairing import Pairings
from simvoice.record import recorder
from simvoice.station.app import create_app
from simvoice.station.outbox import RecordOutbox
from simvoice.station.sending import RecordSender
from simvoice.station.station import Station, StationParts
from simvoice.station.systemd import Manager, Watchdog
from simvoice.web.security import StartKey
from simvoice.web.server import loopback_socket, run_app
from tests.exam_day.clock import FastClock
from tests.exam_day.lab import CASE
from tests.exam_day.marks import make_marks
from tests.exam_day.patients import ScriptedSimulator
from tests.exam_day.station_host import ProcessPlan


class FileScreen:
    """A browser that is two files: which address it shows, and that its window is open."""

    problem = ""

    def __init__(self, file: Path) -> None:
        """file: which browser shows which address; the window's file is named after it."""
        self._file = file
        self._number = 0
        if file.exists():
            self._number = int(json.loads(file.read_text())["number"])

    def _window(self) -> Path:
        return self._file.with_name(f"{self._file.name}.{self._number}")

    def renew(self, address: str) -> None:
        """Close the window and open another one."""
        self._window().unlink(missing_ok=True)
        self._number = max(self._number + 1, int.from_bytes(os.urandom(3)))
        self._window().touch()
        partial = self._file.with_name("screen.partial")
        partial.write_text(json.dumps({"number": self._number, "address": address}))
        partial.replace(self._file)

    def is_alive(self) -> bool:
        """Return True while the window is open."""
        return self._window().exists()

    def is_clean(self) -> bool:
        """Return True: it keeps nothing."""
        return True

    def close(self) -> None:
        """Close the window."""
        self._window().unlink(missing_ok=True)


def main(plan: ProcessPlan) -> None:
    """Run the station until it is told to end."""
    clock = FastClock(Path(plan.clock))
    # sound comes faster, too: the disk is synced as often in a second of the session as in reality
    recorder.SYNC_S /= clock.speed  # type: ignore[misc]
    folder = Path(plan.data)
    only_case = Path(plan.clock).with_name("cases")
    if not only_case.exists():
        shutil.copytree(paths.scenarios_dir() / CASE, only_case / CASE)
    paths.scenarios_dir = lambda: only_case
    clocks = clock.clocks()
    outbox = RecordOutbox(folder / "outbox", clocks.wall_s)
    outbox.open()
    sender = RecordSender(
        Pairings(folder / "paired"), outbox, HubConnection, clocks.wall_s, wait=clocks.wait
    )
    simulator = ScriptedSimulator(folder / "attempts", make_marks(plan.learners, plan.seed))
    key = StartKey()
    with loopback_socket("127.0.0.1", 0) as made:
        station = Station(
            StationParts(
                name=plan.name,
                folder=folder,
                simulator=simulator,
                outbox=outbox,
                screen=FileScreen(Path(plan.screen)),
                clocks=clocks,
            )
        )
        station.start(key.address(f"http://127.0.0.1:{made.getsockname()[1]}/"))
        sender.start()
        manager = Manager()
        watchdogs: list[Watchdog] = []

        def ready(loop: asyncio.AbstractEventLoop) -> None:
            parts = {"pages": loop.call_soon_threadsafe, "station": station.ask}
            watchdogs.append(Watchdog(manager, parts))
            watchdogs[0].start()

        try:
            run_app(create_app(station, key, on_ready=ready), made)
        finally:
            for each in watchdogs:
                each.stop()
            sender.close()
            station.close()
            simulator.close()


if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)  # says where every thread is
    log.start("info")
    main(ProcessPlan(**json.loads(Path(sys.argv[1]).read_text())))
