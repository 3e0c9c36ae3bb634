"""Every page of the hub in a real Chromium: accessibility, keyboard, sizes and long words."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from simvoice.hub import attempts, erasing, releases
from simvoice.release.contents import Contents
from tests.hub.pages.served import ServedTown, all_pages, served_town
from tests.hub.pages.town import Town
from tests.planted.on_page import plant

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "npm" / "node_modules" / "axe-core" / "axe.min.js"
_PAGES = all_pages(Town(None, dict.fromkeys(["long"])))  # type: ignore[arg-type]
LOGINS = tuple(dict.fromkeys(page.login for page in _PAGES))

SIZES = {
    **{"laptop": (1366, 768), "phone": (390, 844), "small": (320, 568)},
    "wall": (1920, 1080),
}

FOCUSED = """() => {
  const at = document.activeElement;
  const shown = getComputedStyle(at);
  return {
    tag: at.tagName, id: at.id, name: at.name || at.textContent.trim().slice(0, 40),
    is_outlined: shown.outlineStyle !== "none" && shown.outlineWidth !== "0px",
  };
}"""

BROADER = """() => [...document.querySelectorAll("body *")]
  .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
  .filter((each) => !each.closest(".sr, .clipped, .skip, details:not([open]) > :not(summary)"))
  .map((each) => each.tagName + "." + each.className).slice(0, 5)"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedTown]:
    with served_town(tmp_path_factory.mktemp("town")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.fail("Chromium is not installed; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    # a tone is the microphone of every page, and nobody is asked for it
    microphone = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, headless=True, args=["--no-sandbox", *microphone]
        )
        yield browser
        browser.close()


class Opened:
    """A page in a window of its own, with what its console said."""

    def __init__(self, chromium: Any, served: ServedTown, name: str, **context: Any) -> None:
        found = next(page for page in all_pages(served.town) if page.name == name)
        login = context.pop("login", found.login)
        viewport = {"width": 1366, "height": 768}
        self.context = chromium.new_context(viewport=viewport, **context)
        if login:
            self.context.add_cookies([served.cookie(login)])
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.page.on("console", lambda message: self._note(message))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(served.address + found.path)

    def _note(self, message: Any) -> None:
        is_refusal = "status of 404" in message.text and "/nothing" in message.location["url"]
        if message.type in ("error", "warning") and not is_refusal:
            self.said.append(message.text)

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


def axe_source() -> str:
    if not AXE.is_file():
        pytest.fail(f"axe-core is not installed; run: npm ci --prefix {AXE.parents[2]}")
    return AXE.read_text(encoding="utf-8")


@pytest.mark.parametrize("login", LOGINS)
def test_every_page_of_a_person_is_accessible_and_fits_each_window(
    served: ServedTown, chromium: Any, login: str
) -> None:
    """One walk over all pages of a person; the faults of all of them are told together."""
    pages = [each for each in all_pages(served.town) if each.login == login]
    faults: list[str] = []
    with Opened(chromium, served, pages[0].name) as opened:
        for each in pages:
            if each is not pages[0]:
                opened.page.goto(served.address + each.path)
            found = [
                *_outline(opened.page, is_stranger=not login),
                *_broader(opened.page),
                *_violations(opened.page),
                *opened.said,
            ]
            faults += [f"{each.name}: {fault}" for fault in found]
            opened.said.clear()
    assert faults == []


def _violations(page: Any) -> Iterator[str]:
    """Yield what axe finds in light and in dark."""
    page.evaluate(axe_source() + "; 0")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for each in page.evaluate("axe.run().then((done) => done.violations)"):
            html = each["nodes"][0]["html"][:200]
            yield f"{scheme}: {each['id']} ({each['impact']}): {html}"


def _broader(page: Any) -> Iterator[str]:
    """Yield what is broader than a phone, a laptop or a wall screen."""
    for width, height in SIZES.values():
        page.set_viewport_size({"width": width, "height": height})
        broader = page.evaluate(BROADER)
        if broader or not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
            yield f"{width} px: {broader or 'it scrolls sideways'}"


def _outline(page: Any, *, is_stranger: bool) -> Iterator[str]:
    """Yield what is wrong with headings and landmarks."""
    levels = page.evaluate(
        """() => [...document.querySelectorAll("h1, h2, h3, h4")]
          .filter((each) => each.checkVisibility()).map((each) => Number(each.tagName[1]))"""
    )
    is_in_order = all(after <= before + 1 for before, after in pairwise(levels))
    if levels[:1] != [1] or levels.count(1) != 1 or not is_in_order:
        yield f"headings {levels}"
    tree = page.locator("body").aria_snapshot()
    wanted = {"- banner": True, "- main": True, "- contentinfo": True}
    for landmark, is_wanted in {**wanted, "- navigation": not is_stranger}.items():
        if (landmark in tree) != is_wanted:
            yield f"landmark {landmark}: {not is_wanted}"


@pytest.mark.parametrize("name", ["home of a learner", "assign", "codes", "station"])
def test_the_keyboard_reaches_everything_in_order_and_never_gets_stuck(
    served: ServedTown, chromium: Any, name: str
) -> None:
    with Opened(chromium, served, name) as opened:
        page = opened.page
        page.evaluate("document.activeElement.blur()")
        wanted = page.evaluate(
            """() => [...document.querySelectorAll(
              "a[href], button:not([disabled]), input:not([type=hidden]), select, " +
              "textarea, summary")]
              .filter((each) => each.checkVisibility()).length"""
        )
        page.keyboard.press("Tab")
        first = page.evaluate(FOCUSED)
        assert first["name"] == "Skip to the content"
        seen = [first]
        # month, day, year, hour, minute, half of the day and the calendar of a date are stops
        dates = page.evaluate("document.querySelectorAll('[type=datetime-local]').length")
        for _ in range(wanted + 6 * dates + 10):
            page.keyboard.press("Tab")
            now = page.evaluate(FOCUSED)
            if now["tag"] == "BODY":  # the browser's own controls come next
                break
            assert now["is_outlined"], now
            seen.append(now)
        else:
            pytest.fail(f"the focus does not leave the page: {seen[-3:]}")
        # a group of radio buttons is one stop
        radios = page.evaluate("document.querySelectorAll('input[type=radio]').length")
        assert len(seen) >= wanted - radios


def test_the_skip_link_leads_to_the_content(served: ServedTown, chromium: Any) -> None:
    with Opened(chromium, served, "home of a learner") as opened:
        opened.page.keyboard.press("Tab")
        opened.page.keyboard.press("Enter")
        assert opened.page.evaluate("document.activeElement.id") == "main"
        opened.page.keyboard.press("Tab")
        assert "Read the door note" in opened.page.evaluate(FOCUSED)["name"]


def test_motion_is_reduced_where_it_is_not_wanted(served: ServedTown, chromium: Any) -> None:
    with Opened(chromium, served, "courses", reduced_motion="reduce") as opened:
        moving = opened.page.evaluate(
            """() => [...document.querySelectorAll("*")].filter((each) => {
              const shown = getComputedStyle(each);
              return shown.animationName !== "none" || shown.transitionDuration !== "0s";
            }).length"""
        )
        assert moving == 0


def test_a_course_is_made_and_an_attempt_released_without_scripts(
    served: ServedTown, chromium: Any
) -> None:
    with Opened(chromium, served, "courses", java_script_enabled=False) as opened:
        opened.page.fill("#title", "Year 6")
        opened.page.click("text=Make the course")
        assert "The course is made." in opened.page.inner_text("main")
    with Opened(chromium, served, "release", java_script_enabled=False) as opened:
        opened.page.check("input[name=contents][value=sound]")
        opened.page.check("input[name=course_id] >> nth=0")
        opened.page.click("button:text-is('Release')")
        assert "Released." in opened.page.inner_text("main")
        opened.page.click("text=End this release")
        assert "The release has ended." in opened.page.inner_text("main")


def test_the_recording_plays_and_can_be_sought(served: ServedTown, chromium: Any) -> None:
    with Opened(chromium, served, "attempt") as opened:
        opened.page.click("#conversation > summary")
        opened.page.wait_for_selector("#timeline svg")
        opened.page.click("[data-at='36.00'], .line .when >> nth=6")
        opened.page.wait_for_function("() => document.getElementById('sound').currentTime > 20")
        assert opened.said == []


def until(page: Any, selector: str, text: str) -> None:
    """Wait until an element says something."""
    page.locator(selector, has_text=text).wait_for(timeout=60_000)


def test_a_recording_that_is_erased_while_somebody_listens_says_so(
    served: ServedTown, chromium: Any, tmp_path: Path
) -> None:
    town = served.town
    folder = tmp_path / plant(tmp_path, attempt="20261123-101530-breast-biopsy-gone", uuid=uuid4())
    gone = attempts.keep(town.hub, folder, origin="hub", owner_id=town.people["lena"])
    with town.hub.database.begin() as session:
        owner = town.people["lena"]
        releases.release(session, gone, town.course, Contents.SOUND, owner_id=owner)
    with Opened(chromium, served, "courses") as opened:
        page = opened.page
        page.goto(f"{served.address}/attempts/{gone}")
        page.wait_for_function("() => document.getElementById('sound').readyState >= 1")
        erasing.erase_attempts(town.hub, [gone], reason="learner")
        # what the browser has already fetched it plays on; this is what it fetches next
        page.evaluate("() => { document.getElementById('sound').src += '?next'; }")
        fault = page.locator("#sound-fault")
        fault.wait_for(state="visible", timeout=30_000)
        assert "no such attempt, or it is not released to you now" in fault.inner_text()
        answer = page.goto(f"{served.address}/attempts/{gone}")
        assert answer is not None
        assert answer.status == 404


def test_two_learners_and_one_place(served: ServedTown, chromium: Any) -> None:
    with (
        Opened(chromium, served, "door") as first,
        Opened(chromium, served, "door", login="ayo") as second,
    ):
        until(first.page, "#queue-words", "When you have read the note")
        first.page.keyboard.press("Enter")  # nobody waits, so it leads straight into the room
        first.page.wait_for_selector("#room:not([hidden])")
        first.page.wait_for_selector("#room[data-floor=patient]")

        until(second.page, "#queue-words", "When you have read the note")
        second.page.click("#go")
        until(second.page, "#queue-words", "You are next, about")
        said = second.page.inner_text("#queue-words")  # eight minutes less what the first has had
        assert re.fullmatch(r"You are next, about [789] minutes\.", said), said
        assert second.page.is_disabled("#go")
        live = second.page.locator("#queue-words").get_attribute("role")
        assert live == "status"
        second.page.click("#leave")
        until(second.page, "#queue-words", "When you have read the note")
        second.page.click("#go")
        until(second.page, "#queue-words", "You are next")

        first.page.keyboard.press("Escape")
        first.page.wait_for_selector("#end-dialog[open]")
        first.page.keyboard.press("Enter")
        first.page.wait_for_url("**/attempts/*", timeout=60_000)
        assert "They said you would have the result." in first.page.text_content("#transcript")

        until(second.page, "#queue-words", "It is your turn.")
        assert second.page.title().startswith("Your turn · ")
        assert second.page.evaluate("document.activeElement.id") == "go"
        second.page.keyboard.press("Enter")
        second.page.wait_for_selector("#room[data-floor=patient]")  # ended earlier, none began
        second.page.keyboard.press("Escape")
        second.page.wait_for_selector("#end-dialog[open]")
        second.page.keyboard.press("Enter")
        second.page.wait_for_url("**/attempts/*", timeout=60_000)
        assert first.said == second.said == []


def test_a_learner_of_a_drill_types_and_goes_on_with_the_next_try(
    served: ServedTown, chromium: Any
) -> None:
    with Opened(chromium, served, "door of a drill") as opened:
        page = opened.page
        until(page, "#queue-words", "When you have read the note")
        page.keyboard.press("Enter")
        page.wait_for_selector("#room[data-floor=patient]")
        until(page, "#captions", "They said you would have the result.")
        assert "And more" not in page.inner_text("#captions")  # it was planned and not said
        assert page.evaluate("document.activeElement.id") == "typed-text"
        page.keyboard.type("May I sit down? c")  # no key of the room acts while one types
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.getElementById('typed-text').value === ''")
        page.keyboard.press("Escape")
        page.wait_for_selector("#end-dialog[open]")
        page.keyboard.press("Enter")
        page.wait_for_url("**/attempts/*", timeout=60_000)
        assert page.is_visible("text=Next try")
        assert re.search(r"Try 2 of 5, \d minutes? ?.* left", page.inner_text("main"))
        page.click("text=Next try")
        until(page, ".skill", "Try 2 of 5.")
        assert opened.said == []
    talk, options = served.patients.last, served.patients.options
    assert talk is not None
    assert options is not None
    assert (talk.texts[0], talk.texts[-1]) == ("…", "May I sit down? c")
    assert (options.moment, options.typed, options.timer) == ("the-news", True, "hard")


def test_an_exam_has_no_captions(served: ServedTown, chromium: Any) -> None:
    with Opened(chromium, served, "door of an exam") as opened:
        assert opened.page.locator("#captions-toggle").get_attribute("hidden") is not None
        assert opened.page.locator("#room").get_attribute("data-captions") == "never"


def test_the_microphone_is_checked_in_the_introduction(served: ServedTown, chromium: Any) -> None:
    with Opened(chromium, served, "introduction") as opened:
        opened.page.click("#mic-check")
        opened.page.wait_for_selector("#mic-words[data-kind]:not([data-kind=''])", timeout=60_000)
        assert opened.page.inner_text("#mic-check") == "Check again"
        assert opened.said == []
