"""A person's own account: password, and the browsers that are signed in."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from simvoice.errors import UsageError
from simvoice.hub import audit, people
from simvoice.hub.doors import sessions, throttle
from simvoice.hub.doors.access import NoAccess, SignedIn, Visitor, allow
from simvoice.hub.doors.passwords import MOST
from simvoice.hub.doors.rates import PASSWORDS
from simvoice.hub.hub import hub_of
from simvoice.hub.render import render
from simvoice.hub.stations import cards

router = APIRouter(prefix="/account")


@router.get("")
def account(request: Request, visitor: SignedIn) -> Response:
    """Show the account."""
    return _page(request, visitor)


def _page(request: Request, visitor: Visitor, problem: str = "", said: str = "") -> Response:
    hub = hub_of(request)
    assert visitor.person_id is not None
    with hub.database.read() as session:
        person = people.get(session, visitor.person_id)
        sign_ins = sessions.sign_ins_of(session, hub, person.id)
        card = cards.card_of(session, hub, person.id)
    values = {"person": person, "sign_ins": sign_ins, "problem": problem, "said": said}
    values["card"] = card
    return render(request, "account.html", visitor, status=403 if problem else 200, **values)


@router.post("/password")
def change_password(
    request: Request,
    visitor: Annotated[Visitor, allow(rate=PASSWORDS)],
    old: Annotated[str, Form()] = "",
    new: Annotated[str, Form()] = "",
) -> Response:
    """Change the password. Other browsers of the person are signed out."""
    hub = hub_of(request)
    assert visitor.person_id is not None
    limit = (throttle.DEVICE, f"password of {visitor.person_id}")
    try:
        with hub.database.begin() as session:
            throttle.take(session, hub, limit)
            stored = people.get(session, visitor.person_id).password_hash
        if not hub.passwords.verify(stored, old[: MOST + 1]):
            raise NoAccess("The present password is wrong.", 403)
        with hub.database.begin() as session:
            person = people.get(session, visitor.person_id)
            people.set_password(session, hub, person, new, but=visitor.sign_in_id)
            throttle.forgive(session, hub, limit)
            audit.record(session, visitor, "change password")
    except UsageError as error:
        return _page(request, visitor, problem=str(error))
    return _page(request, visitor, said="Your password is changed. Other browsers are signed out.")


@router.post("/sign-ins/{sign_in_id}/end")
def end_one(request: Request, visitor: SignedIn, sign_in_id: UUID) -> Response:
    """Sign another browser of the person out."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        sessions.end_sign_in(session, sign_in_id, visitor.person_id)
        audit.record(session, visitor, "end sign-in")
    return RedirectResponse("/account", status_code=303)


@router.post("/sign-out-everywhere")
def end_all(request: Request, visitor: SignedIn) -> Response:
    """Sign every browser of the person out, this one too."""
    hub = hub_of(request)
    assert visitor.person_id is not None
    with hub.database.begin() as session:
        sessions.end_sign_ins(session, visitor.person_id)
        audit.record(session, visitor, "sign out everywhere")
    answer = RedirectResponse("/sign-in", status_code=303)
    sessions.drop_cookie(answer, hub, "session")
    return answer
