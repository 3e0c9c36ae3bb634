"""A hub with stations, an exam with codes, and a learner with a card, for tests of stations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from fastapi.testclient import TestClient
from httpx import Response

from simvoice import __version__
from simvoice.hub import assignments, codes, courses, people
from simvoice.hub.assignments import AssignmentDraft, Mode
from simvoice.hub.codes import CodeKind, NewCode
from simvoice.hub.doors import sessions
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Account, Device, OneTimeCode, StationVisit
from simvoice.hub_client.station_messages import (
    AssignmentOptions,
    ClaimAnswer,
    ClaimRequest,
    CodeUse,
    Light,
    Phase,
    ReportAnswer,
    Roster,
    StationReport,
)
from tests.hub.conftest import MachineClock


@dataclass
class ScriptedStation:
    """A paired station: its token, and what it would report now."""

    hub: Hub
    client: TestClient
    id: UUID
    headers: dict[str, str]
    facts: dict[str, Any] = field(default_factory=dict)

    def report(self, **changes: Any) -> ReportAnswer:
        """Report, and return the answer. changes: fields that are so from now on."""
        answer = self.post("report", self.now(**changes))
        assert answer.status_code == 200, answer.text
        return ReportAnswer.model_validate_json(answer.content)

    def now(self, **changes: Any) -> StationReport:
        self.facts |= changes
        return StationReport(**{"clock": self.hub.now().timestamp(), **self.facts})

    def visit(self, phase: Phase = Phase.CODE, code: UUID | None = None) -> UUID:
        """Let a new learner come, and report it."""
        session = uuid4()
        light = Light.TALKING if phase is Phase.ENCOUNTER else Light.WAITING
        self.report(session=session, phase=phase, light=light, code=code)
        return session

    def begin(self, code: UUID, session: UUID) -> None:
        """Begin an encounter under an exam code, and report it."""
        use = CodeUse(code=code, session=session, at=self.hub.now().timestamp())
        self.report(phase=Phase.ENCOUNTER, light=Light.TALKING, code=code, uses=(use,))

    def leave(self) -> None:
        self.report(session=None, code=None, phase=Phase.WELCOME, light=Light.GREEN)

    def claim(self, code: str, session: UUID | None = None) -> ClaimAnswer | str:
        """Claim a code; return the answer, or the sentence of a refusal."""
        answer = self.post("claim", ClaimRequest(code=code, session=session or uuid4()))
        if answer.status_code != 200:
            assert answer.status_code == 422, answer.text
            return str(answer.json()["message"])
        return ClaimAnswer.model_validate_json(answer.content)

    def roster(self) -> Roster:
        return Roster.model_validate_json(self.get("roster").content)

    def post(self, path: str, body: Any) -> Response:
        return self.client.post(
            f"/api/station/{path}", content=body.model_dump_json(), headers=self.headers
        )

    def get(self, path: str, **headers: str) -> Response:
        return self.client.get(f"/api/station/{path}", headers={**self.headers, **headers})


@dataclass
class StationLab:
    """A hub with an exam, a practice, codes for both and any number of stations."""

    hub: Hub
    client: TestClient
    clock: MachineClock
    course: UUID
    exam: UUID
    practice: UUID
    codes: list[NewCode]
    """Of the exam, for the candidates "1", "2" and "3"."""
    lena: UUID
    card: NewCode

    def station(self, name: str) -> ScriptedStation:
        """Pair a station."""
        token = f"token of {name} {uuid4()}"
        with self.hub.database.begin() as session:
            device = Device(kind="station", name=name, token_hash=sessions.token_hash(token))
            session.add(device)
            session.flush()
            made = device.id
        facts = {
            **{"name": name, "boot": uuid4(), "version": __version__},
            **{"phase": Phase.WELCOME, "light": Light.GREEN},
        }
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        return ScriptedStation(self.hub, self.client, made, headers, facts)

    def code(self, code_id: UUID) -> OneTimeCode:
        with self.hub.database.read() as session:
            found = session.get(OneTimeCode, code_id)
            assert found is not None
            return found

    def visits(self) -> list[StationVisit]:
        with self.hub.database.read() as session:
            return list(session.query(StationVisit))

    def changed(self) -> None:
        """Let so much time pass that a change of the database is in the roster."""
        self.clock.go_on(seconds=6)


def build_lab(hub: Hub, client: TestClient, clock: MachineClock) -> StationLab:
    """Fill an empty hub."""
    with hub.database.begin() as session:
        edo = _person(session, hub, "edo", "Edo Haddad", Role.EDUCATOR)
        lena = _person(session, hub, "lena", "Lena Fuchs", Role.LEARNER)
        course = courses.create_course(session, "Year 3", "", edo.id)
        courses.add_members(session, course.id, ["lena"])
        drafts = (
            AssignmentDraft(
                "Winter exam",
                "breast-biopsy",
                Mode.EXAM,
                attempts_allowed=1,
                options=AssignmentOptions(seed=7, questions=("What would you do again?",)),
            ),
            AssignmentDraft("Give a result", "breast-biopsy"),
        )
        exam, practice = [assignments.assign(session, course.id, each, edo.id) for each in drafts]
        made = codes.make_for_exam(session, hub, exam, ["1", "2", "3"], created_by=edo.id)
        card = codes.make(session, hub, CodeKind.LEARNER, person_id=lena.id)
        return StationLab(
            **{"hub": hub, "client": client, "clock": clock, "course": course.id},
            **{"exam": exam.id, "practice": practice.id, "codes": made},
            **{"lena": lena.id, "card": card},
        )


def _person(session: Any, hub: Hub, login: str, name: str, role: Role) -> Account:
    return people.add(session, hub, login=login, name=name, roles=[role])
