"""Sound files in the formats that recorders write, made with FFmpeg and by hand.

All hold one sound: two voices that speak in turn, with a chirp every second, so that a shift in
time and a missing part both show.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

RATE = 16_000
LENGTH_S = 6.0


def two_voices() -> NDArray[np.float32]:
    """Return float32 [n, 2] of LENGTH_S."""
    rng = np.random.default_rng(12)
    t = np.arange(round(LENGTH_S * RATE)) / RATE
    chirp = np.sin(2 * np.pi * (180 + 700 * (t % 1.0)) * t) * np.exp(-3 * (t % 1.0))
    first = np.where(t % 3.0 < 1.6, chirp, 0.0)
    second = np.where(t % 3.0 >= 1.4, chirp[::-1], 0.0)
    pcm = 0.4 * np.column_stack((first, second)) + 0.003 * rng.standard_normal((len(t), 2))
    return pcm.astype(np.float32)


def ffmpeg(*arguments: str) -> None:
    """Run the program `ffmpeg`; the test fails with its message, or with how to install it."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.fail("these tests need ffmpeg; run: apt-get install --no-install-recommends ffmpeg")
    done = subprocess.run(
        [program, "-hide_banner", "-loglevel", "error", "-y", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr


@dataclass(frozen=True)
class Kind:
    """One row of the table of formats."""

    name: str
    """Of the file."""
    make: Callable[[Path, Path], None]
    """Makes the file from a WAV: (wav, file)."""
    length_s: float = LENGTH_S
    channels: int = 2
    lengthens_s: float = 0.1
    """Seconds that the codec may add."""
    states_length: bool = True
    """Whether the header states the length, so that a remark on a cut can give it."""
    needs_its_end: bool = False
    """Whether nothing can be read of a file that is cut, because its index is at the end."""


def _by_ffmpeg(*arguments: str) -> Callable[[Path, Path], None]:
    return lambda wav, file: ffmpeg("-i", str(wav), *arguments, str(file))


def _piped(form: str, *arguments: str) -> Callable[[Path, Path], None]:
    """Write to a pipe, so that the header can state no length."""

    def make(wav: Path, file: Path) -> None:
        done = subprocess.run(
            ["ffmpeg", "-loglevel", "error", "-i", str(wav), *arguments, "-f", form, "pipe:1"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=True,
        )
        file.write_bytes(done.stdout)

    return make


def _by_libsndfile(form: str, subtype: str) -> Callable[[Path, Path], None]:
    return lambda wav, file: soundfile.write(
        str(file), soundfile.read(str(wav))[0], RATE, format=form, subtype=subtype
    )


def _chained(*arguments: str) -> Callable[[Path, Path], None]:
    """Put two Ogg files one after the other, as recorders do that start a new part."""

    def make(wav: Path, file: Path) -> None:
        ffmpeg("-i", str(wav), *arguments, str(file))
        file.write_bytes(file.read_bytes() * 2)

    return make


def _sphere(wav: Path, file: Path) -> None:
    pcm = np.clip(np.round(two_voices() * 32768), -32768, 32767).astype("<i2")
    fields = (
        f"sample_count -i {len(pcm)}",
        "sample_n_bytes -i 2",
        "channel_count -i 2",
        "sample_byte_format -s2 01",
        f"sample_rate -i {RATE}",
        "sample_coding -s3 pcm",
        "end_head",
    )
    header = "NIST_1A\n   1024\n" + "\n".join(fields) + "\n"
    file.write_bytes(header.encode().ljust(1024, b"\n") + pcm.tobytes())


def _amr(wav: Path, file: Path) -> None:
    """Write AMR, mono at 8 kHz, with PyAV: Debian's FFmpeg has no encoder for it."""
    pcm = np.round(two_voices()[::2, 0] * 32767).astype(np.int16)
    with av.open(str(file), "w", format="amr") as container:
        stream = container.add_stream("libopencore_amrnb", rate=8000, layout="mono")
        for at in range(0, len(pcm), 160):
            frame = av.AudioFrame.from_ndarray(pcm[None, at : at + 160], "s16", "mono")
            frame.sample_rate = 8000
            frame.pts = at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


KINDS = (
    Kind("pcm16.wav", _by_ffmpeg("-c:a", "pcm_s16le")),
    Kind("pcm24.wav", _by_ffmpeg("-c:a", "pcm_s24le")),
    Kind("float.wav", _by_ffmpeg("-c:a", "pcm_f32le")),
    Kind("mulaw.wav", _by_ffmpeg("-c:a", "pcm_mulaw")),
    Kind("extensible.wav", _by_libsndfile("WAVEX", "PCM_24")),
    Kind("rf64.wav", _by_ffmpeg("-rf64", "always")),
    Kind("wave64.w64", _by_ffmpeg()),
    Kind("plain.flac", _by_ffmpeg()),
    Kind("piped.flac", _piped("flac"), states_length=False),
    Kind("vorbis.ogg", _by_ffmpeg("-c:a", "libvorbis"), states_length=False),
    Kind("opus.opus", _by_ffmpeg("-c:a", "libopus"), states_length=False),
    Kind("chained.ogg", _chained("-c:a", "libvorbis"), 2 * LENGTH_S, states_length=False),
    Kind("chained.opus", _chained("-c:a", "libopus"), 2 * LENGTH_S, states_length=False),
    Kind("cbr.mp3", _by_ffmpeg("-c:a", "libmp3lame", "-b:a", "64k")),
    Kind("vbr.mp3", _by_ffmpeg("-c:a", "libmp3lame", "-q:a", "4")),
    Kind(
        "vbr-no-xing.mp3",
        _by_ffmpeg(
            *("-c:a", "libmp3lame", "-q:a", "4"), *("-write_xing", "0", "-id3v2_version", "0")
        ),
        lengthens_s=0.15,
        states_length=False,
    ),
    Kind("index-last.m4a", _by_ffmpeg(), needs_its_end=True),
    Kind("index-first.m4a", _by_ffmpeg("-movflags", "faststart")),
    Kind("lossless.m4a", _by_ffmpeg("-c:a", "alac", "-movflags", "faststart")),
    Kind(
        "fragments.mp4",
        _by_ffmpeg("-movflags", "frag_keyframe+empty_moov", "-frag_duration", "500000"),
        states_length=False,
    ),
    Kind("opus.webm", _by_ffmpeg("-c:a", "libopus")),
    Kind("live.webm", _piped("webm", "-c:a", "libopus"), states_length=False),
    Kind("vorbis.mkv", _by_ffmpeg("-c:a", "libvorbis")),
    Kind("adts.aac", _by_ffmpeg(), states_length=False),
    Kind("narrow.amr", _amr, channels=1, states_length=False),
    Kind("plain.aiff", _by_ffmpeg()),
    Kind("plain.caf", _by_ffmpeg()),
    Kind("plain.au", _by_ffmpeg()),
    Kind("plain.sph", _sphere),
)


def make_all(folder: Path) -> dict[str, Path]:
    """Make a file of each kind and return the paths by name."""
    wav = folder / "source.wav"
    soundfile.write(str(wav), two_voices(), RATE, subtype="PCM_16")
    found = {}
    for kind in KINDS:
        found[kind.name] = folder / kind.name
        kind.make(wav, found[kind.name])
    return found


def with_bytes(path: Path, to: Path, at: int, new: bytes) -> Path:
    """Copy a file with other bytes at an offset."""
    raw = bytearray(path.read_bytes())
    raw[at : at + len(new)] = new
    to.write_bytes(raw)
    return to


def data_size_at(wav: Path) -> int:
    """Return the offset of the size of a WAV's samples."""
    return wav.read_bytes().index(b"data") + 4


def with_data_size(wav: Path, to: Path, size: int) -> Path:
    """Copy a WAV with another size of its samples in the header."""
    return with_bytes(wav, to, data_size_at(wav), struct.pack("<I", size))
