"""AnnoMI, read where somebody put it: what each clinician utterance does, by its annotators.

Wu et al. 2022, the "even" table: one row for each
utterance and annotator. Its licence is unclear: it is measured on, and nothing here learns from it.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from simvoice.errors import UsageError

TABLE = "annomi-even-transcripts.csv"
_COLUMNS = (
    "transcript_id",
    "mi_quality",
    "utterance_id",
    "interlocutor",
    "utterance_text",
    "annotator_id",
    "main_therapist_behaviour",
    "reflection_exists",
    "question_exists",
    "question_subtype",
)
_MAIN = {"therapist_input": "input"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """One clinician utterance; a label is None where its annotators are evenly split."""

    text: str
    encounter: str
    skilled: bool
    """From an encounter that AnnoMI calls one of high quality."""
    question: bool | None
    openness: str | None
    """"open" or "closed", by the annotators who see a question; None without one."""
    reflection: bool | None
    before: str
    """The client's words since the clinician's last utterance."""
    main: str | None
    """"question", "reflection", "input" or "other"."""


def read(folder: Path) -> tuple[Labelled, ...]:
    """All clinician utterances, in the order of the table.

    Raises UsageError when the table is missing or has other columns.
    """
    table = folder / TABLE
    if not table.is_file():
        raise UsageError(f"there is no {TABLE} in {folder}; give its folder with --data")
    by_utterance: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    told: dict[str, dict[str, str]] = defaultdict(dict)
    before: dict[tuple[str, str], str] = {}
    with table.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise UsageError(f"{table} has no column {', '.join(missing)}; take AnnoMI's own table")
        for row in rows:
            encounter, number = row["transcript_id"], row["utterance_id"]
            if row["interlocutor"] != "therapist":
                told[encounter].setdefault(number, row["utterance_text"])
                continue
            if (encounter, number) not in by_utterance:
                before[encounter, number] = " ".join(told.pop(encounter, {}).values())
            by_utterance[encounter, number].append(row)
    if not by_utterance:
        raise UsageError(f"{table} holds no utterance of a therapist; take AnnoMI's own table")
    return tuple(_labelled(rows, before[key]) for key, rows in by_utterance.items())


def _labelled(rows: Sequence[dict[str, str]], before: str) -> Labelled:
    main = majority(row["main_therapist_behaviour"] for row in rows)
    subtypes = (row["question_subtype"] for row in rows)
    return Labelled(
        text=rows[0]["utterance_text"],
        encounter=rows[0]["transcript_id"],
        skilled=rows[0]["mi_quality"] == "high",
        question=_truth(row["question_exists"] for row in rows),
        openness=majority(name for name in subtypes if name in {"open", "closed"}),
        reflection=_truth(row["reflection_exists"] for row in rows),
        before=before,
        main=None if main is None else _MAIN.get(main, main),
    )


def _truth(values: Iterable[str]) -> bool | None:
    named = majority(value.lower() for value in values)
    return None if named is None else named == "true"


def majority(values: Iterable[str]) -> str | None:
    """The most frequent value; None when there is none, or when two are as frequent."""
    ranked = Counter(values).most_common(2)
    if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]
