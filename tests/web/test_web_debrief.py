"""The debrief page: the order of its sections, playback, the patient's reflection."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
import soundfile
from fastapi.testclient import TestClient

from simvoice.record.events import PatientReflection, RecordedReflection
from simvoice.record.ratings import Objection, add_objection
from tests.planted.builder import patient_move, trust_step
from tests.planted.on_page import plant
from tests.web.conftest import Watched
from tests.web.stand_in import StandIn
from tests.web.test_web_browser import until

Browse = Callable[..., Watched]

STOOD = patient_move(
    40, 31.8, trust_step("let the silence stand", 0.5, 0.52), ledger={"trust": 0.52}
)
"""The move at the end of the silence that the learner let stand."""
REFLECTION = PatientReflection(
    at_s=75.0,
    said=(
        RecordedReflection(text="You let me sit there.", why="let the silence stand", at_s=25.4),
    ),
)


@pytest.fixture
def reflected(simulator: StandIn) -> str:
    """The id of an attempt with a reflection by the patient."""
    return plant(simulator.root, more=[STOOD, REFLECTION], instruments=("SPIKES",))


@pytest.mark.slow
def test_the_first_screen_comes_first_and_the_rest_is_behind_doors(
    client: TestClient, reflected: str
) -> None:
    page = client.get(f"/attempts/{reflected}").text
    first, _, doors = page.partition('<div class="doors">')
    for said in ("You let me sit there.", "What worked", "What to try next", "Try again"):
        assert said in first
    titles = re.findall(r'<summary><h2 id="([a-z-]+)-title"', doors)
    wanted = ["conversation", "felt", "turning", "suggestions", "silences", "unsaid", "ledger"]
    assert [each for each in titles if each in wanted] == wanted
    assert titles[-3:] == ["scores", "numbers", "pictures"]
    assert " open>" not in doors
    assert "let the silence stand" in doors


@pytest.mark.slow
def test_every_item_shows_its_outcome_and_plays_its_evidence(
    client: TestClient, reflected: str
) -> None:
    page = client.get(f"/attempts/{reflected}").text
    items = re.findall(r'<li class="item" data-outcome="([a-z ]+)" data-item="([^"]+)"', page)
    assert {"met", "not met"} <= {outcome for outcome, _ in items}
    evidence = page.partition('class="evidence"')[2].partition("</ul>")[0]
    assert 'data-at="' in evidence


@pytest.mark.slow
def test_the_reflection_can_be_played_and_a_record_without_one_says_so(
    client: TestClient, simulator: StandIn, reflected: str
) -> None:
    answer = client.get(f"/attempts/{reflected}/afterwards")
    pcm, rate = soundfile.read(io.BytesIO(answer.content))
    assert (answer.headers["content-type"], rate) == ("audio/wav", 16000)
    assert abs(pcm).max() > 0.05
    older = plant(simulator.root, attempt="20261121-101530-breast-biopsy-k3f8")
    refused = client.get(f"/attempts/{older}/afterwards")
    assert refused.status_code >= 400
    assert "own words" in refused.json()["message"]
    assert 'id="hear"' not in client.get(f"/attempts/{older}").text


@pytest.mark.slow
def test_a_change_in_the_folder_is_on_the_page_at_once(
    client: TestClient, simulator: StandIn, reflected: str
) -> None:
    """A cached debrief is built again when a file in the folder changes."""
    page = client.get(f"/attempts/{reflected}").text
    item = re.findall(r'data-item="([^"]+)"', page)[0]
    assert "I did ask her that." not in page
    add_objection(
        simulator.store.open(reflected).folder,
        Objection(wall_time="2026-11-25T10:00:00+00:00", item=item, why="I did ask her that."),
    )
    assert "I did ask her that." in client.get(f"/attempts/{reflected}").text


@pytest.mark.browser
@pytest.mark.realtime
def test_a_turning_point_plays_from_before_and_stops_at_its_end(
    browse: Browse, address: str, reflected: str
) -> None:
    seen = browse()
    page = seen.page
    page.goto(f"{address}/attempts/{reflected}")
    button = page.locator(".point .button[data-to]").first
    start_s, end_s = (float(button.get_attribute(f"data-{name}")) for name in ("at", "to"))
    now = "document.getElementById('sound').currentTime"
    button.click()
    until(page, f"!document.getElementById('sound').paused && {now} >= {start_s} - 0.2")
    page.evaluate(f"() => {{ document.getElementById('sound').currentTime = {end_s - 0.4} }}")
    until(page, f"document.getElementById('sound').paused && {now} >= {end_s}")
    assert page.evaluate(now) < end_s + 0.5
    assert seen.errors == []


@pytest.mark.browser
@pytest.mark.realtime
def test_the_reflection_plays_by_keyboard_and_stops(
    browse: Browse, address: str, reflected: str
) -> None:
    seen = browse()
    page = seen.page
    page.goto(f"{address}/attempts/{reflected}")
    page.focus("#hear")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#hear span').textContent === 'Stop'")
    until(page, "document.querySelector('#hear span').textContent.startsWith('Hear ')")
    assert page.locator("#hear-fault").is_hidden()
    page.focus("#unfold")
    page.keyboard.press("Enter")
    until(page, "[...document.querySelectorAll('.scored')].every((each) => each.open)")
    until(page, "document.getElementById('unfold').innerText === 'Close all'")
    assert seen.errors == []
