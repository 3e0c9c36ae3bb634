"""What an encounter lacks is said before the door opens: space, a folder to write to, memory."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simvoice.app.simulator import Simulator
from simvoice.devices.simulated import SimulatedLine
from simvoice.errors import StorageFull
from simvoice.record.store import Store
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.simulate.learner import LearnerScript
from tests.integration.conftest import CASES, HOUSE, SMALL, write_wav

pytestmark = [pytest.mark.engine, pytest.mark.realtime]

CASE = str(CASES / SMALL / "case.yaml")
GB = 10**9

Lack = tuple[Path, "Callable[[], None] | None", str]
"""SIMVOICE_HOME, what limits the process, and what the sentence says."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own in memory, which takes root and Linux."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=260m", "tmpfs", str(place)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        assert os.environ.get("CI") != "true", "CI has to be able to mount a file system"
        pytest.skip("this user may not mount a file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2 * GB, 2 * GB))


@pytest.fixture(params=["full", "read-only", "memory"])
def lack(request: pytest.FixtureRequest, disk: Path, tmp_path: Path) -> Lack:
    if request.param == "full":
        (disk / "ballast").write_bytes(bytes(100_000_000))
        return disk, None, r"has 1\d\d MB left and an encounter needs 200 MB; free some space"
    if request.param == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        return disk, None, r"attempts cannot be written to .*Read-only file system.*SIMVOICE_HOME"
    return tmp_path / "home", limited, r"an encounter needs 2\.\d GB; raise the limit"


def start(lack: Lack, *words: str) -> subprocess.Popen[str]:
    home, limit, _ = lack
    return subprocess.Popen(
        [sys.executable, "-m", "simvoice", *words],
        cwd=HOUSE,
        env=os.environ | {"SIMVOICE_HOME": str(home), "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
    )


@pytest.mark.parametrize("command", ["demo", "talk"])
def test_an_encounter_in_the_terminal_does_not_begin(
    lack: Lack, command: str, tmp_path: Path
) -> None:
    sound = write_wav(tmp_path / "learner.wav", 5.0)
    words = [command, CASE, *(["--mic", str(sound)] if command == "talk" else [])]
    process = start(lack, *words)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 3
    assert out == ""  # neither door note nor caption
    assert re.search(lack[2], errors)
    assert "The encounter begins" not in errors
    assert "Traceback" not in errors
    assert Store(lack[0] / "attempts").ids() == []


def test_doctor_names_it(lack: Lack) -> None:
    process = start(lack, "doctor", "--quick", "--no-sound", "--json")
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 3
    assert "Traceback" not in errors
    failed = [check for check in json.loads(out)["checks"] if check["state"] == "fail"]
    assert [check["name"] for check in failed] in (["disk"], ["memory"])
    assert failed[0]["remedy"]


def test_the_server_says_it_at_its_start_and_on_the_page_of_a_case(lack: Lack) -> None:
    process = start(lack, "serve", "--port", "0", "--every-case")
    try:
        assert process.stdout is not None
        address = re.search(r"(http://\S+/)\?key=\S+", process.stdout.readline())
        assert address is not None
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(address[0]) as page:
            assert page.status == 200
        until_s = time.monotonic() + 60.0
        fault = None
        while fault is None and time.monotonic() < until_s:
            with browser.open(address[1] + "api/ready") as answer:
                fault = json.load(answer)["fault"]
            time.sleep(0.1)
        assert fault is not None
        assert re.search(lack[2], fault)
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert re.search(f"No encounter can begin now: .*{lack[2]}", errors)
    assert "Traceback" not in errors


def test_a_disk_that_fills_while_the_door_note_is_read_is_said_there(
    simulator: Simulator, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator, "store", Store(disk / "attempts"))
    simulator.prepare(SMALL)
    until_s = time.monotonic() + 120.0
    while not simulator.ready().ready and time.monotonic() < until_s:
        assert simulator.ready().fault is None
        time.sleep(0.1)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(100_000_000))
    said = simulator.ready()
    assert not said.ready
    assert "an encounter needs 200 MB" in (said.fault or "")
    line = SimulatedLine(LearnerScript(()), tail_s=1.0)
    with pytest.raises(StorageFull, match="needs 200 MB"):
        simulator.encounter(SMALL, line, options=EncounterOptions(seed=1))
    ballast.unlink()
    assert simulator.ready().ready
    simulator.close()
