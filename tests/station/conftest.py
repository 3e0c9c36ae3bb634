"""Fixtures of the tests of a station."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice.hub_client import outbox_file
from tests.hub.storage_fixtures import small_disk
from tests.station.desk import InlineThreading
from tests.station.sealed_hub import SealedHub, SendingStation

__all__ = ["small_disk"]


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite not wait for the disk: no power is cut."""
    monkeypatch.setattr(outbox_file, "SYNCHRONOUS", "OFF")


@pytest.fixture
def sealed_hub() -> SealedHub:
    return SealedHub()


@pytest.fixture
def sending(tmp_path: Path, sealed_hub: SealedHub, quick_disk: None) -> SendingStation:
    return SendingStation(tmp_path, sealed_hub)


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let encounters run in the thread of the test."""
    monkeypatch.setattr("simvoice.web.encounters.threading", InlineThreading())
