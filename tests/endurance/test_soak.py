"""A server in mixed use stays flat in memory, descriptors and threads.

Two minutes in each run of the tests; `scripts/soak` takes an hour and all patients.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.endurance.served import HOUSE, EnduranceFailure, Served, spoken_scripts
from tests.endurance.soak import (
    Sample,
    Sampler,
    Soak,
    Visitor,
    quarters,
    report,
    sample,
    soak,
    verdicts,
)

CASE = "sore-wrist"
MINUTES = 2.0
MOST_GROWTH = 0.08
"""In two minutes the second quarter meets some pages for the first time."""


@pytest.mark.engine
@pytest.mark.realtime
@pytest.mark.timeout(600)
def test_two_minutes_of_mixed_use_leave_a_server_as_it_was(tmp_path: Path) -> None:
    source = HOUSE / "tests" / "integration" / "cases" / CASE
    shutil.copytree(source, tmp_path / "cases" / CASE)
    scripts = spoken_scripts({CASE: source / "case.yaml"}, tmp_path, cut=2)
    served = Served(tmp_path, "--every-case")
    sampler = Sampler(served.process.pid, 1.0, tmp_path / "soak.csv")
    found = Soak(Visitor(served))
    try:
        served.prepare(CASE)
        sampler.start()
        soak(
            found,
            scripts,
            minutes=MINUTES,
            encounter_s=15.0,
            sampler=sampler,
            say=lambda _: None,
        )
    finally:
        if sampler.is_alive():
            sampler.stop()
        code = served.stop()
    parts = quarters(sampler.samples)
    judged = verdicts(parts, most_growth=MOST_GROWTH)
    assert all(each.holds for each in judged), report(parts, judged)
    assert found.problems == []
    assert found.talks >= 3
    assert "Traceback" not in served.errors()
    assert code in (0, 143, -15)
    assert len((tmp_path / "soak.csv").read_text().splitlines()) == len(sampler.samples) + 1


# -- the verdicts -----------------------------------------------------------------------------


def samples(*memory: float, descriptors: int = 20, threads: int = 10) -> list[Sample]:
    """Return three samples for each figure of memory."""
    return [
        Sample(10.0 * index, mb, descriptors, threads, 1, "talk")
        for index, mb in enumerate(each for each in memory for _ in range(3))
    ]


def failing(found: list[Sample]) -> list[str]:
    return [each.what for each in verdicts(quarters(found)) if not each.holds]


def test_flat_is_within_two_percent_of_the_second_quarter() -> None:
    assert failing(samples(900, 1200, 1210, 1220)) == []
    assert failing(samples(900, 1200, 1210, 1230)) == ["the last quarter within 2% of the second"]


def test_a_peak_in_any_quarter_counts() -> None:
    assert failing([*samples(900), *samples(1600, 1200, 1200)]) == ["at most 1536 MB"]


def test_descriptors_and_threads_that_grow_are_seen() -> None:
    calm, busy = samples(1000, 1000), samples(1000, 1000, descriptors=25, threads=14)
    assert failing([*calm, *busy]) == ["descriptors flat", "threads flat"]


def test_too_few_samples_are_no_soak() -> None:
    with pytest.raises(EnduranceFailure, match="too few"):
        quarters(samples(1, 2)[:6])


def test_a_sample_holds_this_process() -> None:
    found = sample(os.getpid(), 1.0, "test")
    assert found.rss_mb > 20
    assert found.descriptors > 2
    assert found.threads >= 1
