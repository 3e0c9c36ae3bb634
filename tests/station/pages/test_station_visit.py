"""Visits at a real station with a scripted patient, in a real Chromium, with the keyboard alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from simvoice.debrief.retry import CheckpointRef
from simvoice.hub_client.station_messages import Phase
from simvoice.ports import AudioLine
from simvoice.runtime.encounter_options import AS_WRITTEN, EncounterOptions
from simvoice.runtime.observer import Observer
from simvoice.station.app import create_app
from simvoice.station.ports import NoScreen
from simvoice.station.roster_store import RosterStore
from simvoice.station.station import Station, StationParts
from simvoice.web.ports import CaseCard
from simvoice.web.security import StartKey
from simvoice.web.server import loopback_socket
from tests.station.desk import FolderOutbox
from tests.station.pages.test_station_keys import shows, soon
from tests.station.visits import CODE, assignment, roster
from tests.web.conftest import Watched
from tests.web.stand_in import CASE, SCRIPT, ScriptedEncounter

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

SAID = SCRIPT[0].text
ANSWER = "ZEBRA was what she feared."


class TalkingPatient:
    """`station.ports.StationSimulator` whose scripted patient speaks through the page."""

    def cases(self) -> Sequence[CaseCard]:
        return (CASE,)

    def make_ready(self, case_id: str, *_: object, **__: object) -> None:
        """Nothing has to be prepared."""

    def shortage(self) -> str:
        return ""

    def encounter(
        self,
        case_id: str,
        line: AudioLine,
        *,
        learner: str = "",
        observer: Observer = lambda _: None,
        retry_from: CheckpointRef | None = None,
        records: Path | None = None,
        options: EncounterOptions = AS_WRITTEN,
    ) -> ScriptedEncounter:
        assert records is not None
        return ScriptedEncounter(records, line, learner, observer, SCRIPT)


@dataclass
class Kiosk:
    """A station, and how to open its page."""

    station: Station
    folder: Path
    outbox: FolderOutbox
    open: Callable[[], Watched]


@pytest.fixture
def kiosk(chromium: Any, tmp_path: Path) -> Iterator[Kiosk]:
    folder = tmp_path / "station"
    folder.mkdir()
    RosterStore(folder).replace(roster(assignment("exam", reading_s=60.0)))
    outbox = FolderOutbox(tmp_path / "outbox")
    parts = StationParts(
        name="A1", folder=folder, simulator=TalkingPatient(), outbox=outbox, screen=NoScreen()
    )
    station, key = Station(parts), StartKey()
    made = loopback_socket("127.0.0.1", 0)
    address = f"http://127.0.0.1:{made.getsockname()[1]}/"
    config = uvicorn.Config(
        create_app(station, key),
        log_level="error",
        ws="websockets-sansio",
        timeout_graceful_shutdown=3,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [made]}, daemon=True)
    thread.start()
    station.start(key.address(address))
    contexts = []

    def open_page() -> Watched:
        contexts.append(chromium.new_context(viewport={"width": 1366, "height": 768}))
        seen = Watched(contexts[-1].new_page())
        seen.page.goto(key.address(address))
        seen.page.wait_for_selector("#phase[data-wired]")
        return seen

    yield Kiosk(station, folder, outbox, open_page)
    for each in contexts:
        each.close()
    station.close()
    server.should_exit = True
    thread.join(60)
    made.close()


def talk(page: Any) -> None:
    """Let the patient speak, and end the conversation."""
    page.wait_for_selector("#room[data-floor=patient]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#end-dialog[open]")
    page.keyboard.press("Enter")


def to_the_code(page: Any) -> None:
    shows(page, Phase.WELCOME)
    page.keyboard.press("Enter")
    shows(page, Phase.CONSENT)
    page.keyboard.press("Enter")
    shows(page, Phase.CODE)


def to_the_room(page: Any) -> None:
    shows(page, Phase.MICROPHONE)
    page.wait_for_selector("#mic-pass:not([disabled])")
    page.keyboard.press("Enter")
    shows(page, Phase.DOOR)
    page.wait_for_selector("#go:not([disabled])")
    page.keyboard.press("Enter")


def test_an_exam_from_the_welcome_page_to_the_next_one(kiosk: Kiosk) -> None:
    seen = kiosk.open()
    page = seen.page
    to_the_code(page)
    page.keyboard.type(CODE)
    page.keyboard.press("Enter")
    shows(page, Phase.TERMS)
    assert "When you begin, you release this attempt to Dr. Hale" in page.inner_text("#phase")
    page.keyboard.press("Enter")
    to_the_room(page)
    talk(page)
    shows(page, Phase.QUESTIONS)
    page.keyboard.type(ANSWER)
    page.keyboard.press("Control+Enter")
    shows(page, Phase.THANKS)
    soon(lambda: kiosk.outbox.sealed == 1, "the sealed record")
    page.keyboard.press("Enter")
    shows(page, Phase.WELCOME)
    sealed = kiosk.outbox.contents()[0]
    assert sealed.owner.is_released
    assert sealed.answers is not None
    assert sealed.answers.answers[0].answer == ANSWER
    left = page.content()
    for word in (CODE, ANSWER, SAID, sealed.record):
        assert word not in left
    assert page.evaluate("history.length") == 2  # the empty page of this test, and ours
    on_disk = b"".join(path.read_bytes() for path in kiosk.folder.rglob("*") if path.is_file())
    assert ANSWER.encode() not in on_disk
    assert seen.errors == []


def test_a_practice_without_a_code_shows_its_debrief_and_leaves_nothing(kiosk: Kiosk) -> None:
    seen = kiosk.open()
    page = seen.page
    to_the_code(page)
    page.get_by_role("button", name=CASE.title).press("Enter")
    to_the_room(page)
    talk(page)
    page.wait_for_selector("#phase[data-debrief][data-wired]", timeout=40_000)
    assert SAID in (page.text_content("#transcript") or "")
    page.get_by_role("button", name="I am finished").press("Enter")
    shows(page, Phase.WELCOME)
    assert SAID not in page.content()
    on_disk = b"".join(path.read_bytes() for path in kiosk.folder.rglob("*") if path.is_file())
    assert SAID.encode() not in on_disk
    assert kiosk.outbox.sealed == 0
    assert seen.errors == []


def test_a_page_that_is_closed_in_the_middle_comes_back_to_where_it_was(kiosk: Kiosk) -> None:
    first = kiosk.open().page
    to_the_code(first)
    first.get_by_role("button", name=CASE.title).press("Enter")
    to_the_room(first)
    first.wait_for_selector("#room[data-floor=patient]")
    first.close()
    page = kiosk.open().page
    page.locator("h1", has_text="You can go on").wait_for()
    shows(page, Phase.ENCOUNTER)
    page.keyboard.press("Enter")
    page.wait_for_selector("#room[data-floor=patient]")
