"""A person's own data on the hub: what a copy holds, and what an erased account takes with it."""

from __future__ import annotations

import csv
import html
import io
import json
import zipfile

import pytest
from sqlalchemy import select

from simvoice.hub import courses, erasing, releases, upkeep
from simvoice.hub.doors.access import Visitor
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import (
    Account,
    AuditEntry,
    Device,
    Erasure,
    FinishedRating,
    ItemRating,
    Remark,
    Setting,
    SignIn,
    StoredAttempt,
)
from simvoice.release.contents import Contents
from tests.hub.conftest import ClientAs
from tests.hub.pages.town import RECORD, WORDS_OF_RECORD, Town

pytestmark = pytest.mark.slow


def table(files: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files.read(name).decode())))


def test_a_copy_holds_the_record_and_all_that_others_did_with_it(
    town: Town, client_as: ClientAs
) -> None:
    town.release(Contents.SOUND)
    edo, lena = client_as(login="edo"), client_as(login="lena")
    assert edo.get(f"/attempts/{town.attempt}").status_code == 200
    with town.hub.database.begin() as session:
        rated = {"attempt_id": town.attempt, "rater_id": town.people["edo"]}
        session.add(
            ItemRating(**rated, blind=True, item="spikes.setting", value="met", comment="Sat down.")
        )
        session.add(
            ItemRating(
                **{**rated, "rater_id": town.people["mei"]}, blind=True, item="a", value="met"
            )
        )
        session.add(FinishedRating(**rated))
        remark = Remark(
            attempt_id=town.attempt, author_id=town.people["edo"], at_s=12.5, text="=Yes"
        )
        session.add(remark)
        releases.release_exam(session, town.attempt, town.exam)
    page = html.unescape(lena.get("/own-data").text)
    assert "keeps 1 attempt of you" in page
    assert "Lena's laptop" in page
    answer = lena.get("/own-data.zip")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as files:
        assert files.testzip() is None
        said = files.read(f"attempts/{RECORD}/transcript.txt").decode()
        assert all(words in said for words in WORDS_OF_RECORD)
        assert f"attempts/{RECORD}/record/audio.flac" in files.namelist()
        person = json.loads(files.read("person.json"))
        assert (person["login"], person["devices"][0]["name"]) == ("lena", "Lena's laptop")
        assert table(files, "attempts.csv")[0]["assignment"] == "Give the result of a biopsy"
        assert table(files, "remarks.csv")[0]["text"] == "'=Yes"  # no formula in a spreadsheet
        # an unfinished rating is still its rater's
        assert [row["item"] for row in table(files, "ratings.csv")] == ["spikes.setting"]
        assert ("edo", "open debrief") in [
            (row["who"], row["what"]) for row in table(files, "opened.csv")
        ]
        assert [row["what"] for row in table(files, "releases.csv")] == ["sound", "sound"]
        assert "left-out.txt" not in files.namelist()
    other = zipfile.ZipFile(io.BytesIO(client_as(login="ayo").get("/own-data.zip").content))
    assert [name for name in other.namelist() if name.startswith("attempts/")] == []


def test_an_exam_that_is_held_back_is_named_and_not_in_the_copy(
    town: Town, client_as: ClientAs
) -> None:
    with town.hub.database.begin() as session:
        session.get_one(StoredAttempt, town.attempt).assignment_id = town.exam
    lena = client_as(login="lena")
    files = zipfile.ZipFile(io.BytesIO(lena.get("/own-data.zip").content))
    assert [name for name in files.namelist() if name.startswith("attempts/")] == []
    assert f"{RECORD} is an exam" in files.read("left-out.txt").decode()
    assert table(files, "attempts.csv")[0]["held_back"] == "yes"


def test_an_account_is_erased_with_everything_after_one_question(
    town: Town, client_as: ClientAs
) -> None:
    town.release(Contents.SOUND)
    lena, edo = client_as(login="lena"), client_as(login="edo")
    assert "Erase your account?" in lena.get("/own-data/erase").text
    answer = lena.post("/own-data/erase", data={"login": "lenna"})
    assert (answer.status_code, "not your login" in answer.text) == (422, True)
    assert lena.get(f"/attempts/{town.attempt}").status_code == 200
    answer = lena.post("/own-data/erase", data={"login": " LENA"})
    assert (answer.status_code, "is erased from this server" in answer.text) == (200, True)
    assert lena.get("/").status_code == 303  # to the sign-in
    assert edo.get(f"/attempts/{town.attempt}").status_code == 404
    assert "Lena" not in edo.get(f"/courses/{town.course}").text
    with town.hub.database.read() as session:
        assert session.get(Account, town.people["lena"]) is None
        assert session.get(Erasure, town.attempt) is not None
        assert session.scalars(select(Device).where(Device.kind == "laptop")).all() == []
        assert town.people["lena"] not in session.scalars(select(SignIn.person_id)).all()
        named = session.scalars(select(AuditEntry.who).where(AuditEntry.action == "erase account"))
        assert named.one() == erasing.NAMELESS
        assert "lena" not in session.scalars(select(AuditEntry.who)).all()


def test_who_is_needed_is_told_what_to_do_first(town: Town, client_as: ClientAs) -> None:
    for login, words in (("edo", "the only educator of"), ("tech", "Make another person")):
        browser = client_as(login=login)
        with town.hub.database.begin() as session:
            if login == "tech":  # the other technician leaves
                session.get_one(Account, town.people["all"]).disabled_at = town.hub.now()
        assert words in browser.get("/own-data/erase").text
        answer = browser.post("/own-data/erase", data={"login": login})
        assert (answer.status_code, words in answer.text) == (422, True)
    with town.hub.database.begin() as session:
        courses.archive_course(session, town.course)
    assert client_as(login="edo").post("/own-data/erase", data={"login": "edo"}).status_code == 200


def test_a_hub_that_dies_while_it_erases_an_account_goes_on_at_its_next_start(
    town: Town, client_as: ClientAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    lena = client_as(login="lena")

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(erasing, "erase_attempts", die)
        visitor = Visitor(person_id=town.people["lena"], login="lena", roles=frozenset(Role))
        with pytest.raises(KeyboardInterrupt):
            erasing.erase_account(town.hub, visitor)
    assert lena.get("/").status_code == 303  # nobody gets in meanwhile
    upkeep.begin(town.hub)
    with town.hub.database.read() as session:
        assert session.get(Account, town.people["lena"]) is None
        assert session.get(StoredAttempt, town.attempt) is None
        assert [name for name in session.scalars(select(Setting.name)) if "erase" in name] == []
