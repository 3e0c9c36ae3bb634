"""Keep on a device what its hub offers: cases, rendered voices and the wanted program.

    from-hub/
      cases            a link to the folder of cases in use
      cases.1a2b3c4d/  one folder for each case
      voices/          one pack for each case (`engines.tts.clip_pack`)
      program/         wheels and source archives of the wanted version
      .fetching/       what is not whole, named by its hash

A file is used only when it has the hash of the catalogue. A new set of cases is made beside the
old one, and a link is exchanged in one step; a pack or program replaces the old one in one step. So
at each moment, also after a power cut, what is used is whole: old or new. A case that cannot be
used on this device costs a sentence, and its older version stays. What the hub does not offer any
more is removed. Models are another matter: `models.pull` fetches those that this program pins.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from simvoice import __version__
from simvoice.errors import CaseError, FetchError, HubError, SimvoiceError, StorageFull
from simvoice.hub_client.catalogue import (
    Catalogue,
    DeviceReport,
    HeldThing,
    OfferedCase,
    OfferedFile,
)
from simvoice.hub_client.device_files import delete, durable, names_in, size_of
from simvoice.hub_client.file_hashes import FileHashes
from simvoice.hub_client.supply_line import SupplyGone, SupplyLine
from simvoice.models import manifest
from simvoice.models.download import Advance
from simvoice.patient.case.load import CASE_FILE, load_case
from simvoice.patient.case.suite import load_suite
from simvoice.patient.checking.certificate import certification_fault
from simvoice.safe_text import shortened

_log = logging.getLogger(__name__)

SPARE_BYTES = 512 * 2**20
"""Left free on the disk: an hour of encounters needs 250 MB."""

CATALOGUES = 3
"""Catalogues that are read in one run, when files of the first ones are gone meanwhile."""

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What this device takes of a catalogue."""

    voice: str = ""
    """The short key of its voice; packs of others are left out. Empty for no packs."""
    program: bool = False
    """Also the files of the wanted program."""


@dataclass(frozen=True, slots=True)
class Supplied:
    """The result of one run."""

    received_bytes: int
    cases: tuple[str, ...]
    """Ids of the cases from the hub that are usable now."""
    voices: tuple[str, ...]
    """Ids of the cases with a rendered voice."""
    program: str
    """The version that was fetched and does not run yet; empty without one."""
    faults: tuple[str, ...]
    """A sentence for each case that the hub offers and that this device cannot use."""
    report: DeviceReport


@dataclass(slots=True)
class _Needs:
    """Files of a catalogue that are not on this device, by hash."""

    files: dict[str, OfferedFile] = field(default_factory=dict)

    def add(self, files: Iterable[OfferedFile]) -> None:
        self.files.update((file.sha256, file) for file in files)


class DeviceSupplies:
    """What the hub has sent to this device. Every process may make one; one at a time fetches."""

    def __init__(self, folder: Path, *, running: str = __version__) -> None:
        """folder: made when it is needed. running: the version of the program that runs."""
        self._folder = folder
        self._running = running
        self._hashes = FileHashes(folder / "hashes.json")

    @property
    def cases_folder(self) -> Path:
        """The folder of cases in use; it may be missing."""
        return self._folder / "cases"

    @property
    def voices_folder(self) -> Path:
        """The folder of packs; it may be missing."""
        return self._folder / "voices"

    def bring(
        self,
        line: SupplyLine,
        wanted: Wanted,
        advance: Advance = lambda _: None,
        begin: Callable[[int], None] = lambda _: None,
    ) -> Supplied:
        """Make this device have what the hub offers, as far as it can be fetched now.

        begin: called with the bytes of all files that are not here. advance: with the bytes that
        arrived. Raises HubError or FetchError when the hub could not give all of it: what was whole
        until then is used, and the rest is continued the next time. Raises StorageFull before a
        byte is fetched when the disk has too little space, and SimvoiceError for a folder that
        cannot be written or while another process fetches.
        """
        try:
            self._work.mkdir(parents=True, exist_ok=True)
            with FileLock(self._work / "lock", timeout=0):
                return self._bring(line, wanted, advance, begin)
        except Timeout:
            raise SimvoiceError(
                "another simvoice is fetching from the hub now; wait until it is done"
            ) from None
        except OSError as error:
            if error.errno in _DISK_FULL:
                raise StorageFull(
                    f"the disk of {self._folder} is full; free some space: the supplies of the hub "
                    "are continued then"
                ) from error
            raise SimvoiceError(
                f"{self._folder} cannot be written ({error.strerror}); make it writable"
            ) from error

    def _bring(
        self,
        line: SupplyLine,
        wanted: Wanted,
        advance: Advance,
        begin: Callable[[int], None],
    ) -> Supplied:
        for _ in range(CATALOGUES):
            catalogue = line.catalogue()
            failure: SimvoiceError | None = None
            needs = self._needs(catalogue, wanted)
            self._sweep(needs.files)
            self._require_space(needs.files.values())
            begin(sum(file.bytes for file in needs.files.values()))
            try:
                for file in needs.files.values():
                    self._fetch(line, file, advance)
            except (FetchError, HubError) as error:
                failure = error
            faults = self._use(catalogue, wanted, is_whole=failure is None)
            if not isinstance(failure, SupplyGone):
                break
        self._hashes.save()
        if failure is not None:
            raise failure
        self._sweep({})
        return self._result(line, catalogue, wanted, faults)

    # -- what is needed

    @property
    def _work(self) -> Path:
        return self._folder / ".fetching"

    def _needs(self, catalogue: Catalogue, wanted: Wanted) -> _Needs:
        needs = _Needs()
        for case in catalogue.cases:
            if not self._has_case(self.cases_folder / case.id, case):
                needs.add(f for f in case.files if not self._has(self._in_use(case.id, f), f))
        for target, file in self._single_files(catalogue, wanted):
            if not self._has(target, file):
                needs.add([file])
        return needs

    def _single_files(
        self, catalogue: Catalogue, wanted: Wanted
    ) -> Iterator[tuple[Path, OfferedFile]]:
        """Yield each pack and file of the program that is wanted, with its place."""
        for each in catalogue.voices:
            if each.voice == wanted.voice:
                yield self.voices_folder / f"{each.case}--{each.voice}.zip", each.file
        program = catalogue.program
        if wanted.program and program is not None and program.version != self._running:
            for file in program.files:
                yield self._folder / "program" / file.name, file

    def _in_use(self, case_id: str, file: OfferedFile) -> Path:
        return self.cases_folder / case_id / file.name

    def _has(self, path: Path, file: OfferedFile) -> bool:
        return self._hashes.of(path) == file.sha256

    def _has_case(self, folder: Path, case: OfferedCase) -> bool:
        """Return whether a folder has exactly the files of a case."""
        if set(names_in(folder)) != {file.name for file in case.files}:
            return False
        return all(self._has(folder / file.name, file) for file in case.files)

    def _require_space(self, files: Iterable[OfferedFile]) -> None:
        needed = 0
        for file in files:
            partial = self._work / f"{file.sha256}.partial"
            whole = self._work / file.sha256
            on_disk = max(size_of(partial), size_of(whole))
            needed += max(0, file.bytes - on_disk)
        free = shutil.disk_usage(self._work).free
        if needed and free < needed + SPARE_BYTES:
            raise StorageFull(
                f"the supplies of the hub need {needed / 1e6:.0f} MB in {self._folder} and "
                f"{SPARE_BYTES / 1e6:.0f} MB for encounters, but only {free / 1e6:.0f} MB are "
                "free; free some space"
            )

    def _sweep(self, wanted: Iterable[str]) -> None:
        """Delete what earlier runs began and no one wants now."""
        kept = {"lock"} | {name for sha in wanted for name in (sha, f"{sha}.partial")}
        for name in names_in(self._work):
            if name not in kept:
                delete(self._work / name)

    # -- fetching and using

    def _fetch(self, line: SupplyLine, file: OfferedFile, advance: Advance) -> None:
        target = self._work / file.sha256
        if self._has(target, file):
            advance(file.bytes)
            return
        delete(target)
        line.fetch(file, target, advance)

    def _use(self, catalogue: Catalogue, wanted: Wanted, *, is_whole: bool) -> dict[str, str]:
        """Put what is whole in the place of what is old. Return the faults of cases, by id.

        is_whole: all of it was fetched, so that packs and programs of before are not needed.
        """
        faults = self._use_cases(catalogue)
        kept: set[Path] = set()
        for target, file in self._single_files(catalogue, wanted):
            kept.add(target)
            fetched = self._work / file.sha256
            if not self._has(target, file) and self._has(fetched, file):
                target.parent.mkdir(parents=True, exist_ok=True)
                durable(fetched)
                fetched.replace(target)
                durable(target.parent)
        for folder in (self.voices_folder, self._folder / "program") if is_whole else ():
            for name in names_in(folder):
                if folder / name not in kept:
                    delete(folder / name)
        return faults

    def _use_cases(self, catalogue: Catalogue) -> dict[str, str]:
        """Make the folder of cases that the catalogue wants, and exchange it with the old one."""
        if self._has_exactly(catalogue.cases):
            return {}
        before = self._cases_link()
        faults: dict[str, str] = {}
        fresh = self._work / "cases"
        delete(fresh)
        fresh.mkdir()
        for case in catalogue.cases:
            old, new = self.cases_folder / case.id, fresh / case.id
            if self._gather(case, new):
                fault = _fault_of(new, case)
                if fault is None:
                    continue
                faults[case.id] = fault
                delete(new)
            if names_in(old) and _fault_of(old, None) is None:
                shutil.copytree(old, new)
        if self._same_cases(fresh):
            delete(fresh)
        else:
            self._exchange(fresh)
        now = self._cases_link()
        for name in names_in(self._folder):
            if name.startswith("cases.") and name != now:
                delete(self._folder / name)
        if now != before:
            _log.info("cases of the hub: %s", ",".join(names_in(self.cases_folder)) or "none")
        return faults

    def _has_exactly(self, cases: tuple[OfferedCase, ...]) -> bool:
        if names_in(self.cases_folder) != sorted(case.id for case in cases):
            return False
        return all(self._has_case(self.cases_folder / case.id, case) for case in cases)

    def _cases_link(self) -> str:
        """Return the name of the folder of cases in use; empty without one."""
        try:
            return os.readlink(self.cases_folder)
        except OSError:
            return ""

    def _gather(self, case: OfferedCase, target: Path) -> bool:
        """Copy the files of a case from where they are whole. Return False when one is missing."""
        target.mkdir()
        for file in case.files:
            places = (self._work / file.sha256, self._in_use(case.id, file))
            found = next((path for path in places if self._has(path, file)), None)
            if found is None:
                delete(target)
                return False
            shutil.copyfile(found, target / file.name)
            if not self._has(target / file.name, file):
                delete(target)
                return False
        return True

    def _same_cases(self, fresh: Path) -> bool:
        def content(folder: Path) -> dict[str, str | None]:
            return {
                f"{case}/{name}": self._hashes.of(folder / case / name)
                for case in names_in(folder)
                for name in names_in(folder / case)
            }

        return content(fresh) == content(self.cases_folder)

    def _exchange(self, fresh: Path) -> None:
        for case in names_in(fresh):
            for name in names_in(fresh / case):
                durable(fresh / case / name)
            durable(fresh / case)
        target = self._folder / f"cases.{os.urandom(4).hex()}"
        fresh.rename(target)
        link = self._work / "link"
        delete(link)
        link.symlink_to(target.name)
        if self.cases_folder.is_dir() and not self.cases_folder.is_symlink():
            delete(self.cases_folder)  # a person has put a folder there
        link.replace(self.cases_folder)
        durable(self._folder)

    # -- what there is now

    def _result(
        self, line: SupplyLine, catalogue: Catalogue, wanted: Wanted, faults: dict[str, str]
    ) -> Supplied:
        cases = names_in(self.cases_folder)
        voices = [
            each.case
            for each in catalogue.voices
            if each.voice == wanted.voice
            and self._has(self.voices_folder / f"{each.case}--{each.voice}.zip", each.file)
        ]
        program = catalogue.program
        fetched = program is not None and bool(names_in(self._folder / "program"))
        version = program.version if fetched and program is not None else ""
        report = DeviceReport(
            program=self._running,
            fetched_program=version,
            catalogue=catalogue.version,
            models={
                model.name: manifest.state(model.name)
                for model in catalogue.models
                if model.name in manifest.manifest().models
            },
            cases=tuple(self._held_case(case, faults) for case in catalogue.cases),
            voices=tuple(
                HeldThing(name=each.case, sha256=each.file.sha256)
                for each in catalogue.voices
                if each.case in voices and each.voice == wanted.voice
            ),
            free_bytes=shutil.disk_usage(self._folder).free,
        )
        return Supplied(
            line.received_bytes,
            tuple(cases),
            tuple(voices),
            version,
            tuple(faults.values()),
            report,
        )

    def _held_case(self, case: OfferedCase, faults: dict[str, str]) -> HeldThing:
        has = self._has_case(self.cases_folder / case.id, case)
        return HeldThing(
            name=case.id, sha256=case.version if has else "", fault=faults.get(case.id, "")
        )


def _fault_of(folder: Path, offered: OfferedCase | None) -> str | None:
    """Return why a case cannot be used on this device; None when it can."""
    file = folder / CASE_FILE
    try:
        case = load_case(file)
        load_suite(file, case)
        fault = certification_fault(file, case)
    except CaseError as error:
        fault = str(error)
    if fault is None:
        return None
    name = folder.name if offered is None else offered.id
    where = str(folder) + os.sep
    return shortened(f"The case {name} of the hub cannot be used: {fault.replace(where, '')}", 290)
