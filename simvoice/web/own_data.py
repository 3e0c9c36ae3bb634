"""Everything that this machine keeps of its learners: a copy of it, and erasing all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse

from simvoice.debrief.model import Debrief
from simvoice.display import count_noun
from simvoice.errors import AttemptError, SimvoiceError
from simvoice.hub_client.link import HubLink
from simvoice.record.store import Attempt, AttemptSummary
from simvoice.release.own_copy import Cell, CopiedAttempt, CopiedTable, own_copy
from simvoice.web import pages
from simvoice.web.encounters import EncounterPool
from simvoice.web.pages import DebriefCache
from simvoice.web.ports import Simulator

router = APIRouter()

_RUNNING = "An encounter is running. You can do this when it ends."


@router.get("/own-data")
def page(request: Request) -> HTMLResponse:
    """Show how much is kept, and what can be done with it."""
    simulator: Simulator = request.app.state.simulator
    return pages.render(request, "own_data_here.html", attempts=list(simulator.attempts()))


@router.get("/own-data.zip")
def copy(request: Request) -> Response:
    """Send a copy of everything as a ZIP file, which is made while it is sent."""
    _check_free(request)
    simulator: Simulator = request.app.state.simulator
    debriefs: DebriefCache = request.app.state.debriefs
    found = list(simulator.attempts())
    names = sorted({each.learner for each in found if each.learner})
    made = own_copy(
        whose=", ".join(names) or "conversations without a name",
        where="simvoice on this machine",
        at=datetime.now(UTC),
        facts={"names": names},
        tables=(_attempts(found), _releases(request.app.state.hub_link)),
        attempts=(CopiedAttempt(each.id, _opened(simulator, debriefs, each.id)) for each in found),
    )
    return StreamingResponse(
        made,
        media_type="application/zip",
        headers={"content-disposition": 'attachment; filename="simvoice-own-data.zip"'},
    )


@router.delete("/own-data")
def erase(request: Request) -> JSONResponse:
    """Erase all attempts permanently. One that cannot be erased does not stop the others."""
    _check_free(request)
    simulator: Simulator = request.app.state.simulator
    failed: list[str] = []
    erased = 0
    for each in list(simulator.attempts()):
        try:
            pages.erase_attempt(request, each.id)
            erased += 1
        except SimvoiceError as error:
            failed.append(str(error))
    if failed:
        said = f"{count_noun(erased, 'conversation')} erased, and {len(failed)} not: {failed[0]}."
        return JSONResponse({"message": said}, status_code=409)
    return JSONResponse({"erased": erased})


def _check_free(request: Request) -> None:
    slot: EncounterPool = request.app.state.slot
    if not slot.is_free():
        raise AttemptError(_RUNNING)


@contextmanager
def _opened(
    simulator: Simulator, debriefs: DebriefCache, attempt_id: str
) -> Iterator[tuple[Attempt, Debrief | None]]:
    found = simulator.attempt(attempt_id)
    yield found, debriefs.get(found)


def _attempts(found: Sequence[AttemptSummary]) -> CopiedTable:
    return CopiedTable(
        "attempts.csv",
        ("attempt", "name", "case", "patient", "began", "duration_s", "ended", "retry_of", "state"),
        [
            (
                *(each.id, each.learner, each.case_title, each.patient_name, each.when),
                *(each.duration_s, each.reason, each.again_of, each.state),
            )
            for each in found
        ],
        "the conversations, one a line, the newest first",
    )


def _releases(link: HubLink | None) -> CopiedTable:
    rows: list[tuple[Cell, ...]] = []
    if link is not None:
        for entry in link.state().entries:
            at = datetime.fromtimestamp(entry.pressed_at, UTC).isoformat(timespec="seconds")
            to = "; ".join(each.title for each in entry.courses)
            rows.append((entry.attempt, entry.contents, to, str(entry.state), at))
    columns = ("attempt", "what", "to", "state", "pressed")
    return CopiedTable("releases.csv", columns, rows, "what you released to a hub from here")
