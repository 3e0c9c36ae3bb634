"""The analysis of a planted recording gives back the planted values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from simvoice.audio import Pcm
from simvoice.errors import AudioFileError
from simvoice.ports import TranscribedWord
from simvoice.research.analysis.conversation import Conversation
from simvoice.research.analysis.recording import (
    Options,
    Recording,
    analyse_recording,
    identify,
    slug,
)
from simvoice.research.recordings.speaker_names import SpeakerNames
from tests.planted.recordings import (
    LEARNER_TEXT,
    LEARNER_TURNS,
    PATIENT_TEXT,
    both,
    srt,
    textgrid,
    write,
)
from tests.planted.sound_files import ffmpeg
from tests.planted.talk import NUMBERS


def analysed(folder: Path, *files: Path, options: Options | None = None) -> Conversation:
    texts = [p for f in files for p in folder.glob(f"{f.stem}.*") if p != f]
    found = Recording("talk", files, tuple(sorted(texts)))
    return analyse_recording(found, options or Options(), folder)


def values(found: Conversation) -> dict[str, float]:
    return {v.key: v.value for v in found.metrics if v.value is not None}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "subtype"), [(16_000, "PCM_16"), (8_000, "PCM_16"), (192_000, "PCM_24")]
)
def test_the_planted_numbers_are_measured_at_any_rate(
    tmp_path: Path, rate: int, subtype: str
) -> None:
    found = analysed(tmp_path, write(tmp_path / "talk.wav", rate=rate, subtype=subtype))
    for key in ("talk_share", "learner_speech", "patient_speech", "longest_monologue"):
        # The acknowledgement counts as the learner's speech in both.
        assert values(found)[key] == pytest.approx(NUMBERS[key], abs=0.6), key
    assert found.length_s == pytest.approx(50.0, abs=0.001)


@pytest.mark.slow
def test_channels_are_swapped_when_the_labels_say_so(tmp_path: Path) -> None:
    straight = analysed(tmp_path, write(tmp_path / "a.wav"))
    crossed = write(tmp_path / "b.wav", both()[:, ::-1])
    textgrid(tmp_path / "b.TextGrid")
    found = analysed(tmp_path, crossed)
    assert found.learner_channel == "right"
    assert values(found)["learner_speech"] == values(straight)["learner_speech"]
    assert found.notes == (
        "the learner is on the right channel, as the transcript's labels show; the channels were "
        "swapped",
    )


@pytest.mark.slow
def test_without_labels_the_option_selects_the_channel_and_the_default_is_left(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "talk.wav", both()[:, ::-1])
    guessed = analysed(tmp_path, path)
    assert guessed.learner_channel == "left"
    assert "--learner right" in guessed.notes[0]
    told = analysed(tmp_path, path, options=Options(learner="right"))
    assert told.notes == ()
    assert values(told)["patient_speech"] == values(guessed)["learner_speech"]


@pytest.mark.slow
def test_a_remark_names_the_channel_with_most_questions_when_nothing_else_tells(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "talk.wav", both()[:, ::-1])
    times = (("03,400", "07,000"), ("09,800", "12,000"), ("25,000", "27,000"), ("33,000", "36,000"))
    cues = [
        f"{number}\n00:00:{start} --> 00:00:{end}\nWhat happened then?\n"
        for number, (start, end) in enumerate(times, 1)
    ]
    (tmp_path / "talk.srt").write_text("\n".join(cues), encoding="utf-8")
    found = analysed(tmp_path, path)
    assert found.learner_channel == "left"
    assert found.notes[1] == (
        "4 of the 4 questions are on the right channel, and clinicians ask most questions; if it "
        "is the learner's: --learner right"
    )
    assert analysed(tmp_path, path, options=Options(learner="right")).notes == ()


@pytest.mark.slow
def test_labels_that_contradict_the_option_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.wav")
    textgrid(tmp_path / "talk.TextGrid")
    assert analysed(tmp_path, path, options=Options(learner="left")).notes == ()
    with pytest.raises(AudioFileError, match=r"contradict --learner right: .* use either"):
        analysed(tmp_path, path, options=Options(learner="right"))


def test_labels_show_when_two_files_are_in_the_wrong_order(tmp_path: Path) -> None:
    pcm = both()
    first = write(tmp_path / "a.wav", pcm[:, 1:])
    second = write(tmp_path / "b.wav", pcm[:, :1])
    textgrid(tmp_path / "a.TextGrid")
    with pytest.raises(AudioFileError, match="give the learner's first"):
        analysed(tmp_path, first, second)


@pytest.mark.slow
def test_two_files_are_the_learner_and_the_patient(tmp_path: Path) -> None:
    pcm = both()
    first = write(tmp_path / "a.wav", pcm[:, :1])
    found = analysed(tmp_path, first, write(tmp_path / "b.wav", pcm[:, 1:]))
    assert found.learner_channel == "first file"
    assert found.notes == ()
    whole = analysed(tmp_path, write(tmp_path / "whole.wav"))
    assert values(found) == values(whole)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["TextGrid", "srt"])
def test_a_transcript_gives_utterances_and_words_to_turns(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "talk.wav")
    (textgrid if kind == "TextGrid" else srt)(tmp_path / f"talk.{kind}")
    found = analysed(tmp_path, path)
    assert found.words_from == "transcript"
    assert [u.text for u in found.utterances if u.who == "learner"] == list(LEARNER_TEXT)
    assert [u.text for u in found.utterances if u.who == "patient"] == list(PATIENT_TEXT)
    turn = next(t for t in found.turns if t.who == "learner")
    assert turn.text == LEARNER_TEXT[0]
    assert [f.role for f in found.inputs] == ["sound", "transcript"]


@pytest.mark.slow
def test_words_of_a_ctm_keep_their_times_and_form_utterances(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.wav")
    lines = []
    for (start_s, end_s), text in zip(LEARNER_TURNS, LEARNER_TEXT, strict=True):
        words = text.split()
        step_s = (end_s - start_s) / len(words)
        lines += [
            f"talk 1 {start_s + i * step_s:.3f} {step_s:.3f} {word}" for i, word in enumerate(words)
        ]
    (tmp_path / "talk.ctm").write_text("\n".join(lines), encoding="utf-8")
    found = analysed(tmp_path, path)
    assert len(found.words) == sum(len(text.split()) for text in LEARNER_TEXT)
    assert [u.text for u in found.utterances] == list(LEARNER_TEXT)


@pytest.mark.slow
def test_a_transcript_of_another_recording_is_an_error_unless_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.wav")
    textgrid(tmp_path / "talk.TextGrid", length_s=300.0)
    with pytest.raises(AudioFileError, match=r"lasts 300\.0 s and the sound 50\.0 s"):
        analysed(tmp_path, path)
    assert analysed(tmp_path, path, options=Options(transcript=False)).words_from == ""


def test_silence_is_refused_and_one_silent_channel_gives_a_remark(tmp_path: Path) -> None:
    silent = write(tmp_path / "silent.wav", np.zeros((32_000, 2), np.float32))
    with pytest.raises(AudioFileError, match=r"^'silent\.wav' contains no speech; check that"):
        analysed(tmp_path, silent)
    pcm = both()
    pcm[:, 1] = 0.0
    found = analysed(tmp_path, write(tmp_path / "half.wav", pcm))
    assert "no speech was found on the patient's channel" in found.notes
    assert "talk_share" not in values(found)


class FakeRecogniser:
    """Recognises one word in the middle of every piece."""

    def __init__(self) -> None:
        self.pieces: list[float] = []

    def words(self, pcm: Pcm) -> Sequence[TranscribedWord]:
        lasts_s = len(pcm) / 16_000
        self.pieces.append(lasts_s)
        return [TranscribedWord("well?", lasts_s / 2, lasts_s / 2 + 0.2, 0.75)]


def test_words_are_recognised_in_all_speech_of_both_speakers(
    tmp_path: Path,
) -> None:
    recogniser = FakeRecogniser()
    found = analyse_recording(
        Recording("talk", (write(tmp_path / "talk.wav"),)),
        Options(words=True),
        tmp_path,
        recogniser,
    )
    assert found.words_from == "whisper"
    assert len(found.words) == len(recogniser.pieces)
    for word in found.words:
        assert any(
            s.who == word.who and s.start_s - 1.0 <= word.start_s <= s.end_s + 1.0
            for s in found.stretches
        )
    assert max(recogniser.pieces) <= 30.0
    assert all(u.text == "well?" for u in found.utterances)


def test_the_fingerprint_depends_only_on_input_and_options(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.wav")
    first = identify(Recording("talk", (path,)), Options())
    moved = path.rename(tmp_path / "moved.wav")
    assert identify(Recording("talk", (moved,)), Options()) == first
    assert identify(Recording("talk", (moved,)), Options(learner="right")).id == first.id
    others = [
        identify(Recording("talk", (moved,)), Options(learner="right")),
        identify(Recording("talk", (moved,)), Options(names=SpeakerNames.parse("a,b"))),
        identify(Recording("talk", (moved,), (textgrid(tmp_path / "t.TextGrid"),)), Options()),
        identify(Recording("talk", (write(tmp_path / "x.wav", rate=8_000),)), Options()),
    ]
    assert len({other.fingerprint for other in (*others, first)}) == 5


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/b c", "a--b-c"),
        ("Ärztin – Visite n° 1", "Arztin-Visite-n-1"),
        ("../../etc", "etc"),
        ("录音", "recording"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_slug_is_safe_as_a_file_name(name: str, safe: str) -> None:
    assert slug(name) == safe


# -- formats --------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_mp3_that_states_no_length_gives_the_numbers_of_its_wav(tmp_path: Path) -> None:
    """libsndfile guesses the length of such a file by its first frame, and reads no further."""
    wav = write(tmp_path / "right.wav")
    mp3 = tmp_path / "talk.mp3"
    vbr = ("-c:a", "libmp3lame", "-q:a", "4", "-write_xing", "0", "-id3v2_version", "0")
    ffmpeg("-i", str(wav), *vbr, str(mp3))
    guess_s = soundfile.info(str(mp3)).duration
    assert guess_s < 45.0, "this file does not show the fault"
    found, right = analysed(tmp_path, mp3), analysed(tmp_path, wav)
    assert found.length_s == pytest.approx(right.length_s, abs=0.15)
    for key in ("talk_share", "learner_speech", "patient_speech", "longest_monologue"):
        assert values(found)[key] == pytest.approx(values(right)[key], rel=0.02), key
    assert [note for note in found.notes if "talk.mp3" in note] == []


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["m4a", "mp4", "webm", "opus", "mka"])
def test_compressed_recordings_give_the_numbers_of_their_wav(tmp_path: Path, ending: str) -> None:
    wav = write(tmp_path / "right.wav")
    other = tmp_path / f"talk.{ending}"
    ffmpeg("-i", str(wav), str(other))
    found, right = analysed(tmp_path, other), analysed(tmp_path, wav)
    assert found.length_s == pytest.approx(right.length_s, abs=0.15)
    assert values(found)["talk_share"] == pytest.approx(values(right)["talk_share"], abs=1.0)


@pytest.mark.slow
def test_a_transcript_of_who_speaks_finds_the_learner_and_gives_no_words(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.wav", both()[:, ::-1])
    (tmp_path / "talk.rttm").write_text(
        "".join(
            f"SPEAKER talk 1 {start_s} {end_s - start_s:.3f} <NA> <NA> doctor <NA> <NA>\n"
            for start_s, end_s in LEARNER_TURNS
        ),
        encoding="utf-8",
    )
    found = analysed(tmp_path, path)
    assert found.learner_channel == "right"
    assert (found.words_from, found.utterances, found.words) == ("", (), ())


@pytest.mark.slow
def test_one_bad_cue_does_not_lose_a_visit(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.wav")
    text = srt(tmp_path / "talk.srt").read_text("utf-8")
    bad = text.replace("00:00:25,000", "00:00:2X,000")
    assert bad != text
    end = "\n99\n00:00:49,500 --> 00:01:20,000\nPATIENT: Thanks for watching\n"
    (tmp_path / "talk.srt").write_text(bad + end, encoding="utf-8")
    found = analysed(tmp_path, path)
    assert [u.text for u in found.utterances if u.who == "learner"] == [
        text for text in LEARNER_TEXT if text != "and your mother"
    ]
    left_out, cut = found.notes
    assert "its times cannot be read" in left_out
    assert cut == (
        "1 entry of 'talk.srt' went beyond the end of the sound, to 80.0 s of 50.0 s, and was cut "
        "there"
    )
