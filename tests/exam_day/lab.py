"""The hub of an exam day: its people, courses, assignments, codes and paired stations."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from sqlalchemy.orm import Session

from simvoice.hub import assignments, codes, courses, people
from simvoice.hub.assignments import AssignmentDraft, Mode
from simvoice.hub.codes import CodeKind, DrawnCode
from simvoice.hub.doors import sessions
from simvoice.hub.hub import Hub, open_hub
from simvoice.hub.roles import Role
from simvoice.hub.settings import load_settings
from simvoice.hub.storage.tables import Assignment, Device
from simvoice.hub_client.pairing import Pairing
from simvoice.hub_client.station_messages import AssignmentOptions, Timer
from simvoice.hub_client.trust import PUBLIC
from tests.exam_day.marks import Marks

CASE = "breast-biopsy"
EXAM_SEED = 4711
QUESTIONS = ("What went well?", "What would you do differently?")


class Kind(StrEnum):
    """What a learner comes for."""

    EXAM = "exam"
    """With a code of a candidate, and no account."""
    OWN_EXAM = "exam with an account"
    """With the code of an account, which chooses the exam."""
    PRACTICE = "practice"
    """With the code of an account."""
    NO_CODE = "no code"
    """Nothing is kept."""

    @property
    def is_exam(self) -> bool:
        """Return True when the attempt is released to the course, and its debrief held back."""
        return self in (Kind.EXAM, Kind.OWN_EXAM)

    @property
    def has_account(self) -> bool:
        """Return True when the code belongs to a person."""
        return self in (Kind.OWN_EXAM, Kind.PRACTICE)


SHARES = {Kind.EXAM: 0.6, Kind.PRACTICE: 0.15, Kind.OWN_EXAM: 0.1, Kind.NO_CODE: 0.15}


@dataclass(frozen=True)
class Learner:
    """A learner of the day, as the hub knows them."""

    marks: Marks
    kind: Kind
    code: UUID | None = None
    """Id of the code; None for a practice without one."""
    person: UUID | None = None
    """The account of a practice; None for a candidate."""
    expired: str = ""
    """The text of an expired code that the learner tries first; empty without one."""

    @property
    def number(self) -> int:
        """The number of the learner, from 0."""
        return self.marks.number


@dataclass(frozen=True)
class Paired:
    """A station that is paired with the hub."""

    name: str
    device: UUID
    token: str

    def pairing(self, url: str) -> Pairing:
        """Return the pairing, as the station stores it. url: of the hub, or of a relay to it."""
        return Pairing(
            url=url,
            hub="Skills lab",
            person="",
            device=self.device,
            token=self.token,
            trust=PUBLIC,
            paired_at="2026-11-29T12:00:00+00:00",
        )


@dataclass
class Lab:
    """What the hub was filled with."""

    data: Path
    database_url: str
    course: UUID
    exam: UUID
    learners: list[Learner]
    stations: list[Paired]
    accounts: dict[str, UUID]
    """By login: `educator`, who teaches the course; `other`, who teaches another one; `tech`; and
    `learner-N`."""
    cookies: dict[str, dict[str, str]]
    """By login: the cookie of a browser that is signed in."""


def open_lab(data: Path, database_url: str, port: int) -> Hub:
    """Return the hub of a folder."""
    options = {"port": port, "database_url": database_url or None}
    return open_hub(load_settings(data, options, environment={}))


def furnish(
    data: Path,
    database_url: str,
    port: int,
    marks: Sequence[Marks],
    stations: int,
    chosen: random.Random,
    *,
    limit_s: float,
) -> Lab:
    """Fill an empty hub in a folder. limit_s: length of the exam."""
    hub = open_lab(data, database_url, port)
    kinds = _kinds(len(marks), chosen)
    drawn = {
        CodeKind.EXAM: iter(codes.draw(hub, CodeKind.EXAM, 2 * kinds.count(Kind.EXAM))),
        CodeKind.LEARNER: iter(codes.draw(hub, CodeKind.LEARNER, len(kinds))),
    }
    with hub.database.begin() as session:
        accounts = {
            login: people.add(session, hub, login=login, name=name, roles=roles).id
            for login, name, roles in (
                ("educator", "Dr Ito", [Role.EDUCATOR]),
                ("other", "Dr Lund", [Role.EDUCATOR]),
                ("tech", "Tomas Novak", [Role.TECHNICIAN]),
                ("research", "Rosa Berg", [Role.RESEARCHER]),
            )
        }
        course = courses.create_course(session, "Year 3", "", accounts["educator"])
        courses.create_course(session, "Year 4", "", accounts["other"])
        exam = assignments.assign(session, course.id, _exam(limit_s), accounts["educator"])
        assignments.assign(session, course.id, _practice(limit_s), accounts["educator"])
        learners = []
        for each, kind in zip(marks, kinds, strict=True):
            made = _learner(session, hub, each, kind, exam, drawn, chosen)
            learners.append(made)
            if made.person is not None:
                accounts[f"learner-{each.number}"] = made.person
                courses.add_members(session, course.id, [f"learner-{each.number}"])
        paired = [_station(session, f"A{number + 1}") for number in range(stations)]
        name = sessions.cookie_name(hub, "session")
        cookies = {
            login: {name: sessions.begin_sign_in(session, hub, person_id=person)}
            for login, person in accounts.items()
        }
        found = Lab(data, database_url, course.id, exam.id, learners, paired, accounts, cookies)
    hub.database.close()
    return found


def _kinds(count: int, chosen: random.Random) -> list[Kind]:
    """Return what the learners come for: at least one exam, and each kind from four on."""
    first = [Kind.EXAM, Kind.PRACTICE, Kind.NO_CODE, Kind.OWN_EXAM] if count > 3 else [Kind.EXAM]
    rest = chosen.choices(list(SHARES), list(SHARES.values()), k=count)
    kinds = (first + rest)[:count]
    chosen.shuffle(kinds)
    return kinds


def _exam(limit_s: float) -> AssignmentDraft:
    options = AssignmentOptions(
        seed=EXAM_SEED,
        reading_s=60.0,
        limit_s=limit_s,
        timer=Timer.HARD,
        questions=QUESTIONS,
        questions_s=300.0,
    )
    return AssignmentDraft("Winter exam", CASE, Mode.EXAM, attempts_allowed=1, options=options)


def _practice(limit_s: float) -> AssignmentDraft:
    options = AssignmentOptions(reading_s=60.0, limit_s=limit_s, timer=Timer.HARD)
    return AssignmentDraft("Practice for the exam", CASE, options=options)


def _learner(
    session: Session,
    hub: Hub,
    marks: Marks,
    kind: Kind,
    exam: Assignment,
    drawn: dict[CodeKind, Iterator[DrawnCode]],
    chosen: random.Random,
) -> Learner:
    if kind is Kind.NO_CODE:
        return Learner(marks, kind)
    if kind is Kind.EXAM:
        text = next(drawn[CodeKind.EXAM])
        expired = ""
        if chosen.random() < 0.15:
            expired = _expired(
                session, hub, exam, f"old {marks.number}", next(drawn[CodeKind.EXAM])
            )
        (made,) = codes.make_for_exam(
            session, hub, exam, [f"Candidate {marks.number}"], created_by=None, drawn=[text]
        )
        return Learner(replace(marks, code=made.text), kind, made.id, expired=expired)
    login = f"learner-{marks.number}"
    person = people.add(session, hub, login=login, name=marks.name, roles=[Role.LEARNER])
    person.introduced_at = hub.now()
    text = next(drawn[CodeKind.LEARNER])
    made = codes.make(session, hub, CodeKind.LEARNER, person_id=person.id, drawn=text)
    return Learner(replace(marks, code=made.text), kind, made.id, person.id)


def _expired(session: Session, hub: Hub, exam: Assignment, label: str, drawn: DrawnCode) -> str:
    """Make a code that has expired, and return its text."""
    (made,) = codes.make_for_exam(session, hub, exam, [label], created_by=None, drawn=[drawn])
    row = codes.get(session, made.id)
    assert row is not None
    row.expires_at = row.created_at
    return made.text


def _station(session: Session, name: str) -> Paired:
    token = sessions.new_secret()
    device = Device(kind="station", name=name, token_hash=sessions.token_hash(token))
    session.add(device)
    session.flush()
    return Paired(name, device.id, token)


def wait_until(what: str, is_so: Callable[[], object], longest_s: float) -> None:
    """Wait until a function returns a true value. Raises AssertionError with `what`."""
    end = time.monotonic() + longest_s
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {longest_s:.0f} s")
        time.sleep(0.05)
