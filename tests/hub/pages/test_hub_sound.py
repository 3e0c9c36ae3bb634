"""A recording is sent in pieces, and no further than its hearer may hear it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from simvoice.hub.pages import sound
from simvoice.hub.pages.sound import SentBytes, asked_part, send_sound
from simvoice.release.contents import Contents
from tests.hub.conftest import ClientAs
from tests.hub.pages.town import Town


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, SentBytes(0, 99)),
        ("", SentBytes(0, 99)),
        ("bytes=0-", SentBytes(0, 99)),
        ("bytes=10-19", SentBytes(10, 19)),
        ("bytes=90-", SentBytes(90, 99)),
        ("bytes=90-4000", SentBytes(90, 99)),
        ("bytes=-10", SentBytes(90, 99)),
        ("bytes=-4000", SentBytes(0, 99)),
        ("bytes=100-", None),
        ("bytes=20-10", None),
        ("bytes=-0", None),
        ("bytes=-", SentBytes(0, 99)),
        ("bytes=0-9,20-29", SentBytes(0, 99)),
        ("pages=1-2", SentBytes(0, 99)),
        ("bytes=99999999999999999999-", SentBytes(0, 99)),
    ],
)
def test_the_part_that_is_asked_for(header: str | None, part: SentBytes | None) -> None:
    assert asked_part(header, 100) == part


def body(path: Path, range_header: str | None, may_hear: Callable[[], bool]) -> bytes:
    """Return what is sent; the file is closed afterwards."""
    file = path.open("rb")
    answer = send_sound(file, path.name, range_header, may_hear)
    sent: list[bytes] = []

    async def receive() -> dict[str, str]:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message.get("body", b""))

    asyncio.run(answer({"type": "http"}, receive, send))
    assert file.closed
    return b"".join(sent)


def test_the_file_is_closed_when_the_browser_goes_away_at_once(recording: Path) -> None:
    file = recording.open("rb")
    answer = send_sound(file, recording.name, None, lambda: True)

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(_message: MutableMapping[str, Any]) -> None:
        await asyncio.sleep(60)

    asyncio.run(answer({"type": "http"}, receive, send))
    assert file.closed


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "audio.flac"
    path.write_bytes(bytes(range(256)) * 2000)
    return path


def test_all_of_it_or_the_part_is_sent(recording: Path) -> None:
    whole = recording.read_bytes()
    assert body(recording, None, lambda: True) == whole
    assert body(recording, "bytes=70000-199999", lambda: True) == whole[70_000:200_000]


def test_sending_ends_when_the_release_ends(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound, "_CHECK_S", 0.0)  # asked before each piece
    answers = iter([True, True, False])
    sent = body(recording, None, lambda: next(answers))
    assert sent == recording.read_bytes()[: 2 * 64 * 1024]
    assert body(recording, None, lambda: False) == b""


def test_a_recording_that_is_emptied_meanwhile_ends(recording: Path) -> None:
    def erase() -> bool:
        recording.write_bytes(b"")
        return True

    assert body(recording, None, erase) == b""


def test_parts_and_kinds_have_their_headers(town: Town, client_as: ClientAs) -> None:
    lena = client_as(login="lena")
    path = f"/attempts/{town.attempt}/audio"
    whole = lena.get(path)
    assert (whole.status_code, whole.headers["accept-ranges"]) == (200, "bytes")
    assert whole.headers["content-type"] in {"audio/flac", "audio/wav"}
    size = len(whole.content)
    part = lena.get(path, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{size}"
    all_of_it = lena.get(path, headers={"range": "bytes=0-"})
    assert (all_of_it.status_code, all_of_it.content) == (206, whole.content)
    beyond = lena.get(path, headers={"range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")


def test_a_release_of_words_alone_sends_no_sound(town: Town, client_as: ClientAs) -> None:
    town.release(Contents.WORDS)
    answer = client_as(login="edo").get(f"/attempts/{town.attempt}/audio")
    assert answer.status_code == 404
