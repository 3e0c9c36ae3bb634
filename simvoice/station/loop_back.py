"""The loop-back test of a station: play tones through the page, and find them at its microphone."""

from __future__ import annotations

import time

from simvoice.devices.loopback import LEVEL_DBFS, Loopback, measure_loopback
from simvoice.hub_client.station_messages import LoopBack
from simvoice.ports import AudioLine
from simvoice.record.endings import RequestedEnd
from simvoice.runtime.observer import Finished
from simvoice.station.station import Station
from simvoice.web.encounters import Outbox, RunningEncounter


def begin_loop_back(station: Station, line: AudioLine, outbox: Outbox) -> RunningEncounter:
    """Start the test on the line of a page. Its last message has the result in a sentence."""
    test = LoopBackTest(station, line)
    running = RunningEncounter(lambda _: test, line, outbox, lambda _: None)
    running.thread.start()
    return running


class LoopBackTest:
    """A `runtime.observer.Encounter` without a patient: it records nothing."""

    def __init__(self, station: Station, line: AudioLine) -> None:
        self._station = station
        self._line = line

    @property
    def attempt(self) -> str:
        """Empty: there is no record."""
        return ""

    def run(self) -> Finished:
        """Play the tones and measure them. Blocks for two seconds."""
        self._line.start()
        found = measure_loopback(self._line)
        self._station.measured(in_report(found, time.time()))
        return Finished("", "learner", sentence_of(found))

    def end(self, reason: RequestedEnd = "learner") -> None:
        """Do nothing: the test is short, and ends when its line is closed."""

    def hold(self, held: bool) -> None:
        """Do nothing: the test has no clock."""

    def typed(self, text: str) -> None:
        """Do nothing."""

    def typing(self) -> None:
        """Do nothing."""


def in_report(found: Loopback, at: float) -> LoopBack:
    """Return a result as the hub gets it. at: Unix time."""
    level = None if found.echo_db is None else LEVEL_DBFS + found.echo_db
    return LoopBack(
        at=at, is_good=found.echo_db is not None, level_dbfs=level, delay_s=found.delay_s
    )


def sentence_of(found: Loopback) -> str:
    """Say what the result means for the room."""
    if found.echo_db is None:
        return (
            "The microphone did not hear the tones. Hold it to the earpiece, or look whether "
            "loudspeaker and microphone are connected and not muted; then test again."
        )
    delay = "" if found.delay_s is None else f", {found.delay_s * 1000:.0f} ms later"
    return (
        f"Sound goes out and comes back: the microphone heard the tones at "
        f"{LEVEL_DBFS + found.echo_db:.0f} dBFS{delay}."
    )
