"""An attempt that was cut off goes on where its record ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from simvoice.app.encounter_plan import plan_encounter
from simvoice.app.resume import LEAST_S, ResumePlan, plan_resume
from simvoice.audio import RATE
from simvoice.errors import AttemptError
from simvoice.patient.case.load import create_case, load_case
from simvoice.patient.mind import Patient
from simvoice.record.events import (
    ClockHeld,
    Ended,
    JournalEntry,
    PatientMove,
    PatientSpeech,
    RecordedOptions,
    Started,
)
from simvoice.record.recorder import Recorder
from simvoice.runtime.encounter_options import EncounterOptions
from tests.conversation.world import ScriptedMind, World
from tests.planted.builder import header

ID = "20270101-000000-van-driver-aaaa"
GREETING = "Good afternoon, I am Doctor Lind."
QUESTION = "How do you get on with your tablets?"


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Patient:
    return Patient(load_case(create_case("van-driver", tmp_path_factory.mktemp("cases"))))


def world_of(patient: Patient) -> World:
    return World(mind=cast(ScriptedMind, patient))


def talk(patient: Patient, until_s: float) -> World:
    """A conversation in which the patient answers a greeting and a question, until a crash."""
    world = world_of(patient).learner(0.5, 2.5, GREETING)
    return world.learner(6.0, 8.0, QUESTION).run(until_s)


def crashed(
    root: Path, patient: Patient, entries: Sequence[JournalEntry], length_s: float, **fields: object
) -> Path:
    """The folder of an attempt whose process died after these entries."""
    case = patient.case
    named = {"case_id": case.id, "case_title": case.title, "patient_name": case.person.name}
    given = {"case_sha256": case.sha256, "learner": "Kim", "seed": 5, "time_s": 480.0}
    recorder = Recorder.create(root, header(ID, **named | given | fields))
    for entry in entries:
        if not isinstance(entry, Started):
            recorder.add(entry)
    silence = np.zeros(RATE, dtype=np.int16)
    for _ in range(int(length_s)):
        recorder.sound(silence, silence)
        recorder.drain()
    recorder.abandon()
    return recorder.folder


def test_the_patient_lost_the_thread_and_knows_what_was_said(
    patient: Patient, tmp_path: Path
) -> None:
    before = talk(patient, 14.0)
    assert len(before.speeches) == 2
    found = plan_resume(crashed(tmp_path, patient, before.notes, 14.0), patient)
    assert found.start is not None
    after = world_of(patient).retry_from(found.start).learner(6.0, 7.5, "Go on.").run(16.0)
    unheard = {line.text for line in patient.case.lines if line.id in patient.case.pools.unheard}
    assert after.delivered[0] in unheard
    assert len(after.delivered) == 2, "then the learner has the turn, and is answered"
    assert set(before.state.mind.said) < set(after.state.mind.said)
    assert after.entries(PatientMove)[0].reason == "lost the thread for a moment"
    assert after.entries(PatientMove)[0].turn > before.entries(PatientMove)[-1].turn


@pytest.mark.slow
@pytest.mark.parametrize("until_s", [9.5, 9.8])
def test_a_line_that_was_cut_off_is_said_again(
    patient: Patient, tmp_path: Path, until_s: float
) -> None:
    before = talk(patient, until_s)
    cut = before.entries(PatientMove)[-1]
    assert cut.turn not in [each.turn for each in before.speeches], "the patient was speaking"
    found = plan_resume(crashed(tmp_path, patient, before.notes, until_s), patient)
    assert found.start is not None
    after = world_of(patient).retry_from(found.start).run(14.0)
    line = next(each for each in patient.case.lines if each.id == cut.line_id)
    (said,) = after.delivered
    assert said.endswith(line.text)
    assert len(said) > len(line.text)
    assert after.speeches[0].line_id == cut.line_id
    assert set(line.tells) <= after.state.mind.disclosed


def test_the_header_names_what_it_continues_and_the_time_that_is_left(
    patient: Patient, tmp_path: Path
) -> None:
    before = talk(patient, 14.0)
    options = RecordedOptions(patience_factor=2.0, timer="hard")
    folder = crashed(tmp_path, patient, before.notes, 100.0, options=options)
    found = plan_resume(folder, patient)
    assert (found.origin.attempt, found.origin.at_s) == (ID, pytest.approx(100.0))
    plan = plan_encounter(patient.case, EncounterOptions(resume=folder), resumed=found)
    assert plan.time_s == pytest.approx(380.0)
    assert (plan.learner, plan.seed, plan.continues) == ("Kim", 5, found.origin)
    assert plan.time_is_hard
    assert plan.recorded == options, "it goes on with the options that it began with"
    assert plan.again is None


def test_seconds_for_which_the_clock_was_held_are_left(patient: Patient, tmp_path: Path) -> None:
    held = [ClockHeld(at_s=20.0, held=True), ClockHeld(at_s=50.0, held=False)]
    still = ClockHeld(at_s=90.0, held=True)
    found = plan_resume(crashed(tmp_path, patient, [*held, still], 100.0), patient)
    assert found.time_s == pytest.approx(480.0 - 60.0)


def test_a_little_time_is_always_left_to_take_leave(patient: Patient, tmp_path: Path) -> None:
    found = plan_resume(crashed(tmp_path, patient, [], 40.0, time_s=45.0), patient)
    assert found.time_s == LEAST_S


def test_before_the_first_line_the_encounter_begins_at_its_beginning(
    patient: Patient, tmp_path: Path
) -> None:
    found = plan_resume(crashed(tmp_path, patient, [], 2.0), patient)
    assert found.start is None
    assert found.seed == 5


def resume_after(patient: Patient, root: Path, ended: Ended, **fields: object) -> ResumePlan:
    entries = [*talk(patient, 14.0).notes, ended]
    return plan_resume(crashed(root, patient, entries, 14.0, **fields), patient)


@pytest.mark.parametrize("reason", ["learner", "patient", "time", "technician"])
def test_a_conversation_that_was_ended_does_not_go_on(
    patient: Patient, tmp_path: Path, reason: str
) -> None:
    ended = Ended.model_validate({"at_s": 14.0, "reason": reason})
    with pytest.raises(AttemptError, match="come to its end"):
        resume_after(patient, tmp_path, ended)


@pytest.mark.parametrize("reason", ["device", "closed", "stopped", "fault"])
def test_a_conversation_that_was_cut_short_goes_on(
    patient: Patient, tmp_path: Path, reason: str
) -> None:
    ended = Ended.model_validate({"at_s": 14.0, "reason": reason})
    assert resume_after(patient, tmp_path, ended).start is not None


def test_a_last_line_that_was_said_whole_is_the_end(patient: Patient, tmp_path: Path) -> None:
    world = talk(patient, 14.0).learner(14.5, 16.0, "Goodbye.").run(40.0)
    assert world.ended[0].reason == "patient"
    entries = [entry for entry in world.notes if not isinstance(entry, Ended)]
    with pytest.raises(AttemptError, match="come to its end"):
        plan_resume(crashed(tmp_path, patient, entries, 40.0), patient)


def test_a_last_line_that_was_cut_off_is_said_before_the_end(
    patient: Patient, tmp_path: Path
) -> None:
    world = talk(patient, 14.0).learner(14.5, 16.0, "Goodbye.").run(40.0)
    last = world.speeches[-1]
    entries = [e for e in world.notes if not isinstance(e, Ended) and e is not last]
    found = plan_resume(crashed(tmp_path, patient, entries, 40.0), patient)
    assert found.start is not None
    after = world_of(patient).retry_from(found.start).run(30.0)
    assert after.delivered[0].endswith(last.heard)
    assert after.ended[0].reason == "patient"


def test_another_version_of_the_case_does_not_go_on(patient: Patient, tmp_path: Path) -> None:
    folder = crashed(tmp_path, patient, [], 5.0, case_sha256="1" * 64)
    with pytest.raises(AttemptError, match="another version of its case"):
        plan_resume(folder, patient)


def test_a_case_may_have_lines_of_its_own_for_it(patient: Patient) -> None:
    line = patient.case.lines[-1]
    pools = patient.case.pools.model_copy(update={"lost_thread": (line.id,)})
    special = Patient(patient.case.model_copy(update={"pools": pools}))
    assert special.lost_thread(special.start(1)).move.line_id == line.id
    heard = special.record_delivery(
        special.start(1), special.lost_thread(special.start(1)).move, line.text, True
    )
    assert special.lost_thread(heard).move.line_id in pools.unheard, "each line is said once"


def test_what_was_delivered_of_a_line_in_two_parts_counts_as_one(
    patient: Patient, tmp_path: Path
) -> None:
    world = talk(patient, 14.0)
    whole = world.speeches[-1]
    words = whole.heard.split()
    first, rest = " ".join(words[:2]), " ".join(words[2:])
    parts = [
        whole.model_copy(update={"heard": first, "unsaid": rest}),
        whole.model_copy(update={"turn": whole.turn + 1, "heard": rest, "text": rest}),
    ]
    entries = [e for e in world.notes if e is not whole] + parts
    found = plan_resume(crashed(tmp_path, patient, entries, 14.0), patient)
    assert found.start is not None
    assert found.start.decision.state.spoken[-1] == whole.heard
    assert found.start.turn == whole.turn + 2
    assert isinstance(parts[0], PatientSpeech)
