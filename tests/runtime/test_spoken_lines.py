"""Single lines of a case as sound."""

from __future__ import annotations

import pytest

from simvoice import paths
from simvoice.audio import samples
from simvoice.conversation.clauses import pause_after_s, split_clauses
from simvoice.errors import UsageError
from simvoice.patient.case.load import load_case, locate_case
from simvoice.patient.case.schema import Case
from simvoice.runtime.spoken_lines import LineRequest, line_sound, requested_line
from tests.runtime.fakes import FakeVoice, tone


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(locate_case("breast-biopsy", paths.scenarios_dir()))


@pytest.mark.slow
def test_a_line_is_said_in_the_mood_at_the_start(case: Case) -> None:
    said = requested_line(case, LineRequest("held_mother"))
    assert said.spoken.startswith("That's what my mother died of. <pause 0.8> Nobody")
    assert said.mood == "even"


def test_with_distress_the_voice_breaks(case: Case) -> None:
    calm = requested_line(case, LineRequest("q_die", affect="neutral"))
    assert (calm.spoken, calm.mood) == ("Am I going to die?", "even")
    said = requested_line(case, LineRequest("q_die", affect="neutral", distress=0.9))
    assert (said.spoken, said.mood) == ("Am I going to <break> die?", "shaken")
    assert requested_line(case, LineRequest("q_die", trust=0.1, distress=0.9)).mood == "strained"


def test_trust_chooses_the_wording(case: Case) -> None:
    said = requested_line(case, LineRequest("feeling_after", trust=0.8))
    assert said.spoken.startswith("<quiet>Scared.</quiet>")
    assert (said.affect, said.mood) == ("tearful", "open")


def test_the_repeated_wording_and_the_affect_can_be_requested(case: Case) -> None:
    said = requested_line(case, LineRequest("how_much", repeated=True, affect="angry"))
    assert (said.spoken, said.affect) == ("All of it, I said. Straight.", "angry")


def test_words_in_quotes_are_said_as_they_are(case: Case) -> None:
    assert requested_line(case, LineRequest("I <pause 0.5> knew.")).spoken == "I <pause 0.5> knew."


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (LineRequest("nowhere"), "there is no line 'nowhere'"),
        (LineRequest("okay_1", repeated=True), "has no `again`"),
        (LineRequest("I <pause> knew."), "<pause> is no mark"),
    ],
)
def test_a_line_that_cannot_be_said_is_named(case: Case, wanted: LineRequest, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        requested_line(case, wanted)


def test_it_sounds_clause_by_clause_with_the_pauses_of_an_encounter(case: Case) -> None:
    voice = FakeVoice()
    said = requested_line(case, LineRequest("hello_2"))
    pcm = line_sound(case, voice, said)
    clauses = split_clauses(said.spoken)
    assert voice.made == list(clauses)
    lengths = [tone(each).pcm.size + samples(pause_after_s(each)) for each in clauses]
    assert pcm.size == sum(lengths)
