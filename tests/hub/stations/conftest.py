"""Fixtures: a hub with stations."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from simvoice.hub.hub import Hub
from tests.hub.conftest import MachineClock
from tests.hub.stations.lab import ScriptedStation, StationLab, build_lab


@pytest.fixture
def lab(hub: Hub, client: TestClient, clock: MachineClock) -> StationLab:
    return build_lab(hub, client, clock)


@pytest.fixture
def a1(lab: StationLab) -> ScriptedStation:
    return lab.station("A1")


@pytest.fixture
def a2(lab: StationLab) -> ScriptedStation:
    return lab.station("A2")
