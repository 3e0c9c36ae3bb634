"""The pages and what they fetch. Handlers are plain functions: FastAPI runs them in threads, so
that nothing here blocks the loop that carries sound."""

from __future__ import annotations

import mimetypes
import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from fastapi.templating import Jinja2Templates

from simvoice.debrief import layout as debrief_page
from simvoice.debrief.build import build_debrief
from simvoice.debrief.comparison import Comparison, compare, retries_of
from simvoice.debrief.model import Debrief
from simvoice.devices.wav import wav_bytes
from simvoice.errors import AttemptError, CaseError, SimvoiceError
from simvoice.progress.brief_store import FILE, keep, kept
from simvoice.record.events import RetryOrigin
from simvoice.record.files import check_id
from simvoice.record.store import Attempt, AttemptSummary
from simvoice.web.encounters import EncounterSlot
from simvoice.web.ports import CaseCard, Simulator

# -- summaries --------------------------------------------------------------------------------
# Debriefs that were made a moment ago: a page and what it fetches ask for the same one.


_KEPT = 4
"""The one that is read, the one beside it, and one or two in other tabs."""

Print = tuple[tuple[str, int, int], ...]


class Summaries:
    """The last few, made anew as soon as anything in the attempt's folder has changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[Print, Debrief]] = OrderedDict()

    def of(self, attempt: Attempt) -> Debrief:
        """The debrief of an attempt. May take a second or two; two pages may ask at once."""
        with self._lock:
            seen = print_of(attempt.folder)
            kept = self._kept.get(attempt.id)
            if kept is None or kept[0] != seen:
                kept = (seen, build_debrief(attempt))
                self._kept[attempt.id] = kept
            self._kept.move_to_end(attempt.id)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return kept[1]


def print_of(folder: Path) -> Print:
    """Name, length and time of every file: an objection or a lost recording changes it. The brief
    that progress is read from is made of the debrief, and changes nothing."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(FILE):  # also while it is being written
            continue
        about = path.stat()
        found.append((path.name, about.st_size, about.st_mtime_ns))
    return tuple(found)


# -- goes -------------------------------------------------------------------------------------
# What a debrief says of other goes: the one it was taken up from, those taken up from it.


@dataclass(frozen=True, slots=True)
class RetryLinks:
    """Beside this attempt."""

    again: RetryOrigin | None
    """Where this one was taken up; None when it began at the door."""
    comparison: Comparison | None
    """None also when the first one is gone."""
    first_has_sound: bool
    others: tuple[AttemptSummary, ...]
    """Taken up from this one."""


def retry_links(simulator: Simulator, found: Attempt) -> RetryLinks:
    """Reads the first one, when there is one."""
    again = found.header.again
    comparison, has_sound = None, False
    if again is not None:
        try:
            first = simulator.attempt(again.attempt)
            comparison, has_sound = compare(first, found), first.audio_path is not None
        except SimvoiceError:  # erased, or damaged since: the page says so
            comparison = None
    return RetryLinks(again, comparison, has_sound, retries_of(found.id, simulator.attempts()))


# -- pages ------------------------------------------------------------------------------------


router = APIRouter()

_RELOAD_PATIENCE_S = 1.5
"""A page that is reloaded asks again before the server has noticed that the old one is gone."""

mimetypes.add_type("text/javascript", ".js")  # some systems map it to text/plain, and then the
mimetypes.add_type("audio/flac", ".flac")  # browser refuses modules and Firefox this sound


def _simulator(request: Request) -> Simulator:
    simulator: Simulator = request.app.state.simulator
    return simulator


def _stage(request: Request) -> EncounterSlot:
    stage: EncounterSlot = request.app.state.stage
    return stage


def _summaries(request: Request) -> Summaries:
    summaries: Summaries = request.app.state.summaries
    return summaries


def render(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from its template."""
    templates: Jinja2Templates = request.app.state.templates
    context = {"token": request.app.state.token, **values}
    return templates.TemplateResponse(request, name, context, status_code=status)


def message(request: Request, status: int, title: str, said: str, **values: Any) -> HTMLResponse:
    """A page that says one thing."""
    return render(request, "message.html", status, title=title, sentence=said, **values)


def _attempt(request: Request, attempt_id: str) -> Attempt:
    return _simulator(request).attempt(check_id(attempt_id))


def _case(request: Request, case_id: str) -> CaseCard:
    for card in _simulator(request).cases():
        if card.id == case_id:
            return card
    raise CaseError("There is no such case; the first page shows those on offer.")


@router.get("/")
def index(request: Request) -> HTMLResponse:
    """Cases to choose from, and past attempts."""
    simulator = _simulator(request)
    attempts = list(simulator.attempts())
    left = _stage(request).left_behind
    return render(
        request,
        "index.html",
        cases=simulator.cases(),
        withheld=simulator.withheld(),
        attempts=attempts,
        left_behind=next((card for card in attempts if card.id == left), None),
    )


@router.get("/case/{case_id}")
def case(request: Request, case_id: str) -> HTMLResponse:
    """The door note; the conversation happens in the same page."""
    card = _case(request, case_id)
    return somebody_talks(request) or render(request, "case.html", case=card, again=None)


def somebody_talks(request: Request) -> HTMLResponse | None:
    """The page that says so, when a conversation is running."""
    if _stage(request).is_free(_RELOAD_PATIENCE_S):
        return None
    return message(
        request,
        409,
        "Somebody is talking already",
        "A conversation is running in another tab or window of this computer; "
        "go back to it, or end it there and try again here.",
        retry=str(request.url.path),
    )


@router.post("/api/case/{case_id}/prepare")
def prepare(request: Request, case_id: str) -> JSONResponse:
    """Begin to prepare while the door note is read."""
    card = _case(request, case_id)
    _simulator(request).prepare(card.id)
    return ready(request)


@router.get("/api/ready")
def ready(request: Request) -> JSONResponse:
    """How far preparing has come."""
    return JSONResponse(asdict(_simulator(request).ready()))


@router.get("/attempts/{attempt_id}")
def attempt(request: Request, attempt_id: str) -> HTMLResponse:
    """The debrief."""
    found = _attempt(request, attempt_id)
    if found.state == "open":
        return message(
            request,
            409,
            "Still talking",
            "This conversation is going on right now; its debrief is here once it has ended.",
            retry=str(request.url.path),
        )
    _stage(request).seen(attempt_id)
    debrief = _summaries(request).of(found)
    if found.state == "complete" and kept(found.folder) is None:
        keep(found, debrief)  # so that progress need not measure it again
    return render(
        request,
        "debrief.html",
        view=debrief_page.view(debrief),
        earlier=_earlier(_simulator(request), found),
        goes=retry_links(_simulator(request), found),
        is_changed=_is_changed(_simulator(request), found),
        checked=request.app.state.agreements.of(_simulator(request)).words,
    )


def _is_changed(simulator: Simulator, found: Attempt) -> bool:
    """Whether the case is another one since, so that no other go can begin at its moments."""
    now = (card for card in simulator.cases() if card.id == found.header.case_id)
    return any(card.sha256 not in {"", found.header.case_sha256} for card in now)


def _earlier(simulator: Simulator, found: Attempt) -> AttemptSummary | None:
    """The same learner's last whole attempt at the case before this one; what is another go, or
    was, has half an encounter and stands beside the one it came from."""
    if found.header.again is not None:
        return None
    before = (
        card
        for card in simulator.attempts()  # the newest first
        if not card.again_of
        and (card.case_id, card.learner) == (found.header.case_id, found.header.learner)
        and card.state == "complete"
        and found.started is not None
        and card.when < found.started.wall_time
    )
    return next(before, None)


@router.get("/attempts/{attempt_id}/timeline")
def timeline(request: Request, attempt_id: str) -> JSONResponse:
    """What the timeline draws."""
    return JSONResponse(
        debrief_page.timeline(_summaries(request).of(_attempt(request, attempt_id)))
    )


@router.get("/attempts/{attempt_id}/audio")
def audio(request: Request, attempt_id: str) -> Response:
    """The recording; learner left, patient right. Ranges are answered with 206."""
    path = _attempt(request, attempt_id).audio_path
    if path is None or not path.is_file():
        raise AttemptError("The sound of this attempt is not kept any more.")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return FileResponse(path, media_type=kind)


@router.get("/attempts/{attempt_id}/afterwards")
def afterwards(request: Request, attempt_id: str) -> Response:
    """What the patient said afterwards, in her voice."""
    if not _stage(request).is_free():
        raise AttemptError("Somebody is talking with a patient now; she can be heard afterwards.")
    said = _simulator(request).afterwards(check_id(attempt_id))
    return Response(wav_bytes(said), media_type="audio/wav")


@router.delete("/attempts/{attempt_id}")
def erase(request: Request, attempt_id: str) -> JSONResponse:
    """Erase an attempt for good."""
    _simulator(request).erase(check_id(attempt_id))
    _stage(request).seen(attempt_id)
    return JSONResponse({"erased": attempt_id})
