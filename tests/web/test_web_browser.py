"""The pages in a real Chromium, with a sound file as the microphone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from simvoice.audio import RATE, level_dbfs
from simvoice.display import clock, count_noun
from simvoice.errors import ModelMissing
from simvoice.record.events import LearnerVoice
from simvoice.web.ports import Readiness
from tests.test_display import CLOCKS
from tests.web.conftest import KEEP_STREAM, Watched
from tests.web.silenced import DELIVERS_NOTHING, NEVER_STARTS
from tests.web.stand_in import CASE, StandIn

pytestmark = pytest.mark.browser

Browse = Callable[..., Watched]
PHONE = {"width": 390, "height": 844}
DOOR = f"/case/{CASE.id}"


def until(page: Any, condition: str) -> None:
    """Wait for a condition in JavaScript.

    Playwright's own function needs eval, which the Content-Security-Policy of the pages forbids.
    """
    looking = f"() => ({condition})"
    page.evaluate(
        f"""() => new Promise((resolve, reject) => {{
            const look = {looking};
            const from = performance.now();
            const check = () => {{
                if (look()) resolve();
                else if (performance.now() - from > 15000) reject(new Error(String(look)));
                else setTimeout(check, 20);
            }};
            check();
        }})"""
    )


def enter_encounter(page: Any, address: str) -> None:
    """Start an encounter from the door note, by keyboard."""
    page.goto(address + DOOR)
    page.wait_for_selector("#go:not([disabled])")
    page.keyboard.press("Enter")
    page.wait_for_selector("#room:not([hidden])")
    until(page, "document.getElementById('time-left').textContent !== ''")


def end_by_keyboard(page: Any) -> None:
    page.keyboard.press("Escape")
    page.wait_for_selector("#end-dialog[open]")
    page.keyboard.press("Enter")


@pytest.mark.realtime
def test_from_the_door_to_the_debrief_with_the_keyboard_alone(
    address: str, simulator: StandIn, browse: Browse
) -> None:
    seen = browse()
    page = seen.page
    page.goto(address)
    card = page.get_by_role("link", name=CASE.title)
    for _ in range(30):
        page.keyboard.press("Tab")
        if card.evaluate("node => node === document.activeElement"):
            break
    else:
        pytest.fail("30 presses of Tab did not reach the case")
    page.keyboard.press("Enter")
    page.wait_for_url("**" + DOOR)
    page.wait_for_selector("#go:not([disabled])")
    page.focus("#learner")
    page.keyboard.type("Robin")
    page.keyboard.press("Enter")
    page.wait_for_selector("#room[data-floor=patient]")
    page.wait_for_selector("#room[data-floor=learner]")
    assert page.is_hidden("#captions")
    page.keyboard.press("c")
    assert page.is_visible("#captions")
    assert "They said you would have the result." in page.inner_text("#captions")
    page.keyboard.press("Escape")
    page.wait_for_selector("#end-dialog[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#end-dialog:not([open])", state="attached")
    assert page.is_visible("#room")
    end_by_keyboard(page)
    page.wait_for_url("**/attempts/*")
    page.click("#conversation > summary")
    page.wait_for_selector("#timeline svg")
    assert "They said you would have the result." in page.inner_text("#transcript")
    assert {urlsplit(url).hostname for url in seen.requests} == {"127.0.0.1"}
    assert seen.errors == []

    kept = simulator.store.list()[0]
    assert (kept.state, kept.reason, kept.learner) == ("complete", "learner", "Robin")
    learner, patient = simulator.store.open(kept.id).audio()
    loud = [level_dbfs(learner[at : at + RATE // 2]) for at in range(0, learner.size, RATE // 2)]
    assert max(loud) > -40.0  # the voice of the file came through the browser
    assert np.abs(patient).max() > 5000


@pytest.mark.realtime
def test_a_tab_closed_during_speech_keeps_the_attempt_and_offers_its_debrief(
    address: str, simulator: StandIn, browse: Browse
) -> None:
    seen = browse()
    enter_encounter(seen.page, address)
    seen.page.wait_for_selector("#room[data-floor=learner]")
    other = seen.page.context.new_page()
    seen.page.close()
    other.goto(address + DOOR)  # waits until the closed encounter has ended
    other.wait_for_selector("#door")
    other.goto(address)
    other.get_by_role("link", name="Read its debrief").click()
    other.wait_for_url("**/attempts/*")
    kept = simulator.store.list()[0]
    assert (kept.state, kept.reason) == ("complete", "closed")
    entries = simulator.store.open(kept.id).entries
    assert any(isinstance(entry, LearnerVoice) for entry in entries)
    other.goto(address)
    assert other.get_by_role("link", name="Read its debrief").count() == 0


@pytest.mark.realtime
def test_a_closing_page_ends_before_it_loses_its_microphone(
    address: str, simulator: StandIn, browse: Browse
) -> None:
    seen = browse()
    seen.page.add_init_script(KEEP_STREAM)
    enter_encounter(seen.page, address)
    seen.page.wait_for_selector("#room[data-floor=learner]")
    seen.page.evaluate(
        """() => {
            dispatchEvent(new PageTransitionEvent("pagehide"));
            window.stream.getAudioTracks()[0].dispatchEvent(new Event("ended"));
        }"""
    )
    seen.page.wait_for_selector("#after:not([hidden])")
    seen.page.goto(address + DOOR)  # waits until the encounter has ended
    kept = simulator.store.list()[0]
    assert (kept.state, kept.reason) == ("complete", "closed")


@pytest.mark.realtime
def test_a_second_tab_gets_a_clear_page(address: str, simulator: StandIn, browse: Browse) -> None:
    seen = browse()
    enter_encounter(seen.page, address)
    other = seen.page.context.new_page()
    other.goto(address + DOOR)
    assert "An encounter is running" in other.inner_text("main")
    other.close()
    end_by_keyboard(seen.page)
    seen.page.wait_for_url("**/attempts/*")


@pytest.mark.parametrize(
    ("microphone", "sentence"),
    [
        ("denied", "The browser may not use the microphone"),
        ("none", "No microphone was found"),
    ],
)
def test_a_microphone_that_cannot_be_used_gives_a_message(
    address: str, simulator: StandIn, browse: Browse, microphone: str, sentence: str
) -> None:
    page = browse(microphone).page
    page.goto(address + DOOR)
    page.click("#mic-check")
    page.wait_for_selector("#mic-words[data-kind=bad]")
    assert sentence in page.inner_text("#mic-words")
    page.click("#go")
    page.wait_for_selector("#enter-fault:not([hidden])")
    assert sentence in page.inner_text("#enter-fault")
    assert page.is_visible("#door")
    assert simulator.last is None


@pytest.mark.realtime
def test_the_microphone_check_hears_a_voice(address: str, browse: Browse) -> None:
    seen = browse()
    seen.page.goto(address + DOOR)
    seen.page.click("#mic-check")
    seen.page.wait_for_selector("#mic-words[data-kind=good]")
    assert "works well" in seen.page.inner_text("#mic-words")
    assert seen.errors == []


@pytest.mark.realtime
def test_a_check_without_any_level_ends_by_itself(address: str, browse: Browse) -> None:
    page = browse().page
    page.add_init_script(DELIVERS_NOTHING)
    page.goto(address + DOOR)
    page.click("#mic-check")
    page.wait_for_selector("#mic-words[data-kind=bad]")
    assert "delivers no sound from this microphone" in page.inner_text("#mic-words")
    assert page.inner_text("#mic-check") == "Check again"
    assert page.is_enabled("#mic-check")


@pytest.mark.realtime
def test_an_encounter_whose_sound_never_starts_offers_a_button_and_a_way_back(
    address: str, simulator: StandIn, browse: Browse
) -> None:
    page = browse().page
    page.add_init_script(NEVER_STARTS)
    page.goto(address + DOOR)
    page.wait_for_selector("#go:not([disabled])")
    page.keyboard.press("Enter")
    page.wait_for_selector("#room-start:not([hidden])")
    assert "Press “Start the sound”" in page.inner_text("#room-notice")
    page.click("#room-start")
    until(page, "document.getElementById('room-notice').textContent.includes('still')")
    assert "Reload the page" in page.inner_text("#room-notice")
    end_by_keyboard(page)
    page.wait_for_selector("#door:not([hidden])")
    assert page.is_hidden("#room")
    assert simulator.last is None
    page.evaluate("window.letStart = true")
    page.click("#go")
    page.wait_for_selector("#room[data-floor=patient]")
    assert page.is_hidden("#room-start")


def test_an_encounter_cannot_start_before_everything_is_ready(
    address: str, simulator: StandIn, browse: Browse
) -> None:
    simulator.readiness = Readiness(False, 0.4, "Preparing Ruth's voice")
    page = browse().page
    page.goto(address + DOOR)
    until(page, "document.getElementById('ready-words').textContent.includes('Ruth')")
    page.keyboard.press("Enter")
    assert page.is_disabled("#go")
    assert page.get_attribute("#ready-track", "aria-valuenow") == "40"
    assert simulator.prepared == [CASE.id]
    simulator.readiness = Readiness(True, 1.0, "")
    page.wait_for_selector("#go:not([disabled])")
    assert simulator.last is None


def test_a_fault_while_preparing_is_shown(address: str, simulator: StandIn, browse: Browse) -> None:
    simulator.readiness = Readiness(False, 0.0, "", fault="piper is not here; pull the models")
    page = browse().page
    page.goto(address + DOOR)
    page.wait_for_selector("#enter-fault:not([hidden])")
    assert "piper is not here" in page.inner_text("#enter-fault")
    assert page.is_disabled("#go")


def test_an_encounter_that_cannot_begin_says_why(
    address: str, simulator: StandIn, browse: Browse
) -> None:
    simulator.fault = ModelMissing("whisper tiny.en is not here; run: simvoice models pull")
    page = browse().page
    page.goto(address + DOOR)
    page.wait_for_selector("#go:not([disabled])")
    page.keyboard.press("Enter")
    page.wait_for_selector("#after:not([hidden])")
    assert "simvoice models pull" in page.inner_text("#after-words")
    assert page.is_hidden("#after-debrief")


def test_erasing_asks_first_and_then_erases(
    address: str, simulator: StandIn, attempt_id: str, browse: Browse
) -> None:
    seen = browse()
    page = seen.page
    page.goto(address)
    erase = page.get_by_role("button", name="Erase the conversation")
    erase.click()
    page.keyboard.press("Enter")  # the safe answer has the focus
    assert simulator.store.ids() == [attempt_id]
    erase.click()
    with page.expect_response("**/attempts/*") as answer:
        page.get_by_role("button", name="Erase it").click()
    assert answer.value.status == 200
    page.wait_for_selector("#past-empty:not([hidden])")
    assert simulator.store.ids() == []
    assert seen.errors == []


def test_a_turn_plays_from_its_start_and_the_keys_move(
    address: str, attempt_id: str, browse: Browse
) -> None:
    seen = browse()
    page = seen.page
    page.goto(f"{address}/attempts/{attempt_id}")
    page.click("#conversation > summary")
    page.wait_for_selector("#timeline svg .wave")
    until(page, "document.getElementById('sound').readyState >= 1")
    now = "document.getElementById('sound').currentTime"
    page.locator(".line.learner .when").nth(1).click()
    until(page, f"!document.getElementById('sound').paused && {now} > 9.5")
    page.wait_for_selector('.line.learner[aria-current="true"]')
    assert page.get_attribute("#play", "aria-label") == "Pause"
    page.locator("h1").click()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    until(page, "document.getElementById('sound').paused")
    page.keyboard.press("ArrowRight")
    until(page, f"{now} > 14.3 && {now} < 20")
    page.keyboard.press("Shift+ArrowRight")
    until(page, f"{now} > 16.8 && {now} < 20.3")
    page.keyboard.press("ArrowLeft")
    until(page, f"{now} < 15.4")
    timeline = page.locator("#timeline svg").first
    middle = timeline.bounding_box()["width"] * 0.5
    timeline.click(position={"x": middle, "y": 30})
    until(page, f"!document.getElementById('sound').paused && {now} > 25")
    page.check('input[value="patient"]', force=True)
    assert seen.errors == []
    assert {urlsplit(url).hostname for url in seen.requests} == {"127.0.0.1"}


@pytest.mark.parametrize("width", [390, 700, 1366])
def test_every_mark_has_its_sign_once_at_any_width(
    address: str, attempt_id: str, browse: Browse, width: int
) -> None:
    page = browse().page
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{address}/attempts/{attempt_id}")
    page.click("#conversation > summary")
    page.wait_for_selector("#timeline svg")
    assert page.locator("#timeline .sign.interruption").count() == 1
    assert page.locator("#timeline .sign.backchannel").count() == 1
    assert page.locator("#timeline .sign.hold.held circle").count() == 1
    assert page.locator("#timeline .sign.hold.filled circle").count() == 1
    assert page.locator("#timeline .playhead[visibility=visible]").count() == 1


@pytest.mark.parametrize("size", [PHONE, {"width": 1366, "height": 768}])
def test_no_page_is_wider_than_its_window(
    address: str, attempt_id: str, browse: Browse, size: dict[str, int]
) -> None:
    page = browse().page
    page.set_viewport_size(size)
    for path in ("/", DOOR, f"/attempts/{attempt_id}", "/nowhere"):
        page.goto(address + path)
        if "attempts" in path:
            page.click("#conversation > summary")
            page.wait_for_selector("#timeline svg")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size["width"], path


def test_every_control_has_a_name(address: str, attempt_id: str, browse: Browse) -> None:
    page = browse().page
    for path in ("/", DOOR, f"/attempts/{attempt_id}"):
        page.goto(address + path)
        nameless = page.evaluate(
            """[...document.querySelectorAll("a, button, input, [role=meter], [role=progressbar]")]
            .filter(n => !(n.textContent.trim() || n.ariaLabel || n.labels?.length))
            .map(n => n.outerHTML)"""
        )
        assert nameless == [], path
        assert page.locator("main").count() == 1
        assert page.locator("h1:visible").count() == 1


# -- times ------------------------------------------------------------------------------------


def test_the_pages_and_python_show_the_same_clock(address: str, browse: Browse) -> None:
    page = browse().page
    page.goto(address)
    shown = page.evaluate(
        """async times => {
            const { clock } = await import("/static/format.js");
            return times.map(clock);
        }""",
        [at_s for at_s, _ in CLOCKS],
    )
    assert shown == [clock(at_s) for at_s, _ in CLOCKS]


def test_the_pages_and_python_count_alike(address: str, browse: Browse) -> None:
    page = browse().page
    page.goto(address)
    shown = page.evaluate(
        """async counts => {
            const { countNoun } = await import("/static/format.js");
            return counts.map((count) => countNoun(count, "item"));
        }""",
        [0, 1, 2, 12],
    )
    assert shown == [count_noun(count, "item") for count in (0, 1, 2, 12)]


# -- the verdict of the microphone check ------------------------------------------------------

FRAMES_PER_S = 50


def levels(*parts: tuple[float, float], peak: float = 0.3) -> list[dict[str, float]]:
    """(seconds, dBFS) parts to level events of 20 ms."""
    return [
        {"dbfs": dbfs, "peak": peak}
        for seconds, dbfs in parts
        for _ in range(round(seconds * FRAMES_PER_S))
    ]


def test_the_microphone_check_tells_its_cases_apart(address: str, browse: Browse) -> None:
    page = browse().page
    page.goto(address)
    cases = {
        "dead": levels((2.1, -96.0)),
        "unheard": levels((9.1, -70.0)),
        "quiet": levels((2.0, -75.0), (1.5, -50.0)),
        "loud": levels((2.0, -60.0), (1.5, -6.0), peak=0.99),
        "noisy": levels((2.0, -38.0), (1.5, -24.5)),
        "good": levels((2.0, -65.0), (1.5, -25.0)),
        "listening": levels((1.0, -65.0), (0.5, -25.0)),
    }
    found = page.evaluate(
        """async cases => {
            const { verdict } = await import("/static/micheck.js");
            return Object.fromEntries(Object.entries(cases).map(([k, v]) => [k, verdict(v)]));
        }""",
        cases,
    )
    assert {name: said["kind"] for name, said in found.items()} == {name: name for name in cases}
    assert {name for name, said in found.items() if said["fit"]} == {"good", "noisy"}
    assert {name for name, said in found.items() if not said["done"]} == {"listening"}


def test_a_learner_may_type_instead_of_speaking(
    address: str, simulator: StandIn, browse: Browse
) -> None:
    seen = browse()
    page = seen.page
    page.goto(address + DOOR)
    assert page.locator("#typed").count() == 0
    page.get_by_role("link", name="I would rather type what I say").click()
    page.wait_for_selector("#go:not([disabled])")
    page.locator("#go").click()
    page.wait_for_selector("#room:not([hidden])")
    assert page.is_visible("#captions")
    page.wait_for_selector("#captions p.patient")
    page.fill("#typed-text", "")
    page.keyboard.type("What concerns you most?")
    page.keyboard.press("Enter")
    until(page, "document.getElementById('typed-text').value === ''")
    page.keyboard.type("too long")
    page.keyboard.press("Enter")
    page.wait_for_selector("#typed-fault:not([hidden])")
    assert page.inner_text("#typed-fault") == "This text is too long. Write less."
    assert page.input_value("#typed-text") == "too long"
    assert simulator.options[-1].typed
    assert simulator.last is not None
    assert simulator.last.texts[:2] == ["…", "What concerns you most?"]
    assert page.is_visible("#captions"), "a typed c is no key of the room"
    end_by_keyboard(page)
    page.wait_for_url("**/attempts/*")
    assert seen.errors == []
