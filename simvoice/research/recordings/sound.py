"""Read two channels of any recording at 16 kHz, block by block so that memory stays constant."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from simvoice.audio import RATE, Pcm16, to_int16
from simvoice.errors import AudioFileError
from simvoice.research.recordings.decoders import open_decoder, open_regular
from simvoice.research.recordings.file_names import shown_name

SOUND_ENDINGS = frozenset(
    {
        *(".wav", ".wave", ".rf64", ".bw64", ".w64", ".aiff", ".aif", ".aifc", ".caf", ".au"),
        *(".snd", ".sph", ".flac", ".ogg", ".oga", ".opus", ".spx", ".mp3", ".m4a", ".mp4"),
        *(".m4b", ".aac", ".mov", ".webm", ".mkv", ".mka", ".3gp", ".amr", ".wma", ".avi"),
    }
)
"""Endings of the recordings in a folder; a file that is named itself may have any ending."""

LOWEST_RATE = 8_000
"""Hertz. Telephone speech; lower rates lose consonants and with them the edges of speech."""

HIGHEST_RATE = 768_000
"""Hertz. No recorder of sound is faster; a higher rate is a damaged header."""

_BLOCK_S = 10.0
"""Seconds of sound in memory at a time."""

_SAME = 1e-4
"""Power of the difference over the power of the sum below which two channels hold one sound (40 dB
down: two microphones in one room, or two people on a line, never come that close)."""

_LISTEN_S = 120.0
"""Seconds in which `holds_one_sound` compares the channels: enough to hear both people speak."""

_UNEQUAL_S = 1.0
"""Seconds by which the two files of a pair may differ without a remark."""


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
    """libsndfile's name of the sample format, such as PCM_24, or FFmpeg's of the codec."""

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
                f"both channels of {_named(self._readers)} hold the "
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
        found = [remark for reader in self._readers for remark in reader.remarks()]
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
        readers = [_Reader(path, stack, is_mixed=len(paths) == 2) for path in paths]
        for reader in readers:
            _check_channels(reader, alone=len(readers) == 1)
        copies: Path | None = None
        if scratch is not None:
            made = stack.enter_context(TemporaryDirectory(dir=scratch, prefix=".sound-"))
            copies = Path(made)
        yield Sound(readers, copies)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the file's bytes in hex. Raises AudioFileError when unreadable."""
    with open_regular(path) as file:
        try:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
        except OSError as error:
            raise AudioFileError(
                f"{shown_name(path)!r} cannot be read ({error.strerror or error})"
            ) from error
    return digest.hexdigest()


def channels_of(path: Path) -> int:
    """Return the number of channels of a sound file; 0 when it is no sound file."""
    with ExitStack() as stack:
        try:
            return open_decoder(path, stack).channels
        except AudioFileError:
            return 0


def holds_one_sound(path: Path) -> bool:
    """Return whether both channels of a two-channel file hold one sound, in its first two minutes.

    Recorders with one microphone often write so. False for other files.
    """
    power = _Power()
    with ExitStack() as stack:
        try:
            decoder = open_decoder(path, stack)
            if decoder.channels != 2:
                return False
            seconds = 0.0
            for block in decoder.blocks(round(_BLOCK_S * decoder.rate)):
                power.add(block)
                seconds += len(block) / decoder.rate
                if seconds >= _LISTEN_S:
                    break
        except AudioFileError:
            return False
    return power.is_one_sound


class _Reader:
    """Reads one sound file from start to end as float32 at 16 kHz."""

    def __init__(self, path: Path, stack: ExitStack, *, is_mixed: bool = False) -> None:
        """is_mixed: whether to take the mean of two channels, for a file with one speaker."""
        self.path = path
        self.name = shown_name(path)
        self._decoder = open_decoder(path, stack)
        self.channels = self._decoder.channels
        self._is_mixed = is_mixed and self.channels == 2
        self._rate = self._decoder.rate
        if self._rate < LOWEST_RATE:
            raise AudioFileError(
                f"{self.name!r} has {self._rate} Hz, too few for speech; record at 16000 Hz or more"
            )
        if self._rate > HIGHEST_RATE:
            raise AudioFileError(
                f"{self.name!r} states a rate of {self._rate} Hz, so its header is damaged; export "
                "it again"
            )
        self._frames = 0

    @property
    def given_channels(self) -> int:
        """Channels of the blocks."""
        return 1 if self._is_mixed else self.channels

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield float32 [m, given_channels] at 16 kHz, of any length m."""
        resampler = (
            soxr.ResampleStream(self._rate, RATE, self.given_channels, "float32", quality="HQ")
            if self._rate != RATE
            else None
        )
        for raw in self._decoder.blocks(round(_BLOCK_S * self._rate)):
            if not np.isfinite(raw).all():
                raise AudioFileError(
                    f"{self.name!r} contains values that are not numbers, after "
                    f"{self.length_s:.0f} s; export it again"
                )
            self._frames += len(raw)
            given = raw.mean(axis=1, keepdims=True, dtype=np.float32) if self._is_mixed else raw
            yield given if resampler is None else resampler.resample_chunk(given)
        if resampler is not None:
            rest = np.zeros((0, self.given_channels), np.float32)
            yield resampler.resample_chunk(rest, last=True)

    def check_complete(self) -> None:
        """Raise AudioFileError when there is no sound; call after the last block."""
        if self._frames == 0:
            raise AudioFileError(f"{self.name!r} contains no sound; record it again")

    def remarks(self) -> list[str]:
        """Return sentences about missing sound; call after the last block."""
        mixed = (
            [f"{self.name!r} has two channels, and their mean was used as one speaker's"]
            if self._is_mixed
            else []
        )
        return [*self._decoder.remarks(), *mixed]

    def facts(self) -> SoundFacts:
        """Return the facts of the file; call after the last block."""
        return SoundFacts(
            self.name,
            sha256_of(self.path),
            self._rate,
            self.channels,
            self._frames,
            self._decoder.subtype,
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
        with np.errstate(invalid="ignore"):  # values that are not numbers are refused in `blocks`
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


def _check_channels(reader: _Reader, *, alone: bool) -> None:
    name, count = reader.name, reader.channels
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
    if not alone and count > 2:
        raise AudioFileError(
            f"{name!r} has {count} channels; each of two files must have one, or two that hold one "
            "speaker: export only these"
        )


def _unequal(readers: Sequence[_Reader]) -> list[str]:
    lengths = [reader.length_s for reader in readers]
    if max(lengths) - min(lengths) <= _UNEQUAL_S:
        return []
    first, second = (f"{reader.name!r} ({reader.length_s:.1f} s)" for reader in readers)
    return [f"{first} and {second} differ in length; the shorter was padded with silence"]


def _mapped(path: Path) -> Pcm16:
    if path.stat().st_size == 0:
        return np.zeros(0, np.int16)
    return np.memmap(path, dtype=np.int16, mode="r")


def _named(readers: Sequence[_Reader]) -> str:
    return " and ".join(repr(reader.name) for reader in readers)
