"""The state of a station in memory and on its disk: each event is saved before it has effects."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from simvoice import log
from simvoice.errors import SimvoiceError
from simvoice.hub_client.station_messages import CodeUse, Phase, RosterCode, StationSettings
from simvoice.station.flow import advance, restarted
from simvoice.station.pin import PinTries
from simvoice.station.ports import StationClocks
from simvoice.station.saved_state import SavedStation, StateFile, UsedCode
from simvoice.station.visit import FlowEvent, FlowState

_log = logging.getLogger(__name__)

SAVED_EVERY_S: Final = 5.0
"""A kill gives a learner at most so much time."""
_SAVED_IDLE_S: Final = 60.0
"""Without a learner only the time of the hub is saved."""


@dataclass(frozen=True, slots=True)
class Change:
    """What an event has changed."""

    before: FlowState
    after: FlowState
    is_new: bool
    """More than time has passed."""


class FlowKeeper:
    """The present state, and what of it is on the disk. Thread-safe."""

    def __init__(
        self, file: StateFile, clocks: StationClocks, settings: Callable[[], StationSettings]
    ) -> None:
        """settings: those of the lab now."""
        self.lock = threading.RLock()
        self._file = file
        self._clocks = clocks
        self._settings = settings
        self._saved = SavedStation()
        self._saved_at_s = 0.0
        self._is_unsaved = False
        self._hub_s: float | None = None
        self._hub_at_s = 0.0
        self._tries = PinTries()
        self.version = 0
        """Grows with each change."""
        self.trouble = ""
        """Why the state is not on the disk, in a sentence; empty when it is."""

    # -- state

    @property
    def state(self) -> FlowState:
        """The present state."""
        with self.lock:
            return self._saved.flow

    def restore(self, has_record: Callable[[str], bool]) -> None:
        """Go on where the program ended.

        has_record: tells whether something of an attempt was recorded. A file that cannot be read
        leads to the reset: whoever was here, nothing of it is shown.
        """
        restored = self._file.load()
        now_s = self._clocks.elapsed_s()
        with self.lock:
            if restored.saved is None:
                phase = Phase.RESET if restored.is_damaged else Phase.WELCOME
                self._saved = SavedStation(flow=FlowState(phase=phase, at_s=now_s))
            else:
                saved, passed_s = restored.saved, restored.passed_s
                attempt = saved.flow.visit.attempt if saved.flow.visit else ""
                flow = restarted(
                    saved.flow,
                    passed_s,
                    now_s,
                    has_record(attempt),
                    self._settings(),
                    is_measured=restored.is_measured,
                )
                saved_now = saved.model_copy(update={"flow": flow})
                self._saved = _with_use(saved_now, saved.flow, flow, self._clocks.wall_s())
                self._tries = PinTries(saved.wrong_pins, saved.pin_wait_s - passed_s, now_s)
                if saved.hub_s is not None:
                    self._hub_s, self._hub_at_s = saved.hub_s + passed_s, now_s
            self.version += 1
            self._save()

    def tell(self, event: FlowEvent) -> Change:
        """Change the state by an event, and save it. Raises UsageError without a change."""
        now_s = self._clocks.elapsed_s()
        with self.lock:
            before = self._saved.flow
            after = advance(before, event, now_s, self._settings())
            is_new = _lasting(before) != _lasting(after)
            saved = self._saved.model_copy(update={"flow": after})
            self._saved = _with_use(saved, before, after, self._clocks.wall_s())
            if is_new:
                self.version += 1
            every_s = _SAVED_IDLE_S if after.visit is None else SAVED_EVERY_S
            if is_new or self._is_unsaved or now_s - self._saved_at_s >= every_s:
                self._save()
        return Change(before, after, is_new)

    def touch(self) -> None:
        """Note that something else has changed that pages show."""
        with self.lock:
            self.version += 1

    def _save(self) -> None:
        """Save everything. While the disk is full, the station goes on and tries again."""
        now_s = self._clocks.elapsed_s()
        saved = self._saved.model_copy(
            update={
                "hub_s": None if self._hub_s is None else self.hub_s(),
                "wrong_pins": self._tries.wrong,
                "pin_wait_s": self._tries.left_s(now_s),
            }
        )
        try:
            self._file.save(saved)
        except SimvoiceError as error:
            if not self._is_unsaved:
                _log.error("the state of the station is not saved: %s", log.place(error))
            self._is_unsaved, self.trouble = True, str(error)
            return
        self._is_unsaved, self.trouble, self._saved_at_s = False, "", now_s

    # -- codes

    def is_used_by_other(self, code: RosterCode, session: UUID) -> bool:
        """Return True when another visit, which counts, has used this exam code here."""
        but = {session, *code.forgiven}
        with self.lock:
            return any(one.code == code.id and one.session not in but for one in self._saved.used)

    def exams_done(self, code: UUID) -> frozenset[UUID]:
        """Return the exams that the person of this code has begun here."""
        with self.lock:
            done = (one.assignment for one in self._saved.used if one.code == code)
            return frozenset(each for each in done if each is not None)

    @property
    def uses(self) -> tuple[CodeUse, ...]:
        """Uses that the hub has not noted yet."""
        with self.lock:
            return self._saved.uses

    def noted(self, sessions: tuple[UUID, ...]) -> None:
        """Forget uses that the hub has noted, and used codes that have expired by now."""
        with self.lock:
            hub_s = self.hub_s()
            uses = tuple(one for one in self._saved.uses if one.session not in sessions)
            used = tuple(one for one in self._saved.used if one.expires_at > hub_s)
            if (uses, used) != (self._saved.uses, self._saved.used):
                self._saved = self._saved.model_copy(update={"uses": uses, "used": used})
                self._save()

    # -- the hub

    def hub_s(self) -> float:
        """Return the Unix time of the hub as far as it is known, else that of this machine.

        It goes on by the station's elapsed time: setting the machine's clock changes nothing.
        """
        with self.lock:
            if self._hub_s is None:
                return self._clocks.wall_s()
            return self._hub_s + max(0.0, self._clocks.elapsed_s() - self._hub_at_s)

    def set_hub_clock(self, hub_s: float) -> None:
        """Note the hub's Unix time, as it has just said it."""
        with self.lock:
            self._hub_s, self._hub_at_s = hub_s, self._clocks.elapsed_s()

    @property
    def last_command(self) -> int:
        """The id of the hub's last command that was begun."""
        with self.lock:
            return self._saved.last_command

    def begin_command(self, number: int) -> None:
        """Note a command before it is carried out, so that a crash does not repeat it."""
        with self.lock:
            self._saved = self._saved.model_copy(update={"last_command": number})
            self._save()

    # -- the PIN

    @property
    def tries(self) -> PinTries:
        """Wrong PINs so far."""
        with self.lock:
            return self._tries

    def set_tries(self, tries: PinTries) -> None:
        """Note a wrong PIN, or forget all after the right one."""
        with self.lock:
            self._tries = tries
            self._save()


def _lasting(state: FlowState) -> FlowState:
    """Return the state without what time alone changes."""
    visit = state.visit
    if visit is not None and visit.drill_left_s is not None:
        visit = visit.model_copy(update={"drill_left_s": float(visit.drill_left_s > 0)})
    return state.model_copy(update={"at_s": 0.0, "left_s": None, "visit": visit})


def _with_use(
    saved: SavedStation, before: FlowState, after: FlowState, wall_s: float
) -> SavedStation:
    """Add the use of an exam code, or of a person's code for an exam, when its encounter has begun.

    The hub is told of an exam code now; of a person's exam it knows by the record.
    """
    visit = after.visit
    if visit is None or visit.code is None or not visit.has_begun:
        return saved
    if not (visit.is_exam_code or visit.mode == "exam"):
        return saved
    if before.visit is not None and before.visit.has_begun:
        return saved
    exam = None if visit.is_exam_code or visit.assignment is None else visit.assignment.id
    used = UsedCode(
        code=visit.code, session=visit.session, expires_at=visit.code_expires_at, assignment=exam
    )
    changed: dict[str, object] = {"used": (*saved.used, used)}
    if visit.is_exam_code:
        use = CodeUse(code=visit.code, session=visit.session, at=wall_s)
        changed["uses"] = (*saved.uses, use)[-500:]
    return saved.model_copy(update=changed)
