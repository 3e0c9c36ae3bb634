"""A learner's first page and progress on the hub, from records that are really there."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import yaml
from fastapi.testclient import TestClient

from simvoice import paths
from simvoice.hub import attempts, briefs
from simvoice.hub.storage.tables import CourseUnit, StoredAttempt
from simvoice.record.events import RecordedOptions, RetryOrigin
from tests.hub.conftest import ClientAs
from tests.hub.pages.town import RECORD, Town
from tests.planted.on_page import plant

pytestmark = pytest.mark.slow


def text_of(browser: TestClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def keep(town: Town, folder: Path, day: int, **header: Any) -> UUID:
    """Keep one more attempt of Lena's, at the same case."""
    began = f"2026-11-{day}T10:15:30+00:00"
    name = f"202611{day}-101530-breast-biopsy-zz{day}"
    made = plant(folder / name, began, attempt=name, uuid=uuid4(), **header)
    return attempts.keep(town.hub, folder / name / made, origin="hub", owner_id=town.people["lena"])


def test_progress_shows_the_own_attempts_and_what_an_exam_holds_back_stays_out(
    town: Town, tmp_path: Path, client_as: ClientAs
) -> None:
    origin = RetryOrigin(attempt=RECORD, turn=2, at_s=20.0)
    later, retry = keep(town, tmp_path, 24), keep(town, tmp_path, 26, again=origin)
    briefs.fill(town.hub, time_s=None)  # a page makes some of them, as long as it has time
    lena = client_as(login="lena")
    page = text_of(lena, "/progress")
    assert "2 conversations from the beginning, 1 retry" in page
    links = set(re.findall(r'href="/attempts/([0-9a-f-]{36})"', lena.get("/progress").text))
    assert {str(town.attempt), str(later), str(retry)} <= links
    charts = re.findall(r'src="(/progress\.svg[^"]+)"', lena.get("/progress").text)
    assert len(charts) == 3
    drawn = lena.get(html.unescape(charts[0]))
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/svg+xml")
    assert client_as(login="ayo").get(html.unescape(charts[0])).status_code == 404
    assert "None of these conversations" in text_of(client_as(login="ayo"), "/progress")
    with town.hub.database.begin() as session:
        session.get_one(StoredAttempt, later).assignment_id = town.exam
    page = text_of(lena, "/progress")
    assert "1 conversation from the beginning" in page
    assert "an exam, whose debrief is not released" in page


def test_the_first_page_says_where_a_learner_stands_and_what_to_try_next(
    town: Town, tmp_path: Path, client_as: ClientAs
) -> None:
    keep(town, tmp_path, 24)
    origin = RetryOrigin(attempt=RECORD, turn=2, at_s=20.0)
    retry = keep(town, tmp_path, 26, again=origin)
    plan = yaml.safe_load((paths.scenarios_dir() / "breast-biopsy" / "course.yaml").read_text())
    with town.hub.database.begin() as session:
        unit = CourseUnit(
            **{"course_id": town.course, "case_id": "breast-biopsy", "title": "Bad news"}, plan=plan
        )
        session.add(unit)
    lena = client_as(login="lena")
    assert "3 conversations are being read" in text_of(lena, "/")
    briefs.fill(town.hub, time_s=None)
    page = text_of(lena, "/")
    assert "2 whole conversations so far, with 1 patient." in page
    assert "no change that can be told from chance" in page
    assert "Try next" in page
    assert f"/attempts/{retry}" in lena.get("/").text
    for words in ("Communication, year 3", "With Edo Haddad", *plan["objectives"]):
        assert words in page
    assert "1 of 2 assignments tried" in page
    # the retry is folded into the attempt that it belongs to
    listed = text_of(lena, "/attempts")
    assert "1 retry Retry from 0:20" in listed
    rows = re.findall(r'<th scope="row"><a href="/attempts/', lena.get("/attempts").text)
    assert len(rows) == 2


def test_a_plan_of_another_version_does_not_keep_a_learner_from_the_first_page(
    town: Town, client_as: ClientAs
) -> None:
    with town.hub.database.begin() as session:
        unit = {"course_id": town.course, "case_id": "breast-biopsy", "title": "Bad news"}
        session.add(CourseUnit(**unit, plan={"format": 9}))
    assert "Bad news" in text_of(client_as(login="lena"), "/")


def test_own_words_come_before_what_the_record_says(
    town: Town, tmp_path: Path, client_as: ClientAs
) -> None:
    lena = client_as(login="lena")
    waiting = keep(town, tmp_path, 24, options=RecordedOptions(reflects=True))
    briefs.fill(town.hub, time_s=None)
    assert "1 whole conversation so far" in text_of(lena, "/")
    assert "open its debrief first" in text_of(lena, "/progress")
    assert f"/attempts/{waiting}" not in lena.get("/").text.split('id="own-title"')[0]
    assert lena.post(f"/attempts/{waiting}/reflection/end").status_code == 200
    assert "2 conversations from the beginning" in text_of(lena, "/progress")
    assert "2 whole conversations so far" in text_of(lena, "/")
