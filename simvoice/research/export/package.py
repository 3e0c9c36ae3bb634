"""Describe an export as a data package (Frictionless Data Package, version 1), with a README.

Source: specs.frictionlessdata.io, data-package, tabular-data-resource, table-schema.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simvoice import __version__
from simvoice.research.export.columns import ExportTable

PACKAGE_FILE = "datapackage.json"
README_FILE = "README.txt"
PACKAGE_NAME = "simvoice-export"
"""The package's name; it identifies a folder as an export that `--replace` may overwrite."""


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file of an export."""

    path: str
    """Path inside the export, with forward slashes."""
    kind: str
    """csv, parquet, textgrid, eaf, rttm, ctm, wav or text."""
    size: int
    """Bytes."""
    sha256: str
    table: ExportTable | None = None
    """The table in it, for CSV and Parquet."""


_MEDIA = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "textgrid": "text/x-praat-textgrid",
    "eaf": "text/x-eaf+xml",
    "rttm": "text/x-rttm",
    "ctm": "text/x-ctm",
    "wav": "audio/wav",
}


def package_json(files: Sequence[ExportedFile], conversations: int, voice_free: bool) -> bytes:
    """Return the bytes of `datapackage.json`, which lists the other files.

    The same files give the same bytes: it contains no date.
    """
    variant = (
        "Timings and numbers only: no words, no sound, no names, pseudonymous ids."
        if voice_free
        else "With words and names: protect it like the recordings."
    )
    whole = {
        "profile": "data-package",
        "name": PACKAGE_NAME,
        "title": f"{conversations} conversation{'s' if conversations != 1 else ''}, measured",
        "description": f"Made by simvoice {__version__}. {variant} All times are seconds from the "
        "start of each recording.",
        "version": __version__,
        "simvoice": {"version": __version__, "voice_free": voice_free},
        "resources": [_resource(file) for file in files if file.kind in _MEDIA],
    }
    return (json.dumps(whole, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def _resource(file: ExportedFile) -> dict[str, Any]:
    stem = file.path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    tail = "" if file.kind == "csv" else f".{file.kind}"
    found: dict[str, Any] = {
        "name": f"{stem}{tail}".lower(),
        "path": file.path,
        "format": file.kind,
        "mediatype": _MEDIA[file.kind],
        "bytes": file.size,
        "hash": f"sha256:{file.sha256}",
    }
    if file.table is not None:
        found["description"] = file.table.description
    if file.table is not None and file.kind == "csv":
        found |= {"profile": "tabular-data-resource", "encoding": "utf-8"}
        found["schema"] = file.table.schema()
    else:
        # With type "file" the frictionless tool checks the bytes. It would read a Parquet file as
        # a table, find no size and report it as corrupted.
        found["type"] = "file"
    return found


def readme_text(voice_free: bool) -> bytes:
    """Return the README, which says how to open the files."""
    return (_README_VOICE_FREE if voice_free else _README).encode("utf-8")


_README = """Conversations measured by simvoice.

tables/    CSV and Parquet: metrics_wide (one row for each conversation), metrics_long (one row for
           each conversation and metric), turns, events, speech, utterances, words, ledger,
           answers and reflections (the learner's own words afterwards), conversations. codebook
           defines every metric; norms lists published values of real visits.
praat/     TextGrids. In Praat: Open > Read from file, with the sound; View & Edit together.
elan/      EAF files. Put each beside its sound and open it in ELAN, or let ELAN ask for the sound.
rttm/      Who speaks when, for scoring tools.
ctm/       Words with their times, for scoring tools; channel 1 is the learner, 2 the patient.
sound/     Only on request: the sound of attempts, the learner left, the patient right.

datapackage.json describes every column and gives the SHA-256 of every file.

pandas     pandas.read_parquet("tables/metrics_wide.parquet")
R          read.csv("tables/metrics_wide.csv", na.strings = ""), or
           arrow::read_parquet("tables/events.parquet")

An empty cell is a missing value; the column reason of metrics_long says why it is missing. In the
CSV files, a text that begins with = + - @ or a tab has an apostrophe before it, so that no
spreadsheet takes it as a formula; numbers and Parquet have none.
"""

_README_VOICE_FREE = """Conversations measured by simvoice: timings and numbers only.

The files contain no words, no sound, no names and no dates, and the ids are pseudonyms. The
timings are exact: anyone who has a recording can recognise it by them.

tables/    CSV and Parquet: metrics_wide (one row for each conversation), metrics_long (one row for
           each conversation and metric), turns, events, speech, conversations. codebook defines
           every metric; norms lists published values of real visits.
praat/     TextGrids. elan/  EAF files. rttm/  Who speaks when.

datapackage.json describes every column and gives the SHA-256 of every file.

pandas     pandas.read_parquet("tables/metrics_wide.parquet")
R          read.csv("tables/metrics_wide.csv", na.strings = ""), or
           arrow::read_parquet("tables/events.parquet")

An empty cell is a missing value; the column reason of metrics_long says why it is missing. In the
CSV files, a text that begins with = + - @ or a tab has an apostrophe before it, so that no
spreadsheet takes it as a formula; numbers and Parquet have none.
"""
