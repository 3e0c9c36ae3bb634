"""A hub with people, courses, assignments and attempts, for tests of its pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy.orm import Session

from simvoice.hub import assignments, attempts, audit, begun, codes, courses, people, releases
from simvoice.hub.assignments import AssignmentDraft, Mode
from simvoice.hub.codes import CodeKind
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Account, Device, StationVisit
from simvoice.hub_client.station_messages import Accommodations, AssignmentOptions, Drill
from simvoice.release.contents import Contents
from simvoice.web.ports import MomentCard

LONG_NAME = "Maximiliane-Theodora von und zu " + "Oberwinterthaler" * 10
"""208 characters less a few, most of them one word."""
RIGHT_TO_LEFT = "فاطمة الزهراء بنت محمد العلوي"
CHINESE = "歐陽靜怡" * 12
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"

MOMENT = MomentCard("the-news", "She asks for the result", "Tell her, and let the silence stand.")
"""A moment of the case, for drills."""

RECORD = "20261122-101530-breast-biopsy-k3f9"
WORDS_OF_RECORD = ("I'm afraid I don't have good news", "My mother had it", "Doctor Okafor")
"""What is said in the planted attempt."""

_NONE = UUID(int=0)


@dataclass
class Town:
    """The identifiers of what is in the hub."""

    hub: Hub
    people: dict[str, UUID] = field(default_factory=dict)
    """By login: `lena`, a learner; `edo` and `mei`, educators; `tech`; `rosa`, a researcher."""
    course: UUID = _NONE
    """Lena learns in it; Edo teaches it. Mei teaches another one."""
    other_course: UUID = _NONE
    assignment: UUID = _NONE
    exam: UUID = _NONE
    drill: UUID = _NONE
    """Only in a wide town."""
    attempt: UUID = _NONE
    """Lena's, with sound; released to nobody."""
    cohort: UUID = _NONE
    """A course of Edo's in which a cohort has released attempts. Only in a served town."""
    unit: UUID = _NONE
    """Of the first course. Only in a served town."""
    unread: UUID = _NONE
    """Lena's, and she writes about moments of it before its debrief. Only in a served town."""
    device: UUID = _NONE
    station: UUID = _NONE

    def release(self, contents: Contents) -> UUID:
        """Release Lena's attempt to Edo's course."""
        with self.hub.database.begin() as session:
            made = releases.release(
                session, self.attempt, self.course, contents, owner_id=self.people["lena"]
            )
            return made.id


def build(hub: Hub, record: Path, *, wide: bool = False) -> Town:
    """Fill an empty hub. record: the folder of the planted attempt, which is Lena's here.

    wide: also names and titles that are long, in other scripts, and many.
    """
    town = Town(hub)
    with hub.database.begin() as session:
        for login, name, roles in _PEOPLE:
            town.people[login] = _person(session, hub, login, name, roles).id
        made = courses.create_course(
            session,
            "Communication, year 3",
            "Thursday group of the skills lab.",
            town.people["edo"],
        )
        town.course = made.id
        town.other_course = courses.create_course(session, "Year 4", "", town.people["mei"]).id
        courses.add_members(session, town.course, ["lena", "ayo"])
        town.assignment = assignments.assign(
            session,
            town.course,
            AssignmentDraft(
                "Give the result of a biopsy",
                "breast-biopsy",
                attempts_allowed=3,
                closes_at=hub.now() + timedelta(days=6),
            ),
            town.people["edo"],
        ).id
        task = assignments.assign(
            session,
            town.course,
            AssignmentDraft("Winter exam", "breast-biopsy", Mode.EXAM, attempts_allowed=1),
            town.people["edo"],
        )
        town.exam = task.id
        codes.make_for_exam(session, hub, task, ["1", "2"], created_by=town.people["edo"])
        device = Device(
            **{"kind": "laptop", "name": "Lena's laptop", "token_hash": "0" * 64},
            **{"person_id": town.people["lena"], "version": "0.2.0", "paired_at": hub.now()},
        )
        session.add(device)
        session.flush()
        town.device = device.id
        station = Device(kind="station", name="A1", token_hash="1" * 64, paired_at=hub.now())
        session.add(station)
        session.flush()
        town.station = station.id
        if wide:
            _widen(session, hub, town)
        audit.record(session, Visitor(login="tech"), "build town")
    town.attempt = attempts.keep(
        hub, record, origin="hub", owner_id=town.people["lena"], assignment_id=town.assignment
    )
    return town


_PEOPLE = (
    ("lena", "Lena Fuchs", (Role.LEARNER,)),
    ("ayo", "Ayo Bello", (Role.LEARNER,)),
    ("edo", "Edo Haddad", (Role.EDUCATOR,)),
    ("mei", "Mei Tanaka", (Role.EDUCATOR,)),
    ("tech", "Tomas Novak", (Role.TECHNICIAN,)),
    ("rosa", "Rosa Lund", (Role.RESEARCHER,)),
    ("all", "Ada Okafor", tuple(Role)),
)


def _person(session: Session, hub: Hub, login: str, name: str, roles: Sequence[Role]) -> Account:
    made = people.add(session, hub, login=login, name=name, roles=roles)
    made.introduced_at = hub.now()
    return made


def _widen(session: Session, hub: Hub, town: Town) -> None:
    roles = (Role.LEARNER,)
    for login, name in (("long", LONG_NAME), ("rtl", RIGHT_TO_LEFT), ("cjk", CHINESE)):
        town.people[login] = _person(session, hub, login, name, roles).id
    for number in range(60):
        _person(session, hub, f"student-{number:03}@skills.example.edu", f"Student {number}", roles)
    courses.add_members(session, town.course, ["long", "rtl", "cjk", "all"])
    courses.add_members(session, town.other_course, ["all"], is_educator=True)
    title = f"{LONG_WORD} {LONG_WORD}"
    wide = courses.create_course(session, title, f"{RIGHT_TO_LEFT} {CHINESE}", town.people["all"])
    courses.add_members(session, wide.id, ["lena", "long"])
    codes.make(session, hub, CodeKind.PAIRING, person_id=town.people["lena"])
    drill = AssignmentOptions(
        drill=Drill(skill=MOMENT.skill, moment=MOMENT.id),
        questions=_QUESTIONS,
        questions_s=3600,
        accommodations=Accommodations(large_type=True, typed=True),
    )
    draft = AssignmentDraft(
        "Let a silence stand", "breast-biopsy", Mode.DRILL, opens_at=hub.now(), options=drill
    )
    town.drill = assignments.assign(session, town.course, draft, town.people["edo"]).id
    asked = AssignmentOptions(
        questions=_QUESTIONS,
        questions_s=3600,
        accommodations=Accommodations(time_factor=1.5, captions=True),
    )
    assignments.assignment(session, town.assignment).options = asked.model_dump(mode="json")
    exam = assignments.assignment(session, town.exam)
    begun.add(session, exam.id, hub.now(), person_id=town.people["long"])
    for code in codes.of_assignment(session, exam.id)[1:]:
        codes.set_accommodations(code, Accommodations(time_factor=2.0, typed=True))
        for number in range(2):
            visit = StationVisit(
                **{"code_id": code.id, "session_id": UUID(int=number), "took_code": False},
                **{"begun_at": hub.now(), "device_id": town.station},
            )
            session.add(visit)


_QUESTIONS = ("What went well?", f"What would you do differently? {LONG_WORD}")
