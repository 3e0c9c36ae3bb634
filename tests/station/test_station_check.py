"""What `simvoice station check` says of a computer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from simvoice.checkup.checks import Check
from simvoice.errors import HubError
from simvoice.hub_client.connection import Address
from simvoice.hub_client.pairing import Pairing, Pairings
from simvoice.hub_client.station_messages import Roster
from simvoice.hub_client.trust import PUBLIC
from simvoice.station import check as checks
from simvoice.station import install_files as files
from simvoice.station import launch
from simvoice.station.check import Surroundings

MACHINE = files.Machine(uid=812, port=8770, keyboard="us")


class Computer(Surroundings):
    """A computer whose programs say what the test wants."""

    said: dict[str, str]

    def ask(self, *words: str) -> str:
        """Return what a program of the test prints."""
        return self.said.get(words[0], "")


def computer(root: Path, said: dict[str, str] | None = None, **more: Any) -> Computer:
    made = Computer(root=root, **{"environment": {}, "which": lambda name: f"/bin/{name}", **more})
    object.__setattr__(made, "said", said or {})
    return made


def put(root: Path, path: str, content: str) -> None:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content)


def told(check: Check) -> tuple[str, str]:
    return check.state, check.sentence


# -- browser and screen


def test_the_policy_has_to_name_the_pages_of_this_station(tmp_path: Path) -> None:
    name = f"{files.POLICY_FOLDERS[0]}/simvoice-station.json"
    here = computer(tmp_path)
    assert checks.check_policy(8770, here).state == "warn"
    put(tmp_path, name, files.browser_policy_file(MACHINE))
    assert checks.check_policy(8770, here).state == "ok"
    other = checks.check_policy(9000, here)
    assert (other.state, other.remedy) == ("fail", f"{checks.INSTALL} --port 9000")
    for damaged in ("{ half", "[]"):
        put(tmp_path, name, damaged)
        assert checks.check_policy(8770, here).state in ("fail", "warn")


def test_a_missing_compositor_is_named(tmp_path: Path) -> None:
    bare = computer(tmp_path, which=lambda name: None if name == "cage" else name)
    assert told(checks.check_screen(bare))[1].startswith("cage is missing")


def test_a_screen_that_is_unplugged_is_seen(tmp_path: Path) -> None:
    runtime = computer(tmp_path, environment={"XDG_RUNTIME_DIR": str(tmp_path)})
    (tmp_path / files.SCREEN_LINK).symlink_to("wayland-0")
    assert checks.check_screen(runtime).state == "warn"
    (tmp_path / "wayland-0").touch()
    assert checks.check_screen(runtime).state == "ok"


def test_a_browser_that_is_missing_is_a_failure() -> None:
    found = checks.check_browser("no-such-browser")
    assert found.state == "fail"
    assert "no-such-browser" in found.sentence
    assert found.remedy


def test_the_units_have_to_be_there_and_run(tmp_path: Path) -> None:
    assert checks.check_units(computer(tmp_path)).remedy == checks.INSTALL
    for unit in (files.STATION_UNIT, files.SCREEN_UNIT):
        put(tmp_path, f"/etc/systemd/system/{unit}", "unit")
    assert checks.check_units(computer(tmp_path, {"systemctl": "active"})).state == "ok"
    stopped = checks.check_units(computer(tmp_path, {"systemctl": "failed"}))
    assert (stopped.state, files.STATION_UNIT in stopped.remedy) == ("warn", True)


# -- program and machine


def test_the_version_that_runs_and_one_on_trial_are_named(tmp_path: Path) -> None:
    here = computer(tmp_path, environment={launch.PROGRAM_VARIABLE: str(tmp_path)})
    assert checks.check_program(here).state == "fail"
    binary = tmp_path / "versions" / "0.1.0" / "bin"
    binary.mkdir(parents=True)
    (binary / "python").symlink_to("/bin/true")
    launch.switch(tmp_path, "0.1.0")
    assert told(checks.check_program(here)) == ("ok", "simvoice 0.1.0")
    launch.write(tmp_path / launch.TRIAL, {"version": "0.1.0", "before": "0.0.9", "starts": 1})
    assert told(checks.check_program(here)) == ("ok", "version 0.1.0 is on trial")
    assert checks.check_program(computer(tmp_path)).state == "warn"


@pytest.mark.parametrize(
    ("kinds", "state"), [("part\ncrypt\ndisk", "ok"), ("part\ndisk", "warn"), ("", "warn")]
)
def test_a_disk_that_is_not_encrypted_is_told(tmp_path: Path, kinds: str, state: str) -> None:
    said = {"findmnt": "/dev/mapper/root[/sub]", "lsblk": kinds}
    assert checks.check_encryption(tmp_path / "none", computer(tmp_path, said)).state == state


def test_a_microphone_is_found_by_its_card(tmp_path: Path) -> None:
    put(tmp_path, "/proc/asound/pcm", "00-03: HDMI 0 : HDMI 0 : playback 1\n")
    assert checks.check_microphone(computer(tmp_path)).state == "fail"
    put(tmp_path, "/proc/asound/pcm", "01-00: USB Audio : USB Audio : playback 1 : capture 1\n")
    assert told(checks.check_microphone(computer(tmp_path))) == ("ok", "USB Audio")


def test_a_clock_that_the_network_sets_is_trusted(tmp_path: Path) -> None:
    assert checks.check_clock(computer(tmp_path, {"timedatectl": "yes"})).state == "ok"
    assert checks.check_clock(computer(tmp_path, {"timedatectl": "no"})).state == "warn"


def test_the_profile_of_the_browser_is_best_in_memory(tmp_path: Path) -> None:
    assert checks.check_profile_folder(computer(tmp_path)).state == "warn"
    here = computer(tmp_path, environment={"XDG_RUNTIME_DIR": str(tmp_path)})
    assert checks.check_profile_folder(here).state == "ok"


# -- hub and records


class Answering:
    """A hub that answers, or does not."""

    def __init__(self, error: HubError | None = None) -> None:
        self._error = error

    @contextmanager
    def connect(self, address: Address, token: str) -> Iterator[Answering]:
        assert token == "secret"
        yield self

    def facts(self) -> None:
        if self._error is not None:
            raise self._error


def paired(data: Path) -> None:
    pairing = Pairing(
        url="http://127.0.0.1:8766",
        hub="Lab",
        person="",
        device="00000000-0000-4000-8000-000000000001",
        token="secret",
        trust=PUBLIC,
        paired_at="2026-11-30T08:00:00+00:00",
    )
    Pairings(data / "paired").store(pairing)


def hub_checks(data: Path, hub: Answering) -> dict[str, Check]:
    found = checks.check_hub(data, computer(data, connect=hub.connect))
    return {check.name: check for check in found}


def test_a_station_without_a_hub_keeps_nothing(tmp_path: Path) -> None:
    found = hub_checks(tmp_path, Answering())
    assert list(found) == ["pairing"]
    assert found["pairing"].state == "fail"
    assert "--pair" in found["pairing"].remedy


def test_a_hub_that_is_away_is_no_failure(tmp_path: Path) -> None:
    paired(tmp_path)
    found = hub_checks(tmp_path, Answering(HubError("the hub does not answer; it is asked again")))
    assert found["hub"].state == "warn"
    assert found["hub"].sentence.startswith("the hub does not answer (the station works without")
    assert found["codes"].state == "fail", "there is no list yet, so no code works"


def test_a_list_of_codes_without_a_pin_is_told(tmp_path: Path) -> None:
    paired(tmp_path)
    roster = Roster(version="1", made_at=0, hub="Lab", salt="0" * 32, seal_key="age1x")
    put(tmp_path, "roster.json", roster.model_dump_json())
    found = hub_checks(tmp_path, Answering())
    assert [(name, check.state) for name, check in found.items()] == [
        ("pairing", "ok"),
        ("hub", "ok"),
        ("codes", "ok"),
        ("PIN", "fail"),
    ]
    put(tmp_path, "roster.json", json.dumps({"half": 1}))
    assert hub_checks(tmp_path, Answering())["codes"].state == "fail"


def test_no_outbox_means_that_nothing_waits(tmp_path: Path) -> None:
    assert told(checks.check_outbox(tmp_path)) == ("ok", "no record waits for the hub")
    assert not (tmp_path / "outbox").exists(), "a check makes nothing"
