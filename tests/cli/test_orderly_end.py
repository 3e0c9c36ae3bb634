"""SIGTERM ends a command in order, also where a library lets no exception through."""

from __future__ import annotations

import subprocess
import sys

import pytest

from simvoice.cli.common import STOPPED

LOST_IN_A_CALLBACK = """
import ctypes, signal, time
from simvoice.cli.common import orderly_end

with orderly_end():
    try:
        ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGTERM))()
        print("the callback let nothing through", flush=True)
        time.sleep(60)
    finally:
        print("in order", flush=True)
"""


@pytest.mark.slow
def test_a_signal_that_a_callback_swallows_comes_again() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOST_IN_A_CALLBACK], capture_output=True, text=True, timeout=50
    )
    assert ended.stdout.splitlines() == ["the callback let nothing through", "in order"]
    assert ended.stderr == ""
    assert ended.returncode == STOPPED
