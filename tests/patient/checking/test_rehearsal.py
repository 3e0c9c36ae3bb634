"""The order in which the lines of a case are synthesised."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from simvoice.patient.case.schema import Case
from simvoice.patient.case.suite import Suite
from simvoice.patient.checking import rehearsal
from simvoice.patient.checking.rehearsal import COVERAGE, plan_speech, rehearse, rehearsed
from simvoice.patient.mind import Patient
from simvoice.patient.voice import MOODS, SpokenLine

pytestmark = pytest.mark.slow


def test_every_wording_comes_in_every_mood_and_each_once(case: Case, suite: Suite) -> None:
    planned = plan_speech(case, rehearse(case, suite, 12))
    assert len(set(planned.lines)) == len(planned.lines)
    wordings = {wording for line in case.lines for wording in line.wordings}
    assert len(planned.lines) == len(wordings) * len(MOODS)


def test_the_opening_comes_first_and_each_wording_once_before_any_comes_twice(
    case: Case, suite: Suite, patient: Patient
) -> None:
    planned = plan_speech(case, rehearse(case, suite, 12))
    move = patient.open(patient.start(0)).move
    assert planned.lines[0] == SpokenLine(move.spoken, move.affect, move.mood)
    assert planned.first <= planned.likely <= len(planned.lines)


def test_the_first_lines_cover_nearly_all_that_was_rehearsed(case: Case, suite: Suite) -> None:
    said = rehearse(case, suite, 12)
    planned = plan_speech(case, said)
    covered = sum(said[each] for each in planned.lines[: planned.first])
    assert covered >= COVERAGE * said.total()
    assert planned.first < len(planned.lines) / 2


def test_a_case_without_a_suite_is_planned_in_its_first_mood(case: Case) -> None:
    planned = plan_speech(case, rehearse(case, None))
    assert {each.mood for each in planned.lines[: planned.first]} == {"even"}
    assert planned.first == len({wording for line in case.lines for wording in line.wordings})
    assert rehearse(case, None) == Counter()


def test_every_line_of_a_conversation_was_planned(case: Case, suite: Suite) -> None:
    planned = set(plan_speech(case, rehearse(case, suite, 4)).lines)
    assert set(rehearse(case, suite, 30)) <= planned


def test_a_rehearsal_is_stored_and_a_damaged_file_is_made_again(
    case: Case, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "REHEARSED_CONVERSATIONS", 3)
    first = rehearsed(tmp_path, case, suite)
    assert first == rehearse(case, suite, 3)
    (stored,) = tmp_path.iterdir()
    with monkeypatch.context() as patched:
        patched.setattr(rehearsal, "rehearse", lambda *_: pytest.fail("it was rehearsed again"))
        again = rehearsed(tmp_path, case, suite)
        assert list(again.items()) == list(first.items())
        assert rehearsed(tmp_path, case, None) == Counter()
    stored.write_bytes(stored.read_bytes()[:-9])
    assert rehearsed(tmp_path, case, suite) == first
    monkeypatch.setattr(rehearsal, "_code_sha256", lambda: "another version")
    rehearsed(tmp_path, case, suite)
    assert len(list(tmp_path.iterdir())) == 2
