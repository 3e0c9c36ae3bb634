"""What a retry begins with, and when it is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simvoice import paths
from simvoice.app.retry import LEAST_S, RetryPlan, plan_retry
from simvoice.conversation.checkpoint import checkpoint
from simvoice.debrief.retry import (
    CheckpointRef,
    checkpoint_at,
    checkpoint_before,
    describe_retry,
    parse_checkpoint_ref,
)
from simvoice.errors import AttemptError, CaseError, UsageError
from simvoice.patient.case.load import load_case, locate_case
from simvoice.patient.case.schema import Case
from simvoice.patient.mind import Patient
from simvoice.record.events import ClockHeld, Ended, JournalEntry, RecordedOptions, RetryOrigin
from simvoice.record.store import Attempt
from tests.planted.builder import patient_move, patient_speech
from tests.planted.talk import header

pytestmark = pytest.mark.slow

ID = "20270101-000000-talk-aaaa"
NEXT = "20270101-001000-talk-bbbb"


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(locate_case("breast-biopsy", paths.scenarios_dir()))


def made(
    case: Case,
    *moments: tuple[int, float],
    attempt: str = ID,
    again: RetryOrigin | None = None,
    ending_turn: int | None = None,
    sha256: str = "",
) -> Attempt:
    """An attempt with checkpoints at (turn, second)."""
    patient = Patient(case)
    decision = patient.open(patient.start(11))
    entries: list[JournalEntry] = []
    for turn, at_s in moments:
        ending = "done" if turn == ending_turn else None
        told = replace(decision, move=replace(decision.move, ending=ending, silence_before_s=2.0))
        entries.append(patient_move(turn, at_s, kind="open", line_id="a", disclosed=(f"f{turn}",)))
        entries.append(checkpoint(told, turn=turn, last_turn=turn, at_s=at_s, sureness=(-0.3,)))
        entries.append(
            patient_speech(turn, at_s + 0.1, "One two", "three.", line_id="a", end_s=at_s + 1.0)
        )
    entries.append(Ended(at_s=500.0, reason="learner"))
    head = header(attempt).model_copy(
        update={
            "case_id": case.id,
            "case_sha256": sha256 or case.sha256,
            "again": again,
            "learner": "Kim",
        }
    )
    return Attempt(attempt, Path("nowhere"), "complete", head, tuple(entries), None, 500.0)


def begin(case: Case, attempt: Attempt, turn: int, *others: Attempt) -> RetryPlan:
    known = {each.id: each for each in (attempt, *others)}

    def open_attempt(name: str) -> Attempt:
        if name not in known:
            raise AttemptError(f"there is no attempt {name}")
        return known[name]

    return plan_retry(CheckpointRef(attempt.id, turn), open_attempt, lambda _: case)


def test_a_retry_has_the_rest_of_the_time_that_its_attempt_had(case: Case) -> None:
    attempt = made(case, (0, 4.0), (3, 100.0))
    held = (ClockHeld(at_s=20.0, held=True), ClockHeld(at_s=50.0, held=False))
    options = RecordedOptions(time_factor=1.5)
    head = attempt.header.model_copy(update={"time_s": 1000.0, "options": options})
    found = begin(case, replace(attempt, header=head, entries=(*held, *attempt.entries)), 3)
    assert found.time_s == pytest.approx(1000.0 - 100.0 + 30.0)
    assert found.time_factor == 1.5


def test_a_retry_begins_with_the_state_the_line_and_the_time_left(case: Case) -> None:
    attempt = made(case, (0, 4.0), (3, 100.0))
    found = begin(case, attempt, 3)
    assert found.origin == RetryOrigin(attempt=ID, turn=3, at_s=100.0)
    assert found.learner == "Kim"
    assert found.seed == 11
    assert case.time.limit_s is not None
    assert found.time_s == case.time.limit_s - 100.0
    assert found.start.decision.move.silence_before_s == 0.0
    assert found.start.decision.discloses == ("f3",)
    assert found.start.sureness == (-0.3,)


def test_a_retry_has_at_least_two_minutes(case: Case) -> None:
    assert case.time.limit_s is not None
    attempt = made(case, (3, case.time.limit_s - 10.0))
    assert begin(case, attempt, 3).time_s == LEAST_S


def test_a_retry_of_a_retry_has_the_time_left_of_both(case: Case) -> None:
    first = made(case, (3, 100.0))
    second = made(case, (3, 50.0), attempt=NEXT, again=RetryOrigin(attempt=ID, turn=3, at_s=100.0))
    assert case.time.limit_s is not None
    left_s = case.time.limit_s - 150.0
    assert begin(case, second, 3, first).time_s == max(LEAST_S, left_s)
    assert begin(case, second, 3).time_s == max(LEAST_S, left_s), "also without the first"


def test_a_changed_case_is_refused(case: Case) -> None:
    attempt = made(case, (3, 100.0), sha256="f" * 64)
    with pytest.raises(AttemptError, match="has been changed since"):
        begin(case, attempt, 3)


def test_a_removed_case_is_refused(case: Case) -> None:
    attempt = made(case, (3, 100.0))

    def gone(_: str) -> Case:
        raise CaseError("there is no case")

    with pytest.raises(AttemptError, match="not here any more"):
        plan_retry(CheckpointRef(ID, 3), lambda _: attempt, gone)


def test_an_attempt_without_checkpoints_is_refused(case: Case) -> None:
    with pytest.raises(AttemptError, match="without checkpoints"):
        begin(case, made(case), 3)


def test_an_unknown_turn_names_the_known_ones(case: Case) -> None:
    with pytest.raises(AttemptError, match="no checkpoint at turn 9; choose one of: 0, 3"):
        begin(case, made(case, (0, 4.0), (3, 100.0)), 9)


def test_the_last_line_is_refused_and_names_the_checkpoint_before(case: Case) -> None:
    attempt = made(case, (0, 4.0), (3, 100.0), ending_turn=3)
    with pytest.raises(AttemptError, match="the checkpoint before it is at turn 0"):
        begin(case, attempt, 3)


def test_the_checkpoint_of_a_second_is_the_last_one_up_to_it(case: Case) -> None:
    entries = made(case, (0, 4.0), (3, 100.0), (5, 200.0), ending_turn=5).entries
    turns = [
        getattr(checkpoint_before(entries, at_s), "turn", None)
        for at_s in (3.9, 4.0, 99.9, 100.0, 9e9)
    ]
    assert turns == [None, 0, 0, 3, 3]
    assert checkpoint_before((), 10.0) is None


def test_a_checkpoint_is_given_by_turn_or_by_time(case: Case) -> None:
    attempt = made(case, (0, 4.0), (3, 100.4))
    assert parse_checkpoint_ref(f"{ID}@3") == (ID, 3, 0.0)
    assert checkpoint_at(attempt, *parse_checkpoint_ref(f"{ID}@1:40")[1:]) == CheckpointRef(ID, 3)
    assert checkpoint_at(attempt, *parse_checkpoint_ref(f"{ID}@1:39")[1:]) == CheckpointRef(ID, 0)
    with pytest.raises(AttemptError, match="the first one is at 0:04"):
        checkpoint_at(attempt, *parse_checkpoint_ref(f"{ID}@0:01")[1:])
    for wrong in (ID, f"{ID}@", f"{ID}@3:99", "@3", f"{ID}@soon"):
        with pytest.raises(UsageError, match="does not name a checkpoint"):
            parse_checkpoint_ref(wrong)


def test_a_time_in_a_record_without_checkpoints_is_refused(case: Case) -> None:
    with pytest.raises(AttemptError, match="without checkpoints"):
        checkpoint_at(made(case), None, 60.0)


def test_the_summary_quotes_only_the_delivered_words(case: Case) -> None:
    sentence = describe_retry(made(case, (3, 100.0)), 3)
    assert "One two …" in sentence
    assert "three" not in sentence
    assert "1:40" in sentence
