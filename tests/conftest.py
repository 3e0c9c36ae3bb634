"""For all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import simvoice as simvoice  # first: it turns off the telemetry of onnxruntime
from simvoice import log, paths
from tests.log_file import LogFile


@pytest.fixture(autouse=True, scope="session")
def _log_of_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what tests do out of the log of the person who runs them."""
    made = tmp_path_factory.mktemp("log")

    def folder() -> Path:
        return paths.home() / "log" if os.environ.get("SIMVOICE_HOME") else made

    log.folder = folder


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[LogFile]:
    """A log at level debug that runs during the test."""
    path = tmp_path / "data" / "log" / log.FILE
    made = LogFile(path, log.start("debug", path))
    yield made
    made.running.stop()
