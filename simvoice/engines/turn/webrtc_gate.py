"""The first gate of voice activity: webrtcvad, which costs microseconds and errs towards yes."""

from __future__ import annotations

import webrtcvad  # type: ignore[import-untyped]

from simvoice.audio import FRAME, RATE, Pcm16

MODE = 2
"""0..3. At 3 it misses the first soft syllable ("hm"); at 1 a fan keeps it open."""

HOLD_FRAMES = 30
"""0.6 s. Longer than the pauses between words, so that Silero's state lasts through a turn."""


class WebrtcGate:
    """Opens with the first frame that may be speech and closes `HOLD_FRAMES` after the last."""

    def __init__(self, mode: int = MODE, hold_frames: int = HOLD_FRAMES) -> None:
        self._vad = webrtcvad.Vad(mode)
        self._mode = mode
        self._hold = hold_frames
        self._left = 0

    def push(self, frame: Pcm16) -> bool:
        """frame: int16 [320]. True while the gate is open."""
        if frame.size != FRAME:
            raise ValueError(f"a frame has {FRAME} samples, this one {frame.size}")
        if self._vad.is_speech(frame.tobytes(), RATE):
            self._left = self._hold
        else:
            self._left = max(0, self._left - 1)
        return self._left > 0

    def reset(self) -> None:
        """Forget all frames."""
        self._vad = webrtcvad.Vad(self._mode)
        self._left = 0
