"""Download models, verify them and move them into place.

Each file has its sources in order: the lab's hub, when this computer is paired with one, the hub of
its makers, then packages. When one does not answer, does not have the file, or gives another one
than the pinned, the next is asked. A file is assembled in a work folder and moved into the model's
folder only when its size and SHA-256 are the pinned ones, so a model's folder never contains an
incomplete file. Downloads stay until their model is complete, so an interrupted pull continues
where it stopped.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from simvoice import paths
from simvoice.errors import FetchError, StorageFull
from simvoice.models import manifest
from simvoice.models.download import DamagedError, Downloader
from simvoice.models.fetch import FileSource, LabSource, all_sources, sources_of
from simvoice.models.manifest import SOURCE_KINDS, ModelFile, SourceKind
from simvoice.models.sources import npm_file_name, wheels_folder

SPARE_BYTES = 64 << 20
"""Left free on the disk, so that a pull does not use the space that a recording needs."""

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


class PullProgress(Protocol):
    """Receives the progress of a pull."""

    def begin(self, name: str, total_bytes: int, source: SourceKind) -> None:
        """The download of a model begins, or what is missing begins again from another source.

        total_bytes: bytes to download from this source.
        """
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


def pull(
    names: Iterable[str],
    progress: PullProgress,
    downloader: Downloader,
    *,
    lab: Callable[[Path], LabSource] | None = None,
) -> Pulled:
    """Download and verify the models that are missing or altered.

    lab: returns the source to ask before all others, given the folder to download to. Two processes
    may do this at the same time. Raises FetchError, StorageFull, or SettingError for an unknown
    name.
    """
    wanted = list(dict.fromkeys(names))
    root = paths.models_dir()
    work = root / ".pulling"
    try:
        if not any(_files_to_fetch(name) for name in wanted):
            return Pulled((), tuple(wanted), 0)
        work.mkdir(parents=True, exist_ok=True)
        with _lock(work, progress):
            return _pull_locked(wanted, work, progress, downloader, lab and lab(work))
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise StorageFull(_disk_full_message(root, wanted)) from error
        raise FetchError(
            f"{root} cannot be written ({error.strerror}); "
            "make it writable or name another folder in SIMVOICE_MODELS"
        ) from error


def download_bytes(name: str, files: Sequence[ModelFile] | None = None) -> int:
    """Return the bytes to download for a model, or for some of its files, from the first source
    of each.
    """
    chosen = manifest.model(name).files if files is None else files
    return _bytes_by_source(chosen)[0]


def _pull_locked(
    wanted: Sequence[str],
    work: Path,
    progress: PullProgress,
    downloader: Downloader,
    lab: LabSource | None,
) -> Pulled:
    to_fetch = {name: files for name in wanted if (files := _files_to_fetch(name))}
    _require_space(work, to_fetch, None if lab is None else "lab")
    before = downloader.received_bytes
    places = all_sources(work, downloader)
    if lab is not None:
        places = {"lab": lab, **places}
    said: set[str] = set()
    for name, files in to_fetch.items():
        _ModelPull(name, work, places, progress, said).run(files)
        manifest.verify(name)
        _sweep(name, work)
        progress.finish(name)
    present = tuple(name for name in wanted if name not in to_fetch)
    received = downloader.received_bytes - before + (0 if lab is None else lab.received_bytes)
    return Pulled(tuple(to_fetch), present, received)


class _ModelPull:
    """Fetches the files of one model, each from the first source that gives it."""

    def __init__(
        self,
        name: str,
        work: Path,
        places: dict[SourceKind, FileSource],
        progress: PullProgress,
        said: set[str],
    ) -> None:
        """said: the notes of this pull that were given."""
        self._name = name
        self._work = work
        self._places = places
        self._progress = progress
        self._said = said

    def run(self, files: Sequence[ModelFile]) -> None:
        """Fetch these files and move them into the model's folder. Raises FetchError."""
        left = list(files)
        for kind in ("lab", *SOURCE_KINDS):
            offered = [file for file in left if kind in self._sources(file)]
            if not offered:
                continue
            left = [file for file in left if file not in offered] + self._from(kind, offered)

    def _sources(self, file: ModelFile) -> list[SourceKind]:
        own: list[SourceKind] = ["lab"] if "lab" in self._places else []
        return own + sources_of(file)

    def _from(self, kind: SourceKind, files: Sequence[ModelFile]) -> list[ModelFile]:
        """Fetch files from one source. Return those that it did not give.

        Raises FetchError when one of these has no further source.
        """
        place = self._places[kind]
        self._progress.begin(self._name, place.bytes_of(files), kind)
        if any(kind != self._sources(file)[0] for file in files):
            _require_space(self._work, {self._name: files}, kind)
        place.prepare(files)
        refused: list[ModelFile] = []
        taken: list[ModelFile] = []
        for file in files:
            try:
                self._take(place, file)
                taken.append(file)
            except FetchError as error:
                known = self._sources(file)
                further = known[known.index(kind) + 1 :]
                if not further:
                    raise
                refused.append(file)
                self._say(f"{_clause(error)}; asking {self._places[further[0]].label} instead")
        for file in taken:
            place.discard(file)
        return refused

    def _say(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._progress.note(sentence)

    def _take(self, place: FileSource, file: ModelFile) -> None:
        fetched = place.fetch(self._name, file, partial(self._progress.advance, self._name))
        if not manifest.is_pinned(fetched, file):
            fetched.unlink()
            place.discard(file)  # the next pull would use the same wrong packages
            raise DamagedError(
                f"{file.name} of {self._name} differs from the pinned file and was deleted; "
                "run the same command again, or try another index or hub"
            )
        target = manifest.folder(self._name) / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with fetched.open("rb") as handle:
            os.fsync(handle.fileno())  # before the name: a power cut must not leave a hole
        fetched.replace(target)


def _clause(error: FetchError) -> str:
    """The part of a message before its remedy."""
    return str(error).partition(";")[0]


def _sweep(name: str, work: Path) -> None:
    """Delete what interrupted pulls of a complete model left, from whichever source."""
    entry = manifest.model(name)
    starts = {f"{name}--{file.sha256[:12]}--{file.name}" for file in entry.files}
    starts |= {f"{name}--{file.name}" for file in entry.files}
    for file in entry.files:
        starts |= {f"{part.package.replace('==', '-')}.whl" for part in file.wheels}
        starts |= {f"{npm_file_name(part.package)}.tgz" for part in file.npm}
    for start in starts:
        (work / start).unlink(missing_ok=True)
        (work / f"{start}.partial").unlink(missing_ok=True)
    for stamp in manifest.folder(name).glob(f"{manifest.STAMP}.*"):
        stamp.unlink(missing_ok=True)


def _files_to_fetch(name: str) -> list[ModelFile]:
    """Return the files of a model that are missing or altered, after hashing those on disk."""
    states = manifest.file_states(name, hash_all=True)
    return [file for file in manifest.model(name).files if states[file.name] != "verified"]


def _bytes_by_source(
    files: Iterable[ModelFile], forced: SourceKind | None = None
) -> tuple[int, int]:
    """Return the bytes to download, and those of them that are packages.

    forced: the source; None for the first one of each file.
    """
    known = manifest.manifest()
    hub_bytes = 0
    packages: dict[str, int] = {}
    for file in files:
        kind = forced or sources_of(file)[0]
        if kind == "lab" or kind == "hub":
            hub_bytes += file.bytes
        else:
            sizes = known.package_bytes(kind)
            packages |= {part.package: sizes[part.package] for part in file.parts(kind)}
    package_bytes = sum(packages.values())
    return hub_bytes + package_bytes, package_bytes


def _require_space(
    work: Path, to_fetch: Mapping[str, Sequence[ModelFile]], forced: SourceKind | None = None
) -> None:
    """Raise StorageFull when the disk has too little free space for the files from a source."""
    offline = wheels_folder() is not None
    model_bytes = sum(file.bytes for files in to_fetch.values() for file in files)
    # Packages stay until their model is complete, so the largest model counts twice.
    temporary_bytes = max(
        (_bytes_by_source(files, forced)[1] for files in to_fetch.values()), default=0
    )
    if offline:
        temporary_bytes = 0
    downloaded_bytes = sum(path.stat().st_size for path in work.iterdir() if path.is_file())
    needed_bytes = model_bytes + temporary_bytes - downloaded_bytes + SPARE_BYTES
    free_bytes = shutil.disk_usage(work).free
    if free_bytes < needed_bytes:
        raise StorageFull(
            f"the models need {needed_bytes / 1e9:.1f} GB in {work.parent}, but only "
            f"{free_bytes / 1e9:.1f} GB are free; free some space, or name a folder on another "
            "disk in SIMVOICE_MODELS"
        )


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
