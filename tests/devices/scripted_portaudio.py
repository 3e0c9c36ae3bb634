"""A PortAudio in virtual time: cards that do what a test plans, with no device and no waiting.

Replace `portaudio.load` by a function that returns it, and give its `now` and `sleep` to
`SoundCard`. Callbacks run while `sleep` moves the time on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_S = 0.02
AIR_S = 0.06
"""Seconds from a block for the speaker to its first sample at a microphone that hears it."""


class PortAudioError(Exception):
    pass


@dataclass
class Card:
    """One device, which may have both directions."""

    name: str
    inputs: Sequence[int] = ()
    """Numbers of input channels that it opens with."""
    outputs: Sequence[int] = ()
    rate: int = 48_000
    sound: Callable[[NDArray[np.float64], ScriptedPortAudio], NDArray[np.float32]] | None = None
    """Returns float32 [n, channels] for n times, in seconds; None gives noise at -70 dBFS."""
    stands_still: Callable[[str, float], bool] = lambda _direction, _at_s: False
    """Whether a direction ("input", "output") gets no callback at a time."""
    ends: Callable[[str, float], bool] = lambda _direction, _at_s: False
    """Whether the stream of a direction has become inactive."""
    refuses: str = ""
    """What PortAudio says when the device is opened; empty when it opens."""


@dataclass
class ScriptedPortAudio:
    """Stands for the module `sounddevice`. The first card is the default."""

    cards: list[Card]
    at_s: float = 0.0
    streams: list[ScriptedStream] = field(default_factory=list)
    played: list[NDArray[np.float32]] = field(default_factory=list)
    """Blocks [n, channels] that the speaker got, one for each `BLOCK_S` since it opened."""
    opened_s: float = 0.0
    """When the speaker's stream started."""
    PortAudioError = PortAudioError

    def __post_init__(self) -> None:
        self.default = SimpleNamespace(device=(0, 0))
        self.rng = np.random.default_rng(3)

    # -- the clock

    def now(self) -> float:
        return self.at_s

    def sleep(self, seconds: float) -> None:
        """Move the time on and run the callbacks that come due."""
        self.at_s += seconds
        for stream in self.streams:
            stream.run()

    def speaker_sound(self, times: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return what the speaker's first channel plays at times, in seconds, mono."""
        if not self.played:
            return np.zeros(len(times), np.float32)
        sound = np.concatenate([block[:, 0] for block in self.played])
        rate = len(self.played[0]) / BLOCK_S
        at = np.rint((times - self.opened_s - AIR_S) * rate).astype(int)
        inside = (at >= 0) & (at < len(sound))
        found: NDArray[np.float32] = np.where(inside, sound[np.clip(at, 0, len(sound) - 1)], 0.0)
        return found.astype(np.float32)

    # -- the module's own functions

    def _terminate(self) -> None: ...

    def _initialize(self) -> None: ...

    def query_devices(self) -> list[dict[str, Any]]:
        return [
            {
                "name": card.name,
                "hostapi": 0,
                "max_input_channels": max(card.inputs, default=0),
                "max_output_channels": max(card.outputs, default=0),
                "default_samplerate": float(card.rate),
            }
            for card in self.cards
        ]

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [{"name": "scripted"}]

    def check_input_settings(
        self, *, device: int, channels: int, samplerate: int, **_: Any
    ) -> None:
        self._check(self.cards[device].inputs, channels, samplerate, self.cards[device].rate)

    def check_output_settings(
        self, *, device: int, channels: int, samplerate: int, **_: Any
    ) -> None:
        self._check(self.cards[device].outputs, channels, samplerate, self.cards[device].rate)

    def _check(self, counts: Sequence[int], channels: int, wanted: int, rate: int) -> None:
        if channels not in counts:
            raise PortAudioError("Invalid number of channels")
        if wanted != rate:
            raise PortAudioError("Invalid sample rate")

    def InputStream(self, **settings: Any) -> ScriptedStream:
        return self._stream("input", self.check_input_settings, settings)

    def OutputStream(self, **settings: Any) -> ScriptedStream:
        return self._stream("output", self.check_output_settings, settings)

    def _stream(
        self, direction: str, check: Callable[..., None], settings: dict[str, Any]
    ) -> ScriptedStream:
        card = self.cards[settings["device"]]
        if card.refuses:
            raise PortAudioError(card.refuses)
        check(**settings)
        stream = ScriptedStream(self, card, direction, settings)
        self.streams.append(stream)
        return stream


class ScriptedStream:
    """One direction of a card."""

    def __init__(
        self, owner: ScriptedPortAudio, card: Card, direction: str, settings: dict[str, Any]
    ) -> None:
        self._owner = owner
        self._card = card
        self._direction = direction
        self._callback = settings["callback"]
        self._channels = settings["channels"]
        self._block = settings["blocksize"]
        self._next_s: float | None = None

    @property
    def active(self) -> bool:
        return self._next_s is not None and not self._card.ends(self._direction, self._owner.at_s)

    def start(self) -> None:
        self._next_s = self._owner.at_s + BLOCK_S
        if self._direction == "output":
            self._owner.opened_s = self._owner.at_s

    def abort(self) -> None:
        self._next_s = None

    def close(self) -> None: ...

    def run(self) -> None:
        """Call back for each block that is due; blocks of a standstill never come."""
        while self._next_s is not None and self._next_s <= self._owner.at_s:
            at_s = self._next_s
            self._next_s += BLOCK_S
            still = self._card.stands_still(self._direction, at_s) or not self.active
            if self._direction == "output":
                block = np.zeros((self._block, self._channels), np.float32)
                if not still:
                    times = SimpleNamespace(outputBufferDacTime=at_s)
                    self._callback(block, self._block, times, SimpleNamespace())
                self._owner.played.append(block)
            elif not still:
                times_s = at_s - BLOCK_S + np.arange(self._block) * BLOCK_S / self._block
                times = SimpleNamespace(inputBufferAdcTime=times_s[0])
                status = SimpleNamespace(input_overflow=False)
                self._callback(self._sound(times_s), self._block, times, status)

    def _sound(self, times_s: NDArray[np.float64]) -> NDArray[np.float32]:
        if self._card.sound is not None:
            made = self._card.sound(times_s, self._owner)
            assert made.shape[1] >= self._channels
            return made[:, : self._channels].astype(np.float32)
        noise = self._owner.rng.normal(0, 10 ** (-70 / 20), (self._block, self._channels))
        return noise.astype(np.float32)
