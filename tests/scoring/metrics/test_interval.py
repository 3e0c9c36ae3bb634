"""Intervals between and beyond the calibrated conditions."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from simvoice.reading.reading import read_channels
from simvoice.scoring.metrics.definitions import definitions
from simvoice.scoring.metrics.interval import (
    Conditions,
    ErrorCell,
    ErrorTable,
    conditions,
    error_bounds,
    errors_from_json,
    errors_to_json,
    interval,
    refusal,
    shipped_errors,
)
from simvoice.scoring.metrics.registry import measure_reading
from tests.planted.talk import sound

CLEAN = Conditions(60.0, -80.0, 0.0, 0.0, 0.03)


def cell(name: str, found: Conditions, low: float, high: float) -> ErrorCell:
    return ErrorCell(name, found, {"talk_share": (low, high), "silences": (low, high)})


BASE = cell("clean", CLEAN, -1.0, 1.0)
TABLE = ErrorTable(
    {"made_by": "a test"},
    {
        "snr_db": (
            BASE,
            cell("noise 20 dB", replace(CLEAN, snr_db=20.0), -2.0, 2.0),
            cell("noise 10 dB", replace(CLEAN, snr_db=10.0), -4.0, 6.0),
        ),
        "lost": (BASE, cell("dropped", replace(CLEAN, lost=0.02), -1.0, 3.0)),
    },
    {"talk_share": 2.0},
)


def bounds(**found: float) -> tuple[float, float]:
    made = TABLE.bounds("talk_share", replace(CLEAN, **found))
    assert made is not None
    return made


def test_under_a_calibrated_condition_the_interval_is_its_own() -> None:
    assert bounds() == (-1.0, 1.0)
    assert bounds(snr_db=20.0) == (-2.0, 2.0)
    assert bounds(snr_db=10.0) == (-4.0, 6.0)


def test_between_two_conditions_the_interval_is_interpolated() -> None:
    assert bounds(snr_db=15.0) == (-3.0, 4.0)


def test_the_effects_of_two_conditions_are_added() -> None:
    assert bounds(snr_db=20.0, lost=0.01) == (-2.0, 3.0)


def test_a_room_quieter_than_calibrated_counts_as_the_quietest() -> None:
    assert bounds(snr_db=90.0) == bounds()


def test_an_interval_contains_the_value_and_stays_within_possible_values() -> None:
    assert interval("talk_share", 50.0, CLEAN, TABLE) == (49.0, 51.0)
    assert interval("talk_share", 99.5, CLEAN, TABLE) == (98.5, 100.0)
    assert interval("talk_share", 0.2, CLEAN, TABLE) == (0.0, 1.2)
    assert interval("longest_silence", 3.0, CLEAN, TABLE) is None


def test_the_interval_of_a_count_has_whole_ends_and_grows_with_the_root() -> None:
    assert interval("silences", 1.0, CLEAN, TABLE) == (0.0, 2.0)
    assert interval("silences", 16.0, CLEAN, TABLE) == (12.0, 20.0)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (replace(CLEAN, snr_db=6.2), "noise 6 dB"),
        (replace(CLEAN, leak_db=-12.0), "the other's voice at -12 dB in a channel"),
        (replace(CLEAN, clipped=0.2), "20 % of the speech clipped"),
        (replace(CLEAN, lost=0.07), "7.0 % of the sound lost"),
        (replace(CLEAN, fade_s=0.25), "the room echoes (speech takes 0.25 s to fade)"),
        (replace(CLEAN, fade_s=0.2), ""),
        (CLEAN, ""),
    ],
)
def test_beyond_what_was_calibrated_nothing_is_measurable(found: Conditions, why: str) -> None:
    assert refusal(found) == why


@pytest.mark.parametrize("fade_s", [0.086, 0.12, 0.2])
def test_an_echo_beyond_calibration_refuses_only_metrics_that_it_affects(
    fade_s: float,
) -> None:
    echoing = replace(CLEAN, fade_s=fade_s)
    why = f"the room echoes (speech takes {fade_s:.2f} s to fade)"
    for key in ("talk_share", "learner_pauses", "overlaps", "articulation_rate", "word_rate"):
        assert refusal(echoing, key) == why
        assert refusal(replace(CLEAN, fade_s=0.085), key) == ""
    for key in ("silences", "longest_silence", "floor_share", "pitch_median"):
        assert refusal(echoing, key) == ""


def test_bounds_contain_the_next_error_in_nine_of_ten() -> None:
    random = np.random.default_rng(2)
    inside = []
    for _ in range(400):
        low, high = error_bounds(random.standard_normal(40).tolist())
        inside.append(low <= random.standard_normal() <= high)
    assert np.mean(inside) == pytest.approx(0.9, abs=0.04)


def test_the_table_survives_its_file() -> None:
    assert errors_from_json(json.loads(json.dumps(errors_to_json(TABLE)))) == TABLE


# -- whole recordings -----------------------------------------------------------------------


def test_the_interval_of_a_recording_follows_from_its_own_conditions() -> None:
    reading = read_channels(*sound(noise_dbfs=-37.8))  # 20 dB below the tone
    assert reading.sound is not None
    assert conditions(reading.sound).snr_db == pytest.approx(20.0, abs=2.0)
    found = {m.key: m for m in measure_reading(reading, TABLE)}
    share = found["talk_share"]
    assert share.value is not None
    assert share.low == pytest.approx(share.value - 2.0, abs=0.3)
    assert share.high == pytest.approx(share.value + 2.0, abs=0.3)
    assert share.error.startswith("90 % interval ")
    assert found["turn_length"].low is None


def test_a_noisy_recording_is_refused_with_the_reason() -> None:
    found = {m.key: m for m in measure_reading(read_channels(*sound(noise_dbfs=-22.0)), TABLE)}
    assert found["talk_share"].value is None
    assert found["talk_share"].reason.startswith("not measurable here: noise ")


# -- the table that ships -------------------------------------------------------------------


def test_the_shipped_table_has_an_error_for_every_metric_from_sound() -> None:
    table = shipped_errors()
    assert table is not None
    assert table.provenance["made_by"] == "simvoice calibrate --write"
    for metric in definitions():
        if "journal" in metric.needs or not metric.calibrated:
            continue
        for words in (False, True):
            found = interval(metric.key, 2.0, CLEAN, table, words=words)
            assert found is not None, metric.key
            assert found[0] <= found[1]
        assert table.sem[metric.key] >= 0.0


def test_in_the_shipped_table_errors_grow_with_the_noise() -> None:
    table = shipped_errors()
    assert table is not None
    for key in ("talk_share", "pitch_range", "patient_pitch_range"):
        widths = []
        for snr_db in (45.0, 20.0, 10.0):
            bounds = table.bounds(key, replace(CLEAN, snr_db=snr_db))
            assert bounds is not None
            widths.append(max(abs(bounds[0]), abs(bounds[1])))
        assert widths[0] <= widths[-1]
