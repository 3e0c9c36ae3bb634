"""Rows that several write at once: one is first, and nobody gets an error of the database."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from simvoice.errors import UsageError
from simvoice.hub import courses, people
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.storage.database import Database
from simvoice.hub.storage.tables import Account, Membership, Setting
from simvoice.hub.storage.upsert import add_once, put
from simvoice.hub.supplies.devices import want_version

MANY = 6


def at_once(database: Database, act: Callable[[Session, int], object]) -> list[object]:
    """Run `act` in MANY transactions at once; return what each returned, or its UsageError."""
    together = Barrier(MANY)

    def run(number: int) -> object:
        together.wait(60)
        try:
            with database.begin() as session:
                return act(session, number)
        except UsageError as error:
            return error

    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(run, range(MANY)))


def test_a_row_is_put_by_all_and_added_by_one(database: Database) -> None:
    def write(session: Session, number: int) -> bool:
        before = session.get(Setting, "both")
        put(session, Setting(name="both", value=str(number)))
        after = session.get(Setting, "both")
        assert after is not None
        assert after.value == str(number)  # what was read before is not kept
        assert before is None or before is after
        return add_once(session, Setting(name="once", value=str(number)))

    found = at_once(database, write)
    assert sorted(map(str, found)) == ["False"] * (MANY - 1) + ["True"]
    with database.read() as session:
        once = session.get_one(Setting, "once").value
        assert once == str(found.index(True))
        assert session.get_one(Setting, "both").value in {str(each) for each in range(MANY)}


def test_people_who_do_the_same_at_once_get_no_error(hub: Hub) -> None:
    with hub.database.begin() as session:
        edo = people.add(session, hub, login="edo", name="Edo Haddad", roles=[Role.TECHNICIAN])
        course = courses.create_course(session, "Year 3", "", edo.id).id

    def add_person(session: Session, _: int) -> object:
        return people.add(session, hub, login="lena", name="Lena Fuchs", roles=[Role.LEARNER])

    made = at_once(hub.database, add_person)
    assert sum(isinstance(each, Account) for each in made) == 1
    refused = [str(each) for each in made if isinstance(each, UsageError)]
    assert refused == ["The login 'lena' is taken; give another one."] * (MANY - 1)

    def change(session: Session, number: int) -> object:
        want_version(session, Visitor(login="edo"), f"0.2.{number}")
        lena = people.find(session, "lena")
        assert lena is not None
        people.set_roles(session, lena, [Role.LEARNER, *([Role.EDUCATOR] if number % 2 else [])])
        return len(courses.add_members(session, course, ["lena"]))

    assert sorted(map(str, at_once(hub.database, change))) == ["0"] * (MANY - 1) + ["1"]
    with hub.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Membership)) == 2


@pytest.mark.parametrize("is_new", [True, False])
def test_a_row_that_is_put_has_the_defaults_of_its_columns(
    database: Database, is_new: bool
) -> None:
    with database.begin() as session:
        if not is_new:
            put(session, Account(login="lena", name="Lena"))
        assert add_once(session, Account(login="lena", name="Other")) == is_new
        found = session.scalars(select(Account)).one()
        assert found.name == ("Other" if is_new else "Lena")
        assert found.created_at.tzinfo is not None
