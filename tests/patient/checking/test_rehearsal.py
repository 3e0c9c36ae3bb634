"""What of a case is made to sound first."""

from __future__ import annotations

from collections import Counter

from simvoice.patient.case.schema import Case
from simvoice.patient.case.suite import Suite
from simvoice.patient.checking.rehearsal import ENOUGH, plan, rehearse
from simvoice.patient.mind import Patient
from simvoice.patient.voice import MOODS, Saying


def test_every_wording_comes_in_every_mood_and_each_once(case: Case, suite: Suite) -> None:
    made = plan(case, rehearse(case, suite, 12))
    assert len(set(made.sayings)) == len(made.sayings)
    wordings = {wording for line in case.lines for wording in line.wordings}
    assert len(made.sayings) == len(wordings) * len(MOODS)


def test_the_opening_comes_first_and_each_wording_once_before_any_comes_twice(
    case: Case, suite: Suite, patient: Patient
) -> None:
    made = plan(case, rehearse(case, suite, 12))
    move = patient.open(patient.start(0)).move
    assert made.sayings[0] == Saying(move.spoken, move.affect, move.mood)
    assert made.first <= made.likely <= len(made.sayings)


def test_what_has_to_be_there_covers_nearly_all_that_was_rehearsed(
    case: Case, suite: Suite
) -> None:
    said = rehearse(case, suite, 12)
    made = plan(case, said)
    covered = sum(said[each] for each in made.sayings[: made.first])
    assert covered >= ENOUGH * said.total()
    assert made.first < len(made.sayings) / 2


def test_a_case_without_a_suite_is_made_in_the_mood_it_starts_in(case: Case) -> None:
    made = plan(case, rehearse(case, None))
    assert {each.mood for each in made.sayings[: made.first]} == {"even"}
    assert made.first == len({wording for line in case.lines for wording in line.wordings})
    assert rehearse(case, None) == Counter()


def test_what_she_is_heard_to_say_was_planned_to_the_letter(case: Case, suite: Suite) -> None:
    planned = set(plan(case, rehearse(case, suite, 4)).sayings)
    assert set(rehearse(case, suite, 30)) <= planned
