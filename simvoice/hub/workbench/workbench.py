"""What the workbench of a hub needs beside the database: the patient of a draft, and its voice."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import UUID

from simvoice import log, paths
from simvoice.audio import Pcm
from simvoice.errors import CaseError, SimvoiceError, StorageFull, UsageError
from simvoice.hub import educator_cases
from simvoice.hub.storage.database import Database
from simvoice.hub.workbench.checks import CaseChecks
from simvoice.models import manifest
from simvoice.patient.case.load import find_cases
from simvoice.patient.case.schema import Case
from simvoice.patient.checking.certificate import CERTIFICATE_FILE
from simvoice.ports import Embedder, Voice
from simvoice.workbench.asking import Asked, KeptEmbeddings
from simvoice.workbench.cards import CaseDraft
from simvoice.workbench.note import CaseFiles
from simvoice.workbench.problems import DraftReading, read_draft

_log = logging.getLogger(__name__)

_KEPT: Final = 8
"""Drafts whose patient is kept: as many as educators work at once."""

NO_MODEL: Final = (
    "This server has no model for likeness of meaning, so answers are found by words alone."
)


class Workbench:
    """The workbench of one hub. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._readings: OrderedDict[str, DraftReading] = OrderedDict()
        self._patients: OrderedDict[str, Asked] = OrderedDict()
        self._embedder: KeptEmbeddings | None = None
        self._has_looked = False
        self._speaking = threading.Lock()
        self._voice: Voice | None = None
        self.checks = CaseChecks(self._certified)

    def _certified(self, key: UUID, number: int, text: str) -> None:
        with self._database.begin() as session:
            educator_cases.add_certificate(session, key, number, text)

    # -- the draft

    def reading(self, files: CaseFiles, draft: CaseDraft | None = None) -> DraftReading:
        """Return a draft as a case with its problems. draft: of the same files, if it is read."""
        sha256 = sha256_of(files)
        with self._lock:
            if (known := self._readings.get(sha256)) is not None:
                return known
        found = read_draft(draft or CaseDraft(files), sha256)
        with self._lock:
            self._readings[sha256] = found
            while len(self._readings) > _KEPT:
                self._readings.popitem(last=False)
        return found

    def patient(self, files: CaseFiles) -> Asked:
        """Return the patient of a draft. Raises CaseError while a part of it is missing."""
        case = self.reading(files).case
        if case is None:
            raise CaseError("A part of the case is missing or wrong; see “What is to do” first.")
        with self._loading:
            found = self._patients.pop(case.sha256, None) or Asked(case, self.embedder())
            self._patients[case.sha256] = found
            while len(self._patients) > _KEPT:
                self._patients.popitem(last=False)
        return found

    def embedder(self) -> Embedder | None:
        """Return the model for the likeness of meaning; None where it is not installed."""
        with self._lock:
            if not self._has_looked:
                self._has_looked = True
                try:
                    self._embedder = KeptEmbeddings(_load_embedder())
                except SimvoiceError as error:
                    _log.warning("the workbench has no embeddings: %s", log.place(error))
            return self._embedder

    # -- the voice

    def sound(self, case: Case, line: str) -> Pcm:
        """Return a line as the patient says it: float32 [n], 16 kHz. It takes some seconds.

        line: the id of a line. Raises UsageError when there is none, ModelMissing without a voice.
        """
        # imported here: they load the engines' libraries
        from simvoice.runtime.spoken_lines import LineRequest, line_sound, requested_line

        wanted = requested_line(case, LineRequest(line))
        with self._speaking:
            if self._voice is None:
                from simvoice.app.simulator import Simulator

                self._voice = Simulator().voice()
            return line_sound(case, self._voice, wanted)

    def stop(self) -> None:
        """End the check that runs."""
        self.checks.stop()


def sha256_of(files: CaseFiles) -> str:
    """Return a hash of all files of a case."""
    known = hashlib.sha256()
    for name in sorted(files):
        known.update(f"{name}\0{len(files[name])}\0{files[name]}".encode())
    return known.hexdigest()


def _load_embedder() -> Embedder:
    # imported here: the engines read the environment that is set first
    from simvoice.engines import threads

    threads.set_environment()
    folder = manifest.locate(manifest.profile()["embedding"])
    from simvoice.engines.embed.minilm import MiniLM

    return MiniLM(folder)


# -- what learners are offered
# A certified revision is a folder among the cases that were written on the hub, as any other case:
# encounters, assignments, stations and laptops find it there.


def other_case_ids() -> set[str]:
    """Return the ids of all cases that are installed on this machine."""
    return set(find_cases(*paths.case_dirs()))


def offer(case_id: str, files: CaseFiles, certificate: str) -> None:
    """Put a certified revision among the cases of this machine, in place of an earlier one.

    Raises UsageError when a case with this id was written here by other means, StorageFull.
    """
    folder = paths.own_cases_dir()
    target = folder / case_id
    if target.exists() and not (target / paths.OFFERED_MARK).is_file():
        raise UsageError(f"There is another case {case_id} in {folder}; a technician can move it.")

    def fill(place: Path) -> None:
        for name, text in {**files, CERTIFICATE_FILE: certificate, paths.OFFERED_MARK: ""}.items():
            (place / name).write_text(text, encoding="utf-8")

    _swap(target, fill)


def take_back(case_id: str) -> None:
    """Remove an offered case from the cases of this machine. Attempts at it stay."""
    target = paths.own_cases_dir() / case_id
    if (target / paths.OFFERED_MARK).is_file():
        _swap(target, None)


def _swap(target: Path, fill: Callable[[Path], None] | None) -> None:
    """Put a new folder in the place of another in two renames, or remove it."""
    aside = target.parent.parent / "cases-partial" / secrets.token_hex(8)
    fresh, old = aside / "new", aside / "old"
    try:
        fresh.mkdir(parents=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        if fill is not None:
            fill(fresh)
        if target.exists():
            os.replace(target, old)
        if fill is not None:
            os.replace(fresh, target)
    except OSError as error:
        if old.exists() and not target.exists():
            os.replace(old, target)
        reason = error.strerror or "no reason given"
        raise StorageFull(f"The case cannot be written to {target.parent} ({reason}).") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
