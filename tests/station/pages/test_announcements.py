"""Announcements as sound: rendered before they are needed, and left out when they are not."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable

import numpy as np
import soundfile

from simvoice.audio import RATE
from simvoice.errors import ModelMissing
from simvoice.ports import Cancelled, Speech, VoiceStyle, never
from simvoice.station.announcements import SpokenAnnouncements
from simvoice.station.flow import ANNOUNCEMENTS
from tests.station.pages.conftest import HOST


class Humming:
    """`ports.PreparedVoice`: a clip lasts a second for each word."""

    def __init__(self) -> None:
        self.clips: dict[str, Speech] = {}

    def speak(self, text: str, style: VoiceStyle) -> Speech:
        return Speech(np.full(RATE * len(text.split()), 0.1, np.float32), ())

    def recall(self, text: str, style: VoiceStyle) -> Speech | None:
        return self.clips.get(text)

    def prepare(
        self,
        lines: Iterable[tuple[str, VoiceStyle]],
        progress: Callable[[int, int], None] | None = None,
        cancelled: Cancelled = never,
    ) -> bool:
        for text, style in lines:
            if cancelled():
                return False
            self.clips[text] = self.speak(text, style)
        return True


TEXTS = ("Two minutes left.", "The reading time is over. Please go in.")


def test_each_sentence_is_rendered_once_and_an_announcement_is_all_of_its_sentences() -> None:
    voice = Humming()
    spoken = SpokenAnnouncements(lambda: voice, TEXTS)
    assert spoken.wav(TEXTS[0]) is None  # not rendered yet
    spoken.prepare()
    assert sorted(voice.clips) == ["Please go in.", "The reading time is over.", TEXTS[0]]
    found = spoken.wav(TEXTS[1])
    assert found is not None
    sound, rate = soundfile.read(io.BytesIO(found))
    assert rate == RATE
    assert 8.0 <= len(sound) / rate <= 9.0  # five and three words, and two pauses


def test_nothing_else_is_ever_spoken() -> None:
    spoken = SpokenAnnouncements(Humming, TEXTS)
    spoken.prepare()
    assert spoken.wav("Something that a learner said.") is None


def test_a_preparation_that_is_cancelled_leaves_announcements_written() -> None:
    spoken = SpokenAnnouncements(Humming, TEXTS)
    spoken.prepare(lambda: True)
    assert spoken.wav(TEXTS[0]) is None


def test_a_voice_that_cannot_be_loaded_leaves_announcements_written() -> None:
    def no_voice() -> Humming:
        raise ModelMissing("the voice is not installed; run: simvoice models pull")

    spoken = SpokenAnnouncements(no_voice, TEXTS)
    spoken.prepare()
    assert spoken.wav(TEXTS[0]) is None


def test_the_page_gets_the_sound_of_the_present_announcement_alone(client, station) -> None:  # type: ignore[no-untyped-def]
    spoken = SpokenAnnouncements(Humming, ANNOUNCEMENTS)
    spoken.prepare()
    client.app.state.spoken = spoken
    try:
        station.announce(ANNOUNCEMENTS[0], bell=True, speaks=True)
        state = client.post("/state", json={"window": "one"}).json()
        assert state["announcement"] == {
            **{"number": 1, "text": ANNOUNCEMENTS[0], "bell": True},
            **{"is_quiet": False, "is_spoken": True},
        }
        sound = client.get("/announcements/1")
        assert sound.headers["content-type"] == "audio/wav"
        assert soundfile.info(io.BytesIO(sound.content)).duration > 1.0
        assert client.get("/announcements/2").status_code == 204
    finally:
        client.app.state.spoken = None
    assert client.get("/announcements/1").status_code == 204
    assert str(client.base_url).startswith(f"http://{HOST}")
