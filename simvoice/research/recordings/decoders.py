"""Decode a sound file to its end, or say what is missing.

libsndfile decodes what it is sure of: uncompressed sound, FLAC, and Ogg one stream at a time. PyAV
decodes the rest, and the rest of a FLAC file at which libsndfile gives up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from stat import S_ISREG
from typing import Protocol

import numpy as np
import soundfile  # type: ignore[import-untyped]
from numpy.typing import NDArray

from simvoice.errors import AudioFileError
from simvoice.research.recordings.byte_ranges import ByteRange
from simvoice.research.recordings.declared_size import DataSize, data_size
from simvoice.research.recordings.file_names import shown_name
from simvoice.research.recordings.missing_sound import (
    changed,
    cut_off,
    damaged,
    no_end,
    understated,
)
from simvoice.research.recordings.stream_ends import (
    OggStreams,
    mp3_frame_bytes,
    mp4_boxes,
    ogg_streams,
)

UNEXPLAINED_S = 0.02
"""Seconds by which lengths may differ without a remark: less than the shortest sound of speech."""

_UNKNOWN_FRAMES = 1 << 40
"""Frames from which libsndfile's number means that the file states none."""

_AFTER_SOUND = 1 << 16
"""Bytes that may follow the last block that libsndfile has read: its buffer, and a tag."""

Block = NDArray[np.float32]


class Decoder(Protocol):
    """Sound that can be read once from start to end."""

    rate: int
    """Hertz."""
    channels: int
    subtype: str
    """libsndfile's name of the sample format, such as PCM_24, or FFmpeg's name of the codec."""

    def blocks(self, size: int) -> Iterator[Block]:
        """Yield float32 [m, channels], -1..1, 0 < m; m is about `size`. Raises AudioFileError."""
        ...

    def remarks(self) -> Sequence[str]:
        """Return sentences about what is missing or damaged; call after the last block."""
        ...


def open_decoder(path: Path, stack: ExitStack) -> Decoder:
    """Return a decoder that is open as long as `stack`.

    Raises AudioFileError for a file that does not exist, is no regular file or holds no sound.
    """
    name = shown_name(path)
    file = stack.enter_context(open_regular(path))
    try:
        head = file.read(4)
        if head[:3] == b"ID3" or mp3_frame_bytes(head) is not None:
            return _by_ffmpeg(name, file, stack)  # of an MP3 libsndfile guesses the length
        if head == b"OggS" and (ogg := _ogg(name, file, stack)) is not None:
            return ogg
        return _sure(name, file, stack) or _by_ffmpeg(name, file, stack)
    except OSError as error:
        raise AudioFileError(f"{name!r} cannot be read ({error.strerror or error})") from error


def open_regular(path: Path) -> FileIO:
    """Return the open file. Raises AudioFileError when it is missing, empty or no regular file.

    A named pipe or a device is refused before it is opened, because opening it may wait for ever.
    """
    name = shown_name(path)
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            raise AudioFileError(
                f"{name!r} is not a regular file (a folder, a pipe or a device); copy the sound "
                "into a file"
            )
        if status.st_size == 0:
            raise AudioFileError(f"{name!r} is empty; record it again")
        return path.open("rb", buffering=0)  # libsndfile moves the same position
    except FileNotFoundError as error:
        raise AudioFileError(
            f"the sound file {shown_name(path, whole=True)!r} does not exist; check the name"
        ) from error
    except OSError as error:
        raise AudioFileError(f"{name!r} cannot be read; check its permissions") from error


# -- libsndfile -----------------------------------------------------------------------------


def _sure(name: str, file: FileIO, stack: ExitStack) -> Decoder | None:
    """Return libsndfile's decoder where it reads the whole file; None for other formats."""
    size = data_size(file)
    sound = _opened(file, size, stack)
    if sound is None or sound.format in ("MP3", "RAW") or sound.subtype.startswith("MPEG"):
        return None
    if sound.frames >= _UNKNOWN_FRAMES:
        return None
    return _Sndfile(name, sound, file, size, stack)


def _opened(file: FileIO, size: DataSize | None, stack: ExitStack) -> soundfile.SoundFile | None:
    """Open by descriptor, not by name: by some endings libsndfile takes any bytes for sound."""
    file.seek(0)
    given: int | ByteRange = file.fileno()
    if size is not None and size.corrections:
        given = ByteRange(file, corrections=size.corrections)
    try:
        opened = soundfile.SoundFile(given, closefd=False)
    except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError):
        return None
    return stack.enter_context(opened)


class _Sndfile:
    """Decodes with libsndfile; FLAC that it cannot read to the end is continued with PyAV."""

    def __init__(
        self,
        name: str,
        sound: soundfile.SoundFile,
        file: FileIO,
        size: DataSize | None,
        stack: ExitStack,
    ) -> None:
        self.rate = int(sound.samplerate)
        self.channels = int(sound.channels)
        self.subtype = str(sound.subtype)
        self._name = name
        self._sound = sound
        self._file = file
        self._size = size
        self._stack = stack
        self._frames = 0
        self._failed = False
        self._rest: Decoder | None = None

    def blocks(self, size: int) -> Iterator[Block]:
        """Yield float32 [m, channels]."""
        while not self._failed:
            block, self._failed = _read(self._sound, size)
            self._frames += len(block)
            if len(block) == 0:
                break
            yield block
        if self._sound.format != "FLAC":
            return
        if self._failed or self._unread() > _AFTER_SOUND:
            self._rest = _by_ffmpeg(self._name, self._file, self._stack, self._frames)
            for block in self._rest.blocks(size):
                self._frames += len(block)
                yield block

    def _unread(self) -> int:
        at = os.lseek(self._file.fileno(), 0, os.SEEK_CUR)
        return os.fstat(self._file.fileno()).st_size - at

    def remarks(self) -> list[str]:
        """Return sentences about missing sound."""
        if self._size is not None:
            return _about_size(self._name, self._size, self._frames / self.rate)
        declared_s, found_s = self._sound.frames / self.rate, self._frames / self.rate
        if declared_s - found_s > UNEXPLAINED_S:
            return [cut_off(self._name, declared_s, found_s)]
        if found_s > declared_s + 0.1:
            return [understated(self._name, declared_s, found_s)]
        return [damaged(self._name, found_s)] if self._failed else []


def _read(sound: soundfile.SoundFile, size: int) -> tuple[Block, bool]:
    """Return the next block and whether decoding failed: then the blocks before are good."""
    try:
        block: Block = sound.read(size, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError):
        return np.zeros((0, int(sound.channels)), np.float32), True
    return block, False


def _about_size(name: str, size: DataSize, found_s: float) -> list[str]:
    if size.is_zero:
        return [
            f"{name!r} states a length of 0 in its header, as after a recorder lost power; it was "
            f"read to its end, {found_s:.1f} s"
        ]
    if size.declared is None or size.present == 0 or size.declared == size.present:
        return []
    declared_s = found_s * size.declared / size.present
    if declared_s > found_s + UNEXPLAINED_S / 2:
        return [cut_off(name, declared_s, found_s)]
    return [understated(name, declared_s, found_s)] if found_s > declared_s + 0.1 else []


# -- Ogg ------------------------------------------------------------------------------------


def _ogg(name: str, file: FileIO, stack: ExitStack) -> Decoder | None:
    """Return a decoder of all streams of an Ogg file, one after another; None when it is unsure."""
    streams = ogg_streams(file)
    if streams.is_multiplexed or not streams.links:
        return None
    sounds = []
    for start, end in streams.links:
        try:
            sound = soundfile.SoundFile(ByteRange(file, start, end))
        except (soundfile.SoundFileError, RuntimeError, ValueError, TypeError):
            continue  # the others hold sound, and a remark tells of this one
        sounds.append(stack.enter_context(sound))
    if not sounds:
        return None
    return _Ogg(name, sounds, streams)


class _Ogg:
    """Decodes the streams of an Ogg file one after another: libsndfile reads the first only."""

    def __init__(
        self, name: str, sounds: Sequence[soundfile.SoundFile], streams: OggStreams
    ) -> None:
        self.rate = int(sounds[0].samplerate)
        self.channels = int(sounds[0].channels)
        self.subtype = str(sounds[0].subtype)
        self._name = name
        self._sounds = sounds
        self._streams = streams
        self._frames = 0

    def blocks(self, size: int) -> Iterator[Block]:
        """Yield float32 [m, channels]. Raises AudioFileError when rate or channels change."""
        for sound in self._sounds:
            if (sound.samplerate, sound.channels) != (self.rate, self.channels):
                raise changed(self._name, self._frames / self.rate)
            failed = False
            while not failed:
                block, failed = _read(sound, size)
                if len(block) == 0:
                    break
                self._frames += len(block)
                yield block

    def remarks(self) -> list[str]:
        """Return sentences about missing sound."""
        found_s = self._frames / self.rate
        declared_s = sum(int(sound.frames) for sound in self._sounds) / self.rate
        found = []
        if len(self._sounds) < len(self._streams.links) or self._streams.skipped:
            found.append(damaged(self._name, found_s))
        elif declared_s - found_s > UNEXPLAINED_S:
            found.append(cut_off(self._name, declared_s, found_s))
        if not self._streams.is_ended:
            found.append(no_end(self._name, found_s))
        return found


# -- PyAV -----------------------------------------------------------------------------------


def _by_ffmpeg(name: str, file: FileIO, stack: ExitStack, skip: int = 0) -> Decoder:
    """Return PyAV's decoder. skip: frames to leave out. Raises AudioFileError."""
    # Loading FFmpeg takes 0.2 s, which WAV and FLAC do not need.
    from simvoice.research.recordings.ffmpeg_decoder import FfmpegDecoder

    boxes = mp4_boxes(file)
    if boxes is not None and not boxes.has_index:
        raise AudioFileError(
            f"{name!r} is cut off: its index, without which no sound can be found, would follow "
            "at the end; save it again with the recorder, or repair it"
        )
    return FfmpegDecoder(name, file, stack, skip)
