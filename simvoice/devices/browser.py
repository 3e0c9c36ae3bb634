"""The server's end of a microphone and speaker in the learner's browser.

The page's end is `web/static/line.js` and `web/static/audio-worklet.js`. They exchange binary
messages, little-endian, over one WebSocket. This module does not receive the text messages on that
WebSocket, which are not sound.

Page to server, one or more messages for each frame (`HEAD`, 24 bytes, then sound):

    offset  type  field
    0       u8    version      `VERSION`; any other in the first message ends the line
    1       u8    reserved     0
    2       u16   count        frames in this message, 1..`MAX_COUNT`
    4       u32   index        number of the first frame; the next frames count up from it
    8       u32   ahead        samples that will be played before a frame that arrives now
    12      u32   underruns    frames of silence played so far because no sound was there
    16      u32   received     frames the page has received from the server so far
    20      u16   latency_ms   sum of the input and output latency that the browser reports
    22      u16   reserved     0
    24      i16   sound        count x 320 samples, mono, 16 kHz

Server to page (`OUT_HEAD`, 4 bytes, then sound):

    0       u8    version      `VERSION`
    1       u8    reserved     0
    2       u16   count        frames in this message; always 1 at present
    4       i16   sound        count x 320 samples, mono, 16 kHz

With `received` the server counts the frames in flight, so that the delay of a frame is a sum of
counts and not an estimate: see `BrowserLine.read`.
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
from simvoice.devices.microphone import OffsetRemover
from simvoice.devices.pacing import WaitTimer
from simvoice.errors import DeviceLost
from simvoice.ports import LineFacts, MicFrame

VERSION = 1
HEAD = struct.Struct("<BBHIIIIHH")
OUT_HEAD = struct.Struct("<BBH")
FRAME_BYTES = FRAME * 2
MAX_COUNT = 100
"""Most frames in one message: 2 s. The page sends one, and more only after a stall."""
QUEUE_FRAMES = round(2.0 / FRAME_S)
"""Frames queued in each direction: 2 s; further frames are dropped and counted."""
MAX_GAP = round(60.0 / FRAME_S)
"""Frames that a counter may skip. A longer gap is not a stalled tab but a malformed message."""
PATIENCE_S = 5.0
"""Seconds that a page may send no sound: a browser on a busy machine stalls, and a closing tab
stops sending before its WebSocket closes. A lost microphone is reported at once (`lose`)."""
LOOK_S = 0.1
_WRAP = 1 << 32


@dataclass(frozen=True, slots=True)
class PageState:
    """The state of the page's speaker in the newest message."""

    next_index: int
    """Number of the frame after the newest one received."""
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
    """An `AudioLine` whose microphone and speaker are in the learner's browser.

    The WebSocket's server calls `push` with every binary message, from any thread, and `close` when
    the tab is gone. The line calls `send` with every outgoing message, from the runtime's thread;
    `send` must return at once.
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
        """Names, rate (Hz) and echo mode come from the page's first message."""
        self._send = send
        self._facts = LineFacts("browser", microphone, speaker, native_rate, echo)
        self._changed = threading.Condition()
        self._queue: deque[_Queued] = deque()
        self._offset = OffsetRemover()
        self._open = False
        self._closed = False
        self._expected: int | None = None
        self._pending_lost = 0
        self._page = PageState(0, 0, 0, 0, 0.0)
        self._received_base: int | None = None
        self._sent = 0
        self.malformed = 0
        """Number of dropped messages that do not have the format above."""
        self.overflow_in = 0
        """Frames from the page that were dropped because they were not read for 2 s."""
        self.overflow_out = 0
        """Frames for the page that were dropped because 2 s were already in flight."""
        self.trouble: str | None = None
        """The problem with the page, as a sentence; None without one."""

    @property
    def facts(self) -> LineFacts:
        """The page's devices."""
        return self._facts

    def start(self) -> None:
        """Accept sound from now on; earlier sound was dropped."""
        with self._changed:
            self._open = True

    def push(self, data: bytes) -> None:
        """Take a binary message from the page, from any thread. Never raises for its content."""
        with self._changed:
            if self._open and not self._closed:
                self._take(data)
                self._changed.notify_all()

    def lose(self, what: str) -> None:
        """End the line when the page loses its microphone; frames already received are read first.

        what: the problem, as a sentence.
        """
        with self._changed:
            self.trouble = self.trouble or what
            self._changed.notify_all()

    def close(self) -> None:
        """Close the line when the tab is gone; `read` gives the queued frames, then None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def read(self, timeout_s: float = PATIENCE_S) -> MicFrame | None:
        """Return the next frame, as `AudioLine.read`.

        `output_delay_s` is the time from the start of this frame to the sound of the one written
        next: the frames captured since, the samples in the page's ring, the frames in flight to it,
        and the latency that the browser reports.
        """
        timer = WaitTimer()
        with self._changed:
            while not self._queue:
                if self.trouble is not None:
                    raise DeviceLost(self.trouble)
                if self._closed:
                    return None
                if timer.elapsed_s() >= timeout_s:
                    raise DeviceLost(
                        f"the page sent no sound for {timeout_s:g} s; keep its tab open, allow "
                        "the microphone and start again"
                    )
                self._changed.wait(min(LOOK_S, timeout_s))
            taken = self._queue.popleft()
            pcm = self._offset.process(taken.pcm)
            return MicFrame(pcm, taken.lost, self._delay_s(taken.index), self._page.underruns)

    def write(self, frame: Pcm16) -> None:
        """Send int16 [320] to the page's speaker; drop and count it when 2 s are in flight."""
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
        """Close the line; its server closes the WebSocket."""
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
        if version != VERSION and self._expected is not None:
            self.malformed += 1  # a page does not change its version; this message is no sound
            return
        if version != VERSION:
            self.trouble = (
                f"the page uses version {version} of the sound protocol and this simvoice uses "
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
            # Drop the newest, so that frames stay in order; the next frame reports the loss.
            self.overflow_in += 1
            self._pending_lost += 1
            return
        self._queue.append(_Queued(index, self._pending_lost, pcm))
        self._pending_lost = 0
