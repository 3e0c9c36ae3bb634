"""The cases that the hub offers, and the door of each: practice and assignments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.debrief.retry import CheckpointRef
from simvoice.errors import CaseError
from simvoice.hub import assignments, attempts, begun, codes, courses, releases, retries
from simvoice.hub.assignment_options import (
    accommodations_of,
    drill_moment,
    options_of,
    what_happens,
)
from simvoice.hub.attempt_parts import parts_of
from simvoice.hub.doors.access import NoAccess, Visitor
from simvoice.hub.encounters.admission import EncounterWish
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.pages.common import Learner, Talker, account_of, go_to
from simvoice.hub.pages.own_words import due_questions
from simvoice.hub.render import message, render
from simvoice.hub.storage.tables import Course, OneTimeCode, StoredAttempt
from simvoice.hub_client.station_messages import Accommodations, AssignmentOptions
from simvoice.web.ports import CaseCard
from simvoice.web.retry import note_of

router = APIRouter()


def offered_cases(hub: Hub) -> Sequence[CaseCard]:
    """Return the cases with which an encounter can be held here."""
    return hub.encounters.cases()


def assignable_cases(hub: Hub) -> Sequence[CaseCard]:
    """Return the cases with which an encounter can be held here or at a station."""
    return hub.encounters.assignable()


@router.get("/practice")
def practice(request: Request, visitor: Learner) -> Response:
    """List the patients, for practice without an assignment."""
    return render(request, "practice.html", visitor, cases=offered_cases(hub_of(request)))


@router.get("/case/{case_id}")
def door(request: Request, visitor: Learner, case_id: str) -> Response:
    """Show the door note of a case. The encounter runs in the same page."""
    return _door(request, visitor, _card(hub_of(request), case_id), EncounterWish())


@router.get("/assignments/{assignment_id}")
def assigned_door(request: Request, visitor: Talker, assignment_id: UUID) -> Response:
    """Show the door note of an assignment that the visitor can begin now.

    A candidate who has begun an exam is told how it stands, or goes on to the debrief.
    """
    hub = hub_of(request)
    if visitor.code_id is not None and visitor.assignment_id != assignment_id:
        raise NoAccess("Your code is for another encounter.", 403)
    with hub.database.read() as session:
        code = codes.get(session, visitor.code_id) if visitor.code_id is not None else None
        if code is not None:
            after = _after_exam(request, visitor, session, code)
            if after is not None:
                return after
        found = assignments.check_may_begin(
            session,
            assignment_id,
            hub.now(),
            person_id=visitor.person_id,
            code_id=visitor.code_id,
        )
        options = options_of(found.assignment)
        changed = accommodations_of(options, code)
        seen_by = who_sees(session, found.course)
    card = _card(hub, found.assignment.case_id)
    return _door(
        request,
        visitor,
        card,
        EncounterWish(assignment_id),
        assigned=found,
        options=options,
        changed=changed,
        reading_s=options.reading_s * changed.time_factor,
        time_s=_time_s(card, options, changed, found, hub),
        course=seen_by,
        told=what_happens(found.assignment.mode, options, card, seen_by, changed),
        moment=drill_moment(card, options),
    )


def _after_exam(
    request: Request, visitor: Visitor, session: Session, code: OneTimeCode
) -> Response | None:
    """Return what a candidate sees who has begun an exam; None before."""
    assert code.assignment_id is not None
    done = attempts.for_code(session, code.id)
    task = assignments.assignment(session, code.assignment_id)
    if task.debriefs_released_at is not None:
        if len(done) == 1:
            return go_to(f"/attempts/{done[0].id}")
        parts = parts_of(session, done)
        return render(
            request, "candidate.html", visitor, attempts=done, parts=parts, assignment=task
        )
    begun_at = begun.moments(session, [task.id], code_id=code.id)[task.id]
    allowed = task.attempts_allowed
    if not begun_at or (allowed is not None and len(begun_at) < allowed):
        return None
    said = f"Your conversation is kept for the educators of the course. {releases.HELD_BACK}"
    same = "The same code opens it then, on the sign-in page."
    return message(request, visitor, 200, "Thank you", f"{said} {same}")


def _time_s(
    card: CaseCard,
    options: AssignmentOptions,
    changed: Accommodations,
    found: assignments.Assigned,
    hub: Hub,
) -> float | None:
    """Return how long the encounter may last; None without a limit."""
    going_on = found.present_round
    left_s = going_on.left_s(hub.now()) if going_on is not None else None
    if options.drill is not None and left_s is None:
        left_s = 60.0 * options.drill.minutes * changed.time_factor
    limit_s = options.limit_s or card.time_s
    whole_s = None if limit_s is None else limit_s * changed.time_factor
    return min((each for each in (left_s, whole_s) if each is not None), default=None)


def who_sees(session: Session, course: Course) -> str:
    """Return a course with the names of its educators, who open what is released to it."""
    names = ", ".join(each.name for each in courses.educators(session, course.id))
    return f"{course.title} ({names})" if names else course.title


@router.get("/again/{attempt_id}/{turn}")
def again(request: Request, visitor: Learner, attempt_id: UUID, turn: int) -> Response:
    """Show the door of a retry from a moment of an own attempt."""
    hub = hub_of(request)
    with hub.database.read() as session:
        row = retries.own_attempt(session, account_of(visitor), attempt_id)
    card = _card(hub, row.case_id)
    with (
        attempts.opened(hub, attempt_id) as attempt,
        retries.opened_by_record(hub, row.owner_id) as open_attempt,
    ):
        checkpoint = CheckpointRef(attempt.id, turn)
        time_s = hub.encounters.retry_time_s(card.id, checkpoint, open_attempt)
        note = note_of(attempt, turn, time_s)
    return _door(
        request,
        visitor,
        card,
        EncounterWish(retry=checkpoint),
        retry=replace(note, attempt=str(attempt_id)),
        time_s=time_s,
    )


def _card(hub: Hub, case_id: str) -> CaseCard:
    card = next((each for each in offered_cases(hub) if each.id == case_id), None)
    if card is None:
        raise CaseError("This case is not on this server now. A technician sees why.")
    return card


def _door(
    request: Request, visitor: Visitor, card: CaseCard, wish: EncounterWish, **values: Any
) -> Response:
    """Return the page of an encounter. values: what differs from practice from the door."""
    assigned: assignments.Assigned | None = values.pop("assigned", None)
    plain: dict[str, Any] = {
        **{"retry": None, "course": "", "told": (), "moment": "", "options": None},
        "changed": Accommodations(),
    }
    shown = replace(
        card.lasting(values.pop("time_s", card.time_s)),
        reading_time_s=values.pop("reading_s", card.reading_time_s),
    )
    task = assigned.assignment if assigned else None
    return render(
        request,
        "door.html",
        visitor,
        case=shown,
        wish=wish,
        assigned=assigned,
        assignment=task,
        is_exam=task is not None and task.mode == assignments.Mode.EXAM,
        on_hub=True,
        **{**plain, **values},
    )


@router.get("/encounters/ended/{record_id}")
def ended(request: Request, visitor: Talker, record_id: str) -> Response:
    """Go on from an encounter that has just ended, when its record is kept.

    The questions of its assignment come first, and then the debrief.
    """
    mine = StoredAttempt.owner_id == visitor.person_id
    if visitor.person_id is None:
        mine = StoredAttempt.code_id == visitor.code_id
    asked = select(StoredAttempt).where(StoredAttempt.record_id == record_id[:130], mine)
    hub = hub_of(request)
    with hub.database.read() as session:
        found = session.scalars(asked).first()
        if found is not None:
            asks = due_questions(session, hub, found) is not None
            return go_to(f"/attempts/{found.id}" + ("/questions" if asks else ""))
    return render(request, "keeping.html", visitor, here=request.url.path)
