"""The export of numbers for researchers: of released attempts alone, without names and words."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import logging
import re
import secrets
from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from simvoice import log
from simvoice.errors import SimvoiceError
from simvoice.hub import attempt_parts, attempts, audit, releases
from simvoice.hub.doors.access import Visitor, allow
from simvoice.hub.doors.rates import EXPORTS
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.pages.common import Researcher
from simvoice.hub.render import render
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import StoredAttempt
from simvoice.release.contents import Contents
from simvoice.release.numbers import ReleasedNumbers, load_numbers, numbers_of
from simvoice.web.pages import DebriefCache

_log = logging.getLogger(__name__)

router = APIRouter()

COLUMNS = (
    *("attempt", "part", "parts", "learner", "case", "month", "measured_by", "duration_s"),
    *("metric", "unit", "value", "low", "high"),
)

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
"""A key that a spreadsheet takes as text: a record of another machine could hold a formula."""


@router.get("/research")
def research(request: Request, visitor: Researcher) -> Response:
    """Show how much can be exported, and what an export holds."""
    with hub_of(request).database.read() as session:
        released = releases.count_released_anywhere(session)
        return render(request, "research.html", visitor, released=released)


@router.get("/research/numbers.csv")
def numbers(
    request: Request, visitor: Annotated[Visitor, allow(Role.RESEARCHER, rate=EXPORTS)]
) -> Response:
    """Send the numbers of all attempts that are released now."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        ids = [each.id for each in releases.released_anywhere(session)]
        audit.record(session, visitor, "export numbers", "", f"{len(ids)} attempts")
    return StreamingResponse(
        _lines(hub, request.app.state.debriefs, ids),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="simvoice-numbers.csv"'},
    )


def _lines(hub: Hub, debriefs: DebriefCache, ids: list[UUID]) -> Iterator[str]:
    """Yield the file, one attempt at a time. Leaves out what cannot be read or is erased now."""
    key = secrets.token_bytes(32)  # of this file alone, and forgotten with it
    yield _row(COLUMNS)
    for attempt_id in ids:
        with hub.database.read() as session:
            row = session.get(StoredAttempt, attempt_id)
            if row is None or not releases.present_releases(session, attempt_id):
                continue
            part = attempt_parts.parts_of(session, [row]).get(row.id)
        try:
            found = _numbers_of(hub, debriefs, row)
        except SimvoiceError as error:  # one that cannot be read does not stop the others
            _log.warning("left out of an export: attempt=%s: %s", attempt_id, log.place(error))
            continue
        owner = row.owner_id or row.code_id or row.id
        first = (
            _number(key, f"attempt {part.whole if part else row.id}"),
            *((part.number, part.count) if part else (1, 1)),
            _number(key, f"learner {owner}"),
            _plain(found.case_id),
            f"{row.started_at:%Y-%m}",
            _plain(found.simvoice),
            found.duration_s,
        )
        for each in found.numbers:
            if each.value is not None:
                measured = (_plain(each.key), _plain(each.unit), each.value, each.low, each.high)
                yield _row((*first, *measured))
        for tally in found.lists:
            for outcome in ("met", "not_met", "not_judged", "counted"):
                metric = f"{_plain(tally.list_id)}.{outcome}"
                yield _row((*first, metric, "items", getattr(tally, outcome), None, None))


def _numbers_of(hub: Hub, debriefs: DebriefCache, row: StoredAttempt) -> ReleasedNumbers:
    with attempts.opened(hub, row.id) as attempt:
        sent = load_numbers(attempt.folder)
        if sent is not None:
            return sent
        return numbers_of(debriefs.get(attempt), row.id, Contents.NUMBERS)


def _number(key: bytes, what: str) -> str:
    return hmac.new(key, what.encode(), hashlib.sha256).hexdigest()[:12]


def _plain(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else "other"


def _row(values: tuple[object, ...]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow("" if v is None else v for v in values)
    return line.getvalue()
