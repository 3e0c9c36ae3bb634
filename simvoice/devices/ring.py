"""A ring of samples between an audio callback and one other thread, without a lock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""float32 [n], mono, at the device's own rate."""


class Ring:
    """Single producer, single consumer; each counter has one writer, so nothing is locked.

    Counters are totals since the beginning and never wrap. What finds no room is dropped and
    counted; after that nothing is taken until the consumer has emptied the ring, so that all
    of one loss lies at one place, which `read` does not cross unnoticed.
    """

    def __init__(self, capacity: int) -> None:
        """capacity: samples."""
        self._data = np.zeros(capacity, np.float32)
        self._capacity = capacity
        self._written = 0
        self._read = 0
        # (position, total dropped), published as one object before anything is written past it.
        self._gap = (0, 0)
        self._lost_told = 0

    @property
    def fill(self) -> int:
        """Samples that wait to be read."""
        return self._written - self._read

    @property
    def consumed(self) -> int:
        """Samples read so far."""
        return self._read

    @property
    def dropped(self) -> int:
        """Samples that found no room so far."""
        return self._gap[1]

    def write(self, chunk: Samples) -> int:
        """Producer only. Returns how many samples were taken: all of `chunk` or none."""
        n = len(chunk)
        at, dropped = self._gap
        waiting = self._written - self._read
        in_gap = dropped > 0 and at == self._written and waiting > 0
        if in_gap or waiting + n > self._capacity:
            self._gap = (self._written, dropped + n)
            return 0
        start = self._written % self._capacity
        first = min(n, self._capacity - start)
        self._data[start : start + first] = chunk[:first]
        self._data[: n - first] = chunk[first:]
        self._written += n
        return n

    def read_into(self, out: Samples) -> int:
        """Consumer only. Fill the front of `out` with what is there; returns how many."""
        # `written` before `gap`: a gap is published before anything is written past it.
        written = self._written
        at, dropped = self._gap
        end = at if dropped > self._lost_told and self._read <= at <= written else written
        n = min(len(out), end - self._read)
        start = self._read % self._capacity
        first = min(n, self._capacity - start)
        out[:first] = self._data[start : start + first]
        out[first:n] = self._data[: n - first]
        self._read += n
        return n

    def take_lost(self) -> int:
        """Consumer only. Samples dropped just here, once; 0 when the sound goes on unbroken."""
        at, dropped = self._gap
        if dropped == self._lost_told or at != self._read:
            return 0
        lost = dropped - self._lost_told
        self._lost_told = dropped
        return lost
