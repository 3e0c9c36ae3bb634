"""The sound of an attempt: two channels on one clock, left the learner, right the patient.

While an encounter runs it is a WAV whose sizes are kept current; how much of it there is follows
from the file's length alone, so a file cut off anywhere is still read to its last whole sample.
Once the encounter is over it becomes a FLAC, which holds the same samples in half the space.
"""

from __future__ import annotations

import os
import struct
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
"""Samples converted at a time, so that memory does not grow with the encounter."""


def wav_header(data_bytes: int) -> bytes:
    """The 44 bytes before `data_bytes` of two-channel 16-bit sound at `RATE`."""
    size = min(data_bytes, _LARGEST)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", size + _HEADER_BYTES - 8, b"WAVE"),
        *(b"fmt ", 16, 1, CHANNELS, RATE, RATE * BYTES_A_SAMPLE, BYTES_A_SAMPLE, 16),
        *(b"data", size),
    )


def interleave(learner: Pcm16, patient: Pcm16) -> bytes:
    """Two channels to the bytes of a WAV; the shorter is filled up with silence."""
    length = max(learner.size, patient.size)
    both = np.zeros((length, CHANNELS), dtype="<i2")
    both[: learner.size, 0] = learner
    both[: patient.size, 1] = patient
    return both.tobytes()


class SoundFile:
    """The writing end. Not safe for two threads, but `sync` may come from a second one."""

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
        """data: from `interleave`. On OSError no part of it stays in the file."""
        write_all(self._fd, data, _HEADER_BYTES + self._data)
        self._data += len(data)

    def patch(self) -> None:
        """Bring the sizes in the header up to date."""
        os.pwrite(self._fd, wav_header(self._data), 0)

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """May be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def sound_path(folder: Path) -> Path | None:
    """Where the sound of an attempt is; None when it was not kept.

    The WAV comes first: it is only there while it is the original.
    """
    for name in (WAV, FLAC):
        if (folder / name).is_file():
            return folder / name
    return None


def count_samples(path: Path) -> int:
    """Samples of each channel. Raises AttemptError when the file is not readable."""
    try:
        if path.suffix == ".wav":
            return max(0, path.stat().st_size - _HEADER_BYTES) // BYTES_A_SAMPLE
        return int(soundfile.info(path).frames)
    except (OSError, soundfile.LibsndfileError, RuntimeError) as error:
        raise _unreadable(path) from error


def read_sound(path: Path) -> tuple[Pcm16, Pcm16]:
    """(learner, patient), int16 [n] each, 16 kHz. Raises AttemptError when not readable."""
    if path.suffix == ".wav":
        try:
            both = _read_wav(path, 0, count_samples(path))
        except OSError as error:
            raise _unreadable(path) from error
    else:
        try:
            both, _ = soundfile.read(path, dtype="int16", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise _unreadable(path) from error
        if both.shape[1] != CHANNELS:
            raise _unreadable(path)
    return np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])


def repair_wav(path: Path) -> int:
    """Make a WAV that was cut off whole again; returns its samples. Raises OSError."""
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
    """Turn the WAV into a FLAC; returns where the sound is afterwards.

    The WAV stays when the FLAC cannot be made (no room, no codec), and goes only once the FLAC
    was read back to the same number of samples and is safely on the disk.
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
    # libsndfile is given the samples rather than the file: its own reader believes the sizes in
    # the header, which after a crash are older than the data.
    with soundfile.SoundFile(
        flac, "w", samplerate=RATE, channels=CHANNELS, format="FLAC", subtype="PCM_16"
    ) as out:
        for start in range(0, samples, _BLOCK):
            out.write(_read_wav(wav, start, min(_BLOCK, samples - start)))
    fd = os.open(flac, os.O_RDONLY)
    try:
        os.fchmod(fd, 0o600)  # libsndfile leaves it to the umask
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
        "its journal still is, so read it with: simvoice attempts show"
    )
