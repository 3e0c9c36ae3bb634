"""The server of a station's pages, on loopback: routes, templates and the checks around them."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from jinja2 import FileSystemLoader
from starlette.exceptions import HTTPException

from simvoice import log
from simvoice.errors import SimvoiceError, UsageError
from simvoice.safe_text import encodable
from simvoice.station import pages, technician_pages, words
from simvoice.station.announcements import SpokenAnnouncements
from simvoice.station.outbox import RecordOutbox
from simvoice.station.station import Station
from simvoice.station.view import LIGHT_WORDS
from simvoice.web import app as web_app
from simvoice.web import format
from simvoice.web.open_files import say_when_files_run_out
from simvoice.web.request_log import Faults, RequestLog
from simvoice.web.security import Guard, StartKey, new_token
from simvoice.web.server import run_app

_log = logging.getLogger(__name__)

_HERE = Path(__file__).resolve().parent
_WEB = Path(web_app.__file__).resolve().parent

_HTTP_SENTENCES = {
    404: "This page does not exist.",
    405: "This address cannot be used in this way.",
}


def create_app(
    station: Station,
    start_key: StartKey,
    *,
    spoken: SpokenAnnouncements | None = None,
    outbox: RecordOutbox | None = None,
    on_ready: Callable[[asyncio.AbstractEventLoop], object] = lambda _: None,
) -> FastAPI:
    """Return the ASGI application over a station.

    start_key: the secrets of this start; only a browser that has them gets an answer. spoken: the
    voice of announcements; without one they are written, and a bell rings. outbox: of which a
    technician can copy the waiting records to a stick. on_ready: called in the event loop when
    requests are answered.
    """
    token = new_token()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        say_when_files_run_out(asyncio.get_running_loop())
        on_ready(asyncio.get_running_loop())
        yield

    # the interactive documentation would load scripts from other hosts
    app = FastAPI(
        title="simvoice station", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.station = station
    app.state.token = token
    app.state.spoken = spoken
    app.state.outbox = outbox
    app.state.debrief = pages.ShownDebrief()
    app.state.technicians = technician_pages.PanelKeys()
    station.on_reset(lambda: app.state.debrief.keep_only(None))
    app.state.templates = _templates()
    app.mount("/static", _static_files(), name="static")
    app.include_router(pages.router)
    app.include_router(technician_pages.router)
    app.add_exception_handler(SimvoiceError, _known_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _message_error)
    app.add_middleware(Faults, answer=_fault)
    app.add_middleware(Guard, token=token, start_key=start_key, how_to_get_in=words.HOW_TO_GET_IN)
    app.add_middleware(RequestLog)
    return app


def serve(
    station: Station,
    made: socket.socket,
    start_key: StartKey,
    *,
    spoken: SpokenAnnouncements | None = None,
    outbox: RecordOutbox | None = None,
    on_ready: Callable[[asyncio.AbstractEventLoop], object] = lambda _: None,
) -> None:
    """Serve a station's pages on a socket of `web.server.loopback_socket` until interrupted.

    The other arguments are those of `create_app`.
    """
    app = create_app(station, start_key, spoken=spoken, outbox=outbox, on_ready=on_ready)
    run_app(app, made)


def _templates() -> Jinja2Templates:
    """Return the templates of the station, and with them those of the learner's own pages."""
    templates = web_app.page_templates()
    loader = templates.env.loader
    assert isinstance(loader, FileSystemLoader)
    loader.searchpath.insert(0, str(_HERE / "templates"))
    templates.env.filters.update(
        accommodation_words=pages.accommodation_words,
        light_words=lambda light: LIGHT_WORDS[light],
        size=technician_pages.size_in_words,
    )
    return templates


def _static_files() -> StaticFiles:
    """Return the files of the learner's own pages, and with them those of the station alone."""
    files = StaticFiles(directory=_WEB / "static")
    files.all_directories.append(_HERE / "static")
    return files


async def _known_error(request: Request, error: Exception) -> Response:
    _log.info("refused %s", log.place(error))
    status = 409 if isinstance(error, UsageError) else 503
    return _error(request, status, str(error))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = _HTTP_SENTENCES.get(error.status_code, str(error.detail))
    return _error(request, error.status_code, sentence)


async def _message_error(request: Request, _: Exception) -> Response:
    # what was sent is not repeated: it can be a code or an answer
    return _error(request, 422, "The page sent something that cannot be used.")


async def _fault(request: Request) -> Response:
    return _error(request, 500, f"This did not work. The log has it under {log.request_id()}.")


def _error(request: Request, status: int, sentence: str) -> Response:
    """Return a sentence for a script, and a page that goes back for a window."""
    sentence = encodable(format.sentence(sentence))
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        templates: Jinja2Templates = request.app.state.templates
        page: HTMLResponse = templates.TemplateResponse(
            request, "station_message.html", {"sentence": sentence}, status_code=status
        )
        return page
    return JSONResponse({"message": sentence}, status_code=status)
