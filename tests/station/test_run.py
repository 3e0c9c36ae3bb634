"""What `simvoice station` joins: one process for a data folder, its pairing, its supplies."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from simvoice.cli import app
from simvoice.errors import HubError, LibraryMissing, SettingError, StorageRefused
from simvoice.hub_client.connection import HubConnection, HubForgot
from simvoice.hub_client.pairing import Pairing, Pairings
from simvoice.hub_client.supplies import Supplied
from simvoice.hub_client.trust import PUBLIC
from simvoice.station import hub_talk
from simvoice.station import run as running
from simvoice.station.run import Background, ModelFetch, Wishes


class PairedStation:
    """A station that notes what it is told."""

    def __init__(self) -> None:
        self.changes: list[Any] = []

    def cases_changed(self, look_again: Any) -> None:
        self.changes.append(look_again)


def pairing() -> Pairing:
    return Pairing(
        url="http://127.0.0.1:1",
        hub="Lab",
        person="",
        device=uuid4(),
        token="t",
        trust=PUBLIC,
        paired_at="2026-11-30T09:00:00+00:00",
    )


def test_a_data_folder_serves_one_station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LOCK_S", 0.05)
    with (
        running.alone(tmp_path / "data"),
        pytest.raises(SettingError, match="another station uses"),
        running.alone(tmp_path / "data"),
    ):
        pytest.fail("two stations have one data folder")
    with running.alone(tmp_path / "data"):
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_is_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with (
        pytest.raises(StorageRefused, match="--data"),
        running.alone(tmp_path / "data"),
    ):
        pytest.fail("a file is no folder")


@pytest.mark.parametrize(
    ("hub", "given", "line"),
    [
        ("", "hub.lab CDFH-JKMN-PRTV", "hub.lab CDFH-JKMN-PRTV"),
        ("hub.lab", "CDFH-JKMN-PRTV", "hub.lab CDFH-JKMN-PRTV"),
    ],
)
def test_a_line_or_a_code_and_the_address_pair_a_station(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: str, given: str, line: str
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(running, "pair_station", lambda _, used, *__: lines.append(used))
    running.pair_once(Pairings(tmp_path), Wishes("A1", hub=hub, pairing=given))
    assert lines == [line]
    Pairings(tmp_path).store(pairing())  # nothing answers there, so nobody has ended it
    running.pair_once(Pairings(tmp_path), Wishes("A1", hub=hub, pairing=given))
    assert lines == [line]


def test_the_start_of_a_paired_station_waits_shortly_for_its_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits_s: list[float] = []

    def away(*_: object, wait_s: float) -> HubConnection:
        waits_s.append(wait_s)
        raise HubError("the hub does not answer")

    monkeypatch.setattr(running, "HubConnection", away)
    Pairings(tmp_path).store(pairing())
    running.pair_once(Pairings(tmp_path), Wishes("A1", pairing="hub.lab CDFH-JKMN-PRTV"))
    assert [wait_s <= 2.0 for wait_s in waits_s] == [True]


def test_a_damaged_pairing_is_made_again_and_a_used_line_does_not_keep_a_station_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pairings, wishes = Pairings(tmp_path), Wishes("A1", hub="hub.lab", pairing="CDFH-JKMN-PRTV")
    pairings.store(pairing())
    file = tmp_path / "pairing.json"
    file.write_bytes(file.read_bytes()[:-40])

    def refuse(*_: object, **__: object) -> Pairing:
        raise HubError("this code is not known here")

    monkeypatch.setattr(hub_talk, "establish_trust", lambda _: PUBLIC)
    monkeypatch.setattr(hub_talk, "pair_with_hub", refuse)
    running.pair_once(pairings, wishes)
    assert "pair this station again" in caplog.text
    ModelFetch(WaitingManager(), print).run("embedded", pairings)  # type: ignore[arg-type]
    running.pair_once(pairings, Wishes("A1"))
    made = pairing()
    monkeypatch.setattr(hub_talk, "pair_with_hub", lambda *_, **__: pairings.store(made))
    running.pair_once(pairings, wishes)
    assert pairings.pairing() == made
    file.unlink()
    monkeypatch.setattr(hub_talk, "pair_with_hub", refuse)
    with pytest.raises(HubError):  # at the first start a person reads it
        running.pair_once(pairings, wishes)


def test_missing_models_come_from_the_hub_and_systemd_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMVOICE_MODELS", str(tmp_path / "models"))
    asked: list[list[str]] = []

    def pull(names: list[str], progress: ModelFetch, *_: object, **__: object) -> None:
        asked.append(names)
        progress.begin(names[0], 4_000_000, "lab")

    monkeypatch.setattr(running, "pull", pull)
    monkeypatch.setattr(running, "SupplyLine", NoLine)
    manager, said = WaitingManager(), list[str]()
    fetch = ModelFetch(manager, said.append)  # type: ignore[arg-type]
    fetch.run("embedded", Pairings(tmp_path))
    assert asked == []  # no hub, nobody to ask
    Pairings(tmp_path).store(pairing())
    fetch.run("embedded", Pairings(tmp_path))
    assert len(asked[0]) >= 4
    assert manager.waits == [running.MODEL_S]
    assert said == [f"Fetching {asked[0][0]}, 4 MB."]


class WaitingManager:
    """systemd, which is asked for more time."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def still_starting(self, seconds: float, status: str) -> None:
        self.waits.append(seconds)


def test_new_cases_of_the_hub_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path / "home"))
    pairings, station, simulator = Pairings(tmp_path), PairedStation(), ListedCases()
    background = Background(station, simulator, pairings, None)  # type: ignore[arg-type]
    with pytest.raises(HubForgot):
        background.bring()
    pairings.store(pairing())
    monkeypatch.setattr(running, "SupplyLine", NoLine)
    for received, changes in ((0, 0), (4000, 1)):
        monkeypatch.setattr(running, "DeviceSupplies", lambda _, got=received: Offered(got))
        background.bring()
        assert len(station.changes) == changes


class ListedCases:
    """A simulator that reads its cases again."""

    def look_again(self) -> None:
        """Nothing is listed."""


class NoLine:
    """A connection for supplies without a hub."""

    def __init__(self, *_: object) -> None:
        """There is no hub."""

    def __enter__(self) -> NoLine:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def report(self, report: object) -> None:
        """Nobody listens."""


class Offered:
    """Supplies of which so many bytes are new."""

    def __init__(self, received: int) -> None:
        self._received = received

    def bring(self, *_: object) -> Supplied:
        report: Any = None
        return Supplied(self._received, (), (), "", (), report)


def test_a_station_needs_a_browser_or_the_wish_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    found = CliRunner().invoke(app, ["station", "--name", "A1"])
    assert isinstance(found.exception, LibraryMissing)
    assert "apt-get install chromium" in str(found.exception)


def test_a_station_has_a_name_that_fits_on_a_tile() -> None:
    found = CliRunner().invoke(app, ["station", "--name", "x" * 61])
    assert isinstance(found.exception, SettingError)
