"""The moments where trust moved most."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice.record.events import Hold, PatientMove
from simvoice.record.store import Attempt
from tests.planted_talk import record
from tests.small_talks import checkpoint, move, of, said, spoke, step


@pytest.fixture(scope="module")
def attempt(tmp_path_factory: pytest.TempPathFactory) -> Attempt:
    return record(tmp_path_factory.mktemp("attempts"))


def test_the_three_greatest_stand_in_order_of_time(attempt: Attempt) -> None:
    changes = (0.04, -0.10, 0.02, 0.06, -0.05)
    entries = [move(n, 10.0 * n, step(f"cause {n}", by)) for n, by in enumerate(changes, 1)]
    points = of(attempt, *entries).turning_points
    assert [(p.causes, p.rose) for p in points] == [
        (("cause 2",), False),
        (("cause 4",), True),
        (("cause 5",), False),
    ]


def test_what_moved_trust_little_or_moved_something_else_is_none(attempt: Attempt) -> None:
    small = move(1, 10.0, step("said hello", 0.029))
    other = move(2, 20.0, step("said the word", 0.4, name="distress"))
    least = move(3, 30.0, step("cut her off", -0.03))
    points = of(attempt, small, other, least).turning_points
    assert [p.causes for p in points] == [("cut her off",)]


def test_the_steps_of_one_move_are_added_up_and_the_causes_are_of_its_way(attempt: Attempt) -> None:
    up, down = step("named a feeling", 0.03), step("cut her off", -0.08, 0.53)
    against = move(1, 10.0, up, down)
    (point,) = of(attempt, against).turning_points
    assert (point.before, point.after, point.rose) == (0.5, 0.45, False)
    assert point.causes == ("cut her off",)
    none = move(1, 10.0, step("named a feeling", 0.06), step("cut her off", -0.06, 0.56))
    assert of(attempt, none).turning_points == ()


def test_it_begins_three_seconds_before_the_words_and_ends_with_her_answer(
    attempt: Attempt,
) -> None:
    entries = (
        checkpoint(1, 2.0),
        spoke(1, 2.0, "Hello."),
        said(2, 5.5, "it is not that bad"),
        move(2, 8.0, step("made it smaller", -0.1)),
        checkpoint(2, 8.0),
        spoke(2, 8.1, "It is", "to me."),
    )
    (point,) = of(attempt, *entries).turning_points
    assert (point.words, point.answer) == ("it is not that bad", "It is …")
    assert (point.moment.at_s, point.moment.from_s, point.moment.to_s) == (5.5, 2.5, 10.1)
    assert point.moment.again_turn == 1


def test_listening_starts_with_the_record_and_stops_after_twenty_seconds(attempt: Attempt) -> None:
    entries = (
        said(1, 1.0, "hello"),
        move(1, 4.0, step("said hello", 0.1)),
        spoke(1, 30.0, "At last."),
    )
    (point,) = of(attempt, *entries).turning_points
    assert (point.moment.from_s, point.moment.to_s) == (0.0, 21.0)
    assert point.moment.again_turn is None


def test_a_silence_that_was_let_stand_has_no_words_and_begins_where_it_began(
    attempt: Attempt,
) -> None:
    entries = (
        said(1, 5.0, "it is cancer"),
        move(1, 7.5),
        checkpoint(1, 7.5),
        spoke(1, 7.5, "Oh."),
        Hold(start_s=9.5, end_s=15.5, window_s=6.0, outcome="held", beat="headline"),
        move(2, 15.5, step("let her silence stand", 0.12)),
        spoke(2, 15.6, "I was so afraid of this."),
    )
    (point,) = of(attempt, *entries).turning_points
    assert (point.words, point.answer) == ("", "I was so afraid of this.")
    assert (point.moment.at_s, point.moment.again_turn) == (9.5, 1)


def test_a_checkpoint_of_a_line_that_ended_the_encounter_is_passed_over(attempt: Attempt) -> None:
    entries = (
        checkpoint(1, 1.0),
        checkpoint(2, 5.0, ending="walks-out"),
        said(3, 6.0, "please stay"),
        move(3, 9.0, step("asked her to stay", 0.1)),
    )
    (point,) = of(attempt, *entries).turning_points
    assert point.moment.again_turn == 1


def test_turns_that_are_numbered_twice_are_told_apart_by_time(attempt: Attempt) -> None:
    entries = (
        said(1, 1.0, "the first"),
        move(1, 4.0, step("one", 0.1)),
        spoke(1, 4.1, "Yes."),
        said(1, 11.0, "the second"),
        move(1, 14.0, step("two", 0.1)),
        spoke(1, 14.1, "No."),
    )
    points = of(attempt, *entries).turning_points
    assert [(p.words, p.answer) for p in points] == [("the first", "Yes."), ("the second", "No.")]


def test_a_record_without_a_ledger_has_none(attempt: Attempt, tmp_path: Path) -> None:
    bare = tuple(e for e in attempt.entries if not isinstance(e, PatientMove))
    assert of(attempt, *bare).turning_points == ()
