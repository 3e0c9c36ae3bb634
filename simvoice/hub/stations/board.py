"""What the hub knows of its stations while it runs: their last reports, and commands for them.

All of it is memory. After a restart of the hub each station reports again within a second, and a
command that was not carried out is pressed again. Nothing here asks the database or a clock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from simvoice.errors import UsageError
from simvoice.hub_client.station_messages import (
    SILENT_AFTER_S,
    Accommodations,
    CommandResult,
    Roster,
    StationCommand,
    StationReport,
    Verb,
)

_SILENT = timedelta(seconds=SILENT_AFTER_S)

_TWO_AT_ONCE = timedelta(seconds=30)
"""Two that report under one name within this time are two. A restart changes the run once."""

_GIVEN_UP = timedelta(seconds=20)
"""A command without a result after so long is not sent again: nobody waits for it any more."""

_LAST_SEEN_EVERY = timedelta(seconds=30)
"""How often the database learns that a station is there."""

MOST_WAITING = 10
"""Commands of a station that wait for their result."""
_MOST_SHOWN = 10
_MOST_NOTED = 2000
"""Uses of codes that are remembered as noted; a station repeats one until it has the answer."""


@dataclass(frozen=True, slots=True)
class LabFacts:
    """What the hub tells all its stations, as it was at a moment (`stations.roster`)."""

    roster: Roster
    wanted_version: str
    labels: Mapping[UUID, str]
    """Of exam codes. Codes of persons have none here: a hall full of people reads the grid."""
    left_out: int
    """Codes for which the roster had no place."""
    read_at: datetime
    changed_at: datetime
    """Since when the roster has this version, as far as this run of the hub knows."""


class FactsCache:
    """The facts of a hub, read again when they are old. Thread-safe."""

    FRESH = timedelta(seconds=5)
    """A change of the database reaches the stations within this time and their next report."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: LabFacts | None = None
        self._is_old = False

    def get(self, now: datetime, read: Callable[[], LabFacts]) -> LabFacts:
        """Return the facts; `read` is called when they are old. Of many who ask, one reads."""
        with self._lock:
            before = self._found
            if before is None or self._is_old or now - before.read_at >= self.FRESH:
                self._is_old = False  # a change from now on is in the next reading
                self._found = found = read()
                if before is not None and before.roster.version == found.roster.version:
                    self._found = replace(found, changed_at=before.changed_at)
            assert self._found is not None
            return self._found

    def forget(self) -> None:
        """Read the facts again when they are asked for next: something has changed."""
        self._is_old = True


@dataclass(frozen=True, slots=True)
class SentCommand:
    """A press of a technician, and what became of it."""

    command: StationCommand
    pressed_at: datetime
    result: CommandResult | None = None
    is_given_up: bool = False
    """The station did not say what became of it."""

    @property
    def is_waiting(self) -> bool:
        """True while the station has not answered."""
        return self.result is None and not self.is_given_up


@dataclass(frozen=True, slots=True)
class StationNow:
    """A station as the hub knows it at a moment."""

    report: StationReport
    heard_at: datetime
    is_silent: bool
    """It has not reported for `SILENT_AFTER_S`."""
    trouble: str
    """Another one has its name; empty in order."""
    clock_ahead_s: float
    """By how much its clock is ahead of that of the hub, when it reported."""
    commands: Sequence[SentCommand]
    """The last ones, the newest first."""


@dataclass(frozen=True, slots=True)
class VisitSeen:
    """Which code is at a station, in which visit."""

    code: UUID | None
    session: UUID | None


@dataclass(frozen=True, slots=True)
class ReportNoted:
    """What of a report has to be written into the database."""

    is_seen_due: bool
    """The station was last seen a while ago, or its name or version is another one."""
    visit: VisitSeen | None
    """The visit at the station, when it is another one than at the last report."""
    new_uses: frozenset[UUID]
    """Sessions of uses that are not noted yet."""

    @property
    def must_write(self) -> bool:
        """True when there is anything to write."""
        return self.is_seen_due or self.visit is not None or bool(self.new_uses)


@dataclass
class _Known:
    """What is remembered of one station."""

    report: StationReport
    heard_at: datetime
    clock_ahead_s: float
    runs: dict[UUID, datetime] = field(default_factory=dict)
    """When each run of its program reported last."""
    two_runs_at: datetime | None = None
    """When a run reported again after another one had."""
    written_at: datetime | None = None
    written: tuple[str, str] = ("", "")
    """Name and version, as the database has them."""
    visit: VisitSeen | None = None
    noted: dict[UUID, None] = field(default_factory=dict)
    commands: list[SentCommand] = field(default_factory=list)
    """The oldest first."""


class StationBoard:
    """Reports and commands of all stations of a hub. Thread-safe."""

    def __init__(self) -> None:
        self.facts = FactsCache()
        self._lock = threading.Lock()
        self._known: dict[UUID, _Known] = {}
        self._last_id = 0

    # -- stations -------------------------------------------------------------------------------

    def note(self, device_id: UUID, report: StationReport, now: datetime) -> ReportNoted:
        """Remember a report, and return what of it the database does not know yet."""
        with self._lock:
            known = self._known.get(device_id)
            ahead_s = report.clock - now.timestamp()
            if known is None:
                known = self._known[device_id] = _Known(report, now, ahead_s)
            else:
                _note_run(known, report, now)
            known.report, known.heard_at, known.clock_ahead_s = report, now, ahead_s
            known.runs[report.boot] = now
            for result in report.results:
                _settle(known, result)
            visit = VisitSeen(report.code, report.session)
            return ReportNoted(
                is_seen_due=known.written_at is None
                or now - known.written_at >= _LAST_SEEN_EVERY
                or known.written != (report.name, report.version),
                visit=visit if visit != known.visit else None,
                new_uses=frozenset(
                    each.session for each in report.uses if each.session not in known.noted
                ),
            )

    def written(self, device_id: UUID, report: StationReport, now: datetime) -> None:
        """Remember that the database has what `note` returned for this report."""
        with self._lock:
            known = self._known.get(device_id)
            if known is None:
                return
            known.written_at, known.written = now, (report.name, report.version)
            known.visit = VisitSeen(report.code, report.session)
            known.noted |= dict.fromkeys(each.session for each in report.uses)
            while len(known.noted) > _MOST_NOTED:
                del known.noted[next(iter(known.noted))]

    def trouble(self, device_id: UUID, now: datetime) -> str:
        """Return what is wrong with the name of a station, in a sentence; empty in order."""
        with self._lock:
            return self._trouble(device_id, now)

    def _trouble(self, device_id: UUID, now: datetime) -> str:
        known = self._known.get(device_id)
        if known is None:
            return ""
        name = known.report.name
        if _are_two(known, now):
            return (
                f"Two programs report as {name} with one pairing. Stop one of them, and pair a "
                "computer whose data folder was copied again, under a name of its own."
            )
        for other_id, other in self._known.items():
            is_same = other.report.name.casefold() == name.casefold()
            if other_id != device_id and is_same and now - other.heard_at < _TWO_AT_ONCE:
                return (
                    f"Two stations report as {name}. Start one of them with another name, or "
                    "unpair the one that is not used any more."
                )
        return ""

    def now(self, device_id: UUID, now: datetime) -> StationNow | None:
        """Return a station as it is; None for one that has not reported since the hub started."""
        with self._lock:
            known = self._known.get(device_id)
            if known is None:
                return None
            _give_up(known, now)
            return StationNow(
                report=known.report,
                heard_at=known.heard_at,
                is_silent=now - known.heard_at >= _SILENT,
                trouble=self._trouble(device_id, now),
                clock_ahead_s=known.clock_ahead_s,
                commands=tuple(reversed(known.commands[-_MOST_SHOWN:])),
            )

    def is_over(self, device_id: UUID, session: UUID, now: datetime) -> bool:
        """Return True when a station reports now, and this visit is not there any more."""
        with self._lock:
            known = self._known.get(device_id)
            if known is None or now - known.heard_at >= _SILENT or _are_two(known, now):
                return False
            return known.report.session != session

    def forget(self, device_id: UUID) -> None:
        """Forget a station whose pairing has ended."""
        with self._lock:
            self._known.pop(device_id, None)

    # -- commands -------------------------------------------------------------------------------

    def press(
        self,
        device_id: UUID,
        verb: Verb,
        now: datetime,
        *,
        code: UUID | None = None,
        accommodations: Accommodations | None = None,
    ) -> StationCommand:
        """Send a command with the answer to the station's next report, within a second.

        Raises UsageError when the station does not report, or its name is not its own.
        """
        with self._lock:
            known = self._known.get(device_id)
            if known is None or now - known.heard_at >= _SILENT:
                raise UsageError(
                    "The station cannot be reached now. At the station itself, a technician can do "
                    "the same."
                )
            trouble = self._trouble(device_id, now)
            if trouble:
                raise UsageError(trouble)
            _give_up(known, now)
            if sum(each.is_waiting for each in known.commands) >= MOST_WAITING:
                raise UsageError("The station has not answered the last commands yet; wait for it.")
            # larger than those of an earlier run of the hub, whose clock never goes back
            self._last_id = max(self._last_id + 1, int(now.timestamp() * 1000))
            command = StationCommand(
                id=self._last_id, verb=verb, code=code, accommodations=accommodations
            )
            known.commands.append(SentCommand(command, now))
            del known.commands[: -2 * MOST_WAITING]
            return command

    def waiting(self, device_id: UUID, now: datetime) -> tuple[StationCommand, ...]:
        """Return the commands that a station has not answered, the oldest first."""
        with self._lock:
            known = self._known.get(device_id)
            if known is None:
                return ()
            _give_up(known, now)
            return tuple(each.command for each in known.commands if each.is_waiting)


def _note_run(known: _Known, report: StationReport, now: datetime) -> None:
    is_back = report.boot != known.report.boot and report.boot in known.runs
    if is_back and now - known.runs[report.boot] < _TWO_AT_ONCE:
        known.two_runs_at = now
    for boot, at in list(known.runs.items()):
        if now - at >= _TWO_AT_ONCE:
            del known.runs[boot]


def _are_two(known: _Known, now: datetime) -> bool:
    return known.two_runs_at is not None and now - known.two_runs_at < _TWO_AT_ONCE


def _settle(known: _Known, result: CommandResult) -> None:
    known.commands = [
        replace(each, result=result) if each.command.id == result.id else each
        for each in known.commands
    ]


def _give_up(known: _Known, now: datetime) -> None:
    known.commands = [
        replace(each, is_given_up=True)
        if each.is_waiting and now - each.pressed_at >= _GIVEN_UP
        else each
        for each in known.commands
    ]
