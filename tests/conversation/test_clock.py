"""The clock of an encounter: held by a technician, or over without an end."""

from __future__ import annotations

import pytest

from simvoice.conversation.settings import TurnTakingSettings
from simvoice.patient.decisions import PlannedHold
from simvoice.record.events import ClockHeld, Hold, LearnerTurn, TimePassed
from simvoice.runtime.observer import Status, TimeOver
from tests.conversation.world import ScriptedMind, World


@pytest.mark.slow
def test_the_time_does_not_run_while_the_clock_is_held() -> None:
    world = World(time_s=20.0).hold(5.0, 35.0).run(80.0)
    assert world.ended[0].reason == "time"
    assert 50.0 <= world.ended[0].at_s < 60.0
    assert [(each.at_s, each.held) for each in world.entries(ClockHeld)] == [
        (pytest.approx(5.0), True),
        (pytest.approx(35.0), False),
    ]


def test_the_page_sees_that_the_clock_stands_still() -> None:
    world = World(time_s=20.0).hold(5.0, 10.0).run(12.0)
    at = {round(each.at_s, 1): each for each in world.told(Status)}
    assert (at[4.9].time_left_s, at[4.9].is_held) == (pytest.approx(15.1), False)
    assert (at[9.0].time_left_s, at[9.0].is_held) == (pytest.approx(15.0), True)
    assert (at[11.0].time_left_s, at[11.0].is_held) == (pytest.approx(14.0), False)


def test_the_patient_does_not_prompt_while_the_clock_is_held_and_answers_a_learner() -> None:
    world = World(turn_taking=TurnTakingSettings(prompt_after_s=5.0))
    world.learner(0.5, 1.5, "Hello.").hold(3.0, 60.0).learner(40.0, 41.0, "Hello again.").run(59.0)
    assert [entry.text for entry in world.entries(LearnerTurn)] == ["Hello.", "Hello again."]
    assert len(world.speeches) == 2
    world.run(64.5)
    assert len(world.speeches) == 2, "the wait for a prompt counts from when the clock runs again"
    world.run(67.0)
    assert world.delivered[2:] == ["are you still there"]


def test_a_silence_of_the_patient_counts_from_when_the_clock_runs_again() -> None:
    mind = ScriptedMind(["He is dead.", "Yes."], holds={0: PlannedHold("news", 6.0)})
    world = World(mind).learner(0.5, 1.5, "he died").hold(5.0, 30.0).run(34.0)
    assert not world.holds
    world.run(37.0)
    (hold,) = world.entries(Hold)
    assert (hold.start_s, hold.outcome) == (pytest.approx(30.0), "held")


def test_to_hold_twice_is_to_hold_once() -> None:
    world = World(time_s=20.0).hold(2.0, 8.0).hold(3.0, 9.0).run(12.0)
    assert [entry.held for entry in world.entries(ClockHeld)] == [True, False]
    assert world.state.clock.at(12.0) == pytest.approx(6.0, abs=0.05)


def test_a_time_that_is_only_announced_ends_nothing() -> None:
    world = World(time_s=5.0, goes_on=True).learner(7.0, 8.0, "May I ask you something?").run(30.0)
    assert not world.ended
    assert [entry.at_s for entry in world.entries(TimePassed)] == [pytest.approx(5.0)]
    assert [each.at_s for each in world.told(TimeOver)] == [pytest.approx(5.0)]
    assert "I see what you mean." in world.delivered
