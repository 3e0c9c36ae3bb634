"""SIGTERM, a closed terminal and a closed pipe end an encounter as cleanly as Ctrl+C."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from simvoice.app.simulator import Simulator
from simvoice.cli.common import STOPPED
from simvoice.record.events import PatientSpeech
from simvoice.record.store import Attempt
from tests.integration.conftest import CASES, HOUSE, SMALL, Say, Start, upto, write_wav

pytestmark = [pytest.mark.engine, pytest.mark.realtime]

ENDS_WITHIN_S = 30.0
"""On a loaded machine; the sound is packed and the engines are freed."""


@pytest.fixture
def commands(simulator: Simulator, say: Say, tmp_path: Path) -> dict[str, tuple[str, ...]]:
    """An encounter of each command, which would last longer than any of these tests."""
    case = str(CASES / SMALL / "case.yaml")
    learner = write_wav(
        tmp_path / "learner.wav", 4.0, say("Good morning. What happened to your wrist?").pcm, 60.0
    )
    return {
        "demo": ("demo", case),
        "talk": ("talk", case, "--mic", str(learner), "--captions"),
    }


def ended_in_order(simulator: Simulator, before: set[str], reason: str) -> Attempt:
    """Check that the one new attempt is whole; return it."""
    (attempt,) = set(simulator.store.ids()) - before
    found = simulator.store.open(attempt)
    assert (found.state, found.problem) == ("complete", "")
    assert found.ended is not None
    assert found.ended.reason == reason
    speeches = [entry for entry in found.entries if isinstance(entry, PatientSpeech)]
    assert speeches[0].line_id == "opening"
    learner, patient = found.audio()
    assert len(learner) == len(patient)
    assert abs(len(learner) / 16_000 - found.ended.at_s) < 0.1
    assert patient.any()
    return found


def wait_for_children(children: list[psutil.Process]) -> None:
    _, left = psutil.wait_procs(children, timeout=60.0)
    assert left == []


@pytest.mark.parametrize("command", ["demo", "talk"])
@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [
        (signal.SIGINT, 0, "learner"),
        (signal.SIGTERM, STOPPED, "stopped"),
        (signal.SIGHUP, STOPPED, "stopped"),
    ],
    ids=["ctrl-c", "sigterm", "sighup"],
)
def test_a_signal_ends_the_encounter_in_order(
    simulator: Simulator,
    run_simvoice: Start,
    commands: dict[str, tuple[str, ...]],
    command: str,
    number: signal.Signals,
    code: int,
    reason: str,
) -> None:
    before = set(simulator.store.ids())
    process = run_simvoice(*commands[command], env=dict(os.environ))
    upto(process, "Ines Ward: ")
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    _, errors = process.communicate(timeout=ENDS_WITHIN_S)
    assert process.returncode == code
    assert "Traceback" not in errors
    found = ended_in_order(simulator, before, reason)
    if reason == "stopped":
        assert f"simvoice debrief {found.id}" in errors
    wait_for_children(children)


@pytest.mark.parametrize("command", ["demo", "talk"])
def test_a_signal_while_the_voice_is_prepared_ends_without_an_attempt(
    run_simvoice: Start, simulator: Simulator, commands: dict[str, tuple[str, ...]], command: str
) -> None:
    before = set(simulator.store.ids())
    process = run_simvoice(*commands[command], env=dict(os.environ))
    time.sleep(2.0)  # it imports its libraries and loads its models, for more than 4 s
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=ENDS_WITHIN_S)
    assert process.returncode in (STOPPED, -signal.SIGTERM)
    assert "Traceback" not in errors
    assert set(simulator.store.ids()) == before


def test_a_terminal_that_is_closed_ends_the_encounter_in_order(
    simulator: Simulator, home: Path, commands: dict[str, tuple[str, ...]]
) -> None:
    before = set(simulator.store.ids())
    shown, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _WITH_TERMINAL, *commands["demo"]],
        cwd=HOUSE,
        env=os.environ | {"SIMVOICE_HOME": str(home), "COLUMNS": "100"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        seen = b""
        while b"Ines Ward: " not in seen:
            seen += os.read(shown, 4096)
        os.close(shown)  # the kernel sends SIGHUP
        assert process.wait(ENDS_WITHIN_S) == STOPPED
    finally:
        process.kill()
        process.wait()
    ended_in_order(simulator, before, "stopped")


_WITH_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from simvoice.cli import main
sys.argv[0] = "simvoice"
main()
"""
"""Runs the command with the terminal as its controlling one."""


def test_a_closed_pipe_ends_the_encounter_in_order(
    simulator: Simulator, run_simvoice: Start, commands: dict[str, tuple[str, ...]]
) -> None:
    before = set(simulator.store.ids())
    process = run_simvoice(*commands["demo"], env=dict(os.environ))
    upto(process, "Ines Ward: ")
    assert process.stdout is not None
    process.stdout.close()  # like `simvoice demo | head -1`
    assert process.wait(90.0) == 1
    assert process.stderr is not None
    errors = process.stderr.read()
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors
    ended_in_order(simulator, before, "stopped")
