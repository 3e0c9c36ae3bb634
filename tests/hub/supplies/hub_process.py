"""A real hub in a process of its own, over TLS, and a relay in between that is slow and cuts."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from simvoice.hub import codes
from simvoice.hub.certificates import CERTIFICATE, KEY, make_certificate
from simvoice.hub.hub import open_hub
from simvoice.hub.settings import load_settings
from simvoice.hub.supplies.authority import pairing_line
from simvoice.hub_client.trust import PairingLine

PIECE = 16_384


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


@dataclass
class HubProcess:
    """`simvoice hub` with a private authority. It can be killed and started again."""

    data: Path
    home: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.data.mkdir(parents=True, exist_ok=True)
        make_certificate(self.data, ("127.0.0.1",))

    def start(self) -> None:
        environment = os.environ | {"SIMVOICE_HOME": str(self.home), "COLUMNS": "200"}
        environment["SIMVOICE_HUB_ENCOUNTERS"] = "0"  # it loads no models
        words = ["hub", "--data", str(self.data), "--port", str(self.port)]
        words += ["--certificate", str(self.data / CERTIFICATE), "--key", str(self.data / KEY)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simvoice", *words],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        until_s = time.monotonic() + 120
        while time.monotonic() < until_s:
            assert self.process.poll() is None, self.process.communicate()[0]
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
                return
            time.sleep(0.05)
        raise AssertionError("the hub did not start within two minutes")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate(timeout=30)
            self.process = None

    def pairing_line(self, port: int) -> PairingLine:
        """Return the line of the pairing page for a station that reaches the hub at a port."""
        own = {"certificate": self.data / CERTIFICATE, "key": self.data / KEY}
        hub = open_hub(load_settings(self.data, own, environment={}))
        with hub.database.begin() as session:
            code = codes.make(session, hub, codes.CodeKind.PAIRING).text
        hub.database.close()
        return pairing_line(hub.settings, f"127.0.0.1:{port}", code)


class Relay:
    """Passes bytes on between a device and the hub, slowly, and cuts connections."""

    def __init__(self, port: int) -> None:
        """port: of the hub."""
        self._hub_port = port
        self.cut_after: Callable[[], int | None] = lambda: None
        """Asked at each connection: the bytes from the hub after which it is cut."""
        self.bytes_per_s = float("inf")
        self.passed_bytes = 0
        self.cuts = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._closed = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._server.close()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                device, _ = self._server.accept()
            except OSError:
                return
            try:
                hub = socket.create_connection(("127.0.0.1", self._hub_port), 5)
            except OSError:
                device.close()
                continue
            hub.settimeout(None)
            for work in ((device, hub, None), (hub, device, self.cut_after())):
                threading.Thread(target=self._pass, args=work, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, cut: int | None) -> None:
        passed = 0
        try:
            while data := source.recv(PIECE):
                if cut is not None and passed + len(data) >= cut:
                    target.sendall(data[: cut - passed])
                    self.cuts += 1
                    break
                target.sendall(data)
                passed += len(data)
                self.passed_bytes += len(data)
                if self.bytes_per_s < float("inf"):
                    time.sleep(len(data) / self.bytes_per_s)
        except OSError:
            pass
        for each in (source, target):
            with suppress(OSError):
                # reset at once, as a network that goes away
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.shutdown(socket.SHUT_RDWR)
            each.close()
