"""Pages of educators: courses, members, assignments and codes for exams."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from simvoice.hub import assignments, codes, courses
from simvoice.hub.codes import CodeKind
from simvoice.hub.pages import assignments as assignment_pages
from simvoice.hub.pages import courses as course_pages
from simvoice.hub.storage.tables import Assignment, OneTimeCode
from simvoice.web.ports import CaseCard
from tests.hub.conftest import PRINTED_CODE, ClientAs
from tests.hub.pages.town import Town
from tests.web.stand_in import CASE

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def cases(monkeypatch: pytest.MonkeyPatch) -> Sequence[CaseCard]:
    """The cases that the hub offers."""
    for pages in (assignment_pages, course_pages):
        monkeypatch.setattr(pages, "assignable_cases", lambda _hub: (CASE,))
    return (CASE,)


@pytest.fixture
def edo(town: Town, client_as: ClientAs) -> TestClient:
    return client_as(login="edo")


def text_of(browser: TestClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def problem(answer: object) -> str:
    """Return the sentence that a form shows."""
    text = html.unescape(answer.text)  # type: ignore[attr-defined]
    found = re.search(r'role="alert"[^>]*>([^<]+)<', text)
    assert found is not None, text
    return found[1]


def test_an_educator_makes_a_course_and_adds_people(edo: TestClient, town: Town) -> None:
    made = edo.post("/courses", data={"title": "Year 5", "description": "Mondays"})
    page = text_of(edo, made.headers["location"])
    assert "Year 5" in page
    assert "Mondays" in page
    assert "The course is made." in page
    course = made.headers["location"].partition("?")[0]
    added = edo.post(f"{course}/members", data={"logins": "lena\n\n ayo "})
    assert "Lena Fuchs" in text_of(edo, added.headers["location"])
    assert "Year 5" in text_of(edo, "/courses")


def test_what_is_wrong_in_a_form_is_said_and_what_was_typed_stays(
    edo: TestClient, town: Town
) -> None:
    refused = edo.post("/courses", data={"title": " ", "description": "kept text"})
    assert refused.status_code == 422
    assert problem(refused) == "The course needs a title."
    assert "kept text" in refused.text
    refused = edo.post(f"/courses/{town.course}/members", data={"logins": "lena\nnobody"})
    assert refused.status_code == 422
    assert "nobody" in problem(refused)
    assert "lena\nnobody</textarea>" in refused.text


@pytest.mark.parametrize("login", ["mei", "lena", "tech", "rosa"])
def test_nobody_else_sees_or_changes_a_course(town: Town, client_as: ClientAs, login: str) -> None:
    other = client_as(login=login)
    course, task = f"/courses/{town.course}", f"/assignments/{town.exam}"
    form = {"title": "Mine now", "logins": login, "labels": "1"}
    assert other.get(course).status_code == 403
    assert other.get(f"{course}/assign").status_code == 403
    assert other.get(f"{task}/codes").status_code == 403
    for path in (
        *(course, f"{course}/close", f"{course}/members"),
        *(f"{course}/members/{town.people['lena']}/remove", f"{task}/withdraw", f"{task}/codes"),
    ):
        assert other.post(path, data=form).status_code == 403, path
    given = {"title": "Mine now", "case_id": CASE.id}
    assert other.post(f"{course}/assign", data=given).status_code == 403
    with town.hub.database.read() as session:
        assert courses.course(session, town.course).title == "Communication, year 3"
        assert len(assignments.assignments(session, town.course)) == 2


def test_a_case_is_assigned_with_mode_dates_and_number(edo: TestClient, town: Town) -> None:
    page = text_of(edo, f"/courses/{town.course}/assign")
    assert CASE.title in page
    assert "You decide what your educators see." in page
    form = {
        **{"case_id": CASE.id, "title": "", "mode": "practice", "attempts_allowed": "5"},
        **{"opens_at": "2026-12-01T08:00", "closes_at": "2026-12-24T18:30"},
    }
    done = edo.post(f"/courses/{town.course}/assign", data=form)
    shown = text_of(edo, done.headers["location"])
    assert "1 December 2026, 08:00 to 24 December 2026, 18:30" in shown
    with town.hub.database.read() as session:
        made = session.query(Assignment).filter_by(attempts_allowed=5).one()
        assert (made.title, made.mode) == (CASE.title, "practice")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"case_id": "nothing"}, "Choose a case."),
        ({"mode": "race"}, "Choose practice, exam or drill."),
        ({"attempts_allowed": "many"}, "The number of attempts must be 1 to 99, or empty."),
        ({"attempts_allowed": "0"}, "The number of attempts must be 1 to 99, or empty."),
        ({"opens_at": "tomorrow"}, "Give the date and the time like this: 2026-11-29T14:30."),
        (
            {"opens_at": "2026-12-02T08:00", "closes_at": "2026-12-01T08:00"},
            "The assignment must close after it opens.",
        ),
        ({"title": "x" * 201}, "The title has 201 characters; 200 is the most."),
    ],
)
def test_an_assignment_that_is_not_valid_is_refused_in_a_sentence(
    edo: TestClient, town: Town, changed: dict[str, str], sentence: str
) -> None:
    form = {"case_id": CASE.id, "title": "Typed title", "mode": "practice", **changed}
    refused = edo.post(f"/courses/{town.course}/assign", data=form)
    assert refused.status_code == 422
    assert problem(refused) == sentence
    assert form["title"] in refused.text


def test_a_withdrawn_assignment_is_gone_from_the_course(edo: TestClient, town: Town) -> None:
    done = edo.post(f"/assignments/{town.assignment}/withdraw")
    assert "Give the result of a biopsy" not in text_of(edo, done.headers["location"])
    assert edo.post(f"/assignments/{uuid4()}/withdraw").status_code == 404


def test_codes_are_shown_once_on_a_sheet_and_let_a_candidate_in(
    edo: TestClient, town: Town, client: TestClient
) -> None:
    sheet = edo.post(f"/assignments/{town.exam}/codes", data={"labels": "101\n102\n"})
    assert sheet.status_code == 200
    printed = PRINTED_CODE.findall(sheet.text)
    assert len(printed) == 2
    assert "https://hub.test" in sheet.text
    listed = text_of(edo, f"/assignments/{town.exam}/codes")
    assert "101" in listed
    assert printed[0] not in listed
    with town.hub.database.begin() as session:
        found = codes.look_up(session, town.hub, CodeKind.EXAM, printed[0])
        assert (found.label, found.assignment_id) == ("101", town.exam)


def test_a_code_is_revoked(edo: TestClient, town: Town, client_as: ClientAs) -> None:
    with town.hub.database.read() as session:
        code = session.query(OneTimeCode).filter_by(label="1").one()
    assert client_as(login="mei").post(f"/codes/{code.id}/revoke").status_code == 403
    done = edo.post(f"/codes/{code.id}/revoke")
    assert "The code does not work any more." in text_of(edo, done.headers["location"])
    assert "revoked" in text_of(edo, f"/assignments/{town.exam}/codes")


@pytest.mark.parametrize("labels", ["", "1\n1"])
def test_candidates_that_cannot_be_used_are_said(edo: TestClient, town: Town, labels: str) -> None:
    refused = edo.post(f"/assignments/{town.exam}/codes", data={"labels": labels})
    assert refused.status_code == 422
    assert problem(refused).endswith(".")


def test_only_an_exam_has_codes(edo: TestClient, town: Town) -> None:
    refused = edo.post(f"/assignments/{town.assignment}/codes", data={"labels": "1"})
    assert problem(refused) == "Only an exam has codes."


def test_a_closed_course_takes_no_assignment(edo: TestClient, town: Town) -> None:
    done = edo.post(f"/courses/{town.course}/close")
    assert "closed since" in text_of(edo, done.headers["location"])
    form = {"case_id": CASE.id, "mode": "practice"}
    refused = edo.post(f"/courses/{town.course}/assign", data=form)
    assert "closed" in problem(refused)


def test_the_last_educator_stays(edo: TestClient, town: Town) -> None:
    path = f"/courses/{town.course}/members/{town.people['edo']}/remove"
    refused = edo.post(path)
    assert refused.status_code == 422
    assert "needs an educator" in problem(refused)
