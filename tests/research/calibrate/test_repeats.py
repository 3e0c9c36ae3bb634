"""The standard error of measurement matches encounters of known spread."""

from __future__ import annotations

import json

import numpy as np
import pytest

from simvoice.research.calibrate.fit import repeat_errors
from simvoice.scoring.metrics.interval import repeats_from_json, repeats_to_json, shipped_repeats


def encounters(seed: int, groups: int, each: int, spread: float) -> list[list[dict[str, float]]]:
    random = np.random.default_rng(seed)
    means = random.uniform(20.0, 80.0, groups)
    return [[{"talk_share": random.normal(mean, spread)} for _ in range(each)] for mean in means]


def test_the_error_is_the_spread_within_and_not_between_behaviours() -> None:
    found = repeat_errors(encounters(1, 200, 5, 3.0))["talk_share"]
    assert found.sem == pytest.approx(3.0, rel=0.05)
    assert (found.encounters, found.behaviours, found.freedom) == (1000, 200, 800)
    assert 40.0 < found.mean < 60.0


def test_the_error_is_the_mean_square_within_of_an_analysis_of_variance() -> None:
    groups = [
        [{"talk_share": v} for v in row]
        for row in ([40.0, 42.0, 44.0], [60.0, 60.0, 66.0], *[[50.0, 50.0]] * 12)
    ]
    assert repeat_errors(groups)["talk_share"].sem == pytest.approx(((8.0 + 24.0) / 16) ** 0.5)


def test_a_metric_measured_once_in_a_behaviour_gives_no_error() -> None:
    groups: list[list[dict[str, float]]] = [
        [{"talk_share": 10.0 * k, "silences": 1.0}, {"silences": 2.0}] for k in range(16)
    ]
    assert set(repeat_errors(groups)) == {"silences"}


def test_too_few_encounters_give_no_error() -> None:
    assert repeat_errors(encounters(2, 7, 3, 1.0)) == {}
    assert set(repeat_errors(encounters(2, 8, 3, 1.0))) == {"talk_share"}


def test_the_shipped_table_is_read_back_unchanged() -> None:
    table = shipped_repeats()
    assert table is not None
    assert repeats_from_json(json.loads(json.dumps(repeats_to_json(table)))) == table
    assert table.provenance["encounters"] >= 48
    assert len(table.provenance["cases"]) == 6
    assert all(sem >= 0.0 for sem in table.sem.values())
    assert "machine_delay" not in table.sem
    assert all(freedom >= 15 for freedom in table.freedom.values())
