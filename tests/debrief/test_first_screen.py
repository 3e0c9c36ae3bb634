"""The first screen of a debrief: few words, and nothing that is not certain."""

from __future__ import annotations

from simvoice.debrief.first_screen import MOST_WORDS, count_words, first_screen
from simvoice.debrief.layout import view
from simvoice.debrief.model import Debrief, DebriefMoment, ShownReflection, Suggestion, TurningPoint
from simvoice.record.store import Attempt
from tests.planted.builder import debrief_of, learner_turn, patient_move, patient_speech

MOMENT = DebriefMoment(at_s=30.0, from_s=27.0, to_s=40.0, again_turn=2)
LONG = "I asked about all of it, and then I asked once more, because nobody had said. " * 4
SENTENCE = "What goes through your mind now? " * 5


def told(attempt: Attempt, **changes: object) -> Debrief:
    made = debrief_of(attempt, learner_turn(1, 6.0, LONG), patient_speech(2, 10.0, "Yes."))
    return made.model_copy(update=changes)


def rise(grade: str) -> TurningPoint:
    fields = {"rose": True, "before": 0.4, "after": 0.5, "causes": ("gave her time",)}
    return TurningPoint.model_validate(
        {"moment": MOMENT, "words": LONG, "answer": "Yes.", "grade": grade, **fields}
    )


def test_quotes_give_way_and_the_sentence_to_try_stays_whole(attempt: Attempt) -> None:
    felt = tuple(ShownReflection(text=LONG, why="", at_s=None) for _ in range(2))
    suggestion = Suggestion(
        title="Ask openly", why="", sentence=SENTENCE.strip(), words=LONG, moment=MOMENT
    )
    found = first_screen(
        told(attempt, felt=felt, turning_points=(rise("certain"),), suggestions=(suggestion,))
    )
    assert found.to_try is not None
    assert found.to_try.sentence == SENTENCE.strip()
    assert found.worked is not None
    assert found.worked.what == "Gave her time."
    shown = (*found.felt, found.worked.what, found.worked.words, found.to_try.title)
    shown += (found.to_try.words, found.to_try.sentence)
    assert count_words(*shown) <= MOST_WORDS
    assert found.retry == MOMENT


def test_what_is_only_possible_is_asked(attempt: Attempt) -> None:
    found = first_screen(told(attempt, turning_points=(rise("possible"),)))
    assert found.worked is not None
    assert (found.worked_title, found.worked.what) == ("What may have worked", "")
    assert found.worked.words.endswith("…")
    nothing = first_screen(told(attempt, turning_points=(), changes=()))
    assert nothing.worked is None
    assert nothing.worked_note


def test_a_move_is_shown_without_the_figures_that_found_it(attempt: Attempt) -> None:
    move = patient_move(2, 9.0).model_copy(update={"reason": "was asked (similarity 0.52)"})
    made = debrief_of(attempt, move, patient_speech(2, 10.0, "Yes."))
    (shown,) = (each.row for each in view(made).moments if each.row is not None)
    assert shown.move == "was asked"
    assert made.rows[0].move == "was asked (similarity 0.52)"
