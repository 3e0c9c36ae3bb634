"""The pages in Firefox ESR, whose microphone and speaker are a virtual sound server's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from simvoice.audio import RATE, level_dbfs
from simvoice.web.security import StartKey
from tests.sound_server import SoundServer, missing_programs, sound_server
from tests.web.firefox import Firefox, missing_program
from tests.web.silenced import NEVER_STARTS
from tests.web.stand_in import CASE, StandIn

pytestmark = [pytest.mark.browser, pytest.mark.realtime]


@pytest.fixture
def server() -> Iterator[SoundServer]:
    if missing := missing_programs():
        pytest.fail(f"{missing} not installed; on Debian: apt-get install pulseaudio-utils")
    with sound_server() as running:
        yield running


@pytest.fixture
def firefox(server: SoundServer, tmp_path: Path) -> Iterator[Firefox]:
    if missing_program():
        pytest.fail("Firefox is not installed; on Debian: apt-get install firefox-esr")
    folder = tmp_path / "firefox"
    folder.mkdir()
    with Firefox(folder, server.env) as running:
        yield running


@pytest.fixture
def home(address: str, start_key: StartKey) -> str:
    """The address that `simvoice serve` prints."""
    return start_key.address(f"{address}/")


def open_door(firefox: Firefox, home: str) -> None:
    firefox.goto(home)
    firefox.click(f'a[href="/case/{CASE.id}"]')
    firefox.wait_for("#go:not([disabled])")


def test_from_the_printed_address_to_the_debrief(
    home: str, simulator: StandIn, firefox: Firefox, server: SoundServer, microphone_wav: Path
) -> None:
    with server.record_speaker() as played:
        open_door(firefox, home)
        server.play_file(microphone_wav)
        firefox.click("#mic-check")
        firefox.wait_for("#mic-words[data-kind=good]")
        firefox.click("h1")
        firefox.press("Enter")
        server.play_file(microphone_wav)
        firefox.wait_for("#room[data-floor=patient]")
        firefox.wait_for("#room[data-floor=learner]")
        firefox.press("Escape")
        firefox.wait_for("#end-dialog[open]")
        firefox.press("Enter")
        firefox.until("location.pathname.startsWith('/attempts/')")
        firefox.click("#conversation > summary")
        firefox.wait_for("#timeline svg")
    assert "They said you would have the result." in firefox.text("#transcript")
    assert {urlsplit(url).hostname for url in firefox.requests} == {"127.0.0.1"}
    assert firefox.errors == []

    kept = simulator.store.list()[0]
    assert (kept.state, kept.reason) == ("complete", "learner")
    learner, patient = simulator.store.open(kept.id).audio()
    loud = [level_dbfs(learner[at : at + RATE // 2]) for at in range(0, learner.size, RATE // 2)]
    assert max(loud) > -40.0  # the voice of the file came through the browser
    assert np.abs(patient).max() > 5000
    sound = np.frombuffer(played.read_bytes(), np.int16)
    assert np.abs(sound).max() > 3000  # and the patient's came out of it


def test_sound_that_never_starts_gets_a_button_and_then_starts(
    home: str, firefox: Firefox, server: SoundServer, microphone_wav: Path
) -> None:
    firefox.before_every_page(f"() => {{ {NEVER_STARTS} }}")
    open_door(firefox, home)
    firefox.click("#mic-check")
    firefox.wait_for("#sound-start")
    assert "Press “Start the sound”" in firefox.text("#mic-words")
    firefox.evaluate("window.letStart = true")
    server.play_file(microphone_wav)
    firefox.click("#sound-start")
    firefox.wait_for("#mic-words[data-kind=good]")
    assert not firefox.evaluate("document.querySelector('#sound-start').checkVisibility()")
