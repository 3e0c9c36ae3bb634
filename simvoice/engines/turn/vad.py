"""Voice activity: webrtcvad as the gate, Silero as the judge behind it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from simvoice.audio import Pcm, Pcm16, to_float

WINDOW = 512
"""Samples the judge takes at once."""

PREROLL_WINDOWS = 8
"""256 ms from before the gate opened: the judge's state needs some sound to settle."""


class Gate(Protocol):
    """May this be speech?"""

    def push(self, frame: Pcm16) -> bool:
        """frame: int16 [320]."""
        ...

    def reset(self) -> None:
        """Forget all frames."""
        ...


class Judge(Protocol):
    """Is this speech?"""

    def push(self, window: Pcm) -> float:
        """window: float32 [512]. Returns 0..1."""
        ...

    def reset(self) -> None:
        """Forget all windows."""
        ...


class Vad:
    """Fulfils `ports.VoiceActivity`. While the gate is shut the judge is not asked at all."""

    def __init__(self, gate: Gate, judge: Judge) -> None:
        self._gate = gate
        self._judge = judge
        self.asked = 0
        """How often the judge has been asked."""
        self._waiting: Pcm = np.zeros(0, np.float32)
        self._open = False
        self._prob = 0.0

    def push(self, frame: Pcm16) -> float:
        """frame: int16 [320]. Returns the probability of speech, 0..1, up to 32 ms behind."""
        self._waiting = np.concatenate([self._waiting, to_float(frame)])
        if not self._gate.push(frame):
            if self._open:
                self._judge.reset()
                self._open = False
            self._waiting = self._waiting[-(PREROLL_WINDOWS * WINDOW) :]
            self._prob = 0.0
            return 0.0
        self._open = True
        while self._waiting.size >= WINDOW:
            self._prob = self._judge.push(self._waiting[:WINDOW])
            self.asked += 1
            self._waiting = self._waiting[WINDOW:]
        return self._prob

    def reset(self) -> None:
        """Forget all frames."""
        self._gate.reset()
        self._judge.reset()
        self._waiting = np.zeros(0, np.float32)
        self._open = False
        self._prob = 0.0
