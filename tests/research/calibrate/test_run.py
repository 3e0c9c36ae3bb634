"""A complete small calibration with a voice of tones."""

from __future__ import annotations

import json

import pytest

from simvoice.research.calibrate import run
from simvoice.research.calibrate.skeleton import SkeletonUtterance
from simvoice.scoring.metrics.change import minimal_detectable_change
from simvoice.scoring.metrics.interval import errors_from_json, errors_to_json
from tests.research.calibrate.voices import Hum

pytestmark = pytest.mark.slow

SMALL = run.CalibrationSize(fitted=16, tried=2, length_s=40.0, pairs=16, pair_s=40.0)


@pytest.fixture(scope="module")
def outcome() -> run.CalibrationOutcome:
    banks = run.record_banks(Hum())
    jobs_done: list[int] = []
    made = run.calibrate(banks, SMALL, workers=2, done=lambda done, _: jobs_done.append(done))
    assert jobs_done == list(range(1, 16 + 2 + 32 + 1))
    return made


def test_a_table_is_fitted_on_one_part_and_tested_on_another(
    outcome: run.CalibrationOutcome,
) -> None:
    assert outcome.is_fitted
    assert outcome.table is not None
    assert len({trial.conversation for trial in outcome.trials}) == SMALL.tried
    assert outcome.table.provenance["conversations"] == SMALL.fitted
    assert set(outcome.table.axes) == {"snr_db", "leak_db", "fade_s", "clipped", "lost"}
    assert errors_from_json(json.loads(json.dumps(errors_to_json(outcome.table)))).axes.keys() == (
        outcome.table.axes.keys()
    )
    detectable = minimal_detectable_change("talk_share", outcome.table)
    assert detectable is not None
    assert detectable > 0.0


def test_the_report_has_every_figure_by_condition(outcome: run.CalibrationOutcome) -> None:
    report = run.report(outcome)
    assert json.loads(json.dumps(report)) == report
    names = {"clean", "noise 20 dB", "bleed -25 dB", "reverberation", "dropped frames"}
    for figure in (
        "onset_error_ms",
        "pause_f1",
        "overlap_f1",
        "talk_ratio_error",
        "interruption_f1",
        "coverage",
        "metrics",
    ):
        assert names <= report[figure].keys()
    assert report["onset_error_ms"]["clean"]["p95"] < 60.0
    assert report["pause_f1"]["clean"] > 0.95
    assert 0.6 < report["coverage"]["all"] <= 1.0
    assert set(report["metrics"]["clean"]["talk_share"]) == {"bias", "spread", "n"}


def skeleton(length_s: float) -> list[SkeletonUtterance]:
    return [SkeletonUtterance("learner", length_s, 0.0, False)]


def test_no_skeleton_is_both_fitted_and_tried() -> None:
    real = [skeleton(float(k)) for k in range(1, 13)]
    known = run._split_skeletons(real, SMALL, tries_all=False)
    assert len(known.fitted) == 16
    assert len(known.tried) == 2
    assert not [row for row in known.tried if row in known.fitted]
    assert known.real == 8
    quick = run.CalibrationSize(0, 12, 30.0, 0, 0.0)
    assert run._split_skeletons(real, quick, tries_all=True).tried == real
