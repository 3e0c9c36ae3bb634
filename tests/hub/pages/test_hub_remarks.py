"""Remarks at a second: written by an educator, read by the learner, taken back, erased."""

from __future__ import annotations

import html
import re
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from simvoice.errors import UsageError
from simvoice.hub import remarks
from simvoice.hub.storage.tables import Remark
from simvoice.release.contents import Contents
from tests.hub.conftest import ClientAs
from tests.hub.kept_attempts import NOON
from tests.hub.pages.town import Town

WORDS = "You let the silence stand here. <Do> it again."


def text_of(browser: TestClient, town: Town) -> str:
    answer = browser.get(f"/attempts/{town.attempt}")
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def write(browser: TestClient, town: Town, at: str = "0:12", text: str = WORDS) -> tuple[int, str]:
    answer = browser.post(f"/attempts/{town.attempt}/remarks", data={"at": at, "text": text})
    return answer.status_code, html.unescape(answer.text)


@pytest.mark.slow
def test_a_remark_reaches_the_learner_at_its_moment_and_goes_when_it_is_taken_back(
    town: Town, client_as: ClientAs
) -> None:
    release = town.release(Contents.WORDS)
    edo, lena = client_as(login="edo"), client_as(login="lena")
    assert "Remarks to the learner" in text_of(edo, town)
    assert write(edo, town)[0] == 303
    page = text_of(edo, town)
    assert page.count(WORDS) == 2  # in the list, and beside the transcript
    with town.hub.database.read() as session:
        assert [each.count for each in remarks.unseen(session, town.people["lena"])] == [1]
    home = html.unescape(lena.get("/").text)
    assert "An educator has written 1 remark to your conversation" in home
    lena.post(f"/releases/{release}/revoke")
    read = text_of(lena, town)
    assert "What your educators say" in read
    assert WORDS in read
    assert "Edo Haddad" in read
    assert "Take back" not in read
    assert "has written" not in lena.get("/").text
    with town.hub.database.read() as session:
        assert remarks.unseen(session, town.people["lena"]) == []
        (written,) = session.query(Remark).all()
    assert write(edo, town)[0] == 404  # it is not released any more
    assert client_as(login="mei").post(f"/remarks/{written.id}/withdraw").status_code == 404
    assert edo.post(f"/remarks/{written.id}/withdraw").headers["location"] == "/courses"
    with town.hub.database.read() as session:
        assert session.query(Remark).count() == 0


@pytest.mark.slow
def test_who_may_not_write_and_what_cannot_be_written(town: Town, client_as: ClientAs) -> None:
    edo = client_as(login="edo")
    town.release(Contents.NUMBERS)
    assert write(edo, town)[0] == 404
    town.release(Contents.WORDS)
    for login, status in (("mei", 404), ("lena", 403), ("tech", 403)):
        assert write(client_as(login=login), town)[0] == status
    for at, text, said in (
        ("soon", WORDS, "Give the moment in minutes and seconds, such as 1:23."),
        ("59:00", WORDS, "after the end of the conversation"),
        ("0:12", "  ", "Write what you want to say"),
        ("0:12", "é" * 1001, "The remark has 1001 characters and the limit is 1000."),
    ):
        status, page = write(edo, town, at, text)
        assert status == 422
        assert said in page
        assert text.strip() in page  # nothing that was typed is lost
    assert re.search(r'id="at"[^>]*value="0:12"', write(edo, town, "0:12", "")[1])
    assert write(edo, town)[0] == 303
    client_as(login="lena").post(f"/attempts/{town.attempt}/erase")
    with town.hub.database.read() as session:
        assert session.query(Remark).count() == 0


def test_a_moment_is_typed_in_several_ways_and_stands_beside_the_line_it_is_in() -> None:
    assert [remarks.parse_moment(each, 9000.0) for each in ("1:23", " 83 ", "0:01:23.0")] == [
        83.0
    ] * 3
    for bad in ("", "1:60", "-1", "1:2:3:4", "nan", "1e9", "9:99"):
        with pytest.raises(UsageError, match="minutes and seconds"):
            remarks.parse_moment(bad, 9000.0)
    shown = [
        remarks.ShownRemark(uuid4(), at_s, "", "", NOON, is_own=False) for at_s in (0.5, 7.0, 99.0)
    ]
    beside = remarks.beside(shown, [1.0, 4.0, 9.0])
    assert [[each.at_s for each in line] for line in beside] == [[0.5], [7.0], [99.0]]
    assert remarks.beside(shown, []) == []
