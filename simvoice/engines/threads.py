"""Cores are a budget: how many threads each engine may take, and that none of them spins.

Whisper (OpenMP), onnxruntime and llama.cpp each keep their threads spinning while they wait
for work, because that saves microseconds when the machine is theirs alone. On two cores with
other work going on it costs up to eighty times: llama.cpp on two threads beside two busy
processes fell from 33 tokens a second to 0.4, on one thread only to 13.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

CORES = os.cpu_count() or 1

WHISPER = min(2, CORES)
"""Nothing else heavy runs while it transcribes, and the learner is waiting."""

VOICE = min(2, CORES)
"""A quarter faster than one thread on a clause; asleep, not spinning, between its layers."""

LLAMA = max(1, min(4, CORES - 1))
"""One fewer than there are cores: its threads meet at a barrier after every layer, so that one
that was sent off its core holds all the others up."""

SMALL = 1
"""Silero, Smart Turn and MiniLM: too small to gain from a second thread."""

_QUIET = {
    # OpenMP (ctranslate2): sleep at once instead of spinning for 200 ms after each region.
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
    # OpenBLAS would give numpy's matrix products a pool of their own that spins as well.
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # The tokenizers library would start a pool for a single sentence.
    "TOKENIZERS_PARALLELISM": "false",
}


def set_environment(environ: MutableMapping[str, str] | None = None) -> None:
    """Tell the libraries not to spin. Call before any of them is imported.

    What the environment already says is left as it is. environ: `os.environ` when None.
    """
    target = os.environ if environ is None else environ
    for name, value in _QUIET.items():
        target.setdefault(name, value)
