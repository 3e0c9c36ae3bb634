"""Pages of technicians: accounts, roles and invitations."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from simvoice.errors import UsageError
from simvoice.hub import audit, codes, people
from simvoice.hub.codes import CodeKind
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.pages.common import PAGE_ROWS, Technician, go_to, slice_of
from simvoice.hub.render import render
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import Account

router = APIRouter()

_REFUSED = 422
_MOST_PAGES = 10_000

_DONE = {
    "roles": "The roles are saved. They hold from the person's next click.",
    "disabled": "The person is signed out everywhere and cannot sign in.",
    "enabled": "The person can sign in again.",
}


@router.get("/people")
def all_people(
    request: Request, visitor: Technician, find: str = "", page: int = 0, done: str = ""
) -> Response:
    """List accounts by name, and show a form for a new one."""
    return _people_page(request, visitor, find=find, page=page, done=_DONE.get(done, ""))


def _people_page(
    request: Request,
    visitor: Visitor,
    *,
    status: int = 200,
    problem: str = "",
    given: dict[str, Any] | None = None,
    find: str = "",
    page: int = 0,
    done: str = "",
) -> Response:
    page = min(max(page, 0), _MOST_PAGES)
    find = find.strip()[:120]
    with hub_of(request).database.read() as session:
        asked = select(Account).order_by(func.lower(Account.name), Account.login)
        if find:
            asked = asked.where(
                Account.name.icontains(find, autoescape=True)
                | Account.login.icontains(find, autoescape=True)
            )
        rows = session.scalars(asked.limit(PAGE_ROWS + 1).offset(page * PAGE_ROWS)).all()
        shown = slice_of(rows, page, "/people", find)
        return render(
            request,
            "people.html",
            visitor,
            status=status,
            people=shown.rows,
            later=shown.later,
            earlier=shown.earlier,
            total=session.scalar(select(func.count()).select_from(Account)) or 0,
            find=find,
            roles=list(Role),
            given={"name": "", "login": "", "roles": [Role.LEARNER], **(given or {})},
            problem=problem,
            done=done,
        )


@router.post("/people")
def invite(
    request: Request,
    visitor: Technician,
    name: Annotated[str, Form()] = "",
    login: Annotated[str, Form()] = "",
    roles: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Make an account, and show the code with which its owner chooses a password."""
    hub = hub_of(request)
    try:
        wanted = _roles(roles)
        with hub.database.begin() as session:
            person = people.add(session, hub, login=login, name=name, roles=wanted)
            audit.record(session, visitor, "make account", person.id, _listed(wanted))
            return _invitation(request, visitor, session, hub, person)
    except UsageError as error:
        given = {"name": name[:200], "login": login[:120], "roles": roles or []}
        return _people_page(request, visitor, status=_REFUSED, problem=str(error), given=given)


def _roles(given: list[str] | None) -> frozenset[Role]:
    try:
        return frozenset(Role(each) for each in given or ())
    except ValueError:
        raise UsageError("Choose roles from the list.") from None


def _listed(roles: frozenset[Role]) -> str:
    return ", ".join(sorted(roles)) or "no role"


def _invitation(
    request: Request, visitor: Visitor, session: Session, hub: Hub, person: Account
) -> Response:
    codes.revoke_open(session, hub, kind=CodeKind.INVITATION, person_id=person.id)
    made = codes.make(
        session,
        hub,
        CodeKind.INVITATION,
        person_id=person.id,
        label=person.name[:120],
        created_by=visitor.person_id,
    )
    audit.record(session, visitor, "make invitation", person.id)
    return render(
        request,
        "code_sheet.html",
        visitor,
        codes=[made],
        title=f"Invitation for {person.name}",
        eyebrow=f"Login: {person.login}",
        back=f"/people/{person.id}",
        use="It works once. You then choose a password.",
        address=hub.settings.public_url or f"{request.url.scheme}://{request.url.netloc}",
        sheet_place="people",
    )


@router.get("/people/{person_id}")
def one_person(request: Request, visitor: Technician, person_id: UUID, done: str = "") -> Response:
    """Show an account."""
    return _person_page(request, visitor, person_id, done=_DONE.get(done, ""))


def _person_page(
    request: Request,
    visitor: Visitor,
    person_id: UUID,
    *,
    status: int = 200,
    problem: str = "",
    done: str = "",
) -> Response:
    with hub_of(request).database.read() as session:
        person = people.get(session, person_id)
        return render(
            request,
            "person.html",
            visitor,
            status=status,
            person=person,
            roles=list(Role),
            person_roles=people.roles_of(person),
            problem=problem,
            done=done,
        )


@router.post("/people/{person_id}/roles")
def set_roles(
    request: Request,
    visitor: Technician,
    person_id: UUID,
    roles: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Give a person these roles and no others."""
    try:
        wanted = _roles(roles)
        with hub_of(request).database.begin() as session:
            people.set_roles(session, people.get(session, person_id), wanted)
            audit.record(session, visitor, "set roles", person_id, _listed(wanted))
    except UsageError as error:
        return _person_page(request, visitor, person_id, status=_REFUSED, problem=str(error))
    return go_to(f"/people/{person_id}", "roles")


@router.post("/people/{person_id}/invite")
def invite_again(request: Request, visitor: Technician, person_id: UUID) -> Response:
    """Show a new code for a password. Earlier ones do not work any more."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        person = people.get(session, person_id)
        if person.issuer is not None:
            raise UsageError("This person signs in at the provider and has no password here.")
        return _invitation(request, visitor, session, hub, person)


@router.post("/people/{person_id}/disable")
def disable(request: Request, visitor: Technician, person_id: UUID) -> Response:
    """Let a person in no more."""
    hub = hub_of(request)
    try:
        with hub.database.begin() as session:
            people.disable(session, people.get(session, person_id), hub.now())
            audit.record(session, visitor, "disable account", person_id)
    except UsageError as error:
        return _person_page(request, visitor, person_id, status=_REFUSED, problem=str(error))
    return go_to(f"/people/{person_id}", "disabled")


@router.post("/people/{person_id}/enable")
def enable(request: Request, visitor: Technician, person_id: UUID) -> Response:
    """Let a disabled person in again."""
    with hub_of(request).database.begin() as session:
        people.enable(people.get(session, person_id))
        audit.record(session, visitor, "enable account", person_id)
    return go_to(f"/people/{person_id}", "enabled")
