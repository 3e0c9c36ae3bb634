"""Move sound between the callbacks of a sound card and the runtime: ring, capture and playback.

The callbacks only call `Capture.feed` and `Playback.pull`, which copy samples through a lock-free
ring. Resampling and all decisions happen in the runtime's thread.
"""

from __future__ import annotations

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from simvoice.audio import FRAME, FRAME_S, INAUDIBLE, RATE, Pcm16, to_float, to_int16

RING_S = 2.0
"""Seconds of sound in each ring; further samples are dropped and counted."""

QUALITY = "LQ"
"""soxr's quality setting. LQ passes speech up to 6.4 kHz and adds 6 ms at 48 kHz; HQ adds 21 ms and
delivers bursts of two frames, which the prefill would have to cover."""

QUIET_FRAMES = 10
"""Silent frames (200 ms) before any is dropped: pauses inside a sentence keep their length."""

SLACK_FRAMES = 2
"""Surplus frames that are kept: callbacks and the runtime are not in step."""

Samples = NDArray[np.float32]
"""float32 [n], mono, at the device's rate."""


class Ring:
    """A ring of samples between one producer and one consumer thread, without a lock.

    Each counter has a single writer. Counters are totals since the start and never wrap. Samples
    that do not fit are dropped and counted; then no more are accepted until the consumer has
    emptied the ring. The whole loss is therefore at one position, and `read_into` stops there.
    """

    def __init__(self, capacity: int) -> None:
        """capacity: samples."""
        self._data = np.zeros(capacity, np.float32)
        self._capacity = capacity
        self._written = 0
        self._read = 0
        # (position, total dropped), published as one object before samples are written behind it.
        self._gap = (0, 0)
        self._lost_reported = 0

    @property
    def fill(self) -> int:
        """Number of samples that wait to be read."""
        return self._written - self._read

    @property
    def consumed(self) -> int:
        """Number of samples read so far."""
        return self._read

    @property
    def dropped(self) -> int:
        """Number of samples dropped so far."""
        return self._gap[1]

    def write(self, chunk: Samples) -> int:
        """Write all of `chunk` or nothing; return the number of samples written. Producer only."""
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
        """Fill the start of `out` with waiting samples; return their number. Consumer only."""
        # Read `written` before `gap`: a gap is published before samples are written behind it.
        written = self._written
        at, dropped = self._gap
        end = at if dropped > self._lost_reported and self._read <= at <= written else written
        n = min(len(out), end - self._read)
        start = self._read % self._capacity
        first = min(n, self._capacity - start)
        out[:first] = self._data[start : start + first]
        out[first:n] = self._data[: n - first]
        self._read += n
        return n

    def take_lost(self) -> int:
        """Return the samples dropped at this position, once; 0 without a loss. Consumer only."""
        at, dropped = self._gap
        if dropped == self._lost_reported or at != self._read:
            return 0
        lost = dropped - self._lost_reported
        self._lost_reported = dropped
        return lost


class Resampler:
    """Resamples one direction of a stream; equal rates pass the sound unchanged."""

    def __init__(self, rate_in: int, rate_out: int) -> None:
        same = rate_in == rate_out
        self._stream = (
            None
            if same
            else soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32", quality=QUALITY)
        )
        self.delay_s = 0.0 if same else _group_delay_s(rate_in, rate_out)
        """The longest delay of a sample, seconds."""

    def push(self, chunk: Samples) -> Samples:
        """Resample float32 [n] at the input rate to float32 [m] at the output rate."""
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
    """Maps sample positions to the device's clock, from noisy time stamps."""

    SMOOTHING = 0.05  # settles in 20 blocks; stamps jitter by a few ms but do not drift
    JUMP_S = 0.08  # a larger difference is a stall or a loss: use the new stamp at once

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._offset_s: float | None = None

    def observe(self, position: int, at_s: float) -> None:
        """Record that sample `position` was captured or played at `at_s` of the device's clock."""
        offset = at_s - position / self._rate
        if self._offset_s is None or abs(offset - self._offset_s) > self.JUMP_S:
            self._offset_s = offset
        else:
            self._offset_s += self.SMOOTHING * (offset - self._offset_s)

    def time_of(self, position: float) -> float | None:
        """Return the time of a position on the device's clock, seconds; None before a stamp."""
        return None if self._offset_s is None else self._offset_s + position / self._rate


class Capture:
    """Turns the microphone's blocks into frames of 320 samples for the runtime."""

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
        """(position, ADC time) of the first sample of the newest block; set by the callback."""
        self._fed = 0
        self.zeros_s = 0.0
        """Seconds of exact digital silence, or of one value, since the last sound."""

    @property
    def dropped(self) -> int:
        """Samples, at the device's rate, that were dropped because the runtime was late."""
        return self._ring.dropped

    def feed(self, block: Samples, adc_s: float) -> None:
        """Add float32 [n] whose first sample was captured at `adc_s`. Callback only."""
        self.stamp = (self._fed, adc_s)
        self._fed += len(block)
        self._ring.write(block)

    def take(self) -> tuple[Pcm16, int, float | None] | None:
        """Return a frame, the frames lost before it and its start; None without a whole frame."""
        if self.stamp is not None:
            self.clock.observe(*self.stamp)
        while len(self._ready) < FRAME:
            self._lost_native += self._ring.take_lost()
            n = self._ring.read_into(self._block)
            if n == 0:
                return None
            block = self._block[:n]
            # A dead input may have an offset, which is no sound either.
            moved = float(block.max()) != float(block.min())
            self.zeros_s = 0.0 if moved else self.zeros_s + n / self.rate
            self._ready = np.concatenate([self._ready, self._resampler.push(block)])
        lost = self._lost_native * 50 // self.rate
        self._lost_native -= lost * self.rate // 50
        pcm = to_int16(self._ready[:FRAME])
        self._ready = self._ready[FRAME:]
        began = self.clock.time_of((self._frames + lost) * self.rate / 50)
        self._frames += 1 + lost
        return pcm, lost, began


class Playback:
    """Turns the runtime's frames of 320 samples into blocks for the speaker."""

    def __init__(self, rate: int, prefill_frames: int) -> None:
        self.rate = rate
        self._native_frame = rate // 50
        self._ring = Ring(round(RING_S * rate))
        self._resampler = Resampler(RATE, rate)
        # Samples inside the resampler are not in the ring, so the prefill must not wait for them.
        self._in_resampler = round(self._resampler.delay_s * rate)
        self._prefill = max(1, prefill_frames) * self._native_frame - self._in_resampler
        self._pushed = 0
        self._primed = False
        self._begun = False
        self._played = 0
        self._missing = 0
        self._quiet_frames = 0
        self.trimmed = 0
        """Silent frames dropped to reduce the delay after a stall."""
        self.clock = SampleClock(rate)
        # (samples played before the block, ring position after it, primed after it, DAC time)
        self._stamp: tuple[int, int, bool, float] | None = None

    @property
    def underruns(self) -> int:
        """Frames of silence played since the first sound because the ring was empty."""
        return self._missing // self._native_frame

    @property
    def dropped(self) -> int:
        """Samples, at the device's rate, that were dropped because the ring was full."""
        return self._ring.dropped

    def write(self, frame: Pcm16) -> None:
        """Add int16 [320]. Runtime only."""
        peak = max(int(frame.max()), -int(frame.min()))
        self._quiet_frames = self._quiet_frames + 1 if peak <= INAUDIBLE else 0
        surplus = self._ring.fill - self._prefill
        if self._quiet_frames > QUIET_FRAMES and surplus > SLACK_FRAMES * self._native_frame:
            self.trimmed += 1
            return
        made = self._resampler.push(to_float(frame))
        taken = self._ring.write(made)
        # Count without the resampler's delay, so that positions match the frames written.
        self._pushed += self._native_frame - (len(made) - taken)

    def pull(self, out: Samples, dac_s: float) -> None:
        """Fill float32 [n], which is played at `dac_s`. Callback only."""
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

    def sounds_at(self) -> float | None:
        """Return when a frame written now will sound, on the device's clock; None if unknown."""
        stamp = self._stamp
        if stamp is None:
            return None
        before, consumed, primed, dac_s = stamp
        self.clock.observe(before, dac_s)
        waiting = self._pushed - consumed
        if not primed:
            waiting = max(waiting, self._prefill + self._in_resampler - self._native_frame)
        return self.clock.time_of(before + self._block + waiting)
