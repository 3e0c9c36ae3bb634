"""The lock files hold everything that pyproject requires, by hash, and no address."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ["requirements.lock", "requirements-dev.lock"]
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", re.MULTILINE)


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lock: str) -> dict[str, set[str]]:
    """Return the versions by name; a name has several when platforms differ."""
    found: dict[str, set[str]] = {}
    for name, version in PINNED.findall((ROOT / lock).read_text()):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def missing(requirements: list[str], lock: str) -> list[str]:
    locked = pins(lock)
    return [
        text
        for text in requirements
        for wanted in [Requirement(text)]
        if (wanted.marker is None or wanted.marker.evaluate(default_environment()))
        and not any(
            wanted.specifier.contains(version, prereleases=True)
            for version in locked.get(canonicalize_name(wanted.name), ())
        )
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_locked_in_a_version_that_fits(lock: str) -> None:
    assert missing(project()["project"]["dependencies"], lock) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_what_builds_the_checkout_is_locked_too(lock: str) -> None:
    assert missing(project()["dependency-groups"]["setup"], lock) == []


def test_every_tool_of_the_tests_is_locked() -> None:
    assert missing(project()["dependency-groups"]["dev"], "requirements-dev.lock") == []


def test_both_locks_agree_on_every_version() -> None:
    start, test = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: test.get(name) for name in start} == start


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_host_or_a_folder(lock: str) -> None:
    for line in (ROOT / lock).read_text().splitlines():
        if not line.startswith("#"):
            assert "/" not in line
            assert "index" not in line
    assert "://" not in (ROOT / lock).read_text()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_library_has_a_hash(lock: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text())[1:]
    assert len(entries) > 50
    assert [entry.split("==")[0] for entry in entries if "--hash=sha256:" not in entry] == []
