"""Praat's TextGrid, written with pympi-ling."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pympi  # type: ignore[import-untyped]

from simvoice.research.analysis.conversation import Conversation
from simvoice.research.export.tiers import tiers_of


def to_textgrid(found: Conversation) -> bytes:
    """The long text format, UTF-8. Every tier covers the whole conversation."""
    tiers = tiers_of(found)
    ends = [label.end_s for tier in tiers for label in tier.labels]
    end_s = round(max([found.length_s, *ends, 0.001]), 3)
    grid = pympi.TextGrid(xmax=end_s)
    for tier in tiers:
        made = grid.add_tier(tier.name)
        for label in tier.labels:
            # unchecked, because the check looks at every earlier one; they are disjoint already
            made.add_interval(label.start_s, label.end_s, label.text, check=False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.TextGrid"
        grid.to_file(path)
        return path.read_bytes()
