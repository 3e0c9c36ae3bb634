"""Own words before a debrief: a learner writes about moments of an own attempt.

The page is that of the learner's own program; its form works without scripts, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import FormData

from simvoice.errors import AttemptError, UsageError
from simvoice.hub import additions, attempts, briefs, retries
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.pages.common import REFUSED, Learner, account_of, go_to
from simvoice.hub.render import render
from simvoice.record.reflection import (
    QUESTIONS,
    REFLECTION,
    ReflectedMoment,
    ReflectionField,
    end_reflection,
    save_text,
)
from simvoice.record.store import Attempt
from simvoice.web.pages import DebriefCache
from simvoice.web.reflection import (
    SentText,
    answer_to_text,
    moments_due,
    reflection_page,
    save_sent,
)

router = APIRouter()

Due = tuple[ReflectedMoment, ...]


def due_moments(request: Request, attempt: Attempt) -> Due:
    """Return the moments that the learner of an opened attempt writes about before its debrief."""
    cache: DebriefCache = request.app.state.debriefs
    return moments_due(attempt, lambda: cache.reading(attempt))


def _check_own(hub: Hub, visitor: Visitor, attempt_id: UUID) -> None:
    with hub.database.read() as session:
        retries.own_attempt(session, account_of(visitor), attempt_id)


@contextmanager
def _adding(request: Request, attempt_id: UUID) -> Iterator[tuple[Attempt, Due]]:
    """Yield an attempt and its moments; what the block writes of a reflection is kept."""
    with additions.adding(hub_of(request), attempt_id, REFLECTION) as attempt:
        yield attempt, due_moments(request, attempt)


@router.get("/attempts/{attempt_id}/reflect")
def reflect(request: Request, visitor: Learner, attempt_id: UUID, moment: int = 1) -> Response:
    """Show one moment; the debrief when it was shown before. moment: its number, from 1."""
    _check_own(hub_of(request), visitor, attempt_id)
    return _page(request, visitor, attempt_id, moment)


def _page(
    request: Request,
    visitor: Visitor,
    attempt_id: UUID,
    number: int,
    *,
    problem: str = "",
    given: Mapping[ReflectionField, str] | None = None,
) -> Response:
    cache: DebriefCache = request.app.state.debriefs
    with attempts.opened(hub_of(request), attempt_id) as attempt:
        moments = due_moments(request, attempt)
        if not moments:
            return go_to(f"/attempts/{attempt_id}")
        page = reflection_page(
            attempt, cache.reading(attempt), moments, number, named=str(attempt_id)
        )
    status = REFUSED if problem else 200
    return render(
        request, "reflect.html", visitor, status=status, page=page, problem=problem, given=given
    )


@router.post("/attempts/{attempt_id}/reflect")
async def go_on(request: Request, visitor: Learner, attempt_id: UUID, moment: int = 1) -> Response:
    """Keep what the form of one moment holds, and go on. Without scripts, browsers send it."""
    form = await request.form()
    return await run_in_threadpool(_keep_form, request, visitor, attempt_id, moment, form)


def _keep_form(
    request: Request, visitor: Visitor, attempt_id: UUID, number: int, form: FormData
) -> Response:
    hub = hub_of(request)
    _check_own(hub, visitor, attempt_id)
    texts = {name: _text(form, name) for name in QUESTIONS}
    go = _text(form, "go")
    try:
        with _adding(request, attempt_id) as (attempt, moments):
            number = max(1, min(number, len(moments)))
            for name, text in texts.items():
                before = _text(form, f"before-{name}")
                at_s = moments[number - 1].at_s if moments else -1.0
                save_text(attempt.folder, moments, at_s, name, text, before, hub.now())
            if go == "end":
                end_reflection(attempt.folder, moments, hub.now())
    except AttemptError:
        raise
    except UsageError as error:
        return _page(request, visitor, attempt_id, number, problem=str(error), given=texts)
    if go == "end":
        _note_end(hub, attempt_id)
        return go_to(f"/attempts/{attempt_id}")
    return go_to(f"/attempts/{attempt_id}/reflect?moment={number + (-1 if go == 'back' else 1)}")


def _text(form: FormData, name: str) -> str:
    found = form.get(name)
    return found if isinstance(found, str) else ""


@router.put("/attempts/{attempt_id}/reflection")
def save(request: Request, visitor: Learner, attempt_id: UUID, sent: SentText) -> JSONResponse:
    """Save one text while it is typed."""
    hub = hub_of(request)
    _check_own(hub, visitor, attempt_id)

    def save_it() -> str:
        with _adding(request, attempt_id) as (attempt, moments):
            return save_sent(attempt.folder, moments, sent, hub.now())

    return answer_to_text(save_it)


@router.post("/attempts/{attempt_id}/reflection/end")
def end(request: Request, visitor: Learner, attempt_id: UUID) -> JSONResponse:
    """Let the debrief be shown from now on."""
    hub = hub_of(request)
    _check_own(hub, visitor, attempt_id)
    with attempts.opened(hub, attempt_id) as attempt:
        is_due = bool(due_moments(request, attempt))
    if is_due:
        with _adding(request, attempt_id) as (attempt, moments):
            end_reflection(attempt.folder, moments, hub.now())
        _note_end(hub, attempt_id)
    return JSONResponse({"ended": str(attempt_id)})


def _note_end(hub: Hub, attempt_id: UUID) -> None:
    with hub.database.begin() as session:
        briefs.note_reflected(session, attempt_id)
