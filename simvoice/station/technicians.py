"""What technicians command, here and on the hub, and the PIN that lets them in here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final
from uuid import UUID

from simvoice.errors import SimvoiceError, UsageError
from simvoice.hub_client.station_messages import (
    CommandResult,
    Phase,
    RosterCode,
    StationAssignment,
    StationCommand,
    Verb,
)
from simvoice.station.keeping import FlowKeeper
from simvoice.station.pin import PinTries, check_wait, is_right
from simvoice.station.ports import StationClocks
from simvoice.station.roster_store import RosterStore
from simvoice.station.visit import (
    FlowEvent,
    TechnicianAdvances,
    TechnicianBeginsAgain,
    TechnicianClears,
    TechnicianEnds,
    TechnicianHolds,
    TechnicianPrepares,
    TechnicianResets,
    TechnicianTests,
)

_LONGEST: Final = 300
"""Characters of a result."""

_EVENTS: Final[dict[Verb, FlowEvent]] = {
    Verb.RESET: TechnicianResets(),
    Verb.CLEAR: TechnicianClears(),
    Verb.ADVANCE: TechnicianAdvances(),
    Verb.HOLD: TechnicianHolds(True),
    Verb.RESUME: TechnicianHolds(False),
    Verb.START_AGAIN: TechnicianBeginsAgain(),
    Verb.END: TechnicianEnds(),
}

_PIN_UNKNOWN: Final = "The PIN is not known here yet; connect this station with its hub once."
_CODE_UNKNOWN: Final = "This code is not on the station's list yet; try again in a moment."


class Technicians:
    """Carries out verbs. Thread-safe."""

    def __init__(
        self,
        keeper: FlowKeeper,
        rosters: RosterStore,
        clocks: StationClocks,
        *,
        tell: Callable[[FlowEvent], object],
        sign_in: Callable[[RosterCode, StationAssignment | None, StationCommand], object],
        can_test: Callable[[], bool],
        station: UUID,
    ) -> None:
        """tell: changes the flow. sign_in: begins a visit from afar. can_test: a patient is ready.
        station: of this run, in place of a visit that has not begun.
        """
        self._keeper = keeper
        self._rosters = rosters
        self._clocks = clocks
        self._tell = tell
        self._sign_in = sign_in
        self._can_test = can_test
        self._station = station
        self._lock = threading.Lock()
        self.loop_backs = 0
        """How often a loop-back test was asked for."""

    def unlock(self, pin: str) -> None:
        """Check the PIN. Raises UsageError when it is wrong or not known, and while one waits."""
        roster = self._rosters.roster
        if roster is None:
            raise UsageError(_PIN_UNKNOWN)
        with self._lock:
            tries, now_s = self._keeper.tries, self._clocks.elapsed_s()
            check_wait(tries, now_s)
            if not is_right(pin, roster.pin_hash):
                self._keeper.set_tries(tries.failed(now_s))
                raise UsageError("This PIN is wrong.")
            if tries.wrong:
                self._keeper.set_tries(PinTries())

    def command(self, command: StationCommand) -> CommandResult:
        """Do what a technician commands, and say what became of it."""
        try:
            sentence = self._obey(command)
        except SimvoiceError as error:
            return CommandResult(id=command.id, done=False, sentence=str(error)[:_LONGEST])
        return CommandResult(id=command.id, done=True, sentence=sentence)

    def _obey(self, command: StationCommand) -> str:
        if command.verb in _EVENTS:
            self._tell(_EVENTS[command.verb])
            return ""
        match command.verb:
            case Verb.SIGN_IN:
                return self._begin_visit(command)
            case Verb.TEST:
                if not self._can_test():
                    raise UsageError("No patient is prepared yet; wait, and press again.")
                self._tell(TechnicianTests())
                return "A test encounter begins; nothing of it is kept."
            case Verb.LOOP_BACK:
                if self._keeper.state.phase not in (Phase.WELCOME, Phase.MICROPHONE):
                    raise UsageError("A loop-back test is possible while the station is free.")
                with self._lock:
                    self.loop_backs += 1
                self._keeper.touch()
                return "The tones are played; the result follows."
        raise UsageError("This station does not know the command; update its program.")

    def _begin_visit(self, command: StationCommand) -> str:
        if command.code is None:
            if command.accommodations is None:
                raise UsageError("Choose a code, or accommodations.")
            self._tell(TechnicianPrepares(command.accommodations))
            return "Set for the learner who is here, or for the next one."
        code = self._rosters.code(command.code)
        if code is None:
            raise UsageError(_CODE_UNKNOWN)
        visit = self._keeper.state.visit
        session = visit.session if visit is not None else self._station
        assignment = self._rosters.check_usable(
            code, self._keeper.hub_s(), self._keeper.is_used_by_other(code, session)
        )
        self._sign_in(code, assignment, command)
        return "Signed in; the learner agrees to the terms at the station."
