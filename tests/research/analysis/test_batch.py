"""A batch skips current results, and a failure does not stop the others."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from simvoice.errors import UsageError
from simvoice.research.analysis import batch
from simvoice.research.analysis.batch import BatchOutcome, BatchPlan, run
from simvoice.research.analysis.inputs import InputItem, OwnAttempt, gather
from simvoice.research.analysis.recording import Options
from simvoice.research.analysis.results import load, results_in, save
from simvoice.research.recordings.speaker_names import SpeakerNames
from tests.planted.recordings import both, textgrid, write
from tests.planted.talk import NUMBERS, record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two good recordings and a broken one."""
    made = tmp_path / "in"
    write(made / "a.wav", both()[: 20 * 16_000])
    (made / "b.wav").write_bytes(b"not sound at all" * 100)
    write(made / "c.flac", both()[: 15 * 16_000])
    return made


def items(*paths: object) -> list[InputItem]:
    return gather([str(path) for path in paths], Path("nowhere"), SpeakerNames()).items


def states(outcomes: list[BatchOutcome]) -> dict[str, str]:
    return {outcome.name: outcome.state for outcome in outcomes}


def ran(given: list[InputItem], plan: BatchPlan, jobs: int = 1) -> list[BatchOutcome]:
    return list(run(given, plan, jobs))


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_broken_file_is_reported_with_its_reason_and_stops_no_other(
    folder: Path, tmp_path: Path, jobs: int
) -> None:
    outcomes = ran(items(folder), BatchPlan(Options(), tmp_path / "out"), jobs)
    assert states(outcomes) == {"a": "done", "b": "failed", "c": "done"}
    (bad,) = [outcome for outcome in outcomes if outcome.state == "failed"]
    assert bad.reason.startswith("'b.wav' cannot be read as sound")
    assert bad.exit_code == 2
    assert len(results_in(tmp_path / "out")) == 2


@pytest.mark.slow
def test_current_results_are_skipped_until_input_or_options_change(
    folder: Path, tmp_path: Path
) -> None:
    plan = BatchPlan(Options(), tmp_path / "out")
    first = ran(items(folder), plan)
    written = {o.result: o.result.stat().st_mtime_ns for o in first if o.result}
    second = ran(items(folder), plan)
    assert states(second) == {"a": "skipped", "b": "failed", "c": "skipped"}
    assert {path: path.stat().st_mtime_ns for path in written} == written

    textgrid(folder / "a.TextGrid", length_s=20.0)
    (folder / "a.TextGrid").write_text(
        (folder / "a.TextGrid").read_text("utf-8").replace("and your mother", ""), "utf-8"
    )
    other = BatchPlan(Options(learner="left"), tmp_path / "out")
    assert set(states(ran(items(folder), other)).values()) == {"done", "failed"}
    forced = BatchPlan(Options(learner="left"), tmp_path / "out", redo=True)
    assert states(ran(items(folder / "c.flac"), forced)) == {"c": "done"}


@pytest.mark.slow
def test_a_result_of_an_older_version_is_made_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = BatchPlan(Options(), tmp_path / "out")
    ran(items(folder / "a.wav"), plan)
    monkeypatch.setattr("simvoice.research.analysis.results.__version__", "99.0")
    assert states(ran(items(folder / "a.wav"), plan)) == {"a": "done"}


@pytest.mark.slow
def test_a_truncated_result_is_made_again(folder: Path, tmp_path: Path) -> None:
    plan = BatchPlan(Options(), tmp_path / "out")
    (outcome,) = ran(items(folder / "a.wav"), plan)
    assert outcome.result is not None
    whole = outcome.result.read_bytes()
    outcome.result.write_bytes(whole[:500])
    assert states(ran(items(folder / "a.wav"), plan)) == {"a": "done"}
    assert outcome.result.read_bytes() == whole


@pytest.mark.slow
def test_one_job_and_several_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for jobs in (1, 2):
        ran(items(folder), BatchPlan(Options(), tmp_path / str(jobs)), jobs)
    for one, two in zip(results_in(tmp_path / "1"), results_in(tmp_path / "2"), strict=True):
        assert one.name == two.name
        assert one.read_bytes() == two.read_bytes()


def test_an_unexpected_error_is_reported(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(batch, "analyse_recording", broken)
    (outcome,) = ran(items(folder / "a.wav"), BatchPlan(Options(), tmp_path / "out"))
    assert outcome.reason == (
        "analysing a failed unexpectedly (ZeroDivisionError: division by zero)"
    )
    assert outcome.exit_code == 1


class Deadly(OwnAttempt):
    """Kills the process that should analyse it."""

    def __reduce__(self) -> tuple[Callable[[int], None], tuple[int]]:
        return os._exit, (9,)


@pytest.mark.slow
def test_a_process_killed_by_one_file_does_not_stop_the_others(
    folder: Path, tmp_path: Path
) -> None:
    given = [*items(folder), Deadly("deadly", tmp_path)]
    outcomes = ran(given, BatchPlan(Options(), tmp_path / "out"), 2)
    found = states(outcomes)
    assert (found["b"], found["deadly"]) == ("failed", "failed")
    # Results written before the process died are found and skipped in the second run.
    assert {found["a"], found["c"]} <= {"done", "skipped"}
    assert len(results_in(tmp_path / "out")) == 2
    reasons = {outcome.name: outcome.reason for outcome in outcomes}
    assert reasons["deadly"] == (
        "the process that analysed deadly was killed, perhaps for lack of memory; close other "
        "programs, or use fewer --jobs"
    )
    assert reasons["b"].startswith("'b.wav' cannot be read as sound")


@pytest.mark.slow
def test_attempts_are_analysed_like_recordings(tmp_path: Path) -> None:
    attempt = record(tmp_path / "attempts", visit=("bad-news",))
    plan = BatchPlan(Options(), tmp_path / "out")
    given: list[InputItem] = [OwnAttempt(attempt.id, tmp_path / "attempts")]
    (outcome,) = ran(given, plan)
    assert outcome.result is not None
    found = load(outcome.result)
    assert (found.kind, found.visit) == ("attempt", ("bad-news",))
    values = {v.key: v.value for v in found.metrics}
    for key, value in NUMBERS.items():
        if value is not None:  # the others need the sound, which an attempt has
            assert values[key] == pytest.approx(value, rel=0.02, abs=0.15), key
    assert values["speech_rate"] is not None
    assert states(ran(given, plan)) == {attempt.id: "skipped"}
    other = BatchPlan(Options(visit=("oncology",)), tmp_path / "out")
    assert states(ran(given, other)) == {attempt.id: "done"}


@pytest.mark.slow
def test_a_result_is_loaded_unchanged_and_other_files_are_refused(tmp_path: Path) -> None:
    attempt = record(tmp_path / "attempts")
    (outcome,) = ran(
        [OwnAttempt(attempt.id, tmp_path / "attempts")], BatchPlan(Options(), tmp_path / "out")
    )
    assert outcome.result is not None
    found = load(outcome.result)
    assert load(save(tmp_path, found)) == found
    outcome.result.write_text("{}", encoding="utf-8")
    with pytest.raises(UsageError, match="is not a result of `simvoice analyze`"):
        load(outcome.result)
    outcome.result.write_text('{"format": 2}', encoding="utf-8")
    with pytest.raises(UsageError, match="written by another version"):
        load(outcome.result)
