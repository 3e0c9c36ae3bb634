"""The pages of a sign-in at a provider, and which account belongs to whom."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.errors import SettingError, UsageError
from simvoice.hub import people
from simvoice.hub.doors import sessions
from simvoice.hub.doors.access import NoAccess, Visitor, open_to_all
from simvoice.hub.doors.openid import (
    ANSWER_PATH,
    Flow,
    Identity,
    OpenIdProvider,
    flow_cookie,
    read_flow,
)
from simvoice.hub.doors.sign_in import enter, own_path, signed_in
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.roles import Role
from simvoice.hub.settings import OpenIdSettings
from simvoice.hub.storage.tables import Account

router = APIRouter()

Everyone = Annotated[Visitor, open_to_all()]


def _provider(request: Request) -> OpenIdProvider:
    settings = hub_of(request).settings.openid
    if settings is None:
        raise UsageError("This server has no sign-in at another place.")
    state = request.app.state
    known: OpenIdProvider | None = getattr(state, "openid", None)
    if known is None or known.settings is not settings:
        known = state.openid = OpenIdProvider(settings, hub_of(request).keys)
    return known


def _redirect_uri(request: Request) -> str:
    given = hub_of(request).settings.public_url
    return (given or f"{request.url.scheme}://{request.url.netloc}") + ANSWER_PATH


@router.get("/sign-in/provider")
def begin(request: Request, visitor: Everyone, next: str = "/") -> Response:
    """Send the browser to the provider."""
    hub = hub_of(request)
    flow = Flow(sessions.new_secret(), int(hub.now().timestamp()), own_path(next))
    answer = RedirectResponse(
        _provider(request).begin(flow, _redirect_uri(request)), status_code=303
    )
    sessions.set_cookie(answer, hub, "provider", flow_cookie(hub.keys, flow))
    return answer


@router.get(ANSWER_PATH)
def end(request: Request, visitor: Everyone) -> Response:
    """Sign in whom the provider names."""
    hub = hub_of(request)
    cookie = sessions.read_cookie(request, "provider")
    flow = read_flow(hub.keys, cookie, hub.now().timestamp())
    provider = _provider(request)
    identity = provider.finish(flow, request.query_params, _redirect_uri(request))
    with hub.database.begin() as session:
        person = person_of(session, hub, provider.settings, identity)
        token = enter(session, hub, visitor, person)
        person_id = person.id
    answer = signed_in(request, token, flow.go_to, person_id)
    sessions.drop_cookie(answer, hub, "provider")
    return answer


def roles_of(settings: OpenIdSettings, identity: Identity) -> frozenset[Role]:
    """Return the roles that a person has through the groups of the provider."""
    found = set(settings.everyone)
    for group in identity.groups:
        found |= set(settings.roles.get(group, ()))
    return frozenset(found)


def person_of(session: Session, hub: Hub, settings: OpenIdSettings, identity: Identity) -> Account:
    """Return the account of an identity, with the roles that the provider gives it now.

    Only issuer and subject link an account: a login or an address can go to another person. So
    someone with a local account of the same name gets a second one. Raises NoAccess for a person
    without a role here, and for a disabled one.
    """
    roles = roles_of(settings, identity)
    if not roles:
        raise NoAccess(
            f"Your account of {urlsplit(identity.issuer).hostname} has no role on this server. Ask "
            "the people who run it.",
            403,
        )
    person = session.scalar(
        select(Account).where(
            Account.issuer == identity.issuer, Account.subject == identity.subject
        )
    )
    if person is None:
        login = _free_login(session, hub, identity)
        person = people.add(session, hub, login=login, name=identity.name or login, roles=roles)
        person.issuer, person.subject = identity.issuer, identity.subject
        return person
    if person.disabled_at is not None:
        raise NoAccess("This account is disabled. Ask the people who run this server.", 403)
    person.name = identity.name or person.name
    if people.roles_of(person) != roles:
        try:
            people.set_roles(session, person, roles)
        except UsageError:  # the last technician stays one
            people.set_roles(session, person, roles | {Role.TECHNICIAN})
    return person


def _free_login(session: Session, hub: Hub, identity: Identity) -> str:
    """Return a login that nobody has: what the person is called at the provider, if it is free."""
    host = urlsplit(identity.issuer).hostname or "provider"
    tail = hub.keys.sign("login", f"{identity.issuer} {identity.subject}")[:8]
    wanted = identity.login.replace(" ", ".")[:60]
    for login in (wanted, f"{wanted}@{host}"[:120], f"{wanted}-{tail}", f"person-{tail}"):
        try:
            if people.find(session, people.normal_login(login)) is None:
                return login
        except UsageError:  # no login at all
            continue
    raise SettingError("This person cannot be given a login; tell the people who run this server.")
