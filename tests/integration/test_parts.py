"""A drill from a moment of the case, with a typed turn, that is cut off and goes on: real engines.

The learner of the drill types and does not speak. Its line closes in the middle, as after a crash
of the page, and the next encounter begins where the record ends.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice.app.simulator import Simulator
from simvoice.debrief.build import build_debrief
from simvoice.devices.simulated import SimulatedLine
from simvoice.reading.reading import read
from simvoice.record.events import LearnerTurn, PatientSpeech, TimePassed
from simvoice.record.store import Attempt, Store
from simvoice.runtime.encounter_options import EncounterOptions
from simvoice.runtime.observer import Caption, Observation, Speaking, Status, TimeOver
from simvoice.simulate.learner import AfterPatient, LearnerScript, ScriptStep
from tests.integration.conftest import SMALL, Say

pytestmark = [pytest.mark.engine, pytest.mark.realtime]

TYPED = "Who is at home with you?"
DRILL = EncounterOptions(moment="the_fall", typed=True, timer="soft", limit_s=9.0, seed=3)


def run(
    simulator: Simulator, line: SimulatedLine, root: Path, options: EncounterOptions, typed: str
) -> tuple[Attempt, list[Observation]]:
    """Run an encounter in which the learner types once the patient has spoken."""
    seen: list[Observation] = []

    def observe(observation: Observation) -> None:
        is_first = not any(isinstance(each, Caption) for each in seen)
        seen.append(observation)
        if isinstance(observation, Caption) and is_first and typed:
            encounter.typed(typed)

    encounter = simulator.encounter(SMALL, line, observer=observe, records=root, options=options)
    encounter.run()
    return Store(root).open(encounter.attempt), seen


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("records")


@pytest.fixture(scope="module")
def drill(simulator: Simulator, root: Path) -> tuple[Attempt, list[Observation]]:
    line = SimulatedLine(LearnerScript(()), tail_s=60.0, limit_s=18.0)
    return run(simulator, line, root, DRILL, TYPED)


def texts(attempt: Attempt) -> list[str]:
    return [entry.heard for entry in attempt.entries if isinstance(entry, PatientSpeech)]


def test_the_drill_begins_at_its_moment_and_answers_what_is_typed(
    drill: tuple[Attempt, list[Observation]], simulator: Simulator
) -> None:
    attempt, seen = drill
    lines = {line.id: line.text for line in simulator.case(SMALL).lines}
    assert texts(attempt)[:2] == [lines["happened"], lines["home"]]
    (turn,) = [entry for entry in attempt.entries if isinstance(entry, LearnerTurn)]
    assert (turn.text, turn.is_typed) == (TYPED, True)
    assert [each.text for each in seen if isinstance(each, Speaking)][:2] == texts(attempt)[:2]
    assert attempt.header.moment is not None
    assert attempt.header.moment.id == "the_fall"
    assert attempt.header.options.typed
    assert attempt.header.seed == 3


def test_a_soft_time_is_announced_and_ends_nothing(
    drill: tuple[Attempt, list[Observation]],
) -> None:
    attempt, seen = drill
    (over,) = [each for each in seen if isinstance(each, TimeOver)]
    assert over.at_s == pytest.approx(9.0, abs=0.05)
    assert [entry.at_s for entry in attempt.entries if isinstance(entry, TimePassed)] == [over.at_s]
    assert attempt.ended is not None
    assert attempt.ended.reason == "closed"
    assert [each for each in seen if isinstance(each, Status)][-1].time_left_s == 0.0


def test_it_goes_on_where_it_was_cut_off(
    drill: tuple[Attempt, list[Observation]], simulator: Simulator, root: Path, say: Say
) -> None:
    first, _ = drill
    goodbye = say("Thank you for coming in today. Goodbye, Mrs. Ward.")
    line = SimulatedLine(LearnerScript((ScriptStep(AfterPatient(0.9), goodbye),)), limit_s=40.0)
    second, _ = run(simulator, line, root, EncounterOptions(resume=first.folder), "")
    lines = {line.id: line.text for line in simulator.case(SMALL).lines}
    assert texts(second)[0].startswith(lines["unheard"])
    assert texts(second)[-1] == lines["goodbye"]
    assert second.ended is not None
    assert second.ended.reason == "patient"
    header = second.header
    assert header.continues is not None
    assert (header.continues.attempt, header.continues.uuid) == (first.id, first.header.uuid)
    assert (header.options, header.seed) == (first.header.options, first.header.seed)
    notes = build_debrief(second, read(second)).notes
    assert any(f"goes on from attempt {first.id}" in note for note in notes)
    summaries = {each.id: each for each in Store(root).list()}
    assert summaries[second.id].continues == first.id
    assert summaries[first.id].moment_title == "The fall"
