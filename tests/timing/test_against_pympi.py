"""Gaps and overlaps against pympi-ling's own implementation of Heldner & Edlund 2010.

pympi steps through time in whole ticks and counts the last tick of an annotation as speech, so an
annotation from a to b lasts b + 1 - a ticks. Where both speakers begin or end in the same tick,
pympi names one of them at random; we call that unclear, and there only the times are compared.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pympi import Eaf  # type: ignore[import-untyped]

from simvoice.timing.intervals import intervals
from simvoice.timing.turns import gaps_and_overlaps, state_intervals

pytestmark = pytest.mark.slow

DATA = Path(os.environ.get("SIMVOICE_DATA", Path(__file__).parents[3] / "shared" / "data"))
CONSULTATIONS = sorted((DATA / "primock57").glob("*_doctor.TextGrid"))
TICK_S = 0.01
"""pympi visits every tick of every annotation; at 1 ms it needs a minute for a consultation."""

Ticks = list[tuple[int, int]]
Found = list[tuple[int, int, str]]
NAMES = {
    ("pause", "learner"): "P1",
    ("pause", "patient"): "P2",
    ("gap", "learner"): "G12",
    ("gap", "patient"): "G21",
    ("overlap_between", "learner"): "O12",
    ("overlap_between", "patient"): "O21",
    ("overlap_within", "learner"): "W12",
    ("overlap_within", "patient"): "W21",
}


def theirs(one: Ticks, two: Ticks) -> Found:
    eaf = Eaf()
    for tier, spoken in (("1", one), ("2", two)):
        eaf.add_tier(tier)
        for start, end in spoken:
            eaf.add_annotation(tier, start, end)
    found = eaf.get_gaps_and_overlaps("1", "2")
    return [(start, end + 1, kind.split("_")[0]) for start, end, kind in found]


def ours(one: Ticks, two: Ticks) -> Found:
    lanes = [intervals([(float(a), float(b + 1)) for a, b in spoken]) for spoken in (one, two)]
    begin = min(a for a, _ in (*one, *two))
    end = max(b for _, b in (*one, *two))  # pympi does not look at the very last tick
    states = state_intervals(lanes[0], lanes[1], float(begin), float(end))
    return [
        (
            round(b.start_s),
            round(b.end_s),
            "" if b.before is None else NAMES.get((b.kind, b.before), ""),
        )
        for b in gaps_and_overlaps(states)
    ]


def check(one: Ticks, two: Ticks) -> int:
    """Compare ours with pympi's; return how many have a clear kind."""
    made, expected = ours(one, two), theirs(one, two)
    assert [found[:2] for found in made] == [found[:2] for found in expected]
    clear = [(a, b) for a, b in zip(made, expected, strict=True) if a[2] and is_clear(a, one, two)]
    assert [a for a, _ in clear] == [b for _, b in clear]
    return len(clear)


def is_clear(found: tuple[int, int, str], one: Ticks, two: Ticks) -> bool:
    """Whether exactly one speaker speaks right before and right after."""
    begin = min(a for a, _ in (*one, *two))
    end = max(b for _, b in (*one, *two))
    around = (found[0] - 1, found[1])
    if around[0] < begin or around[1] >= end:
        return False
    return all(any(a <= t <= b for a, b in one) != any(a <= t <= b for a, b in two) for t in around)


lanes = st.lists(st.integers(1, 200), min_size=2, max_size=16, unique=True).map(
    lambda edges: [
        (a, b) for a, b in zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False) if a < b
    ]
)


@settings(max_examples=200, deadline=None)
@given(lanes, lanes)
def test_any_talk_has_the_same_gaps_and_overlaps(one: Ticks, two: Ticks) -> None:
    check(one, two)


def spoken(path: Path) -> Ticks:
    """The stretches of a TextGrid that hold words, in ticks."""
    found = re.findall(
        r'xmin = ([\d.]+)\s+xmax = ([\d.]+)\s+text = "(.*)"', path.read_text(encoding="utf-8")
    )
    pairs = [(round(float(a) / TICK_S), round(float(b) / TICK_S)) for a, b, text in found if text]
    return [(a, b) for a, b in pairs if b > a]


@pytest.mark.skipif(not CONSULTATIONS, reason="PriMock57 is not here; set SIMVOICE_DATA to test it")
def test_every_consultation_has_the_same_gaps_and_overlaps() -> None:
    clear = [
        check(spoken(path), spoken(path.with_name(path.name.replace("doctor", "patient"))))
        for path in CONSULTATIONS
    ]
    assert min(clear) > 20
