"""Codes at stations: claimed, begun, given back, and what stations report that was used offline.

An exam code lets one visit begin an encounter. A claim reserves it for a visit. It is used when an
encounter begins, and open again when the visit ends before that. A station without network cannot
ask, so two stations can begin under one code; then both attempts are kept, and the audit trail and
the educator's page say so.

Functions with a session work in its transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.errors import UsageError
from simvoice.hub import assignments, audit, codes, courses
from simvoice.hub.assignments import Stage
from simvoice.hub.codes import CodeKind
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub
from simvoice.hub.roles import Role
from simvoice.hub.stations import reservations
from simvoice.hub.stations.board import VisitSeen
from simvoice.hub.stations.roster import station_assignment
from simvoice.hub.storage.tables import (
    Account,
    Device,
    OneTimeCode,
    StationVisit,
)
from simvoice.hub_client.station_messages import (
    Accommodations,
    ClaimAnswer,
    ClaimRequest,
    CodeUse,
    RosterCode,
)

_log = logging.getLogger(__name__)

_NOT_FOR_STATIONS = {
    CodeKind.INVITATION: "This code makes an account; use it on the hub's page, not at a station.",
    CodeKind.PAIRING: "This code pairs a device; it lets no learner in.",
    CodeKind.SETUP: "This code sets up the hub; it lets no learner in.",
}

_USED_TWICE = "use exam code twice"

# -- claims -------------------------------------------------------------------------------------


def claim(hub: Hub, visitor: Visitor, request: ClaimRequest) -> ClaimAnswer:
    """Let a visit use a typed code. The same claim again gets the same answer.

    Raises UsageError with a sentence for a code that this visit cannot use. Guessing needs no
    brake: with 5000 codes, a station that asks a thousand times a second needs decades for one.
    """
    with hub.database.begin() as session:
        kind = codes.kind_of(session, hub, request.code) or CodeKind.EXAM
        if kind in _NOT_FOR_STATIONS:
            raise UsageError(_NOT_FOR_STATIONS[kind])
        if kind is CodeKind.LEARNER:
            answer = _claim_card(session, hub, request)
        else:
            answer = _claim_exam(session, hub, visitor, request)
        audit.record(session, visitor, "claim code", answer.code.id, str(kind))
    hub.stations.facts.forget()
    return answer


def _claim_card(session: Session, hub: Hub, request: ClaimRequest) -> ClaimAnswer:
    code = codes.look_up(session, hub, CodeKind.LEARNER, request.code)
    person = session.get(Account, code.person_id)
    is_learner = person is not None and any(one.role == Role.LEARNER for one in person.roles)
    if person is None or person.disabled_at is not None or not is_learner:
        raise UsageError("The account of this card is closed; ask a technician.")
    tasks = assignments.assigned_to(session, person.id, hub.now())
    return ClaimAnswer(
        code=_roster_code(code),
        assignment=None,
        assignments=tuple(each.assignment.id for each in tasks if each.stage is Stage.OPEN),
    )


def _claim_exam(session: Session, hub: Hub, visitor: Visitor, request: ClaimRequest) -> ClaimAnswer:
    code = codes.find(session, hub, request.code)
    if code is not None:  # of two claims at once, the second waits and sees the first
        session.refresh(code, with_for_update=True)
    own = None if code is None else session.get(StationVisit, (code.id, request.session))
    if code is None or own is None or code.revoked_at is not None:
        if code is not None:
            _give_back_or_refuse(session, hub, code)
        code = codes.look_up(session, hub, CodeKind.EXAM, request.code)
        assignments.check_may_begin(session, _task_of(code), hub.now(), code_id=code.id)
        codes.redeem(session, hub, CodeKind.EXAM, request.code)
        _add(session, code, request.session, visitor.device_id, hub.now(), took_code=True)
    task = assignments.assignment(session, _task_of(code))
    course = courses.course(session, task.course_id)
    educators = [each.name for each in courses.educators(session, course.id)]
    found = station_assignment(task, course, educators)
    if found is None:
        raise UsageError("This exam was made by another version of the hub; assign it again.")
    return ClaimAnswer(code=_roster_code(code), assignment=found)


def _give_back_or_refuse(session: Session, hub: Hub, code: OneTimeCode) -> None:
    """Free a code of a visit that has ended before it began; refuse one that is at a station."""
    for visit in _visits(session, code.id):
        if visit.begun_at is not None or visit.device_id is None:
            continue
        if hub.stations.is_over(visit.device_id, visit.session_id, hub.now()):
            reservations.give_back(session, visit)
            continue
        where = session.get(Device, visit.device_id)
        raise UsageError(
            f"This code is in use at {'another station' if where is None else where.name}; go on "
            "there, or ask a technician."
        )


def _task_of(code: OneTimeCode) -> UUID:
    assert code.assignment_id is not None  # every code of an exam has one
    return code.assignment_id


def _roster_code(code: OneTimeCode) -> RosterCode:
    return RosterCode(
        id=code.id,
        hash=code.station_hash or "0" * 64,
        assignment=code.assignment_id,
        expires_at=code.expires_at.timestamp(),
        accommodations=Accommodations.model_validate(code.accommodations),
    )


# -- visits -------------------------------------------------------------------------------------


def observe(session: Session, hub: Hub, visitor: Visitor, seen: VisitSeen, at: datetime) -> None:
    """Write down which visit is at a station now."""
    if seen.code is None or seen.session is None:
        return
    code = _locked(session, seen.code)
    if code is None or code.kind != CodeKind.EXAM:
        return
    if session.get(StationVisit, (code.id, seen.session)) is None:
        # typed without network, or set by a technician from afar
        _add(session, code, seen.session, visitor.device_id, at, took_code=code.used_at is None)
        code.used_at = code.used_at or at


def give_back_all_but(session: Session, device_id: UUID | None, visit_id: UUID | None) -> None:
    """Open the codes of visits of a station that are over and had not begun."""
    for visit in session.scalars(
        select(StationVisit).where(
            StationVisit.device_id == device_id, StationVisit.begun_at.is_(None)
        )
    ).all():
        if visit.session_id != visit_id:
            reservations.give_back(session, visit)


def note_begun(
    session: Session,
    hub: Hub,
    visitor: Visitor,
    code_id: UUID,
    visit_id: UUID,
    at: datetime,
    attempt_id: UUID | None = None,
) -> bool:
    """Write down that a visit has begun an encounter under an exam code. Can be repeated.

    visitor: the station. at: when it began, by the station's clock. attempt_id: what came of it,
    when that is here. Returns True when the code had
    been used elsewhere before; the first time, the audit trail says so. Nothing happens for a code
    that is not there any more, or is no exam's.
    """
    code = _locked(session, code_id)
    if code is None or code.kind != CodeKind.EXAM:
        return False
    at = min(at, hub.now())
    visit = session.get(StationVisit, (code.id, visit_id))
    others = [each for each in _visits(session, code.id) if each.session_id != visit_id]
    is_second = any(each.begun_at is not None and each.forgiven_at is None for each in others)
    if visit is None:
        took = code.used_at is None
        visit = _add(session, code, visit_id, visitor.device_id, at, took_code=took)
    if code.used_at is not None and not any(each.took_code for each in (visit, *others)):
        is_second = True  # somebody signed in with it in a browser
    if visit.begun_at is None:
        visit.begun_at = at
        code.used_at = code.used_at or at
        if is_second:
            audit.record(session, visitor, _USED_TWICE, code.id, code.label)
            _log.warning("code %s was used twice", code.id)
    visit.attempt_id = visit.attempt_id or attempt_id
    session.flush()
    return is_second


def note_uses(session: Session, hub: Hub, visitor: Visitor, uses: Iterable[CodeUse]) -> None:
    """Write down under which exam codes encounters have begun."""
    for each in sorted(uses, key=lambda one: one.code):  # so that two never wait for each other
        note_begun(session, hub, visitor, each.code, each.session, from_unix(each.at, hub.now()))


def from_unix(at: float, now: datetime) -> datetime:
    """Return the moment of a station's clock; `now` for one that cannot be, or lies ahead."""
    try:
        return min(datetime.fromtimestamp(at, UTC), now)
    except (ValueError, OverflowError, OSError):
        return now


def _locked(session: Session, code_id: UUID) -> OneTimeCode | None:
    """Return a code whose visits no other transaction changes until the end of this one."""
    return session.get(OneTimeCode, code_id, with_for_update=True, populate_existing=True)


def _visits(session: Session, code_id: UUID) -> Sequence[StationVisit]:
    return session.scalars(select(StationVisit).where(StationVisit.code_id == code_id)).all()


def _add(
    session: Session,
    code: OneTimeCode,
    visit_id: UUID,
    device_id: UUID | None,
    at: datetime,
    *,
    took_code: bool,
) -> StationVisit:
    made = StationVisit(
        code_id=code.id,
        session_id=visit_id,
        device_id=device_id,
        claimed_at=at,
        took_code=took_code,
    )
    session.add(made)
    session.flush()
    return made
