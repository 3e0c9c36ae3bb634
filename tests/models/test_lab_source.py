"""A paired hub is asked for models before all other sources, and can give only the pinned bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simvoice.errors import FetchError, StorageFull
from simvoice.hub_client.supply_line import LabModels, SupplyLine
from simvoice.models import pull as pull_module
from simvoice.models.download import Downloader
from simvoice.models.fetch import LabSource
from simvoice.models.pull import pull
from tests.hub_client.scripted_supplies import ADDRESS, ScriptedSupplies, sha256
from tests.models.local_site import CONFIG, WEIGHTS, ProgressLog, Site

Lab = Callable[[Path], LabSource]


@pytest.fixture
def hub() -> ScriptedSupplies:
    made = ScriptedSupplies()
    made.offer("weights.bin", WEIGHTS)
    made.offer("config.json", CONFIG)
    return made


@pytest.fixture
def lab(hub: ScriptedSupplies) -> Iterator[Lab]:
    with hub.line() as line:
        yield lambda work: LabModels(line, work)


def is_whole(folder: Path) -> bool:
    return (folder / "three" / "weights.bin").read_bytes() == WEIGHTS and (
        folder / "three" / "config.json"
    ).read_bytes() == CONFIG


def test_the_hub_of_the_lab_comes_first_and_nothing_else_is_asked(
    three: Site, folder: Path, progress: ProgressLog, downloader: Downloader, lab: Lab
) -> None:
    done = pull(["three"], progress, downloader, lab=lab)
    assert is_whole(folder)
    assert three.requests == []
    assert progress.sources == [("three", "lab")]
    assert done.downloaded_bytes == len(WEIGHTS) + len(CONFIG) == progress.counts["three"]
    assert progress.totals["three"] == done.downloaded_bytes
    assert progress.notes == []


def test_models_come_without_any_other_network(
    three: Site,
    folder: Path,
    progress: ProgressLog,
    downloader: Downloader,
    lab: Lab,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    three.files.clear()
    three.redirects.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pull(["three", "ears"], progress, downloader, lab=lab)
    assert is_whole(folder)
    assert three.requests == []


def test_what_the_hub_does_not_have_comes_from_the_next_source(
    three: Site,
    folder: Path,
    progress: ProgressLog,
    downloader: Downloader,
    lab: Lab,
    hub: ScriptedSupplies,
) -> None:
    del hub.files[sha256(WEIGHTS)]
    pull(["three"], progress, downloader, lab=lab)
    assert is_whole(folder)
    assert [source for _, source in progress.sources] == ["lab", "hub"]
    assert progress.notes == [
        "the lab's hub does not have weights.bin of three; asking the model hub instead"
    ]


def test_a_hub_that_is_away_is_asked_once_for_all_models(
    three: Site,
    folder: Path,
    progress: ProgressLog,
    downloader: Downloader,
    lab: Lab,
    hub: ScriptedSupplies,
) -> None:
    hub.away = True
    pull(["three", "ears"], progress, downloader, lab=lab)
    assert is_whole(folder)
    assert len(hub.asked) == 2  # two attempts of one file
    (note,) = progress.notes
    assert note == "the lab's hub does not answer (no connection); asking the model hub instead"


def test_a_hub_that_has_forgotten_this_computer_is_left_out(
    three: Site, folder: Path, progress: ProgressLog, downloader: Downloader, hub: ScriptedSupplies
) -> None:
    with SupplyLine(ADDRESS, "old token", transport=hub, pause=lambda _: None) as line:
        pull(["three"], progress, downloader, lab=lambda work: LabModels(line, work))
    assert is_whole(folder)
    assert len(hub.asked) == 1
    assert "is not paired with it any more" in progress.notes[0]


@pytest.mark.parametrize("sent", [WEIGHTS[:-1] + b"x", WEIGHTS + b"more", b""])
def test_a_hub_that_sends_other_bytes_is_found_out(
    three: Site,
    folder: Path,
    progress: ProgressLog,
    downloader: Downloader,
    lab: Lab,
    hub: ScriptedSupplies,
    sent: bytes,
) -> None:
    hub.lies[sha256(WEIGHTS)] = sent
    pull(["three"], progress, downloader, lab=lab)
    assert is_whole(folder)
    assert "asking the model hub instead" in progress.notes[0]


def test_what_the_hub_began_another_source_continues(
    three: Site,
    folder: Path,
    progress: ProgressLog,
    downloader: Downloader,
    lab: Lab,
    hub: ScriptedSupplies,
) -> None:
    hub.cuts = [30_000] + [0] * 10
    pull(["ears"], progress, downloader, lab=lab)
    assert (folder / "ears" / "weights.bin").read_bytes() == WEIGHTS
    assert three.ranges("/store/ears") == ["bytes=30000-"]


def test_without_other_sources_the_sentence_names_the_last_one(
    three: Site,
    folder: Path,
    progress: ProgressLog,
    downloader: Downloader,
    lab: Lab,
    hub: ScriptedSupplies,
) -> None:
    hub.away = True
    three.redirects.clear()
    with pytest.raises(FetchError, match=r"weights\.bin of ears was refused"):
        pull(["ears"], progress, downloader, lab=lab)


def test_the_space_for_files_of_the_hub_is_checked_before(
    three: Site,
    progress: ProgressLog,
    downloader: Downloader,
    lab: Lab,
    hub: ScriptedSupplies,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pull_module, "SPARE_BYTES", 1 << 60)
    with pytest.raises(StorageFull):
        pull(["three"], progress, downloader, lab=lab)
    assert hub.asked == []
