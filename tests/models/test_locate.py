"""A model is located only when each of its files is the pinned one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from simvoice.errors import ModelAltered, ModelMissing
from simvoice.models import manifest
from simvoice.models.download import Downloader
from simvoice.models.pull import pull
from tests.models.local_site import CONFIG, WEIGHTS, ProgressLog, Site


@pytest.fixture
def tiny(folder: Path) -> Path:
    here = folder / "tiny"
    here.mkdir(parents=True)
    (here / "weights.bin").write_bytes(WEIGHTS)
    (here / "config.json").write_bytes(CONFIG)
    return here


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are hashed."""
    names: list[str] = []
    real = manifest.sha256_of

    def counting(path: Path) -> str:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(manifest, "sha256_of", counting)
    return names


def test_a_complete_model_is_located(tiny: Path) -> None:
    assert manifest.locate("tiny") == tiny
    assert manifest.state("tiny") == "verified"


def test_a_missing_model_is_named_with_the_command_that_pulls_it(folder: Path) -> None:
    with pytest.raises(ModelMissing, match=r"^tiny is not installed .*run: simvoice models pull$"):
        manifest.locate("tiny")
    assert manifest.state("tiny") == "missing"


def test_a_model_outside_every_profile_is_pulled_by_name(folder: Path) -> None:
    with pytest.raises(ModelMissing, match=r"run: simvoice models pull spare$"):
        manifest.locate("spare")


def test_a_model_of_a_larger_profile_is_pulled_with_that_profile() -> None:
    assert manifest.remedy("qwen3-4b-2507") == "simvoice models pull --profile studio"


def test_a_model_without_one_of_its_files_is_missing(tiny: Path) -> None:
    (tiny / "config.json").unlink()
    with pytest.raises(ModelMissing, match=r"config\.json is missing"):
        manifest.locate("tiny")


def test_a_file_of_another_size_is_an_error_that_names_it(tiny: Path) -> None:
    (tiny / "weights.bin").write_bytes(WEIGHTS + b"x")
    with pytest.raises(ModelAltered, match=r"weights\.bin differs from the file that is pinned"):
        manifest.locate("tiny")
    assert manifest.state("tiny") == "altered"


def test_a_file_with_one_changed_byte_is_an_error_that_names_it(tiny: Path) -> None:
    (tiny / "weights.bin").write_bytes(b"\xff" + WEIGHTS[1:])
    with pytest.raises(ModelAltered, match=r"weights\.bin"):
        manifest.locate("tiny")


def test_a_verified_file_is_not_hashed_again(tiny: Path, hashed: list[str]) -> None:
    manifest.locate("tiny")
    manifest.locate("tiny")
    assert hashed == ["weights.bin", "config.json"]


def test_a_file_altered_after_it_was_verified_is_refused(tiny: Path) -> None:
    manifest.locate("tiny")
    before = (tiny / "weights.bin").stat()
    (tiny / "weights.bin").write_bytes(b"\xff" + WEIGHTS[1:])
    os.utime(tiny / "weights.bin", ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with pytest.raises(ModelAltered, match=r"weights\.bin"):
        manifest.locate("tiny")


def altered_unseen(path: Path) -> None:
    """Alter one byte of a file, and keep its size, its times and its stamp, as a bad disk does."""
    path.write_bytes(b"\xff" + path.read_bytes()[1:])
    now = path.stat()
    stamp_file = path.parent / manifest.STAMP
    stamps = json.loads(stamp_file.read_text())
    stamps[path.name] = [now.st_size, now.st_mtime_ns, now.st_ctime_ns, stamps[path.name][-1]]
    stamp_file.write_text(json.dumps(stamps))


def test_a_file_altered_with_its_time_set_back_is_refused(tiny: Path) -> None:
    manifest.locate("tiny")
    weights = tiny / "weights.bin"
    before = weights.stat()
    for _ in range(10_000):  # the clock of a file system has steps of some milliseconds
        weights.write_bytes(b"\xff" + WEIGHTS[1:])
        os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
        if weights.stat().st_ctime_ns != before.st_ctime_ns:
            break
    assert weights.stat().st_mtime_ns == before.st_mtime_ns
    with pytest.raises(ModelAltered, match=r"weights\.bin"):
        manifest.locate("tiny")


def test_what_verify_finds_is_what_every_later_question_finds(tiny: Path) -> None:
    manifest.locate("tiny")
    altered_unseen(tiny / "weights.bin")
    assert manifest.state("tiny") == "verified"  # the stamp cannot know
    with pytest.raises(ModelAltered, match=r"weights\.bin"):
        manifest.verify("tiny")
    assert manifest.state("tiny") == "altered"
    assert manifest.file_states("tiny") == {"weights.bin": "altered", "config.json": "verified"}
    with pytest.raises(ModelAltered, match=r"weights\.bin"):
        manifest.locate("tiny")


@pytest.mark.parametrize("asked_before", [False, True])
def test_pull_mends_a_file_that_was_altered_unseen(
    tiny: Path, mirror: Site, progress: ProgressLog, downloader: Downloader, asked_before: bool
) -> None:
    manifest.locate("tiny")
    altered_unseen(tiny / "weights.bin")
    if asked_before:
        with pytest.raises(ModelAltered):
            manifest.verify("tiny")
    assert pull(["tiny"], progress, downloader).fetched == ("tiny",)
    assert (tiny / "weights.bin").read_bytes() == WEIGHTS
    assert manifest.verify("tiny") == tiny


def test_a_file_that_cannot_be_read_is_altered(tiny: Path) -> None:
    (tiny / "weights.bin").unlink()
    (tiny / "weights.bin").mkdir()
    assert manifest.state("tiny") == "altered"


def test_a_touched_file_is_hashed_again_and_accepted(tiny: Path, hashed: list[str]) -> None:
    manifest.locate("tiny")
    hashed.clear()
    os.utime(tiny / "config.json", ns=(1, 1))
    assert manifest.locate("tiny") == tiny
    assert hashed == ["config.json"]


def test_verify_hashes_every_file_and_ignores_the_stamp(tiny: Path, hashed: list[str]) -> None:
    manifest.locate("tiny")
    hashed.clear()
    manifest.verify("tiny")
    assert hashed == ["weights.bin", "config.json"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"weights.bin": 3}', '{"weights.bin": [1, 2]}'])
def test_with_a_damaged_stamp_the_files_are_hashed(
    tiny: Path, hashed: list[str], text: str
) -> None:
    (tiny / manifest.STAMP).write_text(text)
    assert manifest.locate("tiny") == tiny
    assert hashed == ["weights.bin", "config.json"]


def test_with_a_stamp_of_another_pinned_hash_the_file_is_hashed(
    tiny: Path, hashed: list[str]
) -> None:
    manifest.locate("tiny")
    stamp = tiny / manifest.STAMP
    stamp.write_text(stamp.read_text().replace(manifest.model("tiny").files[0].sha256, "0" * 64))
    hashed.clear()
    manifest.locate("tiny")
    assert hashed == ["weights.bin"]


def test_a_model_in_a_read_only_folder_is_located(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    assert manifest.locate("tiny") == tiny
