"""Sound on the session's clock: the recent microphone signal, and the patient's voice as heard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simvoice.audio import FRAME, RATE, Pcm, Pcm16, samples, to_float

_MEMORY_S = 45
"""Longer than the longest transcribed span (30 s), with a margin for queued work."""

_PAUSE_EDGE_S = 0.1
"""Seconds of a pause that are kept on either side: enough for a soft start or end of a word."""

_AHEAD_S = 4
"""Longer than the output delay of any device."""


class MicrophoneMemory:
    """The last 45 s of the learner's microphone, by session time."""

    def __init__(self) -> None:
        self._ring = np.zeros(_MEMORY_S * RATE, dtype=np.int16)
        self._count = 0

    def add(self, frame: Pcm16) -> None:
        """Append the next frame."""
        at = self._count % len(self._ring)
        # The ring's length is a whole number of frames, so a frame never wraps.
        self._ring[at : at + len(frame)] = frame
        self._count += len(frame)

    def between(
        self, start_s: float, end_s: float, pauses: Sequence[tuple[float, float]] = ()
    ) -> Pcm:
        """Return the stored part of the sound from `start_s` to `end_s`, float32 [n].

        pauses: silences (session seconds) of which only the first and last 0.1 s are kept.
        """
        edges = [start_s]
        for pause_start_s, pause_end_s in pauses:
            if pause_start_s >= start_s and pause_end_s <= end_s:
                edges += [pause_start_s + _PAUSE_EDGE_S, pause_end_s - _PAUSE_EDGE_S]
        edges.append(end_s)
        pieces = [self._piece(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _piece(self, start_s: float, end_s: float) -> Pcm:
        oldest = max(0, self._count - len(self._ring))
        start = min(max(samples(start_s), oldest), self._count)
        end = min(max(samples(end_s), start), self._count)
        index = np.arange(start, end) % len(self._ring)
        return to_float(self._ring[index])


class DeliveredSound:
    """The patient's channel as the learner hears it, aligned with the microphone."""

    def __init__(self) -> None:
        self._ring = np.zeros(_AHEAD_S * RATE, dtype=np.int16)
        self._taken = 0
        self._written = 0

    def put(self, frame: Pcm16, heard_at: int) -> int:
        """Store a frame at the session sample where it will be heard; return its actual position.

        A difference of less than a frame from the end of the last frame is jitter of the estimate:
        the frames are stored without a gap, as the device plays them.
        """
        start = self._written if abs(heard_at - self._written) <= FRAME else heard_at
        start = min(max(start, self._taken), self._taken + len(self._ring) - len(frame))
        index = np.arange(start, start + len(frame)) % len(self._ring)
        self._ring[index] = frame
        self._written = start + len(frame)
        return start

    def take(self) -> Pcm16:
        """Return the next frame of the session's clock."""
        index = np.arange(self._taken, self._taken + FRAME) % len(self._ring)
        frame = self._ring[index].copy()
        self._ring[index] = 0
        self._taken += FRAME
        return frame
