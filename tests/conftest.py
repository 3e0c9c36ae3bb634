"""For all tests."""

from __future__ import annotations

import functools
import gc
import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import typer.testing

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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what tests import out of the collections of garbage, each of which took 0.3 s."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(10_000, 20, 20)  # of 700, 10, 10: tests make much that ends with them


_FIRST_FAILURES = pytest.StashKey[dict[str, str]]()
"""By the name of a test that was run a second time, how it failed first."""
SECOND_RUNS_ALLOWED = 2
"""A busy machine makes one or two tests of real time late; more are a fault of simvoice."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIRST_FAILURES] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep how a test failed: pytest-rerunfailures runs it again, and reports the last run."""
    report = yield
    if report.failed and item.config.getoption("reruns", None):
        item.config.stash[_FIRST_FAILURES].setdefault(item.nodeid, report.longreprtext)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail when more tests needed a second run than a busy machine explains."""
    if len(session.config.stash[_FIRST_FAILURES]) > SECOND_RUNS_ALLOWED:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print why each second run was needed."""
    failures = config.stash[_FIRST_FAILURES]
    for name, failure in failures.items():
        terminalreporter.section(f"first run of {name}")
        terminalreporter.write_line(failure)
    if failures:
        terminalreporter.write_line(
            f"{len(failures)} tests needed a second run; {SECOND_RUNS_ALLOWED} may.",
        )


# Building the tree of all commands takes 0.1 s, and a test runs one command after the other.
typer.testing._get_command = functools.cache(typer.testing._get_command)


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
