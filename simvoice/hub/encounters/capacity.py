"""How many encounters a machine can hold at once, by a short measurement at the start of the hub.

An encounter needs the engines a few times in each turn, and a little of a core all the time for its
sound. `USABLE` is the share of the cores at which answers still come in time; it was found with
`simvoice bench hub`.
"""

from __future__ import annotations

import logging
import time
from statistics import median

from simvoice.machine import memory, usable_cores
from simvoice.ports import VoiceStyle
from simvoice.runtime.stages import Engines

_log = logging.getLogger(__name__)

TURN_EVERY_S = 8.0
"""Seconds from one turn of a learner to the next: three to speak, the rest for the patient."""

PAUSES = 1.7
"""Times that a turn is judged and transcribed: at its end, and in pauses that were not the end."""

FRAMES_SHARE = 0.05
"""Share of a core for the sound of one encounter: detector, record, WebSocket."""

USABLE = 0.5
"""Share of the cores that encounters may use. On two cores, eight encounters used 0.44 of them and
answered within 1.0 s (p95), twelve used 0.6 and took 1.5 s, beside the learners of the bench."""

MOST = 64
"""More are not admitted on any machine: the sound of all of them goes through one interpreter."""

ENCOUNTER_BYTES = 80_000_000
"""Memory of each further encounter; `simvoice bench hub` measures less."""

RESERVE_BYTES = 400_000_000
"""Memory that stays free for pages, exports and the system."""

_REPEATS = 5
_WORDS = "Can you tell me what you have understood so far?"


def measure_capacity(engines: Engines) -> int:
    """Return how many encounters this machine can hold at once, 1 or more. Takes about 3 s."""
    work_s = measure_turn_s(engines)
    most = capacity(work_s, usable_cores(), memory().free)
    _log.info("capacity=%d turn_work_s=%.2f cores=%d", most, work_s, usable_cores())
    return most


def capacity(turn_work_s: float, cores: int, free_bytes: int) -> int:
    """Return the number of encounters.

    turn_work_s: work of the engines on one pause of the learner, in seconds of one core.
    free_bytes: memory that is free once the engines are loaded.
    """
    each = PAUSES * turn_work_s / TURN_EVERY_S + FRAMES_SHARE
    by_cores = int(USABLE * cores / each)
    by_memory = (free_bytes - RESERVE_BYTES) // ENCOUNTER_BYTES
    return max(1, min(MOST, by_cores, by_memory))


def measure_turn_s(engines: Engines) -> float:
    """Return the seconds of one core that one pause of the learner costs, the median of some."""
    sound = engines.voice.speak(_WORDS, VoiceStyle()).pcm
    times: list[float] = []
    for _ in range(_REPEATS):
        began_s = time.perf_counter()
        engines.end_of_turn.complete_prob(sound)
        engines.stt.transcribe(sound, once=True)
        if engines.embedder is not None:
            engines.embedder.embed([_WORDS])
        if engines.last_words is not None:
            engines.last_words.over_prob(_WORDS)
        times.append(time.perf_counter() - began_s)
    return median(times)
