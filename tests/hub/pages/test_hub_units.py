"""The content of a course around a case: added in one press, and done in order."""

from __future__ import annotations

import html
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from simvoice import paths
from simvoice.app.attempt_header import case_card
from simvoice.errors import SimvoiceError
from simvoice.hub import assignments, begun, course_units
from simvoice.hub.course_units import UnitStep
from simvoice.hub.model_encounters import ModelEncounters, ModelStage
from simvoice.hub.storage.tables import Assignment, StoredAttempt
from simvoice.patient.case.load import load_case
from simvoice.runtime.observer import Finished
from simvoice.web.ports import CaseCard
from tests.hub.conftest import ClientAs
from tests.hub.encounters.test_pool import SilentLine
from tests.hub.pages.town import Town
from tests.planted.on_page import plant

pytestmark = pytest.mark.slow

CARD = case_card(load_case(paths.scenarios_dir() / "breast-biopsy" / "case.yaml"))
WAIT_S = 60.0


class PlantedEncounter:
    """An encounter that is over at once, with the record of another."""

    attempt = "planted"

    def __init__(self, records: Path) -> None:
        self._records = records

    def run(self) -> Finished:
        return Finished(plant(self._records), "learner")

    def end(self, reason: str = "learner") -> None:
        pass


class Patients:
    """What a hub needs of a simulator, to play model encounters."""

    fault: SimvoiceError | None = None

    def cases(self) -> Sequence[CaseCard]:
        return (CARD,)

    def engines(self) -> Any:
        return None

    def make_ready(self, case_id: str, *_: object, **__: object) -> None:
        if self.fault is not None:
            raise self.fault

    def prepare_rest(self, case_id: str, cancelled: object = None) -> None:
        pass

    def encounter(self, case_id: str, line: object, *, records: Path, **_: object) -> Any:
        return PlantedEncounter(records)


def _silent(*_: object) -> Any:
    return SilentLine()


@pytest.fixture
def patients(town: Town, tmp_path: Path) -> Any:
    hub, made = town.hub, Patients()
    hub.encounters.start(made, 1)  # type: ignore[arg-type]
    hub.model_encounters = ModelEncounters(tmp_path / "models", hub.encounters, _silent)
    yield made
    hub.model_encounters.stop()
    hub.encounters.stop()


def text_of(browser: TestClient, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def played(town: Town) -> ModelStage:
    """Wait until the model encounter is played, or cannot be."""
    threads = [each for each in threading.enumerate() if each.name == "model-encounters"]
    for each in threads:
        each.join(WAIT_S)
        assert not each.is_alive(), "the model encounter was not played in time"
    return town.hub.model_encounters.state(CARD).stage


def test_one_press_adds_a_course_that_a_learner_goes_through_in_order(
    town: Town, client_as: ClientAs, patients: Patients
) -> None:
    edo, lena = client_as(login="edo"), client_as(login="lena")
    assert "Breaking bad news (with Noreen Tully)" in text_of(edo, f"/courses/{town.course}")
    added = edo.post(f"/courses/{town.course}/units", data={"case_id": CARD.id})
    assert added.status_code == 303
    path = added.headers["location"]
    assert played(town) is ModelStage.READY
    assert f'href="{path}"' in text_of(lena, "/")
    page = text_of(lena, path)
    plan = course_units.plan_of(CARD)
    assert plan is not None
    order = [
        plan.objectives[0],
        plan.model_encounter.listen_for[0],
        "Drill: Telling the result",
        plan.drills[1].why,
        plan.first_try.task,
        plan.another_try.task,
        plan.reflection[0],
    ]
    places = [page.index(words) for words in order]
    assert places == sorted(places)
    assert page.count(">Begin</a>") == 4
    assert "Simulated learner" in page  # the words of the model encounter
    sound = lena.get(f"{path}/model/audio")
    assert (sound.status_code, sound.headers["content-type"]) == (200, "audio/flac")
    with town.hub.database.read() as session:
        assert session.query(StoredAttempt).count() == 1  # it is nobody's attempt
        tasks = session.query(Assignment).filter(Assignment.step != "").all()
    assert sorted(each.step for each in tasks) == sorted(
        [*[UnitStep.DRILL] * 2, *list(UnitStep)[1:]]
    )
    again = next(each for each in tasks if each.step == UnitStep.ANOTHER_TRY)
    assert tuple(again.options["questions"]) == plan.reflection
    # a second press, or that of a colleague, adds nothing
    twice = edo.post(f"/courses/{town.course}/units", data={"case_id": CARD.id})
    assert twice.status_code == 422
    assert "has this content already" in twice.text
    # what a learner has done counts, and the next step stands out
    drill = next(each for each in tasks if each.step == UnitStep.DRILL)
    with town.hub.database.begin() as session:
        begun.add(session, drill.id, town.hub.now(), person_id=town.people["lena"])
    assert "Next try" in text_of(lena, path)
    taken_out = edo.post(f"{path}/withdraw")
    assert taken_out.status_code == 303
    assert lena.get(path).status_code == 404
    with town.hub.database.read() as session:
        left = assignments.assignments(session, town.course)
    assert {each.id for each in left} == {town.assignment, town.exam}


def test_only_people_of_the_course_see_it_and_only_its_educators_change_it(
    town: Town, client_as: ClientAs, patients: Patients
) -> None:
    edo, mei, lena = (client_as(login=each) for each in ("edo", "mei", "lena"))
    path = edo.post(f"/courses/{town.course}/units", data={"case_id": CARD.id}).headers["location"]
    assert played(town) is ModelStage.READY
    assert "This unit in your course" in text_of(edo, path)
    for other in (mei, client_as(login="rosa")):
        for part in ("", "/model/audio"):
            assert other.get(f"{path}{part}").status_code == 403
    for other in (mei, lena):
        assert other.post(f"{path}/withdraw").status_code == 403
        assert other.post(f"{path}/model").status_code == 403
        form = {"case_id": CARD.id}
        assert other.post(f"/courses/{town.course}/units", data=form).status_code == 403
    wrong = edo.post(f"/courses/{town.course}/units", data={"case_id": "none"})
    assert wrong.status_code == 422
    assert "Choose the content to add." in wrong.text


def test_a_model_encounter_that_fails_says_why_and_can_be_tried_again(
    town: Town, client_as: ClientAs, patients: Patients
) -> None:
    patients.fault = SimvoiceError("the voice cannot be loaded")
    edo = client_as(login="edo")
    path = edo.post(f"/courses/{town.course}/units", data={"case_id": CARD.id}).headers["location"]
    assert played(town) is ModelStage.FAILED
    assert "could not be made: The voice cannot be loaded." in text_of(edo, path)
    assert edo.get(f"{path}/model/audio").status_code == 404
    patients.fault = None
    assert edo.post(f"{path}/model").status_code == 303
    assert played(town) is ModelStage.READY
    assert "<audio" in text_of(edo, path)
