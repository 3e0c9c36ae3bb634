"""The whole way of a record: from the plain folder at a station to an attempt on the hub."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from click.testing import Result
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from simvoice.cli.hub import app
from simvoice.errors import SettingError
from simvoice.hub import attempts, codes, releases
from simvoice.hub.doors.sessions import token_hash
from simvoice.hub.hub import Hub
from simvoice.hub.storage.tables import AuditEntry, Device, StationVisit, StoredAttempt
from simvoice.hub_client.connection import Address, HubConnection
from simvoice.hub_client.pairing import Pairing, Pairings
from simvoice.hub_client.station_connection import StationConnection
from simvoice.hub_client.trust import PUBLIC
from simvoice.release.manifest import SealedOwner
from simvoice.release.sealed import STICK_FOLDER
from simvoice.station import hub_talk, install
from simvoice.station import run as running
from simvoice.station.outbox import RecordOutbox, RecordState
from simvoice.station.run import Wishes
from simvoice.station.sending import CHECK_S, RecordSender
from simvoice.station.stick import copy_to
from tests.hub.conftest import ADDRESS, ClientAs, MachineClock, app_of
from tests.hub.sending.conftest import AppTransport
from tests.hub.stations.lab import StationLab, build_lab
from tests.station.sealed_hub import new_record

pytestmark = pytest.mark.slow


class BreakingLine(httpx.BaseTransport):
    """A network that a test breaks: after the hub has done what was asked, or before."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner
        self.is_down = False
        self.loses: set[int] = set()
        """Numbers of the requests whose answers are lost."""
        self.count = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_down:
            raise httpx.ConnectError("no route")
        answer = self.inner.handle_request(request)
        self.count += 1
        if self.count in self.loses:
            raise httpx.ReadError("the answer was lost")
        return answer


class Station:
    """A station with its outbox and sender, in virtual time."""

    def __init__(self, lab: StationLab, folder: Path, client: TestClient, name: str) -> None:
        self.lab, self.folder = lab, folder / name
        self.line = BreakingLine(AppTransport(client))
        self.now = 1_800_000_000.0
        token = f"token of {name}"
        with lab.hub.database.begin() as session:
            device = Device(kind="station", name=name, token_hash=token_hash(token))
            session.add(device)
            session.flush()
            device_id = device.id
        pairings = Pairings(self.folder / "hub")
        known: dict[str, Any] = {"url": ADDRESS, "hub": "Lab", "person": "", "token": token}
        at = "2026-11-30T10:00:00+00:00"
        pairings.store(Pairing(**known, device=device_id, trust=PUBLIC, paired_at=at))
        self.outbox = RecordOutbox(self.folder / "outbox", lambda: self.now)
        self.outbox.open()
        self.sender = RecordSender(
            pairings,
            self.outbox,
            self.connect,
            lambda: self.now,
            jitter=lambda: 1.0,
            chunk_bytes=100_000,
        )

    def connect(self, address: Address, token: str, wait_s: float | None = None) -> HubConnection:
        return HubConnection(address, token, wait_s=wait_s, transport=self.line)

    def station_line(self, address: Address, token: str) -> StationConnection:
        return StationConnection(address, token, transport=self.line)

    def encounter(self, **owner: Any) -> UUID:
        """Record and seal an encounter, and erase what is plain."""
        known: dict[str, Any] = {
            **{"code": self.lab.codes[0].id, "assignment": self.lab.exam, "mode": "exam"},
            **{"session": uuid4(), "is_released": True, "made_at": self.now},
        }
        folder = new_record(self.folder / "attempts")
        recipient = self.lab.hub.seal_key.recipient
        uuid = self.outbox.seal(folder, SealedOwner(**{**known, **owner}), recipient)
        assert self.outbox.has(uuid)
        shutil.rmtree(folder)
        return uuid

    def run(self, steps: int = 60) -> None:
        for _ in range(steps):
            due_s = self.sender.step()
            if due_s is None or due_s > 600.0:
                return
            self.now += due_s
        raise AssertionError(f"no rest: {self.outbox.contact()} {self.outbox.records()}")


@pytest.fixture
def lab(hub: Hub, client: TestClient, clock: MachineClock) -> StationLab:
    return build_lab(hub, client, clock)


@pytest.fixture
def stations(lab: StationLab, tmp_path: Path) -> Iterator[Callable[[str], Station]]:
    proxied = TestClient(app_of(lab.hub), base_url=ADDRESS, client=("127.0.0.1", 50_000))
    with proxied as client:
        yield lambda name: Station(lab, tmp_path, client, name)


@pytest.fixture
def station(stations: Callable[[str], Station]) -> Station:
    return stations("A1")


@pytest.fixture
def imported(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`imported(path)` runs `simvoice hub import` on this hub."""
    monkeypatch.setenv("SIMVOICE_HUB_DATA", str(hub.settings.data))
    monkeypatch.setenv("SIMVOICE_DATABASE_URL", hub.settings.database)
    return lambda *words: CliRunner().invoke(app, ["import", *map(str, words)])


def kept(hub: Hub) -> set[UUID]:
    with hub.database.read() as session:
        rows = list(session.query(StoredAttempt))
    assert len({each.id for each in rows}) == len(rows)
    return {each.id for each in rows}


def test_a_record_arrives_while_each_answer_in_turn_is_lost(
    lab: StationLab, station: Station
) -> None:
    for number in range(1, 8):
        station.line.loses.add(station.line.count + number)
        uuid = station.encounter()
        station.run()
        assert uuid in kept(lab.hub)
    assert len(kept(lab.hub)) == 7
    assert station.outbox.waiting == 0
    with lab.hub.database.read() as session:
        received = session.query(AuditEntry).filter(AuditEntry.action == "receive attempt").count()
        assert received == 7
        assert session.query(StationVisit).count() == 7


def test_a_network_that_is_down_for_hours_costs_nothing_but_time(
    lab: StationLab, station: Station
) -> None:
    station.line.is_down = True
    uuids = {station.encounter() for _ in range(3)}
    until = station.now + 4 * 3600
    while station.now < until:
        due_s = station.sender.step()
        assert due_s is not None
        station.now += max(due_s, 1.0)
    assert station.outbox.waiting == 3
    station.line.is_down = False
    station.run()
    assert kept(lab.hub) == uuids
    with lab.hub.database.read() as session:
        released = {each.attempt.id for each in releases.released_to(session, lab.course)}
    assert released == uuids


def test_a_hub_that_was_restored_from_a_backup_gets_it_again(
    lab: StationLab, station: Station
) -> None:
    uuid = station.encounter()
    station.run()
    attempts.erase(lab.hub, [uuid], reason="learner")
    with lab.hub.database.begin() as session:  # as if it had never come
        session.connection().exec_driver_sql("DELETE FROM erasure")
    station.now += CHECK_S
    station.run()
    assert kept(lab.hub) == {uuid}


def test_what_the_learner_erased_on_the_hub_goes_from_the_station_too(
    lab: StationLab, station: Station
) -> None:
    uuid = station.encounter(code=lab.card.id, mode="practice", assignment=lab.practice)
    station.run()
    attempts.erase(lab.hub, [uuid], reason="learner")
    station.now += CHECK_S
    station.run()
    assert not list(station.outbox.folder.glob("*.age"))


# -- by stick ---------------------------------------------------------------------------------


def test_a_stick_brings_what_the_network_does_not_and_nothing_twice(
    lab: StationLab, station: Station, imported: Callable[..., Result], tmp_path: Path
) -> None:
    station.line.is_down = True
    uuids = {station.encounter() for _ in range(2)}
    stick = tmp_path / "stick"
    stick.mkdir()
    assert copy_to(station.outbox, stick).new == 2
    done = imported(stick)
    assert done.exit_code == 0, done.output
    assert done.output.count(": kept\n") == 2
    assert "2 records, 2 of them new here." in done.output
    assert kept(lab.hub) == uuids
    again = imported(stick / STICK_FOLDER)
    assert again.exit_code == 0
    assert again.output.count("was here before; nothing has changed") == 2
    assert "2 records, 0 of them new here." in again.output
    station.line.is_down = False
    station.run()
    assert station.outbox.waiting == 0
    assert {each.state for each in station.outbox.records()} == {RecordState.SENT}
    assert kept(lab.hub) == uuids
    assert not [one for one in station.line.inner.requests if one.startswith("PATCH")]  # type: ignore[attr-defined]
    with lab.hub.database.read() as session:
        entries = session.query(AuditEntry).filter(AuditEntry.action == "receive attempt").all()
        assert {each.who for each in entries} == {"command line"}


@pytest.mark.parametrize("way", ["start", "install"])
def test_a_station_that_its_hub_forgot_takes_a_new_line_and_one_that_it_knows_does_not(
    lab: StationLab, station: Station, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    for module in (running, install):
        monkeypatch.setattr(module, "HubConnection", station.connect)
    monkeypatch.setattr(install, "establish_trust", lambda _: PUBLIC)
    monkeypatch.setattr(hub_talk, "establish_trust", lambda _: PUBLIC)
    monkeypatch.setattr(hub_talk.pair_station, "__defaults__", (station.station_line,))
    folder = station.folder / "hub"
    pairings = Pairings(folder)
    before = pairings.pairing()
    assert before is not None

    def pair() -> None:
        with lab.hub.database.begin() as session:
            code = codes.make(session, lab.hub, codes.CodeKind.PAIRING).text
        line = f"{ADDRESS} {code}"
        if way == "start":
            running.pair_once(pairings, Wishes("A1", pairing=line))
        else:
            install._pair(line, "A1", folder)

    uuid = station.encounter()
    for station.line.is_down in (False, True):  # a hub that is away has forgotten nobody
        with suppress(SettingError):
            pair()
        assert pairings.pairing() == before
    station.line.is_down = False
    with lab.hub.database.begin() as session:  # it was restored from a backup
        session.delete(session.get_one(Device, before.device))
    pair()
    after = pairings.pairing()
    assert after is not None
    assert after.device != before.device
    station.run()
    assert kept(lab.hub) == {uuid}


def test_the_educator_is_told_of_a_card_that_began_an_exam_at_two_stations(
    lab: StationLab, stations: Callable[[str], Station], client_as: ClientAs
) -> None:
    edo, page = client_as(login="edo"), f"/assignments/{lab.exam}/attempts"
    for number, name in enumerate(("A1", "A2"), 1):  # neither knew of the other
        cut_off = stations(name)
        cut_off.encounter(code=lab.card.id)
        cut_off.run()
        said = re.search(r"Lena [^<]*has begun this exam (\d) times, and 1 is", edo.get(page).text)
        assert (said is not None) == (number == 2)
    notice = edo.get(page).text.partition("has begun this exam 2 times")[2].partition("</div>")[0]
    assert all(f"/attempts/{each}" in notice for each in kept(lab.hub))
    assert "Decide which one counts." in notice


def test_each_file_gets_its_sentence(
    lab: StationLab, station: Station, imported: Callable[..., Result], tmp_path: Path
) -> None:
    good, erased = station.encounter(), station.encounter()
    unknown = station.encounter(code=uuid4())
    stick = tmp_path / "stick"
    stick.mkdir()
    copy_to(station.outbox, stick)
    station.run()
    attempts.erase(lab.hub, [good], reason="learner")
    with lab.hub.database.begin() as session:  # as if it had never come
        session.connection().exec_driver_sql("DELETE FROM erasure")
    attempts.erase(lab.hub, [erased], reason="learner")
    (stick / STICK_FOLDER / "damaged.age").write_bytes(b"age-encryption.org/v1 nothing")
    done = imported(stick, "--json")
    assert done.exit_code == 1
    found = {each["file"]: each for each in json.loads(done.stdout)}
    assert found[f"{good}.age"]["outcome"] == "kept"
    assert found[f"{erased}.age"]["outcome"] == "erased"
    assert found[f"{unknown}.age"]["outcome"] == "kept aside"
    assert found["damaged.age"]["outcome"] == "refused"
    assert "copy it from the station again" in found["damaged.age"]["sentence"]


def test_a_path_without_records_is_one_sentence(
    imported: Callable[..., Result], tmp_path: Path
) -> None:
    for path, said in ((tmp_path / "none", "is not there"), (tmp_path, "holds no sealed record")):
        done = imported(path)
        assert done.exit_code != 0
        assert said in str(done.exception)
