"""onnxruntime writes and sends nothing about its user, whichever module is imported first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

OPEN_A_SESSION = """
from simvoice.engines.turn.vad import Silero
Silero()
"""

OPEN_IN_A_WORKER = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import os

def open_a_session():
    from simvoice.engines.turn.vad import Silero
    Silero()

if __name__ == "__main__":
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(open_a_session).result()
"""


@pytest.mark.slow
@pytest.mark.parametrize("code", [OPEN_A_SESSION, OPEN_IN_A_WORKER], ids=["here", "worker"])
def test_a_session_leaves_no_file_about_its_user(tmp_path: Path, code: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()
    others = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "ORT_"))}
    env = {**others, "HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, str(script)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [str(path.relative_to(home)) for path in home.rglob("*")] == []


@pytest.mark.slow
@pytest.mark.parametrize("module", ["simvoice", "simvoice.engines.turn.vad", "simvoice.cli"])
def test_every_import_turns_telemetry_off(module: str) -> None:
    names = ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY")
    code = f"import os, {module}; print(*(os.environ[name] for name in {names}))"
    env = {**os.environ, **dict.fromkeys(names, "0")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "1"]
