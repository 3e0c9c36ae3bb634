"""Nothing leaves the machine: a whole journey behind a fence, with a fresh home."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simvoice import paths
from tests.integration.conftest import CASES, HOUSE, SMALL

pytestmark = [pytest.mark.engine, pytest.mark.realtime]

FENCE = HOUSE / "scripts" / "fence"


def fenced(tmp_path: Path, *words: str | Path, **environment: str) -> dict[str, object]:
    """Run a command behind the fence and return its report."""
    report = tmp_path / "report.json"
    ours = {key: value for key, value in os.environ.items() if key != "MPLCONFIGDIR"}
    done = subprocess.run(
        [sys.executable, FENCE, "--report", report, *words],
        cwd=HOUSE,
        env=ours | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(report.read_text(encoding="utf-8"))
    assert found["exit_code"] == 0, done.stderr
    return found


def test_the_fence_sees_a_look_up_a_connection_and_a_file(tmp_path: Path) -> None:
    leak = """
import pathlib, socket
pathlib.Path.home().joinpath("left-behind").write_text("x")
try:
    socket.getaddrinfo("collector.example", 443)
except OSError:
    pass
open_end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
open_end.sendto(b"x", ("198.51.100.7", 443))
"""
    found = fenced(tmp_path, sys.executable, "-c", leak, HOME=str(tmp_path))
    assert found["lookups"] == ["collector.example"]
    assert found["packets"] == ["198.51.100.7"]
    assert found["files"] == [str(tmp_path / "left-behind")]


def test_a_whole_journey_sends_nothing_and_leaves_files_only_where_it_says(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    own_cases = home / ".local" / "share" / "simvoice" / "cases"
    shutil.copytree(CASES / SMALL, own_cases / SMALL)
    work.mkdir()
    fresh = dict.fromkeys(("SIMVOICE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"), "")
    journey = Path(__file__).with_name("journey.py")
    found = fenced(
        tmp_path,
        *(sys.executable, journey, SMALL, work),
        HOME=str(home),
        SIMVOICE_MODELS=str(paths.models_dir()),
        PYTHONDONTWRITEBYTECODE="1",
        **fresh,
    )
    assert found["lookups"] == []
    assert found["packets"] == []
    documented = (f"{home}/.local/share/simvoice/", f"{work}/")
    files = found["files"]
    assert isinstance(files, list)
    assert [file for file in files if not file.startswith(documented)] == []
    assert any(file.endswith("journal.jsonl") for file in files)
