"""Learners' cards: technicians print them, and each learner can renew the own one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from simvoice.errors import UsageError
from simvoice.hub import codes, people
from simvoice.hub.codes import CodeKind
from simvoice.hub.doors.access import Visitor, allow
from simvoice.hub.doors.rates import CODES
from simvoice.hub.hub import hub_of
from simvoice.hub.pages.common import REFUSED, Technician, account_of
from simvoice.hub.render import render
from simvoice.hub.roles import Role
from simvoice.hub.stations import cards

router = APIRouter()


@router.get("/stations/cards")
def cards_page(request: Request, visitor: Technician) -> Response:
    """Show the form for cards."""
    return _page(request, visitor)


def _page(request: Request, visitor: Visitor, problem: str = "", logins: str = "") -> Response:
    return render(
        request,
        "learner_cards.html",
        visitor,
        status=REFUSED if problem else 200,
        most=codes.MOST_AT_ONCE,
        problem=problem,
        logins=logins,
    )


@router.post("/stations/cards")
def print_cards(
    request: Request,
    visitor: Annotated[Visitor, allow(Role.TECHNICIAN, rate=CODES)],
    whose: Annotated[str, Form()] = "named",
    logins: Annotated[str, Form()] = "",
) -> Response:
    """Make cards and show them once, on a sheet to print. Earlier cards of these learners end."""
    hub = hub_of(request)
    try:
        with hub.database.read() as session:
            count = len(
                cards.without_card(session, hub)
                if whose == "all"
                else cards.learners(session, logins.splitlines())
            )
        drawn = codes.draw(hub, CodeKind.LEARNER, count)  # slow: before the transaction
        with hub.database.begin() as session:
            found = (
                cards.without_card(session, hub)
                if whose == "all"
                else cards.learners(session, logins.splitlines())
            )
            made = [
                cards.renew_card(session, hub, visitor, person, one)
                for person, one in zip(found, drawn, strict=False)
            ]
    except UsageError as error:
        return _page(request, visitor, str(error), logins)
    return _sheet(request, visitor, made, "Learners’ cards", "/stations/cards", "stations")


@router.post("/account/card")
def renew_own_card(
    request: Request, visitor: Annotated[Visitor, allow(Role.LEARNER, rate=CODES)]
) -> Response:
    """Make a card for the learner, and show it once. The earlier one ends."""
    hub = hub_of(request)
    (drawn,) = codes.draw(hub, CodeKind.LEARNER)
    with hub.database.begin() as session:
        person = people.get(session, account_of(visitor))
        made = cards.renew_card(session, hub, visitor, person, drawn)
    return _sheet(request, visitor, [made], "Your card for stations", "/account", "account")


def _sheet(
    request: Request,
    visitor: Visitor,
    made: list[codes.NewCode],
    title: str,
    back: str,
    place: str,
) -> Response:
    return render(
        request,
        "code_sheet.html",
        visitor,
        codes=made,
        title=title,
        eyebrow="Stations",
        back=back,
        where="Type this code at a station.",
        use="It works again and again, and says whose an attempt is. It opens no page.",
        sheet_place=place,
    )
