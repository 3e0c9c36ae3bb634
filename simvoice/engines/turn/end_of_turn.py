"""Does a turn sound finished, and are its words finished?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simvoice.audio import RATE, Pcm
from simvoice.engines import threads as budget
from simvoice.engines.llm.llama import Llama
from simvoice.engines.model_folder import need_one
from simvoice.engines.onnx_session import open_session
from simvoice.engines.stt.whisper import log_mel

# -- smart turn -------------------------------------------------------------------------------
# Does it sound as if the speaker has finished? Smart Turn v3 on onnxruntime.


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


# -- last words -------------------------------------------------------------------------------
# Is a sentence over? What a small language model expects next tells: a full stop, or more words.
#
# Measured on 54 synthetic clinician utterances, half of them cut in the middle (`simvoice bench
# floor` gives the figures as shipped): SmolLM2 135M tells the two apart with AUC .97, Smart Turn,
# which hears the melody, with .72, both together with .99.


_BEFORE = "Doctor: Good morning, how are you feeling today?\nPatient: I am scared.\nDoctor: "
"""A spoken dialogue, so that the model expects spoken sentences; evaluated once and kept."""

_ENDS = (".", "?", "!")
_STRIPPED = " .?!,;:-–—…"
"""Whisper ends whatever it hears with a full stop, so its marks tell nothing."""

_LAST_WORDS = 60
"""Only the end of a long turn matters."""


class SentenceEndByLlm:
    """Fulfils `ports.LastWords`. Not for two threads at once."""

    def __init__(self, folder: Path) -> None:
        """folder: holds one `*.gguf`. Raises ModelMissing or ModelAltered."""
        self._llama = Llama(folder, n_ctx=512)
        self._ends = self._llama.tokens_that(_is_end)
        self._llama.warm(_BEFORE)

    def over_prob(self, text: str) -> float:
        """text: the turn so far. The probability, 0..1, that the sentence ends here."""
        words = text.rstrip(_STRIPPED).split()[-_LAST_WORDS:]
        if not words:
            return 0.0
        chances = self._llama.next_token(_BEFORE + " ".join(words))
        return float(np.clip(chances[self._ends].sum(), 0.0, 1.0))


def _is_end(piece: str) -> bool:
    bare = piece.strip(" \"'”’)")
    return piece.startswith("\n") or (bare[:1] in _ENDS and bare != "")
