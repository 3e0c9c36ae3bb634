"""A recording of the planted conversation gives back what was planted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from simvoice.audio import Pcm
from simvoice.errors import AudioFileError
from simvoice.ports import TranscribedWord
from simvoice.research.analysis.conversation import Conversation
from simvoice.research.analysis.recording import Options, Recording, identify, of_recording, slug
from simvoice.research.recordings.match import SpeakerNames
from tests.planted_talk import NUMBERS
from tests.two_channels import (
    LEARNER_TEXT,
    LEARNER_TURNS,
    PATIENT_TEXT,
    both,
    srt,
    textgrid,
    write,
)


def analysed(folder: Path, *files: Path, options: Options | None = None) -> Conversation:
    texts = [p for f in files for p in folder.glob(f"{f.stem}.*") if p != f]
    found = Recording("talk", files, tuple(sorted(texts)))
    return of_recording(found, options or Options(), folder)


def values(found: Conversation) -> dict[str, float]:
    return {v.key: v.value for v in found.metrics if v.value is not None}


@pytest.mark.parametrize(
    ("rate", "subtype"), [(16_000, "PCM_16"), (8_000, "PCM_16"), (192_000, "PCM_24")]
)
def test_the_numbers_come_back_at_any_rate(tmp_path: Path, rate: int, subtype: str) -> None:
    found = analysed(tmp_path, write(tmp_path / "talk.wav", rate=rate, subtype=subtype))
    for key in ("talk_share", "learner_speech", "patient_speech", "longest_monologue"):
        # The acknowledgement is speech of the learner's here as there.
        assert values(found)[key] == pytest.approx(NUMBERS[key], abs=0.6), key
    assert found.length_s == pytest.approx(50.0, abs=0.001)


def test_channels_that_the_labels_call_swapped_are_turned_round(tmp_path: Path) -> None:
    straight = analysed(tmp_path, write(tmp_path / "a.wav"))
    turned = write(tmp_path / "b.wav", both()[:, ::-1])
    textgrid(tmp_path / "b.TextGrid")
    found = analysed(tmp_path, turned)
    assert found.learner_channel == "right"
    assert values(found)["learner_speech"] == values(straight)["learner_speech"]
    assert found.notes == (
        "the channels are swapped: the transcript's labels put the learner on the right, and so "
        "it was read",
    )


def test_without_labels_the_option_says_which_channel_and_the_left_is_only_a_guess(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "talk.wav", both()[:, ::-1])
    guessed = analysed(tmp_path, path)
    assert guessed.learner_channel == "left"
    assert "--learner right" in guessed.notes[0]
    told = analysed(tmp_path, path, options=Options(learner="right"))
    assert told.notes == ()
    assert values(told)["patient_speech"] == values(guessed)["learner_speech"]


def test_the_channel_that_asks_the_questions_is_pointed_at_when_nothing_else_tells(
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
        "the right channel asks 4 of the 4 questions, as clinicians do; if it is the learner's: "
        "--learner right"
    )
    assert analysed(tmp_path, path, options=Options(learner="right")).notes == ()


def test_labels_and_option_that_contradict_each_other_stop_it(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.wav")
    textgrid(tmp_path / "talk.TextGrid")
    assert analysed(tmp_path, path, options=Options(learner="left")).notes == ()
    with pytest.raises(AudioFileError, match=r"on the other channel than --learner right; leave"):
        analysed(tmp_path, path, options=Options(learner="right"))


def test_two_files_the_wrong_way_round_are_told_from_their_labels(tmp_path: Path) -> None:
    pcm = both()
    first = write(tmp_path / "a.wav", pcm[:, 1:])
    second = write(tmp_path / "b.wav", pcm[:, :1])
    textgrid(tmp_path / "a.TextGrid")
    with pytest.raises(AudioFileError, match="give the learner's first"):
        analysed(tmp_path, first, second)


def test_two_files_are_the_learner_and_the_patient(tmp_path: Path) -> None:
    pcm = both()
    first = write(tmp_path / "a.wav", pcm[:, :1])
    found = analysed(tmp_path, first, write(tmp_path / "b.wav", pcm[:, 1:]))
    assert found.learner_channel == "first file"
    assert found.notes == ()
    whole = analysed(tmp_path, write(tmp_path / "whole.wav"))
    assert values(found) == values(whole)


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


def test_word_times_of_a_ctm_are_kept_and_make_utterances(tmp_path: Path) -> None:
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


def test_a_transcript_of_something_else_stops_it_unless_it_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.wav")
    textgrid(tmp_path / "talk.TextGrid", length_s=300.0)
    with pytest.raises(AudioFileError, match=r"lasts 300\.0 s and the sound 50\.0 s"):
        analysed(tmp_path, path)
    assert analysed(tmp_path, path, options=Options(transcript=False)).words_from == ""


def test_silence_is_refused_and_one_silent_channel_remarked_on(tmp_path: Path) -> None:
    silent = write(tmp_path / "silent.wav", np.zeros((32_000, 2), np.float32))
    with pytest.raises(AudioFileError, match=r"^nobody speaks in 'silent\.wav'; check that"):
        analysed(tmp_path, silent)
    pcm = both()
    pcm[:, 1] = 0.0
    found = analysed(tmp_path, write(tmp_path / "half.wav", pcm))
    assert "no speech was found on the patient's channel" in found.notes
    assert "talk_share" not in values(found)


class Ear:
    """Hears one word in the middle of every piece it is given."""

    def __init__(self) -> None:
        self.pieces: list[float] = []

    def words(self, pcm: Pcm) -> Sequence[TranscribedWord]:
        lasts_s = len(pcm) / 16_000
        self.pieces.append(lasts_s)
        return [TranscribedWord("well?", lasts_s / 2, lasts_s / 2 + 0.2, 0.75)]


def test_asked_for_words_every_stretch_of_both_voices_is_heard_in_its_place(
    tmp_path: Path,
) -> None:
    ear = Ear()
    found = of_recording(
        Recording("talk", (write(tmp_path / "talk.wav"),)), Options(words=True), tmp_path, ear
    )
    assert found.words_from == "whisper"
    assert len(found.words) == len(ear.pieces)
    for word in found.words:
        assert any(
            s.who == word.who and s.start_s - 1.0 <= word.start_s <= s.end_s + 1.0
            for s in found.stretches
        )
    assert max(ear.pieces) <= 30.0
    assert all(u.text == "well?" for u in found.utterances)


def test_the_fingerprint_follows_input_and_options_and_nothing_else(tmp_path: Path) -> None:
    path = write(tmp_path / "talk.wav")
    first = identify(Recording("talk", (path,)), Options())
    moved = path.rename(tmp_path / "moved.wav")
    assert identify(Recording("talk", (moved,)), Options()) == first
    assert identify(Recording("talk", (moved,)), Options(learner="right")).id == first.id
    others = [
        identify(Recording("talk", (moved,)), Options(learner="right")),
        identify(Recording("talk", (moved,)), Options(names=SpeakerNames.given("a,b"))),
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
def test_a_name_becomes_one_that_is_safe_for_a_file(name: str, safe: str) -> None:
    assert slug(name) == safe
