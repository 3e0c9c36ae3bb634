"""The judge of voice activity: Silero v6, the model inside faster-whisper's wheel."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from simvoice.audio import Pcm
from simvoice.engines import threads as budget
from simvoice.engines.model_folder import need_file
from simvoice.engines.onnx_session import open_session

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
