"""The stations of a lab, for technicians: the grid of all, one station, and their settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from simvoice.errors import SettingError, UsageError
from simvoice.hub import audit, codes
from simvoice.hub.assignment_options import (
    FACTORS,
    OptionsForm,
    accommodation_words,
    parse_accommodations,
)
from simvoice.hub.codes import CodeKind, CodeState
from simvoice.hub.doors.access import Visitor, allow
from simvoice.hub.doors.rates import PASSWORDS
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.pages.cases import assignable_cases
from simvoice.hub.pages.common import REFUSED, Technician, go_to
from simvoice.hub.render import render
from simvoice.hub.roles import Role
from simvoice.hub.stations import lab_settings
from simvoice.hub.stations.board import LabFacts
from simvoice.hub.stations.reservations import FREED, RISK, Reservation, free, reservations
from simvoice.hub.stations.roster import lab_facts
from simvoice.hub.stations.tiles import VERBS, StationTile, asks_first, by_name, tile
from simvoice.hub.storage.tables import Assignment, Course, Device, OneTimeCode
from simvoice.hub_client.station_messages import (
    Accommodations,
    OnCrash,
    StationSettings,
    Verb,
)

router = APIRouter()

_DONE = {
    "settings": "Saved. Stations use it for the next learner.",
    "pin": "The PIN is set. Stations have it within seconds.",
    "sent": "Sent to the station.",
    "freed": "The code is open again, at every station and on the server.",
}
_NO_STATION = "There is no such station."


# -- the grid -----------------------------------------------------------------------------------


@router.get("/stations")
def all_stations(request: Request, visitor: Technician, done: str = "") -> Response:
    """Show all stations, each as a tile that a script keeps up to date."""
    hub = hub_of(request)
    facts = lab_facts(hub)
    return render(
        request,
        "stations.html",
        visitor,
        tiles=_tiles(hub, facts),
        verbs=VERBS,
        blank=_blank_tile(),
        left_out=facts.left_out,
        done=_DONE.get(done, ""),
    )


@router.get("/stations/state")
def state(request: Request, visitor: Technician) -> JSONResponse:
    """Return all stations as they are now. The pages ask once a second."""
    hub = hub_of(request)
    found = [_json(each) for each in _tiles(hub, lab_facts(hub))]
    return JSONResponse({"stations": found}, headers={"Cache-Control": "no-store"})


def _tiles(hub: Hub, facts: LabFacts) -> list[StationTile]:
    with hub.database.read() as session:
        devices = session.scalars(_paired()).all()
    at = hub.now()
    found = [tile(each, hub.stations.now(each.id, at), facts, at) for each in devices]
    return sorted(found, key=lambda each: by_name(each.name))


def _paired() -> Any:
    return select(Device).where(Device.kind == "station", Device.unpaired_at.is_(None))


def _json(shown: StationTile) -> dict[str, Any]:
    return {**asdict(shown), "id": str(shown.id)}


def _blank_tile() -> StationTile:
    """Return the tile from which the script makes that of a station that was just paired."""
    return StationTile(id=UUID(int=0), name="", light="away", light_words="", state="")


def _device(session: Session, device_id: UUID) -> Device:
    found = session.scalar(_paired().where(Device.id == device_id))
    if found is None:
        raise UsageError(_NO_STATION)
    assert isinstance(found, Device)
    return found


# -- settings -----------------------------------------------------------------------------------

_TEXTS = ("consent", "honour")
_TICKS = ("practice_without_code", "speak_announcements")
_TIMES = {
    "consent_s": "Consent and honour code",
    "code_s": "Typing the code",
    "microphone_s": "Microphone check",
    "debrief_s": "Debrief of a practice",
    "thanks_s": "Thanks after an exam",
}


@router.get("/stations/settings")
def settings(request: Request, visitor: Technician, done: str = "") -> Response:
    """Show how all stations behave."""
    with hub_of(request).database.read() as session:
        present = lab_settings.station_settings(session)
    return _settings_page(request, visitor, present.model_dump(), done=_DONE.get(done, ""))


def _settings_page(
    request: Request,
    visitor: Visitor,
    given: dict[str, Any],
    *,
    problem: str = "",
    pin_problem: str = "",
    done: str = "",
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        has_pin = bool(lab_settings.pin_hash(session))
    return render(
        request,
        "station_settings.html",
        visitor,
        status=REFUSED if problem or pin_problem else 200,
        given=given,
        times=_TIMES,
        cases=assignable_cases(hub),
        on_crash=OnCrash,
        has_pin=has_pin,
        shortest_pin=lab_settings.SHORTEST_PIN,
        longest_pin=lab_settings.LONGEST_PIN,
        problem=problem,
        pin_problem=pin_problem,
        done=done,
    )


@router.post("/stations/settings")
async def save_settings(request: Request, visitor: Technician) -> Response:
    """Change how all stations behave."""
    form = await request.form()
    given: dict[str, Any] = {
        **{name: str(form.get(name, "")).replace("\r\n", "\n").strip() for name in _TEXTS},
        **{name: str(form.get(name, "")).strip() for name in _TIMES},
        **{name: form.get(name) == "yes" for name in _TICKS},
        "on_crash": str(form.get("on_crash", "")),
        "practice_cases": tuple(str(each) for each in form.getlist("practice_cases")),
    }
    return await run_in_threadpool(_save, request, visitor, given)


def _save(request: Request, visitor: Visitor, given: dict[str, Any]) -> Response:
    hub = hub_of(request)
    try:
        wanted = StationSettings.model_validate(given, strict=False)
    except ValidationError as error:
        return _settings_page(request, visitor, given, problem=_sentence(error))
    with hub.database.begin() as session:
        lab_settings.set_station_settings(session, visitor, wanted)
    hub.stations.facts.forget()
    return go_to("/stations/settings", "settings")


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    name = str(first["loc"][0])
    if name in _TIMES:
        limit = first.get("ctx", {})
        if "ge" in limit:
            return f"“{_TIMES[name]}” needs {limit['ge']:g} seconds or more."
        if "le" in limit:
            return f"“{_TIMES[name]}” can have {limit['le']:g} seconds at most."
        return f"“{_TIMES[name]}” needs a number of seconds."
    if name in _TEXTS:
        return "A text for the consent page can have 4000 characters."
    return "Choose what becomes of an encounter that was cut off."


@router.post("/stations/pin")
def set_pin(
    request: Request,
    visitor: Annotated[Visitor, allow(Role.TECHNICIAN, rate=PASSWORDS)],
    pin: Annotated[str, Form()] = "",
    again: Annotated[str, Form()] = "",
) -> Response:
    """Set the PIN with which technicians open their page at a station."""
    hub = hub_of(request)
    try:
        if "".join(pin.split()) != "".join(again.split()):
            raise SettingError("Both PINs must be the same.")
        lab_settings.check_pin(pin)
        with hub.database.begin() as session:
            lab_settings.set_pin(session, hub, visitor, pin)
    except SettingError as error:
        with hub.database.read() as session:
            present = lab_settings.station_settings(session)
        return _settings_page(request, visitor, present.model_dump(), pin_problem=str(error))
    hub.stations.facts.forget()
    return go_to("/stations/settings", "pin")


# -- commands -----------------------------------------------------------------------------------


@router.post("/stations/{device_id}/command")
def command(
    request: Request,
    visitor: Technician,
    device_id: UUID,
    verb: Annotated[str, Form()] = "",
    sure: Annotated[str, Form()] = "",
) -> Response:
    """Send a command to a station; ask first when it cannot be taken back.

    A script gets a sentence, or the address of the question; a form gets the page.
    """
    hub, wanted = hub_of(request), _verb(verb)
    if wanted is Verb.SIGN_IN:
        raise UsageError("Choose whom to sign in on the page of the station.")
    now = hub.stations.now(device_id, hub.now())
    if now is not None and sure != "yes" and asks_first(wanted, now.report):
        there = f"/stations/{device_id}/confirm?{urlencode({'verb': wanted})}"
        return JSONResponse({"ask_at": there}) if _is_script(request) else go_to(there)
    try:
        sentence = _press(hub, visitor, device_id, wanted)
    except UsageError as error:
        if _is_script(request) or str(error) == _NO_STATION:
            raise
        return _station_page(request, visitor, device_id, status=REFUSED, problem=str(error))
    return JSONResponse({"sentence": sentence}) if _is_script(request) else go_to("/stations")


def _press(
    hub: Hub,
    visitor: Visitor,
    device_id: UUID,
    verb: Verb,
    *,
    code: OneTimeCode | None = None,
    accommodations: Accommodations | None = None,
) -> str:
    """Send a command, and record who did. Returns what to show. Raises UsageError."""
    with hub.database.begin() as session:
        name = _device(session, device_id).name
        code_id = None if code is None else code.id
        hub.stations.press(device_id, verb, hub.now(), code=code_id, accommodations=accommodations)
        changed = "" if accommodations is None else accommodation_words(accommodations)
        candidate = "" if code is None else f"candidate {code.label}"
        detail = ", ".join(each for each in (name, candidate, changed) if each)
        is_setting = verb is Verb.SIGN_IN and code is None
        action = "set accommodations at station" if is_setting else VERBS[verb].action
        audit.record(session, visitor, action, device_id, detail)
    return f"{VERBS[verb].button}: sent…"


def _verb(given: str) -> Verb:
    try:
        return Verb(given)
    except ValueError:
        raise UsageError("There is no such command for a station.") from None


def _is_script(request: Request) -> bool:
    return "text/html" not in request.headers.get("accept", "")


@router.get("/stations/{device_id}/confirm")
def confirm(request: Request, visitor: Technician, device_id: UUID, verb: str = "") -> Response:
    """Ask before a command that cannot be taken back."""
    hub, wanted = hub_of(request), _verb(verb)
    facts = lab_facts(hub)
    with hub.database.read() as session:
        device = _device(session, device_id)
    shown = tile(device, hub.stations.now(device_id, hub.now()), facts, hub.now())
    return render(
        request,
        "station_confirm.html",
        visitor,
        station=shown,
        verb=wanted,
        words=VERBS[wanted],
    )


# -- one station --------------------------------------------------------------------------------


@router.get("/stations/{device_id}")
def one_station(request: Request, visitor: Technician, device_id: UUID, done: str = "") -> Response:
    """Show a station: its state, its commands, and the sign-in of a candidate from afar."""
    return _station_page(request, visitor, device_id, done=_DONE.get(done, ""))


def _station_page(
    request: Request,
    visitor: Visitor,
    device_id: UUID,
    *,
    status: int = 200,
    problem: str = "",
    done: str = "",
) -> Response:
    hub = hub_of(request)
    facts = lab_facts(hub)
    with hub.database.read() as session:
        device = _device(session, device_id)
        candidates = _open_candidates(session, hub)
        reserved = _reserved_at(session, hub, device_id)
    shown = tile(device, hub.stations.now(device_id, hub.now()), facts, hub.now())
    return render(
        request,
        "station.html",
        visitor,
        status=status,
        station=shown,
        device=device,
        verbs=VERBS,
        candidates=candidates,
        reserved=reserved,
        risk=RISK,
        factors=FACTORS,
        problem=problem,
        done=done,
    )


def _open_candidates(
    session: Session, hub: Hub
) -> Sequence[tuple[str, Sequence[tuple[UUID, str]]]]:
    """Return the open exam codes by assignment, each with its label."""
    now = hub.now()
    rows = session.execute(
        select(OneTimeCode.id, OneTimeCode.label, Assignment.title, Course.title, Assignment.id)
        .join(Assignment, Assignment.id == OneTimeCode.assignment_id)
        .join(Course, Course.id == Assignment.course_id)
        .where(
            OneTimeCode.kind == str(CodeKind.EXAM),
            OneTimeCode.used_at.is_(None),
            OneTimeCode.revoked_at.is_(None),
            OneTimeCode.expires_at > now,
            OneTimeCode.station_hash.is_not(None),
            Assignment.withdrawn_at.is_(None),
            Assignment.debriefs_released_at.is_(None),
            Course.archived_at.is_(None),
        )
    ).all()
    by_exam: dict[tuple[str, UUID], list[tuple[UUID, str]]] = {}
    for code_id, label, title, course, task_id in rows:
        by_exam.setdefault((f"{course}: {title}", task_id), []).append((code_id, label))
    return [
        (title, sorted(found, key=lambda each: by_name(each[1])))
        for (title, _), found in sorted(by_exam.items(), key=lambda each: each[0][0].casefold())
    ]


def _reserved_at(
    session: Session, hub: Hub, device_id: UUID
) -> Sequence[tuple[str, str, Reservation]]:
    """Return the codes that a station has reserved and that can be freed: exam, candidate, it."""
    found = reservations(session, hub, device_id=device_id)
    rows = session.execute(
        select(OneTimeCode.id, OneTimeCode.label, Assignment.title)
        .join(Assignment, Assignment.id == OneTimeCode.assignment_id)
        .where(OneTimeCode.id.in_(found))
        .order_by(Assignment.title, OneTimeCode.label)
    )
    return [
        (title, label, found[code_id])
        for code_id, label, title in rows
        if found[code_id].is_cut_off
    ]


@router.post("/stations/{device_id}/free")
def free_code(
    request: Request, visitor: Technician, device_id: UUID, code: Annotated[str, Form()] = ""
) -> Response:
    """Open a code that a station has reserved which is cut off."""
    hub = hub_of(request)
    try:
        with hub.database.begin() as session:
            name = _device(session, device_id).name
            found = codes.get(session, UUID(code)) if _is_uuid(code) else None
            if found is None or found.id not in reservations(session, hub, device_id=device_id):
                raise UsageError("This station has not reserved this code now.")
            freed = free(session, hub, found)
            detail = f"candidate {found.label}: {freed.words}"
            audit.record(session, visitor, FREED, device_id, f"{name}, {detail}")
    except UsageError as error:
        if str(error) == _NO_STATION:
            raise
        return _station_page(request, visitor, device_id, status=REFUSED, problem=str(error))
    hub.stations.facts.forget()
    return go_to(f"/stations/{device_id}", "freed")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


class SignInForm(OptionsForm):
    """Whom to sign in, and what is changed for the learner; the other fields are not used."""

    code: str = ""
    """The id of a code; empty to sign nobody in."""


@router.post("/stations/{device_id}/sign-in")
def sign_in(
    request: Request,
    visitor: Technician,
    device_id: UUID,
    form: Annotated[SignInForm, Form()],
) -> Response:
    """Begin the visit of a candidate at a station, as if the code had been typed there.

    Without a candidate, only set what is changed for the learner who is there, or the next one.
    """
    hub = hub_of(request)
    try:
        accommodations = parse_accommodations(form)
        with hub.database.read() as session:
            found = _chosen(session, hub, form.code) if form.code else None
        if found is None and accommodations == Accommodations():
            raise SettingError("Choose a candidate, or what is changed for the learner.")
        _press(hub, visitor, device_id, Verb.SIGN_IN, code=found, accommodations=accommodations)
    except UsageError as error:
        if str(error) == _NO_STATION:
            raise
        return _station_page(request, visitor, device_id, status=REFUSED, problem=str(error))
    return go_to(f"/stations/{device_id}", "sent")


def _chosen(session: Session, hub: Hub, given: str) -> OneTimeCode:
    found = codes.get(session, UUID(given)) if _is_uuid(given) else None
    if found is None or found.kind != CodeKind.EXAM:
        raise UsageError("Choose a candidate from the list.")
    reserved = reservations(session, hub, code_ids=[found.id]).get(found.id)
    if reserved is not None:
        raise UsageError(f"The code of candidate {found.label} is {reserved.words}.")
    if codes.state(found, hub.now()) is not CodeState.OPEN:
        raise UsageError(f"The code of candidate {found.label} cannot be used any more.")
    return found
