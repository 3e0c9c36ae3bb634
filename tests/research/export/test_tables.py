"""The tables are read back by the libraries that researchers use."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from simvoice.research.analysis.conversation import Conversation
from simvoice.research.export.columns import Column, CsvTable
from simvoice.research.export.tables import tables
from simvoice.scoring.metrics.definitions import definition_of
from simvoice.scoring.metrics.norms import norms
from tests.planted.talk import NUMBERS


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_wide_table_has_a_row_for_each_conversation_and_the_planted_numbers(
    folder: Path, attempt: Conversation, recording: Conversation
) -> None:
    found = {row["conversation"]: row for row in rows(folder, "metrics_wide")}
    assert list(found) == sorted([attempt.id, recording.id])
    for key, value in NUMBERS.items():
        if value is not None:  # the others need the sound, which the attempt has
            assert float(found[attempt.id][key]) == pytest.approx(value, rel=0.02, abs=0.15), key
    assert found[recording.id]["machine_delay"] == ""
    assert float(found[recording.id]["patient_speech"]) == pytest.approx(12.0, abs=0.3)


def test_the_long_table_says_why_a_number_is_missing(folder: Path, recording: Conversation) -> None:
    own = {
        r["metric"]: r for r in rows(folder, "metrics_long") if r["conversation"] == recording.id
    }
    assert set(own) == set(definition_of())
    assert own["machine_delay"]["value"] == ""
    assert "needs the journal of an attempt" in own["machine_delay"]["reason"]
    assert own["talk_share"]["reason"] == ""
    assert own["talk_share"]["unit"] == "percent"


def test_turns_events_and_speech_are_the_conversations(folder: Path, attempt: Conversation) -> None:
    def own(name: str) -> list[dict[str, str]]:
        return [r for r in rows(folder, name) if r["conversation"] == attempt.id]

    turns = own("turns")
    assert len(turns) == len(attempt.turns)
    assert turns[1]["text"] == "that is frightening i know"
    assert turns[1]["words"] == "5"
    assert len(own("speech")) == len(attempt.stretches)
    holds = [r for r in own("events") if r["kind"] == "hold"]
    assert [(r["outcome"], r["owner"]) for r in holds] == [("held", "patient")]
    assert float(holds[0]["start_s"]) == pytest.approx(14.0, abs=0.02)
    assert holds[0]["end_s"] == "20"
    (interruption,) = [r for r in own("events") if r["kind"] == "interruption"]
    assert (interruption["words_lost"], interruption["seconds_lost"]) == ("3", "1.2")
    assert [r["name"] for r in own("ledger")] == ["trust", "trust"]
    assert len(own("words")) == len(attempt.words)
    (answer,) = own("answers")
    assert (answer["number"], answer["question"]) == ("1", "What surprised you?")
    assert answer["answer"] == "The persimmon, really."
    (moment,) = own("reflections")
    assert (moment["moment"], moment["at_s"], moment["aim"]) == ("1", "3.4", "")
    assert moment["words"] == "that is frightening i know"
    assert moment["instead"] == "Say persimmon."
    assert moment["ended_at"] == "2026-11-22T11:00:00+00:00"


def test_csv_and_parquet_contain_the_same_cells(folder: Path) -> None:
    for path in sorted((folder / "tables").glob("*.csv")):
        parquet = pyarrow.parquet.read_table(path.with_suffix(".parquet"))
        read = pyarrow.csv.read_csv(
            path,
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=parquet.schema,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
        assert read.column_names == parquet.column_names
        for name in read.column_names:
            left, right = read[name].to_pylist(), parquet[name].to_pylist()
            assert left == [
                pytest.approx(x, abs=1e-6) if isinstance(x, float) else x for x in right
            ], (path.name, name)


def test_parquet_contains_unit_and_description_of_every_column(folder: Path) -> None:
    schema = pyarrow.parquet.read_schema(folder / "tables" / "metrics_wide.parquet")
    metadata = schema.field("response_latency").metadata
    assert metadata[b"unit"] == b"seconds"
    assert b"your response time" in metadata[b"description"]
    assert all(field.metadata and field.metadata[b"description"] for field in schema)


def test_the_codebook_and_the_norms_are_those_of_the_registry(folder: Path) -> None:
    assert [r["metric"] for r in rows(folder, "codebook")] == list(definition_of())
    assert [r["norm"] for r in rows(folder, "norms")] == [norm.id for norm in norms()]


@pytest.mark.parametrize("voice_free", [False, True])
def test_every_row_fills_exactly_its_columns_and_its_key_is_unique(
    both: list[Conversation], voice_free: bool
) -> None:
    for table in tables(voice_free):
        names = [column.name for column in table.columns]
        assert len(names) == len(set(names))
        assert set(table.key) <= set(names)
        assert all(column.description for column in table.columns)
        found = list(table.rows(both))
        assert all(list(row) == names for row in found), table.name
        keys = [tuple(row[name] for name in table.key) for row in found]
        assert len(keys) == len(set(keys)), table.name
        for column in table.columns:
            if column.values:
                cells = {row[column.name] for row in found} - {None, ""}
                assert cells <= set(column.values), (table.name, column.name)


def test_csv_writes_numbers_without_exponents(tmp_path: Path) -> None:
    row = {"a": 0.0000014, "b": 1_234_567.25, "c": None, "d": True, "e": 'x, "y"\nz', "f": 2.0}
    table = CsvTable(tmp_path / "t.csv", [Column(name, "string", "x") for name in row])
    table.add([row])
    table.close()
    text = (tmp_path / "t.csv").read_bytes().decode("utf-8")
    assert text == 'a,b,c,d,e,f\n0.000001,1234567.25,,true,"x, ""y""\nz",2\n'
    assert next(csv.DictReader(io.StringIO(text)))["e"] == 'x, "y"\nz'
