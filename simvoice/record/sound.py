"""The sound of an attempt: two channels on one clock, left the learner, right the patient.

While the encounter runs, the sound is a WAV whose header is updated regularly. Readers use the
length of the file instead of the header, so a truncated file is read to its last complete sample.
After the encounter the sound is packed as FLAC: the same samples in half the space.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]

from simvoice.audio import RATE, Pcm16
from simvoice.errors import AttemptError
from simvoice.record.files import FLAC, WAV, sync_folder, write_all

CHANNELS = 2
BYTES_A_SAMPLE = 2 * CHANNELS
_HEADER_BYTES = 44
_LARGEST = 0xFFFFFFFF - _HEADER_BYTES
_BLOCK = 30 * RATE
"""Samples converted at once, so that memory does not grow with the encounter."""
_FLAC_BLOCK = 4096
"""Samples that libsndfile packs together. One that is cut takes its whole block along."""


def wav_header(data_bytes: int) -> bytes:
    """Return the 44-byte header for `data_bytes` of two-channel 16-bit sound at `RATE`."""
    size = min(data_bytes, _LARGEST)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", size + _HEADER_BYTES - 8, b"WAVE"),
        *(b"fmt ", 16, 1, CHANNELS, RATE, RATE * BYTES_A_SAMPLE, BYTES_A_SAMPLE, 16),
        *(b"data", size),
    )


def interleave(learner: Pcm16, patient: Pcm16) -> bytes:
    """Convert two channels to the bytes of a WAV. The shorter one is padded with silence."""
    length = max(learner.size, patient.size)
    both = np.zeros((length, CHANNELS), dtype="<i2")
    both[: learner.size, 0] = learner
    both[: patient.size, 1] = patient
    return both.tobytes()


class SoundFile:
    """A WAV open for writing. Not thread-safe, except that another thread may call `sync`."""

    def __init__(self, path: Path) -> None:
        """Create the file with an empty header. Raises OSError."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        write_all(self._fd, wav_header(0), 0)
        self._data = 0

    @property
    def samples(self) -> int:
        """Samples of each channel written so far."""
        return self._data // BYTES_A_SAMPLE

    def append(self, data: bytes) -> None:
        """Append bytes from `interleave`. On OSError no part of them remains in the file."""
        write_all(self._fd, data, _HEADER_BYTES + self._data)
        self._data += len(data)

    def patch(self) -> None:
        """Update the sizes in the header."""
        os.pwrite(self._fd, wav_header(self._data), 0)

    def sync(self) -> None:
        """Wait until all written data is on the disk."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Close the file. May be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def sound_path(folder: Path) -> Path | None:
    """Return the sound file of an attempt; None without one.

    The WAV comes first: as long as it exists, it is the original.
    """
    for name in (WAV, FLAC):
        if (folder / name).is_file():
            return folder / name
    return None


def count_samples(path: Path) -> int:
    """Return the samples of each channel. Raises AttemptError if the file is not readable."""
    try:
        if path.suffix == ".wav":
            return _count_wav(path)
        about = soundfile.info(path)
    except (OSError, soundfile.LibsndfileError, RuntimeError) as error:
        raise _unreadable(path) from error
    if (about.channels, about.samplerate) != (CHANNELS, RATE):
        raise _unreadable(path)
    return int(about.frames)


def _count_wav(path: Path) -> int:
    """Return the samples of each channel by the length of the file. Raises AttemptError, OSError.

    A header of zeros is that of a disk that lost power; any other beginning is another file.
    """
    with path.open("rb") as file:
        begin = file.read(4)
    if begin not in (b"RIFF", bytes(4)) and len(begin) == 4:
        raise _unreadable(path)
    return max(0, path.stat().st_size - _HEADER_BYTES) // BYTES_A_SAMPLE


def count_readable(path: Path) -> int:
    """Return the samples of each channel until the sound breaks off. Raises AttemptError.

    A whole file gives `count_samples`. A packed file that was cut still names its first length.
    """
    whole = count_samples(path)
    if path.suffix == ".wav" or whole == 0:
        return whole
    try:
        about = path.stat()
    except OSError as error:
        raise _unreadable(path) from error
    readable = _count_decodable(path, about.st_size, about.st_mtime_ns)
    if readable == 0:
        raise _unreadable(path)
    return readable


@lru_cache(maxsize=256)
def _count_decodable(path: Path, _size: int, _mtime_ns: int) -> int:
    """Return how many samples can be decoded. A cut file takes a second for 45 minutes."""
    try:
        with soundfile.SoundFile(path) as packed:
            packed.seek(packed.frames - 1)
            if len(packed.read(1, dtype="int16")) == 1:
                return int(packed.frames)
    except (OSError, soundfile.LibsndfileError, RuntimeError):
        pass  # the end of the file is missing
    return sum(len(block) for block in _decoded(path))


def _decoded(path: Path) -> Iterator[Pcm16]:
    """Yield int16 [n, 2] until the end of a packed file, or until it breaks off."""
    try:
        with soundfile.SoundFile(path) as packed:
            while len(block := packed.read(_FLAC_BLOCK, dtype="int16", always_2d=True)):
                yield block
    except (OSError, soundfile.LibsndfileError, RuntimeError):
        return


def read_sound(path: Path) -> tuple[Pcm16, Pcm16]:
    """Return (learner, patient), int16 [n] each, 16 kHz. Raises AttemptError if not readable.

    Sound that breaks off is read until there.
    """
    count = count_samples(path)
    try:
        if path.suffix == ".wav":
            both = _read_wav(path, 0, count)
        else:
            both, _ = soundfile.read(path, dtype="int16", always_2d=True)
    except OSError as error:
        raise _unreadable(path) from error
    except (soundfile.LibsndfileError, RuntimeError) as error:
        blocks = list(_decoded(path))
        if not blocks:
            raise _unreadable(path) from error
        both = np.concatenate(blocks)
    return np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])


def repair_wav(path: Path) -> int:
    """Repair a truncated WAV and return its samples. Raises OSError."""
    fd = os.open(path, os.O_RDWR)
    try:
        whole = count_samples(path)
        os.ftruncate(fd, _HEADER_BYTES + whole * BYTES_A_SAMPLE)
        os.pwrite(fd, wav_header(whole * BYTES_A_SAMPLE), 0)
        os.fsync(fd)
    finally:
        os.close(fd)
    return whole


def pack(folder: Path) -> Path | None:
    """Replace the WAV by a FLAC and return the path of the sound.

    The WAV stays if the FLAC cannot be written (no free space, no codec). It is removed only when
    the FLAC has the same number of samples and is on the disk.
    """
    wav, flac = folder / WAV, folder / FLAC
    if not wav.is_file():
        return sound_path(folder)
    partial = folder / (FLAC + ".partial")
    try:
        samples = count_samples(wav)
        if samples == 0:
            return wav
        _encode(wav, partial, samples)
        if count_samples(partial) != samples:
            raise AttemptError("the packed sound is not as long as the original")
        os.replace(partial, flac)
        sync_folder(folder)
        wav.unlink()
    except (OSError, RuntimeError, AttemptError):
        partial.unlink(missing_ok=True)
        return wav
    return flac


def _encode(wav: Path, flac: Path, samples: int) -> None:
    # The WAV is read here and not by libsndfile, which trusts the sizes in the header. After a
    # crash they are older than the data.
    with soundfile.SoundFile(
        flac, "w", samplerate=RATE, channels=CHANNELS, format="FLAC", subtype="PCM_16"
    ) as out:
        for start in range(0, samples, _BLOCK):
            out.write(_read_wav(wav, start, min(_BLOCK, samples - start)))
    fd = os.open(flac, os.O_RDONLY)
    try:
        os.fchmod(fd, 0o600)  # libsndfile uses the umask
        os.fsync(fd)
    finally:
        os.close(fd)


def _read_wav(path: Path, start: int, count: int) -> Pcm16:
    flat = np.fromfile(
        path,
        dtype="<i2",
        count=count * CHANNELS,
        offset=_HEADER_BYTES + start * BYTES_A_SAMPLE,
    )
    return flat.reshape(-1, CHANNELS)


def _unreadable(path: Path) -> AttemptError:
    return AttemptError(
        f"the sound of attempt {path.parent.name} is not readable; "
        "to read its journal run: simvoice attempts show"
    )
