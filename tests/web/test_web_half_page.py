"""The page of an encounter in which little can be judged, and of headings without percentages."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from simvoice.debrief.first_screen import MOST_WORDS, count_words
from tests.planted.odd_encounters import ODD, plant_odd
from tests.planted.on_page import plant
from tests.web.conftest import Open
from tests.web.stand_in import StandIn

pytestmark = pytest.mark.slow

HALF = [name for name in ODD if name != "crashed"]


def plain(html: str) -> str:
    return " ".join(
        re.sub(r"<[^>]+>", " ", re.sub(r"<svg.*?</svg>", " ", html, flags=re.S)).split()
    )


def first_of(page: str) -> str:
    """Return the words of the first screen."""
    return plain(page.partition('id="first"')[2].partition("</section>")[0].partition(">")[2])


@pytest.mark.parametrize("name", HALF)
def test_the_first_screen_invents_nothing(
    client: TestClient, simulator: StandIn, name: str
) -> None:
    made = plant_odd(simulator.root, name)
    page = client.get(f"/attempts/{made.id}").text
    first = first_of(page)
    assert count_words(first) <= MOST_WORDS
    assert "%" not in first
    too_little = "There was too little to suggest anything." in first
    assert too_little == (name != "says only okay")
    greeted = name in {"ten seconds", "crashed at once"}
    assert ("There was too little to say what worked." in first) == (not greeted)
    assert ("Said hello or gave a name." in first) == greeted
    assert "Try again" in first


@pytest.mark.parametrize("name", HALF)
def test_what_could_be_judged_is_said_once(
    client: TestClient, simulator: StandIn, name: str
) -> None:
    made = plant_odd(simulator.root, name)
    main = client.get(f"/attempts/{made.id}").text.partition("<main")[2]
    half = main.partition('id="half"')[2].partition("</details>")[0]
    assert "What could be judged" in half
    assert re.search(r"(None of the|\d+ of) \d+ items? (was|were) judged", plain(half))
    assert main.index('class="notice list"') < main.index('class="doors"')


def test_a_list_says_a_shared_reason_once(client: TestClient, simulator: StandIn) -> None:
    made = plant_odd(simulator.root, "Spanish")
    text = client.get(f"/attempts/{made.id}").text
    lists = re.findall(r'<details class="group scored .*?</details>', text, flags=re.S)
    assert len(lists) > 3
    for each in lists:
        shown = each.count("the recognised words do not look like English")
        assert shown + each.count("The recognised words do not look like English") == 1


def test_a_heading_has_counts_no_bar_and_no_percentage(
    client: TestClient, simulator: StandIn
) -> None:
    text = client.get(f"/attempts/{plant(simulator.root)}").text
    summaries = re.findall(
        r"<details class=\"group scored heading\">\s*<summary>.*?</summary>", text
    )
    assert len(summaries) == 3
    for summary in summaries:
        assert re.search(r"\d of \d met|\d not judged", summary)
        assert re.search(r"(Met|Not met|Not judged): \w", summary)
        assert "%" not in summary
        assert "<svg" not in summary
    headings = "".join(
        re.findall(r'<details class="group scored heading">.*?</details>', text, re.S)
    )
    assert not re.search(r"\d %", plain(headings))


def test_the_bar_of_the_talking_has_its_interval_or_is_not_drawn(
    client: TestClient, simulator: StandIn
) -> None:
    made = plant(simulator.root)
    text = client.get(f"/attempts/{made}").text
    figure = re.search(r'<figure class="share".*?</figure>', text, flags=re.S)
    assert figure is not None
    assert "share-interval" in figure[0]
    assert len(re.findall(r"\d+ % \((?:±[\d.]+|\d+–\d+)\)", plain(figure[0]))) == 2
    again = plant(simulator.root, attempt="20261122-101630-breast-biopsy-k3f9")
    sounds = [p for p in (simulator.root / again).iterdir() if p.suffix in {".wav", ".flac"}]
    assert sounds
    for sound in sounds:
        sound.unlink()
    without = client.get(f"/attempts/{again}").text
    assert "Your share of the talking" in without or "your share of the talking" in without
    assert 'class="share"' not in without


@pytest.mark.parametrize("size", [(1366, 768), (390, 844)])
def test_it_fits_the_window_and_everything_can_be_unfolded(
    browse: Open, address: str, simulator: StandIn, size: tuple[int, int]
) -> None:
    made = plant_odd(simulator.root, "laughs")
    watched = browse()
    page = watched.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{address}/attempts/{made.id}")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    for door, inside in (("half", ".items"), ("scores", ".scored"), ("numbers", ".numbers")):
        assert not page.locator(f"#{door} {inside}").first.is_visible()
        page.locator(f"#{door} > summary").click()
        assert page.locator(f"#{door} {inside}").first.is_visible()
    assert watched.errors == []
