"""The language model fails in the middle of an encounter, and the encounter continues."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simvoice.conversation.events import EngineNotice, WarmModel
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.patient.decisions import Improvise, PatientState
from simvoice.ports import Message
from simvoice.record.events import Trouble
from tests.conversation.world import ScriptedMind, World

LINES = ["the first authored line", "the second authored line", "the third authored line"]
QUESTIONS = ((1.0, 2.0), (8.0, 9.0), (15.0, 16.0))


def world(**how: object) -> World:
    mind = ScriptedMind(lines=LINES, queries={n: Improvise("…") for n in range(3)})
    made = World(mind, **how)  # type: ignore[arg-type]
    for start_s, end_s in QUESTIONS:
        made.learner(start_s, end_s, "What do you paint?")
    return made


def waits_s(made: World) -> list[float]:
    return [delay.first_sound_s - delay.speech_end_s for delay in made.delays]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["breaks", "mute"])
def test_without_the_model_the_authored_lines_are_said(how: str) -> None:
    made = world().run(6.0)
    getattr(made, how).add("think")
    made.run(12.0)
    getattr(made, how).clear()
    made.run(20.0)
    assert made.delivered == [made.model_text, LINES[1], made.model_text]
    assert len(made.turns) == 3
    whole_pause_s = made.turn_taking.commit_after_s + made.turn_taking.improvise_timeout_s + 0.5
    assert max(waits_s(made)) < whole_pause_s


@pytest.mark.slow
def test_a_switch_to_another_model_is_recorded_and_changes_nothing_else() -> None:
    plain = world().run(20.0)
    made = world()
    made.extra = [
        EngineNotice(at_s, "the server did not answer in time") for at_s in (1.5, 3.1, 8.9)
    ]
    made.run(20.0)
    assert made.delivered == plain.delivered
    assert waits_s(made) == waits_s(plain)
    assert [each.what for each in made.entries(Trouble)] == [
        "the server did not answer in time"
    ] * 3
    assert [each.at_s for each in made.entries(Trouble)] == pytest.approx([1.5, 3.1, 8.9], abs=0.03)


@pytest.mark.slow
def test_a_longer_timeout_for_a_server_limits_the_pause() -> None:
    turn_taking = TurnTakingSettings(improvise_timeout_s=3.0)
    made = world(turn_taking=turn_taking, llm_s=2.4).run(24.0)
    assert made.delivered == [made.model_text] * 3
    assert max(waits_s(made)) < 3.4
    made = world(turn_taking=turn_taking, mute={"think"}).run(24.0)
    assert made.delivered == LINES
    assert max(waits_s(made)) < 3.0 + 1.0


def test_the_model_reads_the_chat_in_advance_too() -> None:
    class Chatting(ScriptedMind):
        def prompt_so_far(self, state: PatientState) -> str:
            return f"{len(state.spoken)} lines so far"

        def messages_so_far(self, state: PatientState) -> tuple[Message, ...]:
            return (Message("system", f"{len(state.spoken)} lines so far"),)

    made = World(Chatting(lines=LINES)).learner(1.0, 2.0, "What do you paint?").run(6.0)
    (warm,) = [command for _, command in made.commands if isinstance(command, WarmModel)]
    assert warm == WarmModel("1 lines so far", (Message("system", "1 lines so far"),))


def test_a_state_is_not_changed_by_a_notice() -> None:
    made = world().run(3.0)
    before = made.state
    made.step(EngineNotice(made.now_s, "the server answers again"))
    assert replace(made.state, now_s=before.now_s) == before
