"""A learner's own words on the hub: answers after an encounter, and objections to a debrief."""

from __future__ import annotations

import html
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from simvoice.errors import StorageAway
from simvoice.hub import additions, assignments, attempts
from simvoice.hub.assignment_options import options_of
from simvoice.hub.doors import sessions
from simvoice.hub.storage.consistency import find_differences
from simvoice.hub.storage.tables import (
    Assignment,
    LooseObjects,
    OneTimeCode,
    StoredAttempt,
    StoredFile,
)
from simvoice.hub_client.station_messages import Accommodations
from simvoice.record.answers import ANSWERS, read_answers
from simvoice.record.ratings import OBJECTIONS
from simvoice.release.contents import Contents
from tests.hub.conftest import ClientAs, MachineClock, browser
from tests.hub.pages.town import RECORD, Town

pytestmark = pytest.mark.slow

QUESTIONS = ("What went well?", "What would you do differently?")
SAID = "I let her cry, and said nothing. <b>Good?</b>"


@pytest.fixture(autouse=True)
def _ask(town: Town) -> None:
    """The assignment of the planted attempt asks two questions."""
    ask(town, town.assignment)


def ask(town: Town, assignment: UUID, **accommodations: float) -> None:
    with town.hub.database.begin() as session:
        task = assignments.assignment(session, assignment)
        changed = Accommodations(**accommodations)  # type: ignore[arg-type]
        options = options_of(task).model_copy(
            update={"questions": QUESTIONS, "questions_s": 120.0, "accommodations": changed}
        )
        task.options = options.model_dump(mode="json")
        own = session.get(StoredAttempt, town.attempt)
        assert own is not None
        own.received_at = town.hub.now()


@pytest.fixture
def lena(client_as: ClientAs) -> TestClient:
    return client_as(login="lena")


def path(town: Town, part: str = "questions") -> str:
    return f"/attempts/{town.attempt}/{part}"


def text_of(browser: TestClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def files(town: Town) -> dict[str, str]:
    with town.hub.database.read() as session:
        rows = session.query(StoredFile).filter_by(attempt_id=town.attempt)
        return {each.name: each.object_key for each in rows}


def loose(town: Town) -> int:
    with town.hub.database.read() as session:
        return session.query(LooseObjects).count()


# -- answers


def test_the_questions_come_after_the_encounter_and_the_answers_stay_with_it(
    town: Town, lena: TestClient, client_as: ClientAs
) -> None:
    ended = lena.get(f"/encounters/ended/{RECORD}")
    assert ended.headers["location"] == path(town)
    page = text_of(lena, path(town))
    for question in QUESTIONS:
        assert question in page
    assert 'data-left="120.0"' in page
    done = lena.post(path(town), data={"answer-0": f" {SAID} ", "answer-1": ""})
    assert (done.status_code, done.headers["location"]) == (303, f"/attempts/{town.attempt}")
    debrief = text_of(lena, f"/attempts/{town.attempt}")
    assert "I let her cry, and said nothing." in debrief
    assert "<b>Good?" not in lena.get(f"/attempts/{town.attempt}").text
    assert "not answered" in debrief
    assert ANSWERS in files(town)
    assert loose(town) == 0
    town.hub.cache.clear()
    with attempts.opened(town.hub, town.attempt) as kept:
        found = read_answers(kept.folder)
        assert found is not None
        assert [each.question for each in found.answers] == list(QUESTIONS)
        assert (found.answers[0].answer, found.answers[1].written_at) == (SAID, "")
    # answered once, and never again
    assert lena.get(path(town)).headers["location"] == f"/attempts/{town.attempt}"
    assert lena.post(path(town), data={"answer-0": "other"}).status_code == 404
    town.release(Contents.WORDS)
    assert "I let her cry" in text_of(client_as(login="edo"), f"/attempts/{town.attempt}")


def test_numbers_alone_hold_no_answer(town: Town, lena: TestClient, client_as: ClientAs) -> None:
    lena.post(path(town), data={"answer-0": SAID})
    town.release(Contents.NUMBERS)
    assert "I let her cry" not in text_of(client_as(login="edo"), f"/attempts/{town.attempt}")


def test_only_its_learner_answers(town: Town, client_as: ClientAs) -> None:
    town.release(Contents.SOUND)
    for login, status in (("ayo", 404), ("edo", 403), ("tech", 403)):
        other = client_as(login=login)
        assert other.get(path(town)).status_code == status
        assert other.post(path(town), data={"answer-0": "x"}).status_code == status
    assert ANSWERS not in files(town)


def test_the_time_for_the_questions_ends(town: Town, lena: TestClient, clock: MachineClock) -> None:
    clock.go_on(seconds=150)  # what a page sends at the end of the time still counts
    assert lena.post(path(town), data={"answer-0": SAID}).status_code == 303
    ask(town, town.assignment)


def test_after_its_time_nothing_is_taken(town: Town, lena: TestClient, clock: MachineClock) -> None:
    clock.go_on(seconds=181)
    answer = lena.post(path(town), data={"answer-0": SAID})
    assert answer.status_code == 404
    assert "The time for these questions is over." in answer.text
    assert lena.get(path(town)).headers["location"] == f"/attempts/{town.attempt}"
    ask(town, town.assignment, time_factor=2.0)
    clock.go_on(seconds=290)
    assert lena.post(path(town), data={"answer-0": SAID}).status_code == 303


def test_a_candidate_answers_after_an_exam_whose_debrief_is_held_back(town: Town) -> None:
    with town.hub.database.begin() as session:
        code = session.query(OneTimeCode).filter_by(label="1").one()
        token = sessions.begin_sign_in(session, town.hub, code_id=code.id)
        own = session.get(StoredAttempt, town.attempt)
        assert own is not None
        own.owner_id, own.code_id, own.assignment_id = None, code.id, town.exam
    ask(town, town.exam)
    candidate = browser(town.hub, token)
    assert QUESTIONS[0] in text_of(candidate, path(town))
    assert candidate.post(path(town), data={"answer-0": SAID}).status_code == 303
    assert "Thank you" in text_of(candidate, f"/attempts/{town.attempt}")
    with attempts.opened(town.hub, town.attempt) as kept:
        assert (kept.folder / ANSWERS).is_file()


def test_a_long_answer_is_kept_up_to_its_limit(town: Town, lena: TestClient) -> None:
    assert lena.post(path(town), data={"answer-0": "語" * 20_500}).status_code == 303
    with attempts.opened(town.hub, town.attempt) as kept:
        found = read_answers(kept.folder)
        assert found is not None
        assert len(found.answers[0].answer) == 20_000


def test_a_store_that_is_away_loses_nothing_and_leaves_nothing(
    town: Town, lena: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StorageAway("the store does not answer; try again")

    before = files(town)
    with monkeypatch.context() as patched:
        patched.setattr(town.hub.recordings.objects, "put", away)
        assert lena.post(path(town), data={"answer-0": SAID}).status_code == 503
    assert (files(town), loose(town)) == (before, 0)
    assert QUESTIONS[0] in text_of(lena, path(town))
    assert lena.post(path(town), data={"answer-0": SAID}).status_code == 303


def test_an_attempt_that_is_erased_meanwhile_keeps_nothing(town: Town) -> None:
    def add_too_late() -> None:
        with additions.adding(town.hub, town.attempt, "note.txt") as attempt:
            attempts.erase(town.hub, [town.attempt], reason="learner")
            attempt.folder.mkdir(parents=True)
            (attempt.folder / "note.txt").write_text("late")

    with pytest.raises(attempts.AttemptErased, match="erased meanwhile"):
        add_too_late()
    assert loose(town) == 0
    assert list(town.hub.recordings.objects.listed("attempts/")) == []


# -- objections


def item_of(page: str) -> str:
    return page.split('data-item="')[1].split('"')[0]


def test_a_learner_objects_to_an_own_debrief_and_withdraws_it(
    town: Town, lena: TestClient, client_as: ClientAs
) -> None:
    page = text_of(lena, f"/attempts/{town.attempt}")
    assert "/static/objections.js" in page
    sent = {"item": item_of(page), "why": "I asked it at the door."}
    answer = lena.post(path(town, "objections"), json=sent)
    assert answer.status_code == 201, answer.text
    number = answer.json()["number"]
    first = files(town)[OBJECTIONS]
    assert "I asked it at the door." in text_of(lena, f"/attempts/{town.attempt}")
    for login, status in (("ayo", 404), ("edo", 403)):
        other = client_as(login=login)
        assert other.post(path(town, "objections"), json=sent).status_code == status
        assert other.delete(path(town, f"objections/{number}")).status_code == status
    assert lena.delete(path(town, f"objections/{number}")).status_code == 200
    assert files(town)[OBJECTIONS] != first
    assert "I asked it at the door." not in text_of(lena, f"/attempts/{town.attempt}")
    assert loose(town) == 0
    attempts.verify(town.hub, town.attempt)
    assert not find_differences(town.hub.database, town.hub.recordings.objects)


def test_a_file_that_came_with_the_record_is_replaced_alone(town: Town) -> None:
    """Its object lies beside those of the record, which stay."""
    before = files(town)
    with additions.adding(town.hub, town.attempt, "header.json") as attempt:
        header = (attempt.folder / "header.json").read_bytes()
        (attempt.folder / "header.json").write_bytes(header + b"\n")
    after = files(town)
    assert after.pop("header.json") != before.pop("header.json")
    assert after == before
    assert loose(town) == 0
    keys = {found.key for found in town.hub.recordings.objects.listed("attempts/")}
    assert keys == set(files(town).values())
    attempts.verify(town.hub, town.attempt)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"item": "nothing", "why": "x"}, "there is no item nothing"),
        ({"item": "", "why": " "}, "there is no item"),
    ],
)
def test_an_objection_that_cannot_be_kept_is_refused(
    town: Town, lena: TestClient, sent: dict[str, str], words: str
) -> None:
    answer = lena.post(path(town, "objections"), json=sent)
    assert answer.status_code == 422
    assert words in answer.json()["message"]
    assert lena.delete(path(town, "objections/9")).status_code >= 400
    assert OBJECTIONS not in files(town)


def test_nobody_objects_to_an_exam_that_is_held_back(town: Town, lena: TestClient) -> None:
    with town.hub.database.begin() as session:
        own = session.get(StoredAttempt, town.attempt)
        assert own is not None
        own.assignment_id = town.exam
        assert session.get(Assignment, town.exam) is not None
    answer = lena.post(path(town, "objections"), json={"item": "x", "why": "y"})
    assert answer.status_code == 404
    assert "when the educators of the course release it" in answer.text
