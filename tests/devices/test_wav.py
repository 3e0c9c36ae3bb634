"""The line with one sound file as the microphone and another as the speaker."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from simvoice.audio import FRAME, RATE, level_dbfs, to_float
from simvoice.devices.pacing import Pacer
from simvoice.devices.wav import WavLine, read_audio, write_audio
from simvoice.errors import AudioFileError
from simvoice.ports import AudioLine
from simvoice.simulate.signals import tone


def save(path: Path, data: np.ndarray, rate: int = RATE, **how: str) -> Path:
    soundfile.write(path, data, rate, **how)
    return path


def everything(line: AudioLine) -> np.ndarray:
    frames = []
    while (frame := line.read()) is not None:
        frames.append(frame.pcm)
    return np.concatenate(frames)


def test_the_file_comes_out_sample_for_sample_and_then_the_tail(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).integers(-9000, 9000, 1000).astype(np.int16)
    line = WavLine(save(tmp_path / "a.wav", sound), paced=False, tail_s=0.1)
    line.start()
    got = everything(line)
    np.testing.assert_array_equal(got[:1000], sound)
    assert not got[1000:].any()
    assert len(got) == 9 * FRAME
    assert line.read() is None


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_any_rate_and_two_channels_become_the_same_tone(tmp_path: Path, rate: int) -> None:
    t = np.arange(rate) / rate
    stereo = np.stack([np.sin(2 * np.pi * 500 * t) * 0.4, np.sin(2 * np.pi * 500 * t) * 0.2], 1)
    pcm, native = read_audio(save(tmp_path / "a.flac", stereo, rate))
    assert native == rate
    assert len(pcm) == pytest.approx(RATE, abs=2)
    middle = pcm[RATE // 4 : 3 * RATE // 4]
    peak = np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle)))))
    assert peak * RATE / len(middle) == pytest.approx(500, abs=2)
    assert level_dbfs(middle) == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=0.1)


def test_errors_for_bad_files_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is no sound\n" * 10, encoding="utf-8")
    (tmp_path / "cut.wav").write_bytes(b"RIFF\x00\x00")
    save(tmp_path / "none.wav", np.zeros(0, np.int16))
    broken = np.zeros(4000, np.float32)
    broken[2000] = np.nan
    save(tmp_path / "nan.wav", broken, subtype="FLOAT")
    expected = {
        "missing.wav": "does not exist",
        "empty.wav": "is empty",
        "text.wav": "cannot be read as sound",
        "cut.wav": "cannot be read as sound",
        "none.wav": "contains no sound",
        "nan.wav": "not numbers",
        ".": "is a folder",
    }
    for name, words in expected.items():
        with pytest.raises(AudioFileError, match=words) as caught:
            WavLine(tmp_path / name).start()
        assert (name if name != "." else str(tmp_path)) in str(caught.value)
        assert caught.value.exit_code == 2


def test_the_speakers_file_is_aligned_with_the_microphones(tmp_path: Path) -> None:
    heard = tmp_path / "out.wav"
    line = WavLine(
        save(tmp_path / "a.wav", np.zeros(10 * FRAME, np.int16)), heard, paced=False, tail_s=0.0
    )
    line.start()
    for k in range(10):
        frame = line.read()
        assert frame is not None
        if k >= 3:
            line.write(np.full(FRAME, k, np.int16))
    line.stop()
    line.stop()
    data, rate = soundfile.read(heard, dtype="int16")
    assert rate == RATE
    # a frame written after frame 3 sounds during frame 4, one delay after frame 3 began
    assert np.flatnonzero(data)[0] == 3 * FRAME + round(WavLine.DELAY_S * RATE)
    assert data[-1] == 9


def test_a_speakers_file_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    source = save(tmp_path / "a.wav", np.ones(100, np.int16))
    before = source.read_bytes()
    with pytest.raises(AudioFileError, match="overwrite"):
        WavLine(source, source).start()
    with pytest.raises(AudioFileError, match="cannot be written"):
        WavLine(source, tmp_path / "no" / "folder.wav").start()
    assert source.read_bytes() == before


def test_a_paced_line_gives_each_frame_at_its_end() -> None:
    now = [100.0]
    slept: list[float] = []

    def sleep(duration_s: float) -> None:
        slept.append(duration_s)
        now[0] += duration_s

    pacer = Pacer(now=lambda: now[0], sleep=sleep)
    pacer.wait()
    pacer.wait()
    assert now[0] == pytest.approx(100.04)
    now[0] += 0.05
    slept.clear()
    pacer.wait()
    pacer.wait()
    assert slept == []
    pacer.wait()
    assert now[0] == pytest.approx(100.1), "a stall is made up for, not carried along"


def test_a_tone_has_the_requested_level() -> None:
    assert level_dbfs(tone(0.5, -20.0)) == pytest.approx(-20.0, abs=0.05)
    assert level_dbfs(to_float(np.zeros(3, np.int16))) == -96.0


def test_written_audio_is_read_back(tmp_path: Path) -> None:
    pcm = np.linspace(-0.9, 0.9, 1000, dtype=np.float32)
    write_audio(tmp_path / "out.wav", pcm)
    back, rate = read_audio(tmp_path / "out.wav")
    assert rate == RATE
    assert np.abs(back - pcm).max() < 1e-4


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        AudioFileError, match="cannot be written; name a file in an existing folder"
    ):
        write_audio(tmp_path / "no" / "out.wav", np.zeros(10, np.float32))
