"""Where the learners of a course stand: the page of a cohort, its table, and examples to play."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from simvoice.errors import UsageError
from simvoice.hub import assignments, audit, briefs, cohort, cohort_rows, examples
from simvoice.hub.cohort import Cohort, CohortChoice, CohortChoices, CohortRow
from simvoice.hub.cohort_view import csv_lines, strip
from simvoice.hub.doors.access import Visitor
from simvoice.hub.hub import hub_of
from simvoice.hub.pages.cases import assignable_cases
from simvoice.hub.pages.common import Educator, Learner, account_of, go_to, own_course
from simvoice.hub.pages.sound import send_recording
from simvoice.hub.ratings import HubAgreement
from simvoice.hub.render import render
from simvoice.hub.storage.tables import Course
from simvoice.scoring.metrics.norms import no_norm_note

router = APIRouter()

_FILL_S = 3.0
"""Seconds for which a page makes briefs that are missing. The hub makes the others."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the address of a page asks for, as text."""

    case: str = ""
    version: str = ""
    assignment: str = ""
    attempts: str = ""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the page shows."""

    course: Course
    found: Cohort | None
    """None when nothing is released."""
    choices: CohortChoices
    titles: dict[UUID, str]
    """Of the assignments that can be chosen."""
    waiting: int


def _shown(request: Request, visitor: Visitor, course_id: UUID, asked: _Asked) -> _Shown:
    hub = hub_of(request)
    agreement: HubAgreement = request.app.state.agreement
    with hub.database.begin() as session:
        own_course(session, visitor, course_id)
        audit.record(session, visitor, "open cohort", course_id)
    with hub.database.read() as session:
        scan = cohort_rows.scan(session, course_id)
    if scan.waiting:
        briefs.fill(hub, scan.waiting, time_s=_FILL_S)
        with hub.database.read() as session:
            scan = cohort_rows.scan(session, course_id)
    rows = cohort.whole_attempts(scan.rows)
    with hub.database.read() as session:
        course = own_course(session, visitor, course_id)
        case, version = _version(rows, asked)
        choices = cohort.choices(rows, case, version, asked.assignment)
        trust = agreement.get(session).items
        titles = {key: assignments.assignment(session, key).title for key in choices.assignments}
    found = None
    if rows:
        found = cohort.build(rows, _choice(choices, case, version, asked), trust)
    return _Shown(course, found, choices, titles, len(scan.waiting))


def _version(rows: list[CohortRow], asked: _Asked) -> tuple[str, str]:
    """Return the case and its version to show: those asked for, or the newest with enough."""
    if not rows:
        return "", ""
    newest = cohort.choices(rows, "", "")
    cases = newest.cases or (rows[-1].case_id,)
    last = next((each.case_id for each in reversed(rows) if each.case_id in cases), cases[0])
    case = asked.case if asked.case in cases else last
    versions = cohort.choices(rows, case, "").versions
    if asked.version in versions:
        return case, asked.version
    of_case = [each.figures.case_sha256 for each in rows if each.case_id == case]
    return case, versions[0] if versions else of_case[-1]


def _choice(choices: CohortChoices, case: str, version: str, asked: _Asked) -> CohortChoice:
    """Return what is shown. What cannot be chosen is taken as not asked for."""
    which: Literal["first", "last"] = "last"
    if asked.attempts == "first" and choices.first_attempts:
        which = "first"
    return CohortChoice(case, version, choices.assignment_id, which)


@router.get("/courses/{course_id}/cohort")
def cohort_page(
    request: Request,
    visitor: Educator,
    course_id: UUID,
    asked: Annotated[_Asked, Depends()],
) -> Response:
    """Show where the learners of a course stand, from what is released to it now."""
    shown = _shown(request, visitor, course_id, asked)
    found = shown.found
    cards = assignable_cases(hub_of(request))
    return render(
        request,
        "cohort.html",
        visitor,
        course=shown.course,
        found=found,
        choices=shown.choices,
        assignment_titles=shown.titles,
        case_titles={card.id: card.title for card in cards},
        has_moments=any(
            card.moments for card in cards if found and card.id == found.choice.case_id
        ),
        waiting=shown.waiting,
        headings=[strip(each.met, each.judged) for each in found.headings] if found else [],
        numbers=[strip(each) for each in found.numbers] if found else [],
        no_norm=no_norm_note(found.choice.case_id) if found else "",
        query=request.url.query,
    )


@router.get("/courses/{course_id}/cohort.csv")
def cohort_table(
    request: Request,
    visitor: Educator,
    course_id: UUID,
    asked: Annotated[_Asked, Depends()],
) -> Response:
    """Send the same figures as a table for a spreadsheet."""
    shown = _shown(request, visitor, course_id, asked)
    if shown.found is None:
        raise UsageError("Nothing is released to this course now, so there is no table.")
    return Response(
        "".join(csv_lines(shown.found)),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="simvoice-cohort.csv"'},
    )


# -- examples --------------------------------------------------------------------------------------

_NOT_PLAYED = "This example cannot be played now: its learner has ended the permission."


@router.get("/courses/{course_id}/examples/{attempt_id}/audio")
def example_sound(
    request: Request, visitor: Educator, course_id: UUID, attempt_id: UUID
) -> Response:
    """Send the recording of an example, for as long as its learner agrees."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        own_course(session, visitor, course_id)
        if not examples.may_play(session, attempt_id, course_id):
            raise UsageError(_NOT_PLAYED)
        audit.record(session, visitor, "play example", attempt_id)

    def may_hear() -> bool:
        with hub.database.read() as session:
            return examples.may_play(session, attempt_id, course_id)

    return send_recording(hub, attempt_id, request.headers.get("range"), may_hear)


@router.post("/releases/{release_id}/example")
def agree_to_example(request: Request, visitor: Learner, release_id: UUID) -> Response:
    """Let moments of an own release be played to its course."""
    hub = hub_of(request)
    with hub.database.begin() as session:
        attempt = examples.agree(session, release_id, owner_id=account_of(visitor), at=hub.now())
        audit.record(session, visitor, "agree to example", attempt.id)
        return go_to(f"/attempts/{attempt.id}/release", "example")


@router.post("/releases/{release_id}/example/end")
def end_example(request: Request, visitor: Learner, release_id: UUID) -> Response:
    """End that moments of an own release are played to its course."""
    with hub_of(request).database.begin() as session:
        attempt = examples.take_back(session, release_id, owner_id=account_of(visitor))
        audit.record(session, visitor, "end example", attempt.id)
        return go_to(f"/attempts/{attempt.id}/release", "no_example")
