"""Seal what is over, and at the reset remove everything of a learner. What fails is tried again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from simvoice import log
from simvoice.errors import SimvoiceError
from simvoice.hub_client.station_messages import Phase
from simvoice.record.answers import OwnAnswers
from simvoice.station.encounters import answers_of
from simvoice.station.flow import unsettled
from simvoice.station.keeping import FlowKeeper
from simvoice.station.page_watch import PageWatch
from simvoice.station.ports import StationClocks
from simvoice.station.records import Records, Settled
from simvoice.station.saved_state import StateFile
from simvoice.station.visit import EncounterStage, FlowState, WasReset

_log = logging.getLogger(__name__)

TRY_AGAIN_S: Final = 5.0
"""What the disk refused is tried again after this time."""
CLEAN_WITHIN_S: Final = 10.0
"""A killed browser is gone with its profile within a second, unless the disk hangs."""

_NOT_CLEAN: Final = (
    "what the browser kept cannot be removed; restart this computer, and look at its disk"
)


class Clearing:
    """Settles records and carries out the reset. One thread calls `work`; the rest is safe."""

    def __init__(
        self,
        records: Records,
        keeper: FlowKeeper,
        file: StateFile,
        page: PageWatch,
        clocks: StationClocks,
        tell_reset: Callable[[WasReset], object],
    ) -> None:
        """tell_reset: changes the flow when everything is removed."""
        self._records = records
        self._keeper = keeper
        self._file = file
        self._page = page
        self._clocks = clocks
        self._tell_reset = tell_reset
        self._forget: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self._is_due = True
        self._began_s: float | None = None
        """When the present reset began; used by `work` alone."""
        self._again_s: float | None = None
        self._settled = Settled(0)
        self._sealed: frozenset[str] = frozenset()
        self.trouble = ""
        """Why the reset is not complete, in a sentence; empty when it is."""

    def on_reset(self, forget: Callable[[], object]) -> None:
        """Call `forget` at each reset: whoever keeps something of a learner in memory."""
        self._forget.append(forget)

    def ask(self) -> None:
        """Ask that `work` looks at the records."""
        with self._lock:
            self._is_due, self._again_s = True, None

    def is_sealed(self, attempt: str) -> bool:
        """Return True when `work` has seen the sealed record of an attempt of this visit."""
        with self._lock:
            return attempt in self._sealed

    @property
    def unsealed(self) -> Settled:
        """Records under a code that could not be sealed yet, and why."""
        with self._lock:
            return self._settled

    def work(self) -> None:
        """Seal, erase and reset what is due. Blocks."""
        state = self._keeper.state
        with self._lock:
            again_s, is_due = self._again_s, self._is_due
        if again_s is not None and self._clocks.real_s() < again_s:
            return
        if state.phase is Phase.RESET:
            if state.stage is not EncounterStage.RUNNING:
                self._reset(state)
        elif is_due or again_s is not None:
            self._settle(state)

    def _settle(self, state: FlowState) -> None:
        """Seal the records that are over, and erase what is left of earlier learners."""
        with self._lock:
            self._is_due = False
        is_free = state.phase is Phase.WELCOME
        # listed before: sealing takes its time, and the next learner may come meanwhile
        earlier = self._records.attempts() if is_free else frozenset()
        found = self._records.settle(unsettled(state), self._answers(state))
        try:
            if is_free:
                self._records.erase(earlier)
            elif state.visit is not None:
                self._records.erase_earlier(state.visit.session)
        except SimvoiceError as error:
            found = Settled(found.waiting + 1, str(error))
        self._note(found, () if state.visit is None else state.visit.attempts)

    def _note(self, found: Settled, attempts: Sequence[str]) -> None:
        sealed = frozenset(each for each in attempts if self._records.is_sealed(each))
        with self._lock:
            self._settled, self._sealed = found, sealed
            self._again_s = self._clocks.real_s() + TRY_AGAIN_S if found.waiting else None
        self._keeper.touch()

    def _answers(self, state: FlowState) -> dict[str, OwnAnswers]:
        now = datetime.fromtimestamp(self._clocks.wall_s(), UTC).isoformat(timespec="seconds")
        return answers_of(state.visit, now)

    def _reset(self, state: FlowState) -> None:
        """Remove everything of the learner, then tell `WasReset`."""
        if self._began_s is None:
            self._began_s = self._clocks.real_s()
            for forget in self._forget:
                forget()
            self._page.renew()
        try:
            answers = self._answers(state)
            found = self._records.settle("", answers)
            if found.waiting:  # such a record stays until it can be sealed, with its answers
                self._records.keep_answers(answers)
            self._records.erase()
            if not self._page.screen.is_clean():
                if self._clocks.real_s() - self._began_s <= CLEAN_WITHIN_S:
                    return  # `work` looks again
                raise SimvoiceError(_NOT_CLEAN)
        except SimvoiceError as error:
            _log.error("the reset is not complete: %s", log.place(error))
            with self._lock:
                self.trouble = str(error)
                self._again_s = self._clocks.real_s() + TRY_AGAIN_S
            self._keeper.touch()
            return
        self._file.forget_damaged()
        self._began_s = None
        with self._lock:
            self.trouble = ""
        self._note(found, ())
        self._tell_reset(WasReset())
