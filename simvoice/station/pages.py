"""Routes of the learner's page at a station.

One page stays open. It asks for the state twice a second, replaces its middle (`/phase`) when
something else is to be shown, and reports what was pressed (`/act`). Only the debrief is loaded as
a page of its own, in the place of the one before, so that the browser has no page to go back to.
Handlers are plain functions: FastAPI runs them in threads.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, WebSocket
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from fastapi.templating import Jinja2Templates
from pydantic import Field, ValidationError

from simvoice import log
from simvoice.debrief import layout
from simvoice.debrief.comparison import ReadAttempt, compare
from simvoice.devices.browser import BrowserLine
from simvoice.errors import AttemptError, SimvoiceError, UsageError
from simvoice.hub_client.station_messages import Phase
from simvoice.record.reflection import ReflectedMoment, end_reflection
from simvoice.record.store import Attempt
from simvoice.station.announcements import SpokenAnnouncements
from simvoice.station.loop_back import begin_loop_back
from simvoice.station.preparing import Progress
from simvoice.station.showing import time_left_words
from simvoice.station.station import Station
from simvoice.station.view import ACTIONS, ShowDebrief, StationView
from simvoice.station.words import at_station
from simvoice.strict_model import StrictModel
from simvoice.web import format
from simvoice.web.drawings import drawn_turns
from simvoice.web.encounters import Outbox, RunningEncounter
from simvoice.web.line import browser_line, converse, read_hello, refuse_busy
from simvoice.web.pages import DebriefCache, RetryLinks
from simvoice.web.reflection import (
    SentText,
    answer_to_text,
    moments_due,
    reflection_page,
    save_sent,
    shown_reflection,
)

_log = logging.getLogger(__name__)
router = APIRouter()

_GONE = "This debrief is closed."


class ShownDebrief:
    """The debrief of the present visit. Nothing of it stays in memory after the visit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempt = ""
        self._cache = DebriefCache()

    def cache(self, station: Station) -> tuple[Attempt, DebriefCache]:
        """Return the attempt that may be shown, and the cache that holds it alone.

        Raises AttemptError when none may be shown.
        """
        attempt = station.attempt()
        self.keep_only(attempt.id)
        return attempt, self._cache

    def heard(self, station: Station) -> tuple[Attempt, DebriefCache]:
        """Return the attempt that may be heard: that of a debrief, or of own words before one.

        Raises AttemptError when none may be heard.
        """
        reflects = station.view().reflects_on is not None
        attempt = station.reflected_attempt() if reflects else station.attempt()
        self.keep_only(attempt.id)
        return attempt, self._cache

    def keep_only(self, attempt: str | None) -> None:
        """Forget every other attempt; all for None."""
        with self._lock:
            if self._attempt != (attempt or ""):
                self._attempt = attempt or ""
                self._cache = DebriefCache()


class Sign(StrictModel):
    """A sign of life of the page."""

    window: str = Field(max_length=60)
    """Random, made when the page was loaded."""
    level_dbfs: float | None = None
    """Of the microphone in its check."""


# -- the page


@router.get("/")
def page(request: Request, moment: int = 1) -> HTMLResponse:
    """Show the present phase. moment: of own words before a debrief, from 1."""
    view = station_of(request).view()
    request.app.state.debrief.keep_only(view.attempt or view.reflects_on)
    return _render(request, "station.html", view, moment)


@router.get("/phase")
def phase(request: Request) -> HTMLResponse:
    """Return the middle of the page for the present phase."""
    return _render(request, "phase.html", station_of(request).view())


@router.post("/state")
def state(request: Request, sign: Sign) -> JSONResponse:
    """Return what changes from moment to moment. It is the sign of life of the page."""
    station = station_of(request)
    if not station.seen(sign.window, sign.level_dbfs):
        return JSONResponse({"is_open_here": False})
    view = station.view()
    request.app.state.debrief.keep_only(view.attempt or view.reflects_on)
    announced = None
    if view.announcement is not None:
        announced = asdict(view.announcement)
        may_speak = view.speaks and not view.announcement.is_quiet
        announced["is_spoken"] = may_speak and _spoken(request) is not None
    return JSONResponse(
        {
            "is_open_here": True,
            "shape": shape_of(view),
            "phase": view.phase,
            "mode": view.mode,
            "left_s": view.left_s,
            "is_held": view.is_held,
            "warning": view.warning,
            "announcement": announced,
            "fault": view.fault,
            "note": view.note,
            "notice": view.notice,
            "is_ready": view.is_ready,
            "preparing": view.preparing,
            "ready_share": view.ready_share,
            "ready_words": time_left_words(Progress(view.ready_share, view.ready_in_s)),
            "is_running": view.is_running,
            "is_interrupted": view.is_interrupted,
            "drill_left_s": view.drill_left_s,
            "has_debrief": view.attempt is not None,
            "is_reflecting": view.reflects_on is not None,
            "large_type": view.accommodations.large_type,
            "loop_back": view.loop_back,
        }
    )


def shape_of(view: StationView) -> str:
    """Return a text that changes when the middle of the page is to be drawn again."""
    steady = replace(
        view,
        version=0,
        left_s=None,
        is_held=False,
        warning="",
        announcement=None,
        speaks=False,
        fault="",
        note="",
        notice="",
        is_ready=True,
        preparing="",
        ready_share=1.0,
        ready_in_s=None,
        is_running=False,
        answers=(),
        drill_left_s=None,
        loop_back=0,
    )
    return hashlib.sha256(repr(steady).encode()).hexdigest()[:16]


@router.post("/act")
def act(request: Request, content: Annotated[Any, Body()]) -> JSONResponse:
    """Do what was pressed."""
    try:
        action = ACTIONS.validate_python(content)
    except ValidationError:  # it can hold a code or an answer, so it is neither shown nor logged
        raise UsageError("The page sent something that cannot be used.") from None
    station_of(request).act(action)
    return JSONResponse({})


@router.get("/announcements/{number}")
def announcement(request: Request, number: int) -> Response:
    """Return the last announcement as sound."""
    said, spoken = station_of(request).view().announcement, _spoken(request)
    sound = None
    if said is not None and said.number == number and spoken is not None:
        sound = spoken.wav(said.text)
    if sound is None:
        return Response(status_code=204)
    return Response(sound, media_type="audio/wav")


# -- sound


@router.websocket("/line")
async def talk(socket: WebSocket) -> None:
    """Run the encounter of this phase. `security.Guard` has checked Host and Origin before this."""
    await _run(socket, lambda station, line, outbox: station.begin_encounter(line, outbox))


@router.websocket("/loop-back")
async def loop_back(socket: WebSocket) -> None:
    """Play tones through the page, and find them at its microphone."""
    await _run(socket, begin_loop_back)


async def _run(
    socket: WebSocket, begin: Callable[[Station, BrowserLine, Outbox], RunningEncounter | str]
) -> None:
    """Carry sound and messages between the page and what `begin` starts."""
    await socket.accept()
    hello = await read_hello(socket, socket.app.state.token)
    if hello is None:
        return
    outbox = Outbox(asyncio.get_running_loop())
    line = browser_line(hello, outbox)
    running = await run_in_threadpool(begin, socket.app.state.station, line, outbox)
    if isinstance(running, str):
        await refuse_busy(socket, running)
        return
    await converse(socket, line, running, outbox)


# -- the debrief


@router.get("/attempts/{attempt_id}/prepare")
def prepare_debrief(request: Request, attempt_id: str) -> JSONResponse:
    """Build what takes some seconds before its page is opened: a debrief, or own moments."""
    attempt, cache = _heard(request, attempt_id)
    cache.get(attempt)
    _retry_links(request, attempt, cache)
    return JSONResponse({})


@router.get("/attempts/{attempt_id}/timeline")
def timeline(request: Request, attempt_id: str) -> JSONResponse:
    """Return the data of the timeline."""
    attempt, cache = _shown(request, attempt_id)
    return JSONResponse(layout.timeline(cache.get(attempt)))


@router.get("/attempts/{attempt_id}/turns.svg")
def turns(request: Request, attempt_id: str) -> Response:
    """Draw turn-taking over time."""
    attempt, cache = _shown(request, attempt_id)
    return drawn_turns(attempt, cache)


@router.get("/attempts/{attempt_id}/audio")
def audio(request: Request, attempt_id: str) -> Response:
    """Return the recording: learner left, patient right. A range request gets status 206."""
    path = _with_sound(request, attempt_id).audio_path
    if path is None or not path.is_file():
        raise AttemptError("The recording of this attempt is not available any more.")
    return FileResponse(path, media_type="audio/flac" if path.suffix == ".flac" else "audio/wav")


def _with_sound(request: Request, attempt_id: str) -> Attempt:
    """Return the attempt that may be heard now, or the one that it retries. Raises AttemptError."""
    shown: ShownDebrief = request.app.state.debrief
    station = station_of(request)
    attempt, _ = shown.heard(station)
    if attempt.id != attempt_id and station.view().attempt == attempt.id:
        attempt = station.retried_attempt(attempt) or attempt
    if attempt.id != attempt_id:
        raise AttemptError(_GONE)
    return attempt


def _shown(request: Request, attempt_id: str) -> tuple[Attempt, DebriefCache]:
    """Return the attempt that is shown now. Raises AttemptError for any other."""
    shown: ShownDebrief = request.app.state.debrief
    attempt, cache = shown.cache(station_of(request))
    if attempt.id != attempt_id:
        raise AttemptError(_GONE)
    return attempt, cache


def _heard(request: Request, attempt_id: str) -> tuple[Attempt, DebriefCache]:
    """Return the attempt that may be heard now. Raises AttemptError for any other."""
    shown: ShownDebrief = request.app.state.debrief
    attempt, cache = shown.heard(station_of(request))
    if attempt.id != attempt_id:
        raise AttemptError(_GONE)
    return attempt, cache


# -- own words before the debrief


def _due(request: Request, attempt_id: str) -> tuple[Attempt, tuple[ReflectedMoment, ...]]:
    """Return the attempt that the learner writes about, and its moments. Raises AttemptError."""
    station_of(request).reflected_attempt()
    attempt, cache = _heard(request, attempt_id)
    return attempt, moments_due(attempt, lambda: cache.reading(attempt))


@router.put("/attempts/{attempt_id}/reflection")
def save_text(request: Request, attempt_id: str, content: Annotated[Any, Body()]) -> JSONResponse:
    """Save one text while it is typed, beside the record."""
    try:
        sent = SentText.model_validate(content)
    except ValidationError:  # it can hold what was written, so it is neither shown nor logged
        raise UsageError("The page sent something that cannot be used.") from None
    attempt, moments = _due(request, attempt_id)
    now = datetime.now().astimezone()
    return answer_to_text(lambda: save_sent(attempt.folder, moments, sent, now))


@router.post("/attempts/{attempt_id}/reflection/end")
def end(request: Request, attempt_id: str) -> JSONResponse:
    """Show the debrief from now on."""
    attempt, moments = _due(request, attempt_id)
    if moments:
        try:
            end_reflection(attempt.folder, moments, datetime.now().astimezone())
        except SimvoiceError as error:  # a full disk keeps nobody from the debrief
            _log.warning("the end of own words is not noted: %s", log.place(error))
    station_of(request).act(ShowDebrief())
    return JSONResponse({})


# -- what handlers share


def station_of(request: Request) -> Station:
    """Return the station of this server."""
    station: Station = request.app.state.station
    return station


def _spoken(request: Request) -> SpokenAnnouncements | None:
    spoken: SpokenAnnouncements | None = request.app.state.spoken
    return spoken


def _render(request: Request, name: str, view: StationView, moment: int = 1) -> HTMLResponse:
    templates: Jinja2Templates = request.app.state.templates
    values: dict[str, Any] = {
        "token": request.app.state.token,
        "at": view,
        "shape": shape_of(view),
        "phase_template": f"phases/{_template_of(view)}.html",
        "with_debrief": False,
        "with_moment": False,
    }
    if view.reflects_on is not None and name == "station.html":
        values |= _moment_values(request, view.reflects_on, moment)
    if view.phase is Phase.DEBRIEF and view.attempt is not None and name == "station.html":
        values |= _debrief_values(request, view)
    page: HTMLResponse = templates.TemplateResponse(request, name, values)
    return page


def _moment_values(request: Request, attempt_id: str, number: int) -> dict[str, Any]:
    """Return what the template of own words needs; nothing while there is no moment to show."""
    try:
        attempt, moments = _due(request, attempt_id)
        if not moments:
            return {}
        cache = request.app.state.debrief.heard(station_of(request))[1]
        page = reflection_page(attempt, cache.reading(attempt), moments, number)
    except SimvoiceError as error:  # the station goes on to the debrief by itself
        _log.warning("the moments cannot be shown: %s", log.place(error))
        return {}
    return {"with_moment": True, "page": page, "at_station": True}


def _debrief_values(request: Request, view: StationView) -> dict[str, Any]:
    """Return what the template of a debrief needs, or why there is none."""
    try:
        attempt, cache = request.app.state.debrief.cache(station_of(request))
        debrief = cache.get(attempt)
    except SimvoiceError as error:
        _log.warning("the debrief cannot be shown: %s", log.place(error))
        return {"debrief_fault": format.sentence(at_station(str(error)))}
    notes = tuple(at_station(each) for each in debrief.notes)
    return {
        "with_debrief": True,
        "view": layout.view(debrief.model_copy(update={"notes": notes})),
        "retry_links": _retry_links(request, attempt, cache),
        "earlier": None,
        "checked": {},
        "on_hub": True,
        "retry_here": view.may_retry,
        "has_one_page": True,
        **shown_reflection(attempt, cache.reading(attempt), debrief),
    }


def _retry_links(request: Request, attempt: Attempt, cache: DebriefCache) -> RetryLinks:
    """Return what compares a retry with the attempt of this visit that it retries."""
    origin, comparison, has_sound = attempt.header.again, None, False
    try:
        first = station_of(request).retried_attempt(attempt)
        if first is not None:
            read_first = ReadAttempt(first, cache.reading(first))
            comparison = compare(read_first, ReadAttempt(attempt, cache.reading(attempt)))
            has_sound = first.audio_path is not None
    except SimvoiceError as error:  # the page says that they cannot be compared
        _log.warning("a retry cannot be compared: %s", log.place(error))
        comparison = None
    return RetryLinks(origin, comparison, has_sound, ())


def accommodation_words(view: StationView) -> str:
    """Return what is changed for this learner, in sentences."""
    given = view.accommodations
    found = []
    if given.time_factor > 1:
        found.append(f"You have {given.time_factor:g} times the usual time.")
    if given.patience_factor > 1:
        found.append(f"The patient waits {given.patience_factor:g} times as long for you.")
    if given.captions or given.typed:
        found.append("What the patient says is also written.")
    if given.typed:
        found.append("You may type instead of speaking.")
    return " ".join(found)


def _template_of(view: StationView) -> str:
    match view.phase:
        case _ if view.is_away:
            return "away"
        case Phase.TEST:
            return "encounter"
        case Phase.DEBRIEF if view.reflects_on is not None:
            return "reflection"
        case Phase.CODE if not view.needs_code:
            return "choice"
        case other:
            return str(other)
