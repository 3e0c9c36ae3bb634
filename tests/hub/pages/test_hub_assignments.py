"""Assignments with their options: the form, the educator's page, exams held back and released."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from simvoice.hub import assignments, audit, begun, codes, releases
from simvoice.hub.assignment_options import options_of
from simvoice.hub.doors import sessions
from simvoice.hub.storage.tables import (
    Assignment,
    OneTimeCode,
    Release,
    StationVisit,
    StoredAttempt,
)
from simvoice.hub_client.station_messages import Accommodations, Drill, Timer
from simvoice.scoring.instruments.instrument import items
from simvoice.web.ports import MomentCard
from tests.hub.cohorts import ITEMS, planted, release_planted
from tests.hub.conftest import ClientAs, browser, token_of
from tests.hub.pages.served import StandInPatients
from tests.hub.pages.town import WORDS_OF_RECORD, Town
from tests.web.stand_in import CASE

pytestmark = pytest.mark.slow

NEWS = MomentCard("the-news", "She asks for the result", "Tell her, and let the silence stand.")
WITH_MOMENTS = replace(CASE, moments=(NEWS,))


class PatientsWithMoments(StandInPatients):
    """The stand-in, whose case has a moment for drills."""

    def cases(self) -> tuple[object, ...]:  # type: ignore[override]
        return (WITH_MOMENTS,)


@pytest.fixture(autouse=True)
def _patients(town: Town) -> Iterator[None]:
    town.hub.encounters.start(PatientsWithMoments(), 1)  # type: ignore[arg-type]
    yield
    town.hub.encounters.stop()


@pytest.fixture
def edo(town: Town, client_as: ClientAs) -> TestClient:
    return client_as(login="edo")


def text_of(browser: TestClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def problem(text: str) -> str:
    found = re.search(r'role="alert"[^>]*>([^<]+)<', html.unescape(text))
    assert found is not None, text
    return found[1]


def newest(town: Town) -> Assignment:
    with town.hub.database.read() as session:
        return assignments.assignments(session, town.course)[-1]


def candidate_of(town: Town, label: str = "1") -> TestClient:
    """A browser that has used the code of a candidate."""
    with town.hub.database.begin() as session:
        code = session.query(OneTimeCode).filter_by(label=label).one()
        code.used_at = town.hub.now()
        return browser(town.hub, sessions.begin_sign_in(session, town.hub, code_id=code.id))


def do_exam(town: Town, label: str = "1") -> UUID:
    """Make the planted attempt that of a candidate in the exam, and return its code."""
    with town.hub.database.begin() as session:
        code = session.query(OneTimeCode).filter_by(label=label).one()
        own = session.get(StoredAttempt, town.attempt)
        assert own is not None
        own.owner_id, own.code_id, own.assignment_id = None, code.id, town.exam
        session.flush()
        releases.release_exam(session, own.id, town.exam)
        return code.id


# -- the form


def test_an_exam_is_assigned_with_all_its_options(edo: TestClient, town: Town) -> None:
    form = {
        **{"case_id": CASE.id, "title": "Spring exam", "mode": "exam", "reading": "3"},
        **{"limit": "8.5", "timer": "hard", "questions": "What went well?\n\n What next? "},
        **{"questions_time": "4", "time_factor": "1.5", "captions": "yes"},
    }
    done = edo.post(f"/courses/{town.course}/assign", data=form)
    assert done.status_code == 303, problem(done.text)
    made = newest(town)
    options = options_of(made)
    assert made.attempts_allowed == 1
    assert options.seed is not None
    assert (options.reading_s, options.limit_s, options.timer) == (180.0, 510.0, Timer.HARD)
    assert options.questions == ("What went well?", "What next?")
    assert options.questions_s == 240.0
    assert options.accommodations == Accommodations(time_factor=1.5, captions=True)
    page = text_of(edo, f"/assignments/{made.id}/attempts")
    assert "The conversation lasts up to 12 minutes. Then it ends." in page
    assert f"Seed {options.seed}" in page
    assert "2 questions in your own words, within 6 minutes." in page


def test_a_drill_begins_at_a_moment_of_its_case(edo: TestClient, town: Town) -> None:
    page = text_of(edo, f"/courses/{town.course}/assign")
    assert "She asks for the result: Tell her, and let the silence stand." in page
    form = {"case_id": CASE.id, "mode": "drill", "moment": f"{CASE.id}/the-news", "tries": "4"}
    done = edo.post(f"/courses/{town.course}/assign", data=form)
    assert done.status_code == 303, problem(done.text)
    drill = options_of(newest(town)).drill
    assert drill == Drill(skill=NEWS.skill, moment="the-news", tries=4, minutes=10.0)
    told = text_of(edo, f"/assignments/{newest(town).id}/attempts")
    assert "You begin in the middle of a conversation, and have 4 tries in 10 minutes." in told


def test_a_practice_reflects_first_unless_its_educator_says_no(edo: TestClient, town: Town) -> None:
    first = "Before the debrief you can hear some of your own moments and write about them."
    for chosen, wanted in (({}, True), ({"reflects": "no"}, False)):
        form = {"case_id": CASE.id, "mode": "practice", **chosen}
        assert edo.post(f"/courses/{town.course}/assign", data=form).status_code == 303
        made = newest(town)
        assert options_of(made).reflects is wanted
        assert (first in text_of(edo, f"/assignments/{made.id}/attempts")) is wanted
    assert '<option value="no" selected>' in text_of(edo, f"/assignments/{made.id}/change")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"reading": "long"}, "The reading time must be a number of minutes from 0 to 60."),
        ({"reading": "nan"}, "The reading time must be a number of minutes from 0 to 60."),
        ({"limit": "121"}, "The length of the conversation must be a number of minutes"),
        ({"limit": "0.1"}, "The length of the conversation must be half a minute or more."),
        ({"timer": "never"}, "Choose what happens at the end of the time."),
        ({"questions": "Why?\n" * 11}, "Ask at most 10 questions, one a line."),
        ({"questions": "x" * 501}, "A question can have at most 500 characters."),
        ({"questions_time": "-1"}, "The time for the questions must be a number of minutes"),
        ({"time_factor": "7"}, "Choose one of the offered values for more time."),
        ({"patience_factor": "x"}, "Choose one of the offered values for more patience."),
        ({"mode": "exam", "seed": "x"}, "The seed must be a whole number from 0 to 2147483647"),
        ({"mode": "exam", "seed": "2147483648"}, "The seed must be a whole number from 0"),
        ({"mode": "drill"}, "Choose where the drill begins: a moment of the case"),
        ({"mode": "drill", "moment": "other/the-news"}, "Choose where the drill begins"),
        ({"mode": "drill", "moment": f"{CASE.id}/the-news", "tries": "21"}, "must be 1 to 20."),
        (
            {"mode": "drill", "moment": f"{CASE.id}/the-news", "drill_time": "0.5"},
            "The time of all tries must be one minute or more.",
        ),
    ],
)
def test_each_field_that_cannot_be_used_is_refused_in_a_sentence(
    edo: TestClient, town: Town, changed: dict[str, str], sentence: str
) -> None:
    before = newest(town).id
    form = {"case_id": CASE.id, "mode": "practice", "title": "Kept title", **changed}
    answer = edo.post(f"/courses/{town.course}/assign", data=form)
    assert answer.status_code == 422
    assert sentence in problem(answer.text)
    assert "Kept title" in answer.text
    assert newest(town).id == before


def test_an_assignment_is_changed_until_somebody_has_begun(edo: TestClient, town: Town) -> None:
    path = f"/assignments/{town.exam}"
    page = text_of(edo, f"{path}/change")
    assert 'value="Winter exam"' in page
    with town.hub.database.read() as session:
        seed = options_of(assignments.assignment(session, town.exam)).seed
    form = {"case_id": CASE.id, "mode": "exam", "title": "Winter exam 2", "limit": "9"}
    assert edo.post(f"{path}/change", data=form).status_code == 303
    with town.hub.database.begin() as session:
        task = assignments.assignment(session, town.exam)
        assert (task.title, options_of(task).limit_s) == ("Winter exam 2", 540.0)
        assert options_of(task).seed == seed  # an exam keeps its patient
        begun.add(session, town.exam, town.hub.now(), person_id=town.people["ayo"])
    answer = edo.post(f"{path}/change", data=form)
    assert answer.status_code == 422
    assert problem(answer.text).startswith("Somebody has begun this assignment")
    assert edo.get(f"{path}/change").headers["location"] == f"{path}/attempts"
    like = text_of(edo, f"/courses/{town.course}/assign?like={town.exam}")
    assert 'value="Winter exam 2"' in like


def test_an_educator_of_another_course_sees_and_changes_nothing(
    town: Town, client_as: ClientAs
) -> None:
    mei = client_as(login="mei")
    with town.hub.database.begin() as session:
        one = begun.add(session, town.exam, town.hub.now(), person_id=town.people["ayo"])
        code = session.query(OneTimeCode).filter_by(label="1").one().id
    for path in ("attempts", "change", "codes"):
        assert mei.get(f"/assignments/{town.exam}/{path}").status_code == 403
    assert mei.get(f"/courses/{town.other_course}/assign?like={town.exam}").status_code == 403
    change = mei.post(f"/assignments/{town.exam}/change", data={"case_id": CASE.id})
    assert change.status_code == 403
    for path in (
        f"/assignments/{town.exam}/release-debriefs",
        f"/assignments/{town.exam}/hold-debriefs",
        f"/assignments/{town.exam}/forgive",
        f"/codes/{code}/accommodations",
    ):
        given = {"encounter": f"begun:{one}"} if path.endswith("forgive") else {}
        assert mei.post(path, data=given).status_code == 403, path


# -- an exam


def test_a_candidate_reads_the_debrief_with_the_same_code_after_the_release(
    edo: TestClient, town: Town, client: TestClient
) -> None:
    with town.hub.database.begin() as session:
        task = assignments.assignment(session, town.exam)
        (made,) = codes.make_for_exam(session, town.hub, task, ["77"], created_by=None)
    token = token_of(client.get("/sign-in"))

    def enter() -> tuple[int, str]:
        client.cookies.delete(sessions.cookie_name(town.hub, "session"))
        answer = client.post("/sign-in/code", data={"code": made.text, "token": token})
        return answer.status_code, html.unescape(answer.text)

    assert enter()[0] == 303
    do_exam(town, "77")
    client.cookies.clear()
    token = token_of(client.get("/sign-in"))
    status, page = enter()
    assert status == 403
    assert "It opens your debrief here when the educators of the course release it." in page
    assert edo.post(f"/assignments/{town.exam}/release-debriefs").status_code == 303
    assert enter()[0] == 303
    home = client.get("/")
    door = client.get(home.headers["location"])
    assert door.headers["location"] == f"/attempts/{town.attempt}"
    page = text_of(client, f"/attempts/{town.attempt}")
    assert WORDS_OF_RECORD[0] in page
    for hidden in ("/release", "/erase", "Try again from here"):
        assert hidden not in page
    assert client.get(f"/attempts/{town.attempt}/audio").status_code == 200
    assert client.get(f"/attempts/{town.attempt}/timeline").status_code == 200
    # and nothing else
    for path in ("/attempts", "/practice", f"/assignments/{town.assignment}"):
        assert client.get(path).status_code == 403
    place = client.post(
        "/encounters/place",
        json={"assignment": str(town.exam)},
        headers={"x-simvoice-token": re.search(r'token" content="(\w+)"', page)[1]},  # type: ignore[index]
    )
    assert place.status_code == 404
    assert "released, so no one begins it now" in place.text
    edo.post(f"/assignments/{town.exam}/hold-debriefs")
    assert client.get(f"/attempts/{town.attempt}/timeline").status_code == 403
    assert WORDS_OF_RECORD[0] not in text_of(client, f"/attempts/{town.attempt}")


def test_another_candidate_never_opens_it(edo: TestClient, town: Town) -> None:
    do_exam(town, "1")
    edo.post(f"/assignments/{town.exam}/release-debriefs")
    other = candidate_of(town, "2")
    assert other.get(f"/attempts/{town.attempt}").status_code == 404
    assert other.get(f"/attempts/{town.attempt}/audio").status_code == 404
    assert "Nothing of yours is here" in text_of(other, f"/assignments/{town.exam}")


def test_the_debrief_of_an_exam_is_held_back_from_a_learner_with_an_account(
    edo: TestClient, town: Town, client_as: ClientAs
) -> None:
    lena = client_as(login="lena")
    with town.hub.database.begin() as session:
        own = session.get(StoredAttempt, town.attempt)
        assert own is not None
        own.assignment_id = town.exam
        releases.release_exam(session, own.id, town.exam)
    assert WORDS_OF_RECORD[0] in text_of(edo, f"/attempts/{town.attempt}")  # educators see it
    for path in ("/audio", "/timeline", "/turns.svg"):
        assert lena.get(f"/attempts/{town.attempt}{path}").status_code == 403
    page = text_of(lena, f"/attempts/{town.attempt}")
    assert releases.HELD_BACK in page
    assert WORDS_OF_RECORD[0] not in page
    assert lena.get(f"/again/{town.attempt}/3").status_code == 404
    assert "held back" in text_of(lena, "/attempts")
    edo.post(f"/assignments/{town.exam}/release-debriefs")
    assert WORDS_OF_RECORD[0] in text_of(lena, f"/attempts/{town.attempt}")
    with town.hub.database.read() as session:
        done = [each.action for each in audit.of_object(session, town.exam)]
    assert "release debriefs" in done


def test_only_an_exam_is_held_back(edo: TestClient, town: Town) -> None:
    answer = edo.post(f"/assignments/{town.assignment}/release-debriefs")
    assert answer.status_code == 404
    assert "Only the debriefs of an exam" in answer.text


def test_a_technical_failure_is_forgiven_with_one_press(
    edo: TestClient, town: Town, client_as: ClientAs
) -> None:
    candidate = candidate_of(town, "1")
    with town.hub.database.begin() as session:
        code = session.query(OneTimeCode).filter_by(label="1").one().id
        one = begun.add(session, town.exam, town.hub.now(), code_id=code)
    assert "Thank you" in text_of(candidate, f"/assignments/{town.exam}")
    page = text_of(edo, f"/assignments/{town.exam}/attempts")
    assert "Candidate 1" in page
    assert "not kept yet" in page
    press = {"encounter": f"begun:{one}"}
    assert edo.post(f"/assignments/{town.exam}/forgive", data=press).status_code == 303
    assert "I am ready" in text_of(candidate, f"/assignments/{town.exam}")
    assert "does not count" in text_of(edo, f"/assignments/{town.exam}/attempts")
    with town.hub.database.read() as session:
        code_row = session.get(OneTimeCode, code)
        assert code_row is not None
        assert code_row.used_at is None  # whose browser was closed types it again
        assert "forgive encounter" in [each.action for each in audit.of_object(session, town.exam)]


# -- codes


def test_a_single_candidate_gets_accommodations(edo: TestClient, town: Town) -> None:
    with town.hub.database.read() as session:
        code = session.query(OneTimeCode).filter_by(label="2").one().id
    given = {"time_factor": "2", "patience_factor": "1.5", "typed": "yes"}
    assert edo.post(f"/codes/{code}/accommodations", data=given).status_code == 303
    words = "2 times the time, the patient waits 1.5 times as long, you may type"
    assert words in text_of(edo, f"/assignments/{town.exam}/codes")
    door = text_of(candidate_of(town, "2"), f"/assignments/{town.exam}")
    assert f"For you: {words}" in door
    assert "2 times" not in text_of(candidate_of(town, "1"), f"/assignments/{town.exam}")
    answer = edo.post(f"/codes/{code}/accommodations", data={"time_factor": "9"})
    assert answer.status_code == 422
    assert "Choose one of the offered values" in problem(answer.text)


def test_a_code_that_was_used_twice_is_shown_with_its_attempts(edo: TestClient, town: Town) -> None:
    code = do_exam(town, "1")
    with town.hub.database.begin() as session:
        for _ in range(2):
            now = town.hub.now()
            visit = StationVisit(code_id=code, session_id=uuid4(), begun_at=now, took_code=False)
            session.add(visit)
    page = text_of(edo, f"/assignments/{town.exam}/attempts")
    assert "The code of candidate 1 was used 2 times" in page
    assert f'href="/attempts/{town.attempt}"' in page
    assert "the others have not been sent yet" in page


# -- a course


def test_a_course_shows_the_newest_fifty_and_leads_to_the_others(
    edo: TestClient, town: Town
) -> None:
    with town.hub.database.begin() as session:
        for number in range(55):
            made = StoredAttempt(
                **{"id": uuid4(), "record_id": f"r{number}", "origin": "hub", "reason": "learner"},
                **{"case_id": CASE.id, "case_title": f"Case {number:02}", "patient_name": "Ruth"},
                **{"started_at": town.hub.now(), "duration_s": float(number)},
                owner_id=town.people["ayo"],
            )
            session.add(made)
            session.flush()
            session.add(Release(attempt_id=made.id, course_id=town.course, contents="numbers"))
    path = f"/courses/{town.course}"
    first, second = text_of(edo, path), text_of(edo, f"{path}?page=1")
    assert (first.count("Case "), second.count("Case ")) != (0, 0)
    shown = [set(re.findall(r">(Case \d\d)</td>", page)) for page in (first, second)]
    assert [len(each) for each in shown] == [50, 5]
    assert not shown[0] & shown[1]
    assert f'href="{path}?page=1"' in first
    assert f'href="{path}"' in second


def test_a_weak_item_of_a_cohort_leads_to_a_drill_of_it(
    town: Town, edo: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    release_planted(town.hub, town.course, planted(30, 1, ITEMS[:1]))
    skill = items()[ITEMS[0]].text
    cohort = text_of(edo, f"/courses/{town.course}/cohort")
    link = re.search(r'href="([^"]*/assign\?[^"]*)">Assign a drill of this', cohort)
    assert link is not None
    numbers = cohort[cohort.index('id="numbers-title"') : cohort.index('id="how-title"')]
    assert "pauses included" in numbers
    assert re.findall(r"(?i)\byou\w*", numbers) == []
    form = text_of(edo, link[1])
    moment = f"{CASE.id}/{NEWS.id}"
    assert re.findall(r'name="(?:case_id|mode)" value="([^"]*)"[^>]* checked', form) == [
        CASE.id,
        "drill",
    ]
    assert f'<option value="{moment}" selected>' in form
    assert f'value="{skill}"' in form
    told = {"case_id": CASE.id, "mode": "drill", "moment": moment, "skill": skill}
    assert edo.post(f"/courses/{town.course}/assign", data=told).status_code == 303
    drill = options_of(newest(town)).drill
    assert drill is not None
    assert (drill.skill, drill.moment) == (skill, NEWS.id)
    assert " checked" not in text_of(edo, f"/courses/{town.course}/assign?case=gone").replace(
        'value="practice" checked', ""
    )
    monkeypatch.setattr(PatientsWithMoments, "cases", lambda _: (CASE,))
    assert "this case has none now" in text_of(edo, f"/courses/{town.course}/cohort")
    whole = text_of(edo, link[1])
    assert 'value="practice" checked' in whole
    assert f'value="{skill}"' in whole
