"""Language-model servers for tests: llama-cpp-python's own, and one with scripted answers."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simvoice.engines.llm.remote import Remote

HOUSE = Path(__file__).resolve().parents[3]

LOADING_S = 120.0
"""Limit for loading a model on a busy machine."""


@dataclass
class ModelServer:
    """A running `python -m llama_cpp.server`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def logged(self) -> str:
        return self.log.read_text(errors="replace")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def model_server(
    weights: Path, log: Path, *options: str, port: int | None = None
) -> Iterator[ModelServer]:
    """Start a server, wait until it answers, and end it afterwards. weights: a gguf file."""
    port = port or free_port()
    command = [
        sys.executable, "-m", "llama_cpp.server",
        "--model", str(weights), "--model_alias", "patient",
        "--host", "127.0.0.1", "--port", str(port), "--n_threads", "1", "--n_threads_batch", "1",
        *options,
    ]  # fmt: skip
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=HOUSE, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
    made = ModelServer(process, port, log)
    try:
        _wait_until_up(made)
        yield made
    finally:
        made.kill()


def _wait_until_up(server: ModelServer) -> None:
    limit_s = time.monotonic() + LOADING_S
    while time.monotonic() < limit_s:
        assert server.process.poll() is None, server.logged()
        try:
            urllib.request.urlopen(f"{server.url}/models", timeout=30).close()
        except urllib.error.HTTPError:
            return  # the server requires a key
        except OSError:
            threading.Event().wait(0.1)
            continue
        return
    raise AssertionError(f"the server does not answer: {server.logged()}")


class DiesAt:
    """A remote model whose server is killed in the middle of one of its replies."""

    strong = True

    def __init__(self, remote: Remote, server: ModelServer, *, reply: int, piece: int) -> None:
        """reply, piece: counted from 1."""
        self._remote, self._server = remote, server
        self._reply, self._piece = reply, piece
        self.replies: list[str] = []

    def warm(self, prefix: str, **how: Any) -> None:
        self._remote.warm(prefix, **how)

    def rank(self, prompt: str, candidates: Sequence[str], **how: Any) -> list[float]:
        return self._remote.rank(prompt, candidates, **how)

    def complete(self, prompt: str, **how: Any) -> Iterator[str]:
        self.replies.append("")
        for number, piece in enumerate(self._remote.complete(prompt, **how), 1):
            if (len(self.replies), number) == (self._reply, self._piece):
                self._server.kill()
            self.replies[-1] += piece
            yield piece


# -- a server with scripted answers ---------------------------------------------------------

Act = Callable[["OddHandler", dict[str, Any]], None]


@dataclass
class OddServer:
    """Answers every POST by `act`, and records the requests."""

    act: Act
    models: list[str] = field(default_factory=lambda: ["patient"])
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)
    """The client closed the connection before the answer was complete."""
    url: str = ""
    step_s: float = 0.0
    """What passes for the client in each moment in which it waits for a silent server."""
    skip: Callable[[float], None] = lambda _: None
    """Lets seconds pass for the client."""


class OddHandler(http.server.BaseHTTPRequestHandler):
    odd: OddServer

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.odd.headers.append(dict(self.headers))
        self.give(200, json.dumps({"data": [{"id": name} for name in self.odd.models]}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.odd.bodies.append(body)
        self.odd.paths.append(self.path)
        self.odd.prompts.append(body.get("prompt", ""))
        self.odd.headers.append(dict(self.headers))
        try:
            self.odd.act(self, body)
        except (BrokenPipeError, ConnectionResetError):
            self.odd.hung_up.set()

    def give(self, status: int, text: str, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def begin(self) -> None:
        """Begin a stream without a length, which ends with the connection."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def event(self, value: object) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        self.wfile.write(f"data: {text}\r\n\r\n".encode())
        self.wfile.flush()

    def say(self, text: str) -> None:
        self.event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})

    def end_reply(self) -> None:
        self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self.event("[DONE]")

    def is_left(self) -> bool:
        """Return whether the client has closed the connection."""
        self.connection.settimeout(0.0)
        try:
            return self.connection.recv(1, socket.MSG_PEEK) == b""
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True
        finally:
            self.connection.settimeout(None)

    def wait_until_left(self) -> None:
        """Send nothing more, until the client closes the connection."""
        while not self.is_left():
            self.odd.skip(self.odd.step_s)
            threading.Event().wait(0.01)
        self.odd.hung_up.set()


@contextlib.contextmanager
def odd_server(act: Act) -> Iterator[OddServer]:
    odd = OddServer(act)
    handler = type("Handler", (OddHandler,), {"odd": odd})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        odd.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield odd
        server.shutdown()
        thread.join()
