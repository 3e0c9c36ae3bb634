"""Pulling models from the hub, with a local server that answers as the hub does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest

from simvoice.errors import FetchError
from simvoice.models import manifest
from simvoice.models.download import PATIENT, Downloader
from simvoice.models.pull import pull
from tests.models.local_site import REVISION, WEIGHTS, ProgressLog, Site


def test_a_model_comes_from_the_hub_at_its_pinned_revision(
    hub_site: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    done = pull(["spare"], progress, downloader)
    assert (folder / "spare" / "weights.bin").read_bytes() == WEIGHTS
    assert done.downloaded_bytes == len(WEIGHTS)
    assert progress.counts == progress.totals == {"spare": len(WEIGHTS)}


def test_an_altered_file_on_the_hub_is_refused_and_deleted(
    hub_site: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    hub_site.files["/store/spare"] = b"\xff" + WEIGHTS[1:]
    with pytest.raises(FetchError, match=r"weights\.bin of spare differs from the pinned file"):
        pull(["spare"], progress, downloader)
    assert not (folder / "spare").exists()
    hub_site.files["/store/spare"] = WEIGHTS
    pull(["spare"], progress, downloader)
    assert manifest.state("spare") == "verified"


def test_a_hub_download_continues_where_it_was_interrupted(
    hub_site: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    hub_site.cut_after["/store/spare"] = [50_000] + [0] * PATIENT.attempts
    with pytest.raises(FetchError, match="the model hub does not answer"):
        pull(["spare"], progress, downloader)
    assert not (folder / "spare").exists()
    hub_site.cut_after.clear()
    hub_site.requests.clear()
    pull(["spare"], progress, downloader)
    assert hub_site.ranges("/store/spare") == ["bytes=50000-"]


def test_a_file_that_the_hub_does_not_have_is_an_error_with_its_status(
    hub_site: Site, progress: ProgressLog, downloader: Downloader
) -> None:
    hub_site.redirects.clear()
    with pytest.raises(FetchError, match=r"weights\.bin of spare was refused \(HTTP 404\)"):
        pull(["spare"], progress, downloader)


def test_a_pulled_model_stays_when_the_next_one_fails(
    hub_site: Site, folder: Path, progress: ProgressLog, downloader: Downloader
) -> None:
    del hub_site.files["/store/spare"]
    with pytest.raises(FetchError):
        pull(["throat", "spare"], progress, downloader)
    assert manifest.state("throat") == "verified"


def test_a_hub_that_is_switched_off_is_an_error_with_a_remedy(
    hub_site: Site, progress: ProgressLog, downloader: Downloader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FetchError, match="unset HF_HUB_OFFLINE"):
        pull(["spare"], progress, downloader)


@pytest.mark.slow
def test_the_mirror_in_hf_endpoint_is_used() -> None:
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
