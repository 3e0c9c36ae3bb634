"""Blind rating on the hub: the machine's judgement stays hidden until the rater has finished."""

from __future__ import annotations

import html
from typing import Any

import pytest
from fastapi.testclient import TestClient

from simvoice.hub import briefs, ratings
from simvoice.hub.storage.tables import ItemRating
from simvoice.release.contents import Contents
from tests.hub.conftest import ClientAs
from tests.hub.pages.town import Town

pytestmark = pytest.mark.slow

MACHINE = ("What happened", "evidence", "Machine</span>", "You may have", "suggestion")


def send(browser: TestClient, town: Town, item: str, value: str, comment: str = "") -> Any:
    body = {"rater": "whoever", "item": item, "value": value, "comment": comment}
    return browser.post(f"/attempts/{town.attempt}/ratings", json=body)


def finish(browser: TestClient, town: Town) -> Any:
    return browser.post(f"/attempts/{town.attempt}/ratings/finish", json={"rater": ""})


def sheet(browser: TestClient, town: Town) -> str:
    answer = browser.get(f"/attempts/{town.attempt}/rate")
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def machine_of(town: Town) -> dict[str, briefs.FigureOutcome]:
    briefs.fill(town.hub, time_s=None)
    with town.hub.database.read() as session:
        return briefs.load_figures(session, [town.attempt])[town.attempt].items or {}


def test_a_rater_goes_on_where_they_stopped_and_then_sees_the_machine(
    town: Town, client_as: ClientAs
) -> None:
    town.release(Contents.SOUND)
    edo = client_as(login="edo")
    machine = machine_of(town)
    page = sheet(edo, town)
    assert not [words for words in MACHINE if words in page]
    first, second = [key for key, said in machine.items() if said == "met"][:2]
    assert send(edo, town, first, "met").json() == {"item": first, "answered": 1}
    assert send(edo, town, first, "not met", "too late").json()["answered"] == 1
    for path in ("", "/timeline", "/turns.svg"):  # the machine's judgement, whatever the address
        hidden = edo.get(f"/attempts/{town.attempt}{path}")
        assert hidden.status_code == 403
        assert "You are rating this attempt blind" in html.unescape(hidden.text)
    assert edo.get(f"/attempts/{town.attempt}/audio").status_code == 200
    assert "too late" in sheet(client_as(login="edo"), town)  # another browser, another day
    with town.hub.database.read() as session:
        assert ratings.rated_attempts(session) == []  # a draft does not count
    assert send(edo, town, second, "met").json()["answered"] == 2
    assert finish(edo, town).status_code == 200
    done = sheet(edo, town)
    assert "You and the machine gave the same answer on 1 of 2 items" in done
    assert send(edo, town, first, "met").status_code == 409
    assert finish(edo, town).status_code == 409
    assert edo.get(f"/attempts/{town.attempt}").status_code == 200
    with town.hub.database.read() as session:
        (rated,) = ratings.rated_attempts(session)
    assert {each.item: (each.value, each.blind) for each in rated.ratings} == {
        first: ("not met", True),
        second: ("met", True),
    }
    agreement = html.unescape(edo.get("/agreement").text)
    assert "1 attempt rated by 1 rater" in agreement
    assert "both judged it in 1 of the" in agreement


def test_a_rating_after_the_debrief_is_not_blind_and_of_a_revoked_release_does_not_count(
    town: Town, client_as: ClientAs
) -> None:
    release = town.release(Contents.WORDS)
    lena, edo = client_as(login="lena"), client_as(login="edo")
    assert edo.get(f"/attempts/{town.attempt}").status_code == 200
    item = next(iter(machine_of(town)))
    assert "The sound of this attempt is not released" in sheet(edo, town)
    assert edo.get(f"/attempts/{town.attempt}/rate/timeline").json()["peaks"] is None
    assert send(edo, town, item, "met").status_code == 200
    with town.hub.database.read() as session:
        assert [each.blind for each in session.query(ItemRating)] == [False]
    assert finish(edo, town).status_code == 200
    lena.post(f"/releases/{release}/revoke")
    with town.hub.database.read() as session:
        assert ratings.rated_attempts(session) == []
    assert edo.get(f"/attempts/{town.attempt}/rate").status_code == 404
    refused = send(edo, town, item, "met")
    assert refused.status_code == 404
    assert "not released to you now" in refused.json()["message"]
    lena.post(f"/attempts/{town.attempt}/erase")
    with town.hub.database.read() as session:
        assert session.query(ItemRating).count() == 0


def test_only_educators_of_the_course_rate_and_only_what_has_words(
    town: Town, client_as: ClientAs
) -> None:
    town.release(Contents.NUMBERS)
    edo = client_as(login="edo")
    assert edo.get(f"/attempts/{town.attempt}/rate").status_code == 404
    town.release(Contents.WORDS)
    for login, status in (("mei", 404), ("lena", 403), ("tech", 403)):
        other = client_as(login=login)
        assert other.get(f"/attempts/{town.attempt}/rate").status_code == status
        assert send(other, town, "x", "met").status_code == status
        assert finish(other, town).status_code == status
    assert finish(edo, town).json()["message"].startswith("No item has an answer yet")
    for item, value, said in (
        ("no-such-item", "met", "There is no item no-such-item here"),
        (next(iter(machine_of(town))), "perhaps", "is not an answer to this item"),
    ):
        refused = send(edo, town, item, value)
        assert refused.status_code == 422
        assert said in refused.json()["message"]
