"""Pulling models from the hub, against a server on this machine that answers as the hub does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest

from simvoice.errors import FetchError
from simvoice.models import manifest
from simvoice.models.download import ATTEMPTS, Downloader
from simvoice.models.pull import pull
from tests.models.local_site import REVISION, WEIGHTS, Seen, Site


def test_a_model_comes_from_the_hub_at_its_pinned_revision(
    hub_site: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    done = pull(["spare"], seen, downloader)
    assert (folder / "spare" / "weights.bin").read_bytes() == WEIGHTS
    assert done.downloaded_bytes == len(WEIGHTS)
    assert seen.counts == seen.totals == {"spare": len(WEIGHTS)}


def test_an_altered_file_on_the_hub_is_refused_and_not_kept(
    hub_site: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    hub_site.files["/store/spare"] = b"\xff" + WEIGHTS[1:]
    with pytest.raises(FetchError, match=r"weights\.bin of spare is not the file that was pinned"):
        pull(["spare"], seen, downloader)
    assert not (folder / "spare").exists()
    hub_site.files["/store/spare"] = WEIGHTS
    pull(["spare"], seen, downloader)
    assert manifest.state("spare") == "here"


def test_a_hub_download_goes_on_where_it_was_interrupted(
    hub_site: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    hub_site.cut_after["/store/spare"] = [50_000] + [0] * ATTEMPTS
    with pytest.raises(FetchError, match="did not arrive"):
        pull(["spare"], seen, downloader)
    assert not (folder / "spare").exists()
    hub_site.cut_after.clear()
    hub_site.asked.clear()
    pull(["spare"], seen, downloader)
    assert hub_site.ranges("/store/spare") == ["bytes=50000-"]


def test_a_file_the_hub_does_not_have_is_named_with_the_answer(
    hub_site: Site, seen: Seen, downloader: Downloader
) -> None:
    hub_site.redirects.clear()
    with pytest.raises(FetchError, match=r"weights\.bin of spare was refused \(HTTP 404\)"):
        pull(["spare"], seen, downloader)


def test_a_model_already_pulled_stays_when_the_next_one_fails(
    hub_site: Site, folder: Path, seen: Seen, downloader: Downloader
) -> None:
    del hub_site.files["/store/spare"]
    with pytest.raises(FetchError):
        pull(["throat", "spare"], seen, downloader)
    assert manifest.state("throat") == "here"


def test_a_hub_that_is_switched_off_is_a_sentence(
    hub_site: Site, seen: Seen, downloader: Downloader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FetchError, match="unset HF_HUB_OFFLINE"):
        pull(["spare"], seen, downloader)


def test_the_mirror_that_hf_endpoint_names_is_asked() -> None:
    code = (
        "import sys; from simvoice.models.manifest import HubPath\n"
        "from simvoice.models.sources import hub_address\n"
        f"sys.stdout.write(hub_address(HubPath(repo='a/b', revision='{REVISION}', path='c')))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_ENDPOINT": "http://mirror.test", "HF_HUB_OFFLINE": "0"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == f"http://mirror.test/a/b/resolve/{REVISION}/c"
