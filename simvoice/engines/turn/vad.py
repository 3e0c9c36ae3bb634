"""Voice activity: webrtcvad as the gate, Silero as the judge behind it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import webrtcvad  # type: ignore[import-untyped]

from simvoice.audio import FRAME, RATE, Pcm, Pcm16, to_float
from simvoice.engines import threads as budget
from simvoice.engines.model_folder import need_file
from simvoice.engines.onnx_session import open_session

# -- silero -----------------------------------------------------------------------------------
# The judge of voice activity: Silero v6, the model inside faster-whisper's wheel.


WINDOW = 512
"""Samples it judges at once: 32 ms."""

_CONTEXT = 64
_STATE = (1, 1, 128)


def asset() -> Path:
    """Where the model lies; found without importing faster-whisper, which takes a second."""
    spec = find_spec("faster_whisper")
    places = list(spec.submodule_search_locations or []) if spec else []
    root = Path(places[0]) if places else Path("faster_whisper")
    return root / "assets" / "silero_vad_v6.onnx"


class Silero:
    """Windows in, probabilities of speech out; the state is carried from one to the next."""

    def __init__(self, model: Path | None = None) -> None:
        """Raises ModelMissing or ModelAltered. model: the onnx file, when not the usual one."""
        path = need_file("the voice detector (silero)", model or asset())
        self._session = open_session("the voice detector (silero)", path, budget.SMALL)
        self._h = np.zeros(_STATE, np.float32)
        self._c = np.zeros(_STATE, np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)
        self.push(np.zeros(WINDOW, np.float32))
        self.reset()

    def push(self, window: Pcm) -> float:
        """window: float32 [512]. Returns the probability of speech in it, 0..1."""
        fed = np.concatenate([self._context, window])[np.newaxis, :]
        prob, self._h, self._c = self._session.run(None, {"input": fed, "h": self._h, "c": self._c})
        self._context = window[-_CONTEXT:]
        return float(prob.reshape(-1)[0])

    def reset(self) -> None:
        """Forget all windows."""
        self._h = np.zeros(_STATE, np.float32)
        self._c = np.zeros(_STATE, np.float32)
        self._context = np.zeros(_CONTEXT, np.float32)


# -- webrtc gate ------------------------------------------------------------------------------
# The first gate of voice activity: webrtcvad, which costs microseconds and errs towards yes.


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


# -- vad --------------------------------------------------------------------------------------


PREROLL_WINDOWS = 8
"""256 ms from before the gate opened: the judge's state needs some sound to settle."""


class SpeechGate(Protocol):
    """May this be speech?"""

    def push(self, frame: Pcm16) -> bool:
        """frame: int16 [320]."""
        ...

    def reset(self) -> None:
        """Forget all frames."""
        ...


class SpeechJudge(Protocol):
    """Is this speech?"""

    def push(self, window: Pcm) -> float:
        """window: float32 [512]. Returns 0..1."""
        ...

    def reset(self) -> None:
        """Forget all windows."""
        ...


class Vad:
    """Fulfils `ports.VoiceActivity`. While the gate is shut the judge is not asked at all."""

    def __init__(self, gate: SpeechGate, judge: SpeechJudge) -> None:
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
