"""The machine's microphone and speaker, through PortAudio.

There are two separate streams, because a duplex stream fails on a device that starts slowly. Each
runs at its device's rate. The callbacks only copy; `streams` does the rest in the runtime's thread.
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
from simvoice.devices.loopback import Loopback, measure_loopback
from simvoice.devices.pacing import WaitTimer
from simvoice.devices.streams import Capture, Playback
from simvoice.errors import DeviceLost, DeviceMissing, SimvoiceError
from simvoice.ports import LineFacts, MicFrame

EchoMode = Literal["headphones", "canceller", "half-duplex", "none"]

POLL_S = 0.002
"""Seconds between checks of the ring, a tenth of a frame. The callback must not wake the reader,
because that would need a lock."""
STALL_S = 1.0
"""Seconds without a callback after which a device is lost; PortAudio does not report it."""
FIRST_SOUND_S = 5.0
"""Seconds to wait for the first block; an idle device may need a second or two."""
WARM_UP_S = 0.6
"""Seconds to run before the session: an idle device stalls again after its first blocks."""
DEAD_SILENCE_S = 5.0
"""Seconds of exact zeros that mean a muted or wrong device: a live microphone has noise."""
USUAL_DELAY_S = 0.1
"""Output delay that is reported until both clocks are known, seconds."""
CLOSE_S = 2.0
"""Seconds to wait for closing; PortAudio may hang on a device that was unplugged."""


class SoundCard:
    """An `AudioLine` on the sound card.

    `echo="auto"` plays two short sweeps at the start to choose how the patient's voice is kept out
    of the microphone; any other value is used as given.
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

        prefill_frames: frames of 20 ms buffered before playback; fewer cause gaps under load.
        rate: Hz, instead of the device's rate.
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
        self._since_callback: list[WaitTimer | None] = [None, None]
        """Timers since the last callback of microphone and speaker; None before the first."""
        self._names = ("", "")
        self._overflows = 0
        self._delay_s = USUAL_DELAY_S
        self.loopback: Loopback | None = None
        """The result of the self-test; None when it was not run."""

    @property
    def facts(self) -> LineFacts:
        """The devices and the echo mode. Raises SimvoiceError before `start`."""
        if self._facts is None:
            raise SimvoiceError("the sound card is not started yet; call start() first")
        return self._facts

    @property
    def trouble(self) -> str | None:
        """The problem with the sound, as a sentence; None without one."""
        capture, playback = self._capture, self._playback
        if capture is not None and capture.zeros_s >= DEAD_SILENCE_S:
            return (
                f"the microphone {self._names[0]!r} gives only digital silence; unmute it or "
                "choose another"
            )
        if self._overflows:
            return f"the system dropped sound of the microphone {self._overflows} times"
        if playback is not None and playback.dropped:
            return "the speaker fell behind and sound was dropped"
        return None

    def check(self) -> None:
        """Raise DeviceMissing or LibraryMissing as `start` would, without opening a device."""
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
                self.loopback = measure_loopback(self)
                echo = choose_echo_mode(self.loopback)
        except BaseException:
            self.stop()
            raise
        if echo == "canceller":
            self._canceller = EchoCanceller()
        self._drain()
        self._facts = LineFacts("sound-card", mic.name, out.name, rates[0], echo)

    def read(self, timeout_s: float = 2.0) -> MicFrame | None:
        """Return the next frame, as `AudioLine.read`."""
        capture, playback = self._running()
        timer = WaitTimer()
        while (taken := capture.take()) is None:
            self._check_alive()
            if timer.elapsed_s() > timeout_s:
                raise DeviceLost(self._lost(0))
            time.sleep(POLL_S)
        pcm, lost, began = taken
        sounds_at = playback.sounds_at()
        if began is not None and sounds_at is not None and 0.0 < sounds_at - began < 2.0:
            self._delay_s = sounds_at - began
        delay = self._delay_s
        if self._canceller is not None:
            pcm = self._canceller.process(pcm, self._reference)
            delay += LAG_S
            self._reference = SILENCE
        return MicFrame(pcm, lost, delay, playback.underruns)

    def write(self, frame: Pcm16) -> None:
        """Play int16 [320] on the speaker; never blocks."""
        if frame.shape != (FRAME,) or frame.dtype != np.int16:
            raise ValueError(f"a frame is int16 [{FRAME}], not {frame.dtype} {frame.shape}")
        _, playback = self._running()
        playback.write(frame)
        self._reference = frame

    def stop(self) -> None:
        """Close both directions; may be called twice, and returns even when PortAudio hangs."""
        streams, self._streams = self._streams, []
        for stream in streams:
            _call_within(CLOSE_S, stream.abort, stream.close)

    def _open(self, sd: Any, mic: int, out: int, rates: list[int]) -> None:
        capture, playback = Capture(rates[0]), Playback(rates[1], self._prefill)
        since_callback = self._since_callback

        def on_input(data: Any, _frames: int, times: Any, status: Any) -> None:
            since_callback[0] = WaitTimer()
            if status.input_overflow:
                self._overflows += 1
            capture.feed(data[:, 0], times.inputBufferAdcTime)

        def on_output(data: Any, _frames: int, times: Any, _status: Any) -> None:
            since_callback[1] = WaitTimer()
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
        timer = WaitTimer()
        while None in self._since_callback:
            if timer.elapsed_s() > FIRST_SOUND_S:
                raise DeviceLost(self._lost(self._since_callback.index(None)))
            time.sleep(POLL_S)

    def _warm_up(self) -> None:
        for _ in range(round(WARM_UP_S * 50)):
            self.read()
            self.write(SILENCE)

    def _running(self) -> tuple[Capture, Playback]:
        if self._capture is None or self._playback is None:
            raise SimvoiceError("the sound card is not started yet; call start() first")
        return self._capture, self._playback

    def _drain(self) -> None:
        # The session begins with sound from after the self-test, not with sound that queued.
        capture, _ = self._running()
        while capture.take() is not None:
            pass

    def _check_alive(self) -> None:
        for i, timer in enumerate(self._since_callback):
            if timer is not None and timer.elapsed_s() > STALL_S:
                raise DeviceLost(self._lost(i))
        if not self._streams or not all(stream.active for stream in self._streams):
            raise DeviceLost(self._lost(0))

    def _lost(self, which: int) -> str:
        kind = ("microphone", "speaker")[which]
        return (
            f"the {kind} {self._names[which]!r} stopped delivering sound; plug it in again and "
            "start a new encounter"
        )


def choose_echo_mode(found: Loopback) -> EchoMode:
    """Return how to keep the patient's voice out of the microphone, by the self-test's result."""
    if found.verdict == "headphones":
        return "headphones"
    return "canceller" if canceller_available() else "half-duplex"


def _call_within(limit_s: float, *calls: Callable[[], object]) -> None:
    def run() -> None:
        for call in calls:
            with contextlib.suppress(Exception):
                call()

    # A daemon thread, so that the process can end even when PortAudio hangs.
    thread = threading.Thread(target=run, name="close-sound-card", daemon=True)
    thread.start()
    thread.join(limit_s)
