"""The reflection by the patient: recorded at every ending, with the moments it refers to."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from simvoice.conversation.events import EndRequested
from simvoice.conversation.reflection import ledger_moments, reflection_entry
from simvoice.conversation.state import LedgerMoment
from simvoice.patient.decisions import (
    Decision,
    LearnerUtterance,
    LedgerStep,
    Move,
    PatientState,
    Reflection,
)
from simvoice.record.events import Ended, PatientReflection
from tests.conversation.world import ScriptedMind, World

HURT = Reflection("You cut me off.", "You <pause 0.5> cut me off.", "flat", "cut her off", ("cut",))


def _entries(world: World) -> list[object]:
    return [each for each in world.notes if isinstance(each, PatientReflection | Ended)]


@dataclass
class _Hurt(ScriptedMind):
    """The learner's words lower its trust."""

    def respond(self, state: PatientState, utterance: LearnerUtterance) -> Decision:
        decision = super().respond(state, utterance)
        return replace(
            decision, steps=(LedgerStep("trust", 0.5, 0.4, "cut"),), discloses=("mother",)
        )


@pytest.mark.parametrize("reason", ["learner", "closed", "device"])
def test_the_patient_reflects_however_the_learner_left(reason: str) -> None:
    world = World(mind=ScriptedMind(reflections=(HURT,)))
    world.extra = [EndRequested(6.0, reason)]  # type: ignore[arg-type]
    world.run(8.0)
    reflection, ended = _entries(world)
    assert isinstance(reflection, PatientReflection)
    assert isinstance(ended, Ended)
    assert (ended.reason, reflection.at_s) == (reason, ended.at_s)
    assert [each.text for each in reflection.said] == ["You cut me off."]


def test_the_patient_reflects_when_the_time_is_over() -> None:
    world = World(mind=ScriptedMind(reflections=(HURT,)), time_s=5.0)
    world.run(20.0)
    assert [type(each) for each in _entries(world)] == [PatientReflection, Ended]


def test_the_patient_reflects_after_its_own_ending() -> None:
    world = World(mind=ScriptedMind(reflections=(HURT,), endings={1: "enough"}))
    world.learner(6.0, 7.0, "hello there")
    world.run(20.0)
    reflection, ended = _entries(world)
    assert isinstance(reflection, PatientReflection)
    assert isinstance(ended, Ended)
    assert ended.ending == "enough"


def test_a_patient_without_reflection_records_nothing() -> None:
    world = World()
    world.extra = [EndRequested(6.0, "learner")]
    world.run(8.0)
    assert [type(each) for each in _entries(world)] == [Ended]


def test_a_reflection_refers_to_the_move_that_showed_it() -> None:
    world = World(mind=_Hurt(reflections=(HURT,))).learner(6.0, 7.0, "hello there")
    world.extra = [EndRequested(15.0, "learner")]
    world.run(16.0)
    reflection = _entries(world)[0]
    assert isinstance(reflection, PatientReflection)
    moves = [each for each in world.notes if getattr(each, "reason", "").startswith("answers")]
    assert reflection.said[0].at_s == moves[0].at_s  # type: ignore[attr-defined]


def test_the_moment_is_where_the_ledger_changed_most() -> None:
    moments = (
        LedgerMoment("cut", 3.0, 0.02),
        LedgerMoment("cut", 9.0, 0.2),
        LedgerMoment("cut", 12.0, 0.2),
    )
    assert reflection_entry((HURT,), moments, 20.0).said[0].at_s == 9.0


def test_the_moment_of_a_fact_is_where_it_was_told_or_none() -> None:
    told = replace(HURT, causes=("let it be quiet",), facts=("mother",))
    moments = (LedgerMoment("let it be quiet", 2.0, 0.3), LedgerMoment("mother", 4.0, 0.0))
    assert reflection_entry((told,), moments, 20.0).said[0].at_s == 4.0
    assert reflection_entry((told,), moments[:1], 20.0).said[0].at_s == 2.0
    assert reflection_entry((told,), (), 20.0).said[0].at_s is None


def test_the_changes_of_one_cause_are_summed_over_the_values() -> None:
    steps = (LedgerStep("trust", 0.5, 0.4, "cut"), LedgerStep("distress", 0.4, 0.45, "cut"))
    decision = Decision(
        PatientState(ledger=()), Move("silent", ""), "hurt", steps=steps, discloses=("mother",)
    )
    cut, mother = ledger_moments(decision, 7.0)
    assert (cut.what, cut.at_s, round(cut.moved, 3)) == ("cut", 7.0, 0.15)
    assert mother == LedgerMoment("mother", 7.0, 0.0)


def test_a_reflection_refers_to_no_time_before_its_beats() -> None:
    moments = (
        LedgerMoment("cut", 3.0, 0.2),
        LedgerMoment("truth", 9.0, 0.0),
        LedgerMoment("cut", 9.0, 0.1),
    )
    assert reflection_entry((replace(HURT, beats=("truth",)),), moments, 20.0).said[0].at_s == 9.0
    assert reflection_entry((replace(HURT, beats=("never",)),), moments, 20.0).said[0].at_s == 3.0


def test_an_earlier_beat_is_not_a_new_moment() -> None:
    decision = Decision(
        PatientState(ledger=(), beats=frozenset({"truth"})), Move("silent", ""), "heard it"
    )
    first = ledger_moments(decision, 7.0)
    assert first == (LedgerMoment("truth", 7.0, 0.0),)
    assert ledger_moments(decision, 9.0, first) == ()
