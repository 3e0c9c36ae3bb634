"""Pages of educators: assignments, and how they stand."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from simvoice.errors import SettingError
from simvoice.hub import assignments, audit, begun, codes, releases
from simvoice.hub.assignment_options import (
    FACTORS,
    LONGEST_SKILL,
    TIMER_WORDS,
    OptionsForm,
    drill_moment,
    filled_form,
    options_of,
    parse_options,
    what_happens,
)
from simvoice.hub.assignments import AssignmentDraft, Mode
from simvoice.hub.codes import CodeState
from simvoice.hub.courses import LONGEST_TITLE
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import Hub, hub_of
from simvoice.hub.page_words import from_local, time_zone, to_local
from simvoice.hub.pages.cases import assignable_cases, who_sees
from simvoice.hub.pages.common import (
    NOT_A_DATE,
    REFUSED,
    Educator,
    account_of,
    go_to,
    own_assignment,
    own_course,
)
from simvoice.hub.render import render
from simvoice.hub.storage.tables import Assignment
from simvoice.hub_client.station_messages import AssignmentOptions
from simvoice.safe_text import shortened

router = APIRouter()

_DONE = {
    "changed": "Changed.",
    "debriefs": "The debriefs are released. Whoever did the exam can open the own one now.",
    "held": "The debriefs are held back again.",
    "forgiven": "This encounter does not count any more. Its learner can begin again, a candidate "
    "with the same code. Stations know it within seconds.",
    "forgiven-expired": "This encounter does not count any more. The code cannot be used now; make "
    "another one on the page of codes.",
}


class AssignmentForm(OptionsForm):
    """All fields of the form for an assignment, as text."""

    case_id: str = ""
    title: str = ""
    mode: str = Mode.PRACTICE.value
    opens_at: str = ""
    closes_at: str = ""
    attempts_allowed: str = ""


# -- assign and change


@router.get("/courses/{course_id}/assign")
def assign_page(
    request: Request,
    visitor: Educator,
    course_id: UUID,
    like: UUID | None = None,
    case: str = "",
    skill: str = "",
) -> Response:
    """Show the form for an assignment.

    like: another one, from which it is filled in. case, skill: for a drill of something that the
    learners of a cohort missed.
    """
    form = _form_for_skill(hub_of(request), case, skill) if case else AssignmentForm()
    if like is not None:
        with hub_of(request).database.read() as session:
            task, _ = own_assignment(session, visitor, like)
            form = _form_of(task).model_copy(update={"seed": ""})
    return _form_page(request, visitor, course_id, form)


def _form_for_skill(hub: Hub, case_id: str, skill: str) -> AssignmentForm:
    """Return the form for a drill of a skill; for the whole case when no drill can begin in it."""
    card = next((each for each in assignable_cases(hub) if each.id == case_id), None)
    if card is None:
        return AssignmentForm()
    skill = shortened(skill, LONGEST_SKILL - 1)
    if not card.moments:
        return AssignmentForm(case_id=card.id, title=shortened(skill, LONGEST_TITLE - 1))
    only = f"{card.id}/{card.moments[0].id}" if len(card.moments) == 1 else ""
    return AssignmentForm(
        case_id=card.id,
        title=shortened(f"Drill: {skill}", LONGEST_TITLE - 1),
        mode=Mode.DRILL.value,
        moment=only,
        skill=skill,
    )


def _form_page(
    request: Request,
    visitor: Visitor,
    course_id: UUID,
    form: AssignmentForm,
    *,
    status: int = 200,
    problem: str = "",
    task: Assignment | None = None,
) -> Response:
    hub = hub_of(request)
    with hub.database.read() as session:
        return render(
            request,
            "assign.html",
            visitor,
            status=status,
            course=own_course(session, visitor, course_id),
            cases=assignable_cases(hub),
            modes=list(Mode),
            timers=TIMER_WORDS,
            factors=FACTORS,
            given=form,
            task=task,
            time_zone=time_zone(),
            problem=problem,
        )


@router.post("/courses/{course_id}/assign")
def assign(
    request: Request,
    visitor: Educator,
    course_id: UUID,
    form: Annotated[AssignmentForm, Form()],
) -> Response:
    """Give the learners of a course a case."""
    hub = hub_of(request)
    try:
        draft = _draft(hub, form)
        with hub.database.begin() as session:
            own_course(session, visitor, course_id)
            made = assignments.assign(session, course_id, draft, account_of(visitor))
            audit.record(session, visitor, "assign case", made.id, draft.case_id)
    except SettingError as error:
        return _form_page(request, visitor, course_id, form, status=REFUSED, problem=str(error))
    return go_to(f"/courses/{course_id}", "assigned")


@router.get("/assignments/{assignment_id}/change")
def change_page(request: Request, visitor: Educator, assignment_id: UUID) -> Response:
    """Show the form of an assignment with which nobody has begun."""
    with hub_of(request).database.read() as session:
        task, course = own_assignment(session, visitor, assignment_id)
        if begun.count(session, assignment_id):
            return go_to(f"/assignments/{assignment_id}/attempts")
    return _form_page(request, visitor, course.id, _form_of(task), task=task)


@router.post("/assignments/{assignment_id}/change")
def change(
    request: Request,
    visitor: Educator,
    assignment_id: UUID,
    form: Annotated[AssignmentForm, Form()],
) -> Response:
    """Change an assignment with which nobody has begun."""
    hub = hub_of(request)
    with hub.database.read() as session:
        task, course = own_assignment(session, visitor, assignment_id)
    try:
        draft = _draft(hub, form, options_of(task))
        with hub.database.begin() as session:
            own_assignment(session, visitor, assignment_id)
            assignments.change(session, assignment_id, draft)
            audit.record(session, visitor, "change assignment", assignment_id, draft.case_id)
    except SettingError as error:
        return _form_page(
            request, visitor, course.id, form, status=REFUSED, problem=str(error), task=task
        )
    return go_to(f"/assignments/{assignment_id}/attempts", "changed")


def _form_of(task: Assignment) -> AssignmentForm:
    options = filled_form(options_of(task), task.case_id)
    return AssignmentForm(
        **options.model_dump(),
        case_id=task.case_id,
        title=task.title,
        mode=task.mode,
        opens_at=to_local(task.opens_at),
        closes_at=to_local(task.closes_at),
        attempts_allowed="" if task.attempts_allowed is None else str(task.attempts_allowed),
    )


def _draft(
    hub: Hub, form: AssignmentForm, present: AssignmentOptions | None = None
) -> AssignmentDraft:
    card = next((each for each in assignable_cases(hub) if each.id == form.case_id), None)
    if card is None:
        raise SettingError("Choose a case.")
    if form.mode not in list(Mode):
        raise SettingError("Choose practice, exam or drill.")
    allowed = form.attempts_allowed.strip()
    if allowed and not (allowed.isascii() and allowed.isdigit()):
        raise SettingError("The number of attempts must be 1 to 99, or empty.")
    for text in (form.opens_at, form.closes_at):
        if text and from_local(text) is None:
            raise SettingError(NOT_A_DATE)
    mode = Mode(form.mode)
    one_only = mode is Mode.EXAM and not allowed
    return AssignmentDraft(
        title=form.title.strip() or card.title,
        case_id=card.id,
        mode=mode,
        attempts_allowed=1 if one_only else int(allowed[:9]) if allowed else None,
        opens_at=from_local(form.opens_at),
        closes_at=from_local(form.closes_at),
        options=parse_options(form, form.mode, card, present),
    )


@router.post("/assignments/{assignment_id}/withdraw")
def withdraw(request: Request, visitor: Educator, assignment_id: UUID) -> Response:
    """Take an assignment back."""
    with hub_of(request).database.begin() as session:
        task, course = own_assignment(session, visitor, assignment_id)
        assignments.withdraw(session, task.id)
        audit.record(session, visitor, "withdraw assignment", task.id)
        return go_to(f"/courses/{course.id}", "withdrawn")


# -- the attempts at one


@router.get("/assignments/{assignment_id}/attempts")
def attempts_page(
    request: Request, visitor: Educator, assignment_id: UUID, done: str = ""
) -> Response:
    """Show an assignment: what happens in it, who has begun, and what is released."""
    hub = hub_of(request)
    with hub.database.read() as session:
        task, course = own_assignment(session, visitor, assignment_id)
        options = options_of(task)
        card = next((each for each in assignable_cases(hub) if each.id == task.case_id), None)
        return render(
            request,
            "assignment.html",
            visitor,
            assignment=task,
            course=course,
            options=options,
            told=what_happens(task.mode, options, card, who_sees(session, course)),
            moment=drill_moment(card, options),
            case_title=card.title if card else task.case_id,
            count=begun.count(session, assignment_id),
            begun=begun.listed(session, assignment_id) if _lists_begun(task) else (),
            released=releases.released_of(session, task),
            used_twice=releases.codes_used_twice(session, task.id),
            begun_too_often=releases.begun_too_often(session, task),
            done=_DONE.get(done, ""),
        )


def _lists_begun(task: Assignment) -> bool:
    """Return True where attempts count. How often someone practises is for nobody else to see."""
    return task.mode == Mode.EXAM or task.attempts_allowed is not None


@router.post("/assignments/{assignment_id}/release-debriefs")
def release_debriefs(request: Request, visitor: Educator, assignment_id: UUID) -> Response:
    """Let those who did an exam open their debriefs."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        task, _ = own_assignment(session, visitor, assignment_id)
        assignments.release_debriefs(session, task.id, hub.now())
        audit.record(session, visitor, "release debriefs", task.id)
    return go_to(f"/assignments/{assignment_id}/attempts", "debriefs")


@router.post("/assignments/{assignment_id}/hold-debriefs")
def hold_debriefs(request: Request, visitor: Educator, assignment_id: UUID) -> Response:
    """Hold the debriefs of an exam back again."""
    with hub_of(request).database.begin() as session:
        task, _ = own_assignment(session, visitor, assignment_id)
        assignments.hold_debriefs_back(session, task.id)
        audit.record(session, visitor, "hold debriefs back", task.id)
    return go_to(f"/assignments/{assignment_id}/attempts", "held")


@router.post("/assignments/{assignment_id}/forgive")
def forgive(
    request: Request,
    visitor: Educator,
    assignment_id: UUID,
    encounter: Annotated[str, Form()] = "",
) -> Response:
    """Let an encounter that began not count, as after a technical failure."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        task, _ = own_assignment(session, visitor, assignment_id)
        code = begun.forgive(session, task.id, encounter)
        audit.record(session, visitor, "forgive encounter", task.id, encounter)
        is_open = code is None or codes.state(code, hub.now()) is CodeState.OPEN
    hub.stations.facts.forget()
    done = "forgiven" if is_open else "forgiven-expired"
    return go_to(f"/assignments/{assignment_id}/attempts", done)
