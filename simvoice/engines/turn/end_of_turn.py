"""Judge whether the learner's turn is over: from its sound (Smart Turn v3) and from its words."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simvoice.audio import RATE, Pcm
from simvoice.engines.llm.llama import Llama
from simvoice.engines.model_folder import need_one
from simvoice.engines.onnx_session import open_frugal_session
from simvoice.engines.stt.whisper import log_mel
from simvoice.engines.threads import SMALL_MODEL_THREADS

# -- from the sound ---------------------------------------------------------------------------


INPUT_S = 8
INPUT_FRAMES = 800


class SmartTurn:
    """Smart Turn v3 on onnxruntime. Fulfils `ports.EndOfTurn`."""

    def __init__(self, folder: Path) -> None:
        """folder: holds one `*.onnx`. Raises ModelMissing or ModelAltered."""
        model = need_one("the end-of-turn model (smart-turn)", folder, "*.onnx")
        self._session = open_frugal_session(
            "the end-of-turn model (smart-turn)", model, SMALL_MODEL_THREADS
        )
        self.complete_prob(np.zeros(RATE, np.float32))

    def complete_prob(self, pcm: Pcm) -> float:
        """Return the probability, 0..1, that the turn is over. pcm: the turn so far; only the
        last 8 s count."""
        tail = pcm[-INPUT_S * RATE :].astype(np.float32, copy=False)
        padded = np.pad(tail, (INPUT_S * RATE - tail.size, 0))
        deviation = np.sqrt(padded.var() + 1e-7)
        features = log_mel((padded - padded.mean()) / deviation)[np.newaxis, :, :INPUT_FRAMES]
        (prob,) = self._session.run(None, {"input_features": features.astype(np.float32)})
        return float(prob.reshape(-1)[0])


# -- from the words ---------------------------------------------------------------------------
# A small language model predicts the next token: a full stop, or more words.
#
# Measured on 54 synthetic clinician utterances, half of them cut in the middle (`simvoice bench
# floor` gives the figures as shipped): SmolLM2 135M separates the two kinds with AUC .97, Smart
# Turn, which uses the intonation, with .72, both together with .99.


_DIALOGUE = "Doctor: Good morning, how are you feeling today?\nPatient: I am scared.\nDoctor: "
"""Prompt before the turn, so that the model expects spoken sentences; it is evaluated once."""

_ENDS = (".", "?", "!")
_STRIPPED = " .?!,;:-–—…"
"""Whisper ends every transcript with a full stop, so its punctuation carries no information."""

_MAX_WORDS = 60
"""Only the end of a long turn matters."""


class SentenceEndByLlm:
    """Fulfils `ports.SentenceEnd`. Not thread-safe."""

    def __init__(self, folder: Path) -> None:
        """folder: holds one `*.gguf`. Raises ModelMissing or ModelAltered."""
        self._llama = Llama(folder, n_ctx=512)
        self._ends = self._llama.find_tokens(_is_end)
        self._llama.warm(_DIALOGUE)

    def over_prob(self, text: str) -> float:
        """Return the probability, 0..1, that the sentence ends here. text: the turn so far."""
        words = text.rstrip(_STRIPPED).split()[-_MAX_WORDS:]
        if not words:
            return 0.0
        probs = self._llama.next_token_probs(_DIALOGUE + " ".join(words))
        return float(np.clip(probs[self._ends].sum(), 0.0, 1.0))


def _is_end(token: str) -> bool:
    bare = token.strip(" \"'”’)")
    return token.startswith("\n") or (bare[:1] in _ENDS and bare != "")
