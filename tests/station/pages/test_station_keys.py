"""What a learner and a technician do at a station, in a real Chromium, with the keyboard alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from simvoice.hub_client.station_messages import Accommodations, Phase, Verb
from simvoice.record.reflection import read_reflection
from simvoice.station.view import (
    AcceptTerms,
    Action,
    Agree,
    Begin,
    Done,
    EnterCode,
    EnterRoom,
    GoOn,
    HandIn,
    Leave,
    MicrophonePassed,
    NextTry,
    ShowDebrief,
    Stay,
    WithoutCode,
    WriteAnswers,
)
from tests.station.pages.conftest import Open
from tests.station.pages.scripted_station import PIN, WELCOME, ScriptedStation, views
from tests.web.silenced import DELIVERS_NOTHING
from tests.web.test_web_browser import until

pytestmark = [pytest.mark.browser, pytest.mark.realtime]

CODE = "ABCDEFGHJKMN"


def soon(condition: Callable[[], object], what: str, limit_s: float = 60.0) -> None:
    end_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end_s:
            pytest.fail(f"{what} did not happen within {limit_s:g} s")
        time.sleep(0.02)


def pressed(station: ScriptedStation, action: Action) -> None:
    soon(lambda: action in station.actions, f"{action.kind!r}")


def shows(page: Any, phase: Phase) -> None:
    """Wait until the page shows a phase, and until it takes an Enter again."""
    page.wait_for_selector(f'#phase[data-phase="{phase}"][data-wired]')
    swapped = page.evaluate("performance.now()")
    until(page, f"performance.now() > {swapped} + 850")


# -- the learner


def test_enter_alone_leads_through_a_visit(station: ScriptedStation, browse: Open) -> None:
    steps = {
        **{"welcome": Begin(), "consent": Agree(), "terms": AcceptTerms()},
        **{"microphone": MicrophonePassed(), "door": EnterRoom(), "interrupted": GoOn()},
    }
    station.show(WELCOME)
    seen = browse()
    for name, action in steps.items():
        station.show(views("")[name])
        shows(seen.page, station.shown.phase)
        if name == "microphone":
            seen.page.wait_for_selector("#mic-pass:not([disabled])")
        seen.page.keyboard.press("Enter")
        pressed(station, action)
    assert seen.errors == []


def test_a_code_is_typed_by_hand_or_by_a_reader_that_ends_it_twice(
    station: ScriptedStation, browse: Open
) -> None:
    station.show(views("")["code"])
    station.refusal = "This code has ended. Ask your educator for another one."
    page = browse().page
    page.fill("#code", CODE)
    page.keyboard.press("Enter")
    page.locator("#problem", has_text="This code has ended.").wait_for()
    assert page.get_attribute("#problem", "role") == "alert"
    assert page.input_value("#code") == ""
    assert page.evaluate("document.activeElement.id") == "code"
    assert CODE not in page.content()
    station.refusal = ""
    page.fill("#code", "ABCD")
    station.change(cases=station.shown.cases[:5])  # a new roster has come
    until(page, "document.querySelectorAll('.case-button').length === 5")
    assert page.input_value("#code") == "ABCD"
    page.get_by_role("button", name="A fall on the ward").press("Enter")
    pressed(station, WithoutCode(case="angry-relative"))
    page.fill("#code", "")
    page.evaluate("document.activeElement.blur()")  # wherever the focus is
    page.keyboard.type(CODE)
    page.keyboard.press("Enter")
    pressed(station, EnterCode(text=CODE))
    station.show(views("")["terms"])
    page.wait_for_selector('#phase[data-phase="terms"]')
    page.keyboard.press("Enter")
    until(page, "performance.now() > 0")
    assert AcceptTerms() not in station.actions
    shows(page, Phase.TERMS)
    page.keyboard.press("Enter")
    pressed(station, AcceptTerms())


def test_who_is_still_there_answers_and_who_leaves_is_asked_once(
    station: ScriptedStation, browse: Open
) -> None:
    station.show(views("")["terms"], warning="This station begins again soon.")
    page = browse().page
    page.wait_for_selector("#warning[open]")
    page.keyboard.press("Enter")
    pressed(station, Stay())
    station.change(warning="")
    looks = len(station.levels)  # one that is under way may still bring the warning
    soon(lambda: len(station.levels) > looks + 2 or page.evaluate("0"), "two more looks")
    page.wait_for_selector("#warning:not([open])", state="attached")
    page.focus("#leave")
    page.keyboard.press("Enter")
    page.wait_for_selector("#leaving[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#leaving:not([open])", state="attached")
    assert station.actions == [Stay()]
    page.focus("#leave")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    pressed(station, Leave())


def test_own_words_are_saved_and_lead_to_the_debrief_without_a_trace_in_the_browser(
    station: ScriptedStation, browse: Open
) -> None:
    station.show(views(station.planted())["own words"])
    seen = browse()
    page = seen.page
    page.fill("#text-aim", "To wait.")
    page.get_by_role("button", name="Next moment").press("Enter")  # at once, before it is saved
    page.wait_for_selector('#reflect[data-number="2"]')
    assert page.evaluate("history.length") == 1 + 1  # the empty page of this test, and ours
    page.get_by_role("button", name="Back").press("Enter")
    page.wait_for_selector('#reflect[data-number="1"]')
    assert page.input_value("#text-aim") == "To wait."
    page.get_by_role("button", name="Show the debrief now").press("Enter")
    pressed(station, ShowDebrief())
    found = read_reflection(station.reflected_attempt().folder)
    assert found is not None
    assert (found.moments[0].aim, found.is_over) == ("To wait.", True)
    assert seen.errors == []


def test_answers_are_kept_while_they_are_typed_and_when_the_field_is_left(
    station: ScriptedStation, browse: Open
) -> None:
    station.show(views("")["questions"], answers=("", ""))
    page = browse().page
    shows(page, Phase.QUESTIONS)
    for letter in "She was afraid.":  # without a pause
        page.keyboard.type(letter)
    pressed(station, WriteAnswers(answers=("She was afraid.", "")))
    drafts = len(station.actions)
    for keys in ("Control+A", "Control+C", "Control+X"):  # nothing gets into the clipboard
        page.keyboard.press(keys)
    page.clock.install()  # time stands still from here on: only leaving the field keeps it
    page.clock.pause_at(4_000_000_000_000)
    page.focus("#answer-1")
    page.keyboard.press("End")
    page.keyboard.type(" Very.")
    page.keyboard.press("Tab")
    pressed(station, WriteAnswers(answers=("She was afraid. Very.", "")))
    assert len(station.actions) == drafts + 1
    page.keyboard.press("Control+V")
    assert page.input_value("#answer-2") == ""
    station.change(answers=("She was afraid. Very.", ""))
    page.reload()
    page.wait_for_selector("#phase[data-wired]")
    assert page.input_value("#answer-1") == "She was afraid. Very."
    page.fill("#answer-2", "Wait.")
    page.keyboard.press("Control+Enter")
    pressed(station, HandIn(answers=("She was afraid. Very.", "Wait.")))


def test_time_and_holds_and_announcements_are_shown_and_told(
    station: ScriptedStation, browse: Open
) -> None:
    station.show(views("")["door"])
    page = browse().page
    until(page, "document.getElementById('left').textContent.startsWith('1:3')")
    station.change(is_held=True)
    page.locator("#held", has_text="stopped the clock").wait_for()
    assert page.get_attribute("#announcement", "role") == "status"
    station.announce("Two minutes left.", bell=True)
    page.locator("#announcement", has_text="Two minutes left.").wait_for()
    station.change(is_ready=False, preparing="Preparing Ruth's voice", ready_in_s=17.0)
    page.locator("#ready-words", has_text="Preparing Ruth's voice… About 20 seconds.").wait_for()
    assert page.is_disabled("#go")
    station.change(fault="This station cannot record now: the disk is full.")
    page.locator("#fault", has_text="cannot record now").wait_for()
    assert page.get_attribute("#fault", "role") == "alert"
    size = "parseFloat(getComputedStyle(document.querySelector('.note p')).fontSize)"
    before = page.evaluate(size)
    station.change(accommodations=Accommodations(large_type=True))
    until(page, f"{size} > 1.3 * {before}")


def test_an_encounter_begins_by_itself_and_ends_in_the_questions(
    station: ScriptedStation, browse: Open
) -> None:
    station.show(views("")["encounter"])
    seen = browse()
    page = seen.page
    page.wait_for_selector("#room[data-floor=patient]")
    assert page.is_hidden("#captions")  # an exam has no captions
    page.keyboard.press("c")
    assert page.is_hidden("#captions")
    page.keyboard.press("Escape")
    page.wait_for_selector("#end-dialog[open]")
    assert "only attempt" in page.inner_text("#end-dialog")
    page.keyboard.press("Enter")
    shows(page, Phase.QUESTIONS)
    assert page.evaluate("document.body.className").split() == ["station"]
    assert page.evaluate("history.length") == 1 + 1  # the empty page of this test, and ours
    assert seen.errors == []


def test_captions_are_there_for_who_needs_them_and_turns_can_be_typed(
    station: ScriptedStation, browse: Open
) -> None:
    wanted = Accommodations(captions=True, typed=True)
    station.show(views("")["encounter"], accommodations=wanted)
    page = browse().page
    page.wait_for_selector("#room:not([hidden])")
    page.locator("#captions", has_text="They said you would have the result.").wait_for()
    assert page.evaluate("document.activeElement.id") == "typed-text"
    page.keyboard.type("I can see this is a shock.")
    page.keyboard.press("Enter")
    soon(lambda: "I can see this is a shock." in station.encounters[0].texts, "the typed turn")
    assert "…" in station.encounters[0].texts
    assert page.input_value("#typed-text") == ""
    page.keyboard.type("c")  # not the key of the captions
    assert page.is_visible("#captions")


def test_after_a_restart_the_page_tells_how_long_it_takes_and_goes_on_by_itself(
    station: ScriptedStation, browse: Open
) -> None:
    unready = {"is_ready": False, "ready_share": 0.4, "ready_in_s": 22.0}
    station.show(views("")["interrupted"], **unready)
    page = browse().page
    page.locator("#preparing-left", has_text="About 25 seconds.").wait_for()
    shows(page, Phase.ENCOUNTER)
    page.keyboard.press("Enter")  # the learner need not wait for that
    pressed(station, GoOn())
    station.show(views("")["preparing"])
    page.locator("#preparing-words", has_text="begins by itself").wait_for()
    until(page, "document.getElementById('preparing-bar').style.transform === 'scaleX(0.4)'")
    assert station.encounters == []
    station.change(is_ready=True, ready_share=1.0, ready_in_s=None)
    page.wait_for_selector("#room[data-floor=patient]")


def test_a_dead_microphone_is_named_and_after_a_fault_the_encounter_waits_for_the_learner(
    station: ScriptedStation, browse: Open
) -> None:
    station.show(views("")["microphone"])
    silent = browse().page
    silent.add_init_script(DELIVERS_NOTHING)
    silent.reload()
    silent.locator("#mic-words", has_text="delivers no sound").wait_for()
    assert silent.is_disabled("#mic-pass")
    station.show(views("")["encounter"], notice="The conversation ended before it began.")
    page = browse().page
    page.locator("#before-words", has_text="ended before it began").wait_for()
    assert station.encounters == []
    shows(page, Phase.ENCOUNTER)
    page.keyboard.press("Enter")
    page.wait_for_selector("#room[data-floor=patient]")


def test_a_debrief_is_opened_when_it_is_made_and_leaves_nothing_to_go_back_to(
    station: ScriptedStation, browse: Open
) -> None:
    attempt = station.planted()
    station.show(views(attempt)["saving"])
    seen = browse()
    page = seen.page
    before = page.evaluate("history.length")
    page.locator("h1", has_text="being saved").wait_for()
    station.show(views(attempt)["debrief of a drill"])
    page.wait_for_selector("#phase[data-debrief][data-wired]")
    page.click("#conversation > summary")
    page.wait_for_selector("#timeline svg")
    assert "I'm sorry" in page.inner_text("#transcript")
    assert "4 tries left" in page.inner_text(".drill-left")
    page.get_by_role("button", name="Next try").press("Enter")
    pressed(station, NextTry())
    station.show(WELCOME)
    shows(page, Phase.WELCOME)
    assert page.evaluate("history.length") == before
    assert "I'm sorry" not in page.content()
    assert page.locator(f"text={attempt}").count() == 0
    page.go_back()  # to the empty page of this test
    page.go_forward()
    shows(page, Phase.WELCOME)
    stored = page.evaluate(
        """async () => ({
          local: localStorage.length, session: sessionStorage.length,
          databases: (await indexedDB.databases()).length, caches: (await caches.keys()).length,
          workers: (await navigator.serviceWorker.getRegistrations()).length,
          cookies: document.cookie, name: window.name,
        })"""
    )
    assert stored == {
        **{"local": 0, "session": 0, "databases": 0, "caches": 0, "workers": 0},
        **{"cookies": "", "name": ""},
    }
    assert seen.errors == []


def test_a_single_press_works_before_the_scripts_are_loaded_and_while_the_page_is_drawn_again(
    station: ScriptedStation, browse: Open
) -> None:
    station.show(views(station.planted())["debrief"])
    page = browse().page
    waiting: list[Any] = []
    page.route("**/station.js", lambda route: waiting.append(route))
    page.goto(page.url, wait_until="commit")
    page.locator('[data-act="done"]').click()
    assert station.actions == []
    soon(lambda: waiting or page.evaluate("0"), "the request for the script")
    for each in waiting:
        each.continue_()
    pressed(station, Done())
    page.unroute("**/station.js")
    station.show(views("")["consent"])
    shows(page, Phase.CONSENT)
    box = page.locator('[data-act="agree"]').bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    looks = len(station.levels)
    station.change(honour="Another text.")  # the page would be drawn again now
    soon(lambda: len(station.levels) > looks + 2 or page.evaluate("0"), "two more looks")
    page.mouse.up()
    pressed(station, Agree())
    page.locator("#phase", has_text="Another text.").wait_for()


# -- what happens to the page


def test_a_page_that_is_cut_off_or_replaced_by_another_window_shows_nothing_of_a_learner(
    station: ScriptedStation, browse: Open
) -> None:
    station.show(views("")["questions"])
    first = browse().page
    shows(first, Phase.QUESTIONS)
    first.route("**/state", lambda route: route.abort())
    first.locator("#cover", has_text="starting again").wait_for()
    first.unroute("**/state")
    first.wait_for_selector("#cover", state="hidden")
    browse()
    first.locator("#cover", has_text="open in another window").wait_for()
    covered = first.evaluate(
        "document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest('#cover') !== null"
    )
    assert covered


# -- the technician


def unlock(page: Any) -> None:
    page.keyboard.press("Control+Alt+T")
    page.wait_for_selector("#pin")
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    page.wait_for_selector("#technician-now")


def test_a_technician_works_beside_the_page_of_the_learner_and_only_with_the_pin(
    station: ScriptedStation, browse: Open
) -> None:
    station.show(views("")["questions"])
    page = browse().page
    shows(page, Phase.QUESTIONS)
    page.keyboard.press("Control+Alt+T")
    page.keyboard.type("0000")
    page.keyboard.press("Enter")
    page.locator("#pin-fault", has_text="This PIN is wrong.").wait_for()
    assert page.input_value("#pin") == ""
    assert page.is_hidden("#attended")
    box = page.locator("#pin-form").bounding_box()
    assert box["width"] * box["height"] < 1366 * 768 / 8
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "answer-1"  # where the learner was
    unlock(page)
    shown = page.inner_text("#technician")
    assert "Needs help" in shown
    assert "She asked twice about her sister." not in shown
    page.locator("#attended", has_text="A technician is working at this station.").wait_for()
    for part in ("#questions", "#left"):
        box = page.locator(part).bounding_box()
        assert box["x"] + box["width"] <= page.locator("#technician").bounding_box()["x"]
    page.get_by_role("button", name="Hold the clock").press("Enter")
    soon(lambda: [each.verb for each in station.commands] == [Verb.HOLD], "the hold")
    page.get_by_role("button", name="Reset", exact=True).press("Enter")
    page.wait_for_selector("#sure:not([hidden])")
    assert [each.verb for each in station.commands] == [Verb.HOLD]
    page.keyboard.press("Enter")
    soon(lambda: station.commands[-1].verb is Verb.RESET, "the reset")
    page.get_by_role("button", name="Lock and go back").press("Enter")
    page.wait_for_selector("#attended", state="hidden")
    assert page.locator("#technician-now").count() == 0


def test_a_conversation_goes_on_beside_the_panel_and_a_forgotten_pin_dialog_goes_away(
    station: ScriptedStation, browse: Open
) -> None:
    station.show(views("")["encounter"])
    page = browse().page
    page.wait_for_selector("#room[data-floor=patient]")
    unlock(page)
    page.locator("#room-notice", has_text="A technician is working").wait_for()
    time_left = page.locator("#time-left").bounding_box()
    assert time_left["x"] + time_left["width"] <= page.locator("#technician").bounding_box()["x"]
    page.keyboard.press("c")  # a key of the room
    page.keyboard.press("Escape")
    page.wait_for_selector("#technician", state="hidden")
    assert page.is_hidden("#end-dialog")
    assert page.is_visible("#room")
    assert station.shown.is_running
    page.clock.install()
    page.keyboard.press("Control+Alt+T")
    page.wait_for_selector("#pin")
    page.clock.fast_forward(31_000)
    page.wait_for_selector("#technician", state="hidden")


def test_the_loop_back_test_plays_tones_and_says_what_the_microphone_heard(
    station: ScriptedStation, browse: Open
) -> None:
    station.paired_with = ""
    page = browse().page
    page.wait_for_selector("#pairing:not([hidden])")
    page.fill("#pairing-line", "hub.lab:8766 CQ3WP-HATMT PKFJ-3YCX-7MN4")
    page.keyboard.press("Enter")
    page.locator("#pairing-said", has_text="Paired with Skills lab North").wait_for()
    unlock(page)
    page.get_by_role("button", name="Loop-back test").press("Enter")
    soon(lambda: station.measurements, "the result", 40.0)
    # the microphone of this browser is a beep, which can be taken for a tone
    found = station.measurements[0]
    assert found.is_good == (found.level_dbfs is not None)
    words = "heard the tones at" if found.is_good else "did not hear the tones"
    page.locator("#technician-said", has_text=words).wait_for()
