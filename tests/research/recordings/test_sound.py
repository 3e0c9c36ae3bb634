"""Two channels are read from any format; unusable files are refused with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from simvoice.audio import RATE
from simvoice.errors import AudioFileError
from simvoice.research.recordings.sound import SoundFacts, two_channels
from tests.planted.recordings import both, write
from tests.planted.talk import END_S, sound


@dataclass(frozen=True)
class Read:
    """All blocks of a recording, put together."""

    first: np.ndarray
    second: np.ndarray
    files: tuple[SoundFacts, ...]
    remarks: tuple[str, ...]


def read(*paths: Path) -> Read:
    with two_channels(paths) as found:
        blocks = list(found.blocks())
        first, second = (np.concatenate([block[k] for block in blocks]) for k in (0, 1))
        return Read(first, second, found.files(), found.remarks())


def problem(*paths: Path) -> str:
    with pytest.raises(AudioFileError) as caught:
        read(*paths)
    return str(caught.value)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of two signals, -1..1."""
    size = min(len(a), len(b))
    return float(np.corrcoef(a[:size].astype(float), b[:size].astype(float))[0, 1])


def test_sound_at_16_khz_comes_back_sample_for_sample(tmp_path: Path) -> None:
    found = read(write(tmp_path / "talk.wav"))
    learner, patient = sound()
    assert np.array_equal(found.first, learner)
    assert np.array_equal(found.second, patient)
    assert found.remarks == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "subtype", "ending"),
    [
        (8_000, "PCM_16", "wav"),
        (44_100, "PCM_24", "wav"),
        (48_000, "FLOAT", "wav"),
        (192_000, "PCM_24", "wav"),
        (48_000, "PCM_24", "flac"),
    ],
)
def test_any_rate_and_depth_keeps_its_length_and_waveform(
    tmp_path: Path, rate: int, subtype: str, ending: str
) -> None:
    found = read(write(tmp_path / f"talk.{ending}", rate=rate, subtype=subtype))
    learner, patient = sound()
    assert len(found.first) == pytest.approx(END_S * RATE, abs=2)
    assert correlation(learner, found.first) > 0.99
    assert correlation(patient, found.second) > 0.99
    assert (found.files[0].rate, found.files[0].subtype) == (rate, subtype)


def test_two_files_are_read_side_by_side_and_the_shorter_is_padded(tmp_path: Path) -> None:
    pcm = both()
    first = write(tmp_path / "a.wav", pcm[:, :1])
    second = write(tmp_path / "b.wav", pcm[: 40 * RATE, 1:])
    found = read(first, second)
    assert len(found.first) == len(found.second) == round(END_S * RATE)
    assert not found.second[40 * RATE :].any()
    assert found.remarks == (
        "'a.wav' (50.0 s) and 'b.wav' (40.0 s) differ in length; the shorter was padded with "
        "silence",
    )


@pytest.mark.slow
def test_two_files_of_different_rates_share_one_clock(tmp_path: Path) -> None:
    first = write(tmp_path / "a.wav", both(48_000)[:, :1], 48_000)
    second = write(tmp_path / "b.wav", both(8_000)[:, 1:], 8_000)
    found = read(first, second)
    learner, patient = sound()
    assert correlation(learner, found.first) > 0.99
    assert correlation(patient, found.second) > 0.99


def test_a_path_with_spaces_and_accents_is_read(tmp_path: Path) -> None:
    found = read(write(tmp_path / "Ärztin und Patiënt" / "visite n° 1, été.wav"))
    assert found.files[0].name == "visite n° 1, été.wav"


# -- unusable files -------------------------------------------------------------------------


def test_the_error_for_one_channel_says_how_to_give_two_files(tmp_path: Path) -> None:
    text = problem(write(tmp_path / "mono.wav", both()[:, :1]))
    assert text.startswith("'mono.wav' has one channel, and each speaker needs a separate one")
    assert "--two LEARNER PATIENT" in text


def test_more_than_two_channels_are_refused(tmp_path: Path) -> None:
    pcm = np.column_stack((both(), both()[:, 0]))
    assert problem(write(tmp_path / "three.wav", pcm)) == (
        "'three.wav' has 3 channels; there must be two, the learner's and the patient's: "
        "export only these two"
    )
    mono = write(tmp_path / "mono.wav", pcm[:, :1])
    assert "each of two files must have one, or two" in problem(mono, tmp_path / "three.wav")


def test_two_files_of_two_channels_are_mixed_to_one_speaker_each(tmp_path: Path) -> None:
    learner, patient = both()[:, :1], both()[:, 1:]
    first = write(tmp_path / "a.wav", np.repeat(learner, 2, axis=1))
    second = write(tmp_path / "b.wav", np.column_stack((patient, np.zeros_like(patient))))
    found = read(first, second)
    assert np.array_equal(found.first, sound()[0])
    assert correlation(sound()[1], found.second) > 0.99
    assert found.remarks == (
        "'a.wav' has two channels, and their mean was used as one speaker's",
        "'b.wav' has two channels, and their mean was used as one speaker's",
    )


def test_one_sound_on_both_channels_is_refused(tmp_path: Path) -> None:
    one = both().sum(axis=1, keepdims=True)
    hiss = np.random.default_rng(1).standard_normal((len(one), 2)).astype(np.float32) * 1e-5
    text = problem(write(tmp_path / "dual.wav", np.repeat(one, 2, axis=1) + hiss))
    assert text.startswith("both channels of 'dual.wav' hold the same sound")


def test_channels_with_bleed_do_not_count_as_one_sound(tmp_path: Path) -> None:
    pcm = both()
    mixed = pcm + 0.1 * pcm[:, ::-1]
    assert len(read(write(tmp_path / "bleed.wav", mixed)).first) == round(END_S * RATE)


def test_an_empty_file_and_one_without_sound_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    assert problem(tmp_path / "empty.wav") == "'empty.wav' is empty; record it again"
    write(tmp_path / "header.wav", np.zeros((0, 2), np.float32))
    assert problem(tmp_path / "header.wav") == "'header.wav' contains no sound; record it again"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert problem(tmp_path / "gone.wav").endswith("does not exist; check the name")


@pytest.mark.parametrize("name", ["words.wav", "words.flac", "words.raw", "words"])
def test_a_file_without_sound_is_refused_under_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"Good morning. What brings you here today?\n" * 200)
    assert problem(path) == (f"'{name}' cannot be read as sound; export it again as WAV or FLAC")


def test_a_sound_file_with_the_wrong_ending_is_read(tmp_path: Path) -> None:
    wav = write(tmp_path / "talk.wav")
    wrong = wav.rename(tmp_path / "talk.flac")
    assert np.array_equal(read(wrong).first, sound()[0])


def test_values_that_are_not_numbers_are_reported_with_their_time(tmp_path: Path) -> None:
    pcm = both()
    pcm[25 * RATE, 1] = np.nan
    text = problem(write(tmp_path / "nan.wav", pcm, subtype="FLOAT"))
    assert text == "'nan.wav' contains values that are not numbers, after 20 s; export it again"


def test_a_rate_too_low_for_speech_is_refused(tmp_path: Path) -> None:
    text = problem(write(tmp_path / "low.wav", both()[::4], 4_000))
    assert text == "'low.wav' has 4000 Hz, too few for speech; record at 16000 Hz or more"


def test_a_truncated_wav_is_read_to_its_end_with_a_remark(tmp_path: Path) -> None:
    whole = write(tmp_path / "talk.wav").read_bytes()
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole[: 44 + 4 * 30 * RATE])
    found = read(cut)
    assert len(found.first) == 30 * RATE
    assert found.remarks == (
        "'cut.wav' is cut off: its header declares 50.0 s and the file contains 30.0 s, which were "
        "read",
    )


def test_a_truncated_flac_is_read_to_its_end_with_a_remark(tmp_path: Path) -> None:
    whole = write(tmp_path / "talk.flac").read_bytes()
    cut = tmp_path / "cut.flac"
    cut.write_bytes(whole[: len(whole) // 2])
    found = read(cut)
    assert 10 * RATE < len(found.first) < 40 * RATE
    assert "'cut.flac' is cut off: its header declares 50.0 s" in found.remarks[0]


def test_a_header_without_a_known_length_gives_no_remark(tmp_path: Path) -> None:
    raw = bytearray(write(tmp_path / "talk.wav").read_bytes())
    raw[40:44] = b"\xff\xff\xff\xff"
    path = tmp_path / "streamed.wav"
    path.write_bytes(raw)
    found = read(path)
    assert len(found.first) == round(END_S * RATE)
    assert found.remarks == ()


def test_whole_channels_are_complete_and_deleted_afterwards(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.wav")
    with two_channels([path], tmp_path) as found:
        for _ in found.blocks():
            pass
        first, second = found.whole_channels()
        assert np.array_equal(first, sound()[0])
        assert np.array_equal(second, sound()[1])
        del first, second
    assert list(tmp_path.iterdir()) == [path]


def test_silence_is_read_without_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "silent.wav", np.zeros((RATE, 2), np.float32))
    assert not read(path).first.any()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    import tracemalloc

    def most(minutes: int) -> int:
        path = tmp_path / f"{minutes}.wav"
        with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as out:
            block = np.random.default_rng(2).standard_normal((60 * RATE, 2)) * 0.01
            for _ in range(minutes):
                out.write(block)
        tracemalloc.start()
        with two_channels([path]) as found:
            for _ in found.blocks():
                pass
            _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    assert most(12) < 1.1 * most(2) + 1_000_000
