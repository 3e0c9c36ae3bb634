"""Sentences to vectors of meaning: all-MiniLM-L6-v2, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from simvoice.engines import threads as budget
from simvoice.engines.embed.minilm_graph import WIDTH, build
from simvoice.engines.model_folder import REMEDY, need_file
from simvoice.engines.onnx_session import open_session
from simvoice.errors import ModelAltered
from simvoice.ports import Vectors

LONGEST_TOKENS = 256
"""What the model was trained on; an utterance is far shorter."""

BATCH = 16
"""Sentences of similar length run together; more of them leave the cache."""


class MiniLM:
    """Fulfils `ports.Embedder`."""

    def __init__(self, folder: Path) -> None:
        """folder: model.safetensors, tokenizer.json. Raises ModelMissing or ModelAltered."""
        weights = need_file("the sentence encoder (minilm)", folder / "model.safetensors")
        words = need_file("the sentence encoder (minilm)", folder / "tokenizer.json")
        try:
            self._tokenizer = Tokenizer.from_str(words.read_text(encoding="utf-8"))
        except Exception as error:  # tokenizers raises bare Exceptions
            raise ModelAltered(f"{words.name} is not a tokenizer; {REMEDY}") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(LONGEST_TOKENS)
        self._session = open_session("the sentence encoder", build(weights), budget.SMALL)
        self.embed(["Ready."])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), 384], rows of unit length, in the order of the texts."""
        vectors = np.zeros((len(texts), WIDTH), np.float32)
        ids = [self._tokenizer.encode(text).ids for text in texts]
        # Neighbours in length waste little on padding.
        order = sorted(range(len(texts)), key=lambda index: len(ids[index]))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            vectors[chosen] = self._run([ids[index] for index in chosen])
        return vectors

    def _run(self, ids: Sequence[Sequence[int]]) -> Vectors:
        longest = max(len(row) for row in ids)
        padded = np.zeros((len(ids), longest), np.int64)
        mask = np.zeros((len(ids), longest), np.float32)
        for row, tokens in enumerate(ids):
            padded[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1.0
        (vectors,) = self._session.run(None, {"ids": padded, "mask": mask})
        found: Vectors = vectors
        return found
