"""`simvoice rate`, `simvoice agree` and `simvoice debrief --items`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from simvoice.cli import app
from simvoice.errors import AttemptError, UsageError
from simvoice.record.events import ConcernShown
from simvoice.record.ratings import RATINGS, load_objections, load_ratings
from simvoice.record.store import Attempt
from tests.planted.talk import record

CUE = ConcernShown(line="line3", concern="children", text="Who cares for them", kind="cue")


@pytest.fixture
def attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attempt:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path))
    return record(tmp_path / "attempts", shows=(CUE,), instruments=("SPIKES", "NURSE"))


def run(*arguments: str) -> str:
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def answer(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def filled(sheet: str, values: dict[str, str]) -> str:
    rows = list(csv.DictReader(io.StringIO(sheet)))
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys())
    writer.writeheader()
    writer.writerows({**row, "value": values.get(row["item"], "")} for row in rows)
    return out.getvalue()


@pytest.mark.slow
def test_a_sheet_is_filled_in_imported_and_compared(attempt: Attempt, tmp_path: Path) -> None:
    sheet = run("rate", "sheet", attempt.id, "--rater", "kim")
    assert "spikes-order" in sheet
    assert "os12" not in sheet
    values = {"spikes-setting-introduces": "not met", "spikes-emotion-silence": "met"}
    path = tmp_path / "ratings.csv"
    path.write_text(filled(sheet, values))
    assert answer("rate", "import", str(path)) == {"ratings": 2, "attempts": [attempt.id]}
    found = {each["item"]: each for each in answer("agree")["items"]}
    assert set(found) == set(values)
    assert found["spikes-emotion-silence"]["agreed"] == 1.0
    assert found["spikes-emotion-silence"]["trusted"] is False
    text = " ".join(run("agree", attempt.id).split())
    assert "spikes-emotion-silence" in text
    assert "not yet known: both judged it in 1 of the 20 attempts that are needed" in text
    assert "1 attempt, 1 rater, 1 rating (0 on the blind page), the same in 1 of 1" in text
    assert "The machine may be trusted with an item when" in text
    items = " ".join(run("debrief", attempt.id, "--items").split())
    assert "1 human rating; how well they agree: simvoice agree" in items
    assert "not yet compared" in items


def test_a_bad_file_leaves_everything_as_it_was(attempt: Attempt, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    lines = [f"{attempt.id},kim,spikes-order,met,", f"{attempt.id},kim,nonsense,met,"]
    path.write_text("\n".join(["attempt,rater,item,value,comment", *lines]))
    error = invoke("rate", "import", str(path)).exception
    assert isinstance(error, UsageError)
    assert "line 3 names the item 'nonsense'" in str(error)
    assert load_ratings(attempt.folder) == ()


@pytest.mark.slow
def test_an_unreadable_file_gives_a_message(attempt: Attempt, tmp_path: Path) -> None:
    (tmp_path / "sound.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder.csv").mkdir()
    wanted = {
        "sound.csv": "sound.csv is UTF-16 text",
        "gone.csv": "give a CSV file of ratings",
        "folder.csv": "give a CSV file of ratings",
    }
    for name, says in wanted.items():
        error = invoke("rate", "import", str(tmp_path / name)).exception
        assert isinstance(error, UsageError)
        assert says in str(error)


@pytest.mark.slow
def test_an_instrument_outside_the_case_is_accepted_when_it_is_named(
    attempt: Attempt, tmp_path: Path
) -> None:
    path = tmp_path / "more.csv"
    sheet = run("rate", "sheet", attempt.id, "--rater", "kim", "--instrument", "OS-12")
    path.write_text(filled(sheet, {"os12-1-greets": "met"}))
    error = invoke("rate", "import", str(path)).exception
    assert "the attempt's case does not use it" in str(error)
    assert answer("rate", "import", str(path), "--instrument", "OS-12")["ratings"] == 1
    wrong = invoke("rate", "import", str(path), "--instrument", "RIAS").exception
    assert "no instrument RIAS" in str(wrong)


@pytest.mark.slow
def test_an_unreadable_file_of_ratings_is_named_and_the_others_count(
    attempt: Attempt, tmp_path: Path
) -> None:
    path = tmp_path / "ratings.csv"
    sheet = run("rate", "sheet", attempt.id, "--rater", "kim")
    path.write_text(filled(sheet, {"spikes-order": "met"}))
    run("rate", "import", str(path))
    broken = record(tmp_path / "attempts")
    (broken.folder / RATINGS).write_text("{nonsense\n")
    gone = record(tmp_path / "attempts")
    run("rate", "object", gone.id, "spikes-perception", "--why", "I did")
    (gone.folder / "header.json").write_text("{")
    found = answer("agree")
    assert [each["item"] for each in found["items"]] == ["spikes-order"]
    assert len(found["problems"]) == 2
    said = invoke("agree")
    assert said.exit_code == 0
    noted = " ".join(said.stderr.split())
    assert f"line 1 of ratings.jsonl of attempt {broken.id} cannot be read" in noted
    assert f"the header of attempt {gone.id}" in noted


@pytest.mark.slow
def test_an_objection_is_kept_and_shown_and_counted(attempt: Attempt) -> None:
    run("rate", "object", attempt.id, "spikes-perception", "--why", " I [b]asked[/b] her ")
    assert [each.why for each in load_objections(attempt.folder)] == ["I [b]asked[/b] her"]
    assert "you objected: “I [b]asked[/b] her”" in run("debrief", attempt.id, "--items")
    (found,) = answer("agree")["items"]
    assert (found["item"], found["objections"]) == ("spikes-perception", 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("rate", "object", "ID", "nonsense", "--why", "x"), "there is no item nonsense"),
        (("rate", "object", "ID", "spikes-order", "--why", " "), "in your own words"),
        (
            ("rate", "object", "ID", "spikes-order", "--why", "x" * 601),
            "the limit is 600",
        ),
        (("rate", "sheet", "ID", "--rater", "k", "--instrument", "RIAS"), "no instrument RIAS"),
        (("rate", "sheet", "ID", "--rater", ""), "enter a name for the rater"),
        (("rate", "sheet", "ID", "--rater", "a\x1b[31m"), "no control characters"),
        (("agree",), "no one has rated these attempts yet"),
    ],
)
def test_invalid_arguments_give_a_message(
    attempt: Attempt, arguments: tuple[str, ...], says: str
) -> None:
    error = invoke(*(attempt.id if each == "ID" else each for each in arguments)).exception
    assert isinstance(error, UsageError)
    assert says in str(error)


def test_a_rater_on_two_lines_is_one_rater(attempt: Attempt) -> None:
    sheet = run("rate", "sheet", attempt.id, "--rater", "kim\nlee ")
    rows = list(csv.DictReader(io.StringIO(sheet)))
    assert {row["rater"] for row in rows} == {"kim lee"}


def test_words_that_are_not_utf_8_are_stored_as_far_as_they_can_be(attempt: Attempt) -> None:
    run("rate", "object", attempt.id, "spikes-perception", "--why", "I \udcff asked")
    assert [each.why for each in load_objections(attempt.folder)] == ["I � asked"]


def test_an_unknown_attempt_is_refused(attempt: Attempt) -> None:
    arguments = ("rate", "object", "20260101-000000-none-aaaa", "spikes-order", "--why", "x")
    assert isinstance(invoke(*arguments).exception, AttemptError)


@pytest.mark.slow
def test_a_case_without_instruments_asks_for_one(attempt: Attempt, tmp_path: Path) -> None:
    bare = record(tmp_path / "attempts")
    error = invoke("rate", "sheet", bare.id, "--rater", "kim").exception
    assert "its case names none" in str(error)
    assert "os12-1-greets" in run("rate", "sheet", bare.id, "--rater", "k", "--instrument", "OS-12")
