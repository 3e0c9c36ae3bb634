"""Find what the hub offers, hash it once, and give each file by its hash.

`supplies/` in the hub's data folder has what a technician places there:

    program/   wheels and source archives of simvoice
    voices/    rendered voices, made by `simvoice hub supplies render`

Models come from the hub's own folder of models, and cases from the folder of cases that were
written on the hub. Cases that come with simvoice are not offered: the wanted version of it brings
them. When devices ask, what has changed on the disk is found by sizes and times of change, and only
this is hashed again.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simvoice import paths
from simvoice.engines.tts.clip_pack import ClipPack
from simvoice.hub_client.catalogue import (
    CASE_FILES,
    MOST_BYTES,
    Catalogue,
    OfferedCase,
    OfferedFile,
    OfferedModel,
    OfferedProgram,
    OfferedVoice,
)
from simvoice.hub_client.file_hashes import FileHashes, FileStamp, file_stamp
from simvoice.models import manifest
from simvoice.patient.case.load import find_cases
from simvoice.patient.checking.certificate import ListedCase, listed_cases
from simvoice.safe_text import shortened

LOOK_EVERY_S = 3.0
"""The disk is looked at again after so long, however many devices ask."""

_PROGRAM = re.compile(r"simvoice-([0-9][0-9A-Za-z.+!]{0,59}?)(-py3-none-any\.whl|\.tar\.gz)")
_PACK = re.compile(r"([a-z][a-z0-9-]*)--([0-9a-f]{16})\.zip")


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """A file in the folder of programs."""

    version: str
    path: Path


@dataclass(frozen=True, slots=True)
class Offers:
    """What was found at one look."""

    catalogue: Catalogue
    """For the wanted version that was given."""
    programs: tuple[ProgramFile, ...]
    """Every program in the folder, also of other versions."""
    model_states: dict[str, manifest.ModelState]
    """Model of the profile to its state on the hub; only verified ones are offered."""
    cases: tuple[ListedCase, ...]
    """Cases of the hub, with the fault of each that is not offered."""
    faults: tuple[str, ...]
    """What lies in the folders and is not offered, a sentence each."""
    files: dict[str, tuple[Path, FileStamp]] = field(repr=False)
    """SHA-256 to the file that has it."""


class Supplies:
    """The supplies of one hub. Thread-safe."""

    def __init__(
        self,
        folder: Path,
        *,
        profile: str = manifest.DEFAULT_PROFILE,
        cases: Callable[[], Path] = paths.own_cases_dir,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """folder: `supplies/` of the hub; it may be missing. cases: the folder of cases."""
        self._folder = folder
        self._profile = profile
        self._cases = cases
        self._clock = clock
        self._lock = threading.Lock()
        self._hashes = FileHashes()
        self._rendered: dict[Path, tuple[FileStamp, str | None]] = {}
        """Pack to the hash of the case that it was rendered from."""
        self._listed: tuple[frozenset[tuple[Path, FileStamp]], tuple[ListedCase, ...]] | None = None
        self._last: tuple[float, str, Offers] | None = None

    @property
    def program_folder(self) -> Path:
        """Where a technician places the files of programs."""
        return self._folder / "program"

    @property
    def voices_folder(self) -> Path:
        """Where rendered voices are."""
        return self._folder / "voices"

    def offers(self, wanted: str = "") -> Offers:
        """Return what is offered now. wanted: the program version; empty for none."""
        with self._lock:
            now = self._clock()
            if self._last is not None:
                at, version, offers = self._last
                if version == wanted and now - at < LOOK_EVERY_S:
                    return offers
            offers = self._look(wanted)
            self._last = (now, wanted, offers)
            return offers

    def file(self, sha256: str, wanted: str = "") -> Path | None:
        """Return the file with this hash; None when it is not offered, or has changed since.

        A file of the last look is given without another one: a device asks for many.
        """
        with self._lock:
            last = self._last
        known = last[2].files.get(sha256) if last is not None and last[1] == wanted else None
        if known is None:
            known = self.offers(wanted).files.get(sha256)
        if known is None:
            return None
        path, stamp = known
        if file_stamp(path) == stamp:
            return path
        with self._lock:
            self._last = None  # the next look hashes it again
        return None

    # -- one look

    def _look(self, wanted: str) -> Offers:
        files: dict[str, tuple[Path, FileStamp]] = {}
        faults: list[str] = []
        programs = self._programs()
        states, models = self._models(files)
        listed = self._list_cases()
        case_shas = {each.id: each.case.sha256 for each in listed if each.case is not None}
        catalogue = Catalogue(
            program=self._program(wanted, programs, files, faults),
            profile=self._profile,
            models=models,
            cases=tuple(self._case(each, files) for each in listed if each.fault is None),
            voices=self._voices(case_shas, files, faults),
        )
        return Offers(catalogue, programs, states, listed, tuple(faults), files)

    def _programs(self) -> tuple[ProgramFile, ...]:
        found = []
        for path in _sorted_files(self.program_folder):
            matched = _PROGRAM.fullmatch(path.name)
            if matched is not None:
                found.append(ProgramFile(matched[1], path))
        return tuple(found)

    def _program(
        self,
        wanted: str,
        programs: Sequence[ProgramFile],
        files: dict[str, tuple[Path, FileStamp]],
        faults: list[str],
    ) -> OfferedProgram | None:
        if not wanted:
            return None
        given = [self._offered(each.path, files) for each in programs if each.version == wanted]
        if not given:
            faults.append(
                f"version {wanted} is wanted, but {self.program_folder} has no file of it; place "
                "its wheel there"
            )
        return OfferedProgram(version=wanted, files=tuple(each for each in given if each))

    def _models(
        self, files: dict[str, tuple[Path, FileStamp]]
    ) -> tuple[dict[str, manifest.ModelState], tuple[OfferedModel, ...]]:
        states: dict[str, manifest.ModelState] = {}
        offered: list[OfferedModel] = []
        for name in dict.fromkeys(manifest.profile(self._profile).values()):
            states[name] = manifest.state(name)
            if states[name] != "verified":
                continue
            pinned = manifest.model(name).files
            for file in pinned:
                path = manifest.folder(name) / file.name
                if (stamp := file_stamp(path)) is not None:
                    files[file.sha256] = (path, stamp)
            given = [
                OfferedFile(name=file.name, bytes=file.bytes, sha256=file.sha256) for file in pinned
            ]
            offered.append(OfferedModel(name=name, files=tuple(given)))
        return states, tuple(offered)

    def _list_cases(self) -> tuple[ListedCase, ...]:
        """Return the cases of the hub; read again only when a file of them changed."""
        folder = self._cases()
        stamps = frozenset(
            (path, stamp)
            for case in find_cases(folder).values()
            for name in CASE_FILES
            if (stamp := file_stamp(path := case.with_name(name))) is not None
        )
        if self._listed is None or self._listed[0] != stamps:
            self._listed = (stamps, listed_cases(folder))
        return self._listed[1]

    def _case(self, listed: ListedCase, files: dict[str, tuple[Path, FileStamp]]) -> OfferedCase:
        assert listed.case is not None
        given = [self._offered(listed.file.with_name(name), files) for name in CASE_FILES]
        return OfferedCase(
            id=listed.id,
            title=shortened(listed.case.title, 200),
            files=tuple(each for each in given if each is not None),
        )

    def _voices(
        self,
        case_shas: dict[str, str],
        files: dict[str, tuple[Path, FileStamp]],
        faults: list[str],
    ) -> tuple[OfferedVoice, ...]:
        """Return the packs of cases that are here."""
        shipped = find_cases(paths.scenarios_dir())
        offered: list[OfferedVoice] = []
        for path in _sorted_files(self.voices_folder):
            matched = _PACK.fullmatch(path.name)
            if matched is None:
                continue
            case = matched[1]
            rendered_from = self._rendered_from(path)
            file = case_shas.get(case) or (
                self._hashes.of(shipped[case]) if case in shipped else None
            )
            if rendered_from is None or file is None:
                reason = "is damaged" if rendered_from is None else "is of a case that is not here"
                faults.append(f"{path.name} {reason}; delete it, or render it again")
                continue
            if rendered_from != file:  # it still serves the lines that did not change
                faults.append(
                    f"{path.name} is of another version of its case; run: "
                    f"simvoice hub supplies render {case}"
                )
            if (given := self._offered(path, files)) is not None:
                offered.append(OfferedVoice(case=case, voice=matched[2], file=given))
        return tuple(offered)

    def _rendered_from(self, path: Path) -> str | None:
        stamp = file_stamp(path)
        known = self._rendered.get(path)
        if stamp is not None and known is not None and known[0] == stamp:
            return known[1]
        try:
            pack = ClipPack(path)
        except (ValueError, OSError):
            found = None
        else:
            pack.close()
            found = pack.about.case_sha256
        if stamp is not None:
            self._rendered[path] = (stamp, found)
        return found

    # -- hashes

    def _offered(self, path: Path, files: dict[str, tuple[Path, FileStamp]]) -> OfferedFile | None:
        """Return a file with its hash; None when it is not there or changes meanwhile."""
        sha256 = self._hashes.of(path)
        stamp = file_stamp(path)
        if sha256 is None or stamp is None or stamp[1] > MOST_BYTES:
            return None
        files[sha256] = (path, stamp)
        return OfferedFile(name=path.name, bytes=stamp[1], sha256=sha256)


def _sorted_files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError:
        return []
