"""The page of a cohort: who may see it, what is in it, and what a revoked release takes away."""

from __future__ import annotations

import csv
import html
import io
from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from simvoice.hub import attempts, briefs, examples, releases
from simvoice.hub.storage.tables import Account, Release, StoredAttempt
from simvoice.release.contents import Contents
from tests.hub.cohorts import BEGAN, ITEMS, VERSION, planted, release_planted
from tests.hub.conftest import ClientAs
from tests.hub.pages.town import Town

pytestmark = pytest.mark.slow


def page(browser: TestClient, town: Town, query: str = "") -> str:
    answer = browser.get(f"/courses/{town.course}/cohort{query}")
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def test_an_educator_sees_where_the_own_cohort_stands(town: Town, client_as: ClientAs) -> None:
    edo, mei = client_as(login="edo"), client_as(login="mei")
    assert "Nothing is released to this course now" in page(edo, town)
    assert edo.get(f"/courses/{town.course}/cohort.csv").status_code == 404
    release_planted(town.hub, town.course, planted(30, 2, ITEMS[:1]))
    found = page(edo, town)
    assert "30 learners, with one attempt each: the last one." in found
    assert found.count('<svg class="strip"') == 3 + 7
    assert "not compared with human raters" in found.lower()
    assert "Name 7" not in found  # nobody is named
    sent = edo.get(f"/courses/{town.course}/cohort.csv")
    rows = list(csv.DictReader(io.StringIO(sent.text, newline="")))
    assert {row["kind"] for row in rows} == {"number", "heading", "item"}
    first = edo.get(f"/courses/{town.course}/cohort.csv?attempts=first").text
    assert first != sent.text
    assert f"{VERSION[:12]},first,number" in first
    # what cannot be chosen is taken as not asked for
    odd = f"?case=none&version=x&assignment={uuid4()}&attempts=best"
    assert edo.get(f"/courses/{town.course}/cohort.csv{odd}").text == sent.text
    for other in (mei, client_as(login="lena")):
        for path in ("cohort", "cohort.csv"):
            assert other.get(f"/courses/{town.course}/{path}").status_code == 403
    with town.hub.database.begin() as session:
        stays = session.query(Account.id).filter(Account.login.like("cohort-%")).limit(4)
        kept = session.query(StoredAttempt.id).filter(StoredAttempt.owner_id.in_(stays))
        for given in session.query(Release).filter(Release.attempt_id.not_in(kept)):
            given.revoked_at = BEGAN + timedelta(days=30)
    assert "Fewer than five learners have released" in page(edo, town)


def test_an_attempt_without_a_brief_is_read_when_the_page_asks(
    town: Town, client_as: ClientAs
) -> None:
    town.release(Contents.WORDS)
    assert "Fewer than five learners" in page(client_as(login="edo"), town)
    with town.hub.database.read() as session:
        assert briefs.missing(session) == []


def test_an_example_is_heard_for_as_long_as_its_learner_agrees(
    town: Town, client_as: ClientAs
) -> None:
    lena, edo, mei = (client_as(login=each) for each in ("lena", "edo", "mei"))
    path = f"/courses/{town.course}/examples/{town.attempt}/audio"
    form = {"course_id": str(town.course), "contents": "words", "example": "yes"}
    refused = lena.post(f"/attempts/{town.attempt}/release", data=form)
    assert refused.status_code == 422
    assert examples.NEEDS_SOUND in html.unescape(refused.text)
    lena.post(f"/attempts/{town.attempt}/release", data={**form, "contents": "sound"})
    heard = edo.get(path)
    assert heard.status_code == 200
    assert heard.headers["content-type"] == "audio/flac"
    assert mei.get(path).status_code == 403
    assert lena.get(path).status_code == 403
    with town.hub.database.read() as session:
        (given,) = releases.present_releases(session, town.attempt)
        assert given.is_example
    assert edo.post(f"/releases/{given.id}/example").status_code == 403
    assert client_as(login="ayo").post(f"/releases/{given.id}/example/end").status_code == 404
    assert lena.post(f"/releases/{given.id}/example/end").status_code == 303
    gone = edo.get(path)
    assert gone.status_code == 404
    assert "its learner has ended the permission" in gone.text
    assert edo.get(f"/attempts/{town.attempt}/audio").status_code == 200  # it is still released
    assert lena.post(f"/releases/{given.id}/example").status_code == 303
    assert edo.get(path).status_code == 200
    lena.post(f"/releases/{given.id}/revoke")
    assert edo.get(path).status_code == 404
    assert lena.post(f"/releases/{given.id}/example").status_code == 404
    # a new release asks again
    lena.post(
        f"/attempts/{town.attempt}/release", data={**form, "contents": "sound", "example": ""}
    )
    assert edo.get(path).status_code == 404
    attempts.erase(town.hub, [town.attempt], reason="learner")
    assert edo.get(path).status_code == 404
