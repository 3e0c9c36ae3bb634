"""Pages of the hub from their templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from jinja2 import FileSystemLoader

from simvoice.hub import page_words
from simvoice.hub.doors import sessions
from simvoice.hub.doors.access import Visitor, csrf_token
from simvoice.hub.hub import hub_of

_HERE = Path(__file__).resolve().parent


def add_templates(templates: Jinja2Templates) -> Jinja2Templates:
    """Let templates be found in the hub first, and among those of the learner's pages."""
    loader = templates.env.loader
    assert isinstance(loader, FileSystemLoader)
    loader.searchpath.insert(0, str(_HERE / "templates"))
    templates.env.filters.update(page_words.FILTERS)
    return templates


def render(
    request: Request, name: str, visitor: Visitor, /, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """Return a page. Its template knows `visitor`, `token` (for forms), `hub_title` and `host`."""
    templates: Jinja2Templates = request.app.state.templates
    hub = hub_of(request)
    visit = None if visitor.csrf else sessions.new_secret()
    context = {
        "visitor": visitor,
        "token": csrf_token(hub, visit) if visit else visitor.csrf,
        "hub_title": hub.settings.title,
        "host": request.url.netloc,
        **values,
    }
    page = templates.TemplateResponse(request, name, context, status_code=status)
    if visit:  # a stranger's forms need a token as well, so the browser needs a cookie
        sessions.set_cookie(page, hub, "visit", visit)
    return page


def message(
    request: Request,
    visitor: Visitor,
    status: int,
    title: str,
    sentence: str,
    reload: str = "",
) -> HTMLResponse:
    """Return a page with one message. reload: the path of a "Try again" button; empty for none."""
    values = {"title": title, "sentence": sentence, "reload": reload}
    return render(request, "message.html", visitor, status=status, **values)
