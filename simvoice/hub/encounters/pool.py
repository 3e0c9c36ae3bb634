"""The encounters of a hub: who talks, who waits, and who may begin now.

`HubEncounters` is what pages and the WebSocket ask. A visitor joins the queue for a case, asks for
the state every few seconds, is offered a place, and takes it by opening the line. A place is
offered when the pool has room, the machine has memory, and the patients answer fast enough.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

from simvoice.debrief.retry import CheckpointRef
from simvoice.errors import CaseError, SimvoiceError, UsageError
from simvoice.hub.encounters.admission import Admissions, AdmitAll, EncounterWish
from simvoice.hub.encounters.answer_times import LIMIT_S, AnswerTimes
from simvoice.hub.encounters.capacity import ENCOUNTER_BYTES, RESERVE_BYTES
from simvoice.hub.encounters.keeping import Keep, RecordKeeper, RecordOwner
from simvoice.hub.encounters.preparing import CasePreparations, HubSimulator
from simvoice.hub.encounters.queue import (
    MeasuredLengths,
    QueuePlace,
    WaitingList,
    estimate_wait_s,
    wait_in_words,
)
from simvoice.hub.retries import OpenAttempt
from simvoice.machine import memory
from simvoice.ports import AudioLine
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.runtime.observer import Answered, Encounter, Observer
from simvoice.runtime.stages import Engines
from simvoice.web.encounters import EncounterPool, Outbox, RunningEncounter, offered_case
from simvoice.web.ports import CaseCard

_log = logging.getLogger(__name__)

_CLOSE_S = 5.0
"""Longest wait for encounters, and for what is being kept, when the hub stops."""

NO_WISH = EncounterWish()
"""Practice from the door."""

_NOT_HERE = "No encounters are held on this hub. Ask the people who run it."
_SLOW = "The patients answer slowly now, so no new encounter begins. You keep your place."
_FULL_MEMORY = "The hub is short of memory, so no new encounter begins. You keep your place."
_PREPARING = (
    "The patient is being prepared. After a start of the hub this takes up to a minute; the first "
    "time with a case, when all that the patient says is spoken once, some minutes."
)
_TAKE = "It is your turn. Begin within {seconds:.0f} seconds."
_TALKING = "You are talking with a patient in another window. End it there first."


class Standing(StrEnum):
    """How someone stands to the encounters of the hub."""

    AWAY = "away"
    """Neither waits nor talks."""
    WAITING = "waiting"
    OFFERED = "offered"
    """May begin now."""
    TALKING = "talking"


class Talker(Protocol):
    """Someone who may talk with a patient; `hub.doors.access.Visitor` is one."""

    @property
    def person_id(self) -> UUID | None:
        """The account; None for an exam code."""
        ...

    @property
    def code_id(self) -> UUID | None:
        """The exam code; None for an account."""
        ...

    @property
    def name(self) -> str:
        """The name for the record."""
        ...


@dataclass(frozen=True, slots=True)
class TalkerState:
    """What a waiting page shows."""

    standing: Standing
    sentence: str
    """For the learner: "2 before you, about 6 minutes."."""
    case_id: str = ""
    wish: EncounterWish = NO_WISH
    ahead: int = 0
    """People before this one."""
    estimate_s: float | None = None
    """Seconds until it is this one's turn; None when that is not known."""
    take_within_s: float | None = None
    """Seconds left to take the offered place."""


@dataclass(frozen=True, slots=True)
class EncounterLoad:
    """What a technician's page shows."""

    running: int
    most: int
    """Encounters at once on this machine; 0 while none can be held."""
    waiting: int
    wait_s: float | None
    """Seconds until someone who comes now can begin; None when that is not known."""
    p95_s: float | None
    """95th percentile of the answers of the last minute; None with few answers."""
    admits: bool
    """False while no new encounter begins although there is room."""
    unkept: int
    """Records that are not in the store yet."""
    sentence: str
    """What is wrong; empty when all is well."""


@dataclass(frozen=True, slots=True)
class _Talk:
    """A running encounter."""

    running: RunningEncounter
    case_id: str


_MODEL: Final = "model"
_MODEL_SEED: Final = 7
"""That of `simvoice demo`, with which the scripts of demos were written."""


class _NoPage(Outbox):
    """Takes the messages of an encounter that nobody watches."""

    def __init__(self) -> None:
        self.sent_all = True

    def put_audio(self, message: bytes) -> None:
        """Nobody hears it now."""

    def put_text(self, message: dict[str, Any]) -> None:
        """Nobody reads it."""

    def put_status(self, message: dict[str, Any]) -> None:
        """Nobody reads it."""

    def close(self) -> None:
        """There is nothing to close."""


class HubEncounters:
    """The encounters of a hub. Thread-safe. It holds none until it has a simulator."""

    def __init__(
        self,
        folder: Path,
        keep: Keep,
        *,
        admissions: Admissions | None = None,
        clock_s: Callable[[], float] = time.monotonic,
        free_bytes: Callable[[], int] = lambda: memory().free,
    ) -> None:
        """folder: where encounters record. keep: keeps a record in the store. admissions: what may
        begin; everything when None. clock_s: returns seconds. free_bytes: returns the memory that
        is free.
        """
        self._clock_s = clock_s
        self._free_bytes = free_bytes
        self._lock = threading.RLock()
        self._keeper = RecordKeeper(folder, keep, clock_s=clock_s)
        self._admissions = admissions or AdmitAll()
        self._pool = EncounterPool(0)
        self._queue: WaitingList[UUID] = WaitingList()
        self._wishes: dict[UUID, EncounterWish] = {}
        self._talks: dict[UUID, _Talk] = {}
        self._lengths = MeasuredLengths()
        self._answers = AnswerTimes()
        self._simulator: HubSimulator | None = None
        self._preparations: CasePreparations | None = None
        self._why_none = _NOT_HERE
        self._list_cases: Callable[[], Sequence[CaseCard]] = tuple
        self._listed: Sequence[CaseCard] | None = None

    # -- begin and end of the hub

    def start(
        self,
        simulator: HubSimulator | None,
        most: int | None = None,
        *,
        why_none: str = _NOT_HERE,
        answer_limit_s: float = LIMIT_S,
        list_cases: Callable[[], Sequence[CaseCard]] = tuple,
    ) -> None:
        """Keep what an earlier process left, and hold encounters with this simulator.

        most: encounters at once; measured on this machine when None. why_none: a sentence, when
        there is no simulator. answer_limit_s: no one is admitted while the 95th percentile of the
        answers is above it. list_cases: reads the cases that can be assigned without a simulator.
        """
        self._list_cases = list_cases
        self._answers = AnswerTimes(answer_limit_s)
        self._keeper.start()
        self._why_none = why_none
        if simulator is None:
            return
        self._simulator = simulator
        self._preparations = CasePreparations(simulator, most, self._set_most)
        self._preparations.start()

    def stop(self, longest_s: float = _CLOSE_S) -> None:
        """End all encounters, whose records are kept then or after the next start."""
        self._pool.shut_down(longest_s)
        if self._preparations is not None:
            self._preparations.stop()
        self._keeper.stop(longest_s)

    def _set_most(self, most: int) -> None:
        with self._lock:
            self._pool.most = most

    # -- what pages ask

    def cases(self) -> Sequence[CaseCard]:
        """Return the cases that are offered; none while no encounter can be held here."""
        return () if self._simulator is None else self._simulator.cases()

    def assignable(self) -> Sequence[CaseCard]:
        """Return the cases that can be assigned: the stations of a lab hold encounters, too."""
        if self._simulator is not None:
            return self._simulator.cases()
        if self._listed is None:
            self._listed = self._list_cases()
        return self._listed

    def look_again(self, case_id: str) -> None:
        """Read the list of cases again: this one has changed. Encounters that run keep theirs."""
        self._listed = None
        if self._simulator is not None:
            self._simulator.look_again()
        if self._preparations is not None:
            self._preparations.forget(case_id)

    def retry_time_s(
        self, case_id: str, checkpoint: CheckpointRef, open_attempt: OpenAttempt
    ) -> float | None:
        """Return the time limit of a retry in seconds; None without a limit.

        Raises AttemptError when no retry can begin there, and UsageError while there are no
        encounters.
        """
        if self._simulator is None:
            raise UsageError(self._why_none)
        return self._simulator.retry_time_s(case_id, checkpoint, open_attempt)

    def load(self) -> EncounterLoad:
        """Return how many talk and wait, and what is wrong."""
        with self._lock:
            now_s = self._tidy()
            barrier = self._barrier(now_s)
            return EncounterLoad(
                running=len(self._talks),
                most=self._pool.most,
                waiting=len(self._queue),
                wait_s=self._estimate_s(now_s, self._queue.all()) if not barrier else None,
                p95_s=self._answers.p95_s(now_s),
                admits=not barrier,
                unkept=self._keeper.unkept,
                sentence=barrier,
            )

    def join(self, visitor: Talker, case_id: str, wish: EncounterWish = NO_WISH) -> TalkerState:
        """Put a visitor into the queue for a case; who waits already keeps the place.

        The caller has checked that the visitor may begin it; it is checked again at the beginning.
        Raises CaseError for a case that is not offered.
        """
        who = who_is(visitor)
        if self._simulator is None:
            raise UsageError(self._why_none)
        offered_case(self._simulator, case_id)
        with self._lock:
            if who not in self._talks:
                self._queue.join(who, case_id, self._clock_s())
                self._wishes[who] = wish
                if self._preparations is not None:
                    self._preparations.want(case_id)
        return self.state_for(visitor)

    def leave(self, visitor: Talker) -> None:
        """Take a visitor out of the queue."""
        with self._lock:
            self._queue.leave(who_is(visitor))

    def is_talking(self, person_id: UUID) -> bool:
        """Return whether a person is in an encounter now."""
        with self._lock:
            return person_id in self._talks

    def forget(self, person_id: UUID) -> None:
        """Take a person whose account is erased out of the queue, and end and discard their
        encounter."""
        with self._lock:
            self._queue.leave(person_id)
            self._wishes.pop(person_id, None)
            talk = self._talks.get(person_id)
        if talk is not None:
            talk.running.end("stopped")
            talk.running.over.wait(_CLOSE_S)
        self._keeper.discard(person_id)

    def state_for(self, visitor: Talker) -> TalkerState:
        """Return how a visitor stands. A page that asks is open, so the place is kept."""
        who = who_is(visitor)
        with self._lock:
            self._queue.see(who, self._clock_s())
            now_s = self._tidy()
            if who in self._talks:
                case_id = self._talks[who].case_id
                return TalkerState(Standing.TALKING, _TALKING, case_id, self._wish(who))
            place = self._queue.find(who)
            if place is None:
                sentence = "" if self._simulator is not None else self._why_none
                return TalkerState(Standing.AWAY, sentence)
            if place.offered_s is not None:
                return self._offered(place, now_s)
            return self._waiting(place, now_s)

    def _offered(self, place: QueuePlace[UUID], now_s: float) -> TalkerState:
        assert place.offered_s is not None
        left_s = max(0.0, place.offered_s + self._queue.offer_s - now_s)
        return TalkerState(
            Standing.OFFERED,
            _TAKE.format(seconds=left_s),
            place.case_id,
            self._wish(place.who),
            take_within_s=left_s,
            estimate_s=0.0,
        )

    def _waiting(self, place: QueuePlace[UUID], now_s: float) -> TalkerState:
        before = self._queue.ahead_of(place.who)
        barrier = self._barrier(now_s)
        estimate_s = None if barrier else self._estimate_s(now_s, before)
        sentence = wait_in_words(len(before), estimate_s)
        if not self._is_ready(place.case_id):
            sentence = self._trouble_of(place.case_id) or _PREPARING
        return TalkerState(
            Standing.WAITING,
            f"{sentence} {barrier}".strip(),
            place.case_id,
            self._wish(place.who),
            ahead=len(before),
            estimate_s=estimate_s,
        )

    # -- encounters

    def begin(
        self, visitor: Talker, case_id: str, line: AudioLine, outbox: Outbox
    ) -> RunningEncounter | str:
        """Begin the encounter of a visitor to whom a place with this case is offered.

        Returns a sentence instead when none can begin now.
        """
        who = who_is(visitor)
        with self._lock:
            state = self.state_for(visitor)
            if state.standing is not Standing.OFFERED:
                return state.sentence or "Choose a patient first."
            if state.case_id != case_id:
                return "This page is of another patient than the one that you wait for. Reload it."
            try:
                running = self._begin(visitor, state, line, outbox)
            except SimvoiceError as error:
                return str(error)
            if running is None:
                return "Another encounter has just begun. You keep your place; try again soon."
            self._queue.leave(who)
            self._talks[who] = _Talk(running, state.case_id)
            return running

    def _begin(
        self, visitor: Talker, state: TalkerState, line: AudioLine, outbox: Outbox
    ) -> RunningEncounter | None:
        simulator, who = self._simulator, who_is(visitor)
        assert simulator is not None
        owner = RecordOwner(
            owner_id=visitor.person_id,
            code_id=visitor.code_id,
            assignment_id=state.wish.assignment_id,
        )
        records, retry = self._keeper.open(owner), state.wish.retry

        def build(observer: Observer) -> Encounter:
            admission = self._admissions.admit(owner, retry)
            begin = partial(
                simulator.encounter,
                state.case_id,
                line,
                learner=visitor.name,
                observer=observer,
                records=records,
                options=admission.options,
            )
            try:
                self._keeper.name(records, admission.owner)
                if retry is None:
                    return begin()
                with self._admissions.own_attempts(owner) as open_attempt:
                    return begin(retry_from=retry, open_attempt=open_attempt)
            except BaseException:
                self._admissions.take_back(admission)
                raise

        def ended(running: RunningEncounter) -> None:
            self._keeper.close(records)
            with self._lock:
                self._talks.pop(who, None)
                if running.at_s > 0.0:
                    self._lengths.add(state.case_id, running.at_s)

        running = self._pool.begin(build, line, outbox, on_end=ended, on_answer=self._note_answer)
        if running is None:
            self._keeper.close(records)
        return running

    # -- a simulated learner

    def prepared(self, case_id: str) -> Engines:
        """Return the engines when a case is ready. Blocks. Raises UsageError without encounters."""
        if self._simulator is None:
            raise UsageError(self._why_none)
        engines = self._simulator.engines()
        self._simulator.make_ready(case_id)
        return engines

    def play(self, case_id: str, line: AudioLine, records: Path) -> RunningEncounter | None:
        """Begin an encounter of a simulated learner, which is nobody's attempt.

        records: where it records. Returns None while people need every place. Raises UsageError
        without encounters.
        """
        simulator = self._simulator
        if simulator is None:
            raise UsageError(self._why_none)
        with self._lock:
            if self._barrier(self._tidy()) or len(self._queue) or not self._pool.is_free():
                return None
            return self._pool.begin(
                lambda observer: simulator.encounter(
                    case_id,
                    line,
                    learner=_MODEL,
                    observer=observer,
                    records=records,
                    options=EncounterOptions(seed=_MODEL_SEED),
                ),
                line,
                _NoPage(),
            )

    def _wish(self, who: UUID) -> EncounterWish:
        return self._wishes.get(who, NO_WISH)

    def _note_answer(self, answer: Answered) -> None:
        with self._lock:
            self._answers.add(self._clock_s(), answer.took_s)

    # -- who may begin

    def _tidy(self) -> float:
        """Remove who has left, and offer free places. Returns the time."""
        now_s = self._clock_s()
        self._queue.sweep(now_s)
        if self._barrier(now_s):
            self._queue.withdraw_offers()
        else:
            free = self._pool.most - len(self._pool.running)
            self._queue.offer(free, now_s, lambda place: self._is_ready(place.case_id))
        return now_s

    def _barrier(self, now_s: float) -> str:
        """Return why no new encounter begins although there may be room; empty without a reason."""
        if self._simulator is None:
            return self._why_none
        if self._preparations is not None and self._preparations.trouble:
            return self._preparations.trouble
        if self._answers.are_slow(now_s):
            return _SLOW
        if self._talks and self._free_bytes() < RESERVE_BYTES + ENCOUNTER_BYTES:
            return _FULL_MEMORY
        return ""

    def _is_ready(self, case_id: str) -> bool:
        return self._preparations is not None and self._preparations.is_ready(case_id)

    def _trouble_of(self, case_id: str) -> str:
        return "" if self._preparations is None else self._preparations.trouble_of(case_id)

    def _estimate_s(self, now_s: float, before: Sequence[QueuePlace[UUID]]) -> float | None:
        talks = list(self._talks.values())
        left = [
            self._lengths.left_s(talk.case_id, talk.running.at_s, self._limit_s(talk.case_id))
            for talk in talks
        ]
        ahead = [
            self._lengths.expected_s(place.case_id, self._limit_s(place.case_id))
            for place in before
        ]
        return estimate_wait_s(left, ahead, self._pool.most)

    def _limit_s(self, case_id: str) -> float | None:
        return next((card.time_s for card in self.cases() if card.id == case_id), None)


def who_is(visitor: Talker) -> UUID:
    """Return what tells learners apart. Raises CaseError for a visitor who is nobody."""
    who = visitor.person_id or visitor.code_id
    if who is None:
        raise CaseError("Sign in to talk with a patient.")
    return who
