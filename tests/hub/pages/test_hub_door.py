"""The doors of cases and assignments on the hub, and the way from an encounter to its debrief."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from simvoice.hub import assignments
from simvoice.hub.doors import sessions
from simvoice.hub.storage.tables import Assignment, OneTimeCode, StoredAttempt
from simvoice.hub_client.station_messages import Accommodations, AssignmentOptions
from tests.hub.conftest import ClientAs, browser
from tests.hub.pages.served import StandInPatients
from tests.hub.pages.town import RECORD, Town
from tests.web.stand_in import CASE

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _patients(town: Town) -> Iterator[None]:
    town.hub.encounters.start(StandInPatients(), 1)
    yield
    town.hub.encounters.stop()


def text_of(browser: TestClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def test_a_learner_chooses_a_patient_and_reads_the_door_note(
    town: Town, client_as: ClientAs
) -> None:
    lena = client_as(login="lena")
    assert CASE.title in text_of(lena, "/practice")
    page = text_of(lena, f"/case/{CASE.id}")
    assert "You are the doctor on duty in the breast clinic." in page
    assert "Only you, until you release it." in page
    assert "You speak as Lena Fuchs." in page
    assert 'data-debriefs="/encounters/ended/"' in page
    assert 'id="learner"' not in page  # a hub knows who it is
    assert lena.get("/case/nothing").status_code == 404


def test_the_door_of_an_exam_says_who_gets_it_and_how_long_it_is(
    town: Town, client_as: ClientAs
) -> None:
    with town.hub.database.begin() as session:
        options = AssignmentOptions(limit_s=300.0, accommodations=Accommodations(time_factor=2.0))
        task = assignments.assignment(session, town.exam)
        task.options = options.model_dump(mode="json")
    page = text_of(client_as(login="lena"), f"/assignments/{town.exam}")
    assert "What you say is released to Communication, year 3 (Edo Haddad)," in page
    assert "You read the debrief when the educators release it." in page
    assert "Sound, words and numbers are released to them when it ends." in page
    assert f'data-assignment="{town.exam}"' in page
    assert "In the next 10 minutes:" in page
    assert "<dt>Time</dt><dd>10 minutes</dd>" in page
    assert "eight minutes" not in page


@pytest.mark.parametrize("login", ["edo", "tech", "rosa"])
def test_only_learners_talk(town: Town, client_as: ClientAs, login: str) -> None:
    other = client_as(login=login)
    for path in ("/practice", f"/case/{CASE.id}", f"/assignments/{town.assignment}"):
        assert other.get(path).status_code == 403


def test_an_assignment_that_cannot_be_begun_says_why(town: Town, client_as: ClientAs) -> None:
    lena = client_as(login="lena")
    with town.hub.database.begin() as session:
        task = session.get(Assignment, town.assignment)
        assert task is not None
        task.closes_at = town.hub.now() - timedelta(minutes=1)
    answer = lena.get(f"/assignments/{town.assignment}")
    assert answer.status_code == 404
    assert "This assignment is closed." in answer.text
    with town.hub.database.begin() as session:
        assignments.withdraw(session, town.assignment)
    assert "was withdrawn" in lena.get(f"/assignments/{town.assignment}").text


def test_an_encounter_that_has_ended_leads_to_its_debrief_and_to_no_others(
    town: Town, client_as: ClientAs
) -> None:
    path = f"/encounters/ended/{RECORD}"
    answer = client_as(login="lena").get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/attempts/{town.attempt}")
    # not kept yet, or another person's
    assert "Your conversation is being saved" in text_of(client_as(login="ayo"), path)


def test_a_candidate_has_the_exam_and_nothing_else(town: Town) -> None:
    with town.hub.database.begin() as session:
        code = session.query(OneTimeCode).filter_by(label="1").one()
        token = sessions.begin_sign_in(session, town.hub, code_id=code.id)
    candidate = browser(town.hub, token)
    home = candidate.get("/")
    assert home.headers["location"] == f"/assignments/{town.exam}"
    page = text_of(candidate, home.headers["location"])
    assert "Candidate 1" in page
    assert 'class="places"' not in page
    assert candidate.get(f"/assignments/{town.assignment}").status_code == 403
    for path in ("/attempts", "/practice", "/account", f"/attempts/{town.attempt}/release"):
        assert candidate.get(path).status_code == 403
    assert candidate.get(f"/attempts/{town.attempt}").status_code == 404
    with town.hub.database.begin() as session:
        own = session.get(StoredAttempt, town.attempt)
        assert own is not None
        own.owner_id, own.code_id, own.assignment_id = None, code.id, town.exam
    assert "Your conversation is saved." in text_of(candidate, f"/attempts/{town.attempt}")
    for path in ("/audio", "/timeline", "/turns.svg"):
        assert candidate.get(f"/attempts/{town.attempt}{path}").status_code == 403
    assert "Your conversation is kept for the educators" in text_of(
        candidate, f"/assignments/{town.exam}"
    )
