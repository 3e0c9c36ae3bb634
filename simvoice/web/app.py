"""Build the server: routes, templates, error pages and the access check around them."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException

from simvoice import display, log
from simvoice.debrief import wording
from simvoice.debrief.comparison import compared_facts
from simvoice.errors import SimvoiceError, UsageError
from simvoice.hub_client.link import HubLink
from simvoice.record.endings import end_words
from simvoice.safe_text import encodable
from simvoice.web import (
    drawings,
    format,
    hub_page,
    line,
    own_data,
    pages,
    progress,
    raters,
    reflect_page,
    retry,
)
from simvoice.web.encounters import EncounterPool
from simvoice.web.open_files import say_when_files_run_out
from simvoice.web.pages import DebriefCache
from simvoice.web.ports import Simulator
from simvoice.web.request_log import Faults, RequestLog
from simvoice.web.security import Guard, StartKey, new_token

_log = logging.getLogger(__name__)

_HERE = Path(__file__).resolve().parent

_TERMINAL_REMEDY = re.compile(
    r"to [a-z ]+,? run: simvoice (?:attempts list|progress)"
    r"|run: simvoice (?:attempts list|progress), to [a-z ]+"
)
"""A remedy for the terminal. Pages show another one instead."""

_HTTP_SENTENCES = {
    404: "This page does not exist.",
    405: "This address cannot be used in this way.",
}

_SHUTDOWN_S = 5.0
"""At shutdown, the server waits up to this long for an encounter to close its record."""


def create_app(
    simulator: Simulator,
    start_key: StartKey,
    hub_link: HubLink | None = None,
    *,
    reflects: bool = True,
) -> FastAPI:
    """Return the ASGI application over `simulator`. It admits one encounter at a time.

    start_key: the secrets of this start. Only a browser that has them gets an answer. hub_link: the
    connection with a hub; without one there is no page about it, and nothing can be released.
    reflects: learners write about own moments before they read a debrief.
    """
    token = new_token()
    slot = EncounterPool()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        say_when_files_run_out(asyncio.get_running_loop())
        if hub_link is not None:
            hub_link.start(hub_page.AppSource(simulator, app.state.debriefs))
        yield
        if hub_link is not None:
            await run_in_threadpool(hub_link.close)
        await run_in_threadpool(slot.shut_down, _SHUTDOWN_S)

    # the interactive documentation would load scripts from other hosts
    app = FastAPI(
        title="simvoice", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.simulator = simulator
    app.state.hub_link = hub_link
    app.state.slot = slot
    app.state.reflects = reflects
    app.state.token = token
    app.state.debriefs = DebriefCache()
    app.state.agreements = raters.AgreementCache()
    app.state.templates = page_templates()
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    app.include_router(pages.router)
    app.include_router(reflect_page.router)
    app.include_router(retry.router)
    app.include_router(progress.router)
    app.include_router(drawings.router)
    app.include_router(line.router)
    app.include_router(raters.router)
    app.include_router(hub_page.router)
    app.include_router(own_data.router)
    app.add_exception_handler(SimvoiceError, _known_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _address_error)
    app.add_middleware(Faults, answer=_fault)
    app.add_middleware(Guard, token=token, start_key=start_key)
    app.add_middleware(RequestLog)
    return app


def page_templates() -> Jinja2Templates:
    """Return the templates of the pages, with their filters."""
    templates = Jinja2Templates(directory=_HERE / "templates")
    templates.env.trim_blocks = True
    templates.env.lstrip_blocks = True
    templates.env.filters.update(
        blocks=format.blocks,
        cause_named=wording.cause_named,
        clock=display.clock,
        compared_facts=compared_facts,
        count_noun=display.count_noun,
        cue_answer=wording.cue_answer,
        duration=display.duration,
        duration_in_words=display.duration_in_words,
        ending=lambda reason: end_words(reason).clause,
        figure=display.figure,
        moment=format.moment,
        not_told=wording.not_told,
        outcome_words=wording.outcome_words,
        cannot_tell=wording.cannot_tell,
        percent=display.percent,
        points=display.points,
        progress_address=format.progress_address,
        sentence=format.sentence,
        signed_points=display.signed_points,
        taken_as=wording.taken_as,
        tally_cues=wording.tally_cues,
    )
    templates.env.globals.update(
        moved=wording.moved,
        retry_scope=wording.RETRY_SCOPE,
        unsure=wording.UNSURE,
        not_compared=wording.NOT_COMPARED,
    )
    return templates


async def _known_error(request: Request, error: Exception) -> Response:
    _log.info("refused %s", log.place(error))
    status = 404 if isinstance(error, UsageError) else 503
    message = str(error)
    if "text/html" in request.headers.get("accept", ""):
        message = _TERMINAL_REMEDY.sub("the first page lists all attempts", message)
    return _error(request, status, message)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = _HTTP_SENTENCES.get(error.status_code, str(error.detail))
    return _error(request, error.status_code, message)


async def _address_error(request: Request, _error_in_address: Exception) -> Response:
    return _error(request, 422, "This address is not complete, or a part of it is not valid.")


async def _fault(request: Request) -> Response:
    return _error(request, 500, "simvoice could not do this")


def _error(request: Request, status: int, message: str) -> Response:
    """Return an error as a page for a browser window, and as JSON for a script.

    An error of the server names the id of the request, which finds its lines in the log.
    """
    message = encodable(format.sentence(message))
    if status >= 500:
        message += f" The log has the details under {log.request_id()}."
    is_page = not request.url.path.startswith("/static/")  # answered to anyone: no token in it
    if is_page and "text/html" in request.headers.get("accept", ""):
        return pages.message(request, status, "That did not work", message)
    return JSONResponse({"message": message}, status_code=status)
