"""The local index and hub as fixtures; see local_site.py."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest

from simvoice import paths
from simvoice.models import manifest, sources
from simvoice.models.download import Downloader
from tests.models.local_site import MANIFEST, REVISION, WEIGHTS, WHEELS, Handler, Seen, Site, offer


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"site": served}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def downloader() -> Iterator[Downloader]:
    with Downloader(pause=lambda _: None) as ready:
        yield ready


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The models folder of a machine that has none yet; the tiny manifest is in use."""
    written = tmp_path / "manifest.toml"
    written.write_text(MANIFEST)
    monkeypatch.setattr(paths, "manifest_file", lambda: written)
    monkeypatch.setenv("SIMVOICE_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("SIMVOICE_WHEELS", raising=False)
    manifest.manifest()
    return tmp_path / "models"


@pytest.fixture
def index(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site as the package index that pip is configured with, holding the tiny wheels."""
    for project, data in WHEELS.items():
        offer(site, project, data)
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "UV_DEFAULT_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_INDEX_URL", f"{site.url}/simple/")
    return site


@pytest.fixture
def mirror(index: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The index, asked without the second that a run of pip takes."""

    def resolve(packages: Sequence[str]) -> dict[str, sources.Wheel]:
        return {package: index.wheels[package] for package in packages}

    monkeypatch.setattr(sources, "resolve", resolve)
    return index


@pytest.fixture
def hub_site(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site as the model hub, which sends a downloader on to its store as the real one does."""
    for name in ("ears", "throat", "turns", "sense", "spare"):
        asked = f"/some/{name}/resolve/{REVISION}/sub/weights.bin"
        site.redirects[asked] = f"/store/{name}"
        site.files[f"/store/{name}"] = WEIGHTS
    monkeypatch.setattr(
        sources, "hf_hub_url", partial(huggingface_hub.hf_hub_url, endpoint=site.url)
    )
    return site
