"""Play the patient's clips as 20 ms frames, with ducking and a stop at the end of a syllable.

The session pulls one frame for every frame of the microphone, so that both share one clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simvoice.audio import FRAME, Pcm, Pcm16, samples, to_int16
from simvoice.conversation.events import Key

_RAMP = samples(0.03)
"""Samples in which the gain could move from 1 to 0: fast, and without a click."""

_FADE = samples(0.012)
"""Samples of fade-out at a stop."""

_LONGEST_TAIL_S = 0.07
"""A syllable that ends within this time is finished; a learner who has spoken over it for 0.45 s
should not wait much longer."""


@dataclass(frozen=True, slots=True)
class PlayerEvent:
    """A clip starts, ends or is cut inside the frame just pulled."""

    kind: Literal["started", "ended", "cut"]
    key: Key
    index: int
    offset: int
    """Samples into the frame, 0..320."""
    played: int = 0
    """Samples of the clip that were played."""


@dataclass(slots=True)
class _Clip:
    key: Key
    index: int
    pcm: Pcm
    cuts: tuple[int, ...]
    """Samples at which a syllable ends, ascending."""
    at: int = 0
    until: int | None = None
    """Sample at which it is cut; None plays it to its end."""


class Player:
    """Plays queued clips. Not thread-safe: only the encounter's thread uses it."""

    def __init__(self) -> None:
        self._queue: deque[_Clip] = deque()
        self._gain = 1.0
        self._target = 1.0

    def queue(self, key: Key, index: int, pcm: Pcm, syllable_ends_s: tuple[float, ...]) -> None:
        """Play a clip after the queued ones; syllable_ends_s: seconds at which it may be cut."""
        cuts = tuple(samples(end_s) for end_s in syllable_ends_s)
        self._queue.append(_Clip(key, index, pcm, cuts))

    def duck(self, gain_db: float) -> None:
        """Change to this gain within 30 ms; 0 dB is full loudness."""
        self._target = float(10.0 ** (gain_db / 20.0))

    def stop(self) -> None:
        """Stop at the end of the syllable when it is near, else at once; drop the queued clips."""
        if not self._queue:
            return
        clip = self._queue[0]
        near = clip.at + samples(_LONGEST_TAIL_S)
        end = next((cut for cut in clip.cuts if clip.at + _FADE <= cut <= near), None)
        if clip.at == 0:
            clip.until = 0
        else:
            clip.until = min(len(clip.pcm), end if end is not None else clip.at + _FADE)
        self._queue = deque([clip])

    def pull(self) -> tuple[Pcm16, list[PlayerEvent]]:
        """Return the next frame, int16 [320], and what starts or ends inside it."""
        frame = np.zeros(FRAME, dtype=np.float32)
        events: list[PlayerEvent] = []
        filled = 0
        while filled < FRAME and self._queue:
            clip = self._queue[0]
            if clip.at == 0 and clip.until != 0:
                events.append(PlayerEvent("started", clip.key, clip.index, filled))
            end = len(clip.pcm) if clip.until is None else clip.until
            piece = self._piece(clip, min(end, clip.at + FRAME - filled))
            frame[filled : filled + len(piece)] = piece
            filled += len(piece)
            clip.at += len(piece)
            if clip.at >= end:
                self._queue.popleft()
                kind: Literal["ended", "cut"] = "ended" if clip.until is None else "cut"
                events.append(PlayerEvent(kind, clip.key, clip.index, filled, clip.at))
                if kind == "cut":
                    self._queue.clear()
        self._apply_gain(frame)
        return to_int16(frame), events

    def _piece(self, clip: _Clip, end: int) -> Pcm:
        piece = clip.pcm[clip.at : end]
        if clip.until is None or end <= clip.until - _FADE:
            return piece
        left = clip.until - np.arange(clip.at, end)
        fade = np.clip(left / _FADE, 0.0, 1.0).astype(np.float32)
        return (piece * fade).astype(np.float32)

    def _apply_gain(self, frame: Pcm) -> None:
        if self._gain == self._target == 1.0:
            return
        if self._gain == self._target:
            frame *= np.float32(self._gain)
            return
        slope = np.copysign(1.0 / _RAMP, self._target - self._gain)
        ramp = self._gain + slope * np.arange(1, FRAME + 1)
        low, high = sorted((self._gain, self._target))
        ramp = np.clip(ramp, low, high)
        frame *= ramp.astype(np.float32)
        self._gain = float(ramp[-1])
