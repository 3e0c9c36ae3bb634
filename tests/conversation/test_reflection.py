"""What the patient says once it is over: however it ended, and with the moments it is about."""

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
    """Is moved by the learner's words."""

    def respond(self, state: PatientState, utterance: LearnerUtterance) -> Decision:
        decision = super().respond(state, utterance)
        return replace(
            decision, steps=(LedgerStep("trust", 0.5, 0.4, "cut"),), discloses=("mother",)
        )


@pytest.mark.parametrize("reason", ["learner", "closed", "device"])
def test_she_is_asked_however_the_learner_went(reason: str) -> None:
    world = World(mind=ScriptedMind(reflections=(HURT,)))
    world.extra = [EndRequested(6.0, reason)]  # type: ignore[arg-type]
    world.run(8.0)
    said, ended = _entries(world)
    assert isinstance(said, PatientReflection)
    assert isinstance(ended, Ended)
    assert (ended.reason, said.at_s) == (reason, ended.at_s)
    assert [each.text for each in said.said] == ["You cut me off."]


def test_she_is_asked_when_the_time_is_over() -> None:
    world = World(mind=ScriptedMind(reflections=(HURT,)), time_s=5.0)
    world.run(20.0)
    assert [type(each) for each in _entries(world)] == [PatientReflection, Ended]


def test_she_is_asked_when_she_ends_it_herself() -> None:
    world = World(mind=ScriptedMind(reflections=(HURT,), endings={1: "enough"}))
    world.learner(6.0, 7.0, "hello there")
    world.run(20.0)
    said, ended = _entries(world)
    assert isinstance(said, PatientReflection)
    assert isinstance(ended, Ended)
    assert ended.ending == "enough"


def test_a_mind_without_words_for_it_writes_nothing() -> None:
    world = World()
    world.extra = [EndRequested(6.0, "learner")]
    world.run(8.0)
    assert [type(each) for each in _entries(world)] == [Ended]


def test_a_remark_goes_back_to_the_move_that_showed_it() -> None:
    world = World(mind=_Hurt(reflections=(HURT,))).learner(6.0, 7.0, "hello there")
    world.extra = [EndRequested(15.0, "learner")]
    world.run(16.0)
    said = _entries(world)[0]
    assert isinstance(said, PatientReflection)
    moves = [each for each in world.notes if getattr(each, "reason", "").startswith("answers")]
    assert said.said[0].at_s == moves[0].at_s  # type: ignore[attr-defined]


def test_the_moment_is_where_it_moved_her_most() -> None:
    moments = (
        LedgerMoment("cut", 3.0, 0.02),
        LedgerMoment("cut", 9.0, 0.2),
        LedgerMoment("cut", 12.0, 0.2),
    )
    assert reflection_entry((HURT,), moments, 20.0).said[0].at_s == 9.0


def test_of_what_she_told_it_is_where_she_told_it_or_nowhere() -> None:
    told = replace(HURT, causes=("let it be quiet",), facts=("mother",))
    moments = (LedgerMoment("let it be quiet", 2.0, 0.3), LedgerMoment("mother", 4.0, 0.0))
    assert reflection_entry((told,), moments, 20.0).said[0].at_s == 4.0
    assert reflection_entry((told,), moments[:1], 20.0).said[0].at_s == 2.0
    assert reflection_entry((told,), (), 20.0).said[0].at_s is None


def test_what_one_cause_moves_in_several_values_counts_together() -> None:
    steps = (LedgerStep("trust", 0.5, 0.4, "cut"), LedgerStep("distress", 0.4, 0.45, "cut"))
    decision = Decision(
        PatientState(ledger=()), Move("silent", ""), "hurt", steps=steps, discloses=("mother",)
    )
    cut, mother = ledger_moments(decision, 7.0)
    assert (cut.what, cut.at_s, round(cut.moved, 3)) == ("cut", 7.0, 0.15)
    assert mother == LedgerMoment("mother", 7.0, 0.0)


def test_a_remark_goes_back_to_no_time_before_what_it_is_said_after() -> None:
    moments = (
        LedgerMoment("cut", 3.0, 0.2),
        LedgerMoment("truth", 9.0, 0.0),
        LedgerMoment("cut", 9.0, 0.1),
    )
    assert reflection_entry((replace(HURT, beats=("truth",)),), moments, 20.0).said[0].at_s == 9.0
    assert reflection_entry((replace(HURT, beats=("never",)),), moments, 20.0).said[0].at_s == 3.0


def test_what_had_happened_before_is_no_moment_again() -> None:
    decision = Decision(
        PatientState(ledger=(), beats=frozenset({"truth"})), Move("silent", ""), "heard it"
    )
    first = ledger_moments(decision, 7.0)
    assert first == (LedgerMoment("truth", 7.0, 0.0),)
    assert ledger_moments(decision, 9.0, first) == ()
