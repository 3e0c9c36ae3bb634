"""A real Chromium under the policies that `simvoice station install` writes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simvoice.station import install_files as files

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOUSE = Path(__file__).resolve().parents[2]


def on_stage(mode: str, policy: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return what the browser did in a namespace of its own (`policy_stage`)."""
    file = folder / "policy.json"
    file.write_text(json.dumps(policy), encoding="utf-8")
    users = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    stage = [sys.executable, "-m", "tests.station.policy_stage", mode, str(file)]
    done = subprocess.run(
        ["unshare", *users, "--mount", "--pid", "--fork", "--mount-proc", *stage],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


def policy() -> dict[str, Any]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return files.browser_policy(files.Machine(uid=812, port=port, keyboard="us"))


def test_the_station_gets_the_microphone_and_no_other_page_is_reached(tmp_path: Path) -> None:
    assert on_stage("pages", policy(), tmp_path) == {
        "arrived": True,
        "microphone": "given",
        "camera": "NotAllowedError",
        "asked of others": [],
    }


def test_without_the_policies_other_pages_are_reached(tmp_path: Path) -> None:
    """The test above can fail: the same page in the same browser goes where it likes."""
    allowed = {"URLAllowlist": policy()["URLAllowlist"], "AudioCaptureAllowed": False}
    seen = on_stage("pages", allowed, tmp_path)
    assert seen["microphone"] == "NotAllowedError"
    assert {"/frame", "/page"} <= set(seen["asked of others"])


def test_chromium_knows_every_policy(tmp_path: Path) -> None:
    seen = on_stage("names", {**policy(), "NoSuchPolicy": True}, tmp_path)
    assert seen.pop("NoSuchPolicy") == "Error", "the page tells what it does not know"
    assert {name: said for name, said in seen.items() if said not in {"OK", "Deprecated"}} == {}
