"""The server: security around, pages and the line within."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException

from simvoice.errors import SimvoiceError, UsageError
from simvoice.web import drawings, format, line, pages, progress, raters, retry
from simvoice.web.encounters import EncounterSlot
from simvoice.web.pages import Summaries
from simvoice.web.ports import Simulator
from simvoice.web.security import Guard, StartKey, new_token

_HERE = Path(__file__).resolve().parent

_LISTING = re.compile(r"run: simvoice (?:attempts list|progress), to see [a-z ]+")
"""A remedy for the terminal: a page has its own."""

_FAREWELL_S = 5.0
"""How long the end of the server waits for an encounter to close its record."""


def create_app(simulator: Simulator, start_key: StartKey) -> FastAPI:
    """The learner's pages over `simulator`; one encounter at a time.

    start_key: what a browser must have been given to be answered.
    """
    token = new_token()
    stage = EncounterSlot(simulator)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(stage.shut, _FAREWELL_S)

    # the interactive documentation would load scripts from outside
    app = FastAPI(
        title="simvoice", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.simulator = simulator
    app.state.stage = stage
    app.state.token = token
    app.state.summaries = Summaries()
    app.state.agreements = raters.Agreements()
    app.state.templates = _templates()
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    app.include_router(pages.router)
    app.include_router(retry.router)
    app.include_router(progress.router)
    app.include_router(drawings.router)
    app.include_router(line.router)
    app.include_router(raters.router)
    app.add_exception_handler(SimvoiceError, _known_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(Guard, token=token, start_key=start_key)
    return app


def _templates() -> Jinja2Templates:
    templates = Jinja2Templates(directory=_HERE / "templates")
    templates.env.trim_blocks = True
    templates.env.lstrip_blocks = True
    templates.env.filters.update(
        blocks=format.blocks,
        clock=format.clock,
        duration=format.duration,
        ending=format.ending,
        figure=format.figure,
        moment=format.moment,
        progress_address=format.progress_address,
        sentence=format.sentence,
    )
    return templates


async def _known_error(request: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, UsageError) else 503
    said = str(error)
    if "text/html" in request.headers.get("accept", ""):
        said = _LISTING.sub("the first page lists those there are", said)
    return _sentence(request, status, said)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = "There is no such page here." if error.status_code == 404 else str(error.detail)
    return _sentence(request, error.status_code, detail)


def _sentence(request: Request, status: int, sentence: str) -> Response:
    """What went wrong, as a page for people and as JSON for scripts."""
    sentence = format.sentence(sentence)
    if "text/html" in request.headers.get("accept", ""):
        return pages.message(request, status, "That did not work", sentence)
    return JSONResponse({"message": sentence}, status_code=status)
