#!/usr/bin/env python3
"""Who speaks after a doctor's statement, and who after a question: the reason for
`statement_commit_s`. .venv/bin/python scripts/count_turn_ends.py FOLDER

The folder holds PriMock57's TextGrids, `…_doctor.TextGrid` beside `…_patient.TextGrid`. A stretch
of four words and more that ends with a mark counts, unless the patient was speaking then.
"""

from __future__ import annotations

import statistics
import sys
from itertools import pairwise
from pathlib import Path

from simvoice.research.recordings.textgrid import read
from simvoice.research.recordings.transcript_entry import TranscriptEntry

SAME_S = 0.3
"""Seconds by which the patient may begin before the doctor's last sound and still answer it."""
FEWEST_WORDS = 4


def main() -> None:
    """Print, by the mark at the end, how often the doctor goes on and how fast he is answered."""
    went_on = {".": 0, "?": 0}
    answered: dict[str, list[float]] = {".": [], "?": []}
    for path in sorted(Path(sys.argv[1]).glob("*_doctor.TextGrid")):
        doctor = said_in(path)
        patient = said_in(path.with_name(path.name.replace("_doctor", "_patient")))
        for one, later in pairwise(doctor):
            mark, end_s = one.text[-1], one.end_s
            if mark not in went_on or len(one.text.split()) < FEWEST_WORDS:
                continue
            if any(each.start_s < end_s - SAME_S and each.end_s > end_s for each in patient):
                continue
            between = [e.start_s for e in patient if end_s - SAME_S < e.start_s < later.start_s]
            if between:
                answered[mark].append(between[0] - end_s)
            else:
                went_on[mark] += 1
    for mark, gaps in answered.items():
        count = went_on[mark] + len(gaps)
        _, half, most = statistics.quantiles(gaps, n=4)
        print(
            f"after {mark!r}: {count} ends, the doctor goes on after {went_on[mark] / count:.0%}; "
            f"else the patient after {half:.2f} s (median), {most:.2f} s in three of four"
        )


def said_in(path: Path) -> list[TranscriptEntry]:
    """What one of the two said, in order."""
    found, _ = read(path.name, path.read_text("utf-8"))
    return found


if __name__ == "__main__":
    main()
