"""Where the server listens, and its messages when it cannot."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from simvoice.errors import SettingError
from simvoice.web.server import address_of, loopback_socket

SERVE = """
import sys
from pathlib import Path
from simvoice.web.server import loopback_socket, serve
from tests.web.stand_in import StandIn
serve(StandIn(Path(sys.argv[1])), loopback_socket("127.0.0.1", 0),
      on_address=lambda address: print(address, flush=True))
"""


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "::", "example.org", ""])
def test_an_address_that_other_machines_can_reach_is_refused(host: str) -> None:
    with pytest.raises(SettingError, match="this machine only"):
        loopback_socket(host, 0)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_number_outside_the_range_of_ports_is_refused(port: int) -> None:
    with pytest.raises(SettingError, match="--port"):
        loopback_socket("127.0.0.1", port)


def test_a_port_in_use_is_named() -> None:
    with loopback_socket("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(SettingError, match=f"port {port} is in use"):
            loopback_socket("127.0.0.1", port)


def test_the_address_is_valid_in_a_browser() -> None:
    with loopback_socket("localhost", 0) as made:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address_of(made))
    if socket.has_ipv6:
        try:
            made = loopback_socket("::1", 0)
        except SettingError:
            return  # a machine without IPv6 on loopback
        with made:
            assert re.fullmatch(r"http://\[::1\]:\d+/", address_of(made))


@pytest.mark.slow
def test_the_server_answers_at_its_address_and_shuts_down_cleanly(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVE, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with httpx.Client(timeout=20) as browser:
            assert browser.get(address).status_code == 200
            answer = browser.get(address.partition("?")[0])
        assert answer.status_code == 200
        assert httpx.get(address.partition("?")[0], timeout=20).status_code == 401
        assert "server" not in answer.headers
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert errors == ""
