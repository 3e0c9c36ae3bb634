"""What a device and its hub say to each other, as types that both sides read.

Files travel by the core of the tus protocol, version 1.0.0 (https://tus.io): HEAD tells how many
bytes of a file the hub has, PATCH appends at that offset. The protocol leaves open how the address
of an upload comes about; here the manifest of a release makes one for each of its files.
"""

from __future__ import annotations

from typing import Final, Literal
from uuid import UUID

from pydantic import Field

from simvoice.release.contents import Contents
from simvoice.strict_model import StrictModel

PATH: Final = "/api/device"
TUS_VERSION: Final = "1.0.0"
TUS_HEADER: Final = "Tus-Resumable"
OFFSET_HEADER: Final = "Upload-Offset"
LENGTH_HEADER: Final = "Upload-Length"
CHUNK_TYPE: Final = "application/offset+octet-stream"

CHECKSUM_MISMATCH: Final = 460
"""Status of the checksum extension of tus: the bytes do not have the hash that was given."""

CHUNK_BYTES: Final = 1 << 20
"""Bytes of a request. On a line of 1 Mbit/s it takes 8 s, so a slow line is no silent one."""
LARGEST_CHUNK: Final = 4 * CHUNK_BYTES
"""Bytes of a request that a hub accepts."""

MOST_CHECKED: Final = 200
"""Attempts that a device asks about in one request."""

DeviceKind = Literal["laptop", "station"]


class PairingRequest(StrictModel):
    """A device gives the code that its owner was shown."""

    code: str = Field(max_length=100)
    kind: DeviceKind = "laptop"
    name: str = Field(max_length=120)
    """How the owner recognises the device in a list."""
    version: str = Field(default="", max_length=60)


class PairingAnswer(StrictModel):
    """The hub accepts the device."""

    device: UUID
    token: str
    """The secret of the device. The hub stores its hash."""
    hub: str
    """The hub's title."""
    person: str
    """Whose device it is now, by name; empty for a station."""


class UnpairRequest(StrictModel):
    """A device leaves. It has already forgotten its token and shows what only it could keep."""

    device: UUID
    proof: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256 of the token, in hex. With it nothing but this request can be made."""


class TeachingCourse(StrictModel):
    """A course that the owner of the device can release to."""

    id: UUID
    title: str
    educators: tuple[str, ...]
    """Names of those who could open the attempt."""


class HubFacts(StrictModel):
    """What a hub tells a device that asks how things are."""

    hub: str
    person: str
    courses: tuple[TeachingCourse, ...] = ()


class Begun(StrictModel):
    """The answer to a manifest."""

    kept: bool
    """The hub has all of it, and has released it as the manifest says."""
    offsets: dict[str, int] = Field(default_factory=dict)
    """File name to the bytes that the hub has of it; empty when `kept`."""


class CheckRequest(StrictModel):
    """A device asks what the hub knows of these attempts."""

    attempts: tuple[UUID, ...] = Field(max_length=MOST_CHECKED)


class KnownRelease(StrictModel):
    """One release of an attempt, as the hub has it now."""

    course: UUID
    contents: Contents
    released_at: float
    """Unix time of the hub."""


class KnownAttempt(StrictModel):
    """What the hub knows of one attempt of this device's owner."""

    uuid: UUID
    state: Literal["kept", "erased", "unknown"]
    releases: tuple[KnownRelease, ...] = ()


class CheckAnswer(StrictModel):
    """What the hub knows, in the order of the question."""

    attempts: tuple[KnownAttempt, ...]


class Withdrawn(StrictModel):
    """The hub has ended all releases of an attempt and dropped what was not complete."""

    at: float
    """Unix time of the hub."""
