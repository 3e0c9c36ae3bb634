"""Every route × every kind of visitor: who may, and who may not.

The list of routes comes from the app, and who may use each is written down here. A new route fails
this test until it is entered in `MAY`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from starlette.websockets import WebSocketDisconnect

from simvoice.hub import codes, people
from simvoice.hub.app import create_app
from simvoice.hub.codes import CodeKind
from simvoice.hub.doors import sessions
from simvoice.hub.doors.access import Visitor, csrf_token, declared_access
from simvoice.hub.hub import Hub, open_hub
from simvoice.hub.roles import Role
from simvoice.hub.settings import load_settings
from simvoice.hub.storage.tables import Assignment, Course, Device
from simvoice.web.security import TOKEN_HEADER
from tests.hub.conftest import ADDRESS, PROXY, fast_passwords

ACCOUNTS = {"learner", "educator", "technician", "researcher", "no role"}
VISITORS = sorted({"stranger", "code", "laptop", "station"} | ACCOUNTS)

ALL = "everyone"
PERSON = "learner, educator, technician, researcher, no role"

MAY = {
    # the doors
    "GET /sign-in": ALL,
    "POST /sign-in": ALL,
    "POST /sign-in/code": ALL,
    "POST /sign-out": ALL,
    "GET /sign-in/provider": ALL,
    "GET /sign-in/provider/answer": ALL,
    "GET /setup": ALL,
    "POST /setup": ALL,
    "GET /invitation": ALL,
    "POST /invitation": ALL,
    "GET /account": PERSON,
    "POST /account/password": PERSON,
    "POST /account/sign-ins/{sign_in_id}/end": PERSON,
    "POST /account/sign-out-everywhere": PERSON,
    "GET /own-data": PERSON,
    "GET /own-data.zip": PERSON,
    "GET /own-data/erase": PERSON,
    "POST /own-data/erase": PERSON,
    # what people see of each other's doings
    "GET /audit": "educator, technician",
    "GET /audit.csv": "educator, technician",
    # home
    "GET /": f"{PERSON}, code",
    "GET /progress": "learner",
    "GET /progress.svg": "learner",
    "GET /introduction": "learner",
    "POST /introduction": "learner",
    "GET /privacy": PERSON,
    # attempts: the handlers open only one's own, and what was released
    "GET /attempts": "learner",
    "GET /attempts/{attempt_id}": "learner, educator, code",
    "GET /attempts/{attempt_id}/timeline": "learner, educator, code",
    "GET /attempts/{attempt_id}/rate": "educator",
    "GET /attempts/{attempt_id}/rate/timeline": "educator",
    "POST /attempts/{attempt_id}/ratings": "educator",
    "POST /attempts/{attempt_id}/ratings/finish": "educator",
    "GET /agreement": "educator",
    "POST /attempts/{attempt_id}/remarks": "educator",
    "POST /remarks/{remark_id}/withdraw": "educator",
    "GET /attempts/{attempt_id}/audio": "learner, educator, code",
    "GET /attempts/{attempt_id}/turns.svg": "learner, educator, code",
    "GET /attempts/{attempt_id}/questions": "learner, code",
    "POST /attempts/{attempt_id}/questions": "learner, code",
    "POST /attempts/{attempt_id}/objections": "learner",
    "DELETE /attempts/{attempt_id}/objections/{number}": "learner",
    "GET /attempts/{attempt_id}/reflect": "learner",
    "POST /attempts/{attempt_id}/reflect": "learner",
    "PUT /attempts/{attempt_id}/reflection": "learner",
    "POST /attempts/{attempt_id}/reflection/end": "learner",
    "GET /attempts/{attempt_id}/release": "learner",
    "POST /attempts/{attempt_id}/release": "learner",
    "POST /releases/{release_id}/revoke": "learner",
    "POST /releases/{release_id}/example": "learner",
    "POST /releases/{release_id}/example/end": "learner",
    "GET /attempts/{attempt_id}/erase": "learner",
    "POST /attempts/{attempt_id}/erase": "learner",
    # encounters
    "GET /practice": "learner",
    "GET /case/{case_id}": "learner",
    "GET /again/{attempt_id}/{turn}": "learner",
    "GET /assignments/{assignment_id}": "learner, code",
    "GET /encounters/place": "learner, code",
    "POST /encounters/place": "learner, code",
    "POST /encounters/place/leave": "learner, code",
    "WebSocket /encounters/line": "learner, code",
    "GET /encounters/ended/{record_id}": "learner, code",
    # courses
    "GET /courses": "educator",
    "POST /courses": "educator",
    "GET /courses/{course_id}": "educator",
    "POST /courses/{course_id}": "educator",
    "POST /courses/{course_id}/close": "educator",
    "POST /courses/{course_id}/units": "educator",
    "GET /units/{unit_id}": "learner, educator",
    "GET /units/{unit_id}/model/audio": "learner, educator",
    "POST /units/{unit_id}/model": "educator",
    "POST /units/{unit_id}/withdraw": "educator",
    "GET /courses/{course_id}/cohort": "educator",
    "GET /courses/{course_id}/cohort.csv": "educator",
    "GET /courses/{course_id}/examples/{attempt_id}/audio": "educator",
    "POST /courses/{course_id}/members": "educator",
    "POST /courses/{course_id}/members/{person_id}/remove": "educator",
    "GET /courses/{course_id}/assign": "educator",
    "POST /courses/{course_id}/assign": "educator",
    "POST /assignments/{assignment_id}/withdraw": "educator",
    "GET /assignments/{assignment_id}/change": "educator",
    "POST /assignments/{assignment_id}/change": "educator",
    "GET /assignments/{assignment_id}/attempts": "educator",
    "POST /assignments/{assignment_id}/release-debriefs": "educator",
    "POST /assignments/{assignment_id}/hold-debriefs": "educator",
    "POST /assignments/{assignment_id}/forgive": "educator",
    "GET /assignments/{assignment_id}/codes": "educator",
    "POST /assignments/{assignment_id}/codes": "educator",
    "POST /codes/{code_id}/revoke": "educator",
    "POST /codes/{code_id}/accommodations": "educator",
    "POST /codes/{code_id}/free": "educator",
    # the workbench
    "GET /workbench": "educator",
    "POST /workbench": "educator",
    "POST /workbench/note": "educator",
    "POST /workbench/copy": "educator",
    "POST /workbench/import": "educator",
    "GET /workbench/{key}": "educator",
    "GET /workbench/{key}/state": "educator",
    "GET /workbench/{key}/card": "educator",
    "POST /workbench/{key}/card": "educator",
    "POST /workbench/{key}/undo": "educator",
    "POST /workbench/{key}/ask": "educator",
    "GET /workbench/{key}/line.wav": "educator",
    "GET /workbench/{key}/questions": "educator",
    "POST /workbench/{key}/questions": "educator",
    "POST /workbench/{key}/check": "educator",
    "POST /workbench/{key}/offer": "educator",
    "POST /workbench/{key}/take-back": "educator",
    "GET /workbench/{key}/remove": "educator",
    "POST /workbench/{key}/remove": "educator",
    "GET /workbench/{key}/files/{name}": "educator",
    "POST /workbench/{key}/files": "educator",
    # people and devices
    "GET /people": "technician",
    "POST /people": "technician",
    "GET /people/{person_id}": "technician",
    "POST /people/{person_id}/roles": "technician",
    "POST /people/{person_id}/invite": "technician",
    "POST /people/{person_id}/disable": "technician",
    "POST /people/{person_id}/enable": "technician",
    "GET /operations": "technician",
    "GET /supplies": "technician",
    "POST /supplies/program": "technician",
    "GET /devices": PERSON,
    "POST /devices/code": PERSON,
    "POST /devices/station-code": "technician",
    "POST /devices/{device_id}/unpair": PERSON,
    # stations
    "GET /stations": "technician",
    "GET /stations/state": "technician",
    "GET /stations/settings": "technician",
    "POST /stations/settings": "technician",
    "POST /stations/pin": "technician",
    "GET /stations/cards": "technician",
    "POST /stations/cards": "technician",
    "POST /account/card": "learner",
    "GET /stations/{device_id}": "technician",
    "GET /stations/{device_id}/confirm": "technician",
    "POST /stations/{device_id}/command": "technician",
    "POST /stations/{device_id}/sign-in": "technician",
    "POST /stations/{device_id}/free": "technician",
    # research
    "GET /research": "researcher",
    "GET /research/numbers.csv": "researcher",
    # what devices send and fetch
    "GET /authority.pem": ALL,
    "POST /api/device/pair": ALL,
    "POST /api/device/unpair": ALL,
    "GET /api/device/hub": "laptop, station",
    "PUT /api/device/attempts/{attempt_id}": "laptop",
    "POST /api/device/attempts/{attempt_id}/finish": "laptop",
    "DELETE /api/device/attempts/{attempt_id}": "laptop",
    "POST /api/device/check": "laptop",
    "OPTIONS /api/device/attempts/{attempt_id}/files/{name}": "laptop",
    "HEAD /api/device/attempts/{attempt_id}/files/{name}": "laptop",
    "PATCH /api/device/attempts/{attempt_id}/files/{name}": "laptop",
    # sealed records of stations
    "PUT /api/station/records/{attempt_id}": "station",
    "OPTIONS /api/station/records/{attempt_id}": "station",
    "HEAD /api/station/records/{attempt_id}": "station",
    "PATCH /api/station/records/{attempt_id}": "station",
    "POST /api/station/records/{attempt_id}/finish": "station",
    "POST /api/station/check": "station",
    "GET /api/device/supplies/catalogue": "laptop, station",
    "GET /api/device/supplies/files/{sha256}": "laptop, station",
    "PUT /api/device/supplies/report": "laptop, station",
    "POST /api/station/report": "station",
    "GET /api/station/roster": "station",
    "POST /api/station/claim": "station",
}
"""Method and path, and which kinds of visitors may use it."""

REFUSALS = re.compile(
    r"Sign in to open this page\.|With a code, you can open only|Only .* may do this;"
    r"|This device is not paired with this hub;|Another kind of device is needed"
)
"""The sentences of `Access`. A handler refuses a single object in other words."""

TOO_OLD = "This page is too old."


def allowed(route: str) -> set[str]:
    return set(VISITORS) if MAY[route] == ALL else set(MAY[route].split(", "))


@dataclass
class Lab:
    """A hub with one visitor of each kind."""

    hub: Hub
    app: FastAPI
    client: TestClient
    people: Mapping[str, UUID]
    codes: list[UUID]

    def headers(self, visitor: str, *, token: bool = True) -> dict[str, str]:
        """Return the headers of a new sign-in of a visitor. token: with the token of our pages."""
        if visitor in ("laptop", "station"):
            return {"authorization": f"Bearer token of the {visitor}"}
        secret = "visit of a stranger"
        kind: sessions.Cookie = "visit"
        if visitor != "stranger":
            kind = "session"
            code_id = self.codes[0] if visitor == "code" else None
            with self.hub.database.begin() as session:
                secret = sessions.begin_sign_in(
                    session, self.hub, person_id=self.people.get(visitor), code_id=code_id
                )
        found = {"cookie": f"{sessions.cookie_name(self.hub, kind)}={secret}", "origin": ADDRESS}
        return {**found, **({TOKEN_HEADER: csrf_token(self.hub, secret)} if token else {})}

    def ask(self, route: str, headers: dict[str, str]) -> Response:
        method, _, path = route.partition(" ")
        names = {"name": "journal.jsonl", "sha256": "0" * 64, "case_id": "breast-biopsy"}
        names |= {"turn": "3", "number": "1"}
        filled = re.sub(r"{(\w+)}", lambda found: names.get(found[1], str(uuid4())), path)
        self.client.cookies.clear()
        return self.client.request(method, filled, headers={**PROXY, **headers})


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    options = {"public_url": ADDRESS, "proxies": ("127.0.0.1",)}
    hub = open_hub(load_settings(tmp_path_factory.mktemp("lab"), options, environment={}))
    hub.passwords = fast_passwords()
    known: dict[str, UUID] = {}
    with hub.database.begin() as session:
        for name in ACCOUNTS:
            roles = [] if name == "no role" else [Role(name)]
            login = name.replace(" ", "-")
            known[name] = people.add(session, hub, login=login, name=name, roles=roles).id
        people.add(session, hub, login="second", name="Second", roles=[Role.TECHNICIAN])
        course = Course(title="Skills")
        session.add(course)
        session.flush()
        task = Assignment(course_id=course.id, title="OSCE", case_id="breast-biopsy", mode="exam")
        session.add(task)
        session.flush()
        code = codes.make(session, hub, CodeKind.EXAM, assignment_id=task.id, label="7")
        for kind in ("laptop", "station"):
            owner = known["learner"] if kind == "laptop" else None
            hashed = sessions.token_hash(f"token of the {kind}")
            session.add(Device(kind=kind, name=kind, token_hash=hashed, person_id=owner))
    app = create_app(hub)
    with TestClient(
        app, base_url=ADDRESS, client=("127.0.0.1", 1), follow_redirects=False
    ) as client:
        client.headers["accept"] = "application/json"
        yield Lab(hub, app, client, known, [code.id])
    hub.database.close()


def declared(app: FastAPI) -> dict[str, str]:
    return {f"{one.method} {one.path}": one.access.in_words() for one in declared_access(app)}


def test_every_route_is_in_the_table(lab: Lab) -> None:
    assert sorted(declared(lab.app).keys() - MAY.keys()) == [], "enter these routes in MAY"
    assert sorted(MAY.keys() - declared(lab.app).keys()) == [], "these routes are gone"


@pytest.mark.slow
@pytest.mark.parametrize("route", [one for one in MAY if one.startswith("WebSocket")])
def test_who_may_open_a_line_and_who_may_not(lab: Lab, route: str) -> None:
    for visitor in VISITORS:
        lab.client.cookies.clear()
        headers = {**PROXY, "origin": ADDRESS, **lab.headers(visitor)}
        there = f"wss://hub.test{route.partition(' ')[2]}"
        try:
            with lab.client.websocket_connect(there, headers=headers) as socket:
                socket.send_json({})  # admitted or not, something is answered
                said = str(socket.receive_json())
        except WebSocketDisconnect as closed:
            said = str(closed.reason)
        is_refused = REFUSALS.search(said) is not None
        assert is_refused == (visitor not in allowed(route)), f"{visitor}: {said}"


def test_a_technician_alone_opens_no_attempt() -> None:
    """A law of the hub, whatever the table says."""
    opens = [route for route in MAY if re.search(r"/(attempts|releases|case|practice)\b", route)]
    assert opens
    assert [route for route in opens if "technician" in allowed(route)] == []


@pytest.mark.slow
@pytest.mark.parametrize("route", [one for one in MAY if not one.startswith("WebSocket")])
def test_who_may_and_who_may_not(lab: Lab, route: str) -> None:
    for visitor in VISITORS:
        answer = lab.ask(route, lab.headers(visitor))
        is_refused = answer.status_code in (401, 403) and (
            route.startswith("HEAD") or REFUSALS.search(answer.text) is not None
        )
        if visitor in allowed(route):
            assert not is_refused, f"{visitor} may: {answer.status_code} {answer.text}"
            is_device = visitor in ("laptop", "station")  # its programs have no page
            assert TOO_OLD not in answer.text or is_device, visitor
            assert answer.status_code < 500 or answer.status_code == 503, answer.text
        else:
            assert is_refused, f"{visitor} may not: {answer.status_code} {answer.text}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "route",
    [
        one
        for one in MAY
        if not one.startswith(("GET", "HEAD", "WebSocket")) and " /api/" not in one
    ],
)
def test_no_change_without_the_token_and_the_origin_of_our_pages(lab: Lab, route: str) -> None:
    visitor = min(allowed(route) - {"laptop", "station"})
    answer = lab.ask(route, lab.headers(visitor, token=False))
    assert (answer.status_code, TOO_OLD in answer.text) == (403, True)
    for origin in ("https://evil.example", "null"):
        answer = lab.ask(route, {**lab.headers(visitor), "origin": origin})
        assert (answer.status_code, "its own pages" in answer.text) == (403, True)


@pytest.mark.slow
@pytest.mark.parametrize("route", [one for one in MAY if " /api/" in one])
def test_a_browser_cannot_act_as_a_device(lab: Lab, route: str) -> None:
    """What devices use does nothing for a cookie, so that no page can misuse it."""
    app_routes = declared(lab.app)
    assert app_routes[route] in {"programs", "laptop", "station", "laptop station", "device"}


@pytest.mark.slow
@pytest.mark.parametrize("visitor", sorted(ACCOUNTS))
def test_a_disabled_person_may_do_nothing(lab: Lab, visitor: str) -> None:
    headers = lab.headers(visitor)
    with lab.hub.database.begin() as session:
        people.disable(session, people.get(session, lab.people[visitor]), lab.hub.now())
    try:
        for route in (one for one in MAY if MAY[one] != ALL and one.startswith("GET")):
            assert lab.ask(route, headers).status_code == 401, route
    finally:
        with lab.hub.database.begin() as session:
            people.enable(people.get(session, lab.people[visitor]))


def test_the_visitor_of_a_device_has_no_role() -> None:
    assert Visitor(device_id=uuid4(), person_id=uuid4()).roles == frozenset()
