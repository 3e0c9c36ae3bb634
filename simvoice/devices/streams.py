"""Between audio callbacks and the runtime: a ring, capture, playback, clocks."""

from __future__ import annotations

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from simvoice.audio import FRAME, FRAME_S, RATE, Pcm16, to_float, to_int16

# -- ring -------------------------------------------------------------------------------------
# A ring of samples between an audio callback and one other thread, without a lock.


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


# -- streams ----------------------------------------------------------------------------------
# Between the audio callbacks and the runtime: capture, playback and the clocks of a sound card.
#
# The callbacks only call `Capture.feed` and `Playback.pull`, which copy and leave; resampling and
# every decision happen on the runtime's side.


RING_S = 2.0
"""Seconds each ring holds; what finds no room is counted."""

QUALITY = "LQ"
"""soxr's recipe. LQ passes speech whole to 6.4 kHz and adds 6 ms at 48 kHz; HQ adds 21 ms and
comes in bursts of two frames, which the prefill would have to cover."""

SILENT = 33
"""int16 peak, about -60 dBFS: nobody hears such a frame go."""

QUIET_FRAMES = 10
"""200 ms of silence before any is dropped: a pause inside a sentence keeps its length."""

SLACK_FRAMES = 2
"""Surplus that is left alone: callbacks and the runtime are not in step."""


class Resampler:
    """One direction of a stream; passes sound through untouched when the rates are equal."""

    def __init__(self, rate_in: int, rate_out: int) -> None:
        same = rate_in == rate_out
        self._stream = (
            None
            if same
            else soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32", quality=QUALITY)
        )
        self.delay_s = 0.0 if same else _group_delay_s(rate_in, rate_out)
        """Seconds from a sample going in to the same sample coming out, at worst."""

    def push(self, chunk: Samples) -> Samples:
        """float32 [n] at the first rate to float32 [m] at the second."""
        if self._stream is None:
            return chunk
        out: Samples = self._stream.resample_chunk(np.ascontiguousarray(chunk))
        return out


def _group_delay_s(rate_in: int, rate_out: int) -> float:
    probe = soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32", quality=QUALITY)
    block = np.zeros(round(rate_in * FRAME_S), np.float32)
    count = 25
    made = sum(len(probe.resample_chunk(block)) for _ in range(count))
    return max(0.0, count * FRAME_S - made / rate_out)


class SampleClock:
    """Which instant of the device's clock a sample belongs to, from noisy stamps."""

    SMOOTHING = 0.05  # settles in 20 blocks; a stamp is off by a few ms, never by a trend
    JUMP_S = 0.08  # a stall or a loss: believe the new stamp at once

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._offset_s: float | None = None

    def observe(self, position: int, at_s: float) -> None:
        """Sample `position` was heard or played at `at_s` of the device's clock."""
        offset = at_s - position / self._rate
        if self._offset_s is None or abs(offset - self._offset_s) > self.JUMP_S:
            self._offset_s = offset
        else:
            self._offset_s += self.SMOOTHING * (offset - self._offset_s)

    def time_of(self, position: float) -> float | None:
        """Seconds of the device's clock; None before the first stamp."""
        return None if self._offset_s is None else self._offset_s + position / self._rate


class Capture:
    """The microphone's way in: blocks from the callback, frames of 320 for the runtime."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._ring = Ring(round(RING_S * rate))
        self._resampler = Resampler(rate, RATE)
        self._block = np.zeros(rate // 50, np.float32)
        self._ready = np.zeros(0, np.float32)
        self._lost_native = 0
        self._frames = 0
        self.clock = SampleClock(rate)
        self.stamp: tuple[int, float] | None = None
        """(position of a block's first sample, its ADC time), the newest; by the callback."""
        self._fed = 0
        self.zeros_s = 0.0
        """Seconds of exact digital silence up to now."""

    @property
    def dropped(self) -> int:
        """Samples at the device's rate that the runtime was too late for."""
        return self._ring.dropped

    def feed(self, block: Samples, adc_s: float) -> None:
        """Callback only: float32 [n] that began to sound at `adc_s`."""
        self.stamp = (self._fed, adc_s)
        self._fed += len(block)
        self._ring.write(block)

    def take(self) -> tuple[Pcm16, int, float | None] | None:
        """A frame, the frames lost before it and when it began; None when none is whole yet."""
        if self.stamp is not None:
            self.clock.observe(*self.stamp)
        while len(self._ready) < FRAME:
            self._lost_native += self._ring.take_lost()
            n = self._ring.read_into(self._block)
            if n == 0:
                return None
            block = self._block[:n]
            self.zeros_s = 0.0 if block.any() else self.zeros_s + n / self.rate
            self._ready = np.concatenate([self._ready, self._resampler.push(block)])
        lost = self._lost_native * 50 // self.rate
        self._lost_native -= lost * self.rate // 50
        pcm = to_int16(self._ready[:FRAME])
        self._ready = self._ready[FRAME:]
        began = self.clock.time_of((self._frames + lost) * self.rate / 50)
        self._frames += 1 + lost
        return pcm, lost, began


class Playback:
    """The speaker's way out: frames of 320 from the runtime, blocks for the callback."""

    def __init__(self, rate: int, prefill_frames: int) -> None:
        self.rate = rate
        self._native_frame = rate // 50
        self._ring = Ring(round(RING_S * rate))
        self._resampler = Resampler(RATE, rate)
        # What the resampler holds back never waits in the ring, so it must not be waited for.
        held = round(self._resampler.delay_s * rate)
        self._held = held
        self._prefill = max(1, prefill_frames) * self._native_frame - held
        self._pushed = 0
        self._primed = False
        self._begun = False
        self._played = 0
        self._missing = 0
        self._quiet_frames = 0
        self.trimmed = 0
        """Silent frames dropped to win back the delay after a stall."""
        self.clock = SampleClock(rate)
        # (played before this block, ring position after it, primed after it, DAC time).
        self._stamp: tuple[int, int, bool, float] | None = None

    @property
    def underruns(self) -> int:
        """Frames of silence played for want of sound, since the first sound."""
        return self._missing // self._native_frame

    @property
    def dropped(self) -> int:
        """Samples at the device's rate that found the ring full."""
        return self._ring.dropped

    def write(self, frame: Pcm16) -> None:
        """Runtime only: int16 [320]."""
        peak = max(int(frame.max()), -int(frame.min()))
        self._quiet_frames = self._quiet_frames + 1 if peak <= SILENT else 0
        surplus = self._ring.fill - self._prefill
        if self._quiet_frames > QUIET_FRAMES and surplus > SLACK_FRAMES * self._native_frame:
            self.trimmed += 1
            return
        made = self._resampler.push(to_float(frame))
        taken = self._ring.write(made)
        # Counted as if nothing were held back: sample for sample, what comes later lies after it.
        self._pushed += self._native_frame - (len(made) - taken)

    def pull(self, out: Samples, dac_s: float) -> None:
        """Callback only: fill float32 [n], which will sound at `dac_s`."""
        before = self._played
        n = 0
        if not self._primed and self._ring.fill >= max(self._prefill, len(out)):
            self._primed = True
        if self._primed:
            self._begun = True
            n = self._ring.read_into(out)
            if n < len(out):
                self._primed = False
        out[n:] = 0.0
        if self._begun:
            self._missing += len(out) - n
        self._played = before + len(out)
        self._ring.take_lost()
        self._stamp = (before, self._ring.consumed, self._primed, dac_s)
        self._block = len(out)

    def heard_at(self) -> float | None:
        """When a frame written now will begin to sound, on the device's clock."""
        stamp = self._stamp
        if stamp is None:
            return None
        before, consumed, primed, dac_s = stamp
        self.clock.observe(before, dac_s)
        waiting = self._pushed - consumed
        if not primed:
            waiting = max(waiting, self._prefill + self._held - self._native_frame)
        return self.clock.time_of(before + self._block + waiting)
