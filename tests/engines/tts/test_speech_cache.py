from pathlib import Path

import numpy as np
import pytest

from simvoice.engines.tts.speech_cache import CachedVoice
from simvoice.ports import Speech, SpokenWord, VoiceStyle

PLAIN = VoiceStyle()


class _Voice:
    """Says each text as so many samples."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        self.asked.append(text)
        pcm = np.linspace(-0.5, 0.5, 1000, dtype=np.float32)
        words = tuple(SpokenWord(w, i * 0.1, i * 0.1 + 0.05) for i, w in enumerate(text.split()))
        return Speech(pcm, words, (0.01, 0.02))


def test_a_clause_is_made_once_and_survives_a_restart(tmp_path: Path) -> None:
    voice = _Voice()
    first = CachedVoice(voice, tmp_path, "k").speak("I’m here…", PLAIN)
    again = CachedVoice(voice, tmp_path, "k").speak("I’m here…", PLAIN)
    assert voice.asked == ["I’m here…"]
    assert again.words == first.words
    assert again.syllable_ends_s == first.syllable_ends_s
    assert np.abs(again.pcm - first.pcm).max() <= 1 / 32768


def test_text_style_and_voice_each_make_another_clip(tmp_path: Path) -> None:
    voice = _Voice()
    CachedVoice(voice, tmp_path, "k").speak("Yes.", PLAIN)
    CachedVoice(voice, tmp_path, "k").speak("No.", PLAIN)
    CachedVoice(voice, tmp_path, "k").speak("Yes.", VoiceStyle(duration=1.1))
    CachedVoice(voice, tmp_path, "other").speak("Yes.", PLAIN)
    assert len(voice.asked) == 4


@pytest.mark.parametrize(
    "damage", [b"", b"not a zip", b"PK\x03\x04" + bytes(60)], ids=["empty", "text", "broken zip"]
)
def test_a_damaged_file_is_made_again(tmp_path: Path, damage: bytes) -> None:
    voice = _Voice()
    CachedVoice(voice, tmp_path, "k").speak("Yes.", PLAIN)
    (kept,) = tmp_path.glob("*.npz")
    kept.write_bytes(damage)
    assert CachedVoice(voice, tmp_path, "k").speak("Yes.", PLAIN).words[0].text == "Yes."
    assert len(voice.asked) == 2
    assert CachedVoice(voice, tmp_path, "k").knows("Yes.", PLAIN)


def test_a_truncated_file_is_made_again(tmp_path: Path) -> None:
    voice = _Voice()
    CachedVoice(voice, tmp_path, "k").speak("Yes.", PLAIN)
    (kept,) = tmp_path.glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:-200])
    CachedVoice(voice, tmp_path, "k").speak("Yes.", PLAIN)
    assert len(voice.asked) == 2


def test_prepared_lines_are_known_and_progress_is_told(tmp_path: Path) -> None:
    voice, told = _Voice(), []
    cached = CachedVoice(voice, tmp_path, "k")
    lines = [("One.", PLAIN), ("Two.", PLAIN)]
    assert cached.prepare(lines, lambda done, of: told.append((done, of)))
    assert told == [(1, 2), (2, 2)]
    assert all(cached.knows(*line) for line in lines)
    cached.prepare(lines)
    assert cached.made == 2


def test_preparing_stops_when_cancelled(tmp_path: Path) -> None:
    voice = _Voice()
    cached = CachedVoice(voice, tmp_path, "k")
    lines = [("One.", PLAIN), ("Two.", PLAIN)]
    assert not cached.prepare(lines, cancelled=lambda: bool(voice.asked))
    assert voice.asked == ["One."]


def test_the_folder_stays_within_its_bound(tmp_path: Path) -> None:
    cached = CachedVoice(_Voice(), tmp_path, "k", folder_bytes=9000)
    cached.prepare([(f"Line {n}.", PLAIN) for n in range(12)])
    assert 0 < sum(p.stat().st_size for p in tmp_path.iterdir()) <= 9000


def test_nothing_half_written_is_left(tmp_path: Path) -> None:
    CachedVoice(_Voice(), tmp_path, "k").speak("Yes.", PLAIN)
    assert [p.suffix for p in tmp_path.iterdir()] == [".npz"]


def test_a_folder_that_cannot_be_written_costs_only_the_memory_on_disk(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    cached = CachedVoice(_Voice(), blocked / "cache", "k")
    assert cached.speak("Yes.", PLAIN).words
    assert cached.speak("Yes.", PLAIN).words
    assert cached.made == 1
