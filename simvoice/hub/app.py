"""Build the hub's server: routes, templates, error pages and the checks around them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from simvoice import log
from simvoice.errors import (
    DatabaseAway,
    SimvoiceError,
    StorageAway,
    StorageFull,
    UsageError,
)
from simvoice.hub import pages, render, upkeep
from simvoice.hub.doors import account, openid_sign_in, sign_in
from simvoice.hub.doors.access import (
    SAFE_METHODS,
    NoAccess,
    TooSoon,
    Visitor,
    declared_access,
    visitor_of,
)
from simvoice.hub.doors.bodies import SteadyBodies
from simvoice.hub.doors.guard import AddressRate, HubGuard
from simvoice.hub.doors.lines import LiveSignIns
from simvoice.hub.encounters import line as encounters
from simvoice.hub.hub import Hub
from simvoice.hub.ratings import HubAgreement
from simvoice.hub.sending import router as sending
from simvoice.hub.sending import sealed_router as sealed_records
from simvoice.hub.stations import router as stations
from simvoice.hub.supplies import router as supplies
from simvoice.safe_text import encodable
from simvoice.web import app as web_app
from simvoice.web import format, security
from simvoice.web.open_files import say_when_files_run_out
from simvoice.web.pages import DebriefCache
from simvoice.web.request_log import Faults, RequestLog

_log = logging.getLogger(__name__)

_HTTP_SENTENCES = {
    404: "This page does not exist.",
    405: "This address cannot be used in this way.",
    413: "This is more than the hub takes at once.",
}


_STORAGE_SENTENCES = (
    (
        StorageFull,
        "The disk of this server is full. Nothing was changed. Tell the people who run the server, "
        "and try again later.",
    ),
    (DatabaseAway, "This server cannot reach its database now. Nothing is lost. Try again soon."),
    (
        StorageAway,
        "This server cannot reach its store of recordings now. Nothing is lost. Try again soon.",
    ),
)
"""What visitors read. Names of folders, databases and machines are for the log."""


def create_app(hub: Hub) -> FastAPI:
    """Return the ASGI application of a hub. Raises RuntimeError for a route without access."""
    return attach(build_app(), hub)


def attach(app: FastAPI, hub: Hub) -> FastAPI:
    """Let an application of `build_app` serve this hub, and forget one that it served before."""
    app.state.hub = hub
    app.state.debriefs = DebriefCache()
    app.state.agreement = HubAgreement()
    return app


def build_app() -> FastAPI:
    """Return the application without its hub. Raises RuntimeError for a route without access."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        say_when_files_run_out(asyncio.get_running_loop())
        hub: Hub = app.state.hub
        keeping = asyncio.create_task(_keep_up(hub))
        yield
        keeping.cancel()
        await _remember(hub)

    # the interactive documentation would load scripts from other hosts
    app = FastAPI(
        title="simvoice hub",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.templates = render.add_templates(web_app.page_templates())
    app.mount("/static", _static_files(), name="static")
    app.include_router(sign_in.router)
    app.include_router(openid_sign_in.router)
    app.include_router(account.router)
    app.include_router(supplies.router)
    app.include_router(encounters.router)
    app.include_router(sending.router)
    app.include_router(sealed_records.router)
    app.include_router(stations.router)
    app.include_router(pages.router)
    app.add_exception_handler(SimvoiceError, _known_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _address_error)
    app.add_middleware(Faults, answer=_fault)
    app.add_middleware(SteadyBodies)
    app.add_middleware(LiveSignIns)
    app.add_middleware(AddressRate, answer=_known_error)
    app.add_middleware(HubGuard)
    app.add_middleware(RequestLog)
    declared_access(app)
    return app


async def _keep_up(hub: Hub) -> None:
    while True:
        await asyncio.sleep(upkeep.EVERY_S)
        await _remember(hub)
        await _make_briefs(hub)


async def _remember(hub: Hub) -> None:
    try:
        await run_in_threadpool(upkeep.remember, hub)
    except SimvoiceError as error:  # the next minute tries again
        _log.warning("the hub could not keep its time: %s", error)


async def _make_briefs(hub: Hub) -> None:
    try:
        await run_in_threadpool(upkeep.make_briefs, hub)
    except SimvoiceError as error:  # the next minute tries again
        _log.warning("briefs of attempts stay missing: %s", error)


def _static_files() -> StaticFiles:
    """Return the files of the learner's pages, and with them those of the hub alone."""
    files = StaticFiles(directory=Path(web_app.__file__).resolve().parent / "static")
    files.all_directories.append(Path(__file__).resolve().parent / "static")
    return files


async def _known_error(connection: HTTPConnection, error: Exception) -> Response:
    said = next((words for kind, words in _STORAGE_SENTENCES if isinstance(error, kind)), None)
    if said is None:
        _log.info("refused %s", log.place(error))
    else:
        _log.warning("%s: %s", log.place(error), error)
    message = said or str(error)
    status = 404 if isinstance(error, UsageError) else 503
    if isinstance(error, NoAccess):
        status = error.status
    if isinstance(connection, WebSocket):
        await security.refuse(connection, message)
        return Response()
    assert isinstance(connection, Request)
    if isinstance(error, TooSoon):
        answer = _error(connection, status, message)
        answer.headers["retry-after"] = str(error.wait_s)
        return answer
    if status == 401 and _wants_page(connection) and connection.method in SAFE_METHODS:
        query = f"?{connection.url.query}" if connection.url.query else ""
        there = quote(connection.url.path + query, safe="/")
        return RedirectResponse(f"/sign-in?next={there}", status_code=303)
    return _error(connection, status, message)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = _HTTP_SENTENCES.get(error.status_code, str(error.detail))
    if _wants_page(request):  # no route has asked who it is, and the page names the person
        with suppress(SimvoiceError):
            await run_in_threadpool(visitor_of, request)
    answer = _error(request, error.status_code, message)
    answer.headers.update(error.headers or {})
    return answer


async def _address_error(request: Request, _error_in_address: Exception) -> Response:
    return _error(request, 422, "What was sent is not complete, or a part of it is not valid.")


async def _fault(request: Request) -> Response:
    return _error(request, 500, "simvoice could not do this")


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _error(request: Request, status: int, message: str) -> Response:
    """Return an error as a page for a browser window, and as JSON for a script.

    An error of the server names the id of the request, which finds its lines in the log.
    """
    message = encodable(format.sentence(message))
    if status >= 500:
        message += f" The log has the details under {log.request_id()}."
    if _wants_page(request) and not request.url.path.startswith("/static/"):
        visitor = getattr(request.state, "visitor", None) or Visitor()
        can_repeat = status >= 500 and request.method in SAFE_METHODS
        there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        reload = sign_in.own_path(there) if can_repeat else ""
        return render.message(request, visitor, status, "That did not work", message, reload)
    return JSONResponse({"message": message}, status_code=status)
