"""Short exam days with each kind of fault: nothing is lost, doubled, shown to others, or left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.exam_day.day import DayPlan, run_day
from tests.exam_day.visit import Fault

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MACHINES = (Fault.POWER, Fault.KILL, Fault.FULL, Fault.HUB, Fault.NETWORK, Fault.CLOCK)
PEOPLE = (Fault.UNPLUG, Fault.CLOSED, Fault.FROZEN, Fault.LEAVES, Fault.WRONG_CODE, Fault.STOPPED)


@pytest.mark.parametrize("faults", [MACHINES, PEOPLE], ids=["machines", "people"])
def test_two_stations_with_a_fault_for_each_learner_and_a_code_that_is_used_at_both(
    faults: tuple[Fault, ...], tmp_path: Path
) -> None:
    plan = DayPlan(stations=2, learners=7, seed=3, only=faults, same_codes=1, every_learner=True)
    result = run_day(plan, tmp_path)
    assert result.all_faults == [], "\n".join((result.describe(), *result.all_faults))
    assert len(result.visits) == 8  # one code is used at both stations
    assert result.counts[Fault.SAME_CODE] == 2
    assert faults is MACHINES or result.counts[Fault.STOPPED] > 0
    assert result.kept.attempts >= 2
    assert result.kept.opened > 0
