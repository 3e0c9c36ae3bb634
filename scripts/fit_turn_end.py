#!/usr/bin/env python3
"""Fit the weights of `simvoice.conversation.end_of_turn`: .venv/bin/python scripts/fit_turn_end.py

A synthetic voice speaks clinicians' sentences, whole and cut in the middle. The real engines judge
them, and a logistic regression separates the two. The sentences of the floor bench are held out.
"""

from __future__ import annotations

import math
import sys

import numpy as np
from numpy.typing import NDArray

from simvoice.app.simulator import Simulator
from simvoice.audio import RATE, Pcm, samples
from simvoice.bench import floor, stage
from simvoice.conversation.end_of_turn import unsureness
from simvoice.simulate.speech import build_clip

RIDGE = 0.3
QUIET = np.zeros(samples(0.2), np.float32)

Row = tuple[list[float], bool]


def main() -> None:
    """Print the weights, and how well they separate finished from cut, fitted and held out."""
    engines = Simulator().engines()
    assert engines.last_words is not None

    def row(pcm: Pcm, whole: bool) -> Row:
        heard = np.concatenate([QUIET, pcm, QUIET])
        words = engines.stt.transcribe(heard)
        melody = engines.end_of_turn.complete_prob(heard[: -samples(0.1)])
        over = engines.last_words.over_prob(words.text) if words.text.strip() else 0.0
        return [1.0, logit(over), logit(melody), -unsureness(words.avg_logprob, ())], whole

    fitted: list[Row] = []
    rng = np.random.default_rng(5)
    texts = [*stage.LONG, *(t for t in stage.SHORT if len(t.split()) >= 3)]
    for number, text in enumerate(texts):
        person = stage.PEOPLE[number % len(stage.PEOPLE)]
        fitted.append(row(build_clip(engines.voice, text, person).pcm, True))
        words = text.split()
        if len(words) >= 6:
            for cut in rng.choice(np.arange(2, len(words) - 1), min(3, len(words) - 3), False):
                paused = " ".join([*words[:cut], "<pause 1.0>", *words[cut:]])
                clip = build_clip(engines.voice, paused, person)
                fitted.append(row(clip.pcm[: round(clip.pauses[0][0] * RATE)], False))
        sys.stderr.write(f"\r{number + 1} of {len(texts)}")
    held_out: list[Row] = []
    for person in floor.LEARNERS:
        for text in floor.HESITANT:
            clip = build_clip(engines.voice, text, person)
            held_out += [row(clip.pcm[: round(at * RATE)], False) for at, _ in clip.pauses]
            held_out.append(row(clip.pcm, True))
    weights = fit(fitted)
    sys.stdout.write(
        f"\nbias, words, melody, unsure: {np.round(weights, 2).tolist()}\n"
        f"fitted: {len(fitted)} utterances, AUC {auc(fitted, weights):.3f}\n"
        f"held out: {len(held_out)} utterances, AUC {auc(held_out, weights):.3f}\n"
    )


def logit(prob: float) -> float:
    """Return the log odds, limited as in `end_of_turn`."""
    kept = min(max(prob, 1e-3), 1.0 - 1e-3)
    return math.log(kept / (1.0 - kept))


def fit(rows: list[Row]) -> NDArray[np.float64]:
    """Return the weights of a logistic regression by Newton's method; its ridge spares the bias."""
    x, y = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], float)
    weights = np.zeros(x.shape[1])
    ridge = RIDGE * np.diag([0.0, 1.0, 1.0, 1.0])
    for _ in range(100):
        prob = 1.0 / (1.0 + np.exp(-x @ weights))
        slope = x.T @ (y - prob) - ridge @ weights
        weights += np.linalg.solve((x * (prob * (1 - prob))[:, None]).T @ x + ridge, slope)
    return weights


def auc(rows: list[Row], weights: NDArray[np.float64]) -> float:
    """Return the share of (cut, finished) pairs that are in the right order."""
    scores = [(float(np.dot(x, weights)), whole) for x, whole in rows]
    whole = np.array([s for s, w in scores if w])
    cut = np.array([s for s, w in scores if not w])
    return float(np.mean(whole[:, None] > cut[None, :]))


if __name__ == "__main__":
    main()
