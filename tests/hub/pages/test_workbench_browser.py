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


def download(page: Any, name: str) -> bytes:
    with page.expect_download() as waited:
        page.get_by_role("link", name=name, exact=True).click()
    return Path(waited.value.path()).read_bytes()


def test_a_case_is_made_of_a_door_note_alone_certified_and_goes_out_and_in(
    served: ServedTown, chromium: Any, home: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    page = window(chromium, served, "edo", said)
    page.goto(f"{served.address}/workbench")
    look_at(page)
    page.get_by_role("textbox", name="Door note").fill(NOTE)
    page.get_by_role("button", name="Read the note").click()
    assert page.get_by_label("Name of the patient").input_value() == "Karl Vogt"
    look_at(page)
    page.get_by_role("button", name="Make the case").click()
    page.get_by_text("Nothing is wrong.").wait_for()

    # by keyboard alone: a line is opened, changed and saved; the patient says it
    lines = page.locator("#part-lines > summary")
    lines.focus()
    page.keyboard.press("Enter")
    page.locator("#card-lines-sister > summary").focus()
    page.keyboard.press("Enter")
    words = page.get_by_label("The patient says")
    words.wait_for()
    words.fill("My daughter Anna. She lives next door.")
    page.keyboard.press("Tab")
    saved(page)
    page.get_by_label("You say").fill("Who is at home with you?")
    page.keyboard.press("Enter")
    page.locator("#talk .answer", has_text="My daughter Anna").wait_for()
    page.get_by_label("You say").fill("What is the name of your first school?")
    page.keyboard.press("Enter")
    page.get_by_text("It is kept among the questions without an answer.").wait_for()
    look_at(page)

    # a question without an answer becomes a line with one press
    page.get_by_role("button", name="Look for them").click()
    page.get_by_label("The patient answers").fill("The Saint Martin school. Why do you ask?")
    page.get_by_role("button", name="Make this line").click()
    page.locator("#talk .answer", has_text="The Saint Martin school").wait_for()

    # a mistake is shown where it is, and taken back
    page.locator("#card-lines-help > summary").click()
    field = page.locator("#card-lines-help").get_by_label("The patient says")
    field.fill("I don't want to be a burden.")
    field.blur()
    page.locator("#todo").get_by_text("reveals").wait_for()
    page.get_by_role("button", name="Undo the last change").click()
    page.get_by_text("Taken back.").wait_for()
    page.locator("#todo .advice").wait_for()  # the new line has one question only
    assert page.locator("#todo li:not(.advice)").count() == 0

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
    page.get_by_role("button", name="Run the whole check").click()
    page.get_by_text(re.compile("The check runs|The case passed")).wait_for()
    page.reload()
    page.get_by_text("The case passed:").wait_for(timeout=WAIT_MS)
    page.get_by_role("button", name="Offer this version to learners").click()
    page.get_by_text("Learners are offered this version now.").wait_for()
    (listed,) = listed_cases(paths.own_cases_dir())
    assert (listed.id, listed.fault) == ("karl-vogt", None)

    # out, in again, and out: the same bytes
    names = ("case.yaml", "suite.yaml", "demo.yaml", "demo-poor.yaml")
    first = {name: download(page, name) for name in names}
    assert first["case.yaml"].decode() == listed.file.read_text(encoding="utf-8")
    for name, raw in first.items():
        (tmp_path / name).write_bytes(raw)
    page.get_by_text("Bring in changed files").click()
    page.get_by_label("Files of the case").set_input_files([tmp_path / name for name in names])
    page.get_by_role("button", name="Bring them in").click()
    page.get_by_text("The files are in.").wait_for()
    assert {name: download(page, name) for name in names} == first
    assert [each for each in said if "409" not in each and "422" not in each] == []
    page.context.close()
