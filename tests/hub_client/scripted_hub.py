"""A hub in memory for tests of the sender, with faults that a test plans."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx

from simvoice.errors import AttemptError
from simvoice.hub_client.connection import Address, HubConnection
from simvoice.hub_client.outbox import ReleasedTo, ReleaseOutbox
from simvoice.hub_client.pairing import Pairing, Pairings
from simvoice.hub_client.sender import Sender
from simvoice.hub_client.trust import PUBLIC
from simvoice.record.files import FLAC, HEADER, JOURNAL
from simvoice.release.contents import NUMBERS, Contents
from simvoice.release.manifest import FileFacts, ReleaseManifest
from simvoice.release.prepare import PreparedRelease

COURSE = ReleasedTo(id=UUID(int=7), title="Year 3")
OTHER = ReleasedTo(id=UUID(int=8), title="Elective")
TOKEN = "a-token"


class Killed(BaseException):
    """The program dies: nothing after this line runs."""


@dataclass
class Kept:
    """An attempt that the hub has."""

    contents: str
    files: dict[str, bytes]
    courses: set[str]
    changed_at: float


@dataclass
class ScriptedHub:
    """Implements the requests of a device."""

    now: Callable[[], float] = lambda: 1_800_000_000.0
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    partial: dict[tuple[str, str], bytearray] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    left: list[dict[str, str]] = field(default_factory=list)
    """What devices that left have said."""
    keeps: int = 0
    """How often an attempt was kept that was not there."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    fault: Callable[[httpx.Request], httpx.Response | Exception | None] = lambda request: None
    """Called before each request: an answer or an error in its place."""
    cut_after: int | None = None
    """The connection breaks after so many bytes of PATCH bodies."""
    kills: bool = False
    """Whether the sending program dies where the connection would break."""
    loses_answer: bool = False
    """Whether the next answer is lost after the hub has done what was asked."""

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request.method, request.url.path))
        found = self.fault(request)
        if isinstance(found, Exception):
            raise found
        if found is not None:
            return found
        made = self._answer(request)
        if self.loses_answer:
            self.loses_answer = False
            raise httpx.ReadError("the answer was lost")
        return made

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/device")
        if path == "/unpair":
            self.left.append(json.loads(request.content))
            return httpx.Response(204)
        if path == "/pair":
            return self._pair(json.loads(request.content))
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _said(401, "This device is not paired with this hub; pair it again.")
        if path == "/hub":
            course = {"id": str(COURSE.id), "title": COURSE.title, "educators": ["Dr Ito"]}
            return httpx.Response(200, json={"hub": "Lab", "person": "Ada", "courses": [course]})
        if path == "/check":
            asked = json.loads(request.content)["attempts"]
            return httpx.Response(200, json={"attempts": [self._known(each) for each in asked]})
        found = re.fullmatch(r"/attempts/([0-9a-f-]{36})(?:/files/([a-z.]+)|/(finish))?", path)
        assert found is not None, path
        uuid, name, finish = found.groups()
        if finish:
            return self._finish(uuid)
        if name:
            return self._append(request, uuid, name)
        return self._begin(request, uuid) if request.method == "PUT" else self._withdraw(uuid)

    def _pair(self, given: dict[str, str]) -> httpx.Response:
        if given["code"] != "CODE":
            return _said(422, "This code is not known here.")
        device = {"device": str(uuid4()), "token": TOKEN, "hub": "Lab", "person": "Ada"}
        return httpx.Response(201, json=device)

    def _known(self, uuid: str) -> dict[str, Any]:
        if uuid in self.erased:
            return {"uuid": uuid, "state": "erased"}
        if uuid not in self.kept:
            return {"uuid": uuid, "state": "unknown"}
        kept = self.kept[uuid]
        released = [
            {"course": each, "contents": kept.contents, "released_at": kept.changed_at}
            for each in sorted(kept.courses)
        ]
        return {"uuid": uuid, "state": "kept", "releases": released}

    def _begin(self, request: httpx.Request, uuid: str) -> httpx.Response:
        manifest = json.loads(request.content)
        if uuid in self.erased:
            return _said(409, "This attempt was erased on the hub, and is not taken again.")
        kept = self.kept.get(uuid)
        if kept and Contents(kept.contents).rank >= Contents(manifest["contents"]).rank:
            kept.courses, kept.changed_at = set(manifest["courses"]), self.now()
            self._drop(uuid)
            return httpx.Response(200, json={"kept": True})
        if self.manifests.get(uuid, {}).get("files") != manifest["files"]:
            self._drop(uuid)
        self.manifests[uuid] = manifest
        offsets = {each["name"]: len(self._part(uuid, each["name"])) for each in manifest["files"]}
        return httpx.Response(200, json={"kept": False, "offsets": offsets})

    def _part(self, uuid: str, name: str) -> bytearray:
        return self.partial.setdefault((uuid, name), bytearray())

    def _drop(self, uuid: str) -> None:
        self.manifests.pop(uuid, None)
        for key in [key for key in self.partial if key[0] == uuid]:
            del self.partial[key]

    def _append(self, request: httpx.Request, uuid: str, name: str) -> httpx.Response:
        tus = {"Tus-Resumable": "1.0.0"}
        if uuid not in self.manifests:
            return httpx.Response(404, json={"message": "No such upload."}, headers=tus)
        part = self._part(uuid, name)
        tus["Upload-Offset"] = str(len(part))
        if request.method == "HEAD":
            return httpx.Response(200, headers=tus)
        if request.headers["upload-offset"] != str(len(part)):
            return httpx.Response(409, json={"message": "Another offset."}, headers=tus)
        body = request.content
        if self.cut_after is not None and len(body) > self.cut_after:
            part += body[: self.cut_after]
            self.cut_after = None
            if self.kills:
                raise Killed
            raise httpx.WriteError("the connection broke")
        if self.cut_after is not None:
            self.cut_after -= len(body)
        part += body
        return httpx.Response(204, headers=tus | {"Upload-Offset": str(len(part))})

    def _finish(self, uuid: str) -> httpx.Response:
        manifest = self.manifests.get(uuid)
        if manifest is None:
            return httpx.Response(204) if uuid in self.kept else _said(404, "No such upload.")
        files = {each["name"]: bytes(self._part(uuid, each["name"])) for each in manifest["files"]}
        for each in manifest["files"]:
            if len(files[each["name"]]) < each["size"]:
                return _said(410, "Not all of the files have arrived.")
            if hashlib.sha256(files[each["name"]]).hexdigest() != each["sha256"]:
                self._drop(uuid)
                return _said(460, f"What arrived of {each['name']} is not what was announced.")
        if uuid not in self.kept:
            self.keeps += 1
        courses = set(manifest["courses"])
        self.kept[uuid] = Kept(manifest["contents"], files, courses, self.now())
        self._drop(uuid)
        return httpx.Response(204)

    def _withdraw(self, uuid: str) -> httpx.Response:
        self._drop(uuid)
        if uuid in self.kept:
            self.kept[uuid].courses = set()
        return httpx.Response(200, json={"at": self.now()})


def _said(status: int, sentence: str) -> httpx.Response:
    return httpx.Response(status, json={"message": sentence})


# -- records --------------------------------------------------------------------------------------


@dataclass
class ScriptedSource:
    """Attempts of some bytes each, in a folder."""

    root: Path

    def add(self, attempt: str, **files: bytes) -> UUID:
        folder = self.root / attempt
        folder.mkdir(parents=True)
        given = {HEADER: b"{}", JOURNAL: b"[]\n", "closed": b"{}", NUMBERS: b"1"}
        given |= {name.replace("_", "."): data for name, data in files.items()}
        for name, data in given.items():
            (folder / name).write_bytes(data)
        return self.uuid(attempt)

    @staticmethod
    def uuid(attempt: str) -> UUID:
        return uuid5(UUID(int=0), attempt)

    def erase(self, attempt: str) -> None:
        shutil.rmtree(self.root / attempt)

    def ids(self) -> Sequence[str] | None:
        return [each.name for each in self.root.iterdir()] if self.root.is_dir() else None

    def prepare(self, attempt: str, contents: Contents, courses: Sequence[UUID]) -> PreparedRelease:
        folder = self.root / attempt
        if not folder.is_dir():
            raise AttemptError(f"there is no attempt {attempt}")
        paths = {each.name: each for each in folder.iterdir()}
        if not contents.holds_sound:
            paths.pop(FLAC, None)
        manifest = ReleaseManifest(
            uuid=self.uuid(attempt),
            record_id=attempt,
            contents=contents,
            courses=tuple(courses),
            files=tuple(_facts(path) for path in paths.values()),
        )
        return PreparedRelease(manifest, paths)

    def discard_prepared(self, attempt: str) -> None:
        """Nothing was made."""


def _facts(path: Path) -> FileFacts:
    data = path.read_bytes()
    return FileFacts(name=path.name, size=len(data), sha256=hashlib.sha256(data).hexdigest())


# -- a laptop -------------------------------------------------------------------------------------


@dataclass
class Laptop:
    """A paired machine with records, an outbox and a sender in virtual time."""

    folder: Path
    hub: ScriptedHub
    now: float = 1_800_000_000.0
    chunk_bytes: int = 1000

    def __post_init__(self) -> None:
        self.source = ScriptedSource(self.folder / "attempts")
        self.pairings = Pairings(self.folder / "hub-pairing")
        self.hub.now = lambda: self.now
        self.pair()
        self.start()

    def pair(self) -> None:
        self.pairings.store(
            Pairing(
                url="https://hub.test",
                hub="Lab",
                person="Ada",
                device=UUID(int=1),
                token=TOKEN,
                trust=PUBLIC,
                paired_at="2026-11-29T10:00:00+00:00",
            )
        )

    def start(self) -> None:
        """Begin as after a start of the program."""
        self.outbox = ReleaseOutbox(self.pairings.outbox_file, lambda: self.now)
        self.sender = Sender(
            self.pairings,
            self.outbox,
            self.source,
            self.connect,
            lambda: self.now,
            jitter=lambda: 1.0,
            chunk_bytes=self.chunk_bytes,
        )

    def connect(self, address: Address, token: str) -> HubConnection:
        return HubConnection(address, token, transport=self.hub.transport())

    def release(
        self, attempt: str, contents: Contents = Contents.SOUND, *courses: ReleasedTo
    ) -> UUID:
        uuid = self.source.uuid(attempt)
        self.outbox.release(uuid, attempt, contents, courses or (COURSE,))
        return uuid

    def run(self, steps: int = 50) -> None:
        """Step until nothing is due for an hour, at most `steps` times; skip the waits."""
        for _ in range(steps):
            due_s = self.sender.step()
            if due_s is None or due_s > 3600.0:
                return
            self.now += due_s
        raise AssertionError("the sender did not come to rest")
