"""A hub with people in it that answers real browsers on loopback, and a list of all its pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import uvicorn
from argon2 import PasswordHasher

from simvoice import paths
from simvoice.app.attempt_header import case_card
from simvoice.hub import attempts, course_units, courses, remarks
from simvoice.hub.app import create_app
from simvoice.hub.doors import sessions
from simvoice.hub.doors.passwords import Passwords
from simvoice.hub.hub import Hub, open_hub
from simvoice.hub.settings import load_settings
from simvoice.patient.case.load import load_case
from simvoice.ports import AudioLine
from simvoice.release.contents import Contents
from simvoice.runtime.encounter_options import AS_WRITTEN, EncounterOptions
from simvoice.runtime.observer import Observer
from simvoice.runtime.stages import Engines
from simvoice.web.ports import CaseCard
from simvoice.web.server import loopback_socket
from tests.hub.cohorts import ITEMS, planted, release_planted
from tests.hub.pages.town import LONG_WORD, MOMENT, RECORD, Town, build
from tests.planted.on_page import plant
from tests.web.stand_in import CASE, SCRIPT, ScriptedEncounter


class StandInPatients:
    """What a hub needs of a simulator: one case, whose scripted patient says one sentence."""

    last: ScriptedEncounter | None = None
    """The encounter that began last."""
    options: EncounterOptions | None = None
    """Its options."""

    def cases(self) -> Sequence[CaseCard]:
        return (replace(CASE, moments=(MOMENT,)),)

    def look_again(self) -> None:
        """Its only case is always there."""

    def engines(self) -> Engines:
        return None  # type: ignore[return-value]  # the pool's size is given, so none is measured

    def make_ready(self, case_id: str, *_: object, **__: object) -> None:
        """Nothing has to be prepared."""

    def prepare_rest(self, case_id: str, cancelled: object = None) -> None:
        """Nothing has to be prepared."""

    def encounter(
        self,
        case_id: str,
        line: AudioLine,
        *,
        learner: str = "",
        observer: Observer = lambda _: None,
        records: Path | None = None,
        options: EncounterOptions = AS_WRITTEN,
        **_: object,
    ) -> ScriptedEncounter:
        assert records is not None
        self.options = options
        self.last = ScriptedEncounter(records, line, learner, observer, SCRIPT)
        return self.last


@dataclass(frozen=True)
class ServedTown:
    """A running hub."""

    address: str
    town: Town
    patients: StandInPatients

    def cookie(self, login: str) -> dict[str, str]:
        """Return the cookie of a browser that is signed in, as Playwright takes it."""
        hub = self.town.hub
        with hub.database.begin() as session:
            token = sessions.begin_sign_in(session, hub, person_id=self.town.people[login])
        return {
            **{"name": sessions.cookie_name(hub, "session"), "value": token},
            "url": self.address,
        }


@dataclass(frozen=True)
class Page:
    """A page, and who opens it."""

    name: str
    login: str
    """Empty for a stranger."""
    path: str


def all_pages(town: Town) -> Sequence[Page]:
    """Return every page that a browser can open, as somebody who may."""
    attempt, course = f"/attempts/{town.attempt}", f"/courses/{town.course}"
    return (
        Page("sign in", "", "/sign-in"),
        Page("home of a learner", "lena", "/"),
        Page("home of everyone", "all", "/"),
        Page("home with a long name", "long", "/"),
        Page("home from right to left", "rtl", "/"),
        Page("introduction", "lena", "/introduction"),
        Page("practice", "lena", "/practice"),
        Page("attempts", "lena", "/attempts"),
        Page("attempt", "lena", attempt),
        Page("release", "lena", f"{attempt}/release"),
        Page("erase", "lena", f"{attempt}/erase"),
        Page("progress", "lena", "/progress"),
        Page("own data", "lena", "/own-data"),
        Page("erase an account", "lena", "/own-data/erase"),
        Page("privacy", "lena", "/privacy"),
        Page("account", "lena", "/account"),
        Page("door", "lena", "/case/breast-biopsy"),
        Page("door of an assignment", "ayo", f"/assignments/{town.assignment}"),
        Page("door of an exam", "ayo", f"/assignments/{town.exam}"),
        Page("questions", "lena", f"{attempt}/questions"),
        Page("own words before a debrief", "lena", f"/attempts/{town.unread}/reflect"),
        Page("saving", "lena", "/encounters/ended/20261122-101530-breast-biopsy-zzzz"),
        Page("own devices", "lena", "/devices"),
        Page("courses", "edo", "/courses"),
        Page("course", "edo", course),
        Page("workbench", "edo", "/workbench"),
        Page("assign", "edo", f"{course}/assign"),
        Page("assignment", "edo", f"/assignments/{town.assignment}/attempts"),
        Page("exam", "edo", f"/assignments/{town.exam}/attempts"),
        Page("drill", "edo", f"/assignments/{town.drill}/attempts"),
        Page("door of a drill", "ayo", f"/assignments/{town.drill}"),
        Page("change an assignment", "edo", f"/assignments/{town.drill}/change"),
        Page("codes", "edo", f"/assignments/{town.exam}/codes"),
        Page("released attempt", "edo", attempt),
        Page("rating", "edo", f"{attempt}/rate"),
        Page("agreement", "edo", "/agreement"),
        Page("cohort", "edo", f"/courses/{town.cohort}/cohort"),
        Page("a small cohort", "mei", f"/courses/{town.other_course}/cohort"),
        Page("unit of a learner", "lena", f"/units/{town.unit}"),
        Page("unit of an educator", "edo", f"/units/{town.unit}"),
        Page("operations", "tech", "/operations"),
        Page("people", "tech", "/people"),
        Page("person", "tech", f"/people/{town.people['long']}"),
        Page("devices", "tech", "/devices"),
        Page("stations", "tech", "/stations"),
        Page("station", "tech", f"/stations/{town.station}"),
        Page("confirmation", "tech", f"/stations/{town.station}/confirm?verb=reset"),
        Page("settings of stations", "tech", "/stations/settings"),
        Page("cards", "tech", "/stations/cards"),
        Page("audit", "tech", "/audit"),
        Page("research", "rosa", "/research"),
        Page("a page that is not there", "lena", "/nothing"),
    )


def _teach(town: Town) -> None:
    """Let Edo teach: a unit, a remark, and a cohort with examples in a course of its own."""
    hub, edo = town.hub, town.people["edo"]
    card = case_card(load_case(paths.scenarios_dir() / "breast-biopsy" / "case.yaml"))
    plan = course_units.plan_of(card)
    assert plan is not None
    with hub.database.begin() as session:
        town.unit = course_units.add(session, town.course, card, plan, edo).id
        town.cohort = courses.create_course(session, "Year 5", "", edo).id
        remarks.write(session, town.attempt, edo, 12.0, f"Listen here. {LONG_WORD}", hub.now())
    rows = planted(24, 2, ITEMS[:2])
    release_planted(hub, town.cohort, [replace(each, may_play=True) for each in rows])
    rows = [
        replace(each, learner=UUID(int=each.learner.int + 500))
        for each in planted(14, 1, ITEMS[:2])
    ]
    release_planted(hub, town.other_course, rows)


@contextmanager
def served_town(folder: Path, **settings: Any) -> Iterator[ServedTown]:
    """Serve a filled hub from an empty folder, in a thread of this process.

    Lena has released the words of her attempt. One learner at a time can talk.
    """
    made = loopback_socket("127.0.0.1", 0)
    port = made.getsockname()[1]
    options = {"port": port, "title": "Skills lab North", **settings}
    hub: Hub = open_hub(load_settings(folder / "hub", options, environment={}))
    hub.passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    records = folder / "planted"
    town = build(hub, records / plant(records), wide=True)
    town.release(Contents.WORDS)
    _teach(town)
    unread = plant(records, attempt=f"{RECORD[:-4]}rd2b", options={"reflects": True})
    lena = town.people["lena"]
    town.unread = attempts.keep(hub, records / unread, origin="hub", owner_id=lena)
    patients = StandInPatients()
    hub.encounters.start(patients, 1)
    config = uvicorn.Config(
        create_app(hub), log_level="error", ws="websockets-sansio", timeout_graceful_shutdown=3
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [made]}, daemon=True)
    thread.start()
    try:
        yield ServedTown(f"http://127.0.0.1:{port}", town, patients)
    finally:
        server.should_exit = True
        thread.join(60)
        made.close()
        hub.encounters.stop()
        hub.database.close()
