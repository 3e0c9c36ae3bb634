"""A pull that is killed, ended or stopped at any moment leaves no half file, and goes on later."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simvoice.models import manifest
from simvoice.models.manifest import ModelState
from tests.models.local_site import PIECE, REVISION, WEIGHTS, Site, sha256

ROUNDS = 12  # scripts/kills has hundreds
MODELS = ("three", "tiny", "spare", "ears")
SCRIPT = Path(__file__).with_name("pulling.py")


@pytest.fixture
def slow_site(three: Site, index: Site) -> Site:
    """Hub, index and registry that need about a quarter of a second for each weights file.

    The hub does not have the weights of `three`, which come from wheels.
    """
    del three.files[f"/some/three/resolve/{REVISION}/sub/weights.bin"]
    three.piece_s = 0.25 / (len(WEIGHTS) / PIECE)
    return three


def start(site: Site, tmp_path: Path, **more: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "HF_ENDPOINT": site.url, "HF_HUB_OFFLINE": "0", **more}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    with (tmp_path / "said.txt").open("wb") as said:
        return subprocess.Popen(
            [sys.executable, str(SCRIPT), str(tmp_path / "three.toml"), *MODELS],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )


def said(tmp_path: Path) -> str:
    """What the last pull printed to stderr."""
    return (tmp_path / "said.txt").read_text()


def on_disk(name: str) -> dict[str, ModelState]:
    """What the bytes of each file say, read by the test itself."""
    states: dict[str, ModelState] = {}
    for file in manifest.model(name).files:
        path = manifest.folder(name) / file.name
        if not path.exists():
            states[file.name] = "missing"
        else:
            whole = sha256(path.read_bytes()) == file.sha256
            states[file.name] = "verified" if whole else "altered"
    return states


def damage(chance: random.Random) -> tuple[str, str]:
    """Delete a random file, or alter one byte of it. Return its model and its name."""
    name = chance.choice(MODELS)
    file = chance.choice(manifest.model(name).files)
    path = manifest.folder(name) / file.name
    if path.exists() and chance.random() < 0.5:
        path.unlink()
    elif path.exists():
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data))] ^= 1
        path.write_bytes(data)
    return name, file.name


@pytest.mark.slow
def test_a_pull_killed_at_any_moment_leaves_no_half_file_and_the_last_one_completes(
    slow_site: Site, folder: Path, tmp_path: Path
) -> None:
    chance = random.Random(20)
    began_s = time.monotonic()
    first = start(slow_site, tmp_path)
    assert first.wait(timeout=120) == 0, said(tmp_path)
    whole_s = time.monotonic() - began_s
    for name in MODELS:
        for file in manifest.model(name).files:
            (manifest.folder(name) / file.name).unlink()

    killed = 0
    damaged: set[tuple[str, str]] = set()
    for round_number in range(ROUNDS):
        process = start(slow_site, tmp_path)
        number = (signal.SIGKILL, signal.SIGTERM)[round_number % 2]
        began_s = time.monotonic()
        try:
            process.wait(timeout=chance.uniform(0.05, whole_s))
            whole_s = min(whole_s, time.monotonic() - began_s)  # the machine is faster now
        except subprocess.TimeoutExpired:
            process.send_signal(number)
            killed += 1
            assert process.wait(timeout=30) in (-number, 128 + number, 0)
        assert "Traceback" not in said(tmp_path)
        for name in MODELS:
            found = on_disk(name)
            assert manifest.file_states(name) == found
            assert manifest.file_states(name, hash_all=True) == found
            for file, state in found.items():
                assert state != "altered" or (name, file) in damaged
        if all(set(on_disk(name).values()) == {"verified"} for name in MODELS):
            damaged = set()
        damaged.add(damage(chance))
    assert killed >= ROUNDS // 2

    last = start(slow_site, tmp_path)
    assert last.wait(timeout=120) == 0, said(tmp_path)
    assert {state for name in MODELS for state in on_disk(name).values()} == {"verified"}
    assert {path.name for path in (folder / ".pulling").iterdir()} <= {"lock"}
    for name in MODELS:
        names = {file.name for file in manifest.model(name).files}
        assert {path.name for path in (folder / name).iterdir()} == names | {manifest.STAMP}


@pytest.mark.slow
def test_a_killed_download_goes_on_where_it_was(
    slow_site: Site, folder: Path, tmp_path: Path
) -> None:
    process = start(slow_site, tmp_path)
    partial = f"spare--{sha256(WEIGHTS)[:12]}--weights.bin.partial"
    path = folder / ".pulling" / partial
    until_s = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size > PIECE):
        assert time.monotonic() < until_s, "the download did not begin"
        assert process.poll() is None, "the pull ended before it was killed"
        time.sleep(0.002)
    process.kill()
    process.wait(timeout=30)
    size = path.stat().st_size
    assert 0 < size < len(WEIGHTS)
    slow_site.requests.clear()
    assert start(slow_site, tmp_path).wait(timeout=120) == 0, said(tmp_path)
    assert slow_site.ranges("/store/spare") == [f"bytes={size}-"]
    assert slow_site.ranges("/store/ears") == [None]


@pytest.mark.slow
def test_a_pull_stopped_for_longer_than_it_waits_for_the_hub_goes_on_with_the_hub(
    slow_site: Site, tmp_path: Path
) -> None:
    """As when a laptop is closed: the time in which the process did not run is not waited."""
    chance = random.Random(3)
    slow_site.piece_s *= 4
    process = start(slow_site, tmp_path, HF_HUB_DOWNLOAD_TIMEOUT="1")
    stops = 0
    while process.poll() is None and stops < 6:
        time.sleep(chance.uniform(0.1, 0.6))
        if process.poll() is None:
            process.send_signal(signal.SIGSTOP)
            time.sleep(1.5)
            process.send_signal(signal.SIGCONT)
            stops += 1
    assert process.wait(timeout=120) == 0, said(tmp_path)
    assert stops >= 3
    assert "the model hub does not answer" not in said(tmp_path)
    assert {state for name in MODELS for state in on_disk(name).values()} == {"verified"}
