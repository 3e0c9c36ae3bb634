"""Read a TextGrid with Praat: `python -m tests.research.export.praat_reads FILE`.

It runs in a separate process, because Praat holds the interpreter's lock and prints to stdout.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import parselmouth
from parselmouth.praat import call


def tiers(path: str) -> dict[str, Any]:
    """Return the length, and for each tier its labelled intervals as (start, end, label)."""
    grid = parselmouth.read(path)
    found: dict[str, Any] = {"length_s": grid.xmax - grid.xmin, "tiers": {}}
    for tier in range(1, int(call(grid, "Get number of tiers")) + 1):
        count = int(call(grid, "Get number of intervals", tier))
        labels = [
            (
                call(grid, "Get start time of interval", tier, i),
                call(grid, "Get end time of interval", tier, i),
                call(grid, "Get label of interval", tier, i),
            )
            for i in range(1, count + 1)
        ]
        found["tiers"][call(grid, "Get tier name", tier)] = [x for x in labels if x[2]]
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(tiers(sys.argv[1])))
