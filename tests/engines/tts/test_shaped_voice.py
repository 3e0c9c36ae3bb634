"""ShapedVoice without engines: a line is synthesised once for all moods, and its times follow the
stretch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simvoice.audio import Pcm
from simvoice.engines.tts import praat_voice
from simvoice.engines.tts.praat_voice import ShapedVoice, needs_shaping, remaining_stretch
from simvoice.ports import Speech, SpokenWord, VoiceStyle


class RecordingVoice:
    """Speaks every text in one second, and records its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, VoiceStyle]] = []

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        self.calls.append((text, style))
        word = SpokenWord(text, 0.25, 0.75)
        return Speech(np.full(16_000, 0.1, np.float32), (word,), (0.75,))


class LengthOnlyShaper:
    """Changes the length of a clip as the worker does, and nothing else."""

    def __init__(self) -> None:
        self.styles: list[VoiceStyle] = []

    def shape(self, pcm: Pcm, style: VoiceStyle) -> Pcm:
        self.styles.append(style)
        return np.resize(pcm, round(pcm.size * style.stretch))

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def recorded() -> RecordingVoice:
    return RecordingVoice()


@pytest.fixture
def voice(recorded: RecordingVoice) -> ShapedVoice:
    return ShapedVoice(recorded, LengthOnlyShaper())  # type: ignore[arg-type]


def test_a_line_in_five_moods_is_synthesised_once(
    voice: ShapedVoice, recorded: RecordingVoice
) -> None:
    base = VoiceStyle(formant_shift=1.1, pitch_hz=180.0)
    for mood in range(5):
        style = replace(base, pitch_hz=180.0 + mood, gain_db=-1.0 * mood, stretch=1.0 + mood / 50)
        voice.speak("I see.", style)
    assert recorded.calls == [("I see.", VoiceStyle())]
    voice.speak("I see.", replace(base, duration=1.2))
    assert len(recorded.calls) == 2


def test_words_and_syllables_follow_the_stretch(voice: ShapedVoice) -> None:
    said = voice.speak("I see.", VoiceStyle(stretch=1.2))
    assert said.pcm.size == 19_200
    assert said.words == (SpokenWord("I see.", 0.25 * 1.2, 0.75 * 1.2),)
    assert said.syllable_ends_s == (0.75 * 1.2,)


def test_gain_is_in_decibels_and_never_over_full_scale(voice: ShapedVoice) -> None:
    assert voice.speak("I see.", VoiceStyle(gain_db=6.0)).pcm[0] == pytest.approx(0.1995, abs=1e-3)
    assert voice.speak("I see.", VoiceStyle(gain_db=40.0)).pcm.max() < 1.0


def test_the_longest_unused_clip_is_removed_first(
    recorded: RecordingVoice, voice: ShapedVoice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(praat_voice, "PLAIN_BYTES", 3 * 16_000 * 4)
    for text in ("a", "b", "a", "c", "d", "a", "b"):
        voice.speak(text, VoiceStyle())
    assert [text for text, _ in recorded.calls] == ["a", "b", "c", "d", "b"]


def test_the_stretch_adds_what_piper_leaves_out_of_a_pace() -> None:
    assert remaining_stretch(1.0) == 1.0
    assert remaining_stretch(1.2) > 1.0 > remaining_stretch(0.8)
    assert not needs_shaping(VoiceStyle(duration=1.2))
    assert needs_shaping(VoiceStyle(stretch=1.05))
