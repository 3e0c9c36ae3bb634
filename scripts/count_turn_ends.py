#!/usr/bin/env python3
"""Count who speaks after a doctor's statement, and who after a doctor's question.

.venv/bin/python scripts/count_turn_ends.py FOLDER

The result is the reason for the setting `statement_commit_s`. The folder holds PriMock57's
TextGrids, `…_doctor.TextGrid` and `…_patient.TextGrid`. An utterance counts when it has at least
four words, ends with a full stop or a question mark, and the patient is not speaking at its end.
"""

from __future__ import annotations

import statistics
import sys
from itertools import pairwise
from pathlib import Path

from simvoice.research.recordings.textgrid import read
from simvoice.research.recordings.transcript_entry import TranscriptEntry

SAME_S = 0.3
"""Seconds before the doctor's last sound at which an answer of the patient may begin."""
FEWEST_WORDS = 4


def main() -> None:
    """Print, for each closing mark, how often the doctor goes on and how fast the answer comes."""
    continued = {".": 0, "?": 0}
    answered: dict[str, list[float]] = {".": [], "?": []}
    for path in sorted(Path(sys.argv[1]).glob("*_doctor.TextGrid")):
        doctor = utterances_of(path)
        patient = utterances_of(path.with_name(path.name.replace("_doctor", "_patient")))
        for one, later in pairwise(doctor):
            mark, end_s = one.text[-1], one.end_s
            if mark not in continued or len(one.text.split()) < FEWEST_WORDS:
                continue
            if any(each.start_s < end_s - SAME_S and each.end_s > end_s for each in patient):
                continue
            between = [e.start_s for e in patient if end_s - SAME_S < e.start_s < later.start_s]
            if between:
                answered[mark].append(between[0] - end_s)
            else:
                continued[mark] += 1
    for mark, gaps in answered.items():
        count = continued[mark] + len(gaps)
        _, half, most = statistics.quantiles(gaps, n=4)
        print(
            f"after {mark!r}: {count} ends, the doctor goes on after "
            f"{continued[mark] / count:.0%}; else the patient after {half:.2f} s (median), "
            f"{most:.2f} s in three of four"
        )


def utterances_of(path: Path) -> list[TranscriptEntry]:
    """Return the utterances of one speaker, in order of time."""
    found, _ = read(path.name, path.read_text("utf-8"))
    return found


if __name__ == "__main__":
    main()
