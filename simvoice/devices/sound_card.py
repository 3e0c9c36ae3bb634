"""The machine's own microphone and speaker, through PortAudio.

Two separate streams, because a duplex one dies on a device that starts slowly. Each runs at its
device's rate; the callbacks copy and leave, and `flow` does the rest on the runtime's side.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from simvoice.audio import FRAME, Pcm16
from simvoice.devices import portaudio
from simvoice.devices.echo import LAG_S, SILENCE, EchoCanceller, canceller_available
from simvoice.devices.loopback import Loopback, test_loopback
from simvoice.devices.pacing import Waiting
from simvoice.devices.streams import Capture, Playback
from simvoice.errors import DeviceLost, DeviceMissing, SimvoiceError
from simvoice.ports import LineFacts, MicFrame

EchoMode = Literal["headphones", "canceller", "half-duplex", "none"]

POLL_S = 0.002
"""Between looks at the ring: a tenth of a frame. A callback that woke the reader would lock."""
STALL_S = 1.0
"""Without a callback for so long a device is gone; PortAudio sets no flag for it."""
FIRST_SOUND_S = 5.0
"""A cold device may take a second or two to deliver its first block."""
WARM_UP_S = 0.6
DEAD_SILENCE_S = 5.0
"""Exact zeros for so long are a muted or wrong device: a live microphone has noise."""
USUAL_DELAY_S = 0.1
"""Said of the output until both clocks are known."""
CLOSE_S = 2.0
"""PortAudio may never return from closing a device that was pulled out."""


class SoundCard:
    """An `AudioLine` on the sound card.

    `echo="auto"` plays two short sweeps at the start and settles how the patient's voice is kept
    out of the microphone; any other value is believed.
    """

    def __init__(
        self,
        microphone: str | int | None = None,
        speaker: str | int | None = None,
        echo: EchoMode | Literal["auto"] = "auto",
        *,
        prefill_frames: int = 3,
        rate: int | None = None,
    ) -> None:
        """microphone, speaker: part of a name, an index, or None for the default.

        prefill_frames: frames of 20 ms the speaker waits for; less breaks up under load.
        rate: Hz, instead of the device's own.
        """
        self._wishes = (microphone, speaker)
        self._echo_wish = echo
        self._prefill = prefill_frames
        self._rate = rate
        self._streams: list[Any] = []
        self._facts: LineFacts | None = None
        self._canceller: EchoCanceller | None = None
        self._reference: Pcm16 = SILENCE
        self._capture: Capture | None = None
        self._playback: Playback | None = None
        self._quiet: list[Waiting | None] = [None, None]
        """Since the last callback of the microphone and of the speaker; None before the first."""
        self._names = ("", "")
        self._overflows = 0
        self._delay_s = USUAL_DELAY_S
        self.loopback: Loopback | None = None
        """What the self-test found; None when it was not run."""

    @property
    def facts(self) -> LineFacts:
        """Known once started."""
        if self._facts is None:
            raise SimvoiceError("the sound card was not started yet; call start() first")
        return self._facts

    @property
    def trouble(self) -> str | None:
        """A sentence when the sound is there but not as it should be; None while all is well."""
        capture, playback = self._capture, self._playback
        if capture is not None and capture.zeros_s >= DEAD_SILENCE_S:
            return (
                f"the microphone {self._names[0]!r} gives only digital silence; unmute it or "
                "choose another one"
            )
        if self._overflows:
            return f"the system dropped sound of the microphone {self._overflows} times"
        if playback is not None and playback.dropped:
            return "the speaker fell behind and sound was dropped"
        return None

    def check(self) -> None:
        """Raises DeviceMissing or LibraryMissing where `start` would, without opening anything."""
        portaudio.refresh()
        portaudio.choose(self._wishes[0], "microphone")
        portaudio.choose(self._wishes[1], "speaker")

    def start(self) -> None:
        """Open both directions and, with echo "auto", run the loop-back self-test.

        Raises DeviceMissing, LibraryMissing, DeviceLost.
        """
        sd = portaudio.load()
        portaudio.refresh()
        mic = portaudio.choose(self._wishes[0], "microphone")
        out = portaudio.choose(self._wishes[1], "speaker")
        self._names = (mic.name, out.name)
        rates = [
            self._rate or portaudio.rate_for(mic, "microphone"),
            self._rate or portaudio.rate_for(out, "speaker"),
        ]
        echo: EchoMode = "none" if self._echo_wish == "auto" else self._echo_wish
        try:
            self._open(sd, mic.index, out.index, rates)
            self._await_first_sound()
            self._warm_up()
            if self._echo_wish == "auto":
                self.loopback = test_loopback(self)
                echo = settle(self.loopback)
        except BaseException:
            self.stop()
            raise
        if echo == "canceller":
            self._canceller = EchoCanceller()
        self._drain()
        self._facts = LineFacts("sound-card", mic.name, out.name, rates[0], echo)

    def read(self, timeout_s: float = 2.0) -> MicFrame | None:
        """The next frame, as `AudioLine.read`."""
        capture, playback = self._running()
        waiting = Waiting()
        while (taken := capture.take()) is None:
            self._check_alive()
            if waiting.look() > timeout_s:
                raise DeviceLost(self._lost(0))
            time.sleep(POLL_S)
        pcm, lost, began = taken
        heard_at = playback.heard_at()
        if began is not None and heard_at is not None and 0.0 < heard_at - began < 2.0:
            self._delay_s = heard_at - began
        delay = self._delay_s
        if self._canceller is not None:
            pcm = self._canceller.process(pcm, self._reference)
            delay += LAG_S
            self._reference = SILENCE
        return MicFrame(pcm, lost, delay, playback.underruns)

    def write(self, frame: Pcm16) -> None:
        """int16 [320] for the speaker; never blocks."""
        if frame.shape != (FRAME,) or frame.dtype != np.int16:
            raise ValueError(f"a frame is int16 [{FRAME}], not {frame.dtype} {frame.shape}")
        _, playback = self._running()
        playback.write(frame)
        self._reference = frame

    def stop(self) -> None:
        """Close both directions; may be called twice, and returns even if PortAudio does not."""
        streams, self._streams = self._streams, []
        for stream in streams:
            _within(CLOSE_S, stream.abort, stream.close)

    def _open(self, sd: Any, mic: int, out: int, rates: list[int]) -> None:
        capture, playback = Capture(rates[0]), Playback(rates[1], self._prefill)
        quiet = self._quiet

        def on_input(data: Any, _frames: int, times: Any, status: Any) -> None:
            quiet[0] = Waiting()
            if status.input_overflow:
                self._overflows += 1
            capture.feed(data[:, 0], times.inputBufferAdcTime)

        def on_output(data: Any, _frames: int, times: Any, _status: Any) -> None:
            quiet[1] = Waiting()
            playback.pull(data[:, 0], times.outputBufferDacTime)

        same: dict[str, Any] = {"channels": 1, "dtype": "float32", "latency": "low"}
        try:
            self._streams = [
                sd.OutputStream(
                    device=out,
                    samplerate=rates[1],
                    blocksize=rates[1] // 50,
                    callback=on_output,
                    **same,
                )
            ]
            self._streams.append(
                sd.InputStream(
                    device=mic,
                    samplerate=rates[0],
                    blocksize=rates[0] // 50,
                    callback=on_input,
                    **same,
                )
            )
            for stream in self._streams:
                stream.start()
        except sd.PortAudioError as error:
            self.stop()
            raise DeviceMissing(
                f"the sound card cannot be opened with microphone {self._names[0]!r} and speaker "
                f"{self._names[1]!r} ({error.args[0]}); close programs that use them or choose "
                "others"
            ) from error
        self._capture, self._playback = capture, playback

    def _await_first_sound(self) -> None:
        waiting = Waiting()
        while None in self._quiet:
            if waiting.look() > FIRST_SOUND_S:
                raise DeviceLost(self._lost(self._quiet.index(None)))
            time.sleep(POLL_S)

    def _warm_up(self) -> None:
        # A cold device stalls once more after its first blocks; let that be over beforehand.
        for _ in range(round(WARM_UP_S * 50)):
            self.read()
            self.write(SILENCE)

    def _running(self) -> tuple[Capture, Playback]:
        if self._capture is None or self._playback is None:
            raise SimvoiceError("the sound card was not started yet; call start() first")
        return self._capture, self._playback

    def _drain(self) -> None:
        # Session time begins with sound from after the self-test, not with what piled up.
        capture, _ = self._running()
        while capture.take() is not None:
            pass

    def _check_alive(self) -> None:
        for i, quiet in enumerate(self._quiet):
            if quiet is not None and quiet.look() > STALL_S:
                raise DeviceLost(self._lost(i))
        if not self._streams or not all(stream.active for stream in self._streams):
            raise DeviceLost(self._lost(0))

    def _lost(self, which: int) -> str:
        kind = ("microphone", "speaker")[which]
        return (
            f"the {kind} {self._names[which]!r} stopped delivering sound; plug it in again and "
            "start a new encounter"
        )


def settle(found: Loopback) -> EchoMode:
    """How the patient's voice is kept out of the microphone, after the self-test."""
    if found.verdict == "headphones":
        return "headphones"
    return "canceller" if canceller_available() else "half-duplex"


def _within(limit_s: float, *calls: Callable[[], object]) -> None:
    def run() -> None:
        for call in calls:
            with contextlib.suppress(Exception):
                call()

    # A daemon: should PortAudio hang for ever, the process can still end.
    thread = threading.Thread(target=run, name="close-sound-card", daemon=True)
    thread.start()
    thread.join(limit_s)
