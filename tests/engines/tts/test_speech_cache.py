import resource
from pathlib import Path

import numpy as np
import pytest

from simvoice.engines.tts.speech_cache import CachedVoice
from simvoice.ports import Speech, SpokenWord, VoiceStyle

PLAIN = VoiceStyle()


class _Voice:
    """Speaks every text as 1000 samples, and records the texts."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        self.texts.append(text)
        pcm = np.linspace(-0.5, 0.5, 1000, dtype=np.float32)
        words = tuple(SpokenWord(w, i * 0.1, i * 0.1 + 0.05) for i, w in enumerate(text.split()))
        return Speech(pcm, words, (0.01, 0.02))


def test_a_clause_is_synthesised_once_and_survives_a_restart(tmp_path: Path) -> None:
    voice = _Voice()
    first = CachedVoice(voice, tmp_path, "k").speak("I’m here…", PLAIN)
    second = CachedVoice(voice, tmp_path, "k").speak("I’m here…", PLAIN)
    assert voice.texts == ["I’m here…"]
    assert second.words == first.words
    assert second.syllable_ends_s == first.syllable_ends_s
    assert np.abs(second.pcm - first.pcm).max() <= 1 / 32768


def test_text_style_and_voice_each_make_another_clip(tmp_path: Path) -> None:
    voice = _Voice()
    CachedVoice(voice, tmp_path, "k").speak("Yes.", PLAIN)
    CachedVoice(voice, tmp_path, "k").speak("No.", PLAIN)
    CachedVoice(voice, tmp_path, "k").speak("Yes.", VoiceStyle(duration=1.1))
    CachedVoice(voice, tmp_path, "other").speak("Yes.", PLAIN)
    assert len(voice.texts) == 4


@pytest.mark.parametrize(
    "damage", [b"", b"not a zip", b"PK\x03\x04" + bytes(60)], ids=["empty", "text", "broken zip"]
)
def test_a_damaged_file_is_replaced(tmp_path: Path, damage: bytes) -> None:
    voice = _Voice()
    CachedVoice(voice, tmp_path, "k").speak("Yes.", PLAIN)
    (stored,) = tmp_path.glob("*.npz")
    stored.write_bytes(damage)
    assert CachedVoice(voice, tmp_path, "k").speak("Yes.", PLAIN).words[0].text == "Yes."
    assert len(voice.texts) == 2
    assert CachedVoice(voice, tmp_path, "k").recall("Yes.", PLAIN) is not None


def test_a_file_that_cannot_be_opened_now_is_kept(tmp_path: Path) -> None:
    voice = _Voice()
    cached = CachedVoice(voice, tmp_path, "k")
    cached.speak("Yes.", PLAIN)
    (stored,) = tmp_path.glob("*.npz")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        assert CachedVoice(voice, tmp_path, "k").recall("Yes.", PLAIN) is None
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert stored.is_file()
    assert CachedVoice(voice, tmp_path, "k").recall("Yes.", PLAIN) is not None


def test_a_truncated_file_is_replaced(tmp_path: Path) -> None:
    voice = _Voice()
    CachedVoice(voice, tmp_path, "k").speak("Yes.", PLAIN)
    (stored,) = tmp_path.glob("*.npz")
    stored.write_bytes(stored.read_bytes()[:-200])
    CachedVoice(voice, tmp_path, "k").speak("Yes.", PLAIN)
    assert len(voice.texts) == 2


def test_prepared_lines_are_stored_and_progress_is_reported(tmp_path: Path) -> None:
    voice, reported = _Voice(), []
    cached = CachedVoice(voice, tmp_path, "k")
    lines = [("One.", PLAIN), ("Two.", PLAIN)]
    assert cached.prepare(lines, lambda done, of: reported.append((done, of)))
    assert reported == [(1, 2), (2, 2)]
    assert all(cached.recall(*line) is not None for line in lines)
    cached.prepare(lines)
    assert cached.synthesised == 2


def test_preparing_stops_when_cancelled(tmp_path: Path) -> None:
    voice = _Voice()
    cached = CachedVoice(voice, tmp_path, "k")
    lines = [("One.", PLAIN), ("Two.", PLAIN)]
    assert not cached.prepare(lines, cancelled=lambda: bool(voice.texts))
    assert voice.texts == ["One."]


def test_the_folder_stays_within_its_limit(tmp_path: Path) -> None:
    cached = CachedVoice(_Voice(), tmp_path, "k", folder_bytes=9000)
    cached.prepare([(f"Line {n}.", PLAIN) for n in range(12)])
    assert 0 < sum(p.stat().st_size for p in tmp_path.iterdir()) <= 9000


def test_no_partial_file_remains(tmp_path: Path) -> None:
    CachedVoice(_Voice(), tmp_path, "k").speak("Yes.", PLAIN)
    assert [p.suffix for p in tmp_path.iterdir()] == [".npz"]


def test_without_a_writable_folder_clips_are_kept_in_memory(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    cached = CachedVoice(_Voice(), blocked / "cache", "k")
    assert cached.speak("Yes.", PLAIN).words
    assert cached.speak("Yes.", PLAIN).words
    assert cached.synthesised == 1
