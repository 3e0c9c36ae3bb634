"""The audit trail: who did or opened what."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from simvoice.hub import audit, people
from simvoice.hub.audit import AuditFilter
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Course, Membership
from simvoice.safe_text import from_csv_cell
from tests.hub.conftest import ClientAs

ROBIN = Visitor(login="robin", address="203.0.113.7")


def test_an_entry_says_who_did_what_from_where(hub: Hub) -> None:
    with hub.database.begin() as session:
        audit.record(session, ROBIN, "open debrief", "a1", "words")
        audit.record(session, audit.COMMAND_LINE, "add person")
        audit.record(session, Visitor(), "fail to sign in", detail="x" * 999)
    with hub.database.read() as session:
        last, command, first = audit.entries(session, AuditFilter())
    found = (first.who, first.action, first.object_id, first.detail, first.address)
    assert found == ("robin", "open debrief", "a1", "words", "203.0.113.7")
    assert (command.who, last.who, len(last.detail)) == ("command line", "stranger", 300)


def test_entries_are_found_by_text_action_and_time(hub: Hub) -> None:
    with hub.database.begin() as session:
        for number in range(5):
            audit.record(session, ROBIN, "open debrief", f"attempt-{number}")
        audit.record(session, Visitor(login="100%"), "sign in")
    now = datetime.now(UTC)
    with hub.database.read() as session:

        def count(**wanted: object) -> int:
            return len(audit.entries(session, AuditFilter(**wanted)))  # type: ignore[arg-type]

        assert count(text="ROBIN") == 5
        assert count(text="attempt-3") == 1
        assert count(text="%") == 1  # no pattern
        assert count(action="sign in") == 1
        assert count(since=now + timedelta(minutes=1)) == 0
        assert count(since=now - timedelta(minutes=1), until=now + timedelta(minutes=1)) == 6
        assert audit.actions(session) == ["open debrief", "sign in"]
        page = audit.entries(session, AuditFilter(text="robin"), first=1, most=2)
        assert [entry.object_id for entry in page] == ["attempt-3", "attempt-2"]
        assert len(audit.of_object(session, "attempt-3")) == 1


def test_an_educator_sees_what_concerns_their_courses(hub: Hub, client_as: ClientAs) -> None:
    kim = client_as(Role.EDUCATOR, login="kim")
    with hub.database.begin() as session:
        person = people.find(session, "kim")
        assert person is not None
        mine, other = Course(title="Mine"), Course(title="Other")
        session.add_all([mine, other])
        session.flush()
        session.add(Membership(course_id=mine.id, person_id=person.id, is_educator=True))
        audit.record(session, ROBIN, "change course", mine.id)
        audit.record(session, ROBIN, "change course", other.id)
        audit.record(session, ROBIN, "open debrief", uuid4())
    text = kim.get("/audit.csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["who"], row["action"]) for row in rows] == [
        ("kim", "export audit trail"),
        ("robin", "change course"),
    ]
    assert rows[1]["object"] == str(mine.id)
    all_rows = client_as(Role.TECHNICIAN).get("/audit.csv").text.splitlines()
    assert len(all_rows) == 1 + 5


def test_no_cell_of_the_file_acts_as_a_formula(hub: Hub, client_as: ClientAs) -> None:
    hostile = '=HYPERLINK("http://evil.example","x")'
    with hub.database.begin() as session:
        audit.record(session, Visitor(login=hostile), "sign in", "+1", "@SUM(1)\n,")
    answer = client_as(Role.TECHNICIAN).get("/audit.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    row = list(csv.DictReader(io.StringIO(answer.text)))[1]
    assert row["who"] == f"'{hostile}"
    assert from_csv_cell(row["who"]) == hostile
    assert (row["object"], row["detail"]) == ("'+1", "'@SUM(1) ,")


def test_many_entries_are_sent_in_parts(
    hub: Hub, client_as: ClientAs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_ROWS_AT_ONCE", 10)
    with hub.database.begin() as session:
        for number in range(25):
            audit.record(session, ROBIN, "open debrief", number)
    lines = client_as(Role.TECHNICIAN).get("/audit.csv?find=robin").text.splitlines()
    assert len(lines) == 1 + 25
    assert lines[1].split(",")[3] == "24"
    assert lines[-1].split(",")[3] == "0"


def test_a_time_without_its_zone_is_refused(client_as: ClientAs) -> None:
    answer = client_as(Role.TECHNICIAN).get("/audit.csv?since=2026-11-29T08:00:00")
    assert "Give a time with its time zone" in answer.text
