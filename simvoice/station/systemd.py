"""What a service says to systemd: that it is ready, what it does, and that it still answers.

systemd names a datagram socket in `NOTIFY_SOCKET`, and in `WATCHDOG_USEC` the time after which a
service that is silent is killed and started again. Without systemd nothing happens. Source:
sd_notify(3), sd_watchdog_enabled(3).
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping

from simvoice.safe_text import one_line

_log = logging.getLogger(__name__)

SEND_WITHIN_S = 1.0
"""A manager that does not read its socket must not stop the station."""

Ask = Callable[[Callable[[], None]], object]
"""Asks one part of the program to call a function soon, such as `loop.call_soon_threadsafe`."""


class Manager:
    """The service manager of this process. Thread-safe."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """environment: with the variables that systemd sets."""
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # an address without a file
            self._address = "\0" + self._address[1:]
        self.watchdog_s = _watchdog_s(environment)
        """Seconds after which a silent service is killed; None without a watchdog."""

    def ready(self, status: str = "") -> None:
        """Say that the service works. status: what it does, in a few words for `systemctl`."""
        self._send("READY=1", status)

    def status(self, status: str) -> None:
        """Say what the service does now. It is public on this machine: no name, no code."""
        self._send("", status)

    def still_starting(self, seconds: float, status: str = "") -> None:
        """Ask for more time before `ready`, such as for models that are loaded the first time."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}", status)

    def stopping(self) -> None:
        """Say that the service ends."""
        self._send("STOPPING=1", "")

    def alive(self) -> None:
        """Say that the service still answers."""
        self._send("WATCHDOG=1", "")

    def _send(self, message: str, status: str) -> None:
        if not self._address:
            return
        lines = [message] if message else []
        if status:
            lines.append(f"STATUS={one_line(status)}")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(SEND_WITHIN_S)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            _log.warning("systemd cannot be told how the station is (%s)", error.strerror)


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """Return the time of the watchdog, when it is meant for this process."""
    wanted = environment.get("WATCHDOG_PID", "")
    if wanted and wanted != str(os.getpid()):
        return None
    try:
        period_s = int(environment.get("WATCHDOG_USEC", "")) / 1e6
    except ValueError:
        return None
    return period_s if period_s > 0 else None


class Watchdog:
    """Feeds systemd's watchdog while every part of the program answers.

    Each part is asked to call a function. While one has not called it for `patience_s`, systemd
    hears nothing, and starts the service again. So a program that only looks alive is not kept.
    """

    def __init__(
        self,
        manager: Manager,
        parts: Mapping[str, Ask],
        *,
        patience_s: float = 3.0,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """parts: name, for the log, to how it is asked. patience_s: longest wait for an answer."""
        self._manager = manager
        self._parts = dict(parts)
        self._patience_s = patience_s
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._asked_s: dict[str, float] = {}
        """Part to the time of a question that it has not answered."""
        self._silent: tuple[str, ...] = ()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def look(self) -> tuple[str, ...]:
        """Ask every part, and feed the watchdog unless one is silent. Return the silent ones."""
        now_s = self._clock_s()
        for name, ask in self._parts.items():
            with self._lock:
                if name in self._asked_s:
                    continue
                self._asked_s[name] = now_s
            try:
                ask(lambda name=name: self._answered(name))  # type: ignore[misc]
            except RuntimeError:  # an event loop that is closed; its silence says the rest
                continue
        with self._lock:
            silent = tuple(
                name for name, at_s in self._asked_s.items() if now_s - at_s > self._patience_s
            )
        if silent != self._silent:
            self._silent = silent
            if silent:
                _log.error("systemd starts this station again: no answer of %s", ", ".join(silent))
        if not silent:
            self._manager.alive()
        return silent

    def _answered(self, name: str) -> None:
        with self._lock:
            self._asked_s.pop(name, None)

    def start(self) -> None:
        """Look again and again in a thread of its own; without a watchdog nothing is done."""
        period_s = self._manager.watchdog_s
        if period_s is None or self._thread is not None:
            return
        # a third of the time: one message may be late without harm
        every_s = min(period_s / 3, 1.0)

        def run() -> None:
            while not self._over.wait(every_s):
                self.look()

        self._thread = threading.Thread(target=run, name="simvoice-watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread. systemd is fed no more, so call it when the service ends."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(SEND_WITHIN_S + 1.0)
