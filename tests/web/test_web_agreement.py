"""The agreement page, and the sentence about agreement at each item of a debrief."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from simvoice.reading.reading import read
from simvoice.record.ratings import RATINGS, RaterDone, Rating, add_ratings, finish_rating
from simvoice.scoring.raters.item_agreement import judge_attempt
from simvoice.web.raters import AgreementCache
from tests.planted.on_page import plant
from tests.web.stand_in import StandIn

ITEM = "spikes-perception"
WHEN = "2026-11-24T10:00:00+01:00"


def rate(simulator: StandIn, attempt: str, value: str, rater: str = "kim") -> None:
    given = {"rater": rater, "item": ITEM, "value": value, "wall_time": WHEN}
    add_ratings(simulator.root / attempt, [Rating.model_validate(given)])


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def sentence_of(client: TestClient, attempt: str) -> str:
    page = client.get(f"/attempts/{attempt}").text
    if 'class="hint unchecked"' in page:
        assert 'class="hint checked"' not in page  # one sentence for all items
        found = re.search(r'class="hint unchecked"><a [^>]*>([^<]*)</a></p>', page)
        assert found is not None
        return found[1]
    item = page.partition(f'data-item="{ITEM}"')[2].partition("</li>\n")[0]
    found = re.search(r'class="hint checked">([^<]*)<', item)
    assert found is not None
    return found[1]


@pytest.mark.slow
def test_without_ratings_the_page_says_how_to_begin(
    client: TestClient, simulator: StandIn, attempt_id: str
) -> None:
    text = client.get("/agreement").text
    assert "No one has rated an attempt yet" in text
    assert "How to begin" in text
    assert f'href="/attempts/{attempt_id}/rate"' in text
    assert "<table" not in text
    assert "Landis &amp; Koch 1977" in text
    assert 'href="/agreement"' in client.get("/").text
    simulator.erase(attempt_id)
    assert "There is no conversation to rate yet" in client.get("/agreement").text


@pytest.mark.slow
def test_an_item_is_shown_with_its_figures_and_its_sentence_changes_at_once(
    client: TestClient, simulator: StandIn
) -> None:
    found = plant(simulator.root, instruments=("SPIKES",))
    assert sentence_of(client, found) == "Not yet compared."
    attempt = simulator.store.open(found)
    says = judge_attempt(attempt, read(attempt)).machine[ITEM].outcome
    never = "not met" if says == "met" else "met"
    for number in range(21):
        more = f"20261122-1016{number:02d}-breast-biopsy-k3f9"
        (simulator.root / more).mkdir()
        for file in ("header.json", "journal.jsonl", "closed"):
            kept = (simulator.root / found / file).read_bytes()
            (simulator.root / more / file).write_bytes(kept)
        rate(simulator, more, says)
    assert sentence_of(client, found) == (
        f"Compared with 21 human ratings: may be trusted, though raters never said {never}."
    )
    page = client.get("/agreement").text
    assert f'data-item="{ITEM}" data-trust="may be trusted"' in page
    text = plain(page)
    assert "21 attempts rated by 1 rater" in text
    assert "AC1 1.00 (0.81 to 1.00)" in text
    assert "21 attempts, 21 ratings (0 blind)" in text
    rate(simulator, found, "not met" if says == "met" else "met")
    assert "22 human ratings" in sentence_of(client, found)


@pytest.mark.slow
def test_unfinished_ratings_do_not_count(client: TestClient, simulator: StandIn) -> None:
    found = plant(simulator.root, instruments=("SPIKES",))
    given = {"rater": "kim", "item": ITEM, "value": "met", "wall_time": WHEN}
    draft = Rating.model_validate({**given, "source": "page", "blind": True})
    add_ratings(simulator.root / found, [draft])
    assert "No one has rated" in client.get("/agreement").text
    assert sentence_of(client, found) == "Not yet compared."
    finish_rating(simulator.root / found, RaterDone(done="kim", wall_time=WHEN))
    assert "1 attempt, 1 rating (1 blind)" in plain(client.get("/agreement").text)


@pytest.mark.slow
def test_an_unreadable_file_is_named_and_the_page_still_works(
    client: TestClient, simulator: StandIn
) -> None:
    good = plant(simulator.root, instruments=("SPIKES",))
    rate(simulator, good, "met")
    bad = plant(simulator.root, attempt="20261122-101600-breast-biopsy-k3f9")
    (simulator.root / bad / RATINGS).write_text("{<b>nonsense\n")
    text = client.get("/agreement").text
    assert f"Line 1 of ratings.jsonl of attempt {bad} cannot be read" in plain(text)
    assert f'data-item="{ITEM}"' in text
    assert client.get(f"/attempts/{bad}").status_code == 200


@pytest.mark.slow
def test_each_attempt_is_judged_once(simulator: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    found = plant(simulator.root, instruments=("SPIKES",))
    rate(simulator, found, "met")
    opened: list[str] = []
    real = simulator.attempt
    monkeypatch.setattr(simulator, "attempt", lambda each: opened.append(each) or real(each))
    agreements = AgreementCache()
    first = agreements.get(simulator)
    assert agreements.get(simulator) is first
    assert opened == [found]
    rate(simulator, found, "not met", "lee")
    assert agreements.get(simulator).raters == ("kim", "lee")
    assert opened == [found, found]
    simulator.erase(found)
    assert agreements.get(simulator).raters == ()
