"""Thread counts of the engines, and the settings that stop idle threads from spinning.

Whisper (OpenMP), onnxruntime and llama.cpp spin (busy-wait) while they wait for work. On an idle
machine this saves microseconds. On two cores with other load it costs a factor of up to eighty:
beside two busy processes, llama.cpp fell from 33 tokens a second to 0.4 with two threads, and to
13 with one.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from simvoice.machine import share_freed_memory, usable_cores

CORES = usable_cores()

STT_THREADS = min(2, CORES)
"""Whisper. No other heavy work runs while it transcribes, and the learner waits for the result."""

VOICE_THREADS = min(2, CORES)
"""Piper. Two threads are a quarter faster than one on a clause."""

LLM_THREADS = max(1, min(4, CORES - 1))
"""llama.cpp. One fewer than there are cores: its threads wait for each other after every layer,
so one thread that loses its core delays all of them."""

SMALL_MODEL_THREADS = 1
"""Silero, Smart Turn and MiniLM are too small to gain from a second thread."""

_NO_SPINNING = {
    # OpenMP (ctranslate2): sleep at once instead of spinning for 200 ms after each region.
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
    # OpenBLAS starts a thread pool for numpy's matrix products, and the pool spins.
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # The tokenizers library starts a thread pool even for a single sentence.
    "TOKENIZERS_PARALLELISM": "false",
}


def set_environment(environ: MutableMapping[str, str] | None = None) -> None:
    """Set the variables that stop spinning, and let threads share memory that was freed.

    Call it before the libraries are imported.

    Variables that are already set keep their values. environ: `os.environ` when None.
    """
    target = os.environ if environ is None else environ
    for name, value in _NO_SPINNING.items():
        target.setdefault(name, value)
    if environ is None:
        share_freed_memory()
