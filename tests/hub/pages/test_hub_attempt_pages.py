"""Attempts on the hub's pages: who may open what, release, end of a release, erasure."""

from __future__ import annotations

import html

import pytest
from fastapi.testclient import TestClient

from simvoice.hub import audit, courses
from simvoice.hub.storage.tables import Release, StoredAttempt
from simvoice.release.contents import Contents
from tests.hub.conftest import ClientAs
from tests.hub.pages.town import WORDS_OF_RECORD, Town

pytestmark = pytest.mark.slow

PARTS = ("", "/timeline", "/audio")
NOT_THERE = "There is no such attempt, or it is not released to you now."


def statuses(browser: TestClient, town: Town) -> dict[str, int]:
    return {part: browser.get(f"/attempts/{town.attempt}{part}").status_code for part in PARTS}


def text_of(browser: TestClient, path: str) -> str:
    """Return a page as it is read. Fails when it is not shown."""
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def actions(town: Town) -> list[tuple[str, str]]:
    with town.hub.database.read() as session:
        return [(each.who, each.action) for each in audit.of_object(session, town.attempt)]


def test_a_learner_reads_and_hears_their_own_attempt(town: Town, client_as: ClientAs) -> None:
    lena = client_as(login="lena")
    page = text_of(lena, f"/attempts/{town.attempt}")
    for words in WORDS_OF_RECORD:
        assert words in page
    assert f"/attempts/{town.attempt}/audio" in page
    assert f"/attempts/{town.attempt}/release" in page
    assert set(statuses(lena, town).values()) == {200}
    assert lena.get(f"/attempts/{town.attempt}/timeline").json()["peaks"] is not None
    assert actions(town) == []  # one's own are not written down


@pytest.mark.parametrize("login", ["ayo", "edo", "mei", "all"])
def test_nobody_else_opens_what_is_not_released(
    town: Town, client_as: ClientAs, login: str
) -> None:
    other = client_as(login=login)
    assert set(statuses(other, town).values()) == {404}
    assert NOT_THERE in text_of_refusal(other, town)
    for path in ("release", "erase"):
        assert other.get(f"/attempts/{town.attempt}/{path}").status_code in {403, 404}


def text_of_refusal(browser: TestClient, town: Town) -> str:
    return html.unescape(browser.get(f"/attempts/{town.attempt}").text)


@pytest.mark.parametrize("login", ["tech", "rosa"])
def test_technicians_and_researchers_open_no_attempt_also_when_it_is_released(
    town: Town, client_as: ClientAs, login: str
) -> None:
    town.release(Contents.SOUND)
    assert set(statuses(client_as(login=login), town).values()) == {403}


def test_sound_is_released_with_words_and_numbers(town: Town, client_as: ClientAs) -> None:
    town.release(Contents.SOUND)
    edo = client_as(login="edo")
    page = text_of(edo, f"/attempts/{town.attempt}")
    assert "Released by Lena Fuchs" in page
    assert WORDS_OF_RECORD[0] in page
    assert set(statuses(edo, town).values()) == {200}
    assert f"/attempts/{town.attempt}/release" not in page
    assert ("edo", "hear recording") in actions(town)
    assert ("edo", "open debrief") in actions(town)


def test_words_are_released_without_any_sound(town: Town, client_as: ClientAs) -> None:
    town.release(Contents.WORDS)
    edo = client_as(login="edo")
    page = text_of(edo, f"/attempts/{town.attempt}")
    assert WORDS_OF_RECORD[0] in page
    assert "<audio" not in page
    assert statuses(edo, town) == {"": 200, "/timeline": 200, "/audio": 404}
    drawn = edo.get(f"/attempts/{town.attempt}/timeline").json()
    assert drawn["peaks"] is None  # the outline of the sound tells how somebody spoke
    assert drawn["has_sound"] is False


def test_numbers_are_released_without_a_word(town: Town, client_as: ClientAs) -> None:
    town.release(Contents.NUMBERS)
    edo = client_as(login="edo")
    page = text_of(edo, f"/attempts/{town.attempt}")
    assert "Your response time" in page
    assert "Released by Lena Fuchs" in page
    for words in (*WORDS_OF_RECORD, "interrupted", "shock", "worries you"):
        assert words not in page.replace("Interruptions", "")
    assert statuses(edo, town) == {"": 200, "/timeline": 404, "/audio": 404}


def test_the_form_says_what_is_released_and_to_whom_by_name(
    town: Town, client_as: ClientAs
) -> None:
    page = text_of(client_as(login="lena"), f"/attempts/{town.attempt}/release")
    assert "Edo Haddad can then open it." in page
    assert "the recording, with your voice" in page
    assert "not everything that you and the patient said, in writing" in page
    assert "Only you" in page
    assert "Year 4" not in page  # she does not learn there


def test_a_learner_releases_and_ends_it_with_one_press(town: Town, client_as: ClientAs) -> None:
    lena, edo = client_as(login="lena"), client_as(login="edo")
    form = {"course_id": str(town.course), "contents": "words"}
    answer = lena.post(f"/attempts/{town.attempt}/release", data=form)
    assert answer.status_code == 303
    assert "Released." in text_of(lena, answer.headers["location"])
    assert "Lena Fuchs" in text_of(edo, f"/courses/{town.course}")
    assert edo.get(f"/attempts/{town.attempt}").status_code == 200
    with town.hub.database.read() as session:
        (given,) = session.query(Release).all()
    ended = lena.post(f"/releases/{given.id}/revoke")
    assert ended.status_code == 303
    assert edo.get(f"/attempts/{town.attempt}").status_code == 404
    assert "Nothing is released to this course now" in text_of(edo, f"/courses/{town.course}")
    assert [action for _, action in actions(town)] == [
        "end release",
        "open debrief",
        "release attempt",
    ]
    # the learner sees who has opened it
    assert "open debrief" in text_of(lena, "/attempts")


@pytest.mark.parametrize(
    ("course", "contents"),
    [("", "words"), ("nonsense", "words"), ("other", "words"), ("own", ""), ("own", "all")],
)
def test_a_choice_that_cannot_be_released_is_said_on_the_form(
    town: Town, client_as: ClientAs, course: str, contents: str
) -> None:
    named = {"other": str(town.other_course), "own": str(town.course)}
    form = {"course_id": named.get(course, course), "contents": contents}
    answer = client_as(login="lena").post(f"/attempts/{town.attempt}/release", data=form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    with town.hub.database.read() as session:
        assert session.query(Release).count() == 0


def test_only_the_learner_releases_ends_and_erases(town: Town, client_as: ClientAs) -> None:
    given = town.release(Contents.WORDS)
    form = {"course_id": str(town.course), "contents": "sound"}
    for login in ("ayo", "edo", "all", "tech"):
        other = client_as(login=login)
        refused = {
            other.post(f"/attempts/{town.attempt}/release", data=form).status_code,
            other.post(f"/releases/{given}/revoke").status_code,
            other.post(f"/attempts/{town.attempt}/erase").status_code,
        }
        assert refused <= {403, 404, 422}
    with town.hub.database.read() as session:
        (found,) = session.query(Release).all()
        assert (found.contents, found.revoked_at) == ("words", None)
        assert session.get(StoredAttempt, town.attempt) is not None


def test_what_is_erased_is_gone_for_everyone(town: Town, client_as: ClientAs) -> None:
    town.release(Contents.SOUND)
    lena, edo = client_as(login="lena"), client_as(login="edo")
    assert "Erase this attempt?" in text_of(lena, f"/attempts/{town.attempt}/erase")
    audio, part = f"/attempts/{town.attempt}/audio", {"range": "bytes=0-999", "accept": "*/*"}
    assert edo.get(audio, headers=part).status_code == 206  # an educator is playing it
    answer = lena.post(f"/attempts/{town.attempt}/erase")
    assert "The attempt is erased." in text_of(lena, answer.headers["location"])
    for browser in (lena, edo):
        assert set(statuses(browser, town).values()) == {404}
    # the player asks for the next part, and shows this
    said = edo.get(audio, headers={**part, "range": "bytes=1000-1999"}).json()["message"]
    assert said == "There is no such attempt, or it is not released to you now."


def test_who_leaves_a_course_takes_their_attempts_along(town: Town, client_as: ClientAs) -> None:
    town.release(Contents.SOUND)
    edo = client_as(login="edo")
    path = f"/courses/{town.course}/members/{town.people['lena']}/remove"
    assert edo.post(path).status_code == 303
    assert edo.get(f"/attempts/{town.attempt}").status_code == 404


def test_who_stops_teaching_a_course_opens_nothing_of_it(town: Town, client_as: ClientAs) -> None:
    town.release(Contents.SOUND)
    edo = client_as(login="edo")
    assert edo.get(f"/attempts/{town.attempt}").status_code == 200
    with town.hub.database.begin() as session:
        courses.add_members(session, town.course, ["mei"], is_educator=True)
        courses.remove_member(session, town.course, town.people["edo"])
    assert edo.get(f"/attempts/{town.attempt}").status_code == 404
    assert client_as(login="mei").get(f"/attempts/{town.attempt}").status_code == 200


@pytest.mark.slow
def test_the_picture_of_turns_needs_the_words(town: Town, client_as: ClientAs) -> None:
    path = f"/attempts/{town.attempt}/turns.svg"
    town.release(Contents.NUMBERS)
    edo = client_as(login="edo")
    assert edo.get(path).status_code == 404
    town.release(Contents.WORDS)
    drawn = edo.get(path)
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/svg+xml")
