"""One station: what its pages ask, what a technician commands, and what it tells the hub.

The state is in `keeping.FlowKeeper`, and `flow.advance` decides. Here its parts are joined:

    room.py          runs encounters                  hub_talk.py      reports, commands, claims
    clearing.py      seals, erases, resets            technicians.py   verbs and PIN
    page_watch.py    the browser and its page         preparing.py     gets patients ready
    entrance.py      codes and choices                showing.py       what pages see
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, assert_never
from uuid import uuid4

from simvoice import __version__, log
from simvoice.devices.browser import BrowserLine
from simvoice.errors import AttemptError, SimvoiceError, StorageRefused, UsageError
from simvoice.hub_client.pairing import Pairings
from simvoice.hub_client.station_connection import StationConnection
from simvoice.hub_client.station_messages import (
    CommandResult,
    LoopBack,
    Phase,
    StationCommand,
    StationReport,
)
from simvoice.reading.reading import read
from simvoice.record.store import Attempt
from simvoice.station import showing
from simvoice.station.clearing import Clearing
from simvoice.station.entrance import Entrance
from simvoice.station.flow import effects
from simvoice.station.hub_talk import ConnectStation, HubTalk
from simvoice.station.keeping import FlowKeeper
from simvoice.station.page_watch import PageWatch
from simvoice.station.ports import (
    NoScreen,
    Screen,
    SealedOutbox,
    StationClocks,
    StationSimulator,
)
from simvoice.station.preparing import Progress, StationPreparations
from simvoice.station.recent_errors import RecentErrors
from simvoice.station.records import Records
from simvoice.station.room import STUCK_S, Room
from simvoice.station.roster_store import RosterStore
from simvoice.station.saved_state import StateFile
from simvoice.station.technicians import Technicians
from simvoice.station.view import (
    Action,
    Begin,
    Choose,
    EnterCode,
    ShowDebrief,
    StationView,
    TechnicianView,
    WithoutCode,
)
from simvoice.station.visit import (
    Arrived,
    EncounterStage,
    EndEncounter,
    FlowEvent,
    HoldEncounter,
    PatientNotReady,
    Prepare,
    Reset,
    Settle,
    Tick,
)
from simvoice.station.words import at_station
from simvoice.web.encounters import Outbox, RunningEncounter
from simvoice.web.reflection import moments_due

_log = logging.getLogger(__name__)

TICK_S: Final = 0.25
"""A timer is late by at most this time."""
_STORAGE_EVERY_S: Final = 2.0
"""How often it is looked whether the disk has space for an encounter."""
_PAUSE_S: Final = 1.0
"""After an error that nobody expected."""


@dataclass(frozen=True)
class StationParts:
    """What a station is made of. Tests replace engines, clocks, browser and hub."""

    name: str
    """"A1"; what technicians call it."""
    folder: Path
    """Its data, for its owner alone."""
    simulator: StationSimulator
    outbox: SealedOutbox
    screen: Screen = field(default_factory=NoScreen)
    clocks: StationClocks = field(default_factory=StationClocks)
    connect: ConnectStation = StationConnection
    version: str = __version__
    models: Callable[[], tuple[str, ...]] = tuple
    """Returns the names of models that are missing or altered."""
    before_preparing: Callable[[Callable[[], bool]], object] = lambda _: None
    """Prepares something else before the patients, such as the voice of announcements."""


class Station:
    """One station. Every method may be called from any thread; those that block say so."""

    def __init__(self, parts: StationParts) -> None:
        """Nothing is read or started yet."""
        clocks, folder = parts.clocks, parts.folder
        self._parts = parts
        self._clocks = clocks
        self.simulator = parts.simulator
        self._boot = uuid4()
        self._rosters = RosterStore(folder)
        self._file = StateFile(folder, clocks)
        self.keeper = FlowKeeper(self._file, clocks, lambda: self._rosters.settings)
        self.page = PageWatch(parts.screen, clocks.real_s)
        self._preparations = StationPreparations(
            parts.simulator,
            self._wanted_cases,
            folder,
            before=parts.before_preparing,
            hurries=lambda: bool(self._case_of_visit()),
            now_s=clocks.real_s,
        )
        records = Records(folder, parts.outbox)
        self._records = records
        self._room = Room(
            parts.simulator,
            records,
            self._preparations,
            clocks,
            state=lambda: self.keeper.state,
            tell=self._tell,
            seal_key=self._seal_key,
            station=self._boot,
        )
        self._clearing = Clearing(records, self.keeper, self._file, self.page, clocks, self._tell)
        self.technicians = Technicians(
            self.keeper,
            self._rosters,
            clocks,
            tell=self._tell,
            sign_in=lambda code, task, command: self._entrance.sign_in(code, task, command=command),
            can_test=lambda: bool(self._test_case()),
            station=self._boot,
        )
        self.talk = HubTalk(
            Pairings(folder / "paired"),
            self.keeper,
            self._rosters,
            clocks,
            report=self.report,
            command=self.command,
            roster_changed=self._roster_changed,
            connect=parts.connect,
        )
        self._entrance = Entrance(
            self.keeper, self._rosters, self.talk, cases=parts.simulator.cases, tell=self._tell
        )
        self._errors = RecentErrors()
        self._loop_back: LoopBack | None = None
        self._shortage = ""
        self._looked_s: float | None = None
        self._has_moments = ""
        """The attempt of which it is known that there is something to write about."""
        self._over = threading.Event()
        self._wake = threading.Event()
        self._threads: list[threading.Thread] = []
        self._asked_lock = threading.Lock()
        self._asked: list[Callable[[], None]] = []
        self._look_again: Callable[[], object] | None = None

    # -- life

    def on_reset(self, forget: Callable[[], object]) -> None:
        """Call `forget` at each reset: whoever keeps something of a learner in memory."""
        self._clearing.on_reset(forget)

    def recover(self) -> None:
        """Read what was saved, and go on where the program ended. Blocks.

        Raises StorageRefused for a data folder that cannot be used.
        """
        prepare_folder(self._parts.folder)
        self._rosters.load()
        self.keeper.restore(self._records.has_record)
        if self.keeper.state.phase is Phase.WELCOME:
            with suppress(SimvoiceError):  # it is tried again, and a technician told
                self._records.erase()
        self._file.reserve()

    def start(self, address: str) -> None:
        """Recover what a crash left, and start to work. address: of the pages, with the key."""
        logging.getLogger("simvoice").addHandler(self._errors)
        self.recover()
        self.page.open(address)
        self._preparations.start()
        self.talk.start()
        for name, run in (("station-clock", self._run_clock), ("station-records", self._run_work)):
            thread = threading.Thread(target=run, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def close(self) -> None:
        """End an encounter that runs, and stop. The next start goes on in this phase. Blocks."""
        self._room.end("stopped")
        self._over.set()
        self._wake.set()
        self._parts.screen.close()  # first: what follows waits for an engine
        for thread in self._threads:
            thread.join(STUCK_S)
        self.talk.stop()
        self._preparations.stop()
        with suppress(UsageError):
            self._tell(Tick())
        logging.getLogger("simvoice").removeHandler(self._errors)

    def is_healthy(self) -> bool:
        """Return False when the station cannot help itself: it is to be started again."""
        return not self._room.is_stuck()

    def is_free(self) -> bool:
        """Return True when nobody is here and every record is sealed."""
        return self.keeper.state.phase is Phase.WELCOME and not self._clearing.unsealed.waiting

    def ask(self, answer: Callable[[], None]) -> None:
        """Call `answer` soon, from the station's own thread, if the station is healthy."""
        with self._asked_lock:
            self._asked.append(answer)

    def cases_changed(self, look_again: Callable[[], object]) -> None:
        """Use new files of cases as soon as no learner is here. look_again: reads their list."""
        with self._asked_lock:
            self._look_again = look_again

    def _run_clock(self) -> None:
        while not self._clocks.wait(self._over, TICK_S):
            try:
                self.tick()
            except Exception:  # the station goes on; a technician sees it in the errors
                _log.exception("The clock of the station met an error.")
                self._over.wait(_PAUSE_S)

    def _run_work(self) -> None:
        while not self._over.is_set():
            self._clocks.wait(self._wake, TICK_S)
            self._wake.clear()
            try:
                self.work()
            except Exception:  # records are kept, and it is tried again
                _log.exception("The records of the station met an error.")
                self._over.wait(_PAUSE_S)

    def tick(self) -> None:
        """Let time pass: timers, what the encounter has told, and the watch over the page."""
        events = [*self._room.take_events(), Tick()]
        if self._progress() is not None and not self._preparations.trouble(self._case_of_visit()):
            events.append(PatientNotReady())
        for event in events:
            with suppress(UsageError):
                self._tell(event)
        self._look_at_storage()
        self.page.look(self._room.close_line)
        self._use_new_cases()
        if self.is_healthy():
            with self._asked_lock:
                asked, self._asked = self._asked, []
            for answer in asked:
                answer()

    def _use_new_cases(self) -> None:
        with self._asked_lock:
            look_again = self._look_again
            if look_again is None or self.keeper.state.phase is not Phase.WELCOME:
                return
            self._look_again = None
        look_again()
        self._preparations.forget()
        self.keeper.touch()

    def work(self) -> None:
        """Seal, erase and reset what is due. Blocks. A thread does it; tests call it."""
        self._skip_empty_reflection()
        self._clearing.work()

    def _skip_empty_reflection(self) -> None:
        """Show the debrief of an attempt without a moment to write about: a very short one."""
        attempt = self.view().reflects_on
        if attempt is None or attempt == self._has_moments:
            return
        try:
            found = self._records.store.open_recovered(attempt)
            moments = moments_due(found, lambda: read(found))
        except SimvoiceError as error:
            _log.warning("no moment to write about is found: %s", log.place(error))
            moments = ()
        if moments:
            self._has_moments = attempt
            return
        with suppress(UsageError):  # the learner has left meanwhile
            self._tell(ShowDebrief())

    def prepare(self) -> None:
        """Prepare all patients that are needed. Blocks. A thread does it; tests call it."""
        while self._preparations.prepare_next():
            continue

    def _tell(self, event: FlowEvent) -> None:
        """Tell an event, and do or start what follows. Raises UsageError."""
        change = self.keeper.tell(event)
        if change.before.visit is not None and change.after.visit is None:
            self._preparations.look_again()
        for effect in effects(change.before, change.after):
            match effect:
                case EndEncounter():
                    self._room.end(effect.reason)
                case HoldEncounter():
                    self._room.hold(effect.is_held)
                case Prepare():
                    self._preparations.look_again()
                case Settle() | Reset():
                    self._clearing.ask()
                    self._wake.set()
                case _:
                    assert_never(effect)

    def _look_at_storage(self) -> None:
        now_s = self._clocks.real_s()
        if self._looked_s is not None and now_s - self._looked_s < _STORAGE_EVERY_S:
            return
        self._looked_s = now_s
        shortage = at_station(self.simulator.shortage())
        if shortage != self._shortage:
            self._shortage = shortage
            self.keeper.touch()
        if not shortage:
            self._file.reserve()

    def _seal_key(self) -> str:
        roster = self._rosters.roster
        return roster.seal_key if roster is not None else ""

    # -- the learner's page

    def seen(self, window: str, level_dbfs: float | None = None) -> bool:
        """Note that a page lives; it calls this about twice a second, with each `view`.

        window: a random text of the page, made when it was loaded. level_dbfs: of the microphone
        in its check. Returns False for a window that a later one has replaced; it then says "The
        station is open in another window." and nothing else.
        """
        self._preparations.page_is_there()
        return self.page.seen(window, level_dbfs)

    def view(self) -> StationView:
        """Return what a page shows now."""
        with self.keeper.lock:
            state, version = self.keeper.state, self.keeper.version
        visit, play = state.visit, self._room.play
        case_id = self._case_of_visit()
        return showing.view(
            showing.Facts(
                name=self._parts.name,
                version=version,
                now_s=self._clocks.elapsed_s(),
                state=state,
                rosters=self._rosters,
                cases=tuple(self.simulator.cases()),
                fault=self.fault(),
                encounter_left_s=play.left_s if play is not None else None,
                is_running=play is not None,
                is_sealed=visit is not None and self._clearing.is_sealed(visit.attempt),
                preparing=at_station(self._preparations.trouble(case_id))
                or self._preparations.sentence(),
                note=self.talk.contact.wrong,
                progress=self._progress(),
                loop_backs=self.technicians.loop_backs,
            )
        )

    def fault(self) -> str:
        """Return why no learner can use the station now, in a sentence; empty for no reason."""
        if self.keeper.trouble:
            return self.keeper.trouble
        if self._shortage:
            return f"This station cannot record now: {self._shortage}"
        if not self.simulator.cases():
            return "This station has no case; ask a technician."
        troubles = [trouble for _, _, trouble in self._preparations.states()]
        return at_station(troubles[0]) if troubles and all(troubles) else ""

    def act(self, action: Action) -> None:
        """Do what was pressed. Raises UsageError with a sentence when it cannot be done now.

        `EnterCode` may block for 2 s.
        """
        match action:
            case Begin():
                fault = self.fault()
                if fault:
                    raise UsageError(fault)
                self._tell(Arrived(uuid4()))
            case EnterCode():
                self._entrance.enter_code(action.text)
            case WithoutCode():
                self._entrance.practise(action.case)
            case Choose():
                self._entrance.choose(action)
            case _:
                self._tell(action)

    def attempt(self) -> Attempt:
        """Return the attempt whose debrief may be shown now. Blocks.

        Raises AttemptError when there is none: before it is sealed, in an exam, after the reset.
        """
        shown = self.view().attempt
        if shown is None:
            raise AttemptError("No debrief is open at this station.")
        return self._records.store.open_recovered(shown)

    def retried_attempt(self, shown: Attempt) -> Attempt | None:
        """Return the attempt of this visit of which the shown one is a retry; None without one.

        Blocks. Raises AttemptError when it cannot be read.
        """
        visit, origin = self.keeper.state.visit, shown.header.again
        if visit is None or origin is None or origin.attempt not in visit.attempts:
            return None
        return self._records.store.open_recovered(origin.attempt)

    def reflected_attempt(self) -> Attempt:
        """Return the attempt that the learner writes about now. Blocks.

        Raises AttemptError when there is none: before it has ended, and when its debrief is shown.
        """
        attempt = self.view().reflects_on
        if attempt is None:
            raise AttemptError("Nothing is written at this station now; the page shows what is.")
        return self._records.store.open_recovered(attempt)

    # -- patients

    def _wanted_cases(self) -> Sequence[str]:
        """Return the cases to prepare: that of the learner alone, or all that one may come for.

        From the choice of a case on nothing else is prepared: the encounter begins without a wait.
        """
        visit, roster = self.keeper.state.visit, self._rosters.roster
        cards = self.simulator.cases()
        known = {card.id for card in cards}
        if visit is not None and visit.case in known:
            return [visit.case]
        assigned = [each.case for each in roster.assignments] if roster is not None else []
        offered = [card.id for card in showing.practice_cases(self._rosters, cards)]
        return [each for each in dict.fromkeys((*assigned, *offered)) if each in known]

    def _case_of_visit(self) -> str:
        """Return the case that the learner has come to; empty before, and without a learner."""
        visit = self.keeper.state.visit
        return visit.case if visit is not None else ""

    def _progress(self) -> Progress | None:
        """Return how far the patient of the learner is; None when it is ready, and without one."""
        case_id = self._case_of_visit()
        if not case_id or self._preparations.is_ready(case_id):
            return None
        return self._preparations.progress(case_id)

    def _roster_changed(self) -> None:
        self._preparations.look_again()
        self.keeper.touch()

    # -- encounters

    def begin_encounter(self, line: BrowserLine, outbox: Outbox) -> RunningEncounter | str:
        """Begin the encounter of the phase `encounter` or `test`, or say why it cannot begin.

        Blocks while a clause is being synthesised.
        """
        visit = self.keeper.state.visit
        case_id = visit.case if visit is not None else self._test_case()
        return self._room.begin(case_id, line, outbox)

    def _test_case(self) -> str:
        ready = (each for each in self._wanted_cases() if self._preparations.is_ready(each))
        return next(ready, "")

    # -- technicians

    def measured(self, result: LoopBack) -> None:
        """Note the result of a loop-back test that `StationView.loop_back` asked for."""
        self._loop_back = result
        self.keeper.touch()

    def unlock(self, pin: str) -> None:
        """Check the PIN of the technicians. Blocks for a moment.

        Raises UsageError when it is wrong, while too many wrong ones were given, and when no PIN
        is set. A station that belongs to no hub yet needs none.
        """
        if self.talk.pairing() is not None:
            self.technicians.unlock(pin)

    def command(self, command: StationCommand) -> CommandResult:
        """Do what a technician commands, here or on the hub, and say what became of it."""
        return self.technicians.command(command)

    def pair(self, line: str) -> None:
        """Pair this station with the hub of a pairing line. Blocks.

        Raises SettingError or HubError with a sentence.
        """
        self.talk.pair(line, self._parts.name)

    def technician(self) -> TechnicianView:
        """Return what a technician sees at the station."""
        contact, pairing, roster = self.talk.contact, self.talk.pairing(), self._rosters.roster
        now_s, wanted = self._clocks.elapsed_s(), contact.wanted_version
        return TechnicianView(
            report=self.report(),
            paired_with=pairing.name if pairing is not None else "",
            hub_trouble=contact.trouble or contact.wrong,
            hub_seen_s=None if contact.answered_s is None else now_s - contact.answered_s,
            roster_made_at=roster.made_at if roster is not None else None,
            codes=len(roster.codes) if roster is not None else 0,
            cases=self._preparations.states(),
            disk_total_bytes=shutil.disk_usage(self._parts.folder).total,
            wanted_version=wanted if wanted != self._parts.version else "",
        )

    def report(self) -> StationReport:
        """Return how the station is, as the hub gets it."""
        state, play, roster = self.keeper.state, self._room.play, self._rosters.roster
        visit, reason = state.visit, self._red_reason()
        left_s = play.left_s if play is not None else None
        level_dbfs = self.page.level_dbfs if state.phase is Phase.MICROPHONE else None
        return StationReport(
            name=self._parts.name,
            boot=self._boot,
            version=self._parts.version,
            phase=state.phase,
            light=showing.light(state, reason),
            reason=reason[:300],
            mode=visit.mode if visit is not None and visit.case else None,
            case=visit.case if visit is not None else "",
            code=visit.code if visit is not None else None,
            session=visit.session if visit is not None else None,
            left_s=showing.shown_left_s(state, self._clocks.elapsed_s(), left_s),
            is_held=state.is_held,
            asks_code=state.is_away,
            preparing=showing.preparing_words(self._progress(), self._preparations.states()),
            level_dbfs=play.level_dbfs if play is not None else level_dbfs,
            loop_back=self._loop_back,
            waiting=self._waiting(),
            free_bytes=self._free_bytes(),
            models=self._parts.models()[:50],
            errors=self._errors.sentences(),
            clock=self._clocks.wall_s(),
            roster=roster.version if roster is not None else "",
            results=self.talk.results,
            uses=self.keeper.uses,
        )

    def _waiting(self) -> int:
        unsealed = self._clearing.unsealed.waiting
        try:
            return self._parts.outbox.waiting + unsealed
        except SimvoiceError:  # the list is damaged; it is made again at the next start
            return unsealed

    def _free_bytes(self) -> int:
        try:
            return shutil.disk_usage(self._parts.folder).free
        except OSError:
            return 0

    def _red_reason(self) -> str:
        """Return why the light is red, in a sentence; empty when it is not."""
        models, unsealed = self._parts.models(), self._clearing.unsealed
        state = self.keeper.state
        reasons = (
            f"Models are missing or altered: {', '.join(models)}." if models else "",
            self.fault(),
            state.notice if state.stage is EncounterStage.INTERRUPTED else "",
            self._clearing.trouble,
            f"A record is not sealed yet: {unsealed.trouble}" if unsealed.waiting else "",
            self._rosters.trouble,
            self._parts.screen.problem,
            self.talk.contact.wrong,
            *(f"{case} is not ready: {why}" for case, _, why in self._preparations.states() if why),
            "" if self.is_healthy() else "The encounter does not end; the station starts again.",
        )
        return next((each for each in reasons if each), "")


def prepare_folder(folder: Path) -> None:
    """Make the data folder, for its owner alone. Raises StorageRefused when it cannot be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise StorageRefused(
            f"the data folder of the station {folder} cannot be used ({error.strerror}); give "
            "another one with --data"
        ) from error
