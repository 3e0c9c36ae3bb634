"""The WebSocket of an encounter: sound in both directions, and messages to the page.

The page first sends a text message, the hello (`Hello`). After it, binary messages are sound in the
format of `devices/browser.py`, `{"type": "end"}` asks for the end, and `{"type": "lost"}` reports
that the microphone is gone. The server sends sound and these text messages:

    begun     attempt                       the encounter runs; the id of its record
    status    at_s floor level_dbfs time_left_s        about ten times a second
    caption   who start_s text              one turn, after it was spoken
    finished  attempt reason message        the encounter is over and its record is closed
    fault     message attempt               it could not start or continue; attempt may be null
    busy      message                       another encounter is running

It closes the socket after any of the last three.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Annotated, Literal

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, StringConstraints, ValidationError

from simvoice.debrief.retry import CheckpointRef
from simvoice.devices.browser import BrowserLine
from simvoice.strict_model import StrictModel
from simvoice.web.encounters import EncounterSlot, Outbox, RunningEncounter
from simvoice.web.security import same_token

_log = logging.getLogger(__name__)
router = APIRouter()

HELLO_S = 10.0
"""The page must send its hello within this time."""

POLICY = 1008
"""WebSocket close code: not allowed."""

_SLOT_WAIT_S = 3.0
"""An encounter whose page was just closed needs a moment to end."""


class RetryFrom(StrictModel):
    """A checkpoint of an attempt, named by the patient's turn that begins there."""

    attempt: str = Field(max_length=100)
    turn: int = Field(ge=0, le=100_000)


class Hello(StrictModel):
    """The first message of the page."""

    type: Literal["hello"]
    token: str
    case: str = Field(max_length=100)
    learner: Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)] = ""
    again: RetryFrom | None = None
    """The checkpoint that a retry begins at; None for an encounter from the door."""
    headphones: bool = False
    """What the learner ticked on the page. The server cannot measure it."""
    microphone: str = Field(default="", max_length=200)
    rate: int = Field(default=16_000, ge=8_000, le=384_000)
    """Sample rate of the microphone, in hertz."""
    echoCancellation: bool = False  # these names follow the browser's API
    noiseSuppression: bool = False
    autoGainControl: bool = False


def browser_line(hello: Hello, outbox: Outbox) -> BrowserLine:
    """Return the audio line of this page, with what the page reports about its devices."""
    processing = [
        name
        for name, on in (
            ("echo cancelling", hello.echoCancellation),
            ("noise suppression", hello.noiseSuppression),
            ("automatic gain", hello.autoGainControl),
        )
        if on
    ]
    name = hello.microphone or "browser microphone"
    echo: Literal["headphones", "canceller", "none"] = "none"
    if hello.headphones:
        echo = "headphones"
    elif hello.echoCancellation:
        echo = "canceller"
    return BrowserLine(
        outbox.put_audio,
        microphone=f"{name} (with {', '.join(processing)})" if processing else name,
        speaker="headphones" if hello.headphones else "browser loudspeaker",
        native_rate=hello.rate,
        echo=echo,
    )


@router.websocket("/line")
async def talk(socket: WebSocket) -> None:
    """Run one encounter. `security.Guard` has checked Host and Origin before this."""
    await socket.accept()
    hello = await _hello(socket)
    if hello is None:
        return
    slot: EncounterSlot = socket.app.state.slot
    outbox = Outbox(asyncio.get_running_loop())
    line = browser_line(hello, outbox)
    await run_in_threadpool(slot.is_free, _SLOT_WAIT_S)
    retry = hello.again
    checkpoint = CheckpointRef(retry.attempt, retry.turn) if retry is not None else None
    running = slot.begin(hello.case, hello.learner, line, outbox, checkpoint)
    if running is None:
        await _refuse_busy(socket)
        return
    sender = asyncio.create_task(_send(socket, outbox))
    try:
        await _receive(socket, line, running)
    finally:
        # the page is gone or has every message; the encounter ends when its line is closed
        running.page_left = not outbox.sent_all
        line.close()
        sender.cancel()


async def _hello(socket: WebSocket) -> Hello | None:
    """Return the hello. Without a valid one, close the socket and return None."""
    try:
        text = await asyncio.wait_for(socket.receive_text(), HELLO_S)
        hello = Hello.model_validate_json(text)
    except (TimeoutError, ValidationError, KeyError):  # KeyError: binary instead of text
        await socket.close(POLICY, "The page sent no valid hello.")
        return None
    except WebSocketDisconnect:
        return None
    if not same_token(hello.token, socket.app.state.token):
        await socket.close(POLICY, "This page is from an earlier start of the server. Reload it.")
        return None
    return hello


async def _refuse_busy(socket: WebSocket) -> None:
    sentence = "An encounter is running in another tab. End it there, then try again here."
    await socket.send_json({"type": "busy", "message": sentence})
    await socket.close(1000)


async def _receive(socket: WebSocket, line: BrowserLine, running: RunningEncounter) -> None:
    """Handle the page's messages until the page is gone."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        data = message.get("bytes")
        if data is not None:
            line.push(data)
            continue
        match _kind(message.get("text") or ""):
            case "end":
                running.end()
            case "lost":
                line.lose("the microphone was unplugged or switched off; connect it again")


def _kind(text: str) -> str:
    """Return the type of a page's text message; empty for anything that is not valid."""
    try:
        message = json.loads(text)
    except ValueError:
        return ""
    return str(message.get("type", "")) if isinstance(message, dict) else ""


async def _send(socket: WebSocket, outbox: Outbox) -> None:
    """Send the waiting messages to the page. Close the socket after the last one."""
    try:
        while (waiting := await outbox.take()) is not None:
            for message in waiting:
                if isinstance(message, bytes):
                    await socket.send_bytes(message)
                else:
                    await socket.send_text(message)
        outbox.sent_all = True
        await socket.close(1000)
    except (WebSocketDisconnect, RuntimeError):  # the page closed during a send
        _log.debug("the page is gone")
    if outbox.dropped_audio:
        _log.warning("the page was too slow; %d audio messages were dropped", outbox.dropped_audio)
