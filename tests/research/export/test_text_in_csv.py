"""Every text of an export comes back unchanged from CSV with the functions of the guide."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from simvoice.research.analysis.conversation import Conversation
from simvoice.research.export.columns import Column, CsvTable
from simvoice.research.export.tables import tables
from simvoice.research.export.write import save
from simvoice.safe_text import from_csv_cell

GUIDE = (Path(__file__).resolve().parents[3] / "docs" / "for-researchers.md").read_text("utf-8")

HARD = (
    *("NA", "null", "NULL", "NaN", "TRUE", "true", "1e5", "007", "-5", "0x1F", "inf", "#N/A"),
    *(
        "=HYPERLINK(1)",
        "+44 20",
        "@SUM(A1)",
        "\t=1",
        "'=1",
        "''-",
        "'cause",
        "＝1",
        " x ",
        '"q", r',
    ),
    *("line\nbreak", "Zoë 李 👩‍⚕️", "-well, no"),
)


@pytest.fixture(scope="module")
def hard(both: list[Conversation]) -> list[Conversation]:
    """Conversations whose ids, names and words look like something else."""
    return [
        both[0].model_copy(
            update={
                "id": "1e5",
                "learner": "NA",
                "title": "=1+1",
                "utterances": tuple(
                    both[0].utterances[0].model_copy(update={"text": text}) for text in HARD
                ),
            }
        ),
        both[1].model_copy(update={"id": "TRUE", "learner": "-", "title": "null"}),
    ]


@pytest.fixture(scope="module")
def hard_folder(hard: list[Conversation], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hard") / "export"
    save(hard, out, ("csv", "parquet"))
    return out


def texts_of(name: str, hard: list[Conversation]) -> dict[str, list[str | None]]:
    """Return the texts of a table, column by column; None where the cell is missing."""
    (table,) = [each for each in tables(False) if each.name == name]
    rows = list(table.rows(hard))
    kinds = {column.name: column.kind for column in table.columns}
    return {
        column: [row[column] or None for row in rows]  # type: ignore[misc]
        for column, kind in kinds.items()
        if kind == "string"
    }


NAMES = ("conversations", "utterances", "metrics_long")


@pytest.mark.parametrize("name", NAMES)
def test_the_csv_is_undone_cell_by_cell(
    name: str, hard: list[Conversation], hard_folder: Path
) -> None:
    path = hard_folder / "tables" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for column, texts in texts_of(name, hard).items():
        assert [from_csv_cell(row[column]) or None for row in rows] == texts, column
        assert not [row[column] for row in rows if row[column][:1] in "=+-@\t\r\n" and row[column]]


@pytest.mark.parametrize("name", NAMES)
def test_parquet_has_every_text_as_it_is(
    name: str, hard: list[Conversation], hard_folder: Path
) -> None:
    read = pyarrow.parquet.read_table(hard_folder / "tables" / f"{name}.parquet")
    for column, texts in texts_of(name, hard).items():
        assert read.column(column).to_pylist() == texts, column


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    table = CsvTable(tmp_path / "t.csv", [Column("a", "number", ""), Column("b", "integer", "")])
    table.add([{"a": -0.25, "b": -3}])
    table.close()
    assert (tmp_path / "t.csv").read_text("utf-8") == "a,b\n-0.25,-3\n"


IN_R = """
folder <- commandArgs(trailingOnly = TRUE)[1]
for (name in commandArgs(trailingOnly = TRUE)[-1]) {
  found <- read_table(name, folder)
  texts <- found[vapply(found, is.character, NA)]
  stopifnot(all(vapply(found, class, "") %in% c("character", "numeric", "integer", "logical")))
  writeLines(jsonlite::toJSON(texts, dataframe = "columns", na = "null"), paste0(name, ".json"),
             useBytes = TRUE)
}
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_r_reads_every_text_as_it_is_with_the_function_of_the_guide(
    hard: list[Conversation], hard_folder: Path, tmp_path: Path
) -> None:
    (function,) = re.findall(r"```r\n(read_table .+?)```", GUIDE, re.DOTALL)
    script = tmp_path / "read.R"
    script.write_text(function + IN_R, encoding="utf-8")
    done = subprocess.run(
        ["Rscript", "--encoding=UTF-8", str(script), str(hard_folder), *NAMES],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    for name in NAMES:
        read: dict[str, Any] = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
        for column, texts in texts_of(name, hard).items():
            assert read[column] == texts, (name, column)
