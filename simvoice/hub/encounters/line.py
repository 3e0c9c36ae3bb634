"""The WebSocket of an encounter on the hub, and what a waiting page asks.

The protocol of the line is that of `web.line`. The hello names a case, which must be the one that
is offered; its `token` is that of the hub's pages.
"""

from __future__ import annotations

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, WebSocket
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.requests import Request

from simvoice.debrief.retry import CheckpointRef
from simvoice.hub import assignments, retries
from simvoice.hub.doors.access import NoAccess, Visitor, allow
from simvoice.hub.doors.rates import BEGINNINGS
from simvoice.hub.encounters.admission import EncounterWish
from simvoice.hub.encounters.pool import TalkerState
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.roles import Role
from simvoice.strict_model import StrictModel
from simvoice.web.encounters import Outbox
from simvoice.web.line import browser_line, converse, read_hello, refuse_busy

router = APIRouter()

Speaker = Annotated[Visitor, allow(Role.LEARNER, codes=True)]
"""Who talks with patients: learners, and candidates with an exam code."""
Beginning = Annotated[Visitor, allow(Role.LEARNER, codes=True, rate=BEGINNINGS)]


class RetryWish(StrictModel):
    """A checkpoint of an own attempt."""

    attempt: UUID
    turn: int = Field(ge=0, le=100_000)


class Wish(StrictModel):
    """What someone joins the queue for."""

    case: str = Field(default="", max_length=100)
    """For practice; empty with an assignment or a retry, which name the case."""
    assignment: UUID | None = None
    retry: RetryWish | None = None


@router.get("/encounters/place")
def place(request: Request, visitor: Speaker) -> JSONResponse:
    """Return how the visitor stands. A waiting page asks every few seconds, and keeps its place."""
    return _answer(hub_of(request).encounters.state_for(visitor))


@router.post("/encounters/place")
def join(request: Request, visitor: Beginning, wish: Wish) -> JSONResponse:
    """Join the queue for a case or an assignment."""
    hub = hub_of(request)
    case_id, wished = _checked(hub, visitor, wish)
    return _answer(hub.encounters.join(visitor, case_id, wished))


@router.post("/encounters/place/leave")
def leave(request: Request, visitor: Speaker) -> JSONResponse:
    """Leave the queue."""
    hub = hub_of(request)
    hub.encounters.leave(visitor)
    return _answer(hub.encounters.state_for(visitor))


@router.websocket("/encounters/line")
async def talk(socket: WebSocket, visitor: Beginning) -> None:
    """Run the encounter that is offered to the visitor. The guard has checked Host and Origin."""
    await socket.accept()
    hello = await read_hello(socket, visitor.csrf)
    if hello is None:
        return
    encounters = hub_of(socket).encounters
    outbox = Outbox(asyncio.get_running_loop())
    line = browser_line(hello, outbox)
    running = await run_in_threadpool(encounters.begin, visitor, hello.case, line, outbox)
    if isinstance(running, str):
        await refuse_busy(socket, running)
        return
    await converse(socket, line, running, outbox)


def _checked(hub: Hub, visitor: Visitor, wish: Wish) -> tuple[str, EncounterWish]:
    """Return the case that is wished, and how. Raises NoAccess, and UsageError with the reason."""
    if visitor.code_id is not None:
        if wish.assignment is None:
            raise NoAccess("Your code is for one encounter. Begin from its page.", 403)
        if visitor.assignment_id != wish.assignment:
            raise NoAccess("Your code is for another encounter.", 403)
    with hub.database.read() as session:
        if wish.retry is not None:
            attempt = retries.own_attempt(session, visitor.person_id, wish.retry.attempt)
            retry = CheckpointRef(attempt.record_id, wish.retry.turn)
            return attempt.case_id, EncounterWish(retry=retry)
        if wish.assignment is None:
            return wish.case, EncounterWish()
        found = assignments.check_may_begin(
            session,
            wish.assignment,
            hub.now(),
            person_id=visitor.person_id,
            code_id=visitor.code_id,
        )
        return found.assignment.case_id, EncounterWish(wish.assignment)


def _answer(state: TalkerState) -> JSONResponse:
    return JSONResponse(
        {
            "standing": state.standing,
            "sentence": state.sentence,
            "case": state.case_id,
            "wish": state.wish.key,
            "ahead": state.ahead,
            "estimate_s": state.estimate_s,
            "take_within_s": state.take_within_s,
        }
    )
