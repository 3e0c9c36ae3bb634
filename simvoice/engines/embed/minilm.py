"""Sentence embeddings by all-MiniLM-L6-v2 on onnxruntime, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from simvoice.engines.embed.minilm_graph import WIDTH, build
from simvoice.engines.model_folder import REMEDY, need_file
from simvoice.engines.onnx_session import open_frugal_session
from simvoice.engines.threads import SMALL_MODEL_THREADS
from simvoice.errors import ModelAltered
from simvoice.ports import Vectors

MAX_TOKENS = 256
"""The length that the model was trained on; utterances are far shorter."""

BATCH = 16
"""Sentences of similar length that run together; larger batches do not fit the CPU cache."""


class MiniLM:
    """Fulfils `ports.Embedder`."""

    def __init__(self, folder: Path) -> None:
        """folder: model.safetensors, tokenizer.json. Raises ModelMissing or ModelAltered."""
        weights = need_file("the sentence encoder (minilm)", folder / "model.safetensors")
        vocabulary = need_file("the sentence encoder (minilm)", folder / "tokenizer.json")
        try:
            self._tokenizer = Tokenizer.from_str(vocabulary.read_text(encoding="utf-8"))
        except Exception as error:  # tokenizers raises bare Exceptions
            raise ModelAltered(f"{vocabulary.name} is not a tokenizer; {REMEDY}") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._session = open_frugal_session(
            "the sentence encoder", build(weights), SMALL_MODEL_THREADS
        )
        self.embed(["Ready."])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return float32 [len(texts), 384]: one row of unit length for each text, in order."""
        vectors = np.zeros((len(texts), WIDTH), np.float32)
        ids = [self._tokenizer.encode(text).ids for text in texts]
        # A batch of similar lengths needs little padding.
        order = sorted(range(len(texts)), key=lambda index: len(ids[index]))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            vectors[batch] = self._run([ids[index] for index in batch])
        return vectors

    def _run(self, ids: Sequence[Sequence[int]]) -> Vectors:
        longest = max(len(row) for row in ids)
        padded = np.zeros((len(ids), longest), np.int64)
        mask = np.zeros((len(ids), longest), np.float32)
        for row, tokens in enumerate(ids):
            padded[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1.0
        outputs = self._session.run(None, {"ids": padded, "mask": mask})
        vectors: Vectors = outputs[0]
        return vectors
