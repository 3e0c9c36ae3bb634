"""The plans of courses: those of the shipped cases, and those that cannot be used."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from simvoice import paths
from simvoice.errors import CaseError
from simvoice.hub_client.station_messages import Drill
from simvoice.patient.case.course_plan import COURSE_FILE, load_course_plan
from simvoice.patient.case.load import find_cases, load_case


@pytest.mark.slow
def test_each_shipped_case_has_a_course_whose_drills_can_be_assigned() -> None:
    for case_file in find_cases(paths.scenarios_dir()).values():
        case = load_case(case_file)
        plan = load_course_plan(case_file, [each.id for each in case.moments])
        assert plan is not None, case.id
        skills = {each.id: each.skill for each in case.moments}
        for drill in plan.drills:
            Drill(
                skill=skills[drill.moment],
                moment=drill.moment,
                tries=drill.tries,
                minutes=drill.minutes,
            )
        for objective in plan.objectives:  # "You can ..." goes on with it
            assert re.fullmatch(r"[a-z].*[^.]", objective), objective


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("moment: after_the_word", "moment: nowhere", "no moment 'nowhere'; choose one of: after"),
        ("moment: after_the_word", "moment: the_result", "two drills begin at 'the_result'"),
        ("objectives:", "aims:", "objectives: Field required; correct it"),
        ("first_try:", "first_try: 3\nx:", "first_try"),
    ],
)
def test_a_plan_that_cannot_be_used_costs_a_sentence(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    folder = tmp_path / "breast-biopsy"
    shutil.copytree(paths.scenarios_dir() / folder.name, folder)
    file = folder / COURSE_FILE
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    moments = [each.id for each in load_case(folder / "case.yaml").moments]
    with pytest.raises(CaseError, match=re.escape(said)):
        load_course_plan(folder / "case.yaml", moments)
    file.unlink()
    assert load_course_plan(folder / "case.yaml", moments) is None
