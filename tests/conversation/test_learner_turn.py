"""The learner's turn: when it ends, when it continues, which work is dropped."""

from __future__ import annotations

import pytest

from simvoice.conversation.events import DropWork, JudgeTurnEnd, Transcribe
from simvoice.patient.decisions import Improvise
from tests.conversation.world import ScriptedMind, World


def first_sound_s(world: World) -> float:
    return world.delays[0].first_sound_s


def test_a_finished_turn_is_answered_right_after_the_commit_time() -> None:
    quick = World(stt_s=0.1, tts_s=0.04, complete=lambda start_s, end_s: 0.6)
    world = quick.learner(0.5, 2.5, "What worries you most?").run(6)
    assert world.turns == ["What worries you most?"]
    # 0.4 s of quiet, the output delay, and at most two frames
    assert 2.9 <= first_sound_s(world) <= 2.9 + 0.06 + 0.04
    assert world.delivered == ["I see what you mean."]


def test_a_turn_that_is_surely_finished_is_answered_sooner() -> None:
    world = World(stt_s=0.08, tts_s=0.02).learner(0.5, 2.5, "What worries you most?").run(6)
    assert 2.82 <= first_sound_s(world) <= 2.82 + 0.06 + 0.04


def test_two_sentences_in_one_breath_are_one_turn() -> None:
    world = World(stt_s=0.08, tts_s=0.02).learner(0.5, 2.0, "Thank you for coming in.")
    world.learner(2.3, 3.5, "Goodbye, Mrs. Ward.").run(8)
    assert world.turns == ["Thank you for coming in. Goodbye, Mrs. Ward."]


def test_after_a_statement_the_patient_waits_longer() -> None:
    world = World(ScriptedMind(yields_turn=False), stt_s=0.08, tts_s=0.02)
    world.learner(0.5, 2.0, "That should never have happened.")
    world.learner(2.6, 3.5, "I am so sorry for it.").run(8)
    assert world.turns == ["That should never have happened. I am so sorry for it."]
    assert 4.2 <= first_sound_s(world) <= 4.2 + 0.06 + 0.04
    assert not world.patient_sounds(0, 4.2)


def test_work_starts_in_the_pause_and_nothing_sounds_before_the_commit() -> None:
    world = World().learner(0.5, 2.5, "What worries you most?").run(6)
    asked = [at_s for at_s, command in world.commands if isinstance(command, Transcribe)]
    assert asked == [pytest.approx(2.66, abs=0.021)]
    assert not world.patient_sounds(0, 2.8)


def test_slow_words_delay_the_answer_by_no_more_than_themselves() -> None:
    world = World(stt_s=0.9).learner(0.5, 2.5, "What worries you most?").run(6)
    assert first_sound_s(world) == pytest.approx(2.5 + 0.16 + 0.9 + 0.1 + 0.06, abs=0.06)


def test_an_unfinished_turn_is_waited_for() -> None:
    world = World(complete=lambda start_s, end_s: 0.1)
    world.learner(0.5, 1.5, "I have looked at your results").run(8)
    assert first_sound_s(world) == pytest.approx(1.5 + 2.0 + 0.06, abs=0.06)


def test_a_pause_inside_an_unfinished_turn_does_not_cut_it() -> None:
    world = World(complete=lambda start_s, end_s: 0.1 if end_s < 2.4 else 0.9)
    world.learner(0.5, 1.5, "I have looked at").learner(2.4, 3.4, "your results today.").run(8)
    assert world.turns == ["I have looked at your results today."]
    assert world.delays[0].speech_end_s == pytest.approx(3.4)


def test_a_learner_who_continues_before_the_commit_drops_the_work() -> None:
    mind = ScriptedMind(lines=["first answer", "second answer"])
    world = (
        World(mind).learner(0.5, 1.5, "How are you").learner(1.86, 2.8, "today Mrs Hale?").run(8)
    )
    assert world.turns == ["How are you today Mrs Hale?"]
    assert world.delivered == ["first answer"], "dropped work must not change the patient's state"
    assert any(isinstance(command, DropWork) for _, command in world.commands)


def test_a_stale_reply_is_never_played() -> None:
    mind = ScriptedMind(lines=["reply to half a question", "reply to the whole of it"])
    world = World(mind, stt_s=0.05, tts_s=0.6)
    world.learner(0.5, 1.5, "Did anyone").learner(2.0, 2.8, "come with you?").run(8)
    assert [said.text for said in mind.learner_said][-1] == "Did anyone come with you?"
    assert len(world.speeches) == 1
    assert not world.patient_sounds(0, 2.8)


@pytest.mark.slow
@pytest.mark.parametrize("word", ["and", "because", "the", "um", "if"])
def test_a_turn_that_stops_on_a_joining_word_is_not_over(word: str) -> None:
    world = World(complete=lambda start_s, end_s: 0.7)
    world.learner(0.5, 1.5, f"I have your results {word}").run(8)
    assert first_sound_s(world) > 3.4


def test_finished_words_outweigh_a_doubtful_melody() -> None:
    world = World(complete=lambda start_s, end_s: 0.05, words_over=lambda text: 0.8)
    world.learner(0.5, 1.5, "Did anyone come with you?").run(8)
    assert first_sound_s(world) < 2.2


def test_unfinished_words_outweigh_a_final_melody() -> None:
    world = World(complete=lambda start_s, end_s: 0.95, words_over=lambda text: 0.01)
    world.learner(0.5, 1.5, "The results that we have").run(8)
    assert first_sound_s(world) > 3.4


def test_a_turn_that_may_be_over_gets_a_short_wait() -> None:
    world = World(complete=lambda start_s, end_s: 0.1, words_over=lambda text: 0.4)
    world.learner(0.5, 1.5, "The results came back yesterday.").run(8)
    assert first_sound_s(world) == pytest.approx(1.5 + 0.8 + 0.06, abs=0.06)


def test_a_pause_inside_the_turn_is_passed_to_the_recogniser() -> None:
    world = World(complete=lambda start_s, end_s: 0.1 if end_s < 2.4 else 0.9)
    world.learner(0.5, 1.5, "Have you noticed").learner(2.4, 3.4, "any change?").run(8)
    asked = [c for _, c in world.commands if isinstance(c, Transcribe)][-1]
    assert asked.pauses == (pytest.approx((1.5, 2.4), abs=0.021),)


def test_without_smart_turn_the_words_decide() -> None:
    world = World(breaks={"judge"}, words_over=lambda text: 0.8)
    world.learner(0.5, 1.5, "Did anyone come with you?").run(8)
    assert first_sound_s(world) < 2.2


def test_without_an_answer_of_smart_turn_the_turn_ends_later() -> None:
    world = World(mute={"judge"}).learner(0.5, 1.5, "I have your results here.").run(8)
    assert world.turns == ["I have your results here."]
    assert first_sound_s(world) == pytest.approx(3.5, abs=0.15)


@pytest.mark.slow
def test_after_a_monologue_the_patient_comes_in_at_a_short_pause() -> None:
    world = World()
    at_s = 0.5
    while at_s < 64:
        world.learner(at_s, at_s + 3.0, "and then we do more tests and")
        at_s += 3.25
    world.run(70)
    assert 60 <= world.delays[0].speech_end_s <= 66
    assert world.delays[0].first_sound_s - world.delays[0].speech_end_s < 0.75


@pytest.mark.slow
def test_a_long_turn_is_transcribed_in_pieces_and_kept_whole() -> None:
    spoken = [f"word{number}" for number in range(90)]
    world = World().learner(1.0, 46.0, " ".join(spoken)).run(50)
    assert world.turns == [" ".join(spoken)]
    spans = [c.end_s - c.start_s for _, c in world.commands if isinstance(c, Transcribe)]
    assert max(spans) <= 24.5


def test_smart_turn_is_asked_before_the_words_so_that_they_do_not_share_the_cores() -> None:
    world = World().learner(0.5, 2.5, "What worries you most?").run(4)
    order = [type(c) for _, c in world.commands if isinstance(c, JudgeTurnEnd | Transcribe)]
    assert order == [JudgeTurnEnd, Transcribe]


def test_the_delay_is_recorded_by_stage() -> None:
    world = World().learner(0.5, 2.5, "What worries you most?").run(6)
    stages = world.delays[0].stages_s
    assert list(stages) == ["judged", "words", "decided", "speech", "committed", "sound"]
    assert list(stages.values()) == sorted(stages.values())


def test_a_chosen_silence_is_kept_and_labelled() -> None:
    mind = ScriptedMind(lines=["my mother had it too"], silences={0: 1.5})
    world = World(mind).learner(0.5, 1.5, "Is there someone at home?").run(6)
    assert world.delays[0].chosen_silence_s == 1.5
    assert first_sound_s(world) == pytest.approx(1.5 + 1.5 + 0.06, abs=0.06)


def test_the_model_answers_the_query_of_the_patient() -> None:
    mind = ScriptedMind(lines=["the authored line"], queries={0: Improvise("…")})
    world = World(mind).learner(0.5, 1.5, "What do you paint?").run(6)
    assert world.delivered == ["something of my own"]


def test_a_model_that_never_answers_gives_way_to_the_authored_line() -> None:
    mind = ScriptedMind(lines=["the authored line"], queries={0: Improvise("…")})
    world = World(mind, mute={"think"}).learner(0.5, 1.5, "What do you paint?").run(9)
    assert world.delivered == ["the authored line"]
    assert first_sound_s(world) < 1.5 + 0.2 + 0.2 + 2.0 + 0.4
