"""Reports of stations: roster, commands, two of one name, and how little they ask of a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, event

from simvoice.errors import UsageError
from simvoice.hub import assignments, begun, codes, courses
from simvoice.hub.assignments import AssignmentDraft
from simvoice.hub.doors.access import Visitor
from simvoice.hub.stations import lab_settings
from simvoice.hub.storage.tables import Assignment, Device, OneTimeCode
from simvoice.hub_client.code_hash import code_hash
from simvoice.hub_client.station_messages import (
    Accommodations,
    CommandResult,
    OnCrash,
    Phase,
    StationSettings,
    Verb,
)
from tests.hub.stations.lab import ScriptedStation, StationLab

pytestmark = pytest.mark.slow

CASE = "breast-biopsy"
TECHNICIAN = Visitor(login="tech")


@contextmanager
def writes() -> Iterator[list[str]]:
    """Collect the statements that change something."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.split(" ", 1)[0] in ("INSERT", "UPDATE", "DELETE"):
            found.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


# -- the roster


def test_a_roster_lets_a_station_know_a_code_without_the_hub(
    lab: StationLab, a1: ScriptedStation
) -> None:
    roster = a1.roster()
    hashes = {each.hash: each for each in roster.codes}
    found = hashes[code_hash(lab.codes[0].text, roster.salt)]
    assert (found.id, found.assignment, found.is_used) == (lab.codes[0].id, lab.exam, False)
    card = hashes[code_hash(lab.card.text, roster.salt)]
    assert (card.id, card.assignment) == (lab.card.id, None)
    assert {each.id for each in roster.assignments} == {lab.exam, lab.practice}
    assert roster.seal_key.startswith("age1")


def test_a_roster_has_no_name_and_no_text_of_a_code(lab: StationLab, a1: ScriptedStation) -> None:
    sent = a1.get("roster").text
    for mark in ("Lena", "Fuchs", "lena", str(lab.lena), *(each.text for each in lab.codes)):
        assert mark not in sent
        assert mark.replace("-", "") not in sent


def test_a_roster_is_sent_again_only_when_it_has_changed(
    lab: StationLab, a1: ScriptedStation
) -> None:
    first = a1.get("roster")
    same = a1.get("roster", **{"if-none-match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    lab.clock.go_on(minutes=1)
    assert a1.report().roster == a1.roster().version
    assert a1.get("roster", **{"if-none-match": first.headers["etag"]}).status_code == 304
    with lab.hub.database.begin() as session:
        lab_settings.set_station_settings(
            session, TECHNICIAN, StationSettings(on_crash=OnCrash.END, thanks_s=9)
        )
    lab.changed()
    answer = a1.get("roster", **{"if-none-match": first.headers["etag"]})
    assert answer.status_code == 200
    assert a1.roster().settings.on_crash is OnCrash.END
    assert a1.report().roster == a1.roster().version


def test_what_ended_stays_in_the_roster_so_that_a_station_can_say_so(
    lab: StationLab, a1: ScriptedStation
) -> None:
    with lab.hub.database.begin() as session:
        task = session.get(Assignment, lab.exam)
        assert task is not None
        task.closes_at = lab.hub.now() + timedelta(hours=1)
        code = session.get(OneTimeCode, lab.codes[0].id)
        assert code is not None
        code.expires_at = lab.hub.now() + timedelta(minutes=5)
    lab.clock.go_on(hours=2)
    roster = a1.roster()
    assert lab.exam in {each.id for each in roster.assignments}
    found = next(each for each in roster.codes if each.id == lab.codes[0].id)
    assert found.expires_at < roster.made_at
    lab.clock.go_on(days=9)
    assert lab.exam not in {each.id for each in a1.roster().assignments}


def test_what_was_withdrawn_is_not_in_the_roster(lab: StationLab, a1: ScriptedStation) -> None:
    with lab.hub.database.begin() as session:
        assignments.withdraw(session, lab.practice)
        found = session.get(OneTimeCode, lab.codes[0].id)
        assert found is not None
        codes.revoke(session, lab.hub, found)
    lab.changed()
    roster = a1.roster()
    assert {each.id for each in roster.assignments} == {lab.exam}
    assert lab.codes[0].id not in {each.id for each in roster.codes}


def test_an_exam_whose_debriefs_are_released_is_over(lab: StationLab, a1: ScriptedStation) -> None:
    with lab.hub.database.begin() as session:
        task = session.get(Assignment, lab.exam)
        assert task is not None
        task.debriefs_released_at = lab.hub.now()
    lab.changed()
    roster = a1.roster()
    exam = next(each for each in roster.assignments if each.id == lab.exam)
    assert exam.closes_at is not None
    assert exam.closes_at < roster.made_at


def test_a_card_has_the_assignments_that_its_person_may_do(
    lab: StationLab, a1: ScriptedStation
) -> None:
    with lab.hub.database.begin() as session:
        other = courses.create_course(session, "Elsewhere", "", lab.lena)
        for course in (lab.course, other.id):
            later = AssignmentDraft("Later", CASE, opens_at=lab.hub.now() + timedelta(days=1))
            made = assignments.assign(session, course, later, lab.lena)
            if course == lab.course:
                opening = made.id
        over = AssignmentDraft("Over", CASE, closes_at=lab.hub.now() - timedelta(days=1))
        assignments.assign(session, lab.course, over, lab.lena)

    def may_do() -> set[UUID]:
        lab.changed()
        (card,) = (each for each in a1.roster().codes if each.id == lab.card.id)
        return set(card.assignments)

    assert may_do() == {lab.exam, lab.practice, opening}
    with lab.hub.database.begin() as session:
        first = begun.add(session, lab.exam, lab.hub.now(), person_id=lab.lena)
    assert may_do() == {lab.practice, opening}
    with lab.hub.database.begin() as session:
        begun.forgive(session, lab.exam, f"begun:{first}")
        codes_of_others = [each for each in a1.roster().codes if each.id != lab.card.id]
        assert all(each.assignments == () for each in codes_of_others)
        courses.remove_member(session, lab.course, lab.lena)
    assert may_do() == set()


@pytest.mark.slow
def test_a_pin_reaches_the_stations_as_a_hash(lab: StationLab, a1: ScriptedStation) -> None:
    with lab.hub.database.begin() as session:
        lab_settings.set_pin(session, lab.hub, TECHNICIAN, "40 71 93")
    lab.changed()
    hashed = a1.roster().pin_hash
    assert "407193" not in hashed
    assert lab.hub.passwords.verify(hashed, "407193")


@pytest.mark.parametrize("pin", ["", "12345", "1" * 13, "111111", "121212", "40719a", "٤٠٧١٩٣"])
def test_a_pin_that_is_guessed_first_is_refused(pin: str) -> None:
    with pytest.raises(UsageError, match="The PIN needs"):
        lab_settings.check_pin(pin)


# -- how much it asks


def test_reports_write_nothing_while_nothing_changes(lab: StationLab, a1: ScriptedStation) -> None:
    a1.visit(Phase.CONSENT)
    with writes() as found:
        for _ in range(25):
            lab.clock.go_on(seconds=1)
            a1.report(left_s=10.0, level_dbfs=-30.0)
    assert found == []
    with writes() as found:
        lab.clock.go_on(seconds=10)
        a1.report()
    assert len(found) == 1
    with lab.hub.database.read() as session:
        device = session.get(Device, a1.id)
        assert device is not None
        assert device.last_seen_at == lab.hub.now()


def test_a_station_that_has_a_new_name_is_shown_under_it(
    lab: StationLab, a1: ScriptedStation
) -> None:
    a1.report()
    a1.report(name="B7\n\x00", version="0.1\x00")  # no database keeps a zero byte
    with lab.hub.database.read() as session:
        device = session.get(Device, a1.id)
        assert device is not None
        assert (device.name, device.version) == ("B7 \ufffd", "0.1\ufffd")


def test_a_report_of_another_version_is_refused_in_a_sentence(a1: ScriptedStation) -> None:
    answer = a1.client.post("/api/station/report", content=b'{"name": 7}', headers=a1.headers)
    assert answer.status_code == 422
    assert "install the same version" in answer.json()["message"]


# -- commands


def test_a_command_is_sent_until_its_result_arrives(lab: StationLab, a1: ScriptedStation) -> None:
    a1.report()
    more_time = Accommodations(time_factor=1.5)
    board = lab.hub.stations
    first = board.press(
        a1.id,
        Verb.SIGN_IN,
        lab.hub.now(),
        code=lab.codes[0].id,
        accommodations=more_time,
    )
    second = board.press(a1.id, Verb.HOLD, lab.hub.now())
    assert second.id > first.id
    for _ in range(2):  # the first answer may be lost
        assert a1.report().commands == (first, second)
    said = CommandResult(id=first.id, done=False, sentence="A learner is there.")
    assert a1.report(results=(said,)).commands == (second,)
    now = board.now(a1.id, lab.hub.now())
    assert now is not None
    assert [each.result for each in now.commands] == [None, said]


def test_a_command_that_is_not_answered_is_given_up(lab: StationLab, a1: ScriptedStation) -> None:
    a1.report()
    lab.hub.stations.press(a1.id, Verb.RESET, lab.hub.now())
    lab.clock.go_on(seconds=60)
    assert a1.report().commands == ()  # it was cut off: nobody expects a reset now
    now = lab.hub.stations.now(a1.id, lab.hub.now())
    assert now is not None
    assert now.commands[0].is_given_up


def test_a_station_that_is_silent_gets_no_command(lab: StationLab, a1: ScriptedStation) -> None:
    with pytest.raises(UsageError, match="cannot be reached"):
        lab.hub.stations.press(a1.id, Verb.HOLD, lab.hub.now())
    a1.report()
    lab.clock.go_on(seconds=7)
    with pytest.raises(UsageError, match="At the station itself"):
        lab.hub.stations.press(a1.id, Verb.HOLD, lab.hub.now())


def test_presses_do_not_pile_up(lab: StationLab, a1: ScriptedStation) -> None:
    a1.report()
    for _ in range(10):
        lab.hub.stations.press(a1.id, Verb.LOOP_BACK, lab.hub.now())
    with pytest.raises(UsageError, match="has not answered the last commands"):
        lab.hub.stations.press(a1.id, Verb.LOOP_BACK, lab.hub.now())


def test_commands_of_a_hub_that_restarted_are_later_ones(
    lab: StationLab, a1: ScriptedStation
) -> None:
    a1.report()
    before = lab.hub.stations.press(a1.id, Verb.HOLD, lab.hub.now())
    lab.hub.stations.__init__()  # type: ignore[misc]  # what a restart forgets
    lab.clock.go_on(seconds=2)
    a1.report()
    assert lab.hub.stations.press(a1.id, Verb.HOLD, lab.hub.now()).id > before.id


# -- two of one name


def test_two_stations_of_one_name_are_both_told(
    lab: StationLab, a1: ScriptedStation, a2: ScriptedStation
) -> None:
    assert a1.report().trouble == ""
    assert "Two stations report as a1" in a2.report(name="a1").trouble
    assert "Two stations report as A1" in a1.report().trouble
    with pytest.raises(UsageError, match="Two stations report as A1"):
        lab.hub.stations.press(a1.id, Verb.HOLD, lab.hub.now())
    a2.report(name="A2")
    assert a1.report().trouble == ""


def test_a_station_that_was_replaced_is_no_second_one(lab: StationLab, a1: ScriptedStation) -> None:
    a1.report()
    lab.clock.go_on(minutes=2)  # the old computer is off
    assert lab.station("A1").report().trouble == ""


def test_a_copied_data_folder_is_noticed(lab: StationLab, a1: ScriptedStation) -> None:
    first, second = uuid4(), uuid4()
    for boot, trouble in ((first, False), (second, False), (first, True), (second, True)):
        lab.clock.go_on(seconds=1)
        said = a1.report(boot=boot).trouble
        assert ("Two programs report as A1" in said) == trouble
    lab.clock.go_on(seconds=40)  # the second one was stopped
    assert a1.report(boot=second).trouble == ""


def test_a_program_that_restarts_often_is_one(lab: StationLab, a1: ScriptedStation) -> None:
    for _ in range(20):
        lab.clock.go_on(seconds=1)
        assert a1.report(boot=uuid4()).trouble == ""


def test_of_two_programs_none_gives_back_the_code_of_the_other(
    lab: StationLab, a1: ScriptedStation
) -> None:
    first, second, visit = uuid4(), uuid4(), uuid4()
    a1.report(boot=first, session=visit, phase=Phase.CODE)
    a1.report(boot=second, session=None, phase=Phase.WELCOME)
    a1.report(boot=first, session=visit, phase=Phase.CODE)
    a1.claim(lab.codes[0].text, visit)
    a1.report(boot=second, session=None, phase=Phase.WELCOME)
    assert [each.session_id for each in lab.visits()] == [visit]
