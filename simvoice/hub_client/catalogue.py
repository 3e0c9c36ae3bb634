"""What a hub offers to its devices, and what a device reports: types that both sides read.

A file is named by its SHA-256 and asked for by it, so what arrives either is the file of the
catalogue or is refused. The catalogue itself is not signed. It is read over the same connection as
everything else, which is verified against the authority that was trusted at the pairing
(`hub_client.trust`), and only by a device that the hub knows. A signature would need a key on the
hub too, beside that of its certificate: who takes the one takes the other. The files of models are
also pinned by the manifest of the device's own program, so not even a hub can alter these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from simvoice.models.manifest import FileName, ModelState, Sha256
from simvoice.strict_model import StrictModel

SUPPLIES_PATH: Final = "/api/device/supplies"

CATALOGUE_BYTES: Final = 2_000_000
"""Bytes of a catalogue that a device reads; one of 200 cases has 250,000."""
MOST_BYTES: Final = 64 * 2**30
"""Bytes of one file. The largest model of a profile has 5 GB."""

CaseId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,99}$")]
CASE_FILES: Final = (
    *("case.yaml", "suite.yaml", "demo.yaml", "demo-poor.yaml", "learners.yaml"),
    *("course.yaml", "certificate.json"),
)
"""The files of a case. A hub cannot put another one into its folder."""
Version = Annotated[str, Field(pattern=r"^[0-9][0-9A-Za-z.+!-]{0,59}$")]
VoiceKey = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
"""A short hash of what made the sound: model, library and format (`engines.tts.speech_cache`)."""


class OfferedFile(StrictModel):
    """One file. Two places that have the same bytes share it."""

    name: FileName
    bytes: Annotated[int, Field(ge=0, le=MOST_BYTES)]
    sha256: Sha256


class OfferedProgram(StrictModel):
    """The version of simvoice that the lab wants on its devices. A device installs it later."""

    version: Version
    files: Annotated[tuple[OfferedFile, ...], Field(max_length=20)] = ()
    """Wheels and source archives; empty when the hub has none of this version."""

    @model_validator(mode="after")
    def _has_names_of_programs(self) -> OfferedProgram:
        for file in self.files:
            if not file.name.startswith("simvoice-") or not file.name.endswith((".whl", ".tar.gz")):
                raise ValueError(f"{file.name} is no file of a program")
        return self


class OfferedModel(StrictModel):
    """A model of the hub's profile. A device takes only the files that its own manifest pins."""

    name: FileName
    files: Annotated[tuple[OfferedFile, ...], Field(min_length=1, max_length=50)]


class OfferedCase(StrictModel):
    """A case that passed its check on the hub, with its certificate."""

    id: CaseId
    title: Annotated[str, Field(max_length=300)]
    files: Annotated[tuple[OfferedFile, ...], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def _has_files_of_a_case(self) -> OfferedCase:
        names = [file.name for file in self.files]
        if len(set(names)) < len(names) or set(names) - set(CASE_FILES):
            raise ValueError("a case has other files, or one twice")
        if "case.yaml" not in names:
            raise ValueError("a case without case.yaml")
        return self

    @property
    def version(self) -> str:
        """The hash of all files: it changes when one of them does."""
        return _digest(f"{file.name} {file.sha256}" for file in self.files)


class OfferedVoice(StrictModel):
    """The lines of a case as sound, so that a device need not synthesise them."""

    case: CaseId
    voice: VoiceKey
    file: OfferedFile


class Catalogue(StrictModel):
    """All that a hub offers now."""

    format: Literal[1] = 1
    program: OfferedProgram | None = None
    """None when the lab leaves the version to each device."""
    profile: Annotated[str, Field(max_length=40)] = ""
    models: Annotated[tuple[OfferedModel, ...], Field(max_length=100)] = ()
    cases: Annotated[tuple[OfferedCase, ...], Field(max_length=1_000)] = ()
    voices: Annotated[tuple[OfferedVoice, ...], Field(max_length=5_000)] = ()

    @model_validator(mode="after")
    def _names_each_thing_once(self) -> Catalogue:
        for names in (
            [model.name for model in self.models],
            [case.id for case in self.cases],
            [(each.case, each.voice) for each in self.voices],
        ):
            if len(set(names)) < len(names):
                raise ValueError("a catalogue names a thing twice")
        return self

    @property
    def files(self) -> Iterator[OfferedFile]:
        """Every file of it; one that occurs in two places comes twice."""
        if self.program is not None:
            yield from self.program.files
        for model in self.models:
            yield from model.files
        for case in self.cases:
            yield from case.files
        for voice in self.voices:
            yield voice.file

    @property
    def version(self) -> str:
        """The hash of the whole catalogue."""
        return _digest([self.model_dump_json()])


class HeldThing(StrictModel):
    """A case or rendered voice that a device has from the hub, or could not use."""

    name: Annotated[str, Field(max_length=120)]
    sha256: Annotated[str, Field(max_length=64)] = ""
    """Of a case: its `version`. Empty when the device does not have it."""
    fault: Annotated[str, Field(max_length=300)] = ""
    """Why the device does not use what the hub offers; empty when it does."""


class DeviceReport(StrictModel):
    """What a device has. It holds no name and no word of a person."""

    program: Annotated[str, Field(max_length=60)]
    """The version that runs."""
    fetched_program: Annotated[str, Field(max_length=60)] = ""
    """The version that is on its disk and not installed; empty without one."""
    catalogue: Annotated[str, Field(max_length=64)] = ""
    """The version of the catalogue that it has followed."""
    models: Annotated[dict[FileName, ModelState], Field(max_length=100)] = Field(
        default_factory=dict
    )
    cases: Annotated[tuple[HeldThing, ...], Field(max_length=1_000)] = ()
    voices: Annotated[tuple[HeldThing, ...], Field(max_length=5_000)] = ()
    free_bytes: Annotated[int, Field(ge=0)] = 0


class ReportOfDevice(StrictModel):
    """A report with the device that made it, for the technician's page."""

    device: str
    """Its name."""
    kind: str
    at: datetime
    report: DeviceReport


def _digest(lines: Iterator[str] | list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
