"""A learner's own words about an attempt: answers to an assignment's questions, and objections."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from simvoice.debrief.items import object_to, withdraw
from simvoice.errors import AttemptError, UsageError
from simvoice.hub import additions, audit, begun, codes, releases, retries
from simvoice.hub.assignment_options import accommodations_of, options_of
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.pages.common import Learner, Talker, account_of, go_to
from simvoice.hub.render import render
from simvoice.hub.storage.tables import Assignment, StoredAttempt
from simvoice.hub_client.station_messages import Drill
from simvoice.record.answers import ANSWERS, LONGEST_ANSWER, OwnAnswer, OwnAnswers, write_answers
from simvoice.record.ratings import OBJECTIONS
from simvoice.safe_text import encodable
from simvoice.strict_model import StrictModel

router = APIRouter()

GRACE = timedelta(seconds=60)
"""What is sent so long after the end of the time is kept: a page sends it by itself at the end."""

_MOST_BYTES = 2_000_000
"""Of a form: ten answers of the longest kind, in a script that takes nine bytes a character."""
_OVER = "The time for these questions is over."


# -- questions after an encounter


@dataclass(frozen=True, slots=True)
class DueQuestions:
    """Questions that a learner has not answered yet."""

    questions: tuple[str, ...]
    until: datetime


def due_questions(session: Session, hub: Hub, attempt: StoredAttempt) -> DueQuestions | None:
    """Return the questions of an attempt that can be answered now; None without any.

    Their time begins when the record is kept, which is when the page shows them.
    """
    if attempt.assignment_id is None or any(each.name == ANSWERS for each in attempt.files):
        return None
    task = session.get(Assignment, attempt.assignment_id)
    if task is None or attempt.origin != "hub":
        return None
    options = options_of(task)
    code = codes.get(session, attempt.code_id) if attempt.code_id is not None else None
    factor = accommodations_of(options, code).time_factor
    if options.drill is not None and _has_more_tries(session, hub, attempt, options.drill, factor):
        return None
    until = attempt.received_at + timedelta(seconds=options.questions_s * factor)
    if not options.questions or hub.now() >= until + GRACE:
        return None
    return DueQuestions(options.questions, until)


def _has_more_tries(
    session: Session, hub: Hub, attempt: StoredAttempt, drill: Drill, factor: float
) -> bool:
    """Return True between two tries of a drill: its questions come after the last one."""
    task = attempt.assignment_id
    assert task is not None
    times = begun.moments(session, [task], person_id=attempt.owner_id, code_id=attempt.code_id)[
        task
    ]
    return begun.present_round(times, drill, factor, hub.now()) is not None


def _own(session: Session, visitor: Visitor, attempt_id: UUID) -> StoredAttempt:
    """Return an own attempt, also one of an exam. Raises UsageError for another's."""
    opening = releases.opening(
        session, attempt_id, person_id=visitor.person_id, code_id=visitor.code_id
    )
    found = session.get(StoredAttempt, attempt_id)
    if opening is None or found is None or not opening.is_owner:
        raise UsageError("You have no such attempt. It may have been erased.")
    return found


@router.get("/attempts/{attempt_id}/questions")
def questions_page(request: Request, visitor: Talker, attempt_id: UUID) -> Response:
    """Ask the questions of an assignment after its encounter."""
    hub = hub_of(request)
    with hub.database.read() as session:
        attempt = _own(session, visitor, attempt_id)
        due = due_questions(session, hub, attempt)
        if due is None:
            return go_to(f"/attempts/{attempt_id}")
        left_s = max(0.0, (due.until - hub.now()).total_seconds())
        return render(
            request,
            "questions.html",
            visitor,
            attempt=attempt,
            questions=due.questions,
            left_s=left_s,
            longest=LONGEST_ANSWER,
        )


@router.post("/attempts/{attempt_id}/questions", max_body_size=_MOST_BYTES)
async def answer(request: Request, visitor: Talker, attempt_id: UUID) -> Response:
    """Keep the learner's answers with the attempt."""
    form = await request.form()
    return await run_in_threadpool(_keep_answers, hub_of(request), visitor, attempt_id, form)


def _keep_answers(hub: Hub, visitor: Visitor, attempt_id: UUID, form: FormData) -> Response:
    now = hub.now()
    with hub.database.read() as session:
        due = due_questions(session, hub, _own(session, visitor, attempt_id))
    if due is None:
        raise UsageError(_OVER)
    typed = [_typed(form, f"answer-{number}") for number in range(len(due.questions))]
    with additions.adding(hub, attempt_id, ANSWERS) as attempt:
        answers = [
            OwnAnswer(
                question=question,
                answer=text,
                written_at=now.astimezone().isoformat(timespec="seconds") if text else "",
            )
            for question, text in zip(due.questions, typed, strict=True)
        ]
        write_answers(attempt.folder, OwnAnswers(answers=tuple(answers)))
    with hub.database.begin() as session:
        audit.record(session, visitor, "answer questions", attempt_id)
    return go_to(f"/attempts/{attempt_id}")


def _typed(form: FormData, name: str) -> str:
    text = form.get(name)
    return encodable(text.strip())[:LONGEST_ANSWER] if isinstance(text, str) else ""


# -- objections to a debrief


class ObjectionSent(StrictModel):
    """What a learner says is wrong in a debrief."""

    item: Annotated[str, Field(max_length=200)]
    why: Annotated[str, Field(max_length=4000)]


@router.post("/attempts/{attempt_id}/objections")
def add_objection(
    request: Request, visitor: Learner, attempt_id: UUID, sent: ObjectionSent
) -> JSONResponse:
    """Keep an objection with an own attempt. Returns its number and its text."""
    hub = hub_of(request)
    _check_may_object(hub, visitor, attempt_id)
    try:
        with additions.adding(hub, attempt_id, OBJECTIONS) as attempt:
            why = encodable(sent.why)
            objection = object_to(attempt, sent.item, why, hub.now().astimezone())
    except AttemptError:
        raise
    except UsageError as error:
        return JSONResponse({"message": str(error)}, status_code=422)
    return JSONResponse(objection.model_dump(), status_code=201)


@router.delete("/attempts/{attempt_id}/objections/{number}")
def withdraw_objection(
    request: Request, visitor: Learner, attempt_id: UUID, number: int
) -> JSONResponse:
    """Withdraw an objection."""
    hub = hub_of(request)
    _check_may_object(hub, visitor, attempt_id)
    with additions.adding(hub, attempt_id, OBJECTIONS) as attempt:
        withdraw(attempt, number, hub.now().astimezone())
    return JSONResponse({"withdrawn": number})


def _check_may_object(hub: Hub, visitor: Visitor, attempt_id: UUID) -> None:
    with hub.database.read() as session:
        retries.own_attempt(session, account_of(visitor), attempt_id)
