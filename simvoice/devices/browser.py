"""The server's side of a microphone and speaker in the learner's browser.

The page's side is `web/static/line.js` and `web/static/audio-worklet.js`. Both talk over one
WebSocket in binary messages, little-endian. Text messages on that WebSocket are not sound
and never come here.

Page to server, once or more a frame (`HEAD`, 24 bytes, then sound):

    offset  type  field
    0       u8    version      `VERSION`; another one ends the line
    1       u8    reserved     0
    2       u16   count        frames in this message, 1..`MAX_COUNT`
    4       u32   index        number of the first frame; each later one is one more
    8       u32   ahead        samples that a frame arriving now has to wait before it sounds
    12      u32   underruns    frames of silence the speaker played so far for want of sound
    16      u32   received     frames the page has taken from the server so far
    20      u16   latency_ms   what the browser says of its input and output latency, together
    22      u16   reserved     0
    24      i16   sound        count x 320 samples, mono, 16 kHz

Server to page (`OUT_HEAD`, 4 bytes, then sound):

    0       u8    version      `VERSION`
    1       u8    reserved     0
    2       u16   count        frames in this message; always 1 today
    4       i16   sound        count x 320 samples, mono, 16 kHz

`received` lets the server count what is still on its way, so that the delay of a frame is a sum
of counts and not a guess: see `BrowserLine.read`.
"""

from __future__ import annotations

import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simvoice.audio import FRAME, FRAME_S, RATE, Pcm16
from simvoice.devices.pacing import Waiting
from simvoice.errors import DeviceLost
from simvoice.ports import LineFacts, MicFrame

VERSION = 1
HEAD = struct.Struct("<BBHIIIIHH")
OUT_HEAD = struct.Struct("<BBH")
FRAME_BYTES = FRAME * 2
MAX_COUNT = 100
"""Frames in one message: 2 s. The page sends one; more come only after a stall."""
QUEUE_FRAMES = round(2.0 / FRAME_S)
"""2 s each way; more is dropped and counted."""
MAX_GAP = round(60.0 / FRAME_S)
"""A counter that jumps over more than a minute is not a stalled tab but a broken message."""
PATIENCE_S = 5.0
"""How long a page may send no sound: a browser on a busy machine stalls, and a closing tab falls
silent before its WebSocket is closed. A lost microphone is told at once (`lose`)."""
LOOK_S = 0.1
_WRAP = 1 << 32


@dataclass(frozen=True, slots=True)
class PageState:
    """What the newest message said of the page's speaker."""

    next_index: int
    """Number of the frame after the newest one that came."""
    ahead: int
    underruns: int
    received: int
    latency_s: float


@dataclass(frozen=True, slots=True)
class _Queued:
    index: int
    lost: int
    pcm: Pcm16


class BrowserLine:
    """An `AudioLine` whose two ends are in the learner's browser.

    `push` is called by whoever serves the WebSocket, from any thread, with every binary
    message; `send` is called with every outgoing one, from the runtime's thread, and has to
    return at once. `close` says that the tab is gone.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        *,
        microphone: str = "browser microphone",
        speaker: str = "browser speaker",
        native_rate: int = RATE,
        echo: Literal["headphones", "canceller", "half-duplex", "none"] = "canceller",
    ) -> None:
        """The names, the rate (Hz) and the echo mode are what the page's hello said."""
        self._send = send
        self._facts = LineFacts("browser", microphone, speaker, native_rate, echo)
        self._changed = threading.Condition()
        self._queue: deque[_Queued] = deque()
        self._open = False
        self._closed = False
        self._expected: int | None = None
        self._pending_lost = 0
        self._page = PageState(0, 0, 0, 0, 0.0)
        self._received_base: int | None = None
        self._sent = 0
        self.malformed = 0
        """Messages that were not what this module describes; they are dropped."""
        self.overflow_in = 0
        """Frames from the page dropped because nobody read them for 2 s."""
        self.overflow_out = 0
        """Frames for the page dropped because 2 s were already on their way."""
        self.trouble: str | None = None
        """A sentence when the page cannot be understood; None while all is well."""

    @property
    def facts(self) -> LineFacts:
        """What the page said of its devices."""
        return self._facts

    def start(self) -> None:
        """Sound that came before is not part of the session and was dropped."""
        with self._changed:
            self._open = True

    def push(self, data: bytes) -> None:
        """One binary message from the page, from any thread. Never raises for its content."""
        with self._changed:
            if self._open and not self._closed:
                self._take(data)
                self._changed.notify_all()

    def lose(self, what: str) -> None:
        """The page says that its microphone is gone; what had come before is read first."""
        with self._changed:
            self.trouble = self.trouble or what
            self._changed.notify_all()

    def close(self) -> None:
        """The tab is gone: what was queued can still be read, then `read` gives None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def read(self, timeout_s: float = PATIENCE_S) -> MicFrame | None:
        """The next frame, as `AudioLine.read`.

        `output_delay_s` counts, from the start of this frame to the sound of the one written
        next: frames the page has captured since, what lies ahead in its ring, what is on its
        way to it, and the latency the browser states.
        """
        waiting = Waiting()
        with self._changed:
            while not self._queue:
                if self.trouble is not None:
                    raise DeviceLost(self.trouble)
                if self._closed:
                    return None
                if waiting.look() >= timeout_s:
                    raise DeviceLost(
                        f"the page sent no sound for {timeout_s:g} s; keep its tab open, allow "
                        "the microphone and start again"
                    )
                self._changed.wait(min(LOOK_S, timeout_s))
            taken = self._queue.popleft()
            return MicFrame(taken.pcm, taken.lost, self._delay_s(taken.index), self._page.underruns)

    def write(self, frame: Pcm16) -> None:
        """int16 [320] for the page's speaker; dropped and counted when 2 s are under way."""
        if frame.shape != (FRAME,) or frame.dtype != np.int16:
            raise ValueError(f"a frame is int16 [{FRAME}], not {frame.dtype} {frame.shape}")
        with self._changed:
            if self._closed or not self._open:
                return
            if self._in_flight() + self._page.ahead // FRAME >= QUEUE_FRAMES:
                self.overflow_out += 1
                return
            self._sent += 1
        self._send(OUT_HEAD.pack(VERSION, 0, 1) + frame.astype("<i2", copy=False).tobytes())

    def stop(self) -> None:
        """Close this side; the WebSocket belongs to whoever serves it."""
        self.close()

    def _in_flight(self) -> int:
        base = self._received_base or 0
        return max(0, self._sent - (self._page.received - base) % _WRAP)

    def _delay_s(self, index: int) -> float:
        since = (self._page.next_index - index) % _WRAP
        frames = since + self._in_flight()
        return frames * FRAME_S + self._page.ahead / RATE + self._page.latency_s

    def _take(self, data: bytes) -> None:
        if len(data) < HEAD.size:
            self.malformed += 1
            return
        version, _, count, index, ahead, underruns, received, latency_ms, _ = HEAD.unpack_from(data)
        if version != VERSION:
            self.trouble = (
                f"the page speaks version {version} of the sound protocol and this simvoice "
                f"version {VERSION}; reload the page"
            )
            self._closed = True
            return
        if not 1 <= count <= MAX_COUNT or len(data) != HEAD.size + count * FRAME_BYTES:
            self.malformed += 1
            return
        gap = 0 if self._expected is None else (index - self._expected) % _WRAP
        if gap > MAX_GAP:
            self.malformed += 1
            return
        if self._received_base is None:
            self._received_base = received
        self._page = PageState(
            (index + count) % _WRAP, ahead, underruns, received, latency_ms / 1000.0
        )
        self._expected = self._page.next_index
        self._pending_lost += gap
        sound = np.frombuffer(data, dtype="<i2", offset=HEAD.size).astype(np.int16)
        for i in range(count):
            self._enqueue((index + i) % _WRAP, sound[i * FRAME : (i + 1) * FRAME])

    def _enqueue(self, index: int, pcm: Pcm16) -> None:
        if len(self._queue) >= QUEUE_FRAMES:
            # The newest is dropped, so that what is read stays in order; the next frame says it.
            self.overflow_in += 1
            self._pending_lost += 1
            return
        self._queue.append(_Queued(index, self._pending_lost, pcm))
        self._pending_lost = 0
