"""Read two channels of any recording at 16 kHz, block by block so that memory stays constant."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile  # type: ignore[import-untyped]
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from simvoice.audio import RATE, Pcm16, to_int16
from simvoice.errors import AudioFileError

SOUND_ENDINGS = frozenset(
    {".wav", ".flac", ".ogg", ".opus", ".oga", ".aiff", ".aif", ".mp3", ".w64"}
)
"""Endings of the recordings in a folder; a file that is named itself may have any ending."""

LOWEST_RATE = 8_000
"""Hertz. Telephone speech; lower rates lose consonants and with them the edges of speech."""

_BLOCK_S = 10.0
"""Seconds of sound in memory at a time."""

_SAME = 1e-4
"""Power of the difference over the power of the sum below which two channels hold one sound (40 dB
down: two microphones in one room, or two people on a line, never come that close)."""

_UNEQUAL_S = 1.0
"""Seconds by which the two files of a pair may differ without a remark."""

_UNKNOWN_SIZES = {0, 0xFFFFFFFF}
"""Data sizes in the header of recorders that do not know the length yet."""


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """Name, checksum and format of a sound file."""

    name: str
    sha256: str
    rate: int
    """Hertz."""
    channels: int
    frames: int
    """Samples of each channel that could be read."""
    subtype: str
    """libsndfile's name of the sample format, such as PCM_24."""

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.frames / self.rate


class Sound:
    """Two channels on one clock, which can be read once from start to end."""

    def __init__(self, readers: Sequence[_Reader], copies: Path | None) -> None:
        """copies: the folder for whole copies of both channels; None makes none."""
        self._readers = readers
        self._copies = copies
        self._samples = 0

    def blocks(self) -> Iterator[tuple[Pcm16, Pcm16]]:
        """Yield (first, second), int16, 16 kHz: left and right, or the first and second file.

        Raises AudioFileError for sound that cannot be used, at the latest after the last block.
        """
        power = _Power()
        with ExitStack() as stack:
            outs = [stack.enter_context(path.open("wb")) for path in self._copy_paths()]
            for block in _side_by_side(self._readers):
                power.add(block)
                pair = (to_int16(block[:, 0]), to_int16(block[:, 1]))
                self._samples += len(pair[0])
                for out, channel in zip(outs, pair, strict=bool(outs)):
                    channel.tofile(out)
                yield pair
        for reader in self._readers:
            reader.check_complete()
        if power.is_one_sound:
            raise AudioFileError(
                f"both channels of {_named([reader.path for reader in self._readers])} hold the "
                "same sound, so the speakers cannot be told apart; record each speaker on a "
                "separate channel"
            )

    def whole_channels(self) -> tuple[Pcm16, Pcm16]:
        """Return both channels whole, memory-mapped; only with a scratch folder, at the end."""
        first, second = (_mapped(path) for path in self._copy_paths())
        return first, second

    def files(self) -> tuple[SoundFacts, ...]:
        """Return the facts of the files; call after the last block."""
        return tuple(reader.facts() for reader in self._readers)

    def remarks(self) -> tuple[str, ...]:
        """Return sentences about faults that did not stop reading; call after the last block."""
        found = [remark for reader in self._readers for remark in reader.remarks]
        return (*found, *_unequal(self._readers))

    def _copy_paths(self) -> list[Path]:
        return [self._copies / name for name in ("first", "second")] if self._copies else []


@contextmanager
def two_channels(paths: Sequence[Path], scratch: Path | None = None) -> Iterator[Sound]:
    """Open one two-channel file, or two files of one channel each, while the block runs.

    scratch: an existing folder with 64 kB of free space for each second of sound; needed for
    `Sound.whole_channels`. Raises AudioFileError.
    """
    with ExitStack() as stack:
        readers = [_Reader(path, stack) for path in paths]
        for reader in readers:
            _check_channels(reader, alone=len(readers) == 1)
        copies: Path | None = None
        if scratch is not None:
            made = stack.enter_context(TemporaryDirectory(dir=scratch, prefix=".sound-"))
            copies = Path(made)
        yield Sound(readers, copies)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the file's bytes in hex. Raises AudioFileError when unreadable."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AudioFileError(f"{path.name!r} cannot be read; check its permissions") from error


def channels_of(path: Path) -> int:
    """Return the number of channels of a sound file; 0 when it is no sound file."""
    try:
        return int(soundfile.info(str(path)).channels)
    except (soundfile.SoundFileError, OSError, ValueError):
        return 0


class _Reader:
    """Reads one sound file from start to end as float32 at 16 kHz."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        _check_exists(path)
        try:
            self._file = stack.enter_context(soundfile.SoundFile(str(path)))
        except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
            raise AudioFileError(
                f"{path.name!r} cannot be read as sound; export it again as WAV or FLAC"
            ) from error
        self.path = path
        self.channels = int(self._file.channels)
        self._rate = int(self._file.samplerate)
        if self._rate < LOWEST_RATE:
            raise AudioFileError(
                f"{path.name!r} has {self._rate} Hz, too few for speech; record at 16000 Hz or more"
            )
        self._declared_frames = int(self._file.frames)
        self._frames = 0
        self._resampler = (
            soxr.ResampleStream(self._rate, RATE, self.channels, dtype="float32", quality="HQ")
            if self._rate != RATE
            else None
        )
        self.remarks: list[str] = []

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield float32 [m, channels] at 16 kHz, of any length m."""
        size = round(_BLOCK_S * self._rate)
        while True:
            raw = self._read(size)
            self._frames += len(raw)
            is_last = len(raw) == 0
            if not np.isfinite(raw).all():
                at_s = (self._frames - len(raw)) / self._rate
                raise AudioFileError(
                    f"{self.path.name!r} contains values that are not numbers, after {at_s:.0f} s; "
                    "export it again"
                )
            yield raw if self._resampler is None else self._resampler.resample_chunk(raw, is_last)
            if is_last:
                return

    def _read(self, size: int) -> NDArray[np.float32]:
        try:
            block: NDArray[np.float32] = self._file.read(size, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, RuntimeError):
            # A truncated compressed file: the blocks decoded so far are good.
            return np.zeros((0, self.channels), np.float32)
        return block

    def check_complete(self) -> None:
        """Add a remark when sound is missing. Raises AudioFileError when there is none.

        Call after the last block.
        """
        if self._frames == 0:
            raise AudioFileError(f"{self.path.name!r} contains no sound; record it again")
        declared = max(
            self._declared_frames, _declared_frames(self.path, self.channels, self._file)
        )
        if declared - self._frames > self._rate // 100:
            self.remarks.append(
                f"{self.path.name!r} is cut off: its header declares "
                f"{declared / self._rate:.1f} s and the file contains "
                f"{self._frames / self._rate:.1f} s, which were read"
            )

    def facts(self) -> SoundFacts:
        """Return the facts of the file; call after the last block."""
        return SoundFacts(
            self.path.name,
            sha256_of(self.path),
            self._rate,
            self.channels,
            self._frames,
            str(self._file.subtype),
        )

    @property
    def length_s(self) -> float:
        """Seconds read so far."""
        return self._frames / self._rate


class _Power:
    """Power of the sum and of the difference of two channels."""

    def __init__(self) -> None:
        self._difference = 0.0
        self._sum = 0.0

    def add(self, block: NDArray[np.float32]) -> None:
        """Add a block, float32 [m, 2]."""
        wide = block.astype(np.float64)
        self._difference += float(np.sum((wide[:, 0] - wide[:, 1]) ** 2))
        self._sum += float(np.sum((wide[:, 0] + wide[:, 1]) ** 2))

    @property
    def is_one_sound(self) -> bool:
        """Whether both channels hold the same sound; False for two silent channels."""
        return self._sum > 0.0 and self._difference < _SAME * self._sum


def _side_by_side(readers: Sequence[_Reader]) -> Iterator[NDArray[np.float32]]:
    """Yield float32 [m, 2]; the shorter file is padded with silence."""
    if len(readers) == 1:
        yield from readers[0].blocks()
        return
    size = round(_BLOCK_S * RATE)
    empty = np.zeros((0, 1), np.float32)
    pairs = zip_longest(*(_even(reader.blocks(), size) for reader in readers), fillvalue=empty)
    for pair in pairs:
        longest = max(len(block) for block in pair)
        yield np.concatenate(
            [np.pad(block, ((0, longest - len(block)), (0, 0))) for block in pair], axis=1
        )


def _even(blocks: Iterator[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """Yield the same sound in blocks of `size` samples, the last one shorter."""
    waiting = np.zeros((0, 1), np.float32)
    for block in blocks:
        waiting = np.concatenate((waiting, block))
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    yield waiting


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise AudioFileError(f"the sound file {str(path)!r} does not exist; check the name")
    if path.stat().st_size == 0:
        raise AudioFileError(f"{path.name!r} is empty; record it again")


def _check_channels(reader: _Reader, *, alone: bool) -> None:
    name, count = reader.path.name, reader.channels
    if alone and count == 1:
        raise AudioFileError(
            f"{name!r} has one channel, and each speaker needs a separate one; give the file of "
            "each speaker with --two LEARNER PATIENT, or give both files names that differ only "
            "in the speaker, such as visit_doctor.wav and visit_patient.wav"
        )
    if alone and count > 2:
        raise AudioFileError(
            f"{name!r} has {count} channels; there must be two, the learner's and the patient's: "
            "export only these two"
        )
    if not alone and count != 1:
        raise AudioFileError(
            f"{name!r} has {count} channels; each of two files must have one channel. If this "
            "file contains both speakers, analyse it alone"
        )


def _declared_frames(path: Path, channels: int, file: soundfile.SoundFile) -> int:
    """Return the frames that a WAV's header declares; libsndfile only counts those in the file."""
    widths = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
    width = widths.get(str(file.subtype))
    if width is None or file.format not in ("WAV", "WAVEX"):
        return 0
    try:
        return _declared_bytes(path) // (width * channels)
    except (OSError, struct.error):
        return 0


def _declared_bytes(path: Path) -> int:
    """Return the size of a WAV's data chunk by its header; 0 when unknown. Raises OSError.

    It is more than the file contains when the recorder was cut off.
    """
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return 0
        while len(chunk := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", chunk)
            if name == b"data":
                return 0 if size in _UNKNOWN_SIZES else int(size)
            file.seek(size + size % 2, 1)
    return 0


def _unequal(readers: Sequence[_Reader]) -> list[str]:
    lengths = [reader.length_s for reader in readers]
    if max(lengths) - min(lengths) <= _UNEQUAL_S:
        return []
    first, second = (f"{reader.path.name!r} ({reader.length_s:.1f} s)" for reader in readers)
    return [f"{first} and {second} differ in length; the shorter was padded with silence"]


def _mapped(path: Path) -> Pcm16:
    if path.stat().st_size == 0:
        return np.zeros(0, np.int16)
    return np.memmap(path, dtype=np.int16, mode="r")


def _named(paths: Sequence[Path]) -> str:
    return " and ".join(repr(path.name) for path in paths)
