"""Find model files on the model hub, the package index and the npm registry, and in packages."""

from __future__ import annotations

import base64
import json
import lzma
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from huggingface_hub import constants, get_token, hf_hub_url

from simvoice.errors import FetchError, SettingError
from simvoice.models.download import DamagedError, Digest, NotAnswering
from simvoice.models.manifest import HubPath

# -- model hub --------------------------------------------------------------------------------
# `huggingface_hub` gives the addresses of files, uses the mirror in `HF_ENDPOINT`, and knows the
# token of a user who is logged in. Its own headers are not used: to name the program that runs
# it, it asks the hub once a day for a list of programs.

HUB_WAIT_S = 3.0
"""Longest wait for the hub, unless the library's own HF_HUB_DOWNLOAD_TIMEOUT says otherwise."""


def hub_is_off() -> bool:
    """Return whether the user switched the hub off (HF_HUB_OFFLINE)."""
    return constants.HF_HUB_OFFLINE


def hub_address(file: HubPath) -> str:
    """Return the URL of a file at its pinned revision. Raises FetchError when the hub is off."""
    if hub_is_off():
        raise FetchError(
            f"{file.path} of {file.repo} must be downloaded from the hub; unset HF_HUB_OFFLINE"
        )
    return hf_hub_url(file.repo, file.path, revision=file.revision)


def hub_headers() -> dict[str, str]:
    """Return the headers of a request to the hub: the user's token, when there is one."""
    token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
    return {"Authorization": f"Bearer {token}"} if token else {}


def hub_wait_s() -> float:
    """Return the longest wait for an answer of the hub, in seconds."""
    chosen = os.environ.get("HF_HUB_DOWNLOAD_TIMEOUT", "")
    return float(chosen) if chosen.isdecimal() and int(chosen) > 0 else HUB_WAIT_S


# -- packages ---------------------------------------------------------------------------------
# Wheels and tarballs are read as archives of data; nothing is installed. For labs without a
# network, `SIMVOICE_WHEELS` names a folder of both.


_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """The address of a package."""

    url: str
    digest: Digest | None
    """Its hash; None when the index gives none."""


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


def local_path(url: str) -> Path | None:
    """Return the path in a `file:` URL; None for any other URL."""
    parts = urlsplit(url)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


# -- wheels on the package index --------------------------------------------------------------
# pip finds the address of a wheel, so its configuration applies (index, mirrors, proxies,
# credentials).


def wheel_in(folder: Path, package: str) -> Path:
    """Return the wheel of `name==version` in a folder. Raises FetchError when it is missing."""
    wanted = tuple(package.split("=="))
    for path in sorted(folder.glob("*.whl")):
        name, version = (*path.name.split("-"), "")[:2]
        if (_normal(name), version) == wanted:
            return path
    raise FetchError(f"{folder} has no wheel of {package}; add it, or unset SIMVOICE_WHEELS")


def resolve(packages: Sequence[str]) -> dict[str, Archive]:
    """Return the wheel of each package (`name==version`). Raises FetchError."""
    # If the index gives no metadata of wheels, pip downloads each wheel to read it. With the
    # feature fast-deps it reads only the bytes it needs.
    answer = _ask_pip("--use-feature=fast-deps", *packages)
    if answer.returncode != 0 and "fast-deps" in answer.stderr.partition("invalid choice")[2]:
        answer = _ask_pip(*packages)  # a pip without the feature
    if answer.returncode != 0:
        raise _explain(answer.stderr, packages)
    found: dict[str, Archive] = {}
    for item in json.loads(answer.stdout)["install"]:
        package = f"{_normal(item['metadata']['name'])}=={item['metadata']['version']}"
        found[package] = _wheel(item["download_info"])
    missing = [package for package in packages if package not in found]
    if missing:
        raise FetchError(f"the package index gave no address of {missing[0]}; try again later")
    return found


_UNREADABLE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(OSError, EOFError, LookupError, ValueError, RuntimeError, OverflowError),
)
"""What Python's readers of archives raise when bytes were changed: sizes before the start of the
file (OSError), unknown methods (NotImplementedError), a mark of encryption (RuntimeError)."""


def wheel_member(wheel: Path, name: str) -> Iterator[bytes]:
    """Yield the bytes of a file inside a wheel. Raises DamagedError for a damaged wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(name) as inside:
            while chunk := inside.read(_CHUNK):
                yield chunk
    except _UNREADABLE as error:
        raise _damaged(wheel, name) from error


def _ask_pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-input"),
        *("--no-deps", "--ignore-installed", "--ignore-requires-python", "--only-binary", ":all:"),
        *("--disable-pip-version-check", "--retries", "2", "--report", "-"),
        *_index_of_uv(),
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _wheel(info: dict[str, Any]) -> Archive:
    sha256 = info.get("archive_info", {}).get("hashes", {}).get("sha256")
    return Archive(str(info["url"]), Digest("sha256", sha256) if sha256 else None)


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _index_of_uv() -> list[str]:
    # A mirror that is set up for uv only applies to this download too.
    if os.environ.get("PIP_INDEX_URL"):
        return []
    url = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL")
    return ["--index-url", url] if url else []


def _explain(stderr: str, packages: Sequence[str]) -> FetchError:
    """Return an error with a remedy for an error of pip."""
    if "No module named pip" in stderr:
        return NotAnswering(
            f"pip is missing from {sys.executable}; run: {sys.executable} -m ensurepip", "no pip"
        )
    if "connection" in stderr.lower() or "name resolution" in stderr.lower():
        return NotAnswering(
            "the package index cannot be reached; connect to the network, or set SIMVOICE_WHEELS "
            "to a folder of wheels, and run the same command again",
            "no connection",
        )
    missing = [p for p in packages if f"No matching distribution found for {p}" in stderr]
    return FetchError(
        f"the package index has no wheel of {', '.join(missing or packages)}; "
        "check which index pip is configured with (pip config list)"
    )


# -- tarballs on the npm registry -------------------------------------------------------------
# npm names the registry, so its configuration applies; without npm, its variable does.

_REGISTRY_VARIABLES = ("npm_config_registry", "NPM_CONFIG_REGISTRY")


def tarball_in(folder: Path, package: str) -> Path:
    """Return the tarball of `name@version` in a folder, named as `npm pack` names it.

    Raises FetchError when it is missing.
    """
    path = folder / f"{npm_file_name(package)}.tgz"
    if not path.is_file():
        raise FetchError(f"{folder} has no {path.name}; add it, or unset SIMVOICE_WHEELS")
    return path


def npm_file_name(package: str) -> str:
    """ "@scope/name@1.0" to "scope-name-1.0"."""
    name, _, version = package.rpartition("@")
    return f"{name.removeprefix('@').replace('/', '-')}-{version}"


def npm_resolve(packages: Sequence[str], read: Callable[[str, str], bytes]) -> dict[str, Archive]:
    """Return the tarball of each package (`name@version`).

    read: returns the content of a URL, given what it is. Raises FetchError.
    """
    registry = npm_registry()
    found: dict[str, Archive] = {}
    for package in packages:
        name, _, version = package.rpartition("@")
        url = f"{registry}/{quote(name, safe='@')}/{quote(version)}"
        found[package] = _tarball(package, read(url, f"the entry of {package} in the npm registry"))
    return found


def npm_registry() -> str:
    """Return the address of the npm registry. Raises NotAnswering when nothing names one."""
    for variable in _REGISTRY_VARIABLES:
        if os.environ.get(variable):
            return os.environ[variable].rstrip("/")
    npm = shutil.which("npm")
    if npm is not None:
        answer = subprocess.run(
            [npm, "config", "get", "registry"], capture_output=True, text=True, check=False
        )
        if answer.returncode == 0 and answer.stdout.strip().startswith("http"):
            return answer.stdout.strip().rstrip("/")
    raise NotAnswering(
        "the npm registry is not known; install npm, or set NPM_CONFIG_REGISTRY", "not known"
    )


def tarball_member(tarball: Path, name: str) -> Iterator[bytes]:
    """Yield the bytes of a file inside a tarball. Raises DamagedError for a damaged one."""
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            inside = archive.extractfile(name)
            if inside is None:
                raise KeyError(name)
            while chunk := inside.read(_CHUNK):
                yield chunk
    except _UNREADABLE as error:
        raise _damaged(tarball, name) from error


def _tarball(package: str, document: bytes) -> Archive:
    try:
        entry = json.loads(document)["dist"]
        url, integrity = str(entry["tarball"]), str(entry.get("integrity", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FetchError(
            f"the npm registry gave no address of {package}; check which one npm is configured "
            "with (npm config get registry)"
        ) from None
    return Archive(url, _subresource_digest(integrity))


def _subresource_digest(integrity: str) -> Digest | None:
    """Return the SHA-512 of a field `integrity` ("sha512-…" in base 64); None without one."""
    for entry in integrity.split():
        algorithm, _, value = entry.partition("-")
        if algorithm == "sha512":
            try:
                return Digest("sha512", base64.b64decode(value, validate=True).hex())
            except ValueError:
                return None
    return None


def _damaged(archive: Path, name: str) -> DamagedError:
    return DamagedError(
        f"{archive.name} is damaged or does not contain {name}; run the same command again"
    )
