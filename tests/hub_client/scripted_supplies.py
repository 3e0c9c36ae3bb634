"""A hub without a network: it sends what the test wants, and counts what was asked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from simvoice.hub_client.catalogue import (
    CASE_FILES,
    SUPPLIES_PATH,
    Catalogue,
    DeviceReport,
    OfferedCase,
    OfferedFile,
    OfferedProgram,
    OfferedVoice,
)
from simvoice.hub_client.connection import Address
from simvoice.hub_client.supply_line import SupplyLine
from simvoice.hub_client.trust import Trust
from tests.hub_client.tls import Authority

ADDRESS = Address("https://hub.test", Trust(kind="pinned", authorities=Authority().pem))
TOKEN = "token-of-the-device"
VOICE = "a" * 16


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class _Stream(httpx.SyncByteStream):
    """An answer that ends after so many bytes, or never."""

    def __init__(self, content: bytes, cut: int | None, *, endless: bool) -> None:
        self._content, self._cut, self._endless = content, cut, endless

    def __iter__(self) -> Iterator[bytes]:
        body = self._content if self._cut is None else self._content[: self._cut]
        for at in range(0, len(body), 4096):
            yield body[at : at + 4096]
        if self._cut is not None:
            raise httpx.ReadError("the line was cut")
        while self._endless:
            yield bytes(65_536)


@dataclass
class ScriptedSupplies(httpx.BaseTransport):
    """What a hub offers, and how its line behaves."""

    files: dict[str, bytes] = field(default_factory=dict)
    """Hash to content."""
    cases: list[OfferedCase] = field(default_factory=list)
    voices: list[OfferedVoice] = field(default_factory=list)
    program: OfferedProgram | None = None
    cuts: list[int] = field(default_factory=list)
    """After how many bytes the next answers end; a negative number lets one through."""
    away: bool = False
    lies: dict[str, bytes] = field(default_factory=dict)
    """Hash to what is sent in its place."""
    endless: bool = False
    ignores_ranges: bool = False
    raw_catalogue: bytes | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Hash (or the last word of another address) and range of each request."""
    reports: list[DeviceReport] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    sent_bytes: int = 0

    # -- what is offered

    def offer(self, name: str, content: bytes) -> OfferedFile:
        self.files[sha256(content)] = content
        return OfferedFile(name=name, bytes=len(content), sha256=sha256(content))

    def offer_case(self, file: Path) -> OfferedCase:
        """Offer a case with the files that are in its folder, in place of one with the same id."""
        found = [file.with_name(name) for name in CASE_FILES if file.with_name(name).exists()]
        case = OfferedCase(
            id=file.parent.name,
            title=file.parent.name,
            files=tuple(self.offer(path.name, path.read_bytes()) for path in found),
        )
        self.cases = [*(each for each in self.cases if each.id != case.id), case]
        return case

    def offer_voice(self, case: str, content: bytes, voice: str = VOICE) -> OfferedVoice:
        name = f"{case}--{voice}.zip"
        offered = OfferedVoice(case=case, voice=voice, file=self.offer(name, content))
        others = [v for v in self.voices if (v.case, v.voice) != (case, voice)]
        self.voices = [*others, offered]
        return offered

    def offer_program(self, version: str, content: bytes) -> None:
        file = self.offer(f"simvoice-{version}-py3-none-any.whl", content)
        self.program = OfferedProgram(version=version, files=(file,))

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(program=self.program, cases=tuple(self.cases), voices=tuple(self.voices))

    def line(self) -> SupplyLine:
        return SupplyLine(ADDRESS, TOKEN, pause=lambda _: None, transport=self)

    # -- answers

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        last = request.url.path.rpartition("/")[2]
        wanted = request.headers.get("range")
        self.asked.append((last, wanted))
        self.tokens.add(request.headers.get("authorization", ""))
        if self.away:
            raise httpx.ConnectError("no route", request=request)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return httpx.Response(401, json={"message": "This device is not paired."})
        if request.url.path == f"{SUPPLIES_PATH}/catalogue":
            content = self.raw_catalogue or self.catalogue.model_dump_json().encode()
            return httpx.Response(200, stream=_Stream(content, None, endless=self.endless))
        if request.url.path == f"{SUPPLIES_PATH}/report":
            self.reports.append(DeviceReport.model_validate(json.loads(request.read())))
            return httpx.Response(204)
        content = self.lies.get(last, self.files.get(last, b""))
        if last not in self.files:
            return httpx.Response(404, json={"message": "The hub does not offer this file."})
        start = 0
        if wanted is not None and not self.ignores_ranges:
            matched = re.fullmatch(r"bytes=(\d+)-", wanted)
            assert matched is not None
            start = int(matched[1])
            if start >= len(content):
                return httpx.Response(416, headers={"content-range": f"bytes */{len(content)}"})
        cut = self.cuts.pop(0) if self.cuts else -1
        body = content[start:]
        self.sent_bytes += len(body) if cut < 0 else min(cut, len(body))
        stream = _Stream(body, None if cut < 0 else cut, endless=self.endless)
        if start:
            end = len(content) - 1
            headers = {"content-range": f"bytes {start}-{end}/{len(content)}"}
            return httpx.Response(206, stream=stream, headers=headers)
        return httpx.Response(200, stream=stream)
