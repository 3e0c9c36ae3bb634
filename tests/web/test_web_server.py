"""Where the server listens, and its messages when it cannot."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from simvoice.errors import SettingError
from simvoice.web.security import StartKey
from simvoice.web.server import address_of, loopback_socket, server_config
from tests.web.stand_in import CASE, StandIn

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
        with httpx.Client(timeout=60) as browser:
            assert browser.get(address).status_code == 200
            answer = browser.get(address.partition("?")[0])
        assert answer.status_code == 200
        assert httpx.get(address.partition("?")[0], timeout=60).status_code == 401
        assert "server" not in answer.headers
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert errors == ""


# -- connections that no browser makes ----------------------------------------------------------


@pytest.fixture
def request_s() -> float:
    """How long a request may take; the default is for a busy machine."""
    return 300.0


@pytest.fixture
def served(
    simulator: StandIn, start_key: StartKey, monkeypatch: pytest.MonkeyPatch, request_s: float
) -> Iterator[tuple[str, int]]:
    """The server of `simvoice serve` in a thread."""
    monkeypatch.setattr("simvoice.web.server._REQUEST_S", request_s)
    made = loopback_socket("127.0.0.1", 0)
    server = uvicorn.Server(server_config(simulator, start_key))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [made]}, daemon=True)
    thread.start()
    yield made.getsockname()[:2]
    server.should_exit = True
    thread.join(60)
    made.close()
    assert not thread.is_alive()


def until_closed(connection: socket.socket) -> bytes:
    connection.settimeout(60.0)
    found = b""
    while part := connection.recv(4096):
        found += part
    return found


GET = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n"


@pytest.mark.slow
@pytest.mark.parametrize("request_s", [0.3])
@pytest.mark.parametrize(
    "half", [b"", b"GET / HT", GET, GET + b"accept: */*\r\n", GET + b"\r\n" + GET]
)
def test_a_request_that_is_never_complete_gets_a_sentence_and_ends(
    served: tuple[str, int], half: bytes
) -> None:
    with socket.create_connection(served) as connection:
        connection.sendall(half)
        assert b"The request was not complete in time." in until_closed(connection)


@pytest.mark.parametrize("rubbish", [b"\x16\x03\x01\x02\0", b"\0\r\n\r\n", b"x" * 100_000])
def test_bytes_that_are_no_request_get_an_answer_and_the_server_goes_on(
    served: tuple[str, int], rubbish: bytes
) -> None:
    with socket.create_connection(served) as connection:
        connection.sendall(rubbish)
        with suppress(ConnectionResetError):  # the server does not read all of it
            assert b"400 Bad Request" in until_closed(connection)
    with socket.create_connection(served) as connection:
        connection.sendall(GET + b"connection: close\r\n\r\n")
        assert b"401 Unauthorized" in until_closed(connection)


def test_many_half_requests_do_not_keep_a_browser_out(served: tuple[str, int]) -> None:
    with ExitStack() as open_connections:
        for _ in range(100):
            half = open_connections.enter_context(socket.create_connection(served))
            half.sendall(GET)
        with socket.create_connection(served) as connection:
            connection.sendall(GET + b"connection: close\r\n\r\n")
            assert b"401 Unauthorized" in until_closed(connection)


def test_a_message_beyond_all_bounds_ends_the_encounter_and_its_record_is_complete(
    served: tuple[str, int], simulator: StandIn, start_key: StartKey
) -> None:
    host = f"{served[0]}:{served[1]}"
    cookie = f"{start_key.cookie_name(host)}={start_key.cookie}"
    page = httpx.get(f"http://{host}/", headers={"cookie": cookie})
    found = re.search(r'name="simvoice-token" content="([^"]+)"', page.text)
    assert found is not None
    headers = {"cookie": cookie}
    address = f"ws://{host}/line"
    with connect(address, additional_headers=headers, origin=Origin(f"http://{host}")) as socket_:
        socket_.send(json.dumps({"type": "hello", "token": found[1], "case": CASE.id}))
        assert json.loads(socket_.recv(60.0))["type"] == "begun"
        with suppress(ConnectionClosed):
            socket_.send(bytes(9_000_000))
            while True:
                socket_.recv(60.0)
    assert simulator.last is not None
    deadline_s = time.monotonic() + 60.0
    while (kept := simulator.store.open(simulator.last.attempt)).state == "open":
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    assert kept.state == "complete"
