"""Ways in: a password, an exam code, an invitation, and the first account of a hub."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy.orm import Session

from simvoice.errors import UsageError
from simvoice.hub import audit, codes, people
from simvoice.hub.codes import CodeKind
from simvoice.hub.doors import known_devices, sessions, throttle
from simvoice.hub.doors.access import Visitor, open_to_all
from simvoice.hub.doors.passwords import MOST
from simvoice.hub.doors.rates import SIGN_INS, network_of
from simvoice.hub.doors.throttle import TooManyTries
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.render import message, render
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Account
from simvoice.hub_client.code_hash import normal

router = APIRouter()

_WRONG = "The login or the password is wrong."
_LONGEST_LOGIN = 120

Everyone = Annotated[Visitor, open_to_all()]
Entering = Annotated[Visitor, open_to_all(rate=SIGN_INS)]
"""The visitor of a route that may hash a password."""


def own_path(given: str) -> str:
    """Return a path of this server, to go on to; "/" for anything that leads elsewhere."""
    is_path = given.startswith("/") and given[1:2] not in ("/", "\\")
    is_plain = given.isprintable() and given.isascii() and "\\" not in given
    return given if is_path and is_plain else "/"


def signed_in(
    request: Request, token: str, go_to: str = "/", person_id: UUID | None = None
) -> Response:
    """Return the answer that gives a browser its cookie. person_id: whom it is to remember."""
    hub = hub_of(request)
    answer = RedirectResponse(own_path(go_to), status_code=303)
    sessions.set_cookie(answer, hub, "session", token)
    sessions.drop_cookie(answer, hub, "visit")
    if person_id is not None:
        before = sessions.read_cookie(request, "device")
        sessions.set_cookie(answer, hub, "device", known_devices.add(hub.keys, before, person_id))
    return answer


def enter(
    session: Session, hub: Hub, visitor: Visitor, person: Account, action: str = "sign in"
) -> str:
    """Sign a person in within a transaction; return the value of the cookie."""
    if visitor.sign_in_id is not None:  # whoever used this browser before is signed out
        sessions.end_sign_in(session, visitor.sign_in_id)
    who = Visitor(person_id=person.id, login=person.login, address=visitor.address)
    audit.record(session, who, action)
    return sessions.begin_sign_in(session, hub, person_id=person.id)


# -- with a password


@router.get("/sign-in")
def sign_in_page(request: Request, visitor: Everyone, next: str = "/") -> Response:
    """Show the form."""
    return _sign_in_form(request, visitor, next)


def _sign_in_form(
    request: Request,
    visitor: Visitor,
    next: str,
    *,
    login: str = "",
    problem: str = "",
    status: int = 200,
) -> Response:
    openid = hub_of(request).settings.openid
    values = {"next": own_path(next), "login": login, "problem": problem}
    provider = openid.button if openid else ""
    return render(request, "sign_in.html", visitor, status=status, provider=provider, **values)


@router.post("/sign-in")
def sign_in(
    request: Request,
    visitor: Entering,
    login: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Sign in with a password."""
    hub = hub_of(request)
    cookie = sessions.read_cookie(request, "device")
    login, password = login[:_LONGEST_LOGIN], password[: MOST + 1]
    try:
        person = check_password(hub, visitor, login, password, cookie)
    except TooManyTries as error:
        answer = _sign_in_form(
            request, visitor, next, login=login, problem=str(error), status=error.status
        )
        answer.headers["retry-after"] = str(error.wait_s)
        return answer
    if person is None:
        return _sign_in_form(request, visitor, next, login=login, problem=_WRONG, status=403)
    with hub.database.begin() as session:
        token = enter(session, hub, visitor, person)
    return signed_in(request, token, next, person.id)


def check_password(
    hub: Hub, visitor: Visitor, login: str, password: str, device_cookie: str | None
) -> Account | None:
    """Return the person whose login and password these are; None for wrong ones.

    Takes as long, and writes as much, for accounts that do not exist. Raises TooManyTries.
    """
    with hub.database.read() as session:
        person = people.find(session, login)
    device = known_devices.find(hub.keys, device_cookie, person.id) if person else None
    address = network_of(visitor.address)
    account = (throttle.ACCOUNT, people.folded(login))
    limits = [account, (throttle.ADDRESS, address)]
    if device is not None:
        limits = [(throttle.DEVICE, device)]
    with hub.database.begin() as session:
        throttle.take(session, hub, *limits)
    can_enter = person is not None and person.disabled_at is None
    stored = person.password_hash if person is not None and can_enter else None
    if not hub.passwords.verify(stored, password):
        with hub.database.begin() as session:
            # a login that belongs to no account may be a password in the wrong field
            who = Visitor(login=person.login if person else "", address=visitor.address)
            audit.record(session, who, "fail to sign in")
        return None
    assert person is not None
    assert stored is not None
    with hub.database.begin() as session:
        throttle.forgive(session, hub, account, *((limits) if device is not None else ()))
        if device is None:
            throttle.give_back(session, hub, throttle.ADDRESS, address)
        if hub.passwords.is_old(stored):
            people.get(session, person.id).password_hash = hub.passwords.hash(password)
    return person


@router.post("/sign-out")
def sign_out(request: Request, visitor: Everyone) -> Response:
    """End this sign-in."""
    hub = hub_of(request)
    if visitor.sign_in_id is not None:
        with hub.database.begin() as session:
            sessions.end_sign_in(session, visitor.sign_in_id)
            audit.record(session, visitor, "sign out")
    answer = RedirectResponse("/sign-in", status_code=303)
    sessions.drop_cookie(answer, hub, "session")
    return answer


# -- with an exam code


@router.post("/sign-in/code")
def use_code(request: Request, visitor: Entering, code: Annotated[str, Form()] = "") -> Response:
    """Sign in with an exam code: once for the exam, and again to read a released debrief.

    The code of an invitation leads on to its form.
    """
    hub = hub_of(request)
    limit = (throttle.CODE, network_of(visitor.address))
    try:
        with hub.database.begin() as session:
            throttle.take(session, hub, limit)
        with hub.database.begin() as session:
            if codes.kind_of(session, hub, code) is CodeKind.INVITATION:
                codes.look_up(session, hub, CodeKind.INVITATION, code)
                throttle.give_back(session, hub, *limit)
                return RedirectResponse(f"/invitation?code={normal(code)}", status_code=303)
            found = codes.enter_exam(session, hub, code)
            throttle.give_back(session, hub, *limit)
            if visitor.sign_in_id is not None:
                sessions.end_sign_in(session, visitor.sign_in_id)
            token = sessions.begin_sign_in(session, hub, code_id=found.id)
            who = Visitor(code_id=found.id, login=f"code {found.label}", address=visitor.address)
            audit.record(session, who, "sign in", found.assignment_id or "")
    except UsageError as error:
        status = error.status if isinstance(error, TooManyTries) else 403
        return _sign_in_form(request, visitor, "/", problem=str(error), status=status)
    return signed_in(request, token)


# -- the first account, and invitations


@router.get("/setup")
def setup_page(request: Request, visitor: Everyone, code: str = "") -> Response:
    """Show the form for the first account, to someone with the address that the hub printed.

    When a hub has a technician, the address is of no use any more.
    """
    hub = hub_of(request)
    with hub.database.read() as session:
        if people.has_technician(session):
            if visitor.person_id is not None:
                return RedirectResponse("/", status_code=303)
            return message(request, visitor, 403, "This server is set up", _SET_UP)
        codes.look_up(session, hub, CodeKind.SETUP, code)
    return render(request, "setup.html", visitor, code=code, login="", name="", problem="")


_SET_UP = "It has its first account. Sign in, or ask the people who run it for an invitation."


@router.post("/setup")
def set_up(
    request: Request,
    visitor: Entering,
    code: Annotated[str, Form()] = "",
    login: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:
    """Make the first account, a technician who is also an educator, and sign in."""
    hub = hub_of(request)
    with hub.database.read() as session:
        if people.has_technician(session):
            return message(request, visitor, 403, "This server is set up", _SET_UP)
        codes.look_up(session, hub, CodeKind.SETUP, code)
    try:
        with hub.database.begin() as session:
            roles = (Role.TECHNICIAN, Role.EDUCATOR)
            person = people.add(
                session, hub, login=login, name=name, roles=roles, password=password
            )
            codes.redeem(session, hub, CodeKind.SETUP, code)
            token = enter(session, hub, visitor, person, "set up the hub")
    except UsageError as error:
        values = {"code": code, "login": login[:_LONGEST_LOGIN], "name": name[:200]}
        return render(request, "setup.html", visitor, status=403, problem=str(error), **values)
    return signed_in(request, token, "/", person.id)


@router.get("/invitation")
def invitation_page(request: Request, visitor: Everyone, code: str = "") -> Response:
    """Show the form for a password, to someone with the address of an invitation."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found = codes.look_up(session, hub, CodeKind.INVITATION, code)
        assert found.person_id is not None
        person = people.get(session, found.person_id)
    return render(request, "invitation.html", visitor, code=code, person=person, problem="")


@router.post("/invitation")
def accept_invitation(
    request: Request,
    visitor: Entering,
    code: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:
    """Set the password of an invited person, and sign in."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found = codes.look_up(session, hub, CodeKind.INVITATION, code)
        assert found.person_id is not None
        person = people.get(session, found.person_id)
    if person.disabled_at is not None:
        problem = "This account is disabled. Ask the people who run this hub."
        return message(request, visitor, 403, "That did not work", problem)
    try:
        with hub.database.begin() as session:
            codes.redeem(session, hub, CodeKind.INVITATION, code)
            invited = people.get(session, person.id)  # `person` stays as it is if this fails
            people.set_password(session, hub, invited, password)
            token = enter(session, hub, visitor, invited, "accept invitation")
    except UsageError as error:
        values = {"code": code, "person": person, "problem": str(error)}
        return render(request, "invitation.html", visitor, status=403, **values)
    return signed_in(request, token, "/", person.id)
