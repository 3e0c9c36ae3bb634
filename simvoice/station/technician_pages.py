"""Routes of the technician at the station itself: behind the PIN, and never with words or sound.

The page gets a key for the PIN and holds it in its memory alone, so that reloading the page locks
it again. The panel has parts that change (`/technician/now`) and controls that do not.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.templating import Jinja2Templates
from pydantic import Field

from simvoice.errors import SimvoiceError, UsageError
from simvoice.hub_client.station_messages import Accommodations, StationCommand, Verb
from simvoice.station.drives import removable_drives
from simvoice.station.outbox import RecordOutbox
from simvoice.station.pages import station_of
from simvoice.station.station import Station
from simvoice.station.stick import copy_to
from simvoice.strict_model import StrictModel

router = APIRouter(prefix="/technician")

_IDLE_S = 600.0
"""A panel that nobody uses is locked after this time. Its once-a-second look does not count."""

_LOCKED = "The technician's page is locked. Enter the PIN."


class PanelKeys:
    """The keys of the pages that were unlocked. Thread-safe."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._until_s: dict[str, float] = {}

    def give(self) -> str:
        """Return a new key."""
        key = secrets.token_urlsafe(24)
        with self._lock:
            self._until_s = {key: self._now() + _IDLE_S}  # one page at a time
        return key

    def check(self, key: str, *, is_use: bool) -> None:
        """Raise UsageError when a key does not open the page. is_use: something was pressed."""
        with self._lock:
            until_s = self._until_s.get(key, 0.0)
            if self._now() >= until_s:
                self._until_s.pop(key, None)
                raise UsageError(_LOCKED)
            if is_use:
                self._until_s[key] = self._now() + _IDLE_S

    def forget(self) -> None:
        """Lock all pages."""
        with self._lock:
            self._until_s.clear()


Key = Annotated[str, Header(alias="x-simvoice-technician")]


class Pin(StrictModel):
    """What a technician typed."""

    pin: str = Field(max_length=100, repr=False)


class Press(StrictModel):
    """A verb that a technician pressed."""

    verb: Verb
    accommodations: Accommodations | None = None
    """With `sign in`: for the learner who is here, or for the next one."""


class TypedLine(StrictModel):
    """The line that the hub's page "Stations" shows."""

    line: str = Field(max_length=400, repr=False)


class CopyTo(StrictModel):
    """Where to copy the sealed records that wait."""

    drive: str = Field(max_length=400)
    """One of those that `/technician/drives` named."""


@router.post("/unlock")
def unlock(request: Request, given: Pin) -> JSONResponse:
    """Check the PIN, and give the page a key."""
    station_of(request).unlock(given.pin)
    return JSONResponse({"key": _keys(request).give()})


@router.post("/lock")
def lock(request: Request) -> JSONResponse:
    """Lock the panel again."""
    _keys(request).forget()
    return JSONResponse({})


@router.get("/panel")
def panel(request: Request, key: Key) -> HTMLResponse:
    """Return the panel."""
    return _render(request, "technician/panel.html", _opened(request, key, is_use=True))


@router.get("/now")
def now(request: Request, key: Key) -> HTMLResponse:
    """Return the part of the panel that changes."""
    return _render(request, "technician/now.html", _opened(request, key, is_use=False))


@router.post("/command")
def command(request: Request, press: Press, key: Key) -> JSONResponse:
    """Do what was pressed."""
    station = _opened(request, key, is_use=True)
    wanted = StationCommand(id=time.time_ns(), verb=press.verb, accommodations=press.accommodations)
    result = station.command(wanted)
    return JSONResponse({"done": result.done, "sentence": result.sentence})


@router.get("/unpaired")
def unpaired(request: Request) -> JSONResponse:
    """Tell whether the station belongs to no hub yet; then it can be paired without a PIN."""
    return JSONResponse({"is_unpaired": _is_unpaired(station_of(request))})


@router.post("/pair")
def pair(
    request: Request,
    given: TypedLine,
    key: Annotated[str, Header(alias="x-simvoice-technician")] = "",
) -> JSONResponse:
    """Pair the station with a hub. Only a station that is not paired needs no PIN for it."""
    station = station_of(request)
    if not _is_unpaired(station):
        _keys(request).check(key, is_use=True)
    station.pair(given.line)
    return JSONResponse({"sentence": f"Paired with {station.technician().paired_with}."})


@router.get("/drives")
def drives(request: Request, key: Key) -> JSONResponse:
    """Return the USB sticks that are mounted now."""
    _opened(request, key, is_use=True)
    return JSONResponse(
        {
            "drives": [
                {"path": str(each.path), "words": f"{each.name}, {size_in_words(each.free)} free"}
                for each in removable_drives()
            ]
        }
    )


@router.post("/copy")
def copy(request: Request, wanted: CopyTo, key: Key) -> JSONResponse:
    """Copy the sealed records that wait for the hub to a USB stick."""
    _opened(request, key, is_use=True)
    if wanted.drive not in {str(each.path) for each in removable_drives()}:
        raise UsageError("This stick is not connected any more. Connect it and look again.")
    outbox: RecordOutbox | None = request.app.state.outbox
    if outbox is None:
        raise UsageError("This station has no records to copy.")
    return JSONResponse({"sentence": copy_to(outbox, Path(wanted.drive)).sentence})


def size_in_words(size: int) -> str:
    """Return a number of bytes as "3.4 GB", or as MB below that."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _keys(request: Request) -> PanelKeys:
    keys: PanelKeys = request.app.state.technicians
    return keys


def _opened(request: Request, key: str, *, is_use: bool) -> Station:
    _keys(request).check(key, is_use=is_use)
    return station_of(request)


def _is_unpaired(station: Station) -> bool:
    try:
        return station.technician().paired_with == ""
    except SimvoiceError:  # then it is safer to ask for the PIN
        return False


def _render(request: Request, name: str, station: Station) -> HTMLResponse:
    templates: Jinja2Templates = request.app.state.templates
    values = {"at": station.view(), "seen": station.technician()}
    page: HTMLResponse = templates.TemplateResponse(request, name, values)
    return page
