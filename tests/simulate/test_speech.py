"""Clips with planted pauses have correct times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simvoice.audio import RATE, level_dbfs, samples
from simvoice.errors import SettingError, SimvoiceError
from simvoice.ports import Speech, SpokenWord, VoiceStyle
from simvoice.simulate.signals import tone
from simvoice.simulate.speech import Piece, build_clip, cached_clip, parse, voiced_span

WORD_S = 0.3
GAP_S = 0.05


class Beeps:
    """A voice that beeps once a word, with silence around, and records its texts."""

    def __init__(self, *, words: bool = True) -> None:
        self.texts: list[str] = []
        self._words = words

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        self.texts.append(text)
        pcm = [np.zeros(samples(0.2), np.float32)]
        words = []
        at = 0.2
        for word in text.split():
            words.append(SpokenWord(word, at, at + WORD_S))
            pcm += [tone(WORD_S, -15.0), np.zeros(samples(GAP_S), np.float32)]
            at += WORD_S + GAP_S
        return Speech(np.concatenate(pcm), tuple(words) if self._words else ())


def gaps(pcm: np.ndarray, longer_s: float = 0.02) -> list[tuple[float, float]]:
    loud = np.flatnonzero(np.abs(pcm) > 1e-3)
    jumps = np.flatnonzero(np.diff(loud) > samples(longer_s))
    return [(loud[i] / RATE, loud[i + 1] / RATE) for i in jumps]


def test_marks_split_the_text() -> None:
    assert parse("I was <pause 0.8> wondering <pause 1.25>if you slept") == [
        Piece("I was", 0.8),
        Piece("wondering", 1.25),
        Piece("if you slept", 0.0),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "contains no words"),
        ("   ", "contains no words"),
        ("<pause 1>", "contains no words"),
        ("well <pause> then", "broken mark"),
        ("well <pause -1> then", "broken mark"),
        ("well <break 1> then", "broken mark"),
        ("<pause 1> well", "both sides"),
        ("well <pause 1>", "both sides"),
        ("well <pause 1><pause 2> then", "both sides"),
        ("well <pause 999> then", "at most 60 s"),
    ],
)
def test_a_broken_text_is_an_error_that_explains_it(text: str, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        parse(text)


@pytest.mark.parametrize("words", [True, False])
def test_the_planted_pause_has_the_stated_time_and_length(words: bool) -> None:
    clip = build_clip(Beeps(words=words), "one two <pause 0.8> three four")
    ((start, end),) = clip.pauses
    assert end - start == pytest.approx(0.8, abs=1e-3)
    longest = max(gaps(clip.pcm), key=lambda gap: gap[1] - gap[0])
    assert longest == (pytest.approx(start, abs=0.012), pytest.approx(end, abs=0.012))
    assert clip.onset_s < start < end < clip.offset_s
    assert clip.text == "one two three four"


def test_onset_and_offset_are_the_first_and_last_sound() -> None:
    clip = build_clip(Beeps(), "one two three")
    loud = np.flatnonzero(np.abs(clip.pcm) > 1e-3)
    assert clip.onset_s == pytest.approx(loud[0] / RATE, abs=0.006)
    assert clip.offset_s == pytest.approx(loud[-1] / RATE, abs=0.006)
    assert len(clip.pcm) / RATE < clip.offset_s + 0.04


def test_words_have_correct_times() -> None:
    clip = build_clip(Beeps(), "one two <pause 1.0> three")
    assert [word.text for word in clip.words] == ["one", "two", "three"]
    for word in clip.words:
        inside = clip.pcm[samples(word.start_s + 0.02) : samples(word.end_s - 0.02)]
        assert np.abs(inside).mean() > 0.02


def test_a_sentence_with_a_pause_is_spoken_whole() -> None:
    voice = Beeps()
    build_clip(voice, "I was wondering <pause 0.8> whether you slept.")
    assert voice.texts == ["I was wondering whether you slept."]


def test_sentences_are_spoken_one_by_one() -> None:
    voice = Beeps()
    clip = build_clip(voice, "I see. What then? Tell me.")
    assert voice.texts == ["I see.", "What then?", "Tell me."]
    assert len(clip.words) == 6


def test_clips_have_the_requested_level() -> None:
    clip = build_clip(Beeps(), "one", level_dbfs=-23.0)
    inside = clip.pcm[samples(clip.onset_s + 0.02) : samples(clip.offset_s - 0.02)]
    assert level_dbfs(inside) == pytest.approx(-23.0, abs=0.7)
    loudest = build_clip(Beeps(), "one", level_dbfs=0.0)
    assert np.abs(loudest.pcm).max() <= 0.981


def test_a_voice_without_sound_is_an_error() -> None:
    class Mute:
        def speak(self, text: str, style: VoiceStyle) -> Speech:
            return Speech(np.zeros(1000, np.float32), ())

    with pytest.raises(SimvoiceError, match="gave no sound"):
        build_clip(Mute(), "hello")


def test_silence_has_no_voiced_span() -> None:
    assert voiced_span(np.zeros(500, np.float32)) == (0, 0)
    assert voiced_span(np.zeros(0, np.float32)) == (0, 0)


def test_a_clip_is_built_once_and_then_read(tmp_path: Path) -> None:
    voice = Beeps()
    text = "one <pause 0.5> two"
    made = cached_clip(voice, "beeps", text, None, tmp_path / "clips")
    read = cached_clip(voice, "beeps", text, None, tmp_path / "clips")
    assert len(voice.texts) == 1
    np.testing.assert_array_equal(made.pcm, read.pcm)
    assert (made.text, made.onset_s, made.offset_s) == (read.text, read.onset_s, read.offset_s)
    assert (made.words, made.pauses) == (read.words, read.pauses)
    cached_clip(voice, "beeps", text, VoiceStyle(duration=1.2), tmp_path / "clips")
    cached_clip(voice, "other", text, None, tmp_path / "clips")
    assert len(voice.texts) == 3


def test_a_broken_cached_clip_is_replaced(tmp_path: Path) -> None:
    voice = Beeps()
    cached_clip(voice, "beeps", "one", None, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert cached_clip(voice, "beeps", "one", None, tmp_path).text == "one"
    assert len(voice.texts) == 2


@pytest.mark.engine
def test_a_real_voice_is_silent_in_the_planted_pause_and_audible_on_both_sides() -> None:
    from simvoice.engines.tts.piper import Piper
    from simvoice.paths import models_dir

    clip = build_clip(Piper(models_dir() / "piper-joe"), "I was wondering <pause 0.8> how you are.")
    ((start, end),) = clip.pauses
    assert end - start == pytest.approx(0.8, abs=1e-3)
    assert not clip.pcm[samples(start) + 1 : samples(end) - 1].any()
    assert level_dbfs(clip.pcm[samples(start - 0.2) : samples(start)]) > -45.0
    assert level_dbfs(clip.pcm[samples(end) : samples(end + 0.2)]) > -45.0
    assert [word.text for word in clip.words][2] == "wondering"
