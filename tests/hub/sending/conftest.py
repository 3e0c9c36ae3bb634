"""Fixtures: laptops of learners that are paired with a hub, and a record to send."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi.testclient import TestClient

from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief
from simvoice.hub import courses, people
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.sending import devices
from simvoice.hub.storage.tables import Membership
from simvoice.hub_client import outbox_file
from simvoice.hub_client.connection import Address, HubConnection
from simvoice.hub_client.outbox import ReleasedTo, ReleaseOutbox
from simvoice.hub_client.pairing import Pairings, pair
from simvoice.hub_client.sender import Sender
from simvoice.hub_client.trust import PUBLIC
from simvoice.reading.reading import read
from simvoice.record.identity import attempt_uuid
from simvoice.record.store import Attempt, Store
from simvoice.release.contents import Contents
from simvoice.release.prepare import PreparedRelease, discard_prepared, prepare_release
from tests.hub.conftest import ADDRESS, PROXY, app_of
from tests.planted.on_page import plant


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_file, "SYNCHRONOUS", "OFF")


@dataclass(frozen=True)
class Planted:
    """A record with its debrief, which takes half a second to make."""

    attempt: Attempt
    debrief: Debrief


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    root = tmp_path_factory.mktemp("planted")
    attempt = Store(root).open(plant(root, learner="zebrafish"))
    return Planted(attempt, build_debrief(attempt, read(attempt)))


class AppTransport(httpx.BaseTransport):
    """Passes the requests of a device to the application of a hub, through its proxy."""

    def __init__(self, browser: TestClient) -> None:
        self.browser = browser
        self.requests: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(f"{request.method} {request.url.path}")
        headers = {**dict(request.headers), **PROXY}
        answer = self.browser.request(
            request.method, str(request.url), content=request.read(), headers=headers
        )
        return httpx.Response(
            answer.status_code, headers=dict(answer.headers), content=answer.content
        )


@dataclass
class LaptopSource:
    """The attempts of a laptop, each with the planted debrief."""

    root: Path
    debrief: Debrief

    def ids(self) -> Sequence[str] | None:
        return Store(self.root).ids()

    def prepare(self, attempt: str, contents: Contents, courses: Sequence[UUID]) -> PreparedRelease:
        return prepare_release(Store(self.root).open(attempt), self.debrief, contents, courses)

    def discard_prepared(self, attempt: str) -> None:
        discard_prepared(self.root / attempt)


@dataclass
class LearnerLaptop:
    """A laptop with one attempt, and its outbox and sender."""

    folder: Path
    hub: Hub
    transport: AppTransport
    planted: Planted
    person: UUID
    course: ReleasedTo
    now: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        root = self.folder / "attempts"
        self.attempt_id = self.planted.attempt.id
        if not root.exists():
            shutil.copytree(self.planted.attempt.folder, root / self.attempt_id)
        self.source = LaptopSource(root, self.planted.debrief)
        self.pairings = Pairings(self.folder / "hub-pairing")
        self.outbox = ReleaseOutbox(self.pairings.outbox_file, lambda: self.now)
        self.sender = Sender(
            self.pairings,
            self.outbox,
            self.source,
            self.connect,
            lambda: self.now,
            jitter=lambda: 1.0,
            chunk_bytes=200_000,
        )

    @property
    def uuid(self) -> UUID:
        return attempt_uuid(self.planted.attempt.header)

    def connect(self, address: Address, token: str) -> HubConnection:
        return HubConnection(address, token, transport=self.transport)

    def connection(self) -> HubConnection:
        pairing = self.pairings.pairing()
        assert pairing is not None
        return self.connect(pairing.address, pairing.token)

    def pair(self, code: str) -> None:
        pair(
            self.pairings,
            Address(ADDRESS, PUBLIC),
            code,
            connect=self.connect,
            now="2026-11-29T12:00:00+00:00",
            name="Ada's laptop",
        )

    def prepared(self, contents: Contents = Contents.SOUND) -> PreparedRelease:
        return self.source.prepare(self.attempt_id, contents, [self.course.id])

    def release(self, contents: Contents = Contents.SOUND, *to: ReleasedTo) -> None:
        self.outbox.release(self.uuid, self.attempt_id, contents, to or (self.course,))

    def run(self, steps: int = 30) -> None:
        for _ in range(steps):
            due_s = self.sender.step()
            if due_s is None or due_s > 3600.0:
                return
            self.now += due_s
        raise AssertionError(f"no rest: {self.outbox.contact()} {self.outbox.entries()}")


NewLaptop = Callable[..., LearnerLaptop]


@pytest.fixture
def course(hub: Hub) -> ReleasedTo:
    """A course with an educator."""
    with hub.database.begin() as session:
        educator = people.add(session, hub, login="ito", name="Dr Ito", roles=[Role.EDUCATOR])
        made = courses.create_course(session, "Year 3", "", educator.id)
        return ReleasedTo(id=made.id, title=made.title)


@pytest.fixture
def new_laptop(
    hub: Hub, tmp_path: Path, planted: Planted, course: ReleasedTo
) -> Iterator[NewLaptop]:
    """`new_laptop("ada")` pairs a laptop of a learner of the course; again: a second laptop."""
    with ExitStack() as open_browsers:
        count = 0

        def make(login: str = "ada", **options: Any) -> LearnerLaptop:
            nonlocal count
            count += 1
            with hub.database.begin() as session:
                person = people.find(session, login)
                if person is None:
                    person = people.add(
                        session, hub, login=login, name=login.title(), roles=[Role.LEARNER]
                    )
                    session.add(Membership(course_id=course.id, person_id=person.id))
                visitor = Visitor(person_id=person.id, login=login)
                code = devices.new_code(session, hub, visitor).text
            proxied = TestClient(app_of(hub), base_url=ADDRESS, client=("127.0.0.1", 50_000))
            transport = AppTransport(open_browsers.enter_context(proxied))
            made = LearnerLaptop(
                tmp_path / f"laptop-{count}", hub, transport, planted, person.id, course, **options
            )
            made.pair(code)
            return made

        yield make


@pytest.fixture
def laptop(new_laptop: NewLaptop) -> LearnerLaptop:
    return new_laptop()
