"""A few laptops send to a real hub that is killed; `scripts/send-load` lets 50 of them send."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.endurance.sending import LoadPlan, LoadResult, run_load
from tests.hub.postgres_server import PostgresServer

SMALL = {"clients": 8, "attempts": 2, "kills": 2, "cut_bytes": (10_000, 2_000_000)}


def check(result: LoadResult, plan: LoadPlan) -> None:
    assert result.faults == [], f"seed {plan.seed}: {result.describe()}"
    assert result.sent == plan.clients * plan.attempts
    assert result.kills == plan.kills
    assert result.cuts > 0
    assert result.pages_ms != []


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.timeout(1200)  # 40 s alone, minutes beside other work
def test_laptops_send_everything_once_to_a_hub_that_is_killed(tmp_path: Path) -> None:
    plan = LoadPlan(**SMALL, seed=random.randrange(10_000))  # type: ignore[arg-type]
    check(run_load(plan, tmp_path), plan)


@pytest.mark.slow
@pytest.mark.realtime
@pytest.mark.timeout(1200)
def test_laptops_send_everything_once_to_a_hub_on_postgresql(tmp_path: Path) -> None:
    server = PostgresServer()
    try:
        server.start()
        url = server.url(server.create())
        plan = LoadPlan(**SMALL, seed=random.randrange(10_000), database_url=url)  # type: ignore[arg-type]
        check(run_load(plan, tmp_path), plan)
    finally:
        server.remove()


def test_the_percentiles_of_a_result_are_those_of_its_times() -> None:
    result = LoadResult(pages_ms=[float(each) for each in range(101)])
    assert (result.p50_ms, result.p95_ms) == (50.0, 95.0)
    assert LoadResult().p95_ms == 0.0
