"""A station sends sealed records while it, its connection and the hub are killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from simvoice.hub import attempts, releases
from simvoice.hub.doors.sessions import token_hash
from simvoice.hub.hub import Hub, open_hub
from simvoice.hub.settings import load_settings
from simvoice.hub.storage.tables import Device, StoredAttempt, Upload
from simvoice.hub_client.pairing import Pairing, Pairings
from simvoice.hub_client.trust import PUBLIC
from simvoice.release.manifest import SealedOwner
from simvoice.station.outbox import RecordOutbox
from tests.endurance.sending import HubProcess, LoadPlan, Relay, free_port
from tests.hub.conftest import MachineClock
from tests.hub.stations.lab import StationLab, build_lab
from tests.station.sealed_hub import new_record

RECORDS = 6
STATION_KILLS = 4
HUB_KILLS = 2
LONGEST_S = 300.0

STATION = """
import sys
from pathlib import Path
from time import time
from simvoice.hub_client import sending_loop
from simvoice.hub_client.connection import HubConnection
from simvoice.hub_client.pairing import Pairings
from simvoice.station.outbox import RecordOutbox
from simvoice.station.sending import RecordSender
import threading

folder = Path(sys.argv[1])
sending_loop.FIRST_WAIT_S = 0.2  # the test waits for it
outbox = RecordOutbox(folder / "outbox")
outbox.open()
sender = RecordSender(
    Pairings(folder / "paired"), outbox, HubConnection, time, chunk_bytes=60_000
)
sender.start()
print("ready", flush=True)
while outbox.waiting:
    threading.Event().wait(0.05)
print("done", flush=True)
"""


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.timeout(600)
def test_sealed_records_arrive_once_whatever_is_killed(tmp_path: Path) -> None:
    seed = random.randrange(10_000)
    dice = random.Random(seed)
    port = free_port()
    hub = open_hub(load_settings(tmp_path / "hub", {"port": port}, environment={}))
    lab = build_lab(hub, None, MachineClock())  # type: ignore[arg-type]  # asked by no browser
    process = HubProcess(tmp_path, "", port)
    relay = Relay(port, LoadPlan(cut_bytes=(20_000, 900_000), seed=seed))
    try:
        process.start()
        expected = _station(lab, tmp_path / "station", relay.port)
        _send(tmp_path / "station", process, dice)
        assert _kept(hub) == expected, f"seed {seed}"
        for uuid in expected:
            attempts.verify(hub, uuid)
        with hub.database.read() as session:
            released = {each.attempt.id for each in releases.released_to(session, lab.course)}
            assert released == expected, f"seed {seed}"
            assert session.query(Upload).count() == 0
        assert relay.cuts > 0
    finally:
        relay.close()
        process.end(signal.SIGKILL)
        hub.database.close()


def _station(lab: StationLab, folder: Path, port: int) -> set[UUID]:
    """Make the data of a paired station with sealed records. Returns their UUIDs."""
    token = "token of A1"
    with lab.hub.database.begin() as session:
        device = Device(kind="station", name="A1", token_hash=token_hash(token))
        session.add(device)
        session.flush()
        device_id = device.id
    Pairings(folder / "paired").store(
        Pairing(
            **{"url": f"http://127.0.0.1:{port}", "hub": "Lab", "person": "", "token": token},
            **{"device": device_id, "trust": PUBLIC},
            paired_at="2026-11-30T10:00:00+00:00",
        )
    )
    outbox = RecordOutbox(folder / "outbox")
    found = set()
    for number in range(RECORDS):
        owner = SealedOwner(
            **{"code": lab.codes[number % 3].id, "assignment": lab.exam, "mode": "exam"},
            **{"session": uuid4(), "is_released": True, "made_at": time.time()},
        )
        record = new_record(folder / "attempts")
        found.add(outbox.seal(record, owner, lab.hub.seal_key.recipient))
    return found


def _send(folder: Path, hub: HubProcess, dice: random.Random) -> None:
    """Let the station send until all have arrived, and kill it and the hub meanwhile."""
    end_s = time.monotonic() + LONGEST_S
    station_kills = hub_kills = 0
    while True:
        assert time.monotonic() < end_s, "not all records have arrived in five minutes"
        command = [sys.executable, "-c", STATION, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as station:
            assert station.stdout is not None
            assert station.stdout.readline() == "ready\n"
            if station_kills == STATION_KILLS:
                assert station.stdout.readline() == "done\n"
                return
            time.sleep(dice.random() * 0.6)  # the moment is what is random here
            station.send_signal(signal.SIGKILL)
            station_kills += 1
        if hub_kills < HUB_KILLS and station_kills % 2 == 0:
            hub.end(signal.SIGKILL)
            hub.start()
            hub_kills += 1


def _kept(hub: Hub) -> set[UUID]:
    with hub.database.read() as session:
        rows = list(session.query(StoredAttempt.id))
    assert len(rows) == len(set(rows))
    return {each.id for each in rows}
