"""Records in which one attempt went on after it was cut off are parts of it, and count as one."""

from __future__ import annotations

import csv
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from simvoice.hub import assignments, attempts, begun, codes, releases
from simvoice.hub.attempt_parts import parts_of
from simvoice.hub.doors import sessions
from simvoice.hub.storage.tables import StoredAttempt
from simvoice.record.events import ContinuedAttempt
from tests.hub.conftest import ClientAs, browser
from tests.hub.pages.town import RECORD, Town
from tests.planted.talk import record

pytestmark = pytest.mark.slow


def part(town: Town, number: int, continues: UUID | None, **fields: Any) -> UUID:
    """Keep a part of an attempt of the winter exam; its record is not needed here."""
    given: dict[str, Any] = {
        **{"id": uuid4(), "record_id": f"r-{number}", "origin": "station", "duration_s": 60.0},
        **{"case_id": "breast-biopsy", "case_title": "A biopsy", "patient_name": "Ruth"},
        **{"started_at": town.hub.now() + timedelta(minutes=number), "reason": ""},
        **{"assignment_id": town.exam, "continues": continues, **fields},
    }
    with town.hub.database.begin() as session:
        session.add(StoredAttempt(**given))
        session.flush()
        releases.release_exam(session, given["id"], town.exam)
    return UUID(str(given["id"]))


def words(town: Town, *ids: UUID) -> list[str]:
    with town.hub.database.read() as session:
        rows = [session.get_one(StoredAttempt, each) for each in ids]
        found = parts_of(session, rows)
        return [found[each].words if each in found else "" for each in ids]


@pytest.fixture
def code(town: Town) -> UUID:
    with town.hub.database.read() as session:
        return codes.of_assignment(session, town.exam)[0].id


def test_parts_are_named_and_count_as_one_attempt(town: Town, code: UUID) -> None:
    first = part(town, 1, None, code_id=code)
    second = part(town, 2, first, code_id=code, reason="device")
    third = part(town, 3, second, code_id=code, reason="learner")
    whole = part(town, 4, None, owner_id=town.people["ayo"])
    assert words(town, third, first, second, whole) == [
        "part 3 of 3",
        "part 1 of 3, interrupted by a restart",
        "part 2 of 3, interrupted when the microphone or the loudspeaker was disconnected",
        "",
    ]
    with town.hub.database.read() as session:
        assert releases.taught(session, town.people["edo"])[0].released == 2
        assert releases.count_released_anywhere(session) == 2
        assert begun.count(session, town.exam) == 2
        assert len(begun.moments(session, [town.exam], code_id=code)[town.exam]) == 1
        assert [each.part is None for each in releases.released_to(session, town.course)] == [
            *(True, False, False, False)
        ]


def test_a_part_whose_beginning_is_not_here_says_so(town: Town, code: UUID) -> None:
    second = part(town, 2, uuid4(), code_id=code)
    assert words(town, second) == ["last part; the beginning is not here"]
    third = part(town, 3, second, code_id=code)
    assert words(town, second, third) == [
        "part 1 of 2, interrupted by a restart; the beginning is not here",
        "part 2 of 2; the beginning is not here",
    ]
    with town.hub.database.read() as session:
        assert begun.count(session, town.exam) == 1


def test_a_record_that_names_the_attempt_of_another_is_no_part_of_it(
    town: Town, code: UUID
) -> None:
    theirs = part(town, 1, None, owner_id=town.people["ayo"])
    claimed = part(town, 2, theirs, code_id=code)
    own = uuid4()
    circle = part(town, 3, own, id=own, code_id=code)
    assert words(town, theirs, claimed, circle) == ["", "last part; the beginning is not here", ""]


def test_each_page_marks_the_parts_and_one_leads_to_the_other(
    town: Town, code: UUID, tmp_path: Path, client_as: ClientAs
) -> None:
    first, second = uuid4(), uuid4()
    cut = ContinuedAttempt(attempt=RECORD, uuid=first, at_s=30.0)
    for uuid, before in ((first, None), (second, cut)):
        made = record(tmp_path / uuid.hex, uuid=uuid, continues=before)
        attempts.keep(
            town.hub,
            made.folder,
            origin="station",
            code_id=code,
            assignment_id=town.exam,
            report=partial(releases.release_exam, assignment_id=town.exam),
        )
    said = ("Part 1 of 2, interrupted by a restart", "Part 2 of 2")
    edo = client_as(login="edo")
    for page in (f"/assignments/{town.exam}/attempts", f"/courses/{town.course}"):
        assert all(each in edo.get(page).text for each in said), page
    with town.hub.database.begin() as session:
        assignments.release_debriefs(session, town.exam, town.hub.now())
        candidate = browser(town.hub, sessions.begin_sign_in(session, town.hub, code_id=code))
    assert all(each in candidate.get(f"/assignments/{town.exam}").text for each in said)
    for visitor in (edo, candidate):
        for here, there, link in ((first, second, "Open part 2"), (second, first, "Open part 1")):
            text = visitor.get(f"/attempts/{here}").text
            assert f'<a href="/attempts/{there}">{link}</a>' in text
    table = client_as(login="rosa").get("/research/numbers.csv").text
    rows = list(csv.DictReader(table.splitlines()))
    assert len({each["attempt"] for each in rows}) == 1
    assert {(each["part"], each["parts"]) for each in rows} == {("1", "2"), ("2", "2")}
