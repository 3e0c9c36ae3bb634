"""The bench that tells skilled learners from poor ones: its figures, its scripts and its play."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice import paths
from simvoice.bench import discrimination as bench
from simvoice.bench.discrimination import PlayedEncounter
from simvoice.bench.scripted_learners import (
    KINDS,
    LearnerScriptText,
    load_learners,
)
from simvoice.bench.virtual_encounter import play
from simvoice.debrief.build import build_debrief
from simvoice.errors import CaseError
from simvoice.patient.case.load import load_case
from simvoice.patient.mind import Patient
from simvoice.reading.reading import read
from simvoice.record.events import Ended, Interruption, LearnerTurn, PatientSpeech

FILES = sorted(each for folder in paths.case_dirs() for each in folder.glob("*/learners.yaml"))
CASES = [file.parent.name for file in FILES]


def played(kind: str, share: float | None, case: str = "a", **outcomes: str) -> PlayedEncounter:
    return PlayedEncounter(
        case=case,
        kind=kind,  # type: ignore[arg-type]
        judging=False,
        shares={"empathy": share},
        outcomes=outcomes,
        counts={bench.CRITICAL: (1, 4)},
        length_s=60.0,
    )


# -- figures --------------------------------------------------------------------------------------


def test_auc_is_the_share_of_pairs_that_skilled_wins_within_a_case() -> None:
    found = [
        *(played("skilled", share) for share in (0.8, 0.6)),
        *(played("cold", share) for share in (0.6, 0.2)),
        # another case, with other shares: never compared with the first
        played("skilled", 0.3, "b"),
        played("cold", 0.1, "b"),
    ]
    assert bench.auc(found, "empathy", "cold") == pytest.approx((1 + 1 + 0.5 + 1 + 1) / 5)
    assert bench.auc(found, "empathy", "jargon") is None
    assert bench.auc(found, "clarity", "cold") is None


def test_what_could_not_be_judged_is_half_a_win() -> None:
    found = [played("skilled", None), played("cold", 0.2)]
    assert bench.auc(found, "empathy", "cold") == 0.5


def test_the_interval_contains_the_value_and_narrows_without_spread() -> None:
    spread = [played("skilled", s) for s in (0.9, 0.5, 0.7)] + [
        played("cold", s) for s in (0.6, 0.2, 0.8)
    ]
    low, high = bench.auc_interval(spread, "empathy", "cold") or (0.0, 0.0)
    value = bench.auc(spread, "empathy", "cold")
    assert value is not None
    assert low < value < high
    clear = [played("skilled", 0.9), played("cold", 0.1)]
    assert bench.auc_interval(clear, "empathy", "cold") == (1.0, 1.0)


def test_critical_items_that_could_not_be_judged_are_not_met() -> None:
    assert bench.critical_met([played("cold", 0.1), played("skilled", 0.1)], "cold") == 0.25
    assert bench.critical_met([played("skilled", 0.1)], "cold") is None


def test_items_that_separate_nothing_or_the_wrong_way_are_named() -> None:
    found = [
        played("skilled", 0.5, same="met", better="met", worse="not met", alone="met"),
        played("cold", 0.5, same="met", better="not met", worse="met", alone="not judged"),
    ]
    assert bench.separates_nothing(found) == ["same"]
    assert bench.reversed_items(found) == {"worse": ["cold"]}


def test_the_report_has_only_the_listed_pairs_as_auc() -> None:
    found = [played(kind, 0.5) for kind in KINDS]
    report = bench.figures(found)
    pairs = {(name, kind) for name, row in report["auc"].items() for kind in row}
    assert pairs == {(name, kind) for kind, names in bench.LISTED.items() for name in names}
    assert all(len(names) >= 2 for names in bench.LISTED.values())
    text = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    for kind in bench.LISTED:
        assert f"| {kind} |" in text, f"docs/benchmarks.md lists no headings for {kind}"


# -- scripts --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=CASES)
def test_every_case_has_twelve_encounters_of_each_kind_and_names_lines_that_exist(
    file: Path,
) -> None:
    learners = load_learners(file)
    case = load_case(file.with_name("case.yaml"))
    lines = {line.id for line in case.lines}
    assert learners.case == case.id
    assert learners.author
    assert set(learners.learners) == set(KINDS)
    for kind, scripts in learners.learners.items():
        assert len(scripts) >= 6, kind
        for script in scripts:
            assert script.turns[-1].ends, f"{kind}, {script.name}"
            named = {each.strip() for key in script.replies for each in key.split(",")}
            assert named <= lines, f"{kind}, {script.name}: {sorted(named - lines)}"


def test_two_cases_are_kept_for_judging() -> None:
    assert sum(load_learners(file).judging for file in FILES) == 2
    assert len(FILES) == 6


def test_a_file_with_a_wrong_field_is_refused(tmp_path: Path) -> None:
    bad = tmp_path / "learners.yaml"
    bad.write_text("case: a\nauthor: b\nlearners: {skilled: [{name: x, turns: [{sayy: Hello}]}]}\n")
    with pytest.raises(CaseError, match=r"learners\.yaml: learners\.skilled\.0\.turns\.0\.sayy"):
        load_learners(bad)


# -- play -----------------------------------------------------------------------------------------

SCRIPT = LearnerScriptText.model_validate(
    {
        "name": "short",
        "replies": {"held_mother, held_word, held_plain": "I am here."},
        "turns": [
            {"say": "Hello, Mrs. Tully. I am Doctor Shah.", "cut_in_s": 1.0},
            "What have you been told so far?",
            "I am afraid it is serious. The biopsy shows that it is breast cancer.",
            {"silent_s": 9},
            {"say": "I will leave you now.", "ends": True},
        ],
    }
)


@pytest.fixture(scope="module")
def patient() -> Patient:
    file = next(each for each in FILES if each.parent.name == "breast-biopsy")
    return Patient(load_case(file.with_name("case.yaml")), None)


@pytest.mark.slow
def test_a_script_is_played_with_its_times_and_replies(patient: Patient, tmp_path: Path) -> None:
    attempt = play(patient, None, SCRIPT, "skilled", 7, tmp_path)
    said = [entry.text for entry in attempt.entries if isinstance(entry, LearnerTurn)]
    assert said[0].startswith("Hello, Mrs. Tully")
    assert "I am here." in said
    assert said[-1] == "I will leave you now."
    cut = [entry for entry in attempt.entries if isinstance(entry, Interruption)]
    assert [each.turn for each in cut] == [2]
    heard = [entry for entry in attempt.entries if isinstance(entry, PatientSpeech)]
    assert any(entry.unsaid for entry in heard)
    assert any(isinstance(entry, Ended) for entry in attempt.entries)
    debrief = build_debrief(attempt, read(attempt))
    assert debrief.has_sound
    assert debrief.state == "complete"


@pytest.mark.slow
def test_equal_seeds_give_equal_encounters(patient: Patient, tmp_path: Path) -> None:
    one, other = (
        play(patient, None, SCRIPT, "cold", 3, tmp_path / name).entries[1:]
        for name in ("one", "other")
    )
    assert [entry for entry in one if not isinstance(entry, Ended)] == [
        entry for entry in other if not isinstance(entry, Ended)
    ]
