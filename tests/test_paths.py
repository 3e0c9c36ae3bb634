"""Where cases are searched for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from simvoice import paths
from simvoice.patient.case.load import find_cases
from tests.hub_client.certified import certified_case


def test_an_own_case_comes_before_that_of_the_hub_and_this_before_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMVOICE_HOME", str(tmp_path))
    monkeypatch.setattr(paths, "scenarios_dir", lambda: tmp_path / "shipped")
    for folder in paths.case_dirs():
        certified_case(folder)
    mark = paths.own_cases_dir() / "tea" / paths.OFFERED_MARK
    mark.touch()  # the workbench of a hub offers it
    assert paths.origin_of_case(find_cases(*paths.case_dirs())["tea"]) == "educators"
    mark.unlink()
    origins = []
    for _ in range(3):
        file = find_cases(*paths.case_dirs())["tea"]
        origins.append(paths.origin_of_case(file))
        shutil.rmtree(file.parent)
    assert origins == ["own", "hub", "shipped"]
    assert set(paths.ORIGIN_IN_WORDS) == {*origins, "educators"}
