"""The plan of a course around a case: what learners do, in which order, besides the case itself."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, ValidationError

from simvoice.errors import CaseError
from simvoice.patient.case.fields import CasePart, PartId, Text
from simvoice.safe_text import field_place, shortened
from simvoice.yaml_file import read_yaml

COURSE_FILE = "course.yaml"

MOST_DRILLS: Final = 6
LONGEST_TEXT: Final = 300
"""Characters of a sentence of a plan; that of an assignment's skill and less than its question."""

Sentence = Annotated[Text, StringConstraints(max_length=LONGEST_TEXT)]


class ModelEncounter(CasePart):
    """An encounter of a simulated learner who does most things well, to listen to."""

    listen_for: tuple[Sentence, ...] = Field(min_length=1, max_length=6)
    """What to notice in it, one sentence each."""


class PlannedDrill(CasePart):
    """A drill of the course: one moment of the case, several times."""

    moment: PartId
    """The id of a moment of the case."""
    why: Sentence
    """Why it is worth the practice, for the learner."""
    tries: int = Field(default=5, ge=1, le=20)
    minutes: float = Field(default=10.0, gt=0.0, le=60.0)
    """For all tries together."""


class PlannedTry(CasePart):
    """An encounter of the course with the whole case."""

    task: Sentence
    """What the learner is to attend to in it."""


class CoursePlan(CasePart):
    """What the course of a case consists of, in the order in which learners do it."""

    format: Literal[1]
    objectives: tuple[Sentence, ...] = Field(min_length=1, max_length=8)
    """What a learner can do at the end. Each goes on from "You can"."""
    model_encounter: ModelEncounter
    drills: tuple[PlannedDrill, ...] = Field(min_length=1, max_length=MOST_DRILLS)
    first_try: PlannedTry
    another_try: PlannedTry
    reflection: tuple[Sentence, ...] = Field(min_length=1, max_length=10)
    """What the learner answers in own words at the end. It is kept and never scored."""


def load_course_plan(case_file: Path, moments: Collection[str]) -> CoursePlan | None:
    """The plan in the folder of a case; None if there is none. Raises CaseError.

    moments: the ids of the moments of the case.
    """
    path = case_file.with_name(COURSE_FILE)
    if not os.path.lexists(path):
        return None
    try:
        plan = CoursePlan.model_validate_json(read_yaml(path).json)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = field_place(first["loc"], "the plan")
        raise CaseError(f"{path}: {where}: {shortened(first['msg'])}; correct it") from None
    for number, reason in drill_faults(plan, moments):
        raise CaseError(f"{path}: drills.{number}: {reason}")
    return plan


def drill_faults(plan: CoursePlan, moments: Collection[str]) -> Iterator[tuple[int, str]]:
    """Yield the number of each drill that cannot be done, and why. moments: the ids of the case."""
    begun: set[str] = set()
    for number, drill in enumerate(plan.drills):
        if drill.moment not in moments:
            known = ", ".join(sorted(moments)) or "it has none"
            yield (
                number,
                f"the case has no moment {shortened(drill.moment)!r}; choose one of: {known}",
            )
        elif drill.moment in begun:
            yield number, f"two drills begin at {drill.moment!r}; remove one of them"
        begun.add(drill.moment)
