"""Holds, silences of both speakers, and how an encounter ends."""

from __future__ import annotations

import itertools

import pytest

from simvoice.patient.decisions import PlannedHold
from tests.conversation.world import ScriptedMind, World


def after_the_news(**how: object) -> World:
    """The patient says one word after the headline, then keeps a hold of up to 6 s."""
    mind = ScriptedMind(lines=["Oh.", "what happens now"], holds={0: PlannedHold("headline", 6.0)})
    return World(mind, **how).learner(0.5, 2.5, "I'm afraid it is cancer.")  # type: ignore[arg-type]


def test_a_hold_that_is_let_stand_opens_the_patient() -> None:
    world = after_the_news().run(14)
    assert world.delivered == ["Oh.", "it opened after headline"]
    hold = world.holds[0]
    assert (hold.outcome, hold.beat, hold.line_id) == ("held", "headline", "opened")
    assert hold.end_s - hold.start_s == pytest.approx(6.0, abs=0.05)


def test_a_hold_that_is_filled_does_not() -> None:
    world = after_the_news().learner(4.5, 6.5, "We have very good treatments.").run(12)
    assert "it opened after headline" not in world.delivered
    assert world.holds[0].outcome == "filled"
    assert world.mind.learner_said[1].filled_hold == "headline"


def test_an_acknowledgement_does_not_fill_a_hold() -> None:
    world = after_the_news().learner(5.0, 5.4, "Mm.").run(14)
    assert world.holds[0].outcome == "held"
    assert [entry.text for entry in world.backchannels] == ["Mm."]


def test_a_cough_does_not_fill_a_hold() -> None:
    world = after_the_news().learner(5.0, 5.4, "", no_speech=0.9, logprob=-1.3).run(14)
    assert world.holds[0].outcome == "held"


def test_a_move_of_silence_says_nothing_and_waits() -> None:
    mind = ScriptedMind(lines=["", "thank you for waiting"], holds={0: PlannedHold("tears", 3.0)})
    world = World(mind).learner(0.5, 1.5, "I can see how hard this is.").run(9)
    assert world.delivered == ["it opened after tears"]
    assert world.holds[0].end_s - world.holds[0].start_s == pytest.approx(3.0, abs=0.05)


def test_the_patient_speaks_first_when_the_learner_does_not() -> None:
    world = World(ScriptedMind(lines=["hello is it you I have come to see"])).run(8)
    assert world.speeches[0].start_s == pytest.approx(4.0, abs=0.3)
    assert world.turns == []


def test_a_learner_who_speaks_first_is_not_interrupted() -> None:
    world = World().learner(3.8, 6.0, "Good morning, I'm Doctor Lee.").run(9)
    assert world.turns == ["Good morning, I'm Doctor Lee."]
    assert len(world.speeches) == 1


@pytest.mark.slow
def test_the_patient_breaks_an_empty_silence_less_and_less_often() -> None:
    world = World(ScriptedMind(lines=["Hello."])).learner(0.5, 1.5, "Hello.").run(60)
    prompts = [speech.start_s for speech in world.speeches[1:]]
    gaps = [b - a for a, b in itertools.pairwise(prompts)]
    assert prompts[0] == pytest.approx(2.2 + 9, abs=0.6)
    assert all(later > earlier for earlier, later in itertools.pairwise(gaps))


@pytest.mark.slow
def test_thirty_minutes_of_silence_are_survived() -> None:
    world = World(ScriptedMind(lines=["Hello."])).learner(0.5, 1.5, "Hello.").run(1800)
    assert not world.ended
    assert 5 <= len(world.speeches) <= 14


def test_the_learner_may_end_at_any_time_and_the_delivered_words_are_kept() -> None:
    mind = ScriptedMind(lines=["one two three four five six seven eight nine ten"])
    world = World(mind).learner(0.5, 1.5, "Tell me.").end(3.5).run(10)
    assert (world.ended[0].reason, world.ended[0].ending) == ("learner", "the learner left")
    assert world.speeches[0].heard.startswith("one two three")
    assert world.speeches[0].unsaid.endswith("nine ten")


def test_words_that_were_not_answered_yet_are_kept() -> None:
    world = World(stt_s=0.1).learner(0.5, 1.5, "I have to go now.").end(1.84).run(5)
    assert world.turns == ["I have to go now."]
    assert world.delivered == []


def test_an_ending_of_the_case_ends_the_encounter_once_it_was_played() -> None:
    mind = ScriptedMind(lines=["thank you doctor goodbye"], endings={0: "reassured"})
    world = World(mind).learner(0.5, 1.5, "Goodbye then.").run(20)
    assert (world.ended[0].reason, world.ended[0].ending) == ("patient", "reassured")
    assert world.delivered == ["thank you doctor goodbye"]
    assert world.ended[0].at_s >= world.speeches[0].end_s


def test_an_ending_that_is_interrupted_is_not_reached() -> None:
    mind = ScriptedMind(
        lines=["thank you doctor I think I will go home now then", "oh all right"],
        endings={0: "left"},
    )
    world = World(mind, stt_s=0.1).learner(0.5, 1.5, "So.")
    world.learner(2.8, 4.4, "Wait, please don't go yet.").run(12)
    assert not world.ended
    assert world.delivered[-1] == "oh all right"


def test_the_hard_end_of_time_is_said_by_the_patient() -> None:
    world = World(ScriptedMind(lines=["Hello."]), time_s=12.0).learner(0.5, 1.5, "Hello.").run(40)
    assert world.delivered[-1] == "they want me back now"
    assert (world.ended[0].reason, world.ended[0].ending) == ("time", "time")


def test_a_soft_end_of_time_waits_for_a_quiet_moment() -> None:
    world = World(ScriptedMind(lines=["Hello."]), time_s=4.0, time_is_hard=False)
    world.learner(0.5, 1.5, "Hello.").learner(3.0, 14.0, "I would still like to say").run(40)
    assert world.turns[-1] == "I would still like to say"
    assert world.ended[0].at_s > 14.0
    assert (world.ended[0].reason, world.ended[0].ending) == ("time", "time")


def test_a_learner_who_talks_through_the_end_of_time_is_stopped() -> None:
    world = World(time_s=5.0, complete=lambda start_s, end_s: 0.0)
    world.learner(0.5, 120.0, " ".join(["talk"] * 200)).run(120)
    assert world.ended[0].reason == "time"
    assert world.ended[0].at_s < 45


def test_a_recogniser_that_fails_makes_the_patient_ask() -> None:
    world = World(breaks={"turn"}).learner(0.5, 1.5, "What worries you?").run(6)
    assert world.delivered == ["sorry what was that"]


def test_a_recogniser_that_never_answers_makes_the_patient_ask() -> None:
    world = World(mute={"turn"}).learner(0.5, 1.5, "What worries you?").run(14)
    assert world.delivered[0] == "sorry what was that"


def test_a_voice_that_fails_leaves_the_turn_to_the_learner() -> None:
    world = World(breaks={"say"}).learner(0.5, 1.5, "What worries you?").run(4)
    assert world.delivered == []
    assert not world.state.patient_has_turn
    world.breaks.clear()
    world.learner(4.5, 5.5, "Are you there?").run(9)
    assert len(world.turns) == 2
    assert len(world.delivered) == 1


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["judge", "turn", "say", "think", "overlap"])
def test_a_stage_that_never_answers_does_not_stop_the_conversation(stage: str) -> None:
    world = World(mute={stage})
    for number in range(6):
        at_s = 1.0 + 15.0 * number
        world.learner(at_s, at_s + 2.0, f"This is sentence number {number}.")
    world.run(100)
    assert not world.ended
    world.mute.clear()
    world.learner(112.0, 114.0, "Are you still with me?").run(122)
    assert world.turns[-1] == "Are you still with me?"
    assert world.speeches[-1].start_s > 114.0
