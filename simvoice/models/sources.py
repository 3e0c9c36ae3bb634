"""Find the sources of model files: the model hub, and wheels on the package index."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from huggingface_hub import constants, hf_hub_url
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from simvoice import __version__
from simvoice.errors import FetchError, SettingError
from simvoice.models.download import DamagedError
from simvoice.models.manifest import HubPath

# -- model hub --------------------------------------------------------------------------------
# `huggingface_hub` gives the addresses of files, uses the mirror in `HF_ENDPOINT`, and knows the
# token of a user who is logged in. simvoice downloads the files itself, because `hf_hub_download`
# deletes interrupted downloads, and these files have gigabytes.


def hub_address(file: HubPath) -> str:
    """Return the URL of a file at its pinned revision. Raises FetchError when the hub is off."""
    if constants.HF_HUB_OFFLINE:
        raise FetchError(
            f"{file.path} of {file.repo} must be downloaded from the hub; unset HF_HUB_OFFLINE"
        )
    return hf_hub_url(file.repo, file.path, revision=file.revision)


def hub_headers() -> dict[str, str]:
    """Return the headers of a request to the hub, with the user's token when there is one."""
    headers = build_hf_headers(library_name="simvoice", library_version=__version__)
    return {name: value for name, value in headers.items() if name.lower() != "user-agent"}


# -- wheels on the package index --------------------------------------------------------------
# Wheels are read as archives of data; nothing is installed. pip finds the address of a wheel, so
# its configuration applies (index, mirrors, proxies, credentials). For labs without a network,
# `SIMVOICE_WHEELS` names a folder of wheels.


_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Wheel:
    """The address of a wheel."""

    url: str
    sha256: str | None
    """Hash of the wheel; None when the index gives none."""


def wheels_folder() -> Path | None:
    """Return the folder in `SIMVOICE_WHEELS`; None when the variable is not set.

    Raises SettingError when it is not a folder.
    """
    folder = os.environ.get("SIMVOICE_WHEELS")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise SettingError(
            f"SIMVOICE_WHEELS names {folder}, which is not a folder; correct or unset it"
        )
    return Path(folder)


def wheel_in(folder: Path, package: str) -> Path:
    """Return the wheel of `name==version` in a folder. Raises FetchError when it is missing."""
    wanted = tuple(package.split("=="))
    for path in sorted(folder.glob("*.whl")):
        name, version = (*path.name.split("-"), "")[:2]
        if (_normal(name), version) == wanted:
            return path
    raise FetchError(f"{folder} has no wheel of {package}; add it, or unset SIMVOICE_WHEELS")


def resolve(packages: Sequence[str]) -> dict[str, Wheel]:
    """Return the wheel of each package (`name==version`). Raises FetchError."""
    # If the index gives no metadata of wheels, pip downloads each wheel to read it. With the
    # feature fast-deps it reads only the bytes it needs.
    answer = _ask_pip("--use-feature=fast-deps", *packages)
    if answer.returncode != 0 and "fast-deps" in answer.stderr.partition("invalid choice")[2]:
        answer = _ask_pip(*packages)  # a pip without the feature
    if answer.returncode != 0:
        raise FetchError(_explain(answer.stderr, packages))
    found: dict[str, Wheel] = {}
    for item in json.loads(answer.stdout)["install"]:
        package = f"{_normal(item['metadata']['name'])}=={item['metadata']['version']}"
        found[package] = _wheel(item["download_info"])
    missing = [package for package in packages if package not in found]
    if missing:
        raise FetchError(f"the package index gave no address of {missing[0]}; try again later")
    return found


def local_path(url: str) -> Path | None:
    """Return the path in a `file:` URL; None for any other URL."""
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def member(wheel: Path, name: str) -> Iterator[bytes]:
    """Yield the bytes of a file inside a wheel. Raises DamagedError for a damaged wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(name) as inside:
            while chunk := inside.read(_CHUNK):
                yield chunk
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise DamagedError(
            f"{wheel.name} is damaged or does not contain {name}; run the same command again"
        ) from error


def _ask_pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-input"),
        *("--no-deps", "--ignore-installed", "--ignore-requires-python", "--only-binary", ":all:"),
        *("--disable-pip-version-check", "--retries", "2", "--report", "-"),
        *_index_of_uv(),
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _wheel(info: dict[str, Any]) -> Wheel:
    hashes = info.get("archive_info", {}).get("hashes", {})
    return Wheel(url=str(info["url"]), sha256=hashes.get("sha256"))


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _index_of_uv() -> list[str]:
    # A mirror that is set up for uv only applies to this download too.
    if os.environ.get("PIP_INDEX_URL"):
        return []
    url = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL")
    return ["--index-url", url] if url else []


def _explain(stderr: str, packages: Sequence[str]) -> str:
    """Return an error message with a remedy for an error of pip."""
    if "No module named pip" in stderr:
        return f"pip is missing from {sys.executable}; run: {sys.executable} -m ensurepip"
    if "connection" in stderr.lower() or "name resolution" in stderr.lower():
        return (
            "the package index cannot be reached; connect to the network, or set SIMVOICE_WHEELS "
            "to a folder of wheels, and run the same command again"
        )
    missing = [p for p in packages if f"No matching distribution found for {p}" in stderr]
    return (
        f"the package index has no wheel of {', '.join(missing or packages)}; "
        "check which index pip is configured with (pip config list)"
    )
