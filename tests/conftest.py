"""For all tests."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import simvoice as simvoice  # first: it turns off the telemetry of onnxruntime
from simvoice import log, paths
from tests.log_file import LogFile

_EXCLUDING = re.compile(r"not \((\w+(?: or \w+)*)\)")
"""An option `-m` that leaves out the tests of some marks, as that of plain `pytest` does."""
_MARKS_OF_FILE = re.compile(r"^pytestmark = (\[[^\]]*\]|.*)$", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file whose tests are all left out: a quarter of the files, and heavy libraries."""
    excluding = _EXCLUDING.fullmatch(config.option.markexpr.strip())
    if excluding is None or collection_path.suffix != ".py":
        return None
    found = _MARKS_OF_FILE.search(collection_path.read_text(encoding="utf-8"))
    marks = re.findall(r"mark\.(\w+)", found[1]) if found else []
    return True if set(marks) & set(excluding[1].split(" or ")) else None


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
