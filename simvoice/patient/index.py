"""The exemplars of a case as vectors of meaning, made once and kept."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from simvoice.patient.case.schema import Case


class Embedder(Protocol):
    """As `ports.Embedder`: sentences to vectors of meaning."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [len(texts), d], unit rows."""
        ...


def exemplars(case: Case) -> tuple[tuple[str, str], ...]:
    """(line id, exemplar) for every exemplar, in the case's order."""
    return tuple((line.id, text) for line in case.lines for text in line.exemplars)


def unalias(case: Case, text: str) -> str:
    """A question with the case's names put as what they mean ("Pete" is "your husband")."""
    if not case.aliases:
        return text
    known = {name.lower(): meaning for name, meaning in case.aliases.items()}
    names = "|".join(re.escape(name) for name in sorted(known, key=len, reverse=True))
    return re.sub(
        rf"\b(?:your )?({names})\b",
        lambda found: known[found.group(1).lower()],
        text,
        flags=re.IGNORECASE,
    )


class CaseIndex:
    """Nearest exemplars by meaning."""

    def __init__(self, case_sha256: str, model_sha256: str, vectors: NDArray[np.float32]) -> None:
        """vectors: float32 [number of exemplars, d], unit rows, in `exemplars` order."""
        self.case_sha256 = case_sha256
        self.model_sha256 = model_sha256
        self.vectors = vectors

    @classmethod
    def build(cls, case: Case, embedder: Embedder, model_sha256: str = "") -> CaseIndex:
        """Embed every exemplar: seconds, not milliseconds."""
        texts = [unalias(case, text) for _, text in exemplars(case)]
        return cls(case.sha256, model_sha256, np.asarray(embedder.embed(texts), np.float32))

    def likeness(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """vector: float32 [d], unit. Cosine to every exemplar, float32 [n]."""
        return np.asarray(self.vectors @ vector, np.float32)

    def save(self, folder: Path) -> Path:
        """Write it below `folder`, whole or not at all; returns the file."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / _name(self.case_sha256, self.model_sha256)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        with partial.open("wb") as file:
            np.savez(file, vectors=self.vectors)
        partial.replace(path)
        return path

    @classmethod
    def load(cls, folder: Path, case: Case, model_sha256: str = "") -> CaseIndex | None:
        """The kept index of this very case and model; None when there is none that fits."""
        path = folder / _name(case.sha256, model_sha256)
        try:
            with np.load(path, allow_pickle=False) as kept:
                vectors = np.asarray(kept["vectors"], np.float32)
        except (OSError, ValueError, KeyError, BadZipFile):
            return None
        fits = vectors.ndim == 2 and len(vectors) == len(exemplars(case))
        return cls(case.sha256, model_sha256, vectors) if fits else None

    @classmethod
    def cached(
        cls, folder: Path, case: Case, embedder: Embedder, model_sha256: str = ""
    ) -> CaseIndex:
        """The kept one, or a new one that is kept."""
        kept = cls.load(folder, case, model_sha256)
        if kept is not None:
            return kept
        made = cls.build(case, embedder, model_sha256)
        made.save(folder)
        return made


def _name(case_sha256: str, model_sha256: str) -> str:
    return f"index-{case_sha256[:16]}-{(model_sha256 or 'unpinned')[:16]}.npz"


SHARES = (0.5, 0.3, 0.2)
"""What the best, second and third exemplar of a line count: several that agree are better
evidence than one that happens to share a word."""


def best_by_line(scores: Sequence[float], owners: Iterable[str]) -> dict[str, float]:
    """Line to its score, from its nearest exemplars by `SHARES`."""
    found: dict[str, list[float]] = {}
    for score, owner in zip(scores, owners, strict=True):
        found.setdefault(owner, []).append(float(score))
    best: dict[str, float] = {}
    for owner, values in found.items():
        values.sort(reverse=True)
        padded = (values + [values[-1]] * len(SHARES))[: len(SHARES)]
        best[owner] = sum(share * value for share, value in zip(SHARES, padded, strict=True))
    return best
