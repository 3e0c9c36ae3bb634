"""Write a remark at a second of a released attempt, and take it back."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from simvoice.display import clock
from simvoice.errors import UsageError
from simvoice.hub import audit, remarks
from simvoice.hub.hub import hub_of
from simvoice.hub.pages.attempts import NOT_THERE, attempt_page, may_open
from simvoice.hub.pages.common import REFUSED, Educator, account_of, go_to

router = APIRouter()


@router.post("/attempts/{attempt_id}/remarks")
def write_remark(
    request: Request,
    visitor: Educator,
    attempt_id: UUID,
    at: Annotated[str, Form()] = "",
    text: Annotated[str, Form()] = "",
) -> Response:
    """Write a remark to the learner of an attempt whose words are released to the visitor."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found = may_open(session, visitor, attempt_id)
    if found.opening.is_owner or not found.contents.holds_words:
        raise UsageError(NOT_THERE)
    try:
        at_s = remarks.parse_moment(at, found.row.duration_s)
        with hub.database.begin() as session:
            may_open(session, visitor, attempt_id)  # it may have been revoked a moment ago
            remarks.write(session, attempt_id, account_of(visitor), at_s, text, hub.now())
            audit.record(session, visitor, "write remark", attempt_id, f"at {clock(at_s)}")
    except UsageError as error:
        given = {"at": at[:20], "text": text[: 2 * remarks.LONGEST_REMARK]}
        return attempt_page(
            request, visitor, attempt_id, status=REFUSED, problem=str(error), given=given
        )
    return go_to(f"/attempts/{attempt_id}?done=remarked#remarks")


@router.post("/remarks/{remark_id}/withdraw")
def withdraw_remark(request: Request, visitor: Educator, remark_id: UUID) -> Response:
    """Take an own remark back, also when the attempt is not released any more."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        found = remarks.withdraw(session, remark_id, account_of(visitor))
        audit.record(session, visitor, "withdraw remark", found.attempt_id)
    with hub.database.read() as session:
        try:
            may_open(session, visitor, found.attempt_id)
        except UsageError:
            return go_to("/courses")
    return go_to(f"/attempts/{found.attempt_id}?done=withdrawn#remarks")
