"""The learner types instead of speaking."""

from __future__ import annotations

import pytest

from simvoice.conversation.events import Typing
from simvoice.conversation.settings import TurnTakingSettings
from simvoice.patient.decisions import PlannedHold
from simvoice.record.events import Hold, LearnerTurn
from simvoice.runtime.observer import Caption, Speaking
from tests.conversation.world import ScriptedMind, World

QUESTION = "What worries you most?"


def test_a_typed_turn_is_answered_like_a_spoken_one() -> None:
    world = World().typed(1.0, QUESTION).run(4.0)
    (turn,) = world.entries(LearnerTurn)
    assert (turn.text, turn.is_typed) == (QUESTION, True)
    assert turn.start_s == turn.end_s == pytest.approx(1.0, abs=0.05)
    assert [each.text for each in world.mind.learner_said] == [QUESTION]
    assert world.delivered == ["I see what you mean."]


def test_the_patient_answers_a_typed_turn_without_waiting_for_more() -> None:
    world = World(stt_s=0.1, tts_s=0.1).typed(1.0, "I am sorry.").run(4.0)
    (delay,) = world.delays
    assert delay.first_sound_s - delay.speech_end_s < 0.4


def test_words_that_are_typed_while_the_patient_speaks_interrupt_nothing() -> None:
    line = "I have been waiting here since seven this morning with nobody to talk to"
    world = World(ScriptedMind([line, "Yes."]))
    world.learner(0.5, 1.5, QUESTION).typed(3.5, "I see.").run(14.0)
    assert world.delivered == [line, "Yes."]
    assert not world.interruptions
    assert not world.backchannels
    spoken, typed = world.entries(LearnerTurn)
    assert (spoken.is_typed, typed.is_typed) == (False, True)
    assert typed.start_s >= world.speeches[0].end_s


def test_words_that_follow_before_the_answer_belong_to_the_same_turn() -> None:
    world = World().typed(1.0, "Your father").typed(1.1, "has died.").run(4.0)
    assert world.turns == ["Your father has died."]
    assert world.delivered == ["I see what you mean."]


def test_spoken_words_may_follow_typed_ones() -> None:
    world = World(stt_s=0.3).typed(1.0, "Your father").learner(1.1, 2.0, "has died").run(6.0)
    (turn,) = world.entries(LearnerTurn)
    assert (turn.text, turn.is_typed) == ("Your father has died", True)
    assert len(world.delivered) == 1


def test_a_noise_takes_nothing_from_a_typed_turn() -> None:
    world = World(stt_s=0.3).typed(1.0, QUESTION)
    world.learner(1.1, 1.18, "", level_dbfs=-50.0).run(6.0)
    assert world.turns == [QUESTION]
    assert len(world.delivered) == 1


def test_a_typed_turn_fills_the_silence_that_the_patient_keeps() -> None:
    mind = ScriptedMind(["He is dead.", "Yes."], holds={0: PlannedHold("news", 8.0)})
    world = World(mind).learner(0.5, 1.5, "he died").typed(5.0, "I am so sorry.").run(9.0)
    (hold,) = world.entries(Hold)
    assert hold.outcome == "filled"
    assert mind.learner_said[-1].filled_hold == "news"


@pytest.mark.parametrize("stage", ["mute", "breaks"])
def test_without_an_embedding_the_words_alone_decide(stage: str) -> None:
    world = World(**{stage: {"embed"}})
    world.typed(1.0, QUESTION).run(14.0)
    assert world.turns[:1] == [QUESTION]
    assert world.delivered[:1] == ["I see what you mean."]


def test_the_patient_does_not_prompt_while_the_learner_types() -> None:
    settings = TurnTakingSettings(prompt_after_s=5.0)
    world = World(turn_taking=settings).learner(0.5, 1.5, QUESTION)
    world.extra += [Typing(float(at_s)) for at_s in range(4, 20, 2)]
    world.run(22.5)
    assert len(world.speeches) == 1, "the last key was pressed at 18 s"
    world.run(25.0)
    assert world.delivered[1:] == ["are you still there"]


def test_the_patient_does_not_open_while_the_learner_types() -> None:
    world = World()
    world.extra += [Typing(3.0), Typing(6.0)]
    world.typed(9.0, QUESTION).run(12.0)
    assert world.turns == [QUESTION]
    assert len(world.speeches) == 1


def test_typed_words_are_in_the_record_when_the_encounter_ends_before_the_answer() -> None:
    world = World(stt_s=0.5).typed(2.0, "Goodbye.").end(2.1).run(4.0)
    assert world.turns == ["Goodbye."]
    line = "I have been waiting here since seven this morning"
    over = World(ScriptedMind([line])).learner(0.5, 1.5, QUESTION).typed(3.5, "Bye.").end(3.6)
    assert over.run(6.0).turns == [QUESTION, "Bye."]


def test_an_empty_message_is_no_turn() -> None:
    world = World().typed(1.0, "  ").run(3.0)
    assert not world.turns


def test_the_line_is_shown_from_its_first_sound_on() -> None:
    line = "I have been waiting here since seven this morning"
    world = World(ScriptedMind([line])).learner(0.5, 1.5, QUESTION).run(8.0)
    (speaking,) = world.told(Speaking)
    (caption,) = [each for each in world.told(Caption) if each.who == "patient"]
    assert (speaking.text, speaking.start_s) == (line, caption.start_s)
    assert world.shown.index(speaking) < world.shown.index(caption)


def test_a_line_that_is_stopped_is_shown_as_far_as_it_was_delivered() -> None:
    line = "I have been waiting here since seven this morning with nobody to talk to"
    world = World(ScriptedMind([line, "Yes."]))
    world.learner(0.5, 1.5, QUESTION).learner(3.0, 4.6, "wait please let me explain this").run(9.0)
    captions = [each for each in world.told(Caption) if each.who == "patient"]
    assert world.told(Speaking)[0].text == line
    assert line.startswith(captions[0].text)
    assert captions[0].text != line
