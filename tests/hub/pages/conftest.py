"""Fixtures of the tests of pages: a hub in which people already work."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvoice.hub.hub import Hub
from tests.hub.pages.town import Town, build
from tests.planted.on_page import plant


@pytest.fixture(scope="session")
def planted_record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete attempt."""
    folder = tmp_path_factory.mktemp("planted")
    return folder / plant(folder)


@pytest.fixture
def town(hub: Hub, planted_record: Path) -> Town:
    return build(hub, planted_record)
