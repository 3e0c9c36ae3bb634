"""Marks in the patient's lines: the voice reads them; record and memory have plain words."""

from __future__ import annotations

import pytest

from simvoice.conversation.clauses import pause_after_s, spoken_clauses
from simvoice.conversation.events import Synthesise
from simvoice.conversation.step_context import move_clauses
from simvoice.markup import parse
from simvoice.patient.decisions import Move
from tests.conversation.world import WORD_S, ScriptedMind, World

MARKED = "one two three <pause 1.2> four five <quiet>six seven</quiet> eight nine ten"
WORDS = "one two three four five six seven eight nine ten"


def told(line: str = MARKED, **how: object) -> World:
    """A world whose first word sounds at about 1.96 s and whose marked pause starts at 2.86 s."""
    mind = ScriptedMind(lines=[line, "go on then"], **how)  # type: ignore[arg-type]
    return World(mind, stt_s=0.12).learner(0.5, 1.5, "Tell me about it.")


def asked(world: World) -> list[Synthesise]:
    return [command for _, command in world.commands if isinstance(command, Synthesise)]


def test_the_voice_gets_the_marks_and_the_mood_and_the_record_plain_words() -> None:
    world = told(mood="shaken").run(9)
    (command,) = asked(world)
    assert command.text == MARKED
    assert command.mood == "shaken"
    (speech,) = world.speeches
    assert (speech.text, speech.heard, speech.unsaid) == (WORDS, WORDS, "")
    assert [word.text for word in speech.words] == WORDS.split()
    assert world.mind.deliveries == [(WORDS, True)]


def test_word_times_include_the_marked_pause() -> None:
    (speech,) = told().run(9).speeches
    gap_s = speech.words[3].start_s - speech.words[2].end_s
    assert gap_s == pytest.approx(1.2, abs=0.01)
    assert speech.end_s - speech.start_s == pytest.approx(10 * WORD_S + 1.2, abs=0.05)


def test_a_learner_who_speaks_into_a_marked_pause_takes_the_turn() -> None:
    world = told().learner(3.0, 4.8, "Wait, let me explain that to you.").run(12)
    first = world.speeches[0]
    assert (first.heard, first.unsaid) == ("one two three", "four five six seven eight nine ten")
    assert world.mind.deliveries[0] == ("one two three", False)
    assert world.interruptions


def test_the_rest_of_a_line_after_a_cough_keeps_its_marks() -> None:
    line = "one two three four five six seven <pause 0.5> eight <break> nine ten eleven twelve"
    mind = ScriptedMind(lines=[line])
    world = World(mind, mute={"overlap"}).learner(0.5, 1.5, "Tell me about it.")
    world.learner(3.0, 3.75, "Yeah yeah okay.").run(14)
    assert len(world.speeches) == 2
    assert " ".join(world.delivered) == parse(line).text
    assert asked(world)[-1].text.endswith("seven <pause 0.5> eight <break> nine ten eleven twelve")


def test_a_move_whose_words_were_changed_has_no_marks() -> None:
    move = Move("answer", "Something else.", spoken="I <pause 0.5> know.")
    assert move_clauses(move, None) == (("Something else.",), ("Something else.",))


def test_a_pause_between_clauses_is_as_long_as_the_author_wrote() -> None:
    first, second = spoken_clauses(parse("I know. <pause 0.9> <breath> She died."))
    assert first == "I know. <pause 0.9>"
    assert second == "<breath> She died."
    assert pause_after_s(first) == 0.0
    assert pause_after_s("<quiet>I know.</quiet>") == pause_after_s("I know.")
    assert pause_after_s("<quiet>I know,</quiet>") == pause_after_s("I know,")
