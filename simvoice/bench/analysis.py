"""`simvoice bench analysis`: speed and memory of measuring a recording without its words.

The recording is a planted conversation: harmonic sound and hiss on two channels with a little
noise. It is made block by block, so that it does not have to fit in memory. Each length is measured
in a separate process on one core.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from simvoice.audio import RATE, Pcm16
from simvoice.reading.reading import read_blocks
from simvoice.scoring.metrics.registry import measure_reading

BLOCK_S = 30
LENGTHS_S = {"10min": 600, "10h": 36_000}


def run(quick: bool) -> dict[str, Any]:
    """Return times_real_time, the best of several runs of ten minutes, and rss_mb by length."""
    rounds = 2 if quick else 5
    figures = {name: _measure_in_process(length_s, rounds) for name, length_s in LENGTHS_S.items()}
    first = figures["10min"]
    return {
        "times_real_time": round(first["times_real_time"]),
        "rss_mb": {name: round(found["rss_mb"]) for name, found in figures.items()},
        "measured": first["measured"],
        "cores": 1,
    }


def _measure_in_process(length_s: int, rounds: int) -> dict[str, Any]:
    """Measure in a new process, so that its memory is that of this length alone."""
    count = rounds if length_s <= 600 else 1
    code = (
        "import json; from simvoice.bench import analysis; "
        f"print(json.dumps(analysis.measure_length({length_s}, {count})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure_length(length_s: int, rounds: int) -> dict[str, Any]:
    """Measure the planted sound `rounds` times in this process; return speed and memory."""
    import psutil  # type: ignore[import-untyped]

    _one_core()
    process = psutil.Process()
    best = 0.0
    known = 0
    minute = _minute()
    for _ in range(rounds):
        begun = time.process_time()
        measured = measure_reading(read_blocks(_blocks(minute, length_s)))
        best = max(best, length_s / (time.process_time() - begun))
        known = sum(number.value is not None for number in measured)
    return {
        "times_real_time": best,
        "rss_mb": process.memory_info().rss / 2**20,
        "measured": known,
    }


def _one_core() -> None:
    """Restrict this process to one core, where the system allows it."""
    import os

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def _blocks(minute: tuple[Pcm16, Pcm16], length_s: int) -> Iterator[tuple[Pcm16, Pcm16]]:
    step = BLOCK_S * RATE
    for start_s in range(0, length_s, BLOCK_S):
        at = (start_s % 60) * RATE
        yield minute[0][at : at + step].copy(), minute[1][at : at + step].copy()


def _minute() -> tuple[Pcm16, Pcm16]:
    """Return a minute of two voices that take turns, with pauses, overlaps and acknowledgements."""
    random = np.random.default_rng(11)
    channels = [random.standard_normal(60 * RATE) * 30.0 for _ in range(2)]
    at_s, who = 0.5, 0
    while at_s < 57.0:
        length_s = float(random.uniform(0.8, 3.0))
        add_voice(channels[who], at_s, min(length_s, 59.5 - at_s), (110.0, 200.0)[who], random)
        if random.random() < 0.3 and length_s > 1.5:
            add_voice(channels[1 - who], at_s + 0.6, 0.35, (110.0, 200.0)[1 - who], random)
        at_s += length_s + float(random.uniform(-0.2, 0.9))
        who = 1 - who if random.random() < 0.6 else who
    return channels[0].astype(np.int16), channels[1].astype(np.int16)


def add_voice(
    channel: np.ndarray[Any, np.dtype[np.float64]],
    start_s: float,
    length_s: float,
    hz: float,
    random: np.random.Generator,
) -> None:
    """Add five syllables a second to a channel, each a harmonic vowel and a hissing consonant."""
    begin, count = round(start_s * RATE), round(length_s * RATE)
    time_s = np.arange(count) / RATE
    glide = hz * (1.1 - 0.2 * time_s / max(length_s, 0.1))
    phase = 2.0 * np.pi * np.cumsum(glide) / RATE
    vowel = np.sum([0.6**k * np.sin((k + 1) * phase) for k in range(10)], axis=0)
    beat = 0.5 - 0.5 * np.cos(2.0 * np.pi * 5.0 * time_s)
    hiss = random.standard_normal(count) * (1.0 - beat)
    channel[begin : begin + count] += 3000.0 * vowel * beat + 200.0 * hiss
