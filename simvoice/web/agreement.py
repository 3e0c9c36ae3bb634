"""How far machine and raters say the same: a page, and a sentence for every item of a debrief."""

from __future__ import annotations

import threading
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from simvoice.debrief.item_trust import Compared, RatedAttempt, as_shown, compared
from simvoice.errors import SimvoiceError
from simvoice.web import pages
from simvoice.web.ports import Simulator
from simvoice.web.summaries import Print, print_of

router = APIRouter()

_MOST_OFFERED = 12
"""Attempts that the page offers for rating, the newest first."""


class Agreements:
    """What is known, made anew when somebody has said something."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rated: dict[Path, tuple[Print, RatedAttempt]] = {}
        self._last: tuple[list[RatedAttempt], list[str], Compared] | None = None

    def of(self, simulator: Simulator) -> Compared:
        """Machine and humans now. Each attempt is judged once, and again when it has changed."""
        with self._lock:
            rated, problems = self._all(simulator)
            if self._last is None or self._last[:2] != (rated, problems):
                self._last = (rated, problems, compared(rated, problems))
            return self._last[2]

    def _all(self, simulator: Simulator) -> tuple[list[RatedAttempt], list[str]]:
        problems: list[str] = []
        now: dict[Path, tuple[Print, RatedAttempt]] = {}
        for folder in simulator.remarked():
            try:
                seen = print_of(folder)
                kept = self._rated.get(folder)
                if kept is None or kept[0] != seen:
                    kept = (seen, as_shown(simulator.attempt(folder.name)))
            except SimvoiceError as error:
                problems.append(str(error))
            except FileNotFoundError:  # erased a moment ago
                continue
            else:
                now[folder] = kept
                problems += kept[1].problems
        self._rated = now
        return [rated for _, rated in now.values()], problems


@router.get("/agreement")
def agreement(request: Request) -> HTMLResponse:
    """Item by item, with intervals; or how to begin."""
    simulator: Simulator = request.app.state.simulator
    whole = [card for card in simulator.attempts() if card.state in {"complete", "crashed"}]
    agreements: Agreements = request.app.state.agreements
    return pages.render(
        request,
        "agreement.html",
        found=agreements.of(simulator),
        offered=whole[:_MOST_OFFERED],
    )
