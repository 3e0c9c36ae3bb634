"""Routes of the main pages: cases, door note, debrief, recording, and the JSON that they fetch.

Handlers are plain functions. FastAPI runs them in threads, so they do not block the event loop that
carries the sound.
"""

from __future__ import annotations

import mimetypes
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
)
from fastapi.templating import Jinja2Templates

from simvoice.debrief import layout as debrief_page
from simvoice.debrief.build import build_debrief
from simvoice.debrief.comparison import Comparison, ReadAttempt, compare, find_retries
from simvoice.debrief.model import Debrief
from simvoice.devices.wav import wav_bytes
from simvoice.errors import AttemptError, SimvoiceError
from simvoice.hub_client.link import HubLink
from simvoice.progress.brief_store import FILE, load_brief, normalize_name, store_brief
from simvoice.progress.glance import glance_at
from simvoice.reading.reading import Reading, read
from simvoice.record.answers import answers_for_page
from simvoice.record.events import RetryOrigin
from simvoice.record.files import check_id
from simvoice.record.identity import attempt_uuid
from simvoice.record.reflection import REFLECTION
from simvoice.record.store import Attempt, AttemptSummary
from simvoice.release.prepare import FOLDER as RELEASE_FOLDER
from simvoice.web.attempt_rows import attempt_rows
from simvoice.web.encounters import EncounterPool, offered_case
from simvoice.web.ports import Simulator
from simvoice.web.reflection import moments_due, shown_reflection

# -- cache of debriefs


_CACHED_DEBRIEFS = 4
"""The debrief that is being read, the one compared with it, and some in other tabs."""

FolderState = tuple[tuple[str, int, int], ...]
"""Name, size and modification time of every file of an attempt's folder."""


class DebriefCache:
    """The last few debriefs. One is built again when a file in its attempt's folder changes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cached: OrderedDict[str, tuple[FolderState, Reading, Debrief]] = OrderedDict()

    def get(self, attempt: Attempt) -> Debrief:
        """Return the debrief of an attempt. Building it may take two seconds. Thread-safe."""
        return self._read(attempt)[1]

    def reading(self, attempt: Attempt) -> Reading:
        """Return the reading from which the debrief of an attempt is built. Thread-safe."""
        return self._read(attempt)[0]

    def forget(self, attempt_id: str) -> None:
        """Drop what was read of an attempt that is erased. Thread-safe."""
        with self._lock:
            self._cached.pop(attempt_id, None)

    def clear(self) -> None:
        """Drop everything. Thread-safe."""
        with self._lock:
            self._cached.clear()

    def _read(self, attempt: Attempt) -> tuple[Reading, Debrief]:
        with self._lock:
            state = folder_state(attempt.folder)
            cached = self._cached.get(attempt.id)
            if cached is None or cached[0] != state:
                reading = read(attempt)
                cached = (state, reading, build_debrief(attempt, reading))
                self._cached[attempt.id] = cached
            self._cached.move_to_end(attempt.id)
            while len(self._cached) > _CACHED_DEBRIEFS:
                self._cached.popitem(last=False)
            return cached[1:]


def folder_state(folder: Path) -> FolderState:
    """Return the state of a folder's files; an objection or a lost recording changes it.

    The brief that progress reads, and what is made for a release, are left out: they are derived
    from the debrief. So is what the learner writes before it, which changes nothing of it.
    """
    found = []
    for path in sorted(folder.iterdir()):
        # also while they are being written
        if path.name.startswith((FILE, REFLECTION)) or path.name == RELEASE_FOLDER:
            continue
        about = path.lstat()
        found.append((path.name, about.st_size, about.st_mtime_ns))
    return tuple(found)


# -- retries of an attempt


@dataclass(frozen=True, slots=True)
class RetryLinks:
    """How an attempt is connected with other attempts by retries."""

    origin: RetryOrigin | None
    """The checkpoint that this attempt retries; None when it began at the door."""
    comparison: Comparison | None
    """The first attempt and this one; None without a retry, or when the first one is gone."""
    first_has_sound: bool
    retries: tuple[AttemptSummary, ...]
    """Later attempts that began at a checkpoint of this one."""


def retry_links(simulator: Simulator, debriefs: DebriefCache, attempt: Attempt) -> RetryLinks:
    """Return the links of an attempt. Reads the first attempt when this one is a retry."""
    origin = attempt.header.again
    comparison, has_sound = None, False
    if origin is not None:
        try:
            first = simulator.attempt(origin.attempt)
            read_first = ReadAttempt(first, debriefs.reading(first))
            comparison = compare(read_first, ReadAttempt(attempt, debriefs.reading(attempt)))
            has_sound = first.audio_path is not None
        except SimvoiceError:  # erased or damaged since; the page says so
            comparison = None
    retries = find_retries(attempt.id, simulator.attempts())
    return RetryLinks(origin, comparison, has_sound, retries)


# -- pages


router = APIRouter()

_RELOAD_WAIT_S = 1.5
"""After a reload, the request arrives before the server knows that the old page is gone."""

# Some systems map these to other types. Then browsers refuse modules, and Firefox refuses FLAC.
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("audio/flac", ".flac")


def _simulator(request: Request) -> Simulator:
    simulator: Simulator = request.app.state.simulator
    return simulator


def _slot(request: Request) -> EncounterPool:
    slot: EncounterPool = request.app.state.slot
    return slot


def _debriefs(request: Request) -> DebriefCache:
    cache: DebriefCache = request.app.state.debriefs
    return cache


def _debrief(request: Request, attempt: Attempt) -> Debrief:
    cache = _debriefs(request)
    return cache.get(attempt)


def render(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page from its template."""
    templates: Jinja2Templates = request.app.state.templates
    context = {
        "token": request.app.state.token,
        "disclosure": _simulator(request).disclosure,
        "has_link": request.app.state.hub_link is not None,
        "server": _server(request),
        **values,
    }
    return templates.TemplateResponse(request, name, context, status_code=status)


def _server(request: Request) -> str:
    """Return the name of the hub that this machine is paired with; empty without one."""
    link: HubLink | None = request.app.state.hub_link
    return "" if link is None else link.server


def message(
    request: Request, status: int, title: str, sentence: str, reload: str = ""
) -> HTMLResponse:
    """Return a page with one message. reload: the path of a "Try again" button; empty for none."""
    return render(request, "message.html", status, title=title, sentence=sentence, reload=reload)


def _attempt(request: Request, attempt_id: str) -> Attempt:
    return _simulator(request).attempt(check_id(attempt_id))


@router.get("/")
def index(request: Request) -> HTMLResponse:
    """Show the cases and the past attempts."""
    simulator = _simulator(request)
    attempts = list(simulator.attempts())
    left = _slot(request).left_behind
    return render(
        request,
        "index.html",
        cases=simulator.cases(),
        withheld=simulator.withheld(),
        rows=attempt_rows(attempts),
        attempts=attempts,
        **_standing(simulator, attempts),
        left_behind=next((card for card in attempts if card.id == left), None),
    )


def _standing(simulator: Simulator, attempts: Sequence[AttemptSummary]) -> dict[str, Any]:
    """Return where the learner of the latest attempt stands, from briefs that are there already."""
    done = [each for each in attempts if each.state == "complete"]
    if not done:
        return {"glance": None, "who": ""}
    who = normalize_name(done[0].learner)
    own = [each for each in done if normalize_name(each.learner) == who]
    found = [load_brief(simulator.store.root / each.id) for each in own]
    return {"glance": glance_at([brief for brief in found if brief is not None]), "who": who}


@router.get("/case/{case_id}")
def case(request: Request, case_id: str, typed: Literal["yes", "no"] = "no") -> HTMLResponse:
    """Show the door note. The encounter runs in the same page. typed: the learner types turns."""
    card = offered_case(_simulator(request), case_id)
    is_typed = typed == "yes"
    changed = {"typed": is_typed, "captions": is_typed}
    return busy_page(request) or render(
        request, "case.html", case=card, retry=None, changed=changed
    )


def busy_page(request: Request) -> HTMLResponse | None:
    """Return a page that says that an encounter is running; None when none is."""
    if _slot(request).is_free(_RELOAD_WAIT_S):
        return None
    return message(
        request,
        409,
        "An encounter is running",
        "An encounter is running in another tab or window of this computer. "
        "Go back to it, or end it there and try again here.",
        reload=str(request.url.path),
    )


@router.post("/api/case/{case_id}/prepare")
def prepare(request: Request, case_id: str) -> JSONResponse:
    """Start preparing while the learner reads the door note."""
    card = offered_case(_simulator(request), case_id)
    _simulator(request).prepare(card.id)
    return ready(request)


@router.get("/api/ready")
def ready(request: Request) -> JSONResponse:
    """Return how far the preparation is."""
    return JSONResponse(asdict(_simulator(request).ready()))


@router.get("/attempts/{attempt_id}")
def attempt(request: Request, attempt_id: str) -> Response:
    """Show the debrief of an attempt; before it, the page on which the learner reflects."""
    found = _attempt(request, attempt_id)
    if found.state == "open":
        return message(
            request,
            409,
            "The encounter is still running",
            "You can read the debrief when it has ended.",
            reload=str(request.url.path),
        )
    _slot(request).forget(attempt_id)
    reading = _debriefs(request).reading(found)
    if moments_due(found, lambda: reading):
        return RedirectResponse(f"/attempts/{attempt_id}/reflect", 303)
    debrief = _debrief(request, found)
    if found.state == "complete" and load_brief(found.folder) is None:
        # then progress need not measure the attempt again
        store_brief(found, reading, debrief)
    return render(
        request,
        "debrief.html",
        view=debrief_page.view(debrief),
        earlier=_earlier(_simulator(request), found),
        retry_links=retry_links(_simulator(request), _debriefs(request), found),
        is_changed=_is_changed(_simulator(request), found),
        checked=request.app.state.agreements.get(_simulator(request)).words,
        released=_released(request, found),
        answers=answers_for_page(found.folder),
        **shown_reflection(found, reading, debrief),
    )


def _released(request: Request, found: Attempt) -> str:
    """Return how far the release of an attempt is, in a sentence; empty when it is not released."""
    link: HubLink | None = request.app.state.hub_link
    return "" if link is None else link.describe(attempt_uuid(found.header))


def _is_changed(simulator: Simulator, found: Attempt) -> bool:
    """Return True when the case file changed since this attempt. Then no retry can begin."""
    cards = (card for card in simulator.cases() if card.id == found.header.case_id)
    return any(card.sha256 not in {"", found.header.case_sha256} for card in cards)


def _earlier(simulator: Simulator, found: Attempt) -> AttemptSummary | None:
    """Return the same learner's last complete attempt at this case before this one, or None.

    Parts of an encounter are left out, such as retries, which are compared with their origin.
    """
    if found.header.is_part:
        return None
    before = (
        card
        for card in simulator.attempts()  # the newest first
        if not card.is_part
        and (card.case_id, card.learner) == (found.header.case_id, found.header.learner)
        and card.state == "complete"
        and found.started is not None
        and card.when < found.started.wall_time
    )
    return next(before, None)


@router.get("/attempts/{attempt_id}/timeline")
def timeline(request: Request, attempt_id: str) -> JSONResponse:
    """Return the data of the timeline."""
    return JSONResponse(debrief_page.timeline(_debrief(request, _attempt(request, attempt_id))))


@router.get("/attempts/{attempt_id}/audio")
def audio(request: Request, attempt_id: str) -> Response:
    """Return the recording: learner left, patient right. A range request gets status 206."""
    path = _attempt(request, attempt_id).audio_path
    if path is None or not path.is_file():
        raise AttemptError("The recording of this attempt is not available any more.")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return FileResponse(path, media_type=kind)


@router.get("/attempts/{attempt_id}/afterwards")
def afterwards(request: Request, attempt_id: str) -> Response:
    """Return the patient's reflection in the patient's voice, as a WAV file."""
    if not _slot(request).is_free():
        raise AttemptError("An encounter is running. You can hear this when it ends.")
    pcm = _simulator(request).reflection_audio(check_id(attempt_id))
    return Response(wav_bytes(pcm), media_type="audio/wav")


@router.delete("/attempts/{attempt_id}")
def erase(request: Request, attempt_id: str) -> JSONResponse:
    """Erase an attempt permanently."""
    erase_attempt(request, check_id(attempt_id))
    return JSONResponse({"erased": attempt_id})


def erase_attempt(request: Request, attempt_id: str) -> None:
    """Erase an attempt, and what this process remembers of it. Raises AttemptError."""
    _simulator(request).erase(attempt_id)
    link: HubLink | None = request.app.state.hub_link
    if link is not None:
        link.erased(attempt_id)
    _slot(request).forget(attempt_id)
    _debriefs(request).forget(attempt_id)
