"""Requests of a paired device for the supplies of its hub, and the hub as a source of models."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
from pydantic import ValidationError

from simvoice.errors import FetchError, HubError
from simvoice.hub_client.catalogue import (
    CATALOGUE_BYTES,
    SUPPLIES_PATH,
    Catalogue,
    DeviceReport,
    OfferedFile,
)
from simvoice.hub_client.connection import Address, HubAway, HubConnection, HubForgot
from simvoice.hub_client.trust import explained
from simvoice.models.download import (
    Advance,
    Digest,
    Downloader,
    NotAnswering,
    Patience,
    Refused,
    public_trust,
)
from simvoice.models.fetch import work_file
from simvoice.models.manifest import ModelFile

PATIENCE = Patience(answer_s=15.0, answer_attempts=2, silence_s=30.0, attempts=5)
"""A hub is in the same building. A line that is cut in the middle is taken up again five times."""

_FORGOTTEN = 401
_GONE = 404


class SupplyGone(HubError):
    """The hub does not offer this file any more: its catalogue has changed."""


class SupplyLine:
    """The connection to one hub for its supplies. A context manager; one thread at a time."""

    def __init__(
        self,
        address: Address,
        token: str,
        *,
        pause: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        """token: of the paired device. pause, transport: for tests."""
        self.address = address
        self._token = token
        self._transport = transport
        self._patience = patience
        encrypted = address.url.startswith("https://")
        trust = address.trust.context() if encrypted else public_trust()
        self._downloader = Downloader(pause=pause, trust=trust, transport=transport)

    def __enter__(self) -> SupplyLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._downloader.__exit__()

    @property
    def received_bytes(self) -> int:
        """Bytes of files received so far."""
        return self._downloader.received_bytes

    def catalogue(self) -> Catalogue:
        """Return what the hub offers now. Raises HubError, and HubForgot for an unpaired device."""
        try:
            raw = self._downloader.read(
                f"{self.address.url}{SUPPLIES_PATH}/catalogue",
                what="the catalogue of the hub",
                headers=self._headers,
                limit_bytes=CATALOGUE_BYTES,
                patience=self._patience,
            )
        except FetchError as error:
            raise self._explained(error) from error
        try:
            return Catalogue.model_validate_json(raw)
        except ValidationError as error:
            raise HubAway(
                "the hub's catalogue cannot be read: it is of another version of simvoice, or "
                "something else answered at the address of the hub"
            ) from error

    def fetch(self, file: OfferedFile, target: Path, advance: Advance = lambda _: None) -> None:
        """Download a file; `target` appears when it is whole and has the hash of the catalogue.

        Continues what an earlier call began, and begins once again when that turns out to be
        damaged. Raises SupplyGone, HubError or FetchError; an OSError of the disk passes through.
        """
        partial = target.with_name(f"{target.name}.partial")
        continued = partial.exists()
        try:
            self._download(file.sha256, file.bytes, target, file.name, advance)
        except FetchError as error:
            if not continued or isinstance(error, NotAnswering | Refused):
                raise self._explained(error) from error
            try:  # what was on the disk may have been the damaged part
                self._download(file.sha256, file.bytes, target, file.name, advance)
            except FetchError as again:
                raise self._explained(again) from again

    def fetch_model(self, file: ModelFile, target: Path, what: str, advance: Advance) -> None:
        """Download a pinned file of a model. Raises FetchError."""
        self._download(file.sha256, file.bytes, target, what, advance, check=False)

    def report(self, report: DeviceReport) -> None:
        """Tell the hub what this device has. Raises HubError."""
        with HubConnection(self.address, self._token, transport=self._transport) as hub:
            hub.report(report)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _download(
        self,
        sha256: str,
        size: int,
        target: Path,
        what: str,
        advance: Advance,
        *,
        check: bool = True,
    ) -> None:
        self._downloader.fetch(
            f"{self.address.url}{SUPPLIES_PATH}/files/{sha256}",
            target,
            what=what,
            digest=Digest("sha256", sha256) if check else None,
            limit_bytes=size,
            headers=self._headers,
            advance=advance,
            patience=self._patience,
        )

    def _explained(self, error: FetchError) -> FetchError | HubError:
        """Return an error of the hub in the words of the hub; others as they are."""
        if isinstance(error, Refused) and error.status == _FORGOTTEN:
            return HubForgot("the hub does not know this device any more; pair it again")
        if isinstance(error, Refused) and error.status == _GONE:
            return SupplyGone("the hub does not offer a file of its catalogue any more")
        if isinstance(error, NotAnswering) and error.__cause__ is not None:
            cause = error.__cause__
            if isinstance(cause, httpx.ConnectError):
                return explained(cause, self.address.url)
            return HubAway(f"the hub stopped answering ({error.reason}); it is asked again later")
        return error


class LabModels:
    """A paired hub as the first source of models. Fulfils `models.fetch.LabSource`.

    The hub is asked by the hash that this program pins, so it can give the right file or none.
    """

    label = "the lab's hub"

    def __init__(self, line: SupplyLine, work: Path) -> None:
        """work: the folder of downloads."""
        self._line = line
        self._work = work
        self._off: NotAnswering | None = None

    @property
    def received_bytes(self) -> int:
        """Bytes received so far."""
        return self._line.received_bytes

    def bytes_of(self, files: Sequence[ModelFile]) -> int:
        """Return the bytes to download for these files."""
        return sum(file.bytes for file in files)

    def prepare(self, files: Sequence[ModelFile]) -> None:
        """The addresses follow from the hashes."""

    def fetch(self, model: str, file: ModelFile, advance: Advance) -> Path:
        """Return the path of the downloaded file. Raises FetchError."""
        if self._off is not None:
            raise self._off
        target = work_file(self._work, model, file)
        if target.is_file():
            advance(target.stat().st_size)
            return target
        what = f"{file.name} of {model}"
        try:
            self._line.fetch_model(file, target, what, advance)
        except NotAnswering as error:
            self._off = NotAnswering(
                f"the lab's hub does not answer ({error.reason})", error.reason
            )
            raise self._off from error
        except Refused as error:
            if error.status == _FORGOTTEN:
                reason = "this computer is not paired with it any more"
                self._off = NotAnswering(f"the lab's hub gives no models ({reason})", reason)
                raise self._off from error
            raise FetchError(f"the lab's hub does not have {what}") from error
        return target

    def discard(self, file: ModelFile) -> None:
        """Nothing is left: the file itself is moved or deleted."""
