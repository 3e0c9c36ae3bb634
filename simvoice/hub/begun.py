"""Encounters of assignments that have begun, counted whatever becomes of them.

What counts for `Assignment.attempts_allowed` is what has begun here, and each attempt that came
from elsewhere. A restart, an erased attempt or a lost record gives no second try; an educator can
forgive a technical failure. The tries of a drill within its minutes count together as one.

Each function takes the session of a transaction as its first argument.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from simvoice.errors import UsageError
from simvoice.hub.attempt_parts import begins_attempt
from simvoice.hub.storage.tables import (
    Account,
    Assignment,
    BegunEncounter,
    Device,
    OneTimeCode,
    StationVisit,
    StoredAttempt,
    now,
)
from simvoice.hub_client.station_messages import Drill

LEAST_TRY = timedelta(seconds=20)
"""With less time left no further try of a drill begins: nothing can be said in it."""


@dataclass(frozen=True, slots=True)
class DrillRound:
    """The tries of a drill that belong together, while there are more of them."""

    tries: int
    """Made so far."""
    ends_at: datetime

    def left_s(self, at: datetime) -> float:
        """Return the seconds that are left for all further tries."""
        return max(0.0, (self.ends_at - at).total_seconds())


def add(
    session: Session,
    assignment_id: UUID,
    at: datetime,
    *,
    person_id: UUID | None = None,
    code_id: UUID | None = None,
) -> UUID:
    """Write down that an encounter begins, and return its id.

    The caller has checked in the same transaction that it may (`assignments.check_may_begin`).
    """
    made = BegunEncounter(
        assignment_id=assignment_id, person_id=person_id, code_id=code_id, begun_at=at
    )
    session.add(made)
    session.flush()
    return made.id


def take_back(session: Session, begun_id: UUID) -> None:
    """Forget an encounter that could not begin after all."""
    found = session.get(BegunEncounter, begun_id)
    if found is not None:
        session.delete(found)


def note_attempt(session: Session, begun_id: UUID, attempt_id: UUID) -> None:
    """Write down which attempt became of an encounter."""
    found = session.get(BegunEncounter, begun_id)
    if found is not None:
        found.attempt_id = attempt_id


def moments(
    session: Session,
    assignment_ids: Collection[UUID],
    *,
    person_id: UUID | None = None,
    code_id: UUID | None = None,
) -> Mapping[UUID, Sequence[datetime]]:
    """Return when a learner has begun what counts, by assignment, the oldest first.

    Either the learner's account, or the exam code of a learner without one.
    """
    found: dict[UUID, list[datetime]] = {each: [] for each in assignment_ids}
    if not found:
        return found
    here = select(BegunEncounter.assignment_id, BegunEncounter.begun_at).where(
        BegunEncounter.assignment_id.in_(found),
        BegunEncounter.forgiven_at.is_(None),
        _is(BegunEncounter, person_id, code_id),
    )
    owner = StoredAttempt.owner_id == person_id
    elsewhere = select(StoredAttempt.assignment_id, StoredAttempt.started_at).where(
        StoredAttempt.assignment_id.in_(found),
        StoredAttempt.forgiven_at.is_(None),
        _is_from_elsewhere(),
        begins_attempt(),
        owner if code_id is None else StoredAttempt.code_id == code_id,
    )
    at_stations = (
        select(OneTimeCode.assignment_id, StationVisit.begun_at)
        .join(OneTimeCode, OneTimeCode.id == StationVisit.code_id)
        .where(
            StationVisit.code_id == code_id,
            StationVisit.begun_at.is_not(None),
            StationVisit.forgiven_at.is_(None),
            OneTimeCode.assignment_id.in_(found),
        )
    )
    for query in (here, elsewhere, at_stations):
        for assignment_id, at in session.execute(query):
            if assignment_id is not None and at is not None:  # for the types; the queries see to it
                found[assignment_id].append(at)
    return {each: sorted(times) for each, times in found.items()}


def moments_by_person(
    session: Session, assignment_ids: Collection[UUID]
) -> Mapping[tuple[UUID, UUID], Sequence[datetime]]:
    """Return when each account has begun what counts, by account and assignment."""
    here = select(
        BegunEncounter.person_id, BegunEncounter.assignment_id, BegunEncounter.begun_at
    ).where(
        BegunEncounter.assignment_id.in_(assignment_ids),
        BegunEncounter.forgiven_at.is_(None),
        BegunEncounter.person_id.is_not(None),
    )
    elsewhere = select(
        StoredAttempt.owner_id, StoredAttempt.assignment_id, StoredAttempt.started_at
    ).where(
        StoredAttempt.assignment_id.in_(assignment_ids),
        StoredAttempt.forgiven_at.is_(None),
        StoredAttempt.owner_id.is_not(None),
        _is_from_elsewhere(),
        begins_attempt(),
    )
    found: dict[tuple[UUID, UUID], list[datetime]] = {}
    for query in (here, elsewhere):
        for person_id, assignment_id, at in session.execute(query):
            if person_id is not None and assignment_id is not None:  # for the types
                found.setdefault((person_id, assignment_id), []).append(at)
    return {each: sorted(times) for each, times in found.items()}


def _is_from_elsewhere() -> ColumnElement[bool]:
    """Return the condition that leaves out what began here, or at a station under a code."""
    known = select(BegunEncounter.attempt_id).where(BegunEncounter.attempt_id == StoredAttempt.id)
    is_of_visit = StoredAttempt.code_id.in_(_begun_at_stations())
    return ~known.exists() & (StoredAttempt.code_id.is_(None) | ~is_of_visit)


def _is(
    table: type[BegunEncounter], person_id: UUID | None, code_id: UUID | None
) -> ColumnElement[bool]:
    return table.person_id == person_id if code_id is None else table.code_id == code_id


def counted(times: Sequence[datetime], drill: Drill | None, factor: float, at: datetime) -> int:
    """Return how many attempts these are. Those of a drill count by rounds that are over.

    factor: of the learner's time.
    """
    if drill is None:
        return len(times)
    rounds = _rounds(times, drill, factor)
    return len(rounds) - (1 if _is_going_on(rounds, drill, factor, at) else 0)


def present_round(
    times: Sequence[datetime], drill: Drill, factor: float, at: datetime
) -> DrillRound | None:
    """Return the round of a drill in which another try can begin; None when a new one begins."""
    rounds = _rounds(times, drill, factor)
    if not _is_going_on(rounds, drill, factor, at):
        return None
    return DrillRound(len(rounds[-1]), rounds[-1][0] + _length(drill, factor))


def _rounds(times: Sequence[datetime], drill: Drill, factor: float) -> list[list[datetime]]:
    rounds: list[list[datetime]] = []
    for at in times:
        is_full = not rounds or len(rounds[-1]) >= drill.tries
        if is_full or at >= rounds[-1][0] + _length(drill, factor):
            rounds.append([])
        rounds[-1].append(at)
    return rounds


def _is_going_on(
    rounds: Sequence[Sequence[datetime]], drill: Drill, factor: float, at: datetime
) -> bool:
    if not rounds or len(rounds[-1]) >= drill.tries:
        return False
    return at + LEAST_TRY < rounds[-1][0] + _length(drill, factor)


def _length(drill: Drill, factor: float) -> timedelta:
    return timedelta(minutes=drill.minutes * factor)


# -- for educators


@dataclass(frozen=True, slots=True)
class ShownEncounter:
    """An encounter that has begun, in an educator's list."""

    key: str
    """Names it to `forgive`."""
    learner: str
    where: str
    """Where it began: "this server", or the name of a device."""
    begun_at: datetime
    record: str
    """What became of its record: "kept", "erased", "not kept yet" or "not sent yet". Whether it can
    be opened is another question."""
    forgiven_at: datetime | None


def count(session: Session, assignment_id: UUID) -> int:
    """Return how many encounters of an assignment have begun, or came from elsewhere, in all."""
    here = select(func.count()).where(BegunEncounter.assignment_id == assignment_id)
    elsewhere = select(func.count()).where(
        StoredAttempt.assignment_id == assignment_id,
        _is_from_elsewhere(),
        begins_attempt(),
    )
    at_stations = (
        select(func.count())
        .select_from(OneTimeCode)
        .where(OneTimeCode.assignment_id == assignment_id, OneTimeCode.id.in_(_begun_at_stations()))
    )
    return sum(session.scalar(query) or 0 for query in (here, elsewhere, at_stations))


def _begun_at_stations() -> Select[UUID]:
    """Select the codes under which an encounter has begun at a station."""
    return select(StationVisit.code_id).where(StationVisit.begun_at.is_not(None))


def listed(session: Session, assignment_id: UUID) -> list[ShownEncounter]:
    """Return the encounters of an assignment that have begun, the newest first.

    Those on this hub, those at stations under an exam code, and attempts of accounts that came from
    elsewhere.
    """
    found = [
        *_listed_here(session, assignment_id),
        *_listed_at_stations(session, assignment_id),
        *_listed_from_elsewhere(session, assignment_id),
    ]
    return sorted(found, key=lambda each: (each.begun_at, each.key), reverse=True)


def _listed_here(session: Session, assignment_id: UUID) -> Iterator[ShownEncounter]:
    rows = session.execute(
        select(BegunEncounter, Account.name, OneTimeCode.label, StoredAttempt.id)
        .outerjoin(Account, Account.id == BegunEncounter.person_id)
        .outerjoin(OneTimeCode, OneTimeCode.id == BegunEncounter.code_id)
        .outerjoin(StoredAttempt, StoredAttempt.id == BegunEncounter.attempt_id)
        .where(BegunEncounter.assignment_id == assignment_id)
    )
    for each, name, label, kept in rows:
        record = "kept" if kept else "erased" if each.attempt_id else "not kept yet"
        learner = name or _candidate(label)
        key = f"{_HERE}:{each.id}"
        yield ShownEncounter(key, learner, "this server", each.begun_at, record, each.forgiven_at)


def _listed_at_stations(session: Session, assignment_id: UUID) -> Iterator[ShownEncounter]:
    rows = session.execute(
        select(StationVisit, OneTimeCode.label, Device.name, StoredAttempt.id)
        .join(OneTimeCode, OneTimeCode.id == StationVisit.code_id)
        .outerjoin(Device, Device.id == StationVisit.device_id)
        .outerjoin(StoredAttempt, StoredAttempt.id == StationVisit.attempt_id)
        .where(OneTimeCode.assignment_id == assignment_id, StationVisit.begun_at.is_not(None))
    )
    for each, label, device, kept in rows:
        record = "kept" if kept else "erased" if each.attempt_id else "not sent yet"
        where, at = device or "a station", each.begun_at or each.claimed_at
        key = f"{_VISIT}:{each.code_id}:{each.session_id}"
        yield ShownEncounter(key, _candidate(label), where, at, record, each.forgiven_at)


def _listed_from_elsewhere(session: Session, assignment_id: UUID) -> Iterator[ShownEncounter]:
    rows = session.execute(
        select(StoredAttempt, Account.name, Device.name)
        .join(Account, Account.id == StoredAttempt.owner_id)
        .outerjoin(Device, Device.id == StoredAttempt.device_id)
        .where(StoredAttempt.assignment_id == assignment_id, _is_from_elsewhere(), begins_attempt())
    )
    for each, name, device in rows:
        where, key = device or f"a {each.origin}", f"{_ATTEMPT}:{each.id}"
        yield ShownEncounter(key, name, where, each.started_at, "kept", each.forgiven_at)


def _candidate(label: str | None) -> str:
    return f"Candidate {label or '—'}"


_HERE, _VISIT, _ATTEMPT = "begun", "visit", "attempt"
"""The kinds of `ShownEncounter.key`."""


def forgive(session: Session, assignment_id: UUID, key: str) -> OneTimeCode | None:
    """Let an encounter not count. Returns its exam code, which can be used again then.

    key: of `ShownEncounter`. Raises UsageError when the assignment has no such encounter.
    """
    kind, _, rest = key.partition(":")
    found, code_id = _forgiven(session, kind, rest)
    code = session.get(OneTimeCode, code_id) if code_id is not None else None
    task = getattr(found, "assignment_id", None) or (code.assignment_id if code else None)
    if found is None or task != assignment_id:
        raise UsageError("There is no such encounter.")
    found.forgiven_at = found.forgiven_at or now()
    session.flush()
    if code is not None and _has_attempts_left(session, code):
        code.used_at = None
        session.flush()
    return code


def _forgiven(
    session: Session, kind: str, rest: str
) -> tuple[BegunEncounter | StationVisit | StoredAttempt | None, UUID | None]:
    """Return the row of a key, and its exam code."""
    try:
        ids = [UUID(each) for each in rest.split(":")]
    except ValueError:
        return None, None
    if kind == _HERE and len(ids) == 1:
        begun = session.get(BegunEncounter, ids[0])
        return begun, None if begun is None else begun.code_id
    if kind == _VISIT and len(ids) == 2:
        visit = session.get(StationVisit, (ids[0], ids[1]))
        return (None if visit is None or visit.begun_at is None else visit), ids[0]
    if kind == _ATTEMPT and len(ids) == 1:
        attempt = session.get(StoredAttempt, ids[0])
        return (None if attempt is None or attempt.owner_id is None else attempt), None
    return None, None


def _has_attempts_left(session: Session, code: OneTimeCode) -> bool:
    task = session.get(Assignment, code.assignment_id)
    if task is None:
        return False
    times = moments(session, [task.id], code_id=code.id)[task.id]
    return task.attempts_allowed is None or len(times) < task.attempts_allowed
