"""How fast the patients answer now: the guard that admits no one while they are slow."""

from __future__ import annotations

import math
from collections import deque

LIMIT_S = 1.3
"""Longest 95th percentile of the answer. In talk between people 95 of 100 answers come within
about a second (Stivers et al. 2009, ten languages); a simulated patient who is much later sounds
as if the question were a bad one."""

WINDOW_S = 60.0
"""Long enough for some ten answers of each encounter, short enough to notice a burst of load."""

FEWEST = 10
"""With fewer answers, the slowest of them says nothing about the machine."""


class AnswerTimes:
    """The answers of the last minute, of all encounters. Not thread-safe."""

    def __init__(self, limit_s: float = LIMIT_S, window_s: float = WINDOW_S) -> None:
        self._limit_s = limit_s
        self._window_s = window_s
        self._answers: deque[tuple[float, float]] = deque()

    def add(self, now_s: float, took_s: float) -> None:
        """Note an answer that took `took_s` seconds from the end of the learner's speech."""
        self._answers.append((now_s, took_s))

    def p95_s(self, now_s: float) -> float | None:
        """Return the 95th percentile of the last minute; None with too few answers."""
        while self._answers and now_s - self._answers[0][0] > self._window_s:
            self._answers.popleft()
        if len(self._answers) < FEWEST:
            return None
        ordered = sorted(took_s for _, took_s in self._answers)
        return ordered[math.ceil(0.95 * len(ordered)) - 1]

    def are_slow(self, now_s: float) -> bool:
        """Return True while the 95th percentile is over the limit."""
        p95_s = self.p95_s(now_s)
        return p95_s is not None and p95_s > self._limit_s
