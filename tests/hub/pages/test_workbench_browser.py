"""An educator at the workbench in a real Chromium: from a door note to a certified case."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simvoice import paths
from simvoice.patient.checking.certificate import listed_cases
from tests.hub.pages.served import ServedTown, served_town
from tests.hub.pages.test_hub_browser import BROADER, axe_source

pytestmark = [pytest.mark.browser, pytest.mark.engine, pytest.mark.slow]

NOTE = """\
Mr. Karl Vogt, 71, waits in room 4 for the result of his biopsy. It shows prostate cancer that has
not spread. You are a doctor on the ward and have met him once.

You have ten minutes. Tell him the result, find out what worries him, and agree what happens next.
"""
WAIT_MS = 240_000
"""A check takes 20 s alone."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        made = tmp_path_factory.mktemp("home")
        patch.setenv("SIMVOICE_HOME", str(made))
        yield made


@pytest.fixture(scope="module")
def served(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedTown]:
    with served_town(tmp_path_factory.mktemp("town")) as running:
        yield running
        running.town.hub.workbench.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.fail("Chromium is not installed; on Debian: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, headless=True, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


def window(chromium: Any, served: ServedTown, login: str, said: list[str]) -> Any:
    context = chromium.new_context(viewport={"width": 1366, "height": 768})
    context.set_default_timeout(60_000)
    context.add_cookies([served.cookie(login)])
    page = context.new_page()
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    return page


def saved(page: Any) -> None:
    page.get_by_text("All is saved.").wait_for()


def look_at(page: Any) -> None:
    """Accessible in light and dark, and nothing broader than a phone or a laptop."""
    page.evaluate(axe_source() + "; 0")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = page.evaluate("axe.run().then((done) => done.violations)")
        assert [f"{e['id']}: {e['nodes'][0]['html'][:200]}" for e in found] == [], scheme
    for width, height in ((320, 844), (390, 844), (1366, 768)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(BROADER) == [], width


class Keys:
    """A person at a keyboard. Tab must reach everything, and what has the focus must be seen."""

    MOST = 600
    """Presses of Tab from one thing to another; a page with a trap needs more."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def go(self, target: Any) -> None:
        """Press Tab, or Shift and Tab when that is nearer, until something has the focus."""
        target.wait_for()
        is_there = "(node) => node === document.activeElement"
        is_after = """(node) => document.activeElement === document.body
          || !!(document.activeElement.compareDocumentPosition(node) & 4)"""
        key = "Tab" if target.evaluate(is_after) else "Shift+Tab"
        for _ in range(self.MOST):
            if target.evaluate(is_there):
                break
            self.page.keyboard.press(key)
        else:
            pytest.fail(f"{key} does not reach {target}")
        assert target.evaluate(IS_SEEN), f"the focus is not seen at {target}"

    def press(self, target: Any, *, again: bool = True) -> None:
        """Press a button, a link or the heading of a card. again: also when it is open."""
        if not again and target.evaluate("(node) => node.parentElement.open"):
            return
        self.go(target)
        self.page.keyboard.press("Enter")

    def write(self, target: Any, text: str) -> None:
        self.go(target)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)

    def leave(self) -> None:
        self.page.keyboard.press("Tab")
        self.is_somewhere()

    def choose(self, target: Any, words: str) -> None:
        """Choose from a list as its first letters do."""
        self.go(target)
        self.page.keyboard.type(words, delay=5)
        self.leave()

    def is_somewhere(self) -> None:
        """The last action has not lost the focus."""
        assert self.page.evaluate("document.activeElement !== document.body")


IS_SEEN = """(node) => {
  const box = node.getBoundingClientRect();
  const style = getComputedStyle(node);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  return (ring || style.boxShadow !== "none") && box.bottom > 0 && box.top < innerHeight;
}"""


CUT_OFF = """[...document.querySelectorAll('[data-kind="text"] :is(input, textarea)')]
  .filter((each) => each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight)
  .map((each) => each.value)"""
"""What fields of one line hold and do not show whole."""


def download(page: Any, name: str) -> bytes:
    with page.expect_download() as waited:
        Keys(page).press(page.get_by_role("link", name=name, exact=True))
    return Path(waited.value.path()).read_bytes()


def test_a_case_is_made_of_a_door_note_alone_certified_and_goes_out_and_in(
    served: ServedTown, chromium: Any, home: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    page = window(chromium, served, "edo", said)
    page.goto(f"{served.address}/workbench")
    look_at(page)
    # from here on with the keyboard alone, on a window as broad as a phone
    page.set_viewport_size({"width": 390, "height": 844})
    keys = Keys(page)
    keys.write(page.get_by_role("textbox", name="Door note"), NOTE)
    keys.press(page.get_by_role("button", name="Read the note"))
    name = page.get_by_label("Name of the patient")
    name.wait_for()
    assert name.input_value() == "Karl Vogt"
    look_at(page)
    page.set_viewport_size({"width": 390, "height": 844})
    keys.press(page.get_by_role("button", name="Make the case"))
    page.get_by_text("Nothing is wrong.").wait_for()

    # a line is opened, changed and saved; the patient says it, and it is heard
    keys.press(page.locator("#part-lines > summary"))
    keys.press(page.locator("#card-lines-sister > summary"))
    words = page.locator("#card-lines-sister").get_by_label("The patient says", exact=True)
    words.wait_for()
    keys.write(words, "My daughter Anna. She lives next door.")
    keys.leave()
    saved(page)
    with page.expect_response(lambda answer: "line.wav" in answer.url) as heard:
        keys.press(page.locator("#card-lines-sister").get_by_role("button", name="Hear it"))
    assert heard.value.status == 200
    keys.write(page.get_by_label("You say"), "Who is at home with you?")
    page.keyboard.press("Enter")
    page.locator("#talk .answer", has_text="My daughter Anna").wait_for()
    keys.write(page.get_by_label("You say"), "What is the name of your first school?")
    page.keyboard.press("Enter")
    page.get_by_text("It is kept among the questions without an answer.").wait_for()
    keys.is_somewhere()
    look_at(page)
    page.set_viewport_size({"width": 390, "height": 844})

    # a question without an answer becomes a line with one press
    keys.press(page.get_by_role("button", name="Look for them"))
    answer = page.get_by_label("The patient answers")
    answer.wait_for()
    keys.is_somewhere()
    keys.write(answer, "The Saint Martin school. Why do you ask?")
    keys.press(page.get_by_role("button", name="Make this line"))
    page.locator("#talk .answer", has_text="The Saint Martin school").wait_for()
    made = page.locator(".bench-card[open] textarea", has_text="The Saint Martin school").first
    made.wait_for()
    keys.is_somewhere()

    # a card is added: another wording of it, and a rule of several kinds
    keys.press(page.locator("#part-critical_items > summary"))
    keys.write(page.get_by_label("New item"), "Name the next step.")
    page.keyboard.press("Enter")
    card = page.locator("#card-critical_items-name_next_step")
    card.get_by_label("Why", exact=True).wait_for()
    keys.write(card.get_by_label("Why", exact=True), "He has to know what happens tomorrow.")
    text = "Tell him in plain words what happens tomorrow, and ask what he makes of it. "
    keys.write(card.get_by_label("What to do", exact=True), text * 3)
    keys.leave()
    saved(page)
    assert page.evaluate(CUT_OFF) == []
    keys.choose(card.get_by_label("It is decided by"), "The learner does one of these")
    keys.choose(card.get_by_label("Add to “What the learner does”"), "plan")
    saved(page)
    page.get_by_text("Nothing is wrong.").or_(page.locator("#todo .advice")).first.wait_for()
    look_at(page)
    page.set_viewport_size({"width": 390, "height": 844})
    keys.choose(card.get_by_label("It is decided by"), "a human rater decides")
    card.get_by_label("What the learner does", exact=True).wait_for(state="detached")
    saved(page)

    # a mistake is shown where it is, and taken back
    keys.press(page.locator("#part-lines > summary"), again=False)
    keys.press(page.locator("#card-lines-help > summary"))
    field = page.locator("#card-lines-help").get_by_label("The patient says", exact=True)
    field.wait_for()
    keys.write(field, "I don't want to be a burden.")
    keys.leave()
    page.locator("#todo").get_by_text("reveals").wait_for()
    keys.press(page.get_by_role("button", name="Undo the last change"))
    page.get_by_text("Taken back.").wait_for()
    page.locator("#todo .advice").wait_for()  # the new line has one question only
    assert page.locator("#todo li:not(.advice)").count() == 0
    page.set_viewport_size({"width": 1366, "height": 768})

    # another educator changes the same card: both texts are shown, and one is chosen
    other = window(chromium, served, "mei", said)
    for each in (page, other):
        each.goto(page.url.partition("?")[0])
        each.locator("#part-about > summary").click()
        each.get_by_label("Title", exact=True).wait_for()
    other.get_by_label("Title", exact=True).fill("The result in room 4")
    other.keyboard.press("Tab")
    saved(other)
    page.get_by_label("Title", exact=True).fill("Mr. Vogt waits")
    page.keyboard.press("Tab")
    page.locator(".theirs pre", has_text="The result in room 4").wait_for()
    page.get_by_role("button", name="Keep mine").click()
    page.locator("h1", has_text="Mr. Vogt waits").wait_for()
    saved(page)
    other.context.close()

    # the whole check, over a reload; then learners are offered this version
    keys.press(page.get_by_role("button", name="Run the whole check"))
    page.get_by_text(re.compile("The check runs|The case passed")).wait_for()
    page.reload()
    page.get_by_text("The case passed:").wait_for(timeout=WAIT_MS)
    keys.press(page.get_by_role("button", name="Offer this version to learners"))
    page.get_by_text("Learners are offered this version now.").wait_for()
    (listed,) = listed_cases(paths.own_cases_dir())
    assert (listed.id, listed.fault) == ("karl-vogt", None)

    # out, in again, and out: the same bytes
    names = ("case.yaml", "suite.yaml", "demo.yaml", "demo-poor.yaml")
    first = {name: download(page, name) for name in names}
    assert first["case.yaml"].decode() == listed.file.read_text(encoding="utf-8")
    for name, raw in first.items():
        (tmp_path / name).write_bytes(raw)
    keys.press(page.get_by_text("Bring in changed files"))
    page.get_by_label("Files of the case").set_input_files([tmp_path / name for name in names])
    keys.press(page.get_by_role("button", name="Bring them in"))
    page.get_by_text("The files are in.").wait_for()
    assert {name: download(page, name) for name in names} == first
    assert [each for each in said if "409" not in each and "422" not in each] == []
    page.context.close()
