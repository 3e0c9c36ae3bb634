"""The machine's microphone and speaker, through PortAudio.

There are two separate streams, because a duplex stream fails on a device that starts slowly. Each
runs at its device's rate. The callbacks pick the input and copy; `streams` and `microphone` do the
rest in the runtime's thread.
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
from simvoice.devices.microphone import InputPicker, OffsetRemover, OwnSound
from simvoice.devices.pacing import WaitTimer
from simvoice.devices.streams import Capture, Playback
from simvoice.errors import DeviceLost, DeviceMissing, SimvoiceError
from simvoice.ports import LineFacts, MicFrame

EchoMode = Literal["headphones", "canceller", "half-duplex", "none"]

POLL_S = 0.002
"""Seconds between checks of the ring, a tenth of a frame. The callback must not wake the reader,
because that would need a lock."""
STALL_S = 2.0
"""Seconds without a callback after which a device is lost; PortAudio does not report it. A
Bluetooth headset that changes its profile stands still for 1.5 s."""
OPENING_S = 8.0
"""Seconds to wait until both directions run steadily. An idle device may need a second or two, and
a Bluetooth headset stops its speaker for 1.5 s when its microphone opens."""
STEADY_S = 0.6
"""Seconds to run without a gap before the session: an idle device stalls again after its first
blocks."""
GAP_S = 0.25
"""Seconds without a callback that are a gap: no block is longer than a tenth of it."""
DEAD_SILENCE_S = 5.0
"""Seconds of exact zeros that mean a muted or wrong device: a live microphone has noise."""
USUAL_DELAY_S = 0.1
"""Output delay that is reported until both clocks are known, seconds."""
CLOSE_S = 2.0
"""Seconds to wait for closing; PortAudio may hang on a device that was unplugged."""


_KINDS = ("microphone", "speaker")


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
        watch: bool = True,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """microphone, speaker: part of a name, an index, or None for the default.

        prefill_frames: frames of 20 ms buffered before playback; fewer cause gaps under load.
        rate: Hz, instead of the device's rate.
        watch: refuse a microphone that is only the monitor of the speaker; False to measure one.
        now, sleep: the clock, in seconds, and what waits by it.
        """
        self._wishes = (microphone, speaker)
        self._echo_wish = echo
        self._prefill = prefill_frames
        self._rate = rate
        self._now = now
        self._sleep = sleep
        self._own_sound = OwnSound() if watch else None
        self._offset = OffsetRemover()
        self._picker: InputPicker | None = None
        self._measuring = False
        self._streams: list[Any] = []
        """The microphone's and the speaker's."""
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
    def input_number(self) -> int:
        """Number of the card's input that the microphone is on, from 1."""
        return 1 if self._picker is None else self._picker.chosen + 1

    @property
    def offset(self) -> float:
        """The offset that is taken out of the microphone's sound, share of full scale."""
        return self._offset.offset / 32768.0

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
        echo: EchoMode = "none" if self._echo_wish == "auto" else self._echo_wish
        try:
            rate = self._open(sd, mic, out)
            self._settle()
            if self._echo_wish == "auto":
                self.loopback = self._measure_loopback()
                echo = choose_echo_mode(self.loopback)
        except BaseException:
            self.stop()
            raise
        if echo == "canceller":
            self._canceller = EchoCanceller()
        self._drain()
        self._facts = LineFacts("sound-card", mic.name, out.name, rate, echo)

    def read(self, timeout_s: float = 2.0) -> MicFrame | None:
        """Return the next frame, as `AudioLine.read`."""
        capture, playback = self._running()
        timer = self._timer()
        while (taken := capture.take()) is None:
            self._check_alive()
            if timer.elapsed_s() > timeout_s:
                raise DeviceLost(self._lost(0))
            self._sleep(POLL_S)
        pcm, lost, began = taken
        pcm = self._without_own_sound(self._offset.process(pcm))
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

    def _without_own_sound(self, pcm: Pcm16) -> Pcm16:
        """Return a frame, silenced when it is the patient's; raise DeviceLost when all are."""
        if self._own_sound is None:
            return pcm
        copied = self._own_sound.push(pcm, self._reference)
        if self._measuring:
            return pcm
        if self._own_sound.certain:
            raise DeviceLost(self._monitor())
        return SILENCE if copied else pcm

    def _monitor(self) -> str:
        return (
            f"the microphone {self._names[0]!r} gives only what the speaker plays: it is the "
            "speaker's monitor, which the system offers when no microphone is connected; connect "
            "one, choose it in the system's sound settings and start a new encounter"
        )

    def _measure_loopback(self) -> Loopback:
        self._measuring = True
        try:
            found = measure_loopback(self)
        finally:
            self._measuring = False
        if self._own_sound is not None and self._own_sound.certain:
            raise DeviceMissing(self._monitor())
        return found

    def _timer(self) -> WaitTimer:
        return WaitTimer(self._now)

    def _open(self, sd: Any, mic: portaudio.DeviceInfo, out: portaudio.DeviceInfo) -> int:
        """Open and start both streams; return the microphone's rate, Hz."""
        rate_in, inputs = portaudio.settings_for(mic, "microphone", self._rate)
        rate_out, outputs = portaudio.settings_for(out, "speaker", self._rate)
        capture, playback = Capture(rate_in), Playback(rate_out, self._prefill)
        picker = InputPicker(rate_in)
        since_callback = self._since_callback

        def on_input(data: Any, _frames: int, times: Any, status: Any) -> None:
            since_callback[0] = self._timer()
            if status.input_overflow:
                self._overflows += 1
            capture.feed(picker.pick(data), times.inputBufferAdcTime)

        def on_output(data: Any, _frames: int, times: Any, _status: Any) -> None:
            since_callback[1] = self._timer()
            playback.pull(data[:, 0], times.outputBufferDacTime)
            data[:, 1:2] = data[:, :1]  # both ears hear the patient
            data[:, 2:] = 0.0

        self._capture, self._playback, self._picker = capture, playback, picker
        # The microphone first: when it opens, a Bluetooth headset closes its speaker for a while.
        self._start_stream(sd, 0, mic.index, rate_in, inputs, on_input)
        self._start_stream(sd, 1, out.index, rate_out, outputs, on_output)
        return rate_in

    def _start_stream(
        self, sd: Any, which: int, device: int, rate: int, channels: int, callback: Any
    ) -> None:
        """Open and start the microphone's stream (0) or the speaker's (1)."""
        try:
            stream = (sd.InputStream, sd.OutputStream)[which](
                device=device,
                samplerate=rate,
                channels=channels,
                blocksize=rate // 50,
                dtype="float32",
                latency="low",
                callback=callback,
            )
            self._streams.append(stream)
            stream.start()
        except sd.PortAudioError as error:
            raise DeviceMissing(
                f"the {_KINDS[which]} {self._names[which]!r} cannot be opened ({error.args[0]}); "
                "close programs that use it or choose another"
            ) from error

    def _settle(self) -> None:
        """Run in silence until both directions have been steady for `STEADY_S`.

        Raises DeviceLost.
        """
        capture, playback = self._running()
        whole, steady = self._timer(), self._timer()
        while steady.elapsed_s() < STEADY_S:
            late = self._late(GAP_S)
            if late is not None:
                if whole.elapsed_s() > OPENING_S:
                    raise DeviceLost(self._lost(late))
                steady = self._timer()
            if capture.take() is not None:
                playback.write(SILENCE)
            else:
                self._sleep(POLL_S)

    def _running(self) -> tuple[Capture, Playback]:
        if self._capture is None or self._playback is None:
            raise SimvoiceError("the sound card is not started yet; call start() first")
        return self._capture, self._playback

    def _drain(self) -> None:
        # The session begins with sound from after the self-test, not with sound that queued.
        capture, _ = self._running()
        while capture.take() is not None:
            pass

    def _late(self, limit_s: float) -> int | None:
        """Return which direction has had no callback for a time: 0 microphone, 1 speaker."""
        for i, timer in enumerate(self._since_callback):
            if timer is None or timer.elapsed_s() > limit_s:
                return i
        return None

    def _check_alive(self) -> None:
        late = self._late(STALL_S)
        if late is not None:
            raise DeviceLost(self._lost(late))
        ended = [i for i, stream in enumerate(self._streams) if not stream.active]
        if ended or not self._streams:
            raise DeviceLost(self._lost(ended[0] if ended else 0))

    def _lost(self, which: int) -> str:
        return (
            f"the {_KINDS[which]} {self._names[which]!r} stopped delivering sound; plug it in "
            "again and start a new encounter"
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
