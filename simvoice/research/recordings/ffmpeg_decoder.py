"""Decode sound with PyAV, which holds FFmpeg: MP3, M4A, MP4, WebM, AMR and what else it knows.

The times of the container are kept: where it has a hole, silence is filled in, so that all that
follows is at the right time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from io import FileIO

import av
import numpy as np
from numpy.typing import NDArray

from simvoice.errors import AudioFileError
from simvoice.research.recordings.byte_ranges import ByteRange
from simvoice.research.recordings.missing_sound import (
    changed,
    cut_off,
    damaged,
    no_end,
    no_sound,
)
from simvoice.research.recordings.stream_ends import (
    is_damaged_before,
    is_matroska_cut,
    mp3_frame_bytes,
    mp3_states_length,
    mp4_boxes,
)

_FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,flac,flv,matroska,mov,mp3,mpeg,mpegts,"
    "nistsphere,ogg,tta,w64,wav,webm,wv"
)
"""FFmpeg's readers that may open a file. Not allowed are all others: playlists, which open further
files and addresses, and readers that take any text for a picture."""

_STREAMED = frozenset({"mp3", "aac", "amr", "amrnb", "amrwb", "ac3"})
"""Formats of frames without a container: FFmpeg guesses their length."""

_HOLE_S = 0.05
"""Seconds without sound from which the container's times count: shorter ones come from rounding."""

_START_S = 0.15
"""The same before the first sound: codecs begin with up to 0.14 s that no one hears."""

_MOST_HOLES_S = 900.0
"""Seconds of all holes together that are filled: a later time is taken for damage. A small file can
state any time, so without a limit it could take for ever."""

_TOLERANCE_S = 0.25
"""Seconds by which the length that a container states may exceed its sound: encoders add up to two
frames of their own, and pictures may outlast the sound a little."""

_BROKEN = 0.5
"""The share of packets that cannot be decoded from which a file holds no sound: FFmpeg finds frames
of MP3 in any long file."""


class FfmpegDecoder:
    """Decodes the first sound stream of a file."""

    def __init__(self, name: str, file: FileIO, stack: ExitStack, skip: int = 0) -> None:
        """skip: frames to leave out at the start. Raises AudioFileError."""
        self._name = name
        self._file = file
        self._skip = skip
        self._frames = 0
        self._packets = 0
        self._bad = 0
        self._bad_at_end = 0
        self._hole_s = 0.0
        self._jump_s = 0.0
        self._begins_at: int | None = None
        self._ends_at = 0
        self._is_partial = False
        self._skipped_bytes = 0
        file.seek(0)
        try:
            container = av.open(
                ByteRange(file),
                metadata_errors="replace",
                options={"format_whitelist": _FORMATS, "protocol_whitelist": "pipe"},
            )
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise no_sound(self._name) from error
        assert isinstance(container, av.container.InputContainer)
        self._container = stack.enter_context(container)
        if not container.streams.audio:
            raise AudioFileError(f"{name!r} contains no sound, only other data; record it again")
        self._stream = container.streams.audio[0]
        if not self._stream.codec_context:  # its codec is unknown, or its header is damaged
            raise no_sound(name)
        self._stream.codec_context.thread_count = 1
        self._stream.codec_context.options = {"err_detect": "crccheck+explode"}
        self._format = container.format.name
        self._waiting = self._decoded()
        first = next(self._waiting, None)
        if first is None:
            raise no_sound(self._name)
        self._first: av.AudioFrame | None = first
        self.rate = int(first.sample_rate)
        self.channels = int(first.layout.nb_channels)
        self.subtype = str(self._stream.codec_context.name)

    def blocks(self, size: int) -> Iterator[NDArray[np.float32]]:
        """Yield float32 [m, channels]. Raises AudioFileError when rate or channels change."""
        parts: list[NDArray[np.float32]] = []
        waiting = 0
        for part in self._parts():
            parts.append(part)
            waiting += len(part)
            if waiting >= size:
                yield np.concatenate(parts)
                parts, waiting = [], 0
        if waiting:
            yield np.concatenate(parts)
        if self._bad > _BROKEN * max(1, self._packets):
            raise no_sound(self._name)

    def _parts(self) -> Iterator[NDArray[np.float32]]:
        """Yield the sound of each frame, and silence where the container has a hole."""
        to_skip = self._skip
        for frame in self._all_frames():
            if (int(frame.sample_rate), int(frame.layout.nb_channels)) != (
                self.rate,
                self.channels,
            ):
                raise changed(self._name, self._frames / self.rate)
            for part in (*self._hole_before(frame), _as_float(frame)):
                self._frames += len(part)
                left_out = min(to_skip, len(part))
                to_skip -= left_out
                if left_out < len(part):
                    yield part[left_out:]

    def _all_frames(self) -> Iterator[av.AudioFrame]:
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._waiting

    def _hole_before(self, frame: av.AudioFrame) -> Iterator[NDArray[np.float32]]:
        if frame.time is None:
            return
        starts_s = (self._container.start_time or 0) / av.time_base
        hole_s = frame.time - starts_s - self._frames / self.rate
        least_s = _HOLE_S if self._frames else _START_S
        if hole_s <= least_s:
            self._jump_s = 0.0  # the time of a single frame was damaged
            return
        hole_s -= self._jump_s
        if hole_s <= least_s:
            return
        if self._hole_s + hole_s > _MOST_HOLES_S:
            self._jump_s += hole_s
            return
        self._hole_s += hole_s
        left = round(hole_s * self.rate)
        while left > 0:
            size = min(left, 10 * self.rate)  # in pieces, so that memory stays small
            yield np.zeros((size, self.channels), np.float32)
            left -= size

    def _decoded(self) -> Iterator[av.AudioFrame]:
        """Yield the frames that can be decoded, and remember where others are."""
        try:
            for packet in self._container.demux(self._stream):
                self._note(packet)
                try:
                    frames = packet.decode()
                except av.error.FFmpegError:
                    if packet.size:
                        self._bad += 1
                        self._bad_at_end += 1
                    continue
                if frames and packet.size:
                    self._bad_at_end = 0
                yield from frames
        except av.error.FFmpegError:
            self._is_partial = True

    def _note(self, packet: av.Packet[av.AudioStream]) -> None:
        """Remember whether bytes between packets were skipped, and whether the last is whole."""
        if not packet.size:
            return
        self._packets += 1
        self._is_partial = packet.is_corrupt
        if self._format not in _STREAMED or packet.pos is None:
            return
        if self._begins_at is None:
            self._begins_at = packet.pos
        else:
            self._skipped_bytes += max(0, packet.pos - self._ends_at)
        self._ends_at = packet.pos + packet.size
        if self._format == "mp3":
            whole = mp3_frame_bytes(bytes(memoryview(packet))[:4])
            self._is_partial |= whole is not None and packet.size < whole

    # -- what is missing --------------------------------------------------------------------

    def remarks(self) -> list[str]:
        """Return sentences about what is missing or damaged; call after the last block."""
        found_s = self._frames / self.rate
        found: list[str] = []
        declared_s = self._declared_s()
        bad_inside = self._bad - self._bad_at_end
        if declared_s is not None and declared_s - self._jump_s - found_s > _TOLERANCE_S:
            found.append(cut_off(self._name, declared_s, found_s))
        elif self._is_partial or self._bad_at_end or self._breaks_off():
            found.append(no_end(self._name, found_s))
        begins_at = self._begins_at
        is_damaged_start = begins_at is not None and is_damaged_before(self._file, begins_at)
        if bad_inside or self._skipped_bytes or is_damaged_start:
            found.append(damaged(self._name, found_s))
        if self._hole_s > _HOLE_S:
            found.append(
                f"{self._name!r} has holes of {self._hole_s:.1f} s in all, which were filled with "
                "silence"
            )
        if self._jump_s:
            found.append(
                f"the times in {self._name!r} jump by {self._jump_s:.0f} s, which was left out; "
                "what follows is that much earlier here than the file says"
            )
        count = len(self._container.streams.audio)
        if count > 1:
            found.append(
                f"{self._name!r} contains {count} sound tracks; the first was read (for another "
                "one, export it as a file of its own)"
            )
        return found

    def _declared_s(self) -> float | None:
        """Return the length that the file states, seconds; None when FFmpeg guesses it."""
        if self._format in _STREAMED and not (
            self._format == "mp3" and mp3_states_length(self._file)
        ):
            return None
        boxes = mp4_boxes(self._file)
        if self._format == "asf" or (boxes is not None and boxes.is_fragmented):
            return None  # FFmpeg shortens the length of what is cut off
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        tag = self._stream.metadata.get("DURATION", "")
        if tag.count(":") == 2:
            hours, minutes, seconds = tag.split(":")
            try:
                return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
            except ValueError:
                return None
        if len(self._container.streams) == 1 and self._container.duration is not None:
            return float(self._container.duration / av.time_base)
        return None  # pictures may last longer than the sound

    def _breaks_off(self) -> bool:
        """Return whether the last element of the container is not whole."""
        if "matroska" in self._format:
            return is_matroska_cut(self._file)
        boxes = mp4_boxes(self._file)
        return boxes is not None and boxes.is_cut


_SCALES = {"u8": 128.0, "s16": 32768.0, "s32": 2147483648.0}
"""Full scale of FFmpeg's whole-number samples."""


def _as_float(frame: av.AudioFrame) -> NDArray[np.float32]:
    """Return float32 [m, channels], -1..1."""
    raw = frame.to_ndarray()
    channels = int(frame.layout.nb_channels)
    wide = raw.T if frame.format.is_planar else raw.reshape(-1, channels)
    scale = _SCALES.get(str(frame.format.packed.name))
    if scale is None:
        return np.ascontiguousarray(wide, np.float32)
    shifted = wide.astype(np.float32)
    if raw.dtype == np.uint8:
        shifted -= 128.0
    return np.ascontiguousarray(shifted / np.float32(scale))
