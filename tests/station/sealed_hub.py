"""A hub in memory for sealed records, and a station that sends to it in virtual time."""

from __future__ import annotations

import atexit
import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

from simvoice.audio import RATE
from simvoice.hub_client.connection import Address, HubConnection
from simvoice.hub_client.pairing import Pairing, Pairings
from simvoice.hub_client.station_messages import SEALED_NAME, STATION_PATH
from simvoice.hub_client.trust import PUBLIC
from simvoice.record.files import HEADER
from simvoice.record.identity import attempt_uuid
from simvoice.record.store import Store
from simvoice.release.age import make_identity
from simvoice.release.manifest import SealedOwner
from simvoice.station.outbox import RecordOutbox
from simvoice.station.sending import RecordSender
from tests.hub_client.scripted_hub import TOKEN, ScriptedHub
from tests.planted import builder, talk


class SealedHub(ScriptedHub):
    """Answers what stations ask about sealed records. It opens none."""

    refuses = ""
    """A sentence: what it says to each record that is complete."""

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix(STATION_PATH)
        if path == request.url.path:
            return super()._answer(request)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return said(401, "This device is not paired with this hub; pair it again.")
        if path == "/check":
            asked = json.loads(request.content)["attempts"]
            known = [{**self._known(each), "releases": []} for each in asked]
            return httpx.Response(200, json={"attempts": known})
        found = re.fullmatch(r"/records/([0-9a-f-]{36})(/finish)?", path)
        assert found is not None, path
        uuid, finish = found.groups()
        if finish and self.refuses and uuid in self.manifests:
            self._drop(uuid)
            return said(422, self.refuses)
        if finish:
            return self._finish(uuid)
        if request.method == "PUT":
            return self._begin_record(uuid, json.loads(request.content))
        return self._append(request, uuid, SEALED_NAME)

    def _begin_record(self, uuid: str, facts: dict[str, Any]) -> httpx.Response:
        if uuid in self.erased:
            return said(409, "This attempt was erased on the hub, and is not taken again.")
        if uuid in self.kept:
            self._drop(uuid)
            return httpx.Response(200, json={"kept": True})
        files = [{"name": SEALED_NAME, "size": facts["size"], "sha256": facts["sha256"]}]
        if self.manifests.get(uuid, {}).get("files") != files:
            self._drop(uuid)
        self.manifests[uuid] = {"files": files, "contents": "sound", "courses": []}
        offsets = {SEALED_NAME: len(self._part(uuid, SEALED_NAME))}
        return httpx.Response(200, json={"kept": False, "offsets": offsets})


def said(status: int, sentence: str) -> httpx.Response:
    return httpx.Response(status, json={"message": sentence})


def owner(**fields: object) -> SealedOwner:
    known: dict[str, Any] = {
        **{"code": UUID(int=1), "assignment": UUID(int=2), "mode": "exam"},
        **{"session": uuid4(), "is_released": True, "made_at": 1_800_000_000.0},
    }
    return SealedOwner(**{**known, **fields})


@cache
def _template() -> Path:
    """Return the folder of a record of the planted conversation. Making one takes 0.2 s."""
    learner, patient = talk.sound()
    length = 12 * RATE
    root = Path(tempfile.mkdtemp(prefix="simvoice-test-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    head = talk.header(uuid=UUID(int=0))
    return builder.record(root, head, talk.entries(), (learner[:length], patient[:length])).folder


def new_record(root: Path) -> Path:
    """Return the folder of a copy of the template, which is another attempt."""
    template = _template()
    name = f"{template.name[:-4]}{uuid4().hex[:4]}"
    folder = Path(shutil.copytree(template, root / name))
    header = json.loads((folder / HEADER).read_bytes())
    header |= {"attempt": name, "uuid": str(uuid4())}
    (folder / HEADER).write_text(json.dumps(header))
    return folder


@dataclass
class SendingStation:
    """A paired station with records, an outbox and a sender."""

    folder: Path
    hub: SealedHub
    now: float = 1_800_000_000.0

    def __post_init__(self) -> None:
        self.plain = self.folder / "attempts"
        self.pairings = Pairings(self.folder / "hub")
        self.hub.now = lambda: self.now
        self.pairings.store(
            Pairing(
                **{"url": "https://hub.test", "hub": "Lab", "person": "", "token": TOKEN},
                **{"device": UUID(int=1), "trust": PUBLIC},
                paired_at="2026-11-30T10:00:00+00:00",
            )
        )
        self.recipient = make_identity(self.folder / "key-of-the-hub")
        self.start()

    def start(self) -> list[str]:
        """Begin as after a start of the program."""
        self.outbox = RecordOutbox(self.folder / "outbox", lambda: self.now)
        self.sender = RecordSender(
            self.pairings,
            self.outbox,
            self.connect,
            lambda: self.now,
            jitter=lambda: 1.0,
            chunk_bytes=100_000,
        )
        return self.outbox.open()

    def connect(self, address: Address, token: str) -> HubConnection:
        return HubConnection(address, token, transport=self.hub.transport())

    def recorded(self) -> Path:
        """Return the folder of a new plain record, with a few seconds of sound."""
        return new_record(self.plain)

    def seal(self, folder: Path | None = None) -> UUID:
        return self.outbox.seal(folder or self.recorded(), owner(), self.recipient)

    def uuid(self, folder: Path) -> UUID:
        return attempt_uuid(Store(folder.parent).open(folder.name).header)

    def files(self) -> set[str]:
        return {path.name for path in self.outbox.folder.iterdir() if path.suffix == ".age"}

    def run(self, steps: int = 60) -> None:
        """Step until nothing is due before the next check; skip the waits."""
        for _ in range(steps):
            due_s = self.sender.step()
            if due_s is None or due_s > 600.0:
                return
            self.now += due_s
        raise AssertionError(f"no rest: {self.outbox.contact()} {self.outbox.records()}")

    def copy_of(self, folder: Path, name: str) -> Path:
        """Return another station's copy of what is on this one's disk."""
        return Path(shutil.copytree(folder, self.folder / name))
