"""The learner's page in a real Chromium, with the real engines behind it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from simvoice.app.simulator import Simulator
from simvoice.audio import RATE, to_float
from simvoice.bench.stt import normalised_words, word_errors
from simvoice.debrief.own_moments import LEAST_S
from simvoice.record.events import LearnerTurn, PatientSpeech
from tests.alike import find
from tests.integration.conftest import SMALL, Say, write_wav
from tests.web.conftest import KEEP_STREAM, Watched, address, browse, start_key

__all__ = ["address", "browse", "start_key"]

pytestmark = [pytest.mark.engine, pytest.mark.browser, pytest.mark.realtime]

QUESTION = "Good morning. Can you tell me what happened to your wrist?"
GOODBYE = "Thank you for coming in today. Goodbye, Mrs. Ward."
SOUNDS = """() => {
  const room = document.getElementById("room");
  return Number(room.style.getPropertyValue("--voice-scale")) > 1.1;
}"""
"""The circle of the room swells with the patient's voice as it is played."""


@pytest.fixture
def microphone_wav(say: Say, tmp_path: Path) -> Path:
    """The browser plays it from the permission on; she opens after four seconds of silence."""
    sounds = (9.0, say(QUESTION).pcm, 11.0, say(GOODBYE).pcm, 8.0)
    return write_wav(tmp_path / "learner.wav", *sounds)


def test_from_the_door_note_to_the_debrief(
    address: str, browse: Callable[..., Watched], simulator: Simulator, say: Say
) -> None:
    before = set(simulator.store.ids())
    seen = browse()
    page = seen.page
    page.goto(f"{address}/case/{SMALL}")
    assert "fell on her hand" in page.inner_text("#door")
    page.fill("#learner", "Robin")
    page.check("#headphones")
    page.wait_for_selector("#go:not([disabled])", timeout=60_000)
    page.click("#go")
    page.wait_for_selector("#room[data-floor=patient]")
    page.keyboard.press("c")
    captions = page.locator("#captions")
    captions.get_by_text("I slipped on the wet floor").wait_for(timeout=30_000)
    page.wait_for_url("**/attempts/*", timeout=60_000)
    (attempt_id,) = set(simulator.store.ids()) - before
    attempt = simulator.attempt(attempt_id)
    # how fast the machine is decides on which side of the shortest length the talk is
    reflects = attempt.duration_s >= LEAST_S
    assert page.url.endswith("/reflect") == reflects
    if reflects:
        assert normalised_words(QUESTION)[-1] in page.inner_text(".exchange").lower()
        page.fill("#text-aim", "To hear how it happened.")
        page.get_by_role("button", name="Show the debrief").click()
    page.click("#conversation > summary")
    page.wait_for_selector("#timeline svg .wave")
    if reflects:
        assert "To hear how it happened." in page.inner_text(".own-view")
    transcript = page.inner_text("#transcript")
    assert "Goodbye" in transcript
    assert seen.errors == []

    assert attempt_id in page.url
    attempt = simulator.attempt(attempt_id)
    assert attempt.state == "complete"
    assert attempt.ended is not None
    assert (attempt.ended.reason, attempt.ended.ending) == ("patient", "done")
    assert attempt.header.learner == "Robin"
    turns = [entry for entry in attempt.entries if isinstance(entry, LearnerTurn)]
    said = normalised_words(QUESTION)
    assert word_errors(said, normalised_words(turns[0].text)) <= 0.3 * len(said), turns[0].text
    spoken = [entry.line_id for entry in attempt.entries if isinstance(entry, PatientSpeech)]
    assert spoken == ["opening", "happened", "goodbye"]
    learner, _ = attempt.audio()
    planted, heard = find(to_float(learner), say(QUESTION).pcm, RATE)
    assert abs((planted * heard).sum()) > 0.5 * (planted @ planted * (heard @ heard)) ** 0.5


def test_a_tab_closed_while_she_speaks_keeps_what_was_heard_and_what_was_not(
    address: str, browse: Callable[..., Watched], simulator: Simulator
) -> None:
    before = set(simulator.store.ids())
    seen = browse()
    page = seen.page
    page.goto(f"{address}/case/{SMALL}")
    page.check("#headphones")
    page.wait_for_selector("#go:not([disabled])", timeout=60_000)
    page.click("#go")
    page.wait_for_selector("#captions .patient", state="attached")  # the opening is over
    page.wait_for_selector("#room[data-floor=learner]", timeout=30_000)
    page.wait_for_selector("#room[data-floor=patient]", timeout=30_000)  # the answer begins
    page.wait_for_function(SOUNDS)
    other = page.context.new_page()
    page.close()
    other.goto(f"{address}/case/{SMALL}")  # waits until the one that was closed has ended

    (attempt_id,) = set(simulator.store.ids()) - before
    kept = simulator.attempt(attempt_id)
    assert kept.state == "complete"
    assert kept.ended is not None
    assert kept.ended.reason == "closed"
    speeches = [entry for entry in kept.entries if isinstance(entry, PatientSpeech)]
    assert [speech.line_id for speech in speeches] == ["opening", "happened"]
    assert speeches[0].unsaid == ""
    assert speeches[1].unsaid != ""
    assert f"{speeches[1].heard} {speeches[1].unsaid}".split() == speeches[1].text.split()
    other.goto(f"{address}/attempts/{attempt_id}")  # too short for a moment to write about
    other.click("#conversation > summary")
    other.wait_for_selector("#timeline svg .wave")
    assert seen.errors == []


def test_a_microphone_unplugged_in_the_browser_ends_it_as_a_lost_device(
    address: str, browse: Callable[..., Watched], simulator: Simulator
) -> None:
    before = set(simulator.store.ids())
    seen = browse()
    page = seen.page
    page.add_init_script(KEEP_STREAM)
    page.goto(f"{address}/case/{SMALL}")
    page.check("#headphones")
    page.wait_for_selector("#go:not([disabled])", timeout=60_000)
    page.click("#go")
    page.wait_for_selector("#room[data-floor=patient]")
    page.wait_for_selector("#room[data-floor=nobody]")
    page.evaluate("window.stream.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    page.wait_for_selector("#after:not([hidden])")
    assert "unplugged" in page.inner_text("#after-words")
    page.click("#after-debrief")
    page.click("#conversation > summary")
    page.wait_for_selector("#timeline svg .wave.patient")

    (attempt_id,) = set(simulator.store.ids()) - before
    kept = simulator.attempt(attempt_id)
    assert kept.state == "complete"
    assert kept.ended is not None
    assert kept.ended.reason == "device"
    assert seen.errors == []
