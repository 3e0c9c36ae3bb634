"""A store that speaks S3: moto's server in a process of its own.

It is a mock. It answers the requests of the protocol as Amazon's store does, keeps everything in
memory and checks no rights and no checksums. No real S3 store was tried.
"""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys

from tests.sound_server import wait_until

_READY_S = 60.0


class S3Server:
    """The server, on a free port of the loopback interface."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a program that is to use this server."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": "secret of the tests",
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Start the server; return when it answers."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._answers, _READY_S, "an answer of moto's server")

    def stop(self) -> None:
        """Stop the server. It forgets everything."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def make_bucket(self, name: str) -> None:
        """Make an empty bucket."""
        self._ask("PUT", f"/{name}")

    def _answers(self) -> bool:
        try:
            self._ask("GET", "/moto-api/data.json")
        except OSError:
            return False
        return True

    def _ask(self, method: str, path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            # moto takes the region of a bucket from the signature's scope
            scope = "tester/20260101/us-east-1/s3/aws4_request"
            given = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}"}
            connection.request(method, path, headers=given)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
        finally:
            connection.close()
