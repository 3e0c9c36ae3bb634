"""The audit trail, as a page and as a file. An educator sees what is about their courses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from simvoice.errors import UsageError
from simvoice.hub import audit
from simvoice.hub.audit import AuditFilter
from simvoice.hub.doors.access import Visitor, allow
from simvoice.hub.doors.rates import EXPORTS
from simvoice.hub.hub import hub_of
from simvoice.hub.pages.common import PAGE_ROWS, slice_of
from simvoice.hub.render import render
from simvoice.hub.roles import Role

router = APIRouter()

Auditor = Annotated[Visitor, allow(Role.TECHNICIAN, Role.EDUCATOR)]

_MOST_PAGES = 100_000
_LONGEST = 120
"""Characters of the text that is searched for."""


@router.get("/audit")
def audit_page(
    request: Request,
    visitor: Auditor,
    find: str = "",
    page: int = 0,
) -> Response:
    """List who did or opened what, the newest first."""
    page = min(max(page, 0), _MOST_PAGES)
    find = find.strip()[:_LONGEST]
    with hub_of(request).database.read() as session:
        wanted = audit.filter_for(session, visitor, AuditFilter(text=find))
        rows = audit.entries(session, wanted, first=page * PAGE_ROWS, most=PAGE_ROWS + 1)
        shown = slice_of(rows, page, "/audit", find)
        return render(
            request,
            "audit.html",
            visitor,
            entries=shown.rows,
            later=shown.later,
            earlier=shown.earlier,
            find=find,
        )


@router.get("/audit.csv")
def audit_csv(
    request: Request,
    visitor: Annotated[Visitor, allow(Role.TECHNICIAN, Role.EDUCATOR, rate=EXPORTS)],
    find: str = "",
    action: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Response:
    """Send the entries that the visitor may see as CSV. since, until: with a time zone."""
    if any(one is not None and one.tzinfo is None for one in (since, until)):
        raise UsageError("Give a time with its time zone, such as 2026-11-29T08:00:00Z.")
    hub = hub_of(request)
    given = AuditFilter(text=find.strip()[:_LONGEST], action=action, since=since, until=until)
    with hub.database.begin() as session:
        wanted = audit.filter_for(session, visitor, given)
        audit.record(session, visitor, "export audit trail", detail=given.text)

    def lines() -> Iterator[str]:
        with hub.database.read() as session:
            yield from audit.csv_lines(audit.all_entries(session, wanted))

    return StreamingResponse(
        lines(),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="audit.csv"'},
    )
