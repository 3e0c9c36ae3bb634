"""`simvoice serve` cleans up when a signal ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SERVE = """
import signal
import sys
from pathlib import Path
from simvoice import cli
from simvoice.app import simulator
from tests.web.stand_in import StandIn


class Quick(StandIn):
    def __init__(self, profile, **_):
        super().__init__(Path("attempts"))

    def shortage(self):
        return ""

    def warm_up(self):
        pass

    def close(self):
        print("closed", flush=True)


simulator.Simulator = Quick
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores it
sys.argv = ["simvoice", "serve", "--port", "0", "--open"]
cli.main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "codes"), [(signal.SIGTERM, {143}), (signal.SIGINT, {0, 130})])
def test_a_signal_leaves_no_file_with_the_key(tmp_path: Path, number: int, codes: set[int]) -> None:
    private = tmp_path / "tmp"
    private.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "SIMVOICE_HOME": str(tmp_path / "home"),
        "TMPDIR": str(private),
        "BROWSER": "true",  # the program that does nothing
    }
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "simvoice is at http" in process.stdout.readline()
        while not list(private.glob("simvoice-*/open.html")):
            assert process.poll() is None, process.stderr.read()
        assert "Ctrl+C stops" in process.stderr.readline()
        process.send_signal(number)
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode in codes
    assert "closed" in out
    assert "Traceback" not in errors
    assert list(private.iterdir()) == []
