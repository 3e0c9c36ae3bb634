"""What systemd hears of a station, through a socket of the test."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simvoice.station.systemd import Manager, Watchdog


class Heard:
    """The socket that systemd would listen on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def messages(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def wait(self, within_s: float = 60.0) -> str:
        self._socket.settimeout(within_s)
        try:
            return self._socket.recv(4096).decode()
        finally:
            self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Heard]:
    made = Heard(tmp_path / "notify")
    yield made
    made.close()


def manager(heard: Heard, **more: str) -> Manager:
    return Manager({"NOTIFY_SOCKET": str(heard.path), **more})


class Part:
    """A part of the program that answers when the test lets it."""

    def __init__(self) -> None:
        self.is_frozen = False
        self.asked: list[Callable[[], None]] = []

    def ask(self, reply: Callable[[], None]) -> None:
        self.asked.append(reply)
        if not self.is_frozen:
            reply()


def test_systemd_hears_that_the_station_is_ready_and_what_it_does(heard: Heard) -> None:
    said = manager(heard)
    said.ready("Waiting for\na learner")
    said.status("An encounter runs")
    said.still_starting(30)
    said.stopping()
    assert heard.messages() == [
        "READY=1\nSTATUS=Waiting for a learner",
        "STATUS=An encounter runs",
        "EXTEND_TIMEOUT_USEC=30000000",
        "STOPPING=1",
    ]


def test_a_socket_without_a_file_is_reached() -> None:
    name = f"simvoice-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.settimeout(60)
        Manager({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert listener.recv(100) == b"READY=1"


def test_without_systemd_nothing_is_said_and_nothing_fails() -> None:
    alone = Manager({})
    alone.ready("x")
    alone.alive()
    assert alone.watchdog_s is None


def test_a_manager_that_is_gone_does_not_stop_the_station(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Manager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).alive()
    assert "systemd cannot be told" in caplog.text


def test_the_watchdog_of_another_process_is_not_fed_by_this_one() -> None:
    assert Manager({"WATCHDOG_USEC": "10000000"}).watchdog_s == 10.0
    assert Manager({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}).watchdog_s is None
    assert Manager({"WATCHDOG_USEC": "ten"}).watchdog_s is None
    own = {"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}
    assert Manager(own).watchdog_s == 10.0


def test_it_is_fed_while_every_part_answers_and_not_while_one_is_silent(heard: Heard) -> None:
    loop, engines, now_s = Part(), Part(), [0.0]
    watchdog = Watchdog(
        manager(heard),
        {"event loop": loop.ask, "engines": engines.ask},
        patience_s=8.0,
        clock_s=lambda: now_s[0],
    )
    assert watchdog.look() == ()
    engines.is_frozen = True
    for now_s[0] in (2.0, 4.0, 9.0):  # asked at 2 s, so silent for 7 s
        assert watchdog.look() == ()
    assert heard.messages() == ["WATCHDOG=1"] * 4
    now_s[0] = 11.0
    assert watchdog.look() == ("engines",)
    assert heard.messages() == []
    assert len(engines.asked) == 2, "a part that has not answered is not asked again"


def test_a_part_that_answers_late_is_believed_again(heard: Heard) -> None:
    part, now_s = Part(), [0.0]
    part.is_frozen = True
    watchdog = Watchdog(
        manager(heard), {"event loop": part.ask}, patience_s=1.0, clock_s=lambda: now_s[0]
    )
    watchdog.look()
    now_s[0] = 5.0
    assert watchdog.look() == ("event loop",)
    part.is_frozen = False
    part.asked[0]()
    assert watchdog.look() == ()
    assert heard.messages() == ["WATCHDOG=1"] * 2


def test_a_blocked_event_loop_is_silent(heard: Heard) -> None:
    async def scenario() -> list[tuple[str, ...]]:
        now_s = [0.0]
        ask = asyncio.get_running_loop().call_soon_threadsafe
        watchdog = Watchdog(
            manager(heard), {"event loop": ask}, patience_s=1.0, clock_s=lambda: now_s[0]
        )
        watchdog.look()
        now_s[0] = 2.0
        blocked = watchdog.look()  # the loop has not run since it was asked
        await asyncio.sleep(0)
        return [blocked, watchdog.look()]

    assert asyncio.run(scenario()) == [("event loop",), ()]


def test_a_closed_event_loop_is_silent(heard: Heard) -> None:
    loop, now_s = asyncio.new_event_loop(), [0.0]
    loop.close()
    watchdog = Watchdog(
        manager(heard),
        {"event loop": loop.call_soon_threadsafe},
        patience_s=1.0,
        clock_s=lambda: now_s[0],
    )
    watchdog.look()
    now_s[0] = 2.0
    assert watchdog.look() == ("event loop",)


def test_the_thread_feeds_well_within_the_time_of_systemd_and_ends(heard: Heard) -> None:
    watchdog = Watchdog(manager(heard, WATCHDOG_USEC="60000"), {})
    watchdog.start()
    assert heard.wait() == "WATCHDOG=1"
    assert heard.wait() == "WATCHDOG=1"
    watchdog.stop()
    assert "simvoice-watchdog" not in [thread.name for thread in threading.enumerate()]


def test_without_a_watchdog_there_is_no_thread(heard: Heard) -> None:
    watchdog = Watchdog(manager(heard), {})
    watchdog.start()
    assert "simvoice-watchdog" not in [thread.name for thread in threading.enumerate()]
    watchdog.stop()
