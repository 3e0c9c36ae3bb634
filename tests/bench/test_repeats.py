"""Repeated encounters in virtual time, with the real engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice import paths
from simvoice.app.simulator import Simulator
from simvoice.bench.repeats import Behaviour, RepeatsOutcome, behaviours, report, run_encounter
from simvoice.research.calibrate.fit import repeat_errors
from simvoice.scoring.metrics.interval import repeats_from_json, repeats_to_json

RUDE = Behaviour("angry-relative", "poor")


def test_behaviours_cover_every_shipped_case_and_its_learners() -> None:
    cases = {path.parent.name for path in paths.scenarios_dir().glob("*/case.yaml")}
    assert {one.case for one in behaviours()} == cases
    assert {one.manner for one in behaviours()} == {"skilled", "poor"}


def test_the_report_and_the_table_state_their_basis() -> None:
    groups = [[{"talk_share": 40.0 + k}, {"talk_share": 44.0 + k}] for k in range(16)]
    outcome = RepeatsOutcome(2, behaviours(), 2400.0, repeat_errors(groups))
    found = report(outcome)
    assert found["encounters"] == 2 * len(behaviours())
    assert found["mean_length_s"] == pytest.approx(2400.0 / found["encounters"], abs=0.1)
    share = found["metrics"]["talk_share"]
    assert share["sem"] == pytest.approx(8.0**0.5, abs=1e-3)
    assert share["mdc95"] == pytest.approx(1.96 * 2**0.5 * 8.0**0.5, abs=1e-3)
    assert repeats_from_json(repeats_to_json(outcome.table)).freedom == {"talk_share": 16}


@pytest.mark.engine
def test_an_encounter_in_virtual_time_is_recorded_and_measured_from_its_sound(
    tmp_path: Path,
) -> None:
    simulator = Simulator(every_case=True)
    simulator.engines()
    days = [run_encounter(simulator, RUDE, seed, tmp_path / str(seed)) for seed in (5, 6)]
    for one in days:
        assert one.length_s > 45.0
        assert one.values["interruptions"] >= 1  # the script has one
        assert one.values["learner_turns"] >= 8
        assert 30.0 < one.values["talk_share"] < 70.0
        assert one.values["pitch_median"] > 0.0  # read from the sound
        assert "machine_delay" not in one.values  # there is none in virtual time
    assert days[0].values != days[1].values
