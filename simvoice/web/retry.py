"""The page of a retry: the door note, with the checkpoint at which the retry begins."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from simvoice.debrief.retry import (
    CheckpointRef,
    LineBefore,
    describe_start,
    find_checkpoint,
    lines_before,
)
from simvoice.errors import AttemptError
from simvoice.record.files import check_id
from simvoice.record.store import Attempt
from simvoice.web import pages
from simvoice.web.ports import Simulator

router = APIRouter()


@dataclass(frozen=True, slots=True)
class RetryNote:
    """What the learner reads before a retry."""

    attempt: str
    turn: int
    at_s: float
    learner: str
    time_s: float | None
    before: tuple[LineBefore, ...]
    """The last lines before the checkpoint."""
    begins: str
    """A sentence: who says what first."""


@router.get("/again/{attempt_id}/{turn}")
def retry_page(request: Request, attempt_id: str, turn: int) -> HTMLResponse:
    """Show the door note of a retry. The encounter runs in the same page."""
    simulator: Simulator = request.app.state.simulator
    attempt = simulator.attempt(check_id(attempt_id))
    find_checkpoint(attempt, turn)
    card = next((c for c in simulator.cases() if c.id == attempt.header.case_id), None)
    if card is None:
        raise AttemptError(
            f"the case {attempt.header.case_id} is not available now; the first page shows why"
        )
    time_s = simulator.retry_time_s(card.id, CheckpointRef(attempt.id, turn))
    busy = pages.busy_page(request)
    if busy is not None:
        return busy
    note = note_of(attempt, turn, time_s)
    return pages.render(request, "case.html", case=card.lasting(time_s), retry=note)


def note_of(attempt: Attempt, turn: int, time_s: float | None) -> RetryNote:
    """Return what the learner reads before a retry. time_s: its limit; None without one.

    Raises AttemptError when no retry can begin there.
    """
    entry = find_checkpoint(attempt, turn)
    return RetryNote(
        attempt=attempt.id,
        turn=entry.turn,
        at_s=entry.at_s,
        learner=attempt.header.learner,
        time_s=time_s,
        before=lines_before(attempt, turn),
        begins=describe_start(attempt, turn),
    )
