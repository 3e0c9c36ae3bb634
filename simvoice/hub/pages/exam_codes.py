"""Pages of educators: the codes of an exam, and what is changed for single candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from simvoice.errors import SettingError, UsageError
from simvoice.hub import audit, codes
from simvoice.hub.assignment_options import (
    FACTORS,
    OptionsForm,
    accommodation_words,
    parse_accommodations,
)
from simvoice.hub.assignments import Mode
from simvoice.hub.codes import CodeState
from simvoice.hub.doors.access import NoAccess, Visitor, allow
from simvoice.hub.doors.rates import CODES
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.page_words import from_local, time_zone
from simvoice.hub.pages.common import NOT_A_DATE, REFUSED, Educator, go_to, own_assignment
from simvoice.hub.render import render
from simvoice.hub.roles import Role
from simvoice.hub.stations.reservations import FREED, RISK, free, reservations
from simvoice.hub.storage.tables import Assignment, OneTimeCode

router = APIRouter()

_DONE = {
    "accommodated": "Saved. It holds from the next encounter on.",
    "revoked": "The code does not work any more.",
    "freed": "The code is open again, at every station and on this server.",
}


@router.get("/assignments/{assignment_id}/codes")
def codes_page(
    request: Request, visitor: Educator, assignment_id: UUID, done: str = ""
) -> Response:
    """Show the codes of an exam, and a form for more."""
    return _codes_page(request, visitor, assignment_id, done=_DONE.get(done, ""))


def _codes_page(
    request: Request,
    visitor: Visitor,
    assignment_id: UUID,
    *,
    status: int = 200,
    **values: Any,
) -> Response:
    hub = hub_of(request)
    given = {"labels": "", "expires_at": "", "asks_sure": False}
    plain = {"problem": "", "done": "", "given": given}
    with hub.database.read() as session:
        task, course = own_assignment(session, visitor, assignment_id)
        made = codes.of_assignment(session, assignment_id)
        return render(
            request,
            "codes.html",
            visitor,
            status=status,
            assignment=task,
            course=course,
            codes=_shown_codes(session, hub, made),
            risk=RISK,
            factors=FACTORS,
            time_zone=time_zone(),
            **{**plain, **values},
        )


def _shown_codes(session: Session, hub: Hub, made: Sequence[OneTimeCode]) -> list[dict[str, Any]]:
    reserved = reservations(session, hub, code_ids=[each.id for each in made])
    is_open = {each.id: codes.is_open(each, hub.now(), reserved) for each in made}
    of_label = Counter(each.label.casefold() for each in made if is_open[each.id])
    found = []
    for each in made:
        changed = codes.accommodations_of(each)
        state = codes.state(each, hub.now())
        found.append(
            {
                "code": each,
                "state": state,
                "is_open": state is CodeState.OPEN,
                "is_kept": state in (CodeState.OPEN, CodeState.USED),
                "reserved": reserved.get(each.id) if state is CodeState.USED else None,
                "open_twins": of_label[each.label.casefold()] if is_open[each.id] else 0,
                "changed": changed,
                "changed_words": accommodation_words(changed),
            }
        )
    return found


@router.post("/assignments/{assignment_id}/codes")
def make_codes(
    request: Request,
    visitor: Annotated[Visitor, allow(Role.EDUCATOR, rate=CODES)],
    assignment_id: UUID,
    labels: Annotated[str, Form()] = "",
    expires_at: Annotated[str, Form()] = "",
    sure: Annotated[str, Form()] = "",
) -> Response:
    """Make codes for candidates, and show them once, on a sheet to print.

    sure: "yes" to make a second code for a candidate who has an open one.
    """
    hub = hub_of(request)
    try:
        if expires_at and from_local(expires_at) is None:
            raise SettingError(NOT_A_DATE)
        with hub.database.read() as session:
            task, course = own_assignment(session, visitor, assignment_id)
            if task.mode != Mode.EXAM:
                raise SettingError("Only an exam has codes.")
        wanted = codes.candidates(labels.splitlines())
        drawn = codes.draw(hub, codes.CodeKind.EXAM, len(wanted))
        with hub.database.begin() as session:
            own_assignment(session, visitor, assignment_id)
            if sure != "yes":
                _check_first_codes(session, hub, task, wanted)
            made = codes.make_for_exam(
                session,
                hub,
                task,
                wanted,
                created_by=visitor.person_id,
                expires_at=from_local(expires_at),
                drawn=drawn,
            )
            audit.record(session, visitor, "make exam codes", task.id, str(len(made)))
    except NoAccess:
        raise
    except UsageError as error:
        asks = isinstance(error, _HasOpenCode) or sure == "yes"
        given = {"labels": labels, "expires_at": expires_at, "asks_sure": asks}
        return _codes_page(
            request, visitor, assignment_id, status=REFUSED, problem=str(error), given=given
        )
    return render(
        request,
        "code_sheet.html",
        visitor,
        codes=made,
        title=f"Codes for {task.title}",
        eyebrow=course.title,
        back=f"/assignments/{task.id}/codes",
        use="It lets you in once. When the debriefs are released, it opens yours.",
        address=hub.settings.public_url or f"{request.url.scheme}://{request.url.netloc}",
        sheet_place="courses",
    )


class _HasOpenCode(UsageError):
    """A candidate has an open code already."""


def _check_first_codes(session: Session, hub: Hub, task: Assignment, wanted: list[str]) -> None:
    """Raise UsageError when one of these candidates has a code of the exam that is open."""
    made = codes.of_assignment(session, task.id)
    reserved = reservations(session, hub, code_ids=[each.id for each in made])
    now = hub.now()
    having = {each.label.casefold() for each in made if codes.is_open(each, now, reserved)}
    twice = [label for label in wanted if label.casefold() in having]
    if twice:
        named = ", ".join(twice[:5]) + (" …" if len(twice) > 5 else "")
        raise _HasOpenCode(
            f"These candidates have an open code already: {named}. With two codes, the exam can be "
            "done twice. Revoke the first one, or tick below that you want another all the same."
        )


@router.post("/codes/{code_id}/free")
def free_code(request: Request, visitor: Educator, code_id: UUID) -> Response:
    """Open a code that a station has reserved which is cut off."""
    hub = hub_of(request)
    try:
        with hub.database.begin() as session:
            code, task = _own_code(session, visitor, code_id)
            freed = free(session, hub, code)
            audit.record(session, visitor, FREED, task.id, f"{code.label}: {freed.words}")
    except NoAccess:
        raise
    except UsageError as error:
        with hub.database.read() as session:
            _, task = _own_code(session, visitor, code_id)
        return _codes_page(request, visitor, task.id, status=REFUSED, problem=str(error))
    hub.stations.facts.forget()
    return go_to(f"/assignments/{task.id}/codes", "freed")


@router.post("/codes/{code_id}/accommodations")
def accommodate(
    request: Request,
    visitor: Educator,
    code_id: UUID,
    form: Annotated[OptionsForm, Form()],
) -> Response:
    """Set what is changed for the learner of a code."""
    with hub_of(request).database.read() as session:
        _, task = _own_code(session, visitor, code_id)
    try:
        given = parse_accommodations(form)
    except SettingError as error:
        return _codes_page(request, visitor, task.id, status=REFUSED, problem=str(error))
    with hub_of(request).database.begin() as session:
        code, _ = _own_code(session, visitor, code_id)
        codes.set_accommodations(code, given)
        words = accommodation_words(given) or "none"
        audit.record(session, visitor, "set accommodations", task.id, f"{code.label}: {words}")
    return go_to(f"/assignments/{task.id}/codes", "accommodated")


@router.post("/codes/{code_id}/revoke")
def revoke_code(request: Request, visitor: Educator, code_id: UUID) -> Response:
    """Withdraw a code of an exam. Whoever is signed in with it is signed out."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        code, task = _own_code(session, visitor, code_id)
        codes.revoke(session, hub, code)
        audit.record(session, visitor, "revoke exam code", task.id, code.label)
        return go_to(f"/assignments/{task.id}/codes", "revoked")


def _own_code(session: Session, visitor: Visitor, code_id: UUID) -> tuple[OneTimeCode, Assignment]:
    code = session.get(OneTimeCode, code_id)
    if code is None or code.assignment_id is None:
        raise UsageError("There is no such code.")
    return code, own_assignment(session, visitor, code.assignment_id)[0]
