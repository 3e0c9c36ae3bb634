"""What a device says it will send: the files with size and hash, and to whom they are released.

A laptop shows it to the learner before anything is sent. A station sends one sealed file for each
record, in which the list is. The hub holds both to it.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import from_json

from simvoice.errors import UsageError
from simvoice.record.files import FLAC, WAV, check_id
from simvoice.release.contents import LARGEST_FILE, LARGEST_RELEASE, NEEDED, Contents, allowed_files
from simvoice.safe_text import field_place, shortened
from simvoice.strict_model import StrictModel

LARGEST_MANIFEST = 20_000
"""Bytes of a manifest; one with eight files and twenty courses has 3,000."""

MOST_COURSES = 50
"""Courses that one attempt can be released to at once."""


class FileFacts(StrictModel):
    """One file of a release."""

    name: str
    """One of `release.contents.LARGEST_FILE`."""
    size: int = Field(ge=1, lt=2**63)
    """Bytes."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class ReleaseManifest(StrictModel):
    """All that is sent of one attempt, and to which courses it is released."""

    format: int = Field(default=1, ge=1, le=1)
    uuid: UUID
    """The attempt's UUID (`record.identity`)."""
    record_id: Annotated[str, AfterValidator(check_id)]
    """The attempt's identifier, which names its folder."""
    contents: Contents
    courses: tuple[UUID, ...] = Field(max_length=MOST_COURSES)
    """The courses that it is released to; empty for a station, whose hub decides."""
    files: tuple[FileFacts, ...]
    simvoice: str = Field(default="", max_length=60)
    """The version that sends."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [file.name for file in self.files]
        if len(set(names)) != len(names) or len(set(self.courses)) != len(self.courses):
            raise ValueError("it names something twice")
        unknown = sorted(set(names) - allowed_files(self.contents))
        if unknown:
            raise ValueError(f"a release of {self.contents} has no file {unknown[0][:60]!r}")
        lacking = [name for name in NEEDED if name not in names]
        if lacking:
            raise ValueError(f"it has no {lacking[0]}")
        if FLAC in names and WAV in names:
            raise ValueError("it has two files of sound")
        for file in self.files:
            if file.size > LARGEST_FILE[file.name]:
                raise ValueError(
                    f"its {file.name} has {file.size} bytes and may have {LARGEST_FILE[file.name]}"
                )
        if self.size > LARGEST_RELEASE:
            raise ValueError(f"it has {self.size} bytes and may have {LARGEST_RELEASE}")
        return self

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def file(self, name: str) -> FileFacts:
        """Return the facts of a file. Raises UsageError for one that is not part of it."""
        for file in self.files:
            if file.name == name:
                return file
        raise UsageError(f"this upload has no file {name[:60]!r}")

    def same_files(self, other: ReleaseManifest) -> bool:
        """Return whether two manifests hold the same bytes under the same names."""
        return (
            self.uuid == other.uuid
            and self.record_id == other.record_id
            and set(self.files) == set(other.files)
        )


def read_manifest(data: bytes) -> ReleaseManifest:
    """Return the manifest in a JSON document. Raises UsageError with a sentence."""
    if len(data) > LARGEST_MANIFEST:
        raise UsageError(f"the list of files has more than {LARGEST_MANIFEST} bytes")
    try:
        return ReleaseManifest.model_validate(from_json(data), strict=False)
    except UsageError as error:
        raise UsageError(f"the list of files cannot be used: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = field_place(first["loc"])
        why = shortened(first["msg"].removeprefix("Value error, "), 300)
        named = f"{where}: {why}" if where else why
        raise UsageError(f"the list of files cannot be used ({named})") from error
    except (ValueError, RecursionError) as error:
        raise UsageError("the list of files is not JSON") from error


# -- sealed records -----------------------------------------------------------------------------

ModeName = Literal["practice", "exam", "drill"]
"""How an assignment is done."""


class SealedFacts(StrictModel):
    """A sealed record that a station sends: a file that only the hub can open."""

    uuid: UUID
    """The attempt's UUID, the key: however often it is sent, it is kept once."""
    size: int = Field(ge=1, lt=2**63)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class SealedOwner(StrictModel):
    """Whose record it is, inside the sealed file."""

    code: UUID | None
    """The code under which it was made; never None in a file that is sent."""
    assignment: UUID | None
    mode: ModeName
    session: UUID
    is_released: bool
    """The learner began an exam after its terms: a release to the educators of its course."""
    made_at: float
    """Unix time of the station at the end of the encounter."""
    continues: UUID | None = None
    """UUID of the attempt that a crash cut off, and that this one goes on from."""
