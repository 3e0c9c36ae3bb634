"""Pages on which educators make cases: the list, and the workbench of one case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Form, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import Field, ValidationError
from starlette.datastructures import FormData, UploadFile

from simvoice.devices.wav import wav_bytes
from simvoice.errors import CaseError, SimvoiceError, UsageError
from simvoice.hub import audit, educator_cases
from simvoice.hub.doors.access import Visitor, allow
from simvoice.hub.doors.rates import (
    ASKED_PATIENTS,
    CASE_CHECKS,
    NEW_CASES,
    OPENINGS,
    SPOKEN_LINES,
    Rate,
)
from simvoice.hub.educator_cases import ChangedMeanwhile
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.pages.common import REFUSED, Educator, account_of, go_to
from simvoice.hub.render import render
from simvoice.hub.roles import Role
from simvoice.hub.storage.tables import EducatorCase
from simvoice.hub.workbench import heard, workbench
from simvoice.hub_client.catalogue import CASE_FILES
from simvoice.paths import case_dirs
from simvoice.patient.case.load import CASE_FILE, SUITE_FILE, find_cases
from simvoice.patient.case.schema import Case
from simvoice.patient.checking.certificate import CERTIFICATE_FILE
from simvoice.safe_text import field_place, shortened
from simvoice.strict_model import StrictModel
from simvoice.workbench import changes, fields, note, questions
from simvoice.workbench.cards import LINE_GROUPS, Card, CaseDraft
from simvoice.workbench.fields import (
    KINDS,
    CardKind,
    fields_of,
    kind_of,
    may_grow,
    value_of,
)
from simvoice.workbench.note import CaseFiles, DoorNote
from simvoice.workbench.yaml_text import changed
from simvoice.yaml_file import MOST_BYTES, parse_yaml, read_bytes

router = APIRouter(prefix="/workbench")


def _educator(rate: Rate) -> Any:
    return allow(Role.EDUCATOR, rate=rate)


Making = Annotated[Visitor, _educator(NEW_CASES)]
Asking = Annotated[Visitor, _educator(ASKED_PATIENTS)]
Hearing = Annotated[Visitor, _educator(SPOKEN_LINES)]
Checking = Annotated[Visitor, _educator(CASE_CHECKS)]
Collecting = Annotated[Visitor, _educator(OPENINGS)]

FILES = tuple(name for name in CASE_FILES if name != CERTIFICATE_FILE)
"""Files of a case that go in and out. A certificate does not come in: it is made here."""

_MOST_UPLOAD = len(FILES) * MOST_BYTES + 100_000
_MOST_FILES = 20
_MOST_CHANGE = 400_000
"""Bytes of a change of one card."""

_DONE = {
    "made": "The case is made. It can be played already; now make it yours.",
    "offered": "Learners are offered this version now. You can assign it in your courses.",
    "taken-back": "The case is not offered any more. Encounters that run go on.",
    "imported": "The files are in. What was here before is a step back with “Undo”.",
    "undone": "Taken back.",
    "removed": "The case is removed.",
}


# -- the list, and new cases


@router.get("")
def all_cases(request: Request, visitor: Educator, done: str = "") -> Response:
    """List the cases of educators, and offer to begin one."""
    return _list(request, visitor, done=_DONE.get(done, ""))


def _list(
    request: Request, visitor: Visitor, *, status: int = 200, problem: str = "", **values: Any
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        rows = educator_cases.all_cases(session)
    own = {row.case_id for row in rows}
    installed = sorted(workbench.other_case_ids() - own)
    shown = {"cases": rows, "installed": installed, "given": "", "done": "", **values}
    return render(request, "workbench_list.html", visitor, status=status, problem=problem, **shown)


@router.post("/note")
def show_note(
    request: Request, visitor: Educator, door_note: Annotated[str, Form()] = ""
) -> Response:
    """Show what was found in a door note, to be corrected before the case is made."""
    try:
        found = note.read_note(door_note)
    except CaseError as error:
        given = {"problem": str(error), "given": door_note[: note.LONGEST_NOTE]}
        return _list(request, visitor, status=REFUSED, **given)
    return render(request, "workbench_note.html", visitor, note=found, problem="")


@router.post("")
def make(
    request: Request,
    visitor: Making,
    door_note: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    age: Annotated[str, Form()] = "",
    pronouns: Annotated[str, Form()] = "",
    learner: Annotated[str, Form()] = "",
    title: Annotated[str, Form()] = "",
    course: Annotated[str, Form()] = "",
    setting: Annotated[str, Form()] = "",
    minutes: Annotated[str, Form()] = "",
    level: Annotated[str, Form()] = "",
    key_words: Annotated[str, Form()] = "",
) -> Response:
    """Make a case from a door note."""
    given = DoorNote(
        *(door_note, name, age, pronouns, learner, title, course, setting, minutes, level),
        key_words,
    )
    try:
        made = _create(
            hub_of(request),
            visitor,
            name or title,
            lambda case_id: note.case_from_note(given, case_id),
            "made of a door note",
        )
    except SimvoiceError as error:
        shown = {"note": given, "problem": str(error)}
        return render(request, "workbench_note.html", visitor, status=REFUSED, **shown)
    return go_to(f"/workbench/{made}", "made")


@router.post("/copy")
def copy(request: Request, visitor: Making, case_id: Annotated[str, Form()] = "") -> Response:
    """Make a case that begins as a copy of another one."""
    hub = hub_of(request)
    try:
        files = _files_of_any(hub, case_id)
        made = _create(
            *(hub, visitor, case_id, lambda new_id: _renamed(files, new_id)),
            f"copied from {shortened(case_id, 100)}",
        )
    except SimvoiceError as error:
        return _list(request, visitor, status=REFUSED, problem=str(error))
    return go_to(f"/workbench/{made}", "made")


@router.post("/import", max_body_size=_MOST_UPLOAD)
async def bring_in(request: Request, visitor: Making) -> Response:
    """Make a case from the files of one."""
    try:
        files, _ = await _uploaded(request)
    except SimvoiceError as error:
        return await run_in_threadpool(_list, request, visitor, status=REFUSED, problem=str(error))
    return await run_in_threadpool(_bring_in, request, visitor, files)


def _bring_in(request: Request, visitor: Visitor, files: CaseFiles) -> Response:
    hub = hub_of(request)
    try:
        case = _require_case(files)

        def named(free_id: str) -> CaseFiles:
            return files if free_id == case.id else _renamed(files, free_id)

        made = _create(hub, visitor, case.id, named, "brought in as files")
    except SimvoiceError as error:
        return _list(request, visitor, status=REFUSED, problem=str(error))
    return go_to(f"/workbench/{made}", "made")


def _create(
    hub: Hub, visitor: Visitor, words: str, files: Callable[[str], CaseFiles], what: str
) -> UUID:
    taken = workbench.other_case_ids()
    with hub.database.begin() as session:
        case_id = educator_cases.free_case_id(session, words or "case", taken)
        made = educator_cases.create(session, files(case_id), what, account_of(visitor))
        audit.record(session, visitor, "make case", made.id, made.case_id)
        return made.id


def _files_of_any(hub: Hub, case_id: str) -> CaseFiles:
    """Return the files of an educators' case, or of one that is installed. Raises UsageError."""
    with hub.database.read() as session:
        found = educator_cases.by_case_id(session, case_id)
        if found is not None:
            return educator_cases.files_of(session, found)
    file = find_cases(*case_dirs()).get(case_id)
    if file is None:
        raise UsageError("Choose a case to copy.")
    read = {}
    for name in FILES:
        if (path := file.with_name(name)).is_file():
            read[name] = read_bytes(path).decode("utf-8")
    return read


def _renamed(files: CaseFiles, case_id: str) -> CaseFiles:
    """Return files in which only the id of the case is another one."""
    draft = CaseDraft(files)
    return {
        **files,
        CASE_FILE: changed(draft.yaml[CASE_FILE], {**draft.case, "id": case_id}),
    }


async def _uploaded(request: Request) -> tuple[CaseFiles, int]:
    """Return the files of a form by the names that a case has, and the revision that it names.

    Raises CaseError for files of other names, or that cannot be read.
    """
    async with request.form(max_files=_MOST_FILES, max_fields=_MOST_FILES) as form:
        given = form.get("revision")
        revision = int(given) if isinstance(given, str) and given.isdigit() else 0
        return await _read(form), revision


async def _read(form: FormData) -> CaseFiles:
    found: CaseFiles = {}
    for each in form.getlist("files"):
        if not isinstance(each, UploadFile) or not each.filename:
            continue
        name = next((known for known in FILES if each.filename == known), None)
        if name is None:
            expected = ", ".join(FILES)
            raise CaseError(f"choose files with these names only: {expected}")
        raw = await each.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise CaseError(f"{name} has more than {MOST_BYTES // 1_000_000} MB; shorten it")
        try:
            found[name] = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise CaseError(f"{name} is not UTF-8; save it as UTF-8") from None
    if CASE_FILE not in found:
        raise CaseError(f"choose the file {CASE_FILE}, and {SUITE_FILE} with it")
    return found


def _require_case(files: CaseFiles) -> Case:
    """Return the case in files that come in. Raises CaseError for one that is none."""
    draft = CaseDraft(files)
    for name in files:
        parse_yaml(files[name].encode(), Path(name))
    try:
        return Case.model_validate_json(draft.yaml[CASE_FILE].json)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = field_place(first["loc"], "the case")
        line = draft.yaml[CASE_FILE].line_of(first["loc"])
        raise CaseError(f"{CASE_FILE}:{line}: {where}: {first['msg']}; correct it") from None


# -- the workbench of one case


@router.get("/{key}")
def bench(request: Request, visitor: Educator, key: UUID, done: str = "") -> Response:
    """Show a case as cards."""
    hub = hub_of(request)
    with hub.database.read() as session:
        case = educator_cases.educator_case(session, key)
        files = educator_cases.files_of(session, case)
        past = educator_cases.revisions(session, case, 12)
    draft = CaseDraft(files)
    parts = [(kind, _sections(draft.cards(kind.part))) for kind in KINDS]
    return render(
        request,
        "workbench.html",
        visitor,
        case=case,
        parts=parts,
        past=past,
        files=[name for name in FILES if name in files],
        state=_state(hub, case, files, draft),
        new_names={kind.part: draft.names(kind.new_of) for kind in KINDS if kind.new_of},
        done=_DONE.get(done, ""),
        words_alone="" if hub.workbench.embedder() is not None else workbench.NO_MODEL,
    )


def _sections(found: Sequence[Card]) -> list[tuple[str, list[Card]]]:
    """Return cards below their headings, those of lines by what the lines are for."""
    rows = [
        (group, [each for each in found if each.group == group]) for group in ("", *LINE_GROUPS)
    ]
    return [(group, each) for group, each in rows if each]


@router.get("/{key}/state")
def state(request: Request, visitor: Educator, key: UUID) -> Response:
    """Return what is to do, and how far the check is."""
    hub = hub_of(request)
    with hub.database.read() as session:
        case = educator_cases.educator_case(session, key)
        files = educator_cases.files_of(session, case)
    return JSONResponse(_state(hub, case, files))


def _state(
    hub: Hub, case: EducatorCase, files: CaseFiles, draft: CaseDraft | None = None
) -> dict[str, Any]:
    reading = hub.workbench.reading(files, draft)
    draft = draft or CaseDraft(files)
    labels = {(c.kind.part, c.id): c.label for kind in KINDS for c in draft.cards(kind.part)}
    check = hub.workbench.checks.state(case.id)
    with hub.database.read() as session:
        row = educator_cases.revision(session, case, case.revision)
        certified = row is not None and row.certificate is not None
        can_undo = row is not None and row.before is not None
    return {
        "revision": case.revision,
        "title": case.title,
        "offered": case.offered,
        "is_certified": certified,
        "can_undo": can_undo,
        "can_be_checked": reading.can_be_checked,
        "problems": [
            {
                "part": each.part,
                "card": each.card_id,
                "path": each.path,
                "label": shortened(labels.get((each.part, each.card_id), ""), 80),
                "sentence": each.sentence,
                "is_advice": each.is_advice,
            }
            for each in reading.problems
        ],
        "check": None
        if check is None
        else {
            "revision": check.revision,
            "state": check.state,
            "done": check.done,
            "total": check.total,
            "sentences": list(check.sentences),
        },
    }


@router.get("/{key}/card")
def card(
    request: Request,
    visitor: Educator,
    key: UUID,
    part: str,
    card_id: Annotated[str, Query(alias="card", max_length=100)] = "",
) -> Response:
    """Return the form of one card, as a part of the page."""
    hub = hub_of(request)
    with hub.database.read() as session:
        case = educator_cases.educator_case(session, key)
        draft = CaseDraft(educator_cases.files_of(session, case))
    found = draft.card(part, card_id)
    shown = [
        {"field": each, "value": value_of(each, found.value), "names": _names(draft, each)}
        for each in fields_of(found.kind, found.value)
    ]
    return render(
        request,
        "workbench_card.html",
        visitor,
        case=case,
        card=found,
        fields=shown,
        levels=draft.levels(),
    )


def _names(draft: CaseDraft, field: fields.Field) -> list[tuple[str, str]]:
    return draft.names(field.of) if field.of else []


# -- changes


class CardChange(StrictModel):
    """What a page sends when a card changes."""

    action: Literal["save", "add", "remove", "move", "exemplar", "answer"]
    revision: int = Field(ge=1)
    """The revision that the page shows."""
    part: str = Field(max_length=40)
    card: str = Field(default="", max_length=100)
    values: dict[str, Any] = Field(default_factory=dict)
    """By the path of each field, for `save`."""
    text: str = Field(default="", max_length=2_000)
    """The first field of a new part; the words of an exemplar; the answer to a question."""
    words: str = Field(default="", max_length=2_000)
    """The question that is answered."""
    by: Literal[-1, 1] = 1
    """Up or down, for `move`."""


@router.post("/{key}/card", max_body_size=_MOST_CHANGE)
def change(request: Request, visitor: Educator, key: UUID, sent: CardChange) -> Response:
    """Save a change of one card, or say who has changed it meanwhile."""
    hub, made, is_other_form = hub_of(request), "", False

    def apply(draft: CaseDraft) -> CaseFiles:
        nonlocal made, is_other_form
        match sent.action:
            case "save":
                files = changes.saved(draft, sent.part, sent.card, sent.values)
                if may_grow(kind_of(sent.part)):
                    shown = [_paths(each, sent) for each in (draft, CaseDraft(files))]
                    is_other_form = shown[0] != shown[1]
                return files
            case "add":
                files, made = changes.added(draft, sent.part, sent.text)
                return files
            case "remove":
                return changes.removed(draft, sent.part, sent.card)
            case "move":
                return changes.moved(draft, sent.part, sent.card, sent.by)
            case "exemplar":
                return changes.with_exemplar(draft, sent.card, sent.text)
            case "answer":
                files, made = changes.added(draft, "lines", sent.text)
                return changes.with_exemplar(CaseDraft(files), made, sent.words)

    what = _what(sent, kind_of(sent.part))
    # an addition and a move do not depend on what a card says
    of_card = sent.card if sent.action in ("save", "remove") else ""
    part = sent.part if of_card or kind_of(sent.part).shape == "single" else ""
    try:
        with hub.database.begin() as session:
            case = educator_cases.educator_case(session, key)
            files = educator_cases.change_card(
                *(session, case, sent.revision, part, of_card, apply, what, account_of(visitor))
            )
    except ChangedMeanwhile as error:
        return JSONResponse(_both(error, sent), status_code=409)
    except CaseError as error:
        return JSONResponse({"message": str(error)}, status_code=REFUSED)
    found = {"made": made, "state": _state(hub, case, files), "is_other_form": is_other_form}
    return JSONResponse(found)


def _paths(draft: CaseDraft, sent: CardChange) -> list[str]:
    """Return the fields that the form of a card has."""
    card = draft.card(sent.part, sent.card)
    return [each.path for each in fields_of(card.kind, card.value)]


def _what(sent: CardChange, kind: CardKind) -> str:
    verbs = {"save": "change", "add": "add", "remove": "remove", "move": "move"}
    shown = shortened(sent.text or sent.card, 80)
    return f"{verbs.get(sent.action, 'add')} {kind.one} {shown}".strip()


def _both(error: ChangedMeanwhile, sent: CardChange) -> dict[str, Any]:
    """Return what another educator wrote into the fields that this change is about."""
    theirs: dict[str, str] = {}
    found = next((c for c in error.now.cards(sent.part) if c.id == sent.card), None)
    if found is not None:
        for field in fields_of(found.kind, found.value):
            if field.path in sent.values:
                theirs[field.path] = _as_text(value_of(field, found.value))
    return {
        "message": str(error),
        "revision": error.revision,
        "theirs": theirs,
        "is_gone": found is None,
    }


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_as_text(each) for each in value)
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {_as_text(each)}" for name, each in value.items())
    return "" if value is None else str(value)


@router.post("/{key}/undo")
def undo(
    request: Request, visitor: Educator, key: UUID, revision: Annotated[int, Form()] = 0
) -> Response:
    """Take back the last change."""
    with hub_of(request).database.begin() as session:
        case = educator_cases.educator_case(session, key)
        educator_cases.undo(session, case, revision, account_of(visitor))
    return go_to(f"/workbench/{key}", "undone")


# -- the patient of the draft


class Ask(StrictModel):
    """A conversation with the patient of a draft."""

    said: list[Annotated[str, Field(max_length=2_000)]] = Field(max_length=100)


@router.post("/{key}/ask", max_body_size=_MOST_CHANGE)
def ask(request: Request, visitor: Asking, key: UUID, sent: Ask) -> Response:
    """Return what the patient answers, and why."""
    hub = hub_of(request)
    with hub.database.read() as session:
        case = educator_cases.educator_case(session, key)
        files = educator_cases.files_of(session, case)
    try:
        turns = hub.workbench.patient(files).talk(sent.said)
    except (CaseError, UsageError) as error:
        return JSONResponse({"message": str(error)}, status_code=REFUSED)
    if turns and turns[-1].has_no_answer:
        with hub.database.begin() as session:
            said = turns[-1].said
            educator_cases.note_question(session, key, questions.key_of(said), said)
    return JSONResponse({"turns": [each.to_json() for each in turns]})


@router.get("/{key}/line.wav")
def line_sound(
    request: Request,
    visitor: Hearing,
    key: UUID,
    line: Annotated[str, Query(max_length=100)],
) -> Response:
    """Return a line of the draft as the patient says it."""
    hub = hub_of(request)
    with hub.database.read() as session:
        found = educator_cases.educator_case(session, key)
        files = educator_cases.files_of(session, found)
    case = hub.workbench.reading(files).case
    if case is None:
        raise UsageError("A part of the case is missing or wrong; see “What is to do” first.")
    pcm = hub.workbench.sound(case, line)
    return Response(wav_bytes(pcm), media_type="audio/wav", headers={"cache-control": "no-store"})


# -- questions that no line answers


@router.get("/{key}/questions")
def open_questions(request: Request, visitor: Collecting, key: UUID) -> Response:
    """Return the questions that no line answers, in groups, as a part of the page."""
    hub = hub_of(request)
    with hub.database.read() as session:
        case = educator_cases.educator_case(session, key)
        files = educator_cases.files_of(session, case)
        rows = educator_cases.asked_questions(session, key)
        released = heard.released_attempts(session, account_of(visitor), case.case_id)
    of_learners: list[str] = []
    opened = []
    for attempt_id in released:
        found = heard.unanswered_in(hub, attempt_id)
        of_learners += found
        opened += [attempt_id] if found else []
    if opened:
        with hub.database.begin() as session:
            for attempt_id in opened:
                audit.record(session, visitor, "read unanswered questions", attempt_id)
    draft = CaseDraft(files)
    lines = draft.cards("lines")
    known = {questions.key_of(str(e)) for c in lines for e in c.value.get("exemplars") or ()}
    settled = {row.sha256 for row in rows if row.settled_at is not None} | known
    all_open = [
        each
        for each in questions.counted([row.text for row in rows if row.text], of_learners)
        if each.sha256 not in settled
    ]
    groups = questions.grouped(all_open, hub.workbench.embedder())
    names = [(c.id, c.label) for c in lines if c.value.get("exemplars")]
    return render(
        request,
        "workbench_questions.html",
        visitor,
        case=case,
        groups=groups,
        lines=names,
        conversations=len(released),
    )


class NeedsNoAnswer(StrictModel):
    """Questions that need no answer."""

    keys: list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(max_length=300)


@router.post("/{key}/questions")
def settle(request: Request, visitor: Educator, key: UUID, sent: NeedsNoAnswer) -> Response:
    """Take questions off the list."""
    with hub_of(request).database.begin() as session:
        educator_cases.educator_case(session, key)
        for each in sent.keys:
            educator_cases.settle_question(session, key, each)
    return JSONResponse({})


# -- the check, and what learners are offered


@router.post("/{key}/check")
def start_check(request: Request, visitor: Checking, key: UUID) -> Response:
    """Start the whole check of the case as it stands."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        case = educator_cases.educator_case(session, key)
        files = educator_cases.files_of(session, case)
        audit.record(session, visitor, "check case", key)
    if not hub.workbench.reading(files).can_be_checked:
        message = "Something is still to do before the check; see the list."
        return JSONResponse({"message": message}, status_code=REFUSED)
    hub.workbench.checks.start(key, case.revision, case.case_id, files)
    return JSONResponse(_state(hub, case, files))


@router.post("/{key}/offer")
def offer(
    request: Request, visitor: Educator, key: UUID, revision: Annotated[int, Form()] = 0
) -> Response:
    """Offer a certified revision to learners, in place of an earlier one."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        case = educator_cases.educator_case(session, key)
        row = educator_cases.revision(session, case, revision)
        if row is None or row.certificate is None:
            raise UsageError("Only a version that has passed the whole check can be offered.")
        files = educator_cases.files_of(session, case, revision)
        workbench.offer(case.case_id, files, row.certificate)
        case.offered = revision
        audit.record(session, visitor, "offer case", key, f"{case.case_id} {revision}")
    hub.encounters.look_again(case.case_id)
    return go_to(f"/workbench/{key}", "offered")


@router.post("/{key}/take-back")
def take_back(request: Request, visitor: Educator, key: UUID) -> Response:
    """Stop to offer a case."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        case = educator_cases.educator_case(session, key)
        case.offered = None
        audit.record(session, visitor, "take back case", key, case.case_id)
        workbench.take_back(case.case_id)
    hub.encounters.look_again(case.case_id)
    return go_to(f"/workbench/{key}", "taken-back")


@router.get("/{key}/remove")
def ask_to_remove(request: Request, visitor: Educator, key: UUID) -> Response:
    """Ask once before a case is removed for ever."""
    with hub_of(request).database.read() as session:
        case = educator_cases.educator_case(session, key)
    return render(request, "workbench_remove.html", visitor, case=case)


@router.post("/{key}/remove")
def remove(request: Request, visitor: Educator, key: UUID) -> Response:
    """Remove a case with all its revisions."""
    with hub_of(request).database.begin() as session:
        case = educator_cases.educator_case(session, key)
        educator_cases.remove(session, case)
        audit.record(session, visitor, "remove case", key, case.case_id)
    return go_to("/workbench", "removed")


# -- files


@router.get("/{key}/files/{name}")
def send_file(request: Request, visitor: Educator, key: UUID, name: str) -> Response:
    """Send a file of the case, with the same bytes as it came in."""
    with hub_of(request).database.read() as session:
        case = educator_cases.educator_case(session, key)
        files = educator_cases.files_of(session, case)
    if name not in files:
        raise UsageError("The case has no such file.")
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(files[name].encode(), media_type="application/yaml", headers=headers)


@router.post("/{key}/files", max_body_size=_MOST_UPLOAD)
async def take_files(request: Request, visitor: Making, key: UUID) -> Response:
    """Take files in the place of those of the case."""
    files, seen = await _uploaded(request)
    return await run_in_threadpool(_take_files, request, visitor, key, seen, files)


def _take_files(
    request: Request, visitor: Visitor, key: UUID, seen: int, files: CaseFiles
) -> Response:
    case_id = _require_case(files).id
    with hub_of(request).database.begin() as session:
        case = educator_cases.educator_case(session, key)
        if case_id != case.case_id:
            files = _renamed(files, case.case_id)
        kept = educator_cases.files_of(session, case)
        educator_cases.replace(
            *(session, case, seen, {**kept, **files}, "bring in files", account_of(visitor))
        )
    return go_to(f"/workbench/{key}", "imported")
