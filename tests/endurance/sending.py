"""Many laptops send at once to a real hub, over connections that break, and the hub is killed.

Every laptop has its own outbox, sender and pairing, as `simvoice serve` has. Between them and the
hub is a relay that breaks connections at random bytes. The hub is a process of its own on loopback
and gets SIGKILL several times. Meanwhile an educator opens the page of a course again and again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx

from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief
from simvoice.hub import courses, people
from simvoice.hub.doors import sessions
from simvoice.hub.hub import Hub, open_hub
from simvoice.hub.roles import Role
from simvoice.hub.settings import load_settings
from simvoice.hub.storage.tables import (
    Device,
    LooseObjects,
    Membership,
    Release,
    StoredAttempt,
    Upload,
)
from simvoice.hub_client import outbox_file
from simvoice.hub_client.connection import HubConnection
from simvoice.hub_client.outbox import EntryState, ReleasedTo, ReleaseOutbox
from simvoice.hub_client.pairing import Pairing, Pairings
from simvoice.hub_client.sender import Sender
from simvoice.hub_client.trust import PUBLIC
from simvoice.reading.reading import read
from simvoice.record.store import Store
from simvoice.release.contents import Contents
from simvoice.release.prepare import PreparedRelease, prepare_release
from tests.planted.on_page import plant

LONGEST_S = 900.0
"""A run that has not ended by then has lost something."""

LEVELS = (Contents.SOUND, Contents.SOUND, Contents.WORDS, Contents.NUMBERS)


@dataclass(frozen=True)
class LoadPlan:
    """What a run does."""

    clients: int = 50
    attempts: int = 3
    """Of each client."""
    kills: int = 5
    """SIGKILL to the hub."""
    between_kills_s: tuple[float, float] = (4.0, 10.0)
    cut_bytes: tuple[int, int] = (20_000, 6_000_000)
    """A connection breaks after so many bytes, chosen at random for each."""
    seed: int = 0
    database_url: str = ""
    """Empty for SQLite."""


@dataclass
class LoadResult:
    """What came of a run."""

    seconds: float = 0.0
    sent: int = 0
    withdrawn: int = 0
    megabytes: float = 0.0
    """Of all files that were to arrive."""
    cuts: int = 0
    kills: int = 0
    pages_ms: list[float] = field(default_factory=list)
    """How long the educator's page took, each time that it was answered."""
    pages_away: int = 0
    """Times that the hub did not answer, because it was killed."""
    faults: list[str] = field(default_factory=list)

    @property
    def p50_ms(self) -> float:
        """Median time of the page."""
        return statistics.median(self.pages_ms) if self.pages_ms else 0.0

    @property
    def p95_ms(self) -> float:
        """95th percentile of the time of the page."""
        times = sorted(self.pages_ms)
        return times[int(0.95 * (len(times) - 1))] if times else 0.0

    def describe(self) -> str:
        """Return the figures in a line."""
        return (
            f"{self.sent} attempts and {self.withdrawn} withdrawals, {self.megabytes:.0f} MB in "
            f"{self.seconds:.0f} s; {self.cuts} connections broken, {self.kills} kills; the page "
            f"of the course: {len(self.pages_ms)} times, p50 {self.p50_ms:.0f} ms, "
            f"p95 {self.p95_ms:.0f} ms"
        )


# -- the hub ------------------------------------------------------------------------------------


@dataclass
class HubProcess:
    """`simvoice hub` as a process that can be killed and started again."""

    data: Path
    database_url: str
    port: int
    process: subprocess.Popen[bytes] | None = None
    kills: int = 0
    is_up: bool = False

    def start(self) -> None:
        """Start it, and return when it answers."""
        environment = {**os.environ, "SIMVOICE_DATABASE_URL": self.database_url}
        if not self.database_url:
            environment.pop("SIMVOICE_DATABASE_URL")
        environment["SIMVOICE_HOME"] = str(self.data / "home")
        environment["SIMVOICE_HUB_ENCOUNTERS"] = "0"  # it loads no models
        with (self.data / "output.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "simvoice", "hub"),
                    *("--data", str(self.data / "hub"), "--port", str(self.port)),
                ],
                env=environment,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + 120.0
        while time.monotonic() < end:
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(f"http://127.0.0.1:{self.port}/static/mark.svg", timeout=30.0)
                self.is_up = True
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"the hub did not start: {self.output()[-2000:]}")

    def output(self) -> str:
        """Return what the processes have printed."""
        return (self.data / "output.log").read_text(errors="replace")

    def end(self, how: int) -> None:
        """Send a signal and wait for the end."""
        if self.process is not None:
            self.kills += 1
            self.is_up = False
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None


def free_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


# -- the relay ----------------------------------------------------------------------------------


class Relay:
    """Passes connections on to the hub, and breaks each after a random number of bytes."""

    def __init__(self, target: int, plan: LoadPlan) -> None:
        self._target = target
        self._plan = plan
        self._random = random.Random(plan.seed)
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._socket.getsockname()[1])
        self.cuts = 0
        self.is_breaking = True
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        left = [self._random.randint(*self._plan.cut_bytes)]
        try:
            hub = socket.create_connection(("127.0.0.1", self._target), timeout=30.0)
        except OSError:
            client.close()
            return
        hub.settimeout(None)
        ends = (client, hub)
        pumps = [
            threading.Thread(target=self._pump, args=(*pair, left, ends), daemon=True)
            for pair in (ends, ends[::-1])
        ]
        for each in pumps:
            each.start()

    def _pump(
        self,
        source: socket.socket,
        target: socket.socket,
        left: list[int],
        ends: Sequence[socket.socket],
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(16_384):
                if self.is_breaking and len(data) >= left[0]:
                    target.sendall(data[: left[0]])
                    self.cuts += 1
                    break
                left[0] -= len(data)
                target.sendall(data)
        for each in ends:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


# -- the laptops --------------------------------------------------------------------------------


@dataclass
class CopiedSource:
    """Copies of a planted record, each an attempt of its own with the same debrief."""

    root: Path
    debrief: Debrief

    def ids(self) -> Sequence[str] | None:
        """Return the identifiers of all attempts."""
        return Store(self.root).ids()

    def prepare(self, attempt: str, contents: Contents, courses: Sequence[UUID]) -> PreparedRelease:
        """Return the files of a release."""
        return prepare_release(Store(self.root).open(attempt), self.debrief, contents, courses)

    def discard_prepared(self, attempt: str) -> None:
        """Leave them: the end of the run compares their hashes."""


@dataclass
class SendingLaptop:
    """A machine that sends all its attempts."""

    folder: Path
    source: CopiedSource
    pairings: Pairings
    outbox: ReleaseOutbox
    sender: Sender
    released: dict[UUID, tuple[str, Contents]]

    def is_done(self) -> bool:
        """Return whether the hub knows everything."""
        return self.outbox.next_pending() is None


def copies(template: Path, root: Path, count: int, chosen: random.Random) -> list[tuple[UUID, str]]:
    """Copy a record under new identifiers, and return them."""
    made = []
    for number in range(count):
        uuid = UUID(int=chosen.getrandbits(128), version=4)
        tail = "".join(chosen.choice("abcdefghjkmnpqrs") for _ in range(4))
        attempt = f"2026112{number % 10}-101530-breast-biopsy-{tail}"
        folder = root / attempt
        shutil.copytree(template, folder)
        header = json.loads((folder / "header.json").read_text())
        header |= {"attempt": attempt, "uuid": str(uuid)}
        (folder / "header.json").write_text(json.dumps(header))
        made.append((uuid, attempt))
    return made


# -- a run --------------------------------------------------------------------------------------


@dataclass
class World:
    """All that takes part in a run."""

    hub: HubProcess
    relay: Relay
    laptops: list[SendingLaptop]
    course: UUID
    cookie: dict[str, str]


def run_load(plan: LoadPlan, folder: Path) -> LoadResult:
    """Do what a plan says. Faults are in the result."""
    result = LoadResult()
    chosen = random.Random(plan.seed)
    outbox_file.SYNCHRONOUS = "OFF"  # fifty laptops on one disk would measure that disk
    with world(plan, folder, chosen) as made:
        began_s = time.monotonic()
        stop = threading.Event()
        watcher = threading.Thread(target=_watch, args=(made, result, stop), daemon=True)
        watcher.start()
        for each in made.laptops:
            each.sender.start()
        _kill_now_and_then(plan, made, result, chosen)
        _wait(made, began_s + LONGEST_S, result)
        _withdraw_some(made, result, chosen)
        _wait(made, time.monotonic() + 120.0, result)
        result.seconds = time.monotonic() - began_s
        stop.set()
        watcher.join(30)
        for each in made.laptops:
            each.sender.close(30.0)
        result.cuts = made.relay.cuts
        made.hub.end(signal.SIGTERM)
        _compare(plan, folder, made, result)
        if "Traceback" in made.hub.output():
            result.faults.append(f"the hub printed an error: {made.hub.output()[-1500:]}")
    return result


@contextlib.contextmanager
def world(plan: LoadPlan, folder: Path, chosen: random.Random) -> Iterator[World]:
    """Yield a hub that runs, with its laptops that wait."""
    port = free_port()
    hub = _open(plan, folder, port)
    course, cookie, paired = _people(hub, plan)
    hub.database.close()
    process = HubProcess(folder, plan.database_url, port)
    process.start()
    relay = Relay(port, plan)
    template = folder / "template"
    attempt = Store(template).open(plant(template))
    planted = (attempt.folder, build_debrief(attempt, read(attempt)))
    try:
        laptops = [
            _laptop(plan, folder / f"laptop-{n}", planted, relay, course, one, chosen)
            for n, one in enumerate(paired)
        ]
        yield World(process, relay, laptops, course.id, cookie)
    finally:
        relay.close()
        process.end(signal.SIGKILL)


def _open(plan: LoadPlan, folder: Path, port: int) -> Hub:
    options = {"port": port, "database_url": plan.database_url or None}
    return open_hub(load_settings(folder / "hub", options, environment={}))


def _people(
    hub: Hub, plan: LoadPlan
) -> tuple[ReleasedTo, dict[str, str], list[tuple[UUID, str, UUID]]]:
    """Make a course, its educator, who is signed in, and its learners, who are paired."""
    paired = []
    with hub.database.begin() as session:
        roles = [Role.EDUCATOR, Role.TECHNICIAN]
        educator = people.add(session, hub, login="ito", name="Dr Ito", roles=roles)
        made = courses.create_course(session, "Year 3", "", educator.id)
        cookie = sessions.begin_sign_in(session, hub, person_id=educator.id)
        for number in range(plan.clients):
            login, token = f"learner{number}", sessions.new_secret()
            learner = people.add(
                session, hub, login=login, name=f"Learner {number}", roles=[Role.LEARNER]
            )
            session.add(Membership(course_id=made.id, person_id=learner.id))
            device = Device(
                kind="laptop",
                name=login,
                token_hash=sessions.token_hash(token),
                person_id=learner.id,
            )
            session.add(device)
            session.flush()
            paired.append((device.id, token, learner.id))
    name = sessions.cookie_name(hub, "session")
    return ReleasedTo(id=made.id, title="Year 3"), {name: cookie}, paired


def _laptop(
    plan: LoadPlan,
    folder: Path,
    planted: tuple[Path, Debrief],
    relay: Relay,
    course: ReleasedTo,
    paired: tuple[UUID, str, UUID],
    chosen: random.Random,
) -> SendingLaptop:
    template, debrief = planted
    source = CopiedSource(folder / "attempts", debrief)
    pairings = Pairings(folder / "paired")
    pairings.store(
        Pairing(
            url=f"http://127.0.0.1:{relay.port}",
            hub="Lab",
            person="",
            device=paired[0],
            token=paired[1],
            trust=PUBLIC,
            paired_at="2026-11-29T12:00:00+00:00",
        )
    )
    outbox = ReleaseOutbox(pairings.outbox_file, time.time)
    released = {}
    for uuid, attempt in copies(template, source.root, plan.attempts, chosen):
        contents = chosen.choice(LEVELS)
        outbox.release(uuid, attempt, contents, [course])
        released[uuid] = (attempt, contents)
    sender = Sender(pairings, outbox, source, HubConnection, time.time)
    return SendingLaptop(folder, source, pairings, outbox, sender, released)


def _kill_now_and_then(
    plan: LoadPlan, made: World, result: LoadResult, chosen: random.Random
) -> None:
    for _ in range(plan.kills):
        time.sleep(chosen.uniform(*plan.between_kills_s))
        made.hub.end(signal.SIGKILL)
        result.kills += 1
        made.hub.start()


def _wait(made: World, end_s: float, result: LoadResult) -> None:
    while not all(each.is_done() for each in made.laptops):
        if time.monotonic() > end_s:
            waiting = [(e.outbox.contact(), e.outbox.next_pending()) for e in made.laptops]
            left = [each for each in waiting if each[1] is not None]
            result.faults.append(f"{len(left)} laptops still wait, such as {left[:1]}")
            return
        time.sleep(0.1)


def _withdraw_some(made: World, result: LoadResult, chosen: random.Random) -> None:
    """Withdraw one of ten releases."""
    for laptop in made.laptops:
        for uuid in list(laptop.released):
            if chosen.random() < 0.1:
                laptop.outbox.withdraw(uuid)
                laptop.sender.wake()
                result.withdrawn += 1


def _watch(made: World, result: LoadResult, stop: threading.Event) -> None:
    """Open the page of the course every 150 ms, as an educator who works."""
    with httpx.Client(
        base_url=f"http://127.0.0.1:{made.hub.port}", cookies=made.cookie, timeout=60.0
    ) as browser:
        while not stop.wait(0.15):
            began_s, kills = time.perf_counter(), made.hub.kills
            if not made.hub.is_up:
                result.pages_away += 1
                continue
            try:
                answer = browser.get(f"/courses/{made.course}", headers={"accept": "text/html"})
            except httpx.HTTPError:
                result.pages_away += 1
                continue
            if answer.status_code != 200 or "Year 3" not in answer.text:
                result.faults.append(f"the page answered {answer.status_code}")
                return
            if made.hub.kills == kills:  # else it waited for the next start
                result.pages_ms.append(1000.0 * (time.perf_counter() - began_s))


# -- what came of it ----------------------------------------------------------------------------


def _compare(plan: LoadPlan, folder: Path, made: World, result: LoadResult) -> None:
    """Compare what the hub has with what was released: by UUID, hash and release."""
    hub = _open(plan, folder, made.hub.port)
    say = result.faults.append
    with hub.database.read() as session:
        stored = {each.id: each for each in session.query(StoredAttempt)}
        files = {
            each.id: {f.name: (f.size, f.sha256, f.object_key) for f in each.files}
            for each in stored.values()
        }
        releases: dict[UUID, list[str]] = {}
        for each in session.query(Release).filter(Release.revoked_at.is_(None)):
            releases.setdefault(each.attempt_id, []).append(each.contents)
        left = session.query(Upload).count()
        loose = session.query(LooseObjects).count()
    wanted = {u: (lap, *given) for lap in made.laptops for u, given in lap.released.items()}
    result.sent = len(stored)
    if set(stored) != set(wanted):
        lost, more = set(wanted) - set(stored), set(stored) - set(wanted)
        say(f"{len(lost)} attempts are lost, and {len(more)} are there that nobody released")
    if left:
        say(f"{left} uploads are left")
    for uuid in set(stored) & set(wanted):
        laptop, attempt, contents = wanted[uuid]
        entry = laptop.outbox.entry(uuid)
        state = None if entry is None else entry.state
        expected = [] if state is EntryState.WITHDRAWN else [contents.value]
        if state not in (EntryState.SENT, EntryState.WITHDRAWN):
            say(f"{attempt} is {state} in its outbox: {entry}")
        if releases.get(uuid, []) != expected:
            say(f"{attempt} is released as {releases.get(uuid)}, not {expected}")
        manifest = laptop.source.prepare(attempt, contents, ()).manifest
        result.megabytes += manifest.size / 1e6
        for facts in manifest.files:
            if files[uuid].get(facts.name, ())[:2] != (facts.size, facts.sha256):
                say(f"{facts.name} of {attempt} is another one on the hub")
    keys = [key for each in files.values() for *_, key in each.values()]
    _check_objects(folder / "hub" / "store", keys, files, result)
    if loose:
        result.faults.append(f"{loose} loose objects are left")
    hub.database.close()


def _check_objects(
    store: Path,
    keys: Sequence[str],
    files: dict[UUID, dict[str, tuple[int, str, str]]],
    result: LoadResult,
) -> None:
    """Compare the files in the store with the hashes in the database: each once, none more."""
    there = {
        path.relative_to(store).as_posix(): path for path in store.rglob("*") if path.is_file()
    }
    recordings = {key for key in there if re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", key)}
    if len(set(keys)) != len(keys):
        result.faults.append("an object belongs to two files")
    if lost := set(keys) - set(there):
        result.faults.append(f"{len(lost)} objects are lost, such as {min(lost)}")
    if more := recordings - set(keys):
        result.faults.append(f"{len(more)} objects belong to nothing, such as {min(more)}")
    for each in files.values():
        for _, sha256, key in each.values():
            if key in there and hashlib.sha256(there[key].read_bytes()).hexdigest() != sha256:
                result.faults.append(f"the object {key} is not what was sent")
