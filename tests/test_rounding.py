"""Numbers that are stored are rounded once, by their type."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import simvoice
from simvoice.record.events import Delay, Hold, LearnerVoice, Trouble
from simvoice.rounding import (
    LedgerChange,
    MetricValue,
    PreciseSeconds,
    Seconds,
    round_ledger,
    round_precise,
    round_seconds,
)
from simvoice.strict_model import StrictModel

PACKAGE = Path(simvoice.__file__).parent


class Stored(StrictModel):
    at_s: Seconds = 0.0
    heard_s: PreciseSeconds = 0.0
    value: MetricValue | None = None
    moved: LedgerChange = 0.0


@pytest.mark.parametrize(
    ("given_s", "stored_s"),
    [(1.23456, 1.235), (0.0004, 0.0), (-0.0004, 0.0), (59.9996, 60.0), (0.444499, 0.444)],
)
def test_seconds_are_stored_to_the_millisecond(given_s: float, stored_s: float) -> None:
    assert Stored(at_s=given_s).at_s == stored_s


def test_what_is_measured_from_sound_keeps_its_microseconds() -> None:
    assert Stored(heard_s=1.23456789).heard_s == 1.234568


def test_no_stored_number_is_minus_zero() -> None:
    stored = Stored(at_s=-1e-9, heard_s=-1e-9, value=-1e-9, moved=-1e-9)
    assert stored.model_dump_json() == '{"at_s":0.0,"heard_s":0.0,"value":0.0,"moved":0.0}'


@given(st.floats(-1e5, 1e5))
def test_reading_a_stored_number_gives_the_same_number(value: float) -> None:
    stored = Stored(at_s=value, heard_s=value, value=value, moved=value)
    assert Stored.model_validate_json(stored.model_dump_json()) == stored


@pytest.mark.parametrize("once", [round_seconds, round_precise, round_ledger])
def test_a_number_of_numpy_becomes_a_plain_float(once: object) -> None:
    assert callable(once)
    assert type(once(np.float64(0.25))) is float


def test_entries_of_the_journal_are_rounded_by_their_fields() -> None:
    entries = (
        LearnerVoice(start_s=1 / 3, end_s=2 / 3, level_dbfs=-31.26),
        Hold(start_s=1 / 3, end_s=2 / 3, window_s=3.0, outcome="held", beat="news"),
        Delay(
            turn=1,
            speech_end_s=1 / 3,
            first_sound_s=2 / 3,
            chosen_silence_s=0.0,
            stages_s={"stt": 1 / 7},
        ),
        Trouble(at_s=1 / 3, what="a frame was lost"),
    )
    shown = [entry.model_dump(exclude_defaults=True) for entry in entries]
    assert shown[0] == {"start_s": 0.333, "end_s": 0.667, "level_dbfs": -31.3}
    assert (shown[1]["start_s"], shown[1]["end_s"]) == (0.333, 0.667)
    assert shown[2]["stages_s"] == {"stt": 0.143}
    assert shown[3]["at_s"] == 0.333


ROUNDED_BY_TYPE = (
    *("conversation", "runtime", "record", "reading", "criteria", "debrief", "progress", "web"),
    *("scoring/instruments", "research/analysis", "research/export"),
)
"""Rooms that store or pass on numbers and leave the rounding to the types."""


def test_code_on_the_way_to_a_stored_number_does_not_round() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for room in ROUNDED_BY_TYPE
        for path in sorted((PACKAGE / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "round"
        and len(node.args) > 1
    ]
    assert wrong == []
