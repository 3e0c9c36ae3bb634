"""Fixtures of the tests of a paired machine."""

from __future__ import annotations

import pytest

from simvoice.hub_client import outbox_file


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite not wait for the disk: these tests cut no power."""
    monkeypatch.setattr(outbox_file, "SYNCHRONOUS", "OFF")
