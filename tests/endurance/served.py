"""A real `simvoice serve` as a process, used over HTTP and the WebSocket as a browser uses it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from simvoice.audio import FRAME
from simvoice.devices.browser import FRAME_BYTES, HEAD, OUT_HEAD, VERSION
from simvoice.devices.simulated import SimulatedLine
from simvoice.simulate.learner import LearnerScript

HOUSE = Path(__file__).resolve().parents[2]

START_S = 60.0
"""Longest wait for the address of a server."""
READY_S = 600.0
"""Longest wait for the voice of a patient. Its lines are synthesised when they are new."""
CLOSE_S = 60.0
"""Longest wait for a server that was asked to end, and for the last message of an encounter."""

_SILENCE = np.zeros(FRAME, np.int16)


class EnduranceFailure(AssertionError):
    """The server did not do what it must, with a sentence about it."""


# -- the learner's voice


def spoken_scripts(
    cases: dict[str, Path], home: Path, cut: int | None = None
) -> dict[str, LearnerScript]:
    """Return the spoken demo of each case, by id.

    cases: id to the case file. home: SIMVOICE_HOME, which keeps the sound. cut: only the first
    steps. The voice is loaded in another process, which ends: no engine stays in this one.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_speak_scripts, cases, home, cut).result()


def _speak_scripts(cases: dict[str, Path], home: Path, cut: int | None) -> dict[str, LearnerScript]:
    os.environ["SIMVOICE_HOME"] = str(home)
    from simvoice.app.standalone import planted_voice
    from simvoice.engines.threads import set_environment
    from simvoice.models import manifest
    from simvoice.simulate.demo import build_script, load_demo

    set_environment()
    voice = planted_voice()
    voice_id = next(iter(manifest.digests([manifest.profile()["voice"]]).values()))
    found = {}
    for case, path in cases.items():
        demo = load_demo(path)
        demo = demo.model_copy(update={"steps": demo.steps[:cut]})
        found[case] = build_script(demo, voice, voice_id, home / "clips")
    return found


# -- the server


class Served:
    """`simvoice serve` in a process of its own, with a browser's cookie and token."""

    def __init__(self, home: Path, *options: str) -> None:
        """Start it and wait for its address. home: SIMVOICE_HOME of the server."""
        self.home = home
        self._errors = (home / "serve.stderr").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simvoice", "serve", "--port", "0", *options],
            cwd=HOUSE,
            env=os.environ | {"SIMVOICE_HOME": str(home), "COLUMNS": "100"},
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.browser = httpx.Client(timeout=START_S, follow_redirects=True)
        try:
            self.host, self.token = self._enter()
        except BaseException:
            self.kill()
            raise
        self.browser.base_url = httpx.URL(f"http://{self.host}")
        self.browser.headers.update(
            {
                "x-simvoice-token": self.token,
                "origin": f"http://{self.host}",
                "accept": "text/html",
            }
        )

    def _enter(self) -> tuple[str, str]:
        """Open the printed address as a browser does. Return host and token."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        address = re.search(r"http://(\S+)/\?key=\S+", line)
        if address is None:
            raise EnduranceFailure(f"serve gave no address: {line!r} {self.errors()}")
        self.browser.get(address[0])  # gives the cookie
        page = self.browser.get(f"http://{address[1]}/", headers={"accept": "text/html"})
        token = re.search(r'name="simvoice-token" content="([^"]+)"', page.text)
        if token is None:
            raise EnduranceFailure(f"the first page has no token: {page.status_code}")
        return address[1], token[1]

    def errors(self) -> str:
        """Return what all servers of this home have written to stderr."""
        return (self.home / "serve.stderr").read_text(errors="replace")

    def log(self) -> str:
        """Return the whole log of this home."""
        files = sorted((self.home / "log").glob("*"))
        return "".join(path.read_text(errors="replace") for path in files if path.is_file())

    def prepare(self, case: str, patience_s: float = READY_S) -> None:
        """Wait until the patient of a case is ready."""
        self.browser.post(f"/api/case/{case}/prepare").raise_for_status()
        deadline = time.monotonic() + patience_s
        while not (state := self.browser.get("/api/ready").json())["ready"]:
            if time.monotonic() > deadline:
                raise EnduranceFailure(f"{case} was not ready after {patience_s:.0f} s: {state}")
            time.sleep(0.25)

    def connect(self) -> ClientConnection:
        """Open the WebSocket of an encounter."""
        cookies = "; ".join(f"{each.name}={each.value}" for each in self.browser.cookies.jar)
        return connect(
            f"ws://{self.host}/line",
            additional_headers={"cookie": cookies},
            origin=f"http://{self.host}",  # type: ignore[arg-type]
            max_size=1 << 20,
            ping_interval=None,
        )

    def hello(self, case: str, learner: str, again: tuple[str, int] | None = None) -> str:
        """Return the first message of the page."""
        fields: dict[str, Any] = {
            **{"type": "hello", "token": self.token, "case": case, "learner": learner},
            **{"headphones": True, "microphone": "simulated", "rate": 48_000},
        }
        if again is not None:
            fields["again"] = {"attempt": again[0], "turn": again[1]}
        return json.dumps(fields)

    def stop(self) -> int:
        """End the server with SIGTERM and return its exit code."""
        self.browser.close()
        self.process.terminate()
        try:
            return self.process.wait(CLOSE_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill the server, also a stopped one."""
        self.browser.close()
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._errors.close()


# -- an encounter


@dataclass
class Talk:
    """What a page has sent and what it was told during one encounter."""

    attempt: str = ""
    sent: int = 0
    """Frames of 20 ms that were sent after the encounter had begun."""
    at_s: float = 0.0
    """The session time that the server reported last."""
    captions: list[str] = field(default_factory=list)
    told_at_s: list[float] = field(default_factory=list)
    """For each caption, the session time that the server had reported when it came."""
    notices: list[str] = field(default_factory=list)
    last: dict[str, Any] = field(default_factory=dict)
    """The message that ended the encounter; empty when the server went away."""

    def heard(self, text: str) -> bool:
        """Take a text message. Return True when it is the last one."""
        message = json.loads(text)
        match message["type"]:
            case "begun":
                self.attempt = message["attempt"]
            case "status":
                self.at_s = message["at_s"]
            case "caption":
                self.captions.append(message["text"])
                self.told_at_s.append(self.at_s)
            case "notice":
                self.notices.append(message["message"])
            case "finished" | "fault" | "busy":
                self.last = message
                return True
        return False


class PageSpeaker:
    """The page's ring of sound that arrived and is not played yet."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self.received = 0
        self.underruns = 0

    def take(self, message: bytes) -> None:
        """Take a binary message of the server."""
        self.received += 1
        self._waiting.append(message[OUT_HEAD.size :])

    def play(self) -> np.ndarray[Any, np.dtype[np.int16]]:
        """Return the frame that sounds now; silence when none is there."""
        if self._waiting:
            return np.frombuffer(self._waiting.popleft(), "<i2").astype(np.int16)
        self.underruns += 1
        return _SILENCE

    def head(self, index: int) -> bytes:
        """Return the head of the message with the frame `index`."""
        ahead = len(self._waiting) * FRAME
        return HEAD.pack(VERSION, 0, 1, index, ahead, self.underruns, self.received, 30, 0)


def talk(
    served: Served,
    case: str,
    script: LearnerScript,
    *,
    learner: str,
    limit_s: float,
    again: tuple[str, int] | None = None,
    ends: bool = True,
    each_frame: Callable[[Talk], None] = lambda _: None,
) -> Talk:
    """Speak with a patient in real time until the script or `limit_s` is over.

    again: attempt and turn of the checkpoint of a retry. ends: say "end" then; else the tab is
    closed. each_frame: called before each frame is sent. Returns also when the server goes away.
    """
    line = SimulatedLine(script, limit_s=limit_s)
    line.start()
    found, speaker = Talk(), PageSpeaker()
    index = 0
    with suppress(ConnectionClosed, OSError), served.connect() as socket:
        socket.send(served.hello(case, learner, again))
        if found.heard(_text(socket)):
            return found
        while (frame := line.read()) is not None:
            each_frame(found)
            if _drain(socket, found, speaker):
                return found
            line.write(speaker.play())
            socket.send(speaker.head(index) + frame.pcm.astype("<i2", copy=False).tobytes())
            index += 1
            found.sent += 1
        if ends:
            socket.send('{"type": "end"}')
            # sound goes on, as in a page, until the server has closed the record
            deadline = time.monotonic() + CLOSE_S
            while time.monotonic() < deadline and not _drain(socket, found, speaker, 0.02):
                socket.send(speaker.head(index) + bytes(FRAME_BYTES))
                index += 1
    return found


def _text(socket: ClientConnection) -> str:
    message = socket.recv(READY_S)
    assert isinstance(message, str)
    return message


def _drain(
    socket: ClientConnection, found: Talk, speaker: PageSpeaker, wait_s: float = 0.0
) -> bool:
    """Take every message that is there. Return True after the last one of the encounter."""
    while True:
        try:
            message = socket.recv(wait_s)
        except TimeoutError:
            return False
        wait_s = 0.0
        if isinstance(message, bytes):
            speaker.take(message)
        elif found.heard(message):
            return True
