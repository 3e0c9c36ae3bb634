"""The bench compares the coder with annotators, and reports missing data."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from simvoice.bench import coder
from simvoice.errors import UsageError

pytestmark = pytest.mark.slow

HEADER = (
    "transcript_id,mi_quality,topic,utterance_id,interlocutor,timestamp,utterance_text,"
    "annotator_id,main_therapist_behaviour,therapist_input_exists,therapist_input_subtype,"
    "reflection_exists,reflection_subtype,question_exists,question_subtype,client_talk_type"
)


def write(folder: Path, *rows: tuple[str, str, str, str, str, str]) -> Path:
    """rows: utterance id, text, main behaviour, reflection, question, its subtype."""
    with (folder / coder.TABLE).open("w", encoding="utf-8", newline="") as lines:
        table = csv.DictWriter(lines, HEADER.split(","), restval="n/a")
        table.writeheader()
        for number, text, main, reflection, question, subtype in rows:
            table.writerow(
                {
                    "transcript_id": "1", "mi_quality": "high", "utterance_id": number,
                    "interlocutor": "therapist", "utterance_text": text,
                    "main_therapist_behaviour": main, "reflection_exists": reflection,
                    "question_exists": question, "question_subtype": subtype,
                }
            )  # fmt: skip
    return folder


def test_the_majority_of_annotators_gives_the_label_and_a_tie_gives_none(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        ("1", "a", "reflection", "True", "False", "n/a"),
        ("1", "a", "therapist_input", "False", "False", "n/a"),
        ("1", "a", "therapist_input", "False", "True", "open"),
        ("2", "b", "question", "False", "True", "open"),
        ("2", "b", "other", "False", "False", "n/a"),
    )
    first, second = coder.read_annomi(folder)
    assert (first.main, first.reflection, first.question) == ("input", False, False)
    assert (second.main, second.reflection, second.question) == (None, False, None)


def test_a_small_table_gives_a_complete_report(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        ("1", "What brings you here?", "question", "False", "True", "open"),
        ("2", "Are you married?", "question", "False", "True", "closed"),
        ("3", "So you're torn about it.", "reflection", "True", "False", "n/a"),
        ("4", "You should stop smoking.", "therapist_input", "False", "False", "n/a"),
        ("5", "Mm-hmm.", "other", "False", "False", "n/a"),
    )
    report = coder.run(folder, quick=False)
    assert report["kappa"] == {"question": 1, "open_closed": 1, "reflection": 1, "main": 1}
    assert set(report["macro_f1"]) == {"events", "jargon"}
    assert 0 < report["ms_per_utterance"] < 1000


def test_a_folder_without_annomi_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--data"):
        coder.run(tmp_path, quick=True)
    (tmp_path / coder.TABLE).write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no column transcript_id"):
        coder.run(tmp_path, quick=True)


def test_intervals_contain_the_figure_and_are_none_without_one(tmp_path: Path) -> None:
    asks = ("1", "What brings you here?", "question", "False", "True", "open")
    labelled = coder.read_annomi(
        write(tmp_path, asks, ("2", "Mm-hmm.", "other", "False", "False", "n/a"))
    )
    coded = [coder.coded_utterance(each.text) for each in labelled]
    found = coder.intervals(labelled, coded)
    assert found["question"] == (1.0, 1.0)
    assert found["open_closed"] is None


def shared_annomi() -> Path:
    given = os.environ.get("SIMVOICE_DATA")
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    return (Path(given) if given else beside) / "annomi"


@pytest.mark.skipif(not (shared_annomi() / coder.TABLE).is_file(), reason="AnnoMI is not available")
def test_the_coder_reaches_the_wanted_agreement_with_annotators() -> None:
    report = coder.run(shared_annomi(), quick=False)
    wanted = coder.YARDSTICKS["wanted"]
    assert {n: v for n, v in report["kappa"].items() if v is None or v < wanted[n]} == {}
    assert report["ms_per_utterance"] <= 40
