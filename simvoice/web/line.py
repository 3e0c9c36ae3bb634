"""The WebSocket of an encounter: sound in both directions, and messages to the page.

The page first sends a text message, the hello (`Hello`). After it, binary messages are sound in the
format of `devices/browser.py`, `{"type": "end"}` asks for the end, and `{"type": "lost"}` reports
that the microphone is gone. Where the encounter takes typed turns, `{"type": "typed", "text": …}`
is one, and `{"type": "typing"}` tells that one is being typed. The server sends sound and these
text messages:

    begun     attempt                       the encounter runs; the id of its record
    status    at_s floor level_dbfs time_left_s is_held    about ten times a second
    speaking  start_s text                  the patient begins to say this line
    caption   who start_s text              one turn, after it was spoken
    time_over at_s                          the time is over, and the encounter goes on
    notice    message                       a message of the page was ignored; said once a kind
    refused   message                       a typed turn was not taken
    finished  attempt reason message        the encounter is over and its record is closed
    fault     message attempt               it could not start or continue; attempt may be null
    busy      message                       another encounter is running

It closes the socket after any of the last three. A refused page gets a fault, too, because a
browser does not tell a script why a connection was refused.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Annotated, Literal

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool
from pydantic import AfterValidator, Field, ValidationError

from simvoice.debrief.retry import CheckpointRef
from simvoice.devices.browser import BrowserLine
from simvoice.errors import SimvoiceError
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.safe_text import one_line
from simvoice.strict_model import StrictModel
from simvoice.web.encounters import EncounterPool, Outbox, RunningEncounter, build_encounter
from simvoice.web.security import refuse, same_token

_log = logging.getLogger(__name__)
router = APIRouter()

HELLO_S = 10.0
"""The page must send its hello within this time."""

_QUIET_END_S = 0.5
"""After the page asked for the end, its sound is awaited this long; a stalled tab sends none."""

_MOST_TEXT = 16_384
"""Characters of the longest message: a typed turn whose characters are all escaped. The hello has
about 400."""

_SLOT_WAIT_S = 3.0
"""An encounter whose page was just closed needs a moment to end."""


_BUSY = "An encounter is running in another tab. End it there, then try again here."


class RetryFrom(StrictModel):
    """A checkpoint of an attempt, named by the patient's turn that begins there."""

    attempt: str = Field(max_length=100)
    turn: int = Field(ge=0, le=100_000)


class Hello(StrictModel):
    """The first message of the page."""

    type: Literal["hello"]
    token: str
    case: str = Field(max_length=100)
    learner: Annotated[str, Field(max_length=60), AfterValidator(one_line)] = ""
    again: RetryFrom | None = None
    """The checkpoint that a retry begins at; None for an encounter from the door."""
    typed: bool = False
    """The learner wishes to type turns."""
    headphones: bool = False
    """What the learner ticked on the page. The server cannot measure it."""
    microphone: Annotated[str, Field(max_length=200), AfterValidator(one_line)] = ""
    rate: int = Field(default=16_000, ge=8_000, le=384_000)
    """Sample rate of the microphone, in hertz."""
    echoCancellation: bool = False  # these names follow the browser's API
    noiseSuppression: bool = False
    autoGainControl: bool = False

    @property
    def checkpoint(self) -> CheckpointRef | None:
        """Where a retry begins; None for an encounter from the door."""
        return None if self.again is None else CheckpointRef(self.again.attempt, self.again.turn)


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
    hello = await read_hello(socket, socket.app.state.token)
    if hello is None:
        return
    slot: EncounterPool = socket.app.state.slot
    outbox = Outbox(asyncio.get_running_loop())
    line = browser_line(hello, outbox)
    await run_in_threadpool(slot.is_free, _SLOT_WAIT_S)
    build = build_encounter(
        socket.app.state.simulator,
        hello.case,
        hello.learner,
        line,
        hello.checkpoint,
        EncounterOptions(typed=hello.typed, reflects=socket.app.state.reflects),
    )
    running = slot.begin(build, line, outbox)
    if running is None:
        await refuse_busy(socket, _BUSY)
        return
    await converse(socket, line, running, outbox)


async def converse(
    socket: WebSocket, line: BrowserLine, running: RunningEncounter, outbox: Outbox
) -> None:
    """Carry sound and messages between a page and its encounter until the page is gone."""
    sender = asyncio.create_task(_send(socket, outbox))
    try:
        await _receive(socket, line, running, outbox)
    finally:
        # the page is gone or has every message; the encounter ends when its line is closed
        running.page_left = not outbox.sent_all
        line.close()
        sender.cancel()


async def read_hello(socket: WebSocket, token: str) -> Hello | None:
    """Return the hello. Without a valid one, tell the page why, close the socket, return None.

    token: the one that our own pages have.
    """
    try:
        message = await asyncio.wait_for(socket.receive(), HELLO_S)
    except TimeoutError:
        await refuse(socket, "The page did not begin the encounter in time. Reload it.")
        return None
    if message["type"] == "websocket.disconnect":
        return None
    try:
        hello = Hello.model_validate_json((message.get("text") or "")[: _MOST_TEXT + 1])
    except ValidationError as error:
        _log.warning("a page sent no valid hello: %s", _fields(error))
        await refuse(socket, "The page did not begin the encounter as it should. Reload it.")
        return None
    if not same_token(hello.token, token):
        await refuse(socket, "This page is from an earlier start of the server. Reload it.")
        return None
    return hello


def _fields(error: ValidationError) -> str:
    """Return the names of our fields that are wrong, for the log, and nothing that was sent."""
    named = {str(part) for each in error.errors() for part in each["loc"][:1]}
    return ", ".join(sorted(named & Hello.model_fields.keys())) or "not a hello"


async def refuse_busy(socket: WebSocket, sentence: str) -> None:
    """Tell the page that no encounter can begin now, and close the socket."""
    await socket.send_json({"type": "busy", "message": sentence})
    await socket.close(1000)


async def _receive(
    socket: WebSocket, line: BrowserLine, running: RunningEncounter, outbox: Outbox
) -> None:
    """Handle the page's messages until the page is gone. No message ends it by being wrong."""
    said: set[str] = set()
    timeout_s: float | None = None

    def ignore(what: str) -> None:
        if what not in said:  # a page that repeats it must not push captions out of the outbox
            said.add(what)
            _log.warning("the page sent %s", what)
            sentence = f"The page sent {what}. It was ignored, and the encounter goes on."
            outbox.put_text({"type": "notice", "message": sentence})

    while True:
        try:
            message = await asyncio.wait_for(socket.receive(), timeout_s)
        except TimeoutError:  # the encounter ends at the next frame, and none comes
            line.close()
            timeout_s = None
            continue
        if message["type"] == "websocket.disconnect":
            return
        data = message.get("bytes")
        if data is not None:
            malformed = line.malformed
            line.push(data)
            if line.malformed > malformed:
                ignore("sound that does not have the right form")
            continue
        match _message(message.get("text") or ""):
            case {"type": "end"}:
                running.end()
                timeout_s = _QUIET_END_S
            case {"type": "lost"}:
                line.lose("the microphone was unplugged or switched off; connect it again")
            case {"type": "typed", "text": str(text)}:
                try:
                    running.typed(text)
                except SimvoiceError as error:
                    outbox.put_text({"type": "refused", "message": str(error)})
            case {"type": "typing"}:
                running.typing()
            case {"type": str()}:
                ignore("a message of an unknown kind")
            case _:
                ignore("a message that cannot be read")


def _message(text: str) -> object:
    """Return a page's text message; None for anything that is not valid."""
    if len(text) > _MOST_TEXT:
        return None
    try:
        message: object = json.loads(text)
        return message
    except (ValueError, RecursionError):  # RecursionError: thousands of brackets
        return None


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
