"""Every format is read to its end, or the reader says what is missing: nothing is lost silently.

Each kind of file is tried whole, cut off, and with a damaged header.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from simvoice.errors import AudioFileError
from simvoice.research.recordings.decoders import open_decoder
from tests.planted.sound_files import (
    KINDS,
    LENGTH_S,
    RATE,
    Kind,
    make_all,
    two_voices,
    with_bytes,
    with_data_size,
)

pytestmark = pytest.mark.slow

BLOCK = 8_000


@dataclass(frozen=True)
class Read:
    """What a decoder gave."""

    pcm: NDArray[np.float32]
    rate: int
    remarks: tuple[str, ...]

    @property
    def length_s(self) -> float:
        return len(self.pcm) / self.rate


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_all(tmp_path_factory.mktemp("formats"))


def read(path: Path) -> Read:
    with ExitStack() as stack:
        decoder = open_decoder(path, stack)
        blocks = list(decoder.blocks(BLOCK))
        pcm = np.concatenate(blocks) if blocks else np.zeros((0, decoder.channels), np.float32)
        return Read(pcm, decoder.rate, tuple(decoder.remarks()))


def read_or_error(path: Path) -> Read | str:
    try:
        return read(path)
    except AudioFileError as error:
        return str(error)


def loudness(pcm: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Return the level of the first channel in steps of 20 ms, which codecs keep."""
    step = rate // 50
    steps = len(pcm) // step
    return np.sqrt(np.mean(pcm[: steps * step, 0].astype(float).reshape(steps, step) ** 2, axis=1))


def agreement(found: Read, at_s: float = 0.0) -> float:
    """Return the correlation of the levels with those of the planted sound from `at_s` on.

    Codecs that do not say by how much they delay the sound may do so by up to 0.12 s.
    """
    truth = loudness(two_voices(), RATE)
    heard = loudness(found.pcm[round(at_s * found.rate) :], found.rate)
    size = min(len(truth), len(heard)) - 6
    return max(float(np.corrcoef(truth[:size], heard[lag : lag + size])[0, 1]) for lag in range(7))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_whole_file_is_read_to_its_end_without_a_remark(
    files: dict[str, Path], kind: Kind
) -> None:
    found = read(files[kind.name])
    assert found.remarks == ()
    assert kind.length_s - 0.02 <= found.length_s <= kind.length_s + kind.lengthens_s
    assert found.pcm.shape[1] == kind.channels
    assert agreement(found) > 0.95
    if kind.length_s > LENGTH_S:
        assert agreement(found, LENGTH_S) > 0.97


@pytest.mark.parametrize("share", [0.35, 0.8])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_file_that_is_cut_off_is_read_to_the_cut_and_described(
    files: dict[str, Path], tmp_path: Path, kind: Kind, share: float
) -> None:
    raw = files[kind.name].read_bytes()
    cut = tmp_path / kind.name
    cut.write_bytes(raw[: round(len(raw) * share) + 1])
    found = read_or_error(cut)
    if kind.needs_its_end:
        assert isinstance(found, str)
        assert found.startswith(f"{kind.name!r} is cut off: its index")
        return
    assert isinstance(found, Read)
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith(f"{kind.name!r} is cut off: ")
    assert f"{found.length_s:.1f} s" in found.remarks[0]
    assert (f"declares {kind.length_s:.1f} s" in found.remarks[0]) == kind.states_length
    # Codecs spend their bytes unevenly, and the block or page of the cut is lost.
    assert abs(found.length_s - share * kind.length_s) < 1.3
    assert agreement(found) > 0.9


DAMAGES = {"magic": (0, bytes(4)), "sizes": (4, bytes(4)), "start": (0, bytes(24))}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_damaged_header_loses_nothing_silently(
    files: dict[str, Path], tmp_path: Path, kind: Kind, damage: str
) -> None:
    at, new = DAMAGES[damage]
    found = read_or_error(with_bytes(files[kind.name], tmp_path / kind.name, at, new))
    if isinstance(found, str):
        assert found.startswith(f"{kind.name!r} cannot be read") or "is cut off" in found
    elif found.length_s < kind.length_s - 0.02:
        assert found.remarks, f"{kind.length_s - found.length_s:.2f} s are missing without a word"
    else:
        assert agreement(found) > 0.9


# -- sizes in the header of a WAV -----------------------------------------------------------


@pytest.mark.parametrize("name", ["pcm16.wav", "pcm24.wav", "float.wav", "mulaw.wav"])
@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF, 4_000])
def test_a_wav_is_read_to_its_end_whatever_size_its_header_states(
    files: dict[str, Path], tmp_path: Path, name: str, size: int
) -> None:
    found = read(with_data_size(files[name], tmp_path / name, size))
    assert found.length_s == pytest.approx(LENGTH_S, abs=0.01)
    assert agreement(found) > 0.99
    told = {0: "states a length of 0", 4_000: "is longer than its header declares"}.get(size)
    assert [told in remark for remark in found.remarks] == ([True] if told else [])


def test_what_follows_the_samples_of_a_wav_is_not_read_as_sound(
    files: dict[str, Path], tmp_path: Path
) -> None:
    raw = files["pcm16.wav"].read_bytes()
    tagged = tmp_path / "tagged.wav"
    notes = b"note" + (20_000).to_bytes(4, "little") + b"\x55" * 20_000
    tagged.write_bytes(raw + notes)
    padded = tmp_path / "padded.wav"
    padded.write_bytes(raw + bytes(3000))
    for path in (tagged, padded):
        found = read(path)
        assert len(found.pcm) == round(LENGTH_S * RATE)
        assert found.remarks == ()


def test_a_flac_that_understates_its_length_is_read_to_its_end(
    files: dict[str, Path], tmp_path: Path
) -> None:
    pcm = np.tile(two_voices(), (8, 1))
    whole = tmp_path / "whole.flac"
    soundfile.write(str(whole), pcm, RATE)
    raw = whole.read_bytes()
    bits = int.from_bytes(raw[18:26], "big")
    stated = (bits >> 36 << 36 | 3 * RATE).to_bytes(8, "big")  # the last 36 bits: the length
    short = with_bytes(whole, tmp_path / "short.flac", 18, stated)
    found = read(short)
    assert len(found.pcm) == len(pcm)
    assert found.remarks == (
        "'short.flac' is longer than its header declares (3.0 s); all 48.0 s were read",
    )


@pytest.mark.parametrize("name", ["plain.flac", "piped.flac"])
def test_a_flac_with_a_damaged_block_keeps_the_rest_at_its_time(
    files: dict[str, Path], tmp_path: Path, name: str
) -> None:
    raw = files[name].read_bytes()
    found = read(with_bytes(files[name], tmp_path / "hurt.flac", len(raw) // 2, bytes(300)))
    assert found.length_s == pytest.approx(LENGTH_S, abs=0.4)
    assert any("is damaged" in remark or "has holes" in remark for remark in found.remarks)
    last_s = loudness(found.pcm[-RATE:], RATE)
    assert np.corrcoef(last_s, loudness(two_voices()[-RATE:], RATE))[0, 1] > 0.97


def test_a_stream_that_was_stopped_and_started_again_tells_of_the_missing_end(
    files: dict[str, Path], tmp_path: Path
) -> None:
    raw = files["opus.opus"].read_bytes()
    path = tmp_path / "again.opus"
    path.write_bytes(raw[: len(raw) // 2] + raw)
    found = read(path)
    assert found.length_s > LENGTH_S + 1.5
    assert any("is cut off" in remark or "is damaged" in remark for remark in found.remarks)


def with_hole(path: Path, hole_s: float) -> Path:
    """Write one second of sound, a hole in the times, and another second."""
    container = av.open(str(path), "w")
    stream = container.add_stream("libopus", rate=48_000, layout="stereo")
    for start_s in (0.0, 1.0 + hole_s):
        frame = av.AudioFrame.from_ndarray(
            np.full((1, 2 * 48_000), 3000, np.int16), format="s16", layout="stereo"
        )
        frame.sample_rate, frame.pts = 48_000, round(start_s * 48_000)
        frame.time_base = Fraction(1, 48_000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
    container.close()
    return path


@pytest.mark.parametrize(
    ("hole_s", "length_s", "remark"),
    [(60.0, 62.0, "has holes of 60.0 s in all"), (7200.0, 2.0, "jump by 7200 s")],
)
def test_a_hole_is_filled_and_a_jump_of_hours_is_left_out_with_a_remark(
    tmp_path: Path, hole_s: float, length_s: float, remark: str
) -> None:
    found = read(with_hole(tmp_path / "hole.mka", hole_s))
    assert found.length_s == pytest.approx(length_s, abs=0.1)
    (said,) = found.remarks
    assert remark in said


# -- what is no sound -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.m4a", b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/sound.mp3\n"),
        ("list.wav", b"ffconcat version 1.0\nfile '/etc/passwd'\n"),
        ("words.mp3", b"Good morning. What brings you here today?\n" * 500),
        ("words.au", b"Good morning. What brings you here today?\n" * 500),
        ("noise.mp3", np.random.default_rng(3).bytes(200_000)),
        ("noise.aac", np.random.default_rng(4).bytes(200_000)),
        ("picture.mp4", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)),
    ],
)
def test_a_file_without_sound_opens_nothing_else_and_is_refused(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    found = read_or_error(path)
    assert isinstance(found, str), found.remarks
    assert found.startswith(f"{name!r} ")


def test_memory_does_not_grow_with_a_compressed_recording(tmp_path: Path) -> None:
    import tracemalloc

    from tests.planted.sound_files import ffmpeg

    def most(minutes: int) -> int:
        path = tmp_path / f"{minutes}.mp3"
        noise = f"anoisesrc=r=16000:d={60 * minutes}:a=0.1:seed=1"
        ffmpeg("-f", "lavfi", "-i", noise, *("-ac", "2", "-b:a", "32k", str(path)))
        tracemalloc.start()
        with ExitStack() as stack:
            for _ in open_decoder(path, stack).blocks(10 * RATE):
                pass
            _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    assert most(8) < 1.1 * most(2) + 1_000_000
