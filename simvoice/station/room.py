"""The room of a station: it runs the encounter of a visit, one at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final
from uuid import UUID

from simvoice import log
from simvoice.devices.browser import BrowserLine
from simvoice.errors import AttemptError, UsageError
from simvoice.record.endings import RequestedEnd
from simvoice.record.identity import attempt_uuid
from simvoice.runtime.observer import Encounter, Observation, Observer, Status, TimeOver
from simvoice.station.encounters import (
    RoomEncounter,
    WatchedEncounter,
    options_of,
    owner_of,
    retry_of,
)
from simvoice.station.ports import StationClocks, StationSimulator
from simvoice.station.preparing import StationPreparations
from simvoice.station.records import Records
from simvoice.station.visit import (
    Announce,
    EncounterBegun,
    EncounterEnded,
    EncounterRuns,
    EncounterStage,
    FlowEvent,
    FlowState,
    Visit,
)
from simvoice.station.words import at_station
from simvoice.web.encounters import Outbox, RunningEncounter
from simvoice.web.format import sentence

_log = logging.getLogger(__name__)

STUCK_S: Final = 20.0
"""An encounter that was asked to end has closed its record within this time."""
_PREPARATION_WAIT_S: Final = 30.0
"""A step of a preparation is finished before an encounter uses the engines; mostly none runs."""
_TIME_TOLD_S: Final = 120.0

_BUSY: Final = "The conversation is open in another window."
_NOT_NOW: Final = "The conversation cannot begin now; the page shows what comes next."
_NOT_READY: Final = "The patient is not ready yet; wait a moment."
_STILL_PREPARING: Final = "The station is busy with a voice; try again in a moment."
_TWO_MINUTES: Final = "Two minutes left."
_TIME_OVER: Final = "The time is over. Please come to an end."


class Room:
    """Runs encounters, and tells the flow how they are. Thread-safe."""

    def __init__(
        self,
        simulator: StationSimulator,
        records: Records,
        preparations: StationPreparations,
        clocks: StationClocks,
        *,
        state: Callable[[], FlowState],
        tell: Callable[[FlowEvent], object],
        seal_key: Callable[[], str],
        station: UUID,
    ) -> None:
        """tell: changes the flow. seal_key: of the hub. station: stands for a visit in a test."""
        self._simulator = simulator
        self._records = records
        self._preparations = preparations
        self._clocks = clocks
        self._state = state
        self._tell = tell
        self._seal_key = seal_key
        self._station = station
        self._lock = threading.Lock()
        self._play: RoomEncounter | None = None
        self._running: RunningEncounter | None = None
        self._line: BrowserLine | None = None
        self._end_asked_s: float | None = None
        self._later: list[FlowEvent] = []
        """Events of the encounter's thread, which must not wait for the disk."""

    @property
    def play(self) -> RoomEncounter | None:
        """The encounter that has a line now; None without one."""
        with self._lock:
            return self._play

    def take_events(self) -> list[FlowEvent]:
        """Return what running encounters have told since the last call."""
        with self._lock:
            told, self._later = self._later, []
        return told

    def hold(self, is_held: bool) -> None:
        """Stop the clock of the encounter, or let it run again."""
        with self._lock:
            running = self._running
        if running is not None:
            running.hold(is_held)

    def end(self, reason: RequestedEnd) -> None:
        """Ask the encounter to end. "stopped": the program ends, and the encounter may go on."""
        with self._lock:
            running = self._running
            if running is not None and self._end_asked_s is None:
                self._end_asked_s = self._clocks.real_s()
        if running is None:
            return
        running.end(reason)
        if reason == "stopped":
            running.over.wait(STUCK_S)

    def close_line(self) -> None:
        """Close the line of the encounter: its page is silent. It ends as "closed"."""
        with self._lock:
            line = self._line
            if line is not None and self._end_asked_s is None:
                self._end_asked_s = self._clocks.real_s()
        if line is not None:
            line.close()

    def is_stuck(self) -> bool:
        """Return True when an encounter was asked to end long ago and has not."""
        with self._lock:
            asked_s = self._end_asked_s
        return asked_s is not None and self._clocks.real_s() - asked_s > STUCK_S

    # -- begin

    def begin(self, case_id: str, line: BrowserLine, outbox: Outbox) -> RunningEncounter | str:
        """Begin the encounter of the present visit, or of a test, or say why it cannot begin."""
        state = self._state()
        if state.is_away:
            return _NOT_NOW
        if state.stage is not EncounterStage.WAITING:
            return _BUSY if state.stage is EncounterStage.RUNNING else _NOT_NOW
        shortage = at_station(self._simulator.shortage())
        if shortage:
            return f"This station cannot record now: {shortage}"
        if not self._preparations.is_ready(case_id):
            return at_station(self._preparations.trouble(case_id)) or _NOT_READY
        play = RoomEncounter(state.visit)
        running = RunningEncounter(
            lambda observer: self._build(play, case_id, line, observer),
            line,
            outbox,
            lambda _: self._ended(play),
        )
        with self._lock:
            if self._running is not None:
                return _BUSY
            self._running, self._play, self._line = running, play, line
        if not self._preparations.pause(_PREPARATION_WAIT_S):
            self._forget()
            return _STILL_PREPARING
        running.thread.start()
        return running

    def _forget(self) -> None:
        with self._lock:
            self._running = self._play = self._line = self._end_asked_s = None
            self._later.clear()
        self._preparations.go_on()

    def _build(
        self, play: RoomEncounter, case_id: str, line: BrowserLine, observer: Observer
    ) -> Encounter:
        """Build the encounter, note whose record it is, and tell that it begins."""
        visit = play.visit
        with play.noting_faults():
            encounter, continues = self._made(
                visit, case_id, line, lambda told: self._observe(play, told, observer)
            )
            owner_visit = visit or Visit(session=self._station)
            owner = owner_of(owner_visit, self._seal_key(), self._clocks.wall_s(), continues)
            self._records.begin(encounter.attempt, owner)
            if _session(self._state().visit) != _session(visit):
                raise UsageError(_NOT_NOW)
            self._tell(EncounterBegun(encounter.attempt))
        play.attempt = encounter.attempt
        return WatchedEncounter(encounter, play)

    def _made(
        self, visit: Visit | None, case_id: str, line: BrowserLine, observer: Observer
    ) -> tuple[Encounter, UUID | None]:
        """Return the encounter, and the UUID of the attempt that it goes on from."""
        root, make = self._records.store.root, self._simulator.encounter
        if visit is None:
            return make(case_id, line, observer=observer, records=root), None
        if visit.resumes:
            try:
                before = self._records.store.open_recovered(visit.resumes)
                options = options_of(visit, before.folder)
                made = make(case_id, line, observer=observer, records=root, options=options)
                return made, attempt_uuid(before.header)
            except AttemptError as error:  # it was cut off before the patient had said a word
                _log.warning("the encounter begins again: %s", log.place(error))
        options, retry = options_of(visit, None), retry_of(visit)
        made = make(
            case_id, line, observer=observer, retry_from=retry, records=root, options=options
        )
        return made, None

    def _observe(self, play: RoomEncounter, told: Observation, observer: Observer) -> None:
        """Note what the encounter tells. It must return at once, so nothing is saved here."""
        if isinstance(told, Status):
            before_s, play.left_s = play.left_s, told.time_left_s
            play.level_dbfs = told.level_dbfs
            if not play.has_sounded:
                play.has_sounded = True
                self._tell_later(EncounterRuns())
            left_s = told.time_left_s
            if before_s is not None and left_s is not None and left_s <= _TIME_TOLD_S < before_s:
                self._tell_later(Announce(_TWO_MINUTES))
        elif isinstance(told, TimeOver):
            self._tell_later(Announce(_TIME_OVER))
        observer(told)

    def _tell_later(self, event: FlowEvent) -> None:
        with self._lock:
            self._later.append(event)

    def _ended(self, play: RoomEncounter) -> None:
        """Go on after the line was closed. Called in the encounter's thread."""
        was_built = bool(play.attempt)
        has_record = was_built and self._records.has_record(play.attempt)
        if has_record:
            self._records.close(play.attempt, self._clocks.wall_s())
        self._forget()
        if was_built or self._state().stage is EncounterStage.WAITING:
            message = sentence(play.message) if play.message else ""
            self._tell(EncounterEnded(play.reason, has_record, message, was_built))


def _session(visit: Visit | None) -> UUID | None:
    return None if visit is None else visit.session
