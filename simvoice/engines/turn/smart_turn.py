"""Does it sound as if the speaker has finished? Smart Turn v3 on onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simvoice.audio import RATE, Pcm
from simvoice.engines import threads as budget
from simvoice.engines.model_folder import need_one
from simvoice.engines.onnx_session import open_session
from simvoice.engines.stt.whisper import log_mel

HEARD_S = 8
FRAMES = 800


class SmartTurn:
    """Fulfils `ports.EndOfTurn`."""

    def __init__(self, folder: Path) -> None:
        """folder: holds one `*.onnx`. Raises ModelMissing or ModelAltered."""
        model = need_one("the end-of-turn model (smart-turn)", folder, "*.onnx")
        self._session = open_session("the end-of-turn model (smart-turn)", model, budget.SMALL)
        self.complete_prob(np.zeros(RATE, np.float32))

    def complete_prob(self, pcm: Pcm) -> float:
        """pcm: the turn so far; the last 8 s count. Returns 0..1, high when it sounds over."""
        heard = pcm[-HEARD_S * RATE :].astype(np.float32, copy=False)
        padded = np.pad(heard, (HEARD_S * RATE - heard.size, 0))
        spread = np.sqrt(padded.var() + 1e-7)
        features = log_mel((padded - padded.mean()) / spread)[np.newaxis, :, :FRAMES]
        (prob,) = self._session.run(None, {"input_features": features.astype(np.float32)})
        return float(prob.reshape(-1)[0])
