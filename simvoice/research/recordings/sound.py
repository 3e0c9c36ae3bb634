"""Two channels of any recording as 16 kHz, read block by block so that memory stays flat."""

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

# -- wave size --------------------------------------------------------------------------------
# How much sound a WAV's header promises: more than there is, when the recorder was cut off.


_STREAMED = {0, 0xFFFFFFFF}
"""Sizes that recorders write which do not know the length yet."""


def promised_bytes(path: Path) -> int:
    """Bytes of the data chunk by its header; 0 when it does not say. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return 0
        while len(chunk := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", chunk)
            if name == b"data":
                return 0 if size in _STREAMED else int(size)
            file.seek(size + size % 2, 1)
    return 0


# -- sound ------------------------------------------------------------------------------------


ENDINGS = frozenset({".wav", ".flac", ".ogg", ".opus", ".oga", ".aiff", ".aif", ".mp3", ".w64"})
"""What is taken for a recording in a folder; a file named outright may be called anything."""

LOWEST_RATE = 8_000
"""Hertz. Telephone speech; below it consonants are gone and their edges with them."""

_BLOCK_S = 10.0
"""Seconds of sound in memory at a time."""

_SAME = 1e-4
"""Power of the difference over the power of the sum below which two channels are one sound (40 dB
down: two microphones in one room, or two people on a line, never come that close)."""

_UNEQUAL_S = 1.0
"""Seconds by which the two files of a pair may differ without a word about it."""


@dataclass(frozen=True, slots=True)
class SoundFacts:
    """What a sound file says of itself."""

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
    """Two channels on one clock, to be read once, from the start to the end."""

    def __init__(self, readers: Sequence[_Reader], keep: Path | None) -> None:
        self._readers = readers
        self._keep = keep
        self._samples = 0

    def blocks(self) -> Iterator[tuple[Pcm16, Pcm16]]:
        """(first, second), int16, 16 kHz: left and right, or the first file and the second.

        Raises AudioFileError for what cannot be used, at the latest after the last block.
        """
        power = _Power()
        with ExitStack() as stack:
            outs = [stack.enter_context(path.open("wb")) for path in self._kept_paths()]
            for block in _side_by_side(self._readers):
                power.add(block)
                pair = (to_int16(block[:, 0]), to_int16(block[:, 1]))
                self._samples += len(pair[0])
                for out, channel in zip(outs, pair, strict=bool(outs)):
                    channel.tofile(out)
                yield pair
        for reader in self._readers:
            reader.check_whole()
        if power.is_one_sound:
            raise AudioFileError(
                f"both channels of {_named([reader.path for reader in self._readers])} hold the "
                "same sound, so the speakers cannot be told apart; record each of them on a "
                "channel of their own"
            )

    def kept(self) -> tuple[Pcm16, Pcm16]:
        """Both channels whole, mapped and not loaded; after the last block, where they are kept."""
        first, second = (_mapped(path) for path in self._kept_paths())
        return first, second

    def files(self) -> tuple[SoundFacts, ...]:
        """What was read; after the last block."""
        return tuple(reader.facts() for reader in self._readers)

    def remarks(self) -> tuple[str, ...]:
        """Sentences about what is odd and was read all the same; after the last block."""
        found = [remark for reader in self._readers for remark in reader.remarks]
        return (*found, *_unequal(self._readers))

    def _kept_paths(self) -> list[Path]:
        return [self._keep / name for name in ("first", "second")] if self._keep else []


@contextmanager
def two_channels(paths: Sequence[Path], scratch: Path | None = None) -> Iterator[Sound]:
    """One two-channel file, or two of one channel each, opened for as long as the block lasts.

    scratch: an existing folder with room for 64 kB a second, when the channels are wanted whole
    as well. Raises AudioFileError.
    """
    with ExitStack() as stack:
        readers = [_Reader(path, stack) for path in paths]
        for reader in readers:
            _check_channels(reader, alone=len(readers) == 1)
        keep: Path | None = None
        if scratch is not None:
            made = stack.enter_context(TemporaryDirectory(dir=scratch, prefix=".sound-"))
            keep = Path(made)
        yield Sound(readers, keep)


def sha256_of(path: Path) -> str:
    """Of the file's bytes. Raises AudioFileError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AudioFileError(f"{path.name!r} cannot be read; check its permissions") from error


def channels_of(path: Path) -> int:
    """How many channels a sound file has; 0 when it is none."""
    try:
        return int(soundfile.info(str(path)).channels)
    except (soundfile.SoundFileError, OSError, ValueError):
        return 0


class _Reader:
    """One sound file, read forward as float32 at 16 kHz."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        _check_is_there(path)
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
        self._promised = int(self._file.frames)
        self._frames = 0
        self._resampler = (
            soxr.ResampleStream(self._rate, RATE, self.channels, dtype="float32", quality="HQ")
            if self._rate != RATE
            else None
        )
        self.remarks: list[str] = []

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """float32 [m, channels] at 16 kHz, m as it comes."""
        size = round(_BLOCK_S * self._rate)
        while True:
            raw = self._read(size)
            self._frames += len(raw)
            is_last = len(raw) == 0
            if not np.isfinite(raw).all():
                at_s = (self._frames - len(raw)) / self._rate
                raise AudioFileError(
                    f"{self.path.name!r} holds values that are not numbers, after {at_s:.0f} s; "
                    "export it again"
                )
            yield raw if self._resampler is None else self._resampler.resample_chunk(raw, is_last)
            if is_last:
                return

    def _read(self, size: int) -> NDArray[np.float32]:
        try:
            block: NDArray[np.float32] = self._file.read(size, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, RuntimeError):
            # A compressed file that breaks off; what came before was decoded and is good.
            return np.zeros((0, self.channels), np.float32)
        return block

    def check_whole(self) -> None:
        """After the last block. Raises AudioFileError when there was none."""
        if self._frames == 0:
            raise AudioFileError(f"{self.path.name!r} holds no sound; record it again")
        promised = max(self._promised, _promised_frames(self.path, self.channels, self._file))
        if promised - self._frames > self._rate // 100:
            self.remarks.append(
                f"{self.path.name!r} is cut off: its header promises "
                f"{promised / self._rate:.1f} s and {self._frames / self._rate:.1f} s are there; "
                "what is there was read"
            )

    def facts(self) -> SoundFacts:
        """After the last block."""
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
    """Whether two channels are one sound."""

    def __init__(self) -> None:
        self._difference = 0.0
        self._sum = 0.0

    def add(self, block: NDArray[np.float32]) -> None:
        """block: float32 [m, 2]."""
        wide = block.astype(np.float64)
        self._difference += float(np.sum((wide[:, 0] - wide[:, 1]) ** 2))
        self._sum += float(np.sum((wide[:, 0] + wide[:, 1]) ** 2))

    @property
    def is_one_sound(self) -> bool:
        """False for two silent channels, which are nobody's sound."""
        return self._sum > 0.0 and self._difference < _SAME * self._sum


def _side_by_side(readers: Sequence[_Reader]) -> Iterator[NDArray[np.float32]]:
    """float32 [m, 2] blocks; the shorter file is filled up with silence."""
    if len(readers) == 1:
        yield from readers[0].blocks()
        return
    size = round(_BLOCK_S * RATE)
    nothing = np.zeros((0, 1), np.float32)
    pairs = zip_longest(*(_even(reader.blocks(), size) for reader in readers), fillvalue=nothing)
    for pair in pairs:
        longest = max(len(block) for block in pair)
        yield np.concatenate(
            [np.pad(block, ((0, longest - len(block)), (0, 0))) for block in pair], axis=1
        )


def _even(blocks: Iterator[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """The same sound in blocks of `size` samples, the last one shorter."""
    waiting = np.zeros((0, 1), np.float32)
    for block in blocks:
        waiting = np.concatenate((waiting, block))
        while len(waiting) >= size:
            yield waiting[:size]
            waiting = waiting[size:]
    yield waiting


def _check_is_there(path: Path) -> None:
    if not path.exists():
        raise AudioFileError(f"the sound file {str(path)!r} is not there; check the name")
    if path.stat().st_size == 0:
        raise AudioFileError(f"{path.name!r} is empty; record it again")


def _check_channels(reader: _Reader, *, alone: bool) -> None:
    name, count = reader.path.name, reader.channels
    if alone and count == 1:
        raise AudioFileError(
            f"{name!r} has one channel, and each speaker needs one of their own; give the file of "
            "each with --two LEARNER PATIENT, or name them alike, such as visit_doctor.wav and "
            "visit_patient.wav"
        )
    if alone and count > 2:
        raise AudioFileError(
            f"{name!r} has {count} channels, and there must be two, the learner and the patient; "
            "export the two that hold them"
        )
    if not alone and count != 1:
        raise AudioFileError(
            f"{name!r} has {count} channels, and there must be one in each of two files; if both "
            "speakers are in it, analyse it alone"
        )


def _promised_frames(path: Path, channels: int, file: soundfile.SoundFile) -> int:
    """Frames that a WAV's header promises; libsndfile only tells how many there are."""
    widths = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}
    width = widths.get(str(file.subtype))
    if width is None or file.format not in ("WAV", "WAVEX"):
        return 0
    try:
        return promised_bytes(path) // (width * channels)
    except (OSError, struct.error):
        return 0


def _unequal(readers: Sequence[_Reader]) -> list[str]:
    lengths = [reader.length_s for reader in readers]
    if max(lengths) - min(lengths) <= _UNEQUAL_S:
        return []
    first, second = (f"{reader.path.name!r} ({reader.length_s:.1f} s)" for reader in readers)
    return [f"{first} and {second} differ in length; the shorter was filled up with silence"]


def _mapped(path: Path) -> Pcm16:
    if path.stat().st_size == 0:
        return np.zeros(0, np.int16)
    return np.memmap(path, dtype=np.int16, mode="r")


def _named(paths: Sequence[Path]) -> str:
    return " and ".join(repr(path.name) for path in paths)
