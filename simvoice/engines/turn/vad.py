"""Voice activity detection: webrtcvad as a cheap gate, Silero as the judge of what passes it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import webrtcvad  # type: ignore[import-untyped]

from simvoice.audio import FRAME, RATE, Pcm, Pcm16, to_float
from simvoice.engines.model_folder import need_file
from simvoice.engines.onnx_session import open_session
from simvoice.engines.threads import SMALL_MODEL_THREADS

# -- the judge: Silero v6, from faster-whisper's wheel ----------------------------------------


WINDOW = 512
"""Samples in one window: 32 ms."""

_CONTEXT = 64
_STATE = (1, 1, 128)


def model_file() -> Path:
    """Return the path of the model, without importing faster-whisper, which takes a second."""
    spec = find_spec("faster_whisper")
    locations = list(spec.submodule_search_locations or []) if spec else []
    package = Path(locations[0]) if locations else Path("faster_whisper")
    return package / "assets" / "silero_vad_v6.onnx"


class Silero:
    """Gives the probability of speech in each window, and carries its state to the next window."""

    def __init__(self, model: Path | None = None) -> None:
        """model: the onnx file; `model_file()` when None. Raises ModelMissing or ModelAltered."""
        path = need_file("the voice detector (silero)", model or model_file())
        self._session = open_session("the voice detector (silero)", path, SMALL_MODEL_THREADS)
        self._h = np.zeros(_STATE, np.float32)
        self._c = np.zeros(_STATE, np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)
        self.push(np.zeros(WINDOW, np.float32))
        self.reset()

    def push(self, window: Pcm) -> float:
        """Return the probability of speech, 0..1. window: float32 [512]."""
        samples = np.concatenate([self._context, window])[np.newaxis, :]
        prob, self._h, self._c = self._session.run(
            None, {"input": samples, "h": self._h, "c": self._c}
        )
        self._context = window[-_CONTEXT:]
        return float(prob.reshape(-1)[0])

    def reset(self) -> None:
        """Forget all windows."""
        self._h = np.zeros(_STATE, np.float32)
        self._c = np.zeros(_STATE, np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)


# -- the gate: webrtcvad, which takes microseconds and errs towards speech --------------------


MODE = 2
"""0..3. At 3 the gate misses the first soft syllable ("hm"); at 1 a fan keeps it open."""

HOLD_FRAMES = 30
"""0.6 s: longer than pauses between words, so that Silero's state lasts through a turn."""


class WebrtcGate:
    """Opens with the first frame that may be speech and closes `HOLD_FRAMES` after the last."""

    def __init__(self, mode: int = MODE, hold_frames: int = HOLD_FRAMES) -> None:
        self._vad = webrtcvad.Vad(mode)
        self._mode = mode
        self._hold = hold_frames
        self._frames_left = 0

    def push(self, frame: Pcm16) -> bool:
        """Return True while the gate is open. frame: int16 [320]."""
        if frame.size != FRAME:
            raise ValueError(f"a frame has {FRAME} samples, this one {frame.size}")
        if self._vad.is_speech(frame.tobytes(), RATE):
            self._frames_left = self._hold
        else:
            self._frames_left = max(0, self._frames_left - 1)
        return self._frames_left > 0

    def reset(self) -> None:
        """Forget all frames."""
        self._vad = webrtcvad.Vad(self._mode)
        self._frames_left = 0


# -- both together ----------------------------------------------------------------------------


PREROLL_WINDOWS = 8
"""256 ms before the gate opened: the judge's state needs some sound to settle."""


class SpeechGate(Protocol):
    """Rejects frames that are certainly not speech."""

    def push(self, frame: Pcm16) -> bool:
        """Return False when the frame is not speech. frame: int16 [320]."""
        ...

    def reset(self) -> None:
        """Forget all frames."""
        ...


class SpeechJudge(Protocol):
    """Gives the probability of speech."""

    def push(self, window: Pcm) -> float:
        """Return the probability of speech, 0..1. window: float32 [512]."""
        ...

    def reset(self) -> None:
        """Forget all windows."""
        ...


class Vad:
    """Fulfils `ports.VoiceActivity`. The judge does not run while the gate is closed."""

    def __init__(self, gate: SpeechGate, judge: SpeechJudge) -> None:
        self._gate = gate
        self._judge = judge
        self._pending: Pcm = np.zeros(0, np.float32)
        self._open = False
        self._prob = 0.0

    def push(self, frame: Pcm16) -> float:
        """Return the probability of speech, 0..1, up to 32 ms late. frame: int16 [320]."""
        self._pending = np.concatenate([self._pending, to_float(frame)])
        if not self._gate.push(frame):
            if self._open:
                self._judge.reset()
                self._open = False
            self._pending = self._pending[-(PREROLL_WINDOWS * WINDOW) :]
            self._prob = 0.0
            return 0.0
        self._open = True
        while self._pending.size >= WINDOW:
            self._prob = self._judge.push(self._pending[:WINDOW])
            self._pending = self._pending[WINDOW:]
        return self._prob

    def reset(self) -> None:
        """Forget all frames."""
        self._gate.reset()
        self._judge.reset()
        self._pending = np.zeros(0, np.float32)
        self._open = False
        self._prob = 0.0
