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
from tests.hub.pages.test_hub_browser import axe_source
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
    page.click("#turning > summary")
    button = page.locator("#turning .button[data-to]").first
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
    page.click("#scores > summary")
    page.focus("#unfold")
    page.keyboard.press("Enter")
    until(page, "[...document.querySelectorAll('.scored')].every((each) => each.open)")
    until(page, "document.getElementById('unfold').innerText === 'Close all'")
    assert seen.errors == []


# -- how much it is, on screen and on paper ---------------------------------------------------

WORDS_IN_VIEW = """
() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const words = [];
  while (walker.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const box = range.getBoundingClientRect();
    const seen = box.height > 1 && box.width > 1 && box.bottom > 0 && box.top < innerHeight;
    if (seen && walker.currentNode.parentElement.checkVisibility({ visibilityProperty: true }))
      words.push(...(walker.currentNode.textContent.match(/\\S*\\w\\S*/g) ?? []));
  }
  return words.length;
}
"""


@pytest.mark.browser
def test_the_first_screen_and_the_folded_page_are_short(
    browse: Browse, address: str, reflected: str
) -> None:
    page = browse().page
    page.goto(f"{address}/attempts/{reflected}")
    assert page.evaluate(WORDS_IN_VIEW) <= 120
    assert page.evaluate("document.documentElement.scrollHeight") <= 2.5 * 768
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.locator(".first-again").evaluate("(e) => e.getBoundingClientRect().bottom") <= 844
    for width in (320, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("#seek").bounding_box()["width"] >= 100


@pytest.mark.browser
def test_it_prints_on_one_page_and_more_only_when_asked(
    browse: Browse, address: str, reflected: str
) -> None:
    page = browse().page
    page.goto(f"{address}/attempts/{reflected}")

    def pages() -> int:
        return len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))

    assert pages() == 1
    page.evaluate("() => { window.print = () => dispatchEvent(new Event('printed')); }")
    asked = "new Promise((done) => addEventListener('printed', done, { once: true }))"
    for what, least, most in (("transcript", 1, 2), ("everything", 3, 14)):
        waited = f"{asked}.then(() => true)"
        page.evaluate(f"() => {{ window.waited = {waited}; }}")
        page.click(f".printing [data-print={what}]")
        assert page.evaluate("window.waited")
        assert least <= pages() <= most, what
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator(".doors details[open]").count() == 0
    assert pages() == 1


@pytest.mark.browser
def test_a_link_to_a_moment_opens_its_door_and_moves_the_playhead(
    browse: Browse, address: str, reflected: str
) -> None:
    seen = browse()
    page = seen.page
    page.goto(f"{address}/attempts/{reflected}#at-0:36")
    line = page.locator("#transcript .line", has_text="I can see this is a shock.")
    line.wait_for()
    until(page, "document.getElementById('seek').value > 35")
    page.click("#conversation > summary")
    assert line.is_hidden()
    page.evaluate("() => { location.hash = 'at-0:45'; }")  # no line begins at this second
    page.locator("#transcript .line", has_text="a staging scan").wait_for()
    assert seen.errors == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1366])
def test_axe_finds_nothing(browse: Browse, address: str, reflected: str, width: int) -> None:
    page = browse().page
    page.set_viewport_size({"width": width, "height": 768})
    page.goto(f"{address}/attempts/{reflected}")
    page.evaluate(axe_source() + "; 0")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for each in ("folded", "open"):
            found = page.evaluate("axe.run().then((done) => done.violations)")
            serious = [v for v in found if v["impact"] in {"moderate", "serious", "critical"}]
            assert [(v["id"], v["nodes"][0]["html"]) for v in serious] == [], (scheme, each)
            page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
