"""The moments when trust changed most."""

from __future__ import annotations

from pathlib import Path

from simvoice.record.events import PatientMove
from simvoice.record.store import Attempt
from tests.planted.builder import (
    checkpoint,
    debrief_of,
    hold,
    learner_turn,
    ledger_step,
    patient_move,
    patient_speech,
)


def test_the_three_largest_are_in_order_of_time(attempt: Attempt) -> None:
    changes = (0.04, -0.10, 0.02, 0.06, -0.05)
    entries = [
        patient_move(n, 10.0 * n, ledger_step(f"cause {n}", by)) for n, by in enumerate(changes, 1)
    ]
    points = debrief_of(attempt, *entries).turning_points
    assert [(p.causes, p.rose) for p in points] == [
        (("cause 2",), False),
        (("cause 4",), True),
        (("cause 5",), False),
    ]


def test_small_changes_and_other_quantities_do_not_count(attempt: Attempt) -> None:
    small = patient_move(1, 10.0, ledger_step("said hello", 0.029))
    other = patient_move(2, 20.0, ledger_step("said the word", 0.4, name="distress"))
    least = patient_move(3, 30.0, ledger_step("cut her off", -0.03))
    points = debrief_of(attempt, small, other, least).turning_points
    assert [p.causes for p in points] == [("cut her off",)]


def test_steps_of_one_move_are_added_up_and_causes_have_its_direction(attempt: Attempt) -> None:
    up, down = ledger_step("named a feeling", 0.03), ledger_step("cut her off", -0.08, 0.53)
    against = patient_move(1, 10.0, up, down)
    (point,) = debrief_of(attempt, against).turning_points
    assert (point.before, point.after, point.rose) == (0.5, 0.45, False)
    assert point.causes == ("cut her off",)
    none = patient_move(
        1, 10.0, ledger_step("named a feeling", 0.06), ledger_step("cut her off", -0.06, 0.56)
    )
    assert debrief_of(attempt, none).turning_points == ()


def test_playback_starts_three_seconds_before_the_words_and_ends_with_the_answer(
    attempt: Attempt,
) -> None:
    entries = (
        checkpoint(1, 2.0),
        patient_speech(1, 2.0, "Hello."),
        learner_turn(2, 5.5, "it is not that bad"),
        patient_move(2, 8.0, ledger_step("made it smaller", -0.1)),
        checkpoint(2, 8.0),
        patient_speech(2, 8.1, "It is", "to me."),
    )
    (point,) = debrief_of(attempt, *entries).turning_points
    assert (point.words, point.answer) == ("it is not that bad", "It is …")
    assert (point.moment.at_s, point.moment.from_s, point.moment.to_s) == (5.5, 2.5, 10.1)
    assert point.moment.again_turn == 1


def test_playback_starts_with_the_record_and_stops_after_twenty_seconds(attempt: Attempt) -> None:
    entries = (
        learner_turn(1, 1.0, "hello"),
        patient_move(1, 4.0, ledger_step("said hello", 0.1)),
        patient_speech(1, 30.0, "At last."),
    )
    (point,) = debrief_of(attempt, *entries).turning_points
    assert (point.moment.from_s, point.moment.to_s) == (0.0, 21.0)
    assert point.moment.again_turn is None


def test_a_kept_silence_has_no_words_and_starts_with_the_silence(
    attempt: Attempt,
) -> None:
    entries = (
        learner_turn(1, 5.0, "it is cancer"),
        patient_move(1, 7.5),
        checkpoint(1, 7.5),
        patient_speech(1, 7.5, "Oh."),
        hold(9.5, 15.5, "held"),
        patient_move(2, 15.5, ledger_step("let her silence stand", 0.12)),
        patient_speech(2, 15.6, "I was so afraid of this."),
    )
    (point,) = debrief_of(attempt, *entries).turning_points
    assert (point.words, point.answer) == ("", "I was so afraid of this.")
    assert (point.moment.at_s, point.moment.again_turn) == (9.5, 1)


def test_a_checkpoint_of_the_ending_line_is_skipped(attempt: Attempt) -> None:
    entries = (
        checkpoint(1, 1.0),
        checkpoint(2, 5.0, ending="walks-out"),
        learner_turn(3, 6.0, "please stay"),
        patient_move(3, 9.0, ledger_step("asked her to stay", 0.1)),
    )
    (point,) = debrief_of(attempt, *entries).turning_points
    assert point.moment.again_turn == 1


def test_turns_with_equal_numbers_are_separated_by_time(attempt: Attempt) -> None:
    entries = (
        learner_turn(1, 1.0, "the first"),
        patient_move(1, 4.0, ledger_step("one", 0.1)),
        patient_speech(1, 4.1, "Yes."),
        learner_turn(1, 11.0, "the second"),
        patient_move(1, 14.0, ledger_step("two", 0.1)),
        patient_speech(1, 14.1, "No."),
    )
    points = debrief_of(attempt, *entries).turning_points
    assert [(p.words, p.answer) for p in points] == [("the first", "Yes."), ("the second", "No.")]


def test_a_record_without_a_ledger_has_none(attempt: Attempt, tmp_path: Path) -> None:
    bare = tuple(e for e in attempt.entries if not isinstance(e, PatientMove))
    assert debrief_of(attempt, *bare).turning_points == ()
