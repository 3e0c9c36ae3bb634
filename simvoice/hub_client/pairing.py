"""The pairing of this machine with a hub: made with a code, ended with one press.

It is one file in the data folder that only its owner can read. It holds the token, the address and
what the certificate of the hub is verified against. Unpairing removes the token at once, also while
the hub is away. Until the hub knows, a second file holds a proof with which only the unpairing can
be told: the hash under which the hub stores the token.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from pydantic import Field, ValidationError

from simvoice import __version__
from simvoice.errors import HubError, SettingError, SimvoiceError
from simvoice.hub_client.connection import Address, HubConnection, HubForgot, UploadGone
from simvoice.hub_client.messages import DeviceKind, PairingRequest, UnpairRequest
from simvoice.hub_client.trust import PUBLIC, PairingLine, Trust, establish
from simvoice.record.files import read_regular, replace_file, storage_error
from simvoice.safe_text import one_line
from simvoice.strict_model import StrictModel

PAIRING = "pairing.json"
LEAVING = "leaving.json"
OUTBOX = "outbox.sqlite3"

_LARGEST = 200_000
"""Bytes of the file; the certificates in it have at most 64,000."""

Connect = Callable[[Address, str], HubConnection]
"""Opens a connection with a token; tests put a scripted hub in its place."""


class Pairing(StrictModel):
    """This machine belongs to a person on a hub."""

    url: str
    hub: str
    """The hub's title, as it named itself."""
    person: str
    """The owner's name on the hub; empty for a station."""
    device: UUID
    token: str = Field(repr=False)
    trust: Trust
    paired_at: str
    """ISO 8601 with time zone."""

    @property
    def address(self) -> Address:
        """Where the hub is."""
        return Address(self.url, self.trust)

    @property
    def name(self) -> str:
        """How pages name the hub: its title and its host."""
        host = self.url.partition("://")[2]
        return f"{self.hub} ({host})" if self.hub else host


class Leaving(StrictModel):
    """This machine has left a hub that does not know it yet."""

    url: str
    hub: str
    device: UUID
    proof: str
    trust: Trust

    @property
    def address(self) -> Address:
        """Where the hub is."""
        return Address(self.url, self.trust)


@dataclass(frozen=True, slots=True)
class Pairings:
    """The files of the pairing in one folder. Each call reads them again, so any process may."""

    folder: Path

    @property
    def outbox_file(self) -> Path:
        """Where the outbox is."""
        return self.folder / OUTBOX

    @property
    def is_stored(self) -> bool:
        """Return True when there is a file of a pairing, whatever is in it."""
        return (self.folder / PAIRING).is_file()

    def pairing(self) -> Pairing | None:
        """Return the pairing; None without one. Raises SimvoiceError for a file that is damaged."""
        return _read(self.folder / PAIRING, Pairing)

    def leaving(self) -> Leaving | None:
        """Return the hub that must still be told that this machine has left; None without one."""
        return _read(self.folder / LEAVING, Leaving)

    def store(self, pairing: Pairing) -> None:
        """Keep a pairing, readable by its owner alone."""
        self._write(PAIRING, pairing)

    def leave(self) -> Leaving | None:
        """Forget the token at once. Returns what the hub must still be told; None without a hub.

        A pairing file that is damaged is removed too: there is nothing in it to leave with.
        """
        try:
            pairing = self.pairing()
        except SimvoiceError:
            pairing = None
        found = None
        if pairing is not None:
            proof = hashlib.sha256(pairing.token.encode()).hexdigest()
            found = Leaving(
                url=pairing.url,
                hub=pairing.hub,
                device=pairing.device,
                proof=proof,
                trust=pairing.trust,
            )
            # An older hub that could not be told is given up: there is one file.
            with contextlib.suppress(SimvoiceError):
                self._write(LEAVING, found)
        self._remove(PAIRING)
        return found

    def forget(self) -> None:
        """Forget the pairing: the hub has ended it, so there is nothing to tell."""
        self._remove(PAIRING)

    def left(self) -> None:
        """Forget what the hub was to be told: it knows."""
        self._remove(LEAVING)

    def _write(self, name: str, content: StrictModel) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace_file(self.folder / name, content.model_dump_json(indent=1).encode() + b"\n")
        except OSError as error:
            raise storage_error(error, "storing the pairing with the hub") from error

    def _remove(self, name: str) -> None:
        try:
            (self.folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, "removing the pairing with the hub") from error


def known_pairing(pairings: Pairings) -> Pairing | None:
    """Return the pairing; None also for a file that is damaged, which another pairing replaces."""
    try:
        return pairings.pairing()
    except SimvoiceError:
        return None


_File = TypeVar("_File", bound=StrictModel)


def is_ended_by_hub(pairing: Pairing, *, connect: Connect) -> bool:
    """Ask the hub of a station's pairing. Returns True when it does not know the station any more.

    A hub forgets one that a technician has unpaired there, and one that was paired after the
    backup from which the hub was restored. A hub that does not answer has ended nothing.
    """
    try:
        with connect(pairing.address, pairing.token) as hub:
            hub.check_records(())
    except HubForgot:
        return True
    except SimvoiceError:
        return False
    return False


def _read(path: Path, kind: type[_File]) -> _File | None:
    try:
        return kind.model_validate_json(read_regular(path, _LARGEST))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise SimvoiceError(
            f"{path} cannot be read; press “Unpair” on the Hub page and pair this machine again"
        ) from error


def establish_trust(line: PairingLine, authorities: Path | None = None) -> Trust:
    """Return the trust for the hub of a pairing line, after a verified connection to it.

    On loopback no certificate is needed: nothing leaves the machine. Raises HubError.
    """
    if line.address.startswith("http://"):
        return PUBLIC
    return establish(line, authorities=authorities)


def pair(
    pairings: Pairings,
    address: Address,
    code: str,
    *,
    connect: Connect,
    now: str,
    kind: DeviceKind = "laptop",
    name: str = "",
) -> Pairing:
    """Exchange a code for a token and keep it. now: ISO 8601 with time zone.

    Raises SettingError while another hub is paired or without a code, HubError otherwise.
    """
    if known_pairing(pairings) is not None:
        raise SettingError("this machine is paired with a hub already; unpair it first")
    if not code.strip():
        raise SettingError("the line has no code; copy it again from the hub's pairing page")
    request = PairingRequest(
        code=one_line(code)[:100], kind=kind, name=name or device_name(), version=__version__
    )
    with connect(address, "") as hub:
        try:
            answer = hub.pair(request)
        except UploadGone as error:  # 404: the server answers and has no pairing
            raise HubError(str(error)) from error
    made = Pairing(
        url=address.url,
        hub=one_line(answer.hub)[:120],
        person=one_line(answer.person)[:200],
        device=answer.device,
        token=answer.token,
        trust=address.trust,
        paired_at=now,
    )
    pairings.store(made)
    return made


def tell_leaving(pairings: Pairings, *, connect: Connect) -> bool:
    """Tell the hub that this machine has left. Returns False when there is nothing to tell.

    Raises HubError when the hub does not answer; it is told later.
    """
    leaving = pairings.leaving()
    if leaving is None:
        return False
    # HubForgot, UploadGone: the hub does not know the device any more, which is what is wanted
    with connect(leaving.address, "") as hub, contextlib.suppress(HubForgot, UploadGone):
        hub.unpair(UnpairRequest(device=leaving.device, proof=leaving.proof))
    pairings.left()
    return True


def device_name() -> str:
    """Return a name by which the owner recognises this machine."""
    host = one_line(platform.node()).partition(".")[0][:60]
    return host or f"A computer with {os.uname().sysname}"
