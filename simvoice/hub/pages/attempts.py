"""Pages of attempts: a learner's own, debriefs, what is released, and erasing.

What somebody may open is decided by `releases.opening`, at each request and again while sound is
being sent. An attempt that a visitor may not open looks like one that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.orm import Session

from simvoice.debrief import layout
from simvoice.debrief.model import Debrief
from simvoice.errors import UsageError
from simvoice.hub import (
    assignments,
    attempt_parts,
    attempts,
    audit,
    courses,
    erasing,
    examples,
    ratings,
    releases,
    remarks,
    retries,
)
from simvoice.hub.attempt_parts import Part
from simvoice.hub.doors.access import NoAccess, Visitor, allow
from simvoice.hub.doors.rates import OPENINGS
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.pages import attempt_list, number_table
from simvoice.hub.pages.common import (
    PAGE_ROWS,
    REFUSED,
    Learner,
    ReaderOrCandidate,
    account_of,
    go_to,
    page_number,
    slice_of,
)
from simvoice.hub.pages.reflect import due_moments
from simvoice.hub.pages.sound import send_recording
from simvoice.hub.releases import Opening
from simvoice.hub.render import message, render
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import StoredAttempt
from simvoice.record.answers import answers_for_page
from simvoice.record.store import Attempt
from simvoice.release.contents import Contents
from simvoice.release.numbers import load_numbers, numbers_of
from simvoice.web.drawings import drawn_turns
from simvoice.web.pages import DebriefCache, RetryLinks
from simvoice.web.reflection import shown_reflection

router = APIRouter()

NOT_THERE = "There is no such attempt, or it is not released to you now."

_DONE = {
    "erased": "The attempt is erased.",
    "released": "Released. The educators named below can open it from now on.",
    "revoked": "The release has ended. They cannot open it any more.",
    "remarked": "The remark is written. The learner reads it in the debrief.",
    "withdrawn": "The remark is taken back.",
    "example": "Moments of it may be played to the course from now on.",
    "no_example": "Nothing of it is played to the course any more.",
}


@dataclass(frozen=True, slots=True)
class MayOpen:
    """An attempt that a visitor may open now."""

    row: StoredAttempt
    opening: Opening
    learner: str
    """Whose it is."""

    @property
    def contents(self) -> Contents:
        """What the visitor gets: no more than is released, and no more than the hub has."""
        return min(self.opening.contents, Contents(self.row.contents), key=lambda each: each.rank)


def may_open(
    session: Session, visitor: Visitor, attempt_id: UUID, *, held_back_too: bool = False
) -> MayOpen:
    """Return an attempt that the visitor may open now. Raises UsageError for any other.

    held_back_too: return also the own attempt of an exam whose debriefs are not released.
    """
    opening = releases.opening(
        session,
        attempt_id,
        person_id=visitor.person_id,
        code_id=visitor.code_id,
        roles=visitor.roles,
    )
    row = session.get(StoredAttempt, attempt_id)
    if opening is None or row is None:
        raise UsageError(NOT_THERE)
    if opening.is_held_back and not held_back_too:
        raise NoAccess(releases.HELD_BACK, 403)
    return MayOpen(row, opening, releases.learner_of(session, row))


def _checked(hub: Hub, visitor: Visitor, attempt_id: UUID, needs: Contents, did: str) -> MayOpen:
    """Return an attempt of which the visitor gets at least `needs`, and write down that they did.

    did: what they did, in the words of the audit trail. A learner's own attempts are not written
    down.
    """
    with hub.database.begin() as session:
        found = may_open(session, visitor, attempt_id)
        if found.contents.rank < needs.rank:
            raise UsageError(NOT_THERE)
        if not found.opening.is_owner:
            _check_not_rating(session, visitor, attempt_id, did)
            audit.record(session, visitor, did, attempt_id, found.contents.label)
    return found


_HEARD = "hear recording"


def _check_not_rating(session: Session, visitor: Visitor, attempt_id: UUID, did: str) -> None:
    """Raise NoAccess for what shows the machine's judgement, while the visitor rates blind."""
    person_id = visitor.person_id
    if did == _HEARD or person_id is None:
        return
    if ratings.is_unfinished(session, attempt_id, person_id):
        raise NoAccess(
            "You are rating this attempt blind. The debrief opens when you have finished.", 403
        )


# -- debriefs


@contextmanager
def _debrief(
    request: Request, attempt_id: UUID, contents: Contents
) -> Iterator[tuple[Attempt, Debrief]]:
    """Yield an attempt with its debrief, reduced to what is released."""
    cache: DebriefCache = request.app.state.debriefs
    with attempts.opened(hub_of(request), attempt_id) as attempt:
        found = cache.get(attempt).model_copy(update={"attempt": str(attempt_id), "learner": ""})
        if not contents.holds_sound:
            found = found.model_copy(update={"has_sound": False, "peaks": None})
        yield attempt, found


@router.get("/attempts/{attempt_id}")
def one_attempt(
    request: Request,
    visitor: Annotated[Visitor, allow(Role.LEARNER, Role.EDUCATOR, codes=True, rate=OPENINGS)],
    attempt_id: UUID,
    done: str = "",
) -> Response:
    """Show the debrief of an attempt, or its numbers when no more of it may be opened.

    Who did an exam is told that it is saved, until its debriefs are released.
    """
    return attempt_page(request, visitor, attempt_id, done=_DONE.get(done, ""))


def attempt_page(
    request: Request,
    visitor: Visitor,
    attempt_id: UUID,
    *,
    status: int = 200,
    problem: str = "",
    given: dict[str, str] | None = None,
    done: str = "",
) -> Response:
    """Return the page of an attempt. problem, given: of a remark that was not taken."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found = may_open(session, visitor, attempt_id, held_back_too=True)
    if found.opening.is_held_back:
        said = "Your conversation is saved. The educators of the course can open it."
        return message(request, visitor, 200, "Thank you", f"{said} {releases.HELD_BACK}")
    found = _checked(hub, visitor, attempt_id, Contents.NUMBERS, "open debrief")
    values: dict[str, Any] = {"found": found, "attempt": found.row, "contents": found.contents}
    with hub.database.read() as session:
        values["part"] = part = attempt_parts.parts_of(session, [found.row]).get(attempt_id)
        values["other_parts"] = _others(session, visitor, part, attempt_id)
    if not found.contents.holds_words:
        values["numbers"] = _numbers(request, found)
        return render(request, "attempt_numbers.html", visitor, **values)
    is_own = found.opening.is_owner and visitor.person_id is not None
    agreement: ratings.HubAgreement = request.app.state.agreement
    with hub.database.read() as session:
        checked = agreement.get(session).trust.words
    with _debrief(request, attempt_id, found.contents) as (attempt, debrief):
        cache: DebriefCache = request.app.state.debriefs
        if is_own and due_moments(request, attempt):
            return go_to(f"/attempts/{attempt_id}/reflect")
        linked = RetryLinks(None, None, False, ())
        if is_own:
            linked = retries.links(hub, found.row, attempt, cache)
        return render(
            request,
            "attempt.html",
            visitor,
            view=layout.view(debrief),
            retry_links=linked,
            may_retry=is_own and retries.is_possible(hub.encounters.cases(), attempt),
            answers=answers_for_page(attempt.folder),
            next_try=_next_try(hub, visitor, found.row) if is_own else None,
            earlier=None,
            on_hub=True,
            checked=checked,
            **shown_reflection(attempt, cache.reading(attempt), debrief),
            **_remarks(hub, visitor, found, debrief),
            may_remark=not found.opening.is_owner,
            problem=problem,
            given=given or {"at": "", "text": ""},
            done=done,
            status=status,
            **values,
        )


def _remarks(hub: Hub, visitor: Visitor, found: MayOpen, debrief: Debrief) -> dict[str, Any]:
    """Return the remarks on an attempt, also beside its transcript, and note that they are seen."""
    attempt_id, opening = found.row.id, found.opening
    with hub.database.read() as session:
        shown = remarks.of_attempt(session, attempt_id, visitor.person_id, opening.course_id)
        is_new = opening.is_owner and remarks.has_unseen(session, attempt_id)
    if is_new:
        with hub.database.begin() as session:
            remarks.note_seen(session, attempt_id, hub.now())
    starts = [each.at_s for each in layout.view(debrief).moments]
    return {"remarks": shown, "remarks_at": remarks.beside(shown, starts)}


def _others(
    session: Session, visitor: Visitor, part: Part | None, attempt_id: UUID
) -> list[tuple[int, StoredAttempt]]:
    """Return the other parts of an attempt that the visitor may open, with their numbers."""
    found = []
    for number, each in enumerate(part.siblings if part else (), 1):
        with suppress(UsageError):
            if each.id != attempt_id:
                found.append((number, may_open(session, visitor, each.id).row))
    return found


def _next_try(hub: Hub, visitor: Visitor, row: StoredAttempt) -> assignments.Assigned | None:
    """Return how the drill of an attempt stands, while another try is left in it."""
    if row.assignment_id is None:
        return None
    with hub.database.read() as session, suppress(UsageError):
        found = assignments.check_may_begin(
            session, row.assignment_id, hub.now(), person_id=visitor.person_id
        )
        return found if found.present_round is not None else None
    return None


def _numbers(request: Request, found: MayOpen) -> number_table.NumberTable:
    with attempts.opened(hub_of(request), found.row.id) as attempt:
        numbers = load_numbers(attempt.folder)
        if numbers is None:
            cache: DebriefCache = request.app.state.debriefs
            numbers = numbers_of(cache.get(attempt), found.row.id, found.contents)
        return number_table.table_of(numbers)


@router.get("/attempts/{attempt_id}/timeline")
def timeline(request: Request, visitor: ReaderOrCandidate, attempt_id: UUID) -> Response:
    """Return the data of the timeline; without the outline of the sound where that is kept back."""
    found = _checked(hub_of(request), visitor, attempt_id, Contents.WORDS, "open timeline")
    with _debrief(request, attempt_id, found.contents) as (_, debrief):
        return JSONResponse(layout.timeline(debrief))


@router.get("/attempts/{attempt_id}/audio")
def sound(request: Request, visitor: ReaderOrCandidate, attempt_id: UUID) -> Response:
    """Send the recording, for as long as the visitor may hear it."""
    hub = hub_of(request)
    _checked(hub, visitor, attempt_id, Contents.SOUND, _HEARD)

    def may_hear() -> bool:
        with hub.database.read() as session:
            try:
                return may_open(session, visitor, attempt_id).contents.holds_sound
            except UsageError:
                return False

    return send_recording(hub, attempt_id, request.headers.get("range"), may_hear)


@router.get("/attempts/{attempt_id}/turns.svg")
def turns(request: Request, visitor: ReaderOrCandidate, attempt_id: UUID) -> Response:
    """Draw turn-taking over time."""
    _checked(hub_of(request), visitor, attempt_id, Contents.WORDS, "open picture")
    cache: DebriefCache = request.app.state.debriefs
    with attempts.opened(hub_of(request), attempt_id) as attempt:
        return drawn_turns(attempt, cache)


# -- a learner's own attempts


@router.get("/attempts")
def own_attempts(request: Request, visitor: Learner, page: int = 0, done: str = "") -> Response:
    """List a learner's attempts, and who else has opened one."""
    page = page_number(page)
    person_id = account_of(visitor)
    with hub_of(request).database.read() as session:
        rows = attempt_list.own_attempts(session, person_id, PAGE_ROWS + 1, page * PAGE_ROWS)
        shown = slice_of(rows, page, "/attempts")
        return render(
            request,
            "attempts.html",
            visitor,
            attempts=attempt_list.grouped(shown.rows),
            later=shown.later,
            earlier=shown.earlier,
            opened=attempt_list.opened_by_others(session, person_id),
            done=_DONE.get(done, ""),
        )


@router.get("/attempts/{attempt_id}/release")
def release_page(request: Request, visitor: Learner, attempt_id: UUID, done: str = "") -> Response:
    """Show who may open an attempt, and exactly what a release would show."""
    return _release_page(request, visitor, attempt_id, done=_DONE.get(done, ""))


def _release_page(
    request: Request,
    visitor: Visitor,
    attempt_id: UUID,
    *,
    status: int = 200,
    problem: str = "",
    given: dict[str, str] | None = None,
    done: str = "",
) -> Response:
    person_id = account_of(visitor)
    with hub_of(request).database.read() as session:
        attempt = releases.own_attempt(session, attempt_id, person_id)
        offered = [
            {"course": each, "educators": [one.name for one in courses.educators(session, each.id)]}
            for each in courses.courses_taken(session, person_id)
        ]
        kept = Contents(attempt.contents)
        return render(
            request,
            "release.html",
            visitor,
            status=status,
            attempt=attempt,
            present=releases.present_releases(session, attempt_id),
            is_exam=releases.is_exam(session, attempt),
            courses=offered,
            contents=[each for each in Contents if each.rank <= kept.rank],
            given={"course_id": "", "contents": "", "example": "", **(given or {})},
            problem=problem,
            done=done,
        )


@router.post("/attempts/{attempt_id}/release")
def release(
    request: Request,
    visitor: Learner,
    attempt_id: UUID,
    course_id: Annotated[str, Form()] = "",
    contents: Annotated[str, Form()] = "",
    example: Annotated[str, Form()] = "",
) -> Response:
    """Release an attempt to a course. example: "yes" lets moments be played to the course."""
    try:
        course, wanted = _choice(course_id, contents)
        if example == "yes" and not wanted.holds_sound:
            raise UsageError(examples.NEEDS_SOUND)
        with hub_of(request).database.begin() as session:
            attempt = releases.own_attempt(session, attempt_id, account_of(visitor))
            if wanted.rank > Contents(attempt.contents).rank:
                raise UsageError("The server does not have as much of this attempt.")
            owner_id = account_of(visitor)
            made = releases.release(session, attempt_id, course, wanted, owner_id=owner_id)
            if example == "yes":
                examples.agree(session, made.id, owner_id=owner_id, at=hub_of(request).now())
            audit.record(session, visitor, "release attempt", attempt_id, wanted.label)
    except UsageError as error:
        given = {"course_id": course_id, "contents": contents, "example": example}
        return _release_page(
            request, visitor, attempt_id, status=REFUSED, problem=str(error), given=given
        )
    return go_to(f"/attempts/{attempt_id}/release", "released")


def _choice(course_id: str, contents: str) -> tuple[UUID, Contents]:
    try:
        return UUID(course_id), Contents(contents)
    except ValueError:
        raise UsageError("Choose a course, and what of the attempt you release to it.") from None


@router.post("/releases/{release_id}/revoke")
def revoke(request: Request, visitor: Learner, release_id: UUID) -> Response:
    """End a release. It holds at once, also for somebody who is listening."""
    with hub_of(request).database.begin() as session:
        attempt = releases.revoke(session, release_id, owner_id=account_of(visitor))
        audit.record(session, visitor, "end release", attempt.id)
        return go_to(f"/attempts/{attempt.id}/release", "revoked")


@router.get("/attempts/{attempt_id}/erase")
def erase_page(request: Request, visitor: Learner, attempt_id: UUID) -> Response:
    """Ask before an attempt is erased."""
    with hub_of(request).database.read() as session:
        attempt = releases.own_attempt(session, attempt_id, account_of(visitor))
        return render(request, "erase.html", visitor, attempt=attempt)


@router.post("/attempts/{attempt_id}/erase")
def erase(request: Request, visitor: Learner, attempt_id: UUID) -> Response:
    """Erase an attempt for ever."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        row = releases.own_attempt(session, attempt_id, account_of(visitor))
        audit.record(session, visitor, "erase attempt", attempt_id)
    erasing.erase_attempts(hub, [attempt_id], reason="learner")
    request.app.state.debriefs.forget(row.record_id)
    return go_to("/attempts", "erased")
