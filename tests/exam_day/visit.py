"""What a scripted learner has seen and done at a station, for the comparison with the hub."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum

from simvoice.hub_client.station_messages import Phase
from tests.exam_day.lab import Learner


class Fault(StrEnum):
    """What happens to a station, its hub or its learner."""

    KILL = "SIGKILL"
    POWER = "power cut"
    UNPLUG = "microphone unplugged"
    FULL = "full disk"
    NETWORK = "network down"
    CLOCK = "clock set back"
    FROZEN = "frozen browser"
    STOPPED = "SIGSTOP"
    CLOSED = "window closed"
    HUB = "hub killed"
    WRONG_CODE = "wrong code"
    LEAVES = "the learner leaves"
    SAME_CODE = "one code at two stations offline"


@dataclass(frozen=True)
class Planned:
    """A fault of a visit, and when it comes."""

    fault: Fault
    phase: Phase
    after_s: float
    """Seconds of the station in that phase."""

    def __str__(self) -> str:
        """Return it as a clause."""
        return f"{self.fault} {self.after_s:.0f} s into {self.phase}"


@dataclass
class Begun:
    """An encounter of a visit."""

    attempt: str
    """The identifier that the station told the page; empty when it died before."""
    at_s: float = 0.0
    """Session seconds that the station reported last."""
    is_refused: bool = False
    """The station did not begin it, and said why."""


@dataclass(frozen=True)
class Recovery:
    """How long a station took to be back after a fault."""

    station: str
    fault: Fault
    phase: Phase
    """Where the learner was."""
    seconds: float
    """Of a real clock, which does not run faster."""
    waited_s: float = 0.0
    """Of them, how long a process that was started could have run while others had the cores."""

    @property
    def own_s(self) -> float:
        """Seconds on a machine that does nothing else."""
        return max(0.0, self.seconds - self.waited_s)


@dataclass
class Visit:
    """One learner at one station."""

    learner: Learner
    station: str
    arrived_at: float = 0.0
    """Unix time of this machine."""
    planned: list[Planned] = field(default_factory=list)
    together: threading.Barrier | None = None
    """Another visit with the same code begins at the same time at another station."""
    begun: list[Begun] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """What went wrong, as sentences; empty when nothing did."""
    history: list[str] = field(default_factory=list)
    """What happened, each with the station's seconds since the learner arrived."""
    pages: int = 0
    """Answers that were searched for marks of others."""

    def fail(self, what: str) -> None:
        """Note a fault once."""
        sentence = f"{self.station}, learner {self.learner.number}: {what}"
        if sentence not in self.faults:
            self.faults.append(sentence)
