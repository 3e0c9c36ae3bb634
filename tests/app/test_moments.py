"""A drill begins at a moment of its case."""

from __future__ import annotations

from typing import cast

import pytest

from simvoice.app.encounter_plan import moment_start
from simvoice.errors import CaseError, UsageError
from simvoice.patient.case.load import create_case, load_case
from simvoice.patient.case.schema import Case, Moment
from simvoice.patient.case.validate import faults
from simvoice.patient.checking.moments import CHECKED_SEEDS, missed_moments
from simvoice.patient.mind import Patient
from tests.conversation.world import ScriptedMind, World
from tests.shipped_cases import CASE_IDS, shipped_case

STAKES = ("How do you get on with your tablets?", "High blood pressure can lead to a stroke.")


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return load_case(create_case("van-driver", tmp_path_factory.mktemp("cases")))


def patient_with(starter: Case, *before: str, at: str = "stakes") -> Patient:
    """The starter's patient, whose case has one moment."""
    moment = Moment(id="stakes", title="What is at stake", skill="Wait.", at=at, before=before)
    return Patient(starter.model_copy(update={"moments": (moment,)}))


def test_the_drill_begins_with_the_line_of_the_moment(starter: Case) -> None:
    patient = patient_with(starter, *STAKES)
    start = moment_start(patient, "stakes", None, seed=3)
    assert start.decision.move.line_id == "stakes"
    assert start.decision.state.seed == 3
    assert start.decision.state.turns == len(STAKES)
    world = World(mind=cast(ScriptedMind, patient)).retry_from(start).run(6.0)
    line = next(each for each in starter.lines if each.id == "stakes")
    assert world.delivered == [line.text]
    assert world.state.hold is not None, "the silence after it is kept"


def test_the_same_seed_gives_the_same_patient(starter: Case) -> None:
    patient = patient_with(starter, *STAKES)
    assert moment_start(patient, "stakes", None, seed=3) == moment_start(
        patient, "stakes", None, seed=3
    )
    seeds = {moment_start(patient, "stakes", None).decision.state.seed for _ in range(5)}
    assert len(seeds) > 1, "without a seed it is another patient each time"


def test_a_moment_may_be_the_opening(starter: Case) -> None:
    start = moment_start(patient_with(starter, at="opening"), "stakes", None, seed=1)
    assert (start.decision.move.line_id, start.turn, start.last_turn) == ("opening", 1, 1)


def test_a_silence_and_an_interruption_lead_to_a_moment(starter: Case) -> None:
    patient = patient_with(starter, *STAKES, "(silence)", at="held_father")
    assert moment_start(patient, "stakes", None, seed=1).decision.move.line_id == "held_father"
    patient = patient_with(starter, STAKES[0], f"(cuts in) {STAKES[1]}")
    assert moment_start(patient, "stakes", None, seed=1).decision.move.line_id == "stakes"


def test_a_moment_that_the_case_does_not_have_is_refused(starter: Case) -> None:
    with pytest.raises(UsageError, match=r"has no moment 'news'; choose one of: stakes"):
        moment_start(patient_with(starter), "news", None)
    with pytest.raises(UsageError, match="it has none"):
        moment_start(Patient(starter), "news", None)


def test_a_moment_that_is_not_reached_is_named_with_its_line(starter: Case) -> None:
    patient = patient_with(starter, "Good afternoon.")
    (missed,) = missed_moments(patient, None)
    assert (missed.moment, missed.seed, missed.got) == ("stakes", 0, "hello")
    with pytest.raises(CaseError, match="run: simvoice cases check van-driver"):
        moment_start(patient, "stakes", None, seed=1)


def test_a_moment_after_the_end_is_not_reached(starter: Case) -> None:
    patient = patient_with(starter, "Goodbye.", "Goodbye.", *STAKES)
    assert [each.moment for each in missed_moments(patient, None)] == ["stakes"]


def test_a_moment_names_a_line_of_its_case(starter: Case) -> None:
    (fault,) = faults(patient_with(starter, at="nothing").case)
    assert "names the line 'nothing', which does not exist" in fault.reason


@pytest.mark.slow
@pytest.mark.parametrize("case_id", CASE_IDS)
def test_the_moments_of_the_shipped_cases_are_reached_by_words_alone(case_id: str) -> None:
    case = shipped_case(case_id)
    assert len(case.moments) == 2
    assert CHECKED_SEEDS >= 20
    assert not list(missed_moments(Patient(case), None))
