"""A folder of attempts that cannot be written, or has no space, is found out beforehand."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from simvoice import paths
from simvoice.errors import SettingError, StorageFull, StorageRefused
from simvoice.record.recorder import check_storage
from simvoice.record.store import Store
from tests.planted.talk import record


def mounted(place: Path, *options: str) -> bool:
    """Mount a file system in memory, which takes root and Linux."""
    mount = shutil.which("mount")
    command = [mount or "", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(place)]
    return mount is not None and subprocess.run(command, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    if not mounted(place, "size=240m"):
        assert os.environ.get("CI") != "true", "CI has to be able to mount a file system"
        pytest.skip("this user may not mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_good_folder_is_created_and_left_empty(tmp_path: Path) -> None:
    check_storage(tmp_path / "home" / "attempts")
    assert list((tmp_path / "home" / "attempts").iterdir()) == []


def test_a_read_only_folder_is_named_and_its_attempts_stay_readable(disk: Path) -> None:
    check_storage(disk / "attempts")
    attempt = record(disk / "attempts")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(StorageRefused, match=r"attempts cannot be written .*Read-only.*SIMVOICE_"):
        check_storage(disk / "attempts")
    assert [each.state for each in Store(disk / "attempts").list()] == ["complete"]
    assert Store(disk / "attempts").open(attempt.id).entries == attempt.entries


def test_a_disk_with_too_little_space_says_how_much_is_needed(disk: Path) -> None:
    (disk / "ballast").write_bytes(bytes(60_000_000))
    with pytest.raises(StorageFull, match=r"has 1\d\d MB left and an encounter needs 200 MB"):
        check_storage(disk / "attempts")


def test_a_disk_without_any_space_says_so(disk: Path) -> None:
    (disk / "attempts").mkdir()
    with (disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(2**20))
    with pytest.raises(StorageFull):
        check_storage(disk / "attempts")


@pytest.mark.parametrize("inside", ["file", "file/attempts"])
def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path, inside: str) -> None:
    (tmp_path / "file").write_text("notes")
    with pytest.raises(StorageRefused, match="attempts cannot be written to"):
        check_storage(tmp_path / inside)


def test_a_link_to_itself_is_named(tmp_path: Path) -> None:
    (tmp_path / "attempts").symlink_to("attempts")
    with pytest.raises(StorageRefused, match="attempts cannot be written to"):
        check_storage(tmp_path / "attempts")


# -- long names


def test_a_home_of_300_letters_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path.joinpath(*["a" * 100] * 3)
    monkeypatch.setenv("SIMVOICE_HOME", str(home))
    assert paths.home() == home
    check_storage(paths.attempts_dir())
    assert record(paths.attempts_dir()).state == "complete"


@pytest.mark.parametrize("name", ["a" * 256, "/".join(["a" * 200] * 20)], ids=["part", "whole"])
@pytest.mark.parametrize(
    ("variable", "use"), [("SIMVOICE_HOME", paths.home), ("SIMVOICE_MODELS", paths.models_dir)]
)
def test_a_name_that_the_system_refuses_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, variable: str, use: object
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / name))
    with pytest.raises(SettingError, match=f"File name too long.*set {variable} to a shorter"):
        use()  # type: ignore[operator]
