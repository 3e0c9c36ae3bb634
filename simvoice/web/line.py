"""The WebSocket of a conversation: sound both ways, and what the page may see.

The page begins with a text message, the hello (`Hello`); after it, binary messages are sound as
`devices/browser.py` describes, `{"type": "end"}` asks for the end, and `{"type": "lost"}` says that
the microphone is gone. The server sends sound and

    begun     attempt                       the encounter runs; this is its record
    status    at_s floor level_dbfs time_left_s        about ten times a second
    caption   who start_s text              one turn, once it was said
    finished  attempt reason message        over, the record is closed
    fault     message attempt               it could not begin or go on; attempt may be null
    busy      message                       somebody else is talking

and closes the socket after any of the last three.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Annotated, Literal

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from simvoice.debrief.retry import CheckpointRef
from simvoice.devices.browser import BrowserLine
from simvoice.web.encounters import EncounterSlot, Outbox, RunningEncounter
from simvoice.web.security import same_token

log = logging.getLogger(__name__)
router = APIRouter()

HELLO_S = 10.0
"""How long a connection may stay without saying who it is."""

POLICY = 1008
"""WebSocket close code: not allowed."""

_BUSY_PATIENCE_S = 3.0
"""An encounter whose page was just closed needs a moment to end."""


class RetryFrom(BaseModel):
    """A moment of an attempt, by the turn of the patient's that begins there."""

    model_config = ConfigDict(extra="forbid")

    attempt: str = Field(max_length=100)
    turn: int = Field(ge=0, le=100_000)


class Hello(BaseModel):
    """The first message of the page."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["hello"]
    token: str
    case: str = Field(max_length=100)
    learner: Annotated[str, StringConstraints(strip_whitespace=True, max_length=60)] = ""
    again: RetryFrom | None = None
    """Another go at a moment of an earlier attempt; None from the door."""
    headphones: bool = False
    """The learner says so; it cannot be measured here."""
    microphone: str = Field(default="", max_length=200)
    rate: int = Field(default=16_000, ge=8_000, le=384_000)
    """Hertz, of the microphone itself."""
    echoCancellation: bool = False  # spelled as the browser spells them
    noiseSuppression: bool = False
    autoGainControl: bool = False


def browser_line(hello: Hello, outbox: Outbox) -> BrowserLine:
    """The line of this page, with what it said of its devices."""
    treated = [
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
        microphone=f"{name} (with {', '.join(treated)})" if treated else name,
        speaker="headphones" if hello.headphones else "browser loudspeaker",
        native_rate=hello.rate,
        echo=echo,
    )


@router.websocket("/line")
async def talk(socket: WebSocket) -> None:
    """One conversation. Host and Origin were checked by `security.Guard` before this."""
    await socket.accept()
    hello = await _hello(socket)
    if hello is None:
        return
    stage: EncounterSlot = socket.app.state.stage
    outbox = Outbox(asyncio.get_running_loop())
    line = browser_line(hello, outbox)
    await run_in_threadpool(stage.is_free, _BUSY_PATIENCE_S)
    again = (
        CheckpointRef(hello.again.attempt, hello.again.turn) if hello.again is not None else None
    )
    scene = stage.begin(hello.case, hello.learner, line, outbox, again)
    if scene is None:
        await _refuse_busy(socket)
        return
    sender = asyncio.create_task(_send(socket, outbox))
    try:
        await _receive(socket, line, scene)
    finally:
        # the page is gone or was told all; without the line the encounter ends by itself
        scene.page_left = not outbox.told_end
        line.close()
        sender.cancel()


async def _hello(socket: WebSocket) -> Hello | None:
    """The hello; None when there was none that counts, and the socket is closed then."""
    try:
        text = await asyncio.wait_for(socket.receive_text(), HELLO_S)
        hello = Hello.model_validate_json(text)
    except (TimeoutError, ValidationError, KeyError):  # KeyError: binary instead of text
        await socket.close(POLICY, "The page did not introduce itself.")
        return None
    except WebSocketDisconnect:
        return None
    if not same_token(hello.token, socket.app.state.token):
        await socket.close(POLICY, "This page is from an earlier start; reload it.")
        return None
    return hello


async def _refuse_busy(socket: WebSocket) -> None:
    sentence = "A conversation is running in another tab; end it there and try again here."
    await socket.send_json({"type": "busy", "message": sentence})
    await socket.close(1000)


async def _receive(socket: WebSocket, line: BrowserLine, scene: RunningEncounter) -> None:
    """Take what the page sends until it is gone."""
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
                scene.end()
            case "lost":
                line.lose("the microphone was unplugged or switched off; connect it again")


def _kind(text: str) -> str:
    """What a message of the page is; empty for nonsense."""
    try:
        said = json.loads(text)
    except ValueError:
        return ""
    return str(said.get("type", "")) if isinstance(said, dict) else ""


async def _send(socket: WebSocket, outbox: Outbox) -> None:
    """Give the page what waits for it; close when there will be no more."""
    try:
        while (waiting := await outbox.take()) is not None:
            for message in waiting:
                if isinstance(message, bytes):
                    await socket.send_bytes(message)
                else:
                    await socket.send_text(message)
        outbox.told_end = True
        await socket.close(1000)
    except (WebSocketDisconnect, RuntimeError):  # the page went away while it was spoken to
        log.debug("the page is gone")
    if outbox.dropped_audio:
        log.warning("the page was too slow for %d messages of sound", outbox.dropped_audio)
