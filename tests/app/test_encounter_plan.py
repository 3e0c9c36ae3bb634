"""What the options of an encounter make of its case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simvoice.app.encounter_plan import MOST_FACTOR, EncounterPlan, patient_waits, plan_encounter
from simvoice.app.retry import RetryPlan
from simvoice.conversation.checkpoint import RetryStart
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.errors import UsageError
from simvoice.patient.case.load import create_case, load_case
from simvoice.patient.case.schema import Case, EncounterTime, Moment
from simvoice.patient.decisions import Decision, Move, PatientState
from simvoice.record.events import RecordedOptions, RetryOrigin
from simvoice.runtime.encounter_options import EncounterOptions

START = RetryStart(Decision(PatientState((), seed=11), Move("answer", "Yes."), "r"), 4, 4)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return load_case(create_case("van-driver", tmp_path_factory.mktemp("cases")))


def retry(time_s: float | None = 300.0) -> RetryPlan:
    origin = RetryOrigin(attempt="20270101-000000-talk-aaaa", turn=4, at_s=180.0)
    return RetryPlan(origin, START, seed=11, time_s=time_s, learner="Kim")


def test_without_options_an_encounter_is_as_its_case_says(case: Case) -> None:
    plan = plan_encounter(case, learner="Kim")
    assert plan == EncounterPlan("Kim", None, 480.0, time_is_hard=False, goes_on=False)
    assert plan.recorded == RecordedOptions()


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({"limit_s": 300.0}, 300.0),
        ({"time_factor": 1.5}, 720.0),
        ({"limit_s": 300.0, "time_factor": 1.25}, 375.0),
    ],
)
def test_the_length_is_what_is_set_times_the_factor(
    case: Case, options: dict[str, Any], seconds: float
) -> None:
    assert plan_encounter(case, EncounterOptions(**options)).time_s == seconds


@pytest.mark.parametrize(
    ("kind", "timer", "is_hard", "goes_on"),
    [
        ("soft", "case", False, False),
        ("hard", "case", True, False),
        ("soft", "hard", True, False),
        ("hard", "soft", False, True),
    ],
)
def test_the_timer_of_the_options_comes_before_that_of_the_case(
    case: Case, kind: Any, timer: Any, is_hard: bool, goes_on: bool
) -> None:
    made = case.model_copy(update={"time": EncounterTime(limit_s=480, kind=kind)})
    plan = plan_encounter(made, EncounterOptions(timer=timer))
    assert (plan.time_is_hard, plan.goes_on) == (is_hard, goes_on)


def test_a_retry_keeps_its_seed_its_learner_and_its_time(case: Case) -> None:
    plan = plan_encounter(case, EncounterOptions(seed=3), retry=retry())
    assert (plan.seed, plan.learner, plan.time_s) == (11, "Kim", 300.0)
    assert (plan.start, plan.again) == (START, retry().origin)
    assert plan_encounter(case, EncounterOptions(time_factor=2.0), retry=retry()).time_s == 600.0
    assert plan_encounter(case, EncounterOptions(limit_s=60.0), retry=retry()).time_s == 300.0
    longer = replace(retry(), time_factor=1.5)
    assert plan_encounter(case, EncounterOptions(time_factor=1.5), retry=longer).time_s == 300.0
    assert plan_encounter(case, learner="Robin", retry=retry()).learner == "Robin"


def test_a_drill_keeps_what_the_case_says_of_its_moment(case: Case) -> None:
    moment = Moment(id="tablets", title="The tablets", skill="Ask him.", at="opening")
    made = case.model_copy(update={"moments": (moment,)})
    plan = plan_encounter(made, EncounterOptions(moment="tablets"), moment=START)
    assert plan.moment is not None
    assert (plan.moment.id, plan.moment.skill) == ("tablets", "Ask him.")
    assert (plan.seed, plan.start, plan.again) == (11, START, None)


def test_an_encounter_begins_at_one_place(case: Case) -> None:
    with pytest.raises(UsageError, match="begins at one place only"):
        plan_encounter(case, retry=retry(), moment=START)


@pytest.mark.parametrize(
    "options",
    [
        {"time_factor": 0.5},
        {"time_factor": float("nan")},
        {"patience_factor": MOST_FACTOR + 0.1},
        {"limit_s": 0.0},
        {"limit_s": float("nan")},
    ],
)
def test_options_that_cannot_be_used_are_refused(case: Case, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="choose another"):
        plan_encounter(case, EncounterOptions(**options))


def test_the_header_gets_the_options_that_were_set(case: Case) -> None:
    options = EncounterOptions(seed=4, limit_s=60.0, timer="hard", patience_factor=2.0, typed=True)
    assert plan_encounter(case, options).recorded == RecordedOptions(
        limit_s=60.0, timer="hard", patience_factor=2.0, typed=True
    )


def test_patience_lengthens_the_waits_for_the_learner_alone() -> None:
    before = TurnTakingSettings()
    after = patient_waits(before, 2.0)
    changed = {
        name: getattr(after, name) / value
        for name, value in before.model_dump().items()
        if getattr(after, name) != value
    }
    assert changed == dict.fromkeys(
        [
            *("sure_commit_s", "commit_after_s", "statement_commit_s", "incomplete_wait_s"),
            *("perhaps_wait_s", "opening_wait_s", "prompt_after_s", "monologue_s"),
        ],
        pytest.approx(2.0),
    )
    assert patient_waits(before, 1.0) is before


def test_the_most_patient_settings_are_valid() -> None:
    found = patient_waits(TurnTakingSettings(), MOST_FACTOR)
    assert TurnTakingSettings.model_validate(found.model_dump()) == found
