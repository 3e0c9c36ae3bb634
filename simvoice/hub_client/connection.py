"""The connection of a paired device to its hub: one method for each request.

Nothing is sent to another address: redirects are not followed, proxies of the environment are not
asked, and the certificate is verified against what was trusted when the device was paired.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar
from uuid import UUID

import httpx
from pydantic import ValidationError
from pydantic_core import from_json

from simvoice import __version__
from simvoice.errors import HubError
from simvoice.hub_client import trust
from simvoice.hub_client.catalogue import SUPPLIES_PATH, DeviceReport
from simvoice.hub_client.messages import (
    CHECKSUM_MISMATCH,
    CHUNK_TYPE,
    OFFSET_HEADER,
    PATH,
    TUS_HEADER,
    TUS_VERSION,
    Begun,
    CheckAnswer,
    CheckRequest,
    HubFacts,
    KnownAttempt,
    PairingAnswer,
    PairingRequest,
    UnpairRequest,
    Withdrawn,
)
from simvoice.hub_client.station_messages import STATION_PATH
from simvoice.release.manifest import ReleaseManifest, SealedFacts
from simvoice.safe_text import one_line
from simvoice.strict_model import StrictModel

_TIMES = httpx.Timeout(60.0, connect=10.0)
"""Seconds. Verifying 300 MB of sound takes a slow hub some seconds before it answers."""

_LARGEST_ANSWER = 1_000_000
"""Bytes of an answer; the facts of 50 courses have 20,000."""
_LONGEST_SENTENCE = 300

_AGAIN_LATER = frozenset({408, 423, 425, 429})
"""Answers below 500 after which the same request may succeed."""

_GONE = frozenset({404, 410})

_Kind = TypeVar("_Kind", bound=StrictModel)


@dataclass(frozen=True, slots=True)
class _ReadAnswer:
    """The answer of a hub, read to its end."""

    status: int
    headers: httpx.Headers
    content: bytes


class HubAway(HubError):
    """The hub does not answer now, or asks to come later. Nothing is lost by waiting."""

    def __init__(self, sentence: str, retry_after_s: float | None = None) -> None:
        """retry_after_s: how long the hub asks to wait; None when it says nothing."""
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class HubBusy(HubError):
    """Another device is sending this attempt now; the hub takes others."""


class HubRefused(HubError):
    """The hub does not do this, now or later, and says why."""


class HashDiffers(HubRefused):
    """What arrived is not what the manifest says, and the hub has dropped it."""


class HubForgot(HubError):
    """The hub does not know this device any more."""


class UploadGone(HubError):
    """The hub has no such upload (any more); it begins again with the manifest."""


class OffsetMoved(HubError):
    """The hub has another number of bytes of the file than the device believed."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a hub is, and who may vouch for it."""

    url: str
    """`https://hub.example:8443`; `http://` for loopback only."""
    trust: trust.Trust

    def context(self) -> ssl.SSLContext | bool:
        """Return what the certificate of the hub is verified against."""
        return self.trust.context() if self.url.startswith("https://") else True


class HubConnection:
    """Requests to one hub. Use as a context manager; one thread at a time."""

    def __init__(
        self,
        address: Address,
        token: str = "",
        *,
        wait_s: float | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """token: of the paired device; empty before. wait_s: how long a connection and an answer
        may take, each; default enough for large recordings. transport: for tests."""
        self._url = address.url
        headers = {"User-Agent": f"simvoice/{__version__}", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._client = httpx.Client(
            base_url=address.url,
            headers=headers,
            verify=address.context() if transport is None else True,
            timeout=_TIMES if wait_s is None else wait_s,
            transport=transport,
            trust_env=False,
            follow_redirects=False,
        )

    def __enter__(self) -> HubConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    # -- pairing --------------------------------------------------------------------------------

    def pair(self, request: PairingRequest) -> PairingAnswer:
        """Exchange a code for the token of a device. Raises HubRefused for a code that is wrong."""
        return self._read(self._send("POST", f"{PATH}/pair", request), PairingAnswer)

    def unpair(self, request: UnpairRequest) -> None:
        """Tell the hub that the device has left. Can be repeated."""
        self._send("POST", f"{PATH}/unpair", request)

    def facts(self) -> HubFacts:
        """Return the hub's name, and the courses to which the owner can release."""
        return self._read(self._send("GET", f"{PATH}/hub"), HubFacts)

    def report(self, report: DeviceReport) -> None:
        """Tell the hub what this device has of its supplies. Can be repeated."""
        self._send("PUT", f"{SUPPLIES_PATH}/report", report)

    # -- sending --------------------------------------------------------------------------------

    def begin(self, manifest: ReleaseManifest) -> Begun:
        """Say what will be sent. Can be repeated: the answer says how far the hub is."""
        return self._read(self._send("PUT", _attempt(manifest.uuid), manifest), Begun)

    def append(self, uuid: UUID, name: str, offset: int, chunk: bytes) -> int:
        """Append to a file at `offset`, and return the offset after it.

        Raises OffsetMoved when the hub has another number of bytes, UploadGone.
        """
        return self._append(f"{_attempt(uuid)}/files/{name}", offset, chunk)

    def offset(self, uuid: UUID, name: str) -> int:
        """Return how many bytes of a file the hub has. Raises UploadGone."""
        return self._offset(f"{_attempt(uuid)}/files/{name}")

    def finish(self, uuid: UUID) -> None:
        """Let the hub verify and keep what was sent. Can be repeated."""
        self._send("POST", f"{_attempt(uuid)}/finish")

    def withdraw(self, uuid: UUID) -> Withdrawn:
        """End all releases of an attempt, and drop what was not complete. Can be repeated."""
        return self._read(self._send("DELETE", _attempt(uuid)), Withdrawn)

    def check(self, attempts: Sequence[UUID]) -> tuple[KnownAttempt, ...]:
        """Return what the hub knows of these attempts."""
        question = CheckRequest(attempts=tuple(attempts))
        return self._read(self._send("POST", f"{PATH}/check", question), CheckAnswer).attempts

    # -- sealed records of a station --------------------------------------------------------------

    def begin_record(self, facts: SealedFacts) -> Begun:
        """Say which sealed record will be sent. Can be repeated.

        The answer has its offset under the name `SEALED_NAME`.
        """
        return self._read(self._send("PUT", _record(facts.uuid), facts), Begun)

    def append_record(self, uuid: UUID, offset: int, chunk: bytes) -> int:
        """Append to a sealed record, and return the offset after it. Raises as `append`."""
        return self._append(_record(uuid), offset, chunk)

    def record_offset(self, uuid: UUID) -> int:
        """Return how many bytes of a sealed record the hub has. Raises UploadGone."""
        return self._offset(_record(uuid))

    def finish_record(self, uuid: UUID) -> None:
        """Let the hub open, verify and keep a sealed record. Can be repeated."""
        self._send("POST", f"{_record(uuid)}/finish")

    def check_records(self, attempts: Sequence[UUID]) -> tuple[KnownAttempt, ...]:
        """Return what the hub knows of the attempts of these sealed records."""
        question = CheckRequest(attempts=tuple(attempts))
        answer = self._send("POST", f"{STATION_PATH}/check", question)
        return self._read(answer, CheckAnswer).attempts

    # -- requests -------------------------------------------------------------------------------

    def _send(self, method: str, path: str, body: StrictModel | None = None) -> _ReadAnswer:
        content, headers = b"", {}
        if body is not None:
            content, headers = body.model_dump_json().encode(), {"Content-Type": "application/json"}
        answer = self._request(method, path, content, headers)
        self._check(answer)
        return answer

    def _append(self, path: str, offset: int, chunk: bytes) -> int:
        headers = {
            TUS_HEADER: TUS_VERSION,
            OFFSET_HEADER: str(offset),
            "Content-Type": CHUNK_TYPE,
        }
        answer = self._request("PATCH", path, chunk, headers)
        if answer.status == httpx.codes.CONFLICT and TUS_HEADER in answer.headers:
            raise OffsetMoved("the hub has another part of the file")
        self._check(answer)
        return _offset(answer)

    def _offset(self, path: str) -> int:
        answer = self._request("HEAD", path, headers={TUS_HEADER: TUS_VERSION})
        if answer.status in _GONE and TUS_HEADER in answer.headers:  # no sentence: HEAD has no body
            raise UploadGone("the hub has no part of the file")
        self._check(answer)
        return _offset(answer)

    def _request(
        self, method: str, path: str, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> _ReadAnswer:
        try:
            with self._client.stream(
                method, path, content=content or None, headers=dict(headers or {})
            ) as answer:
                return _ReadAnswer(answer.status_code, answer.headers, _read_at_most(answer))
        except httpx.HTTPError as error:
            if isinstance(error, httpx.TimeoutException):
                raise HubAway("the hub did not answer in time") from error
            said = trust.explained(error, self._url)
            raise HubAway(str(said)) from error
        except httpx.InvalidURL as error:
            raise HubRefused("this is not the address of a hub") from error

    def _check(self, answer: _ReadAnswer) -> None:
        """Raise the error that an answer stands for; return for a success."""
        status = answer.status
        if 200 <= status < 300:
            return
        said = _sentence(answer)
        if status == httpx.codes.UNAUTHORIZED:
            raise HubForgot(said or "the hub does not know this device any more")
        if status == httpx.codes.LOCKED and said:
            raise HubBusy(said)
        if status == CHECKSUM_MISMATCH and said:
            raise HashDiffers(said)
        if status in _AGAIN_LATER or status >= 500:
            raise HubAway(said or f"the hub answered {status}", _retry_after_s(answer))
        if not said or 300 <= status < 400:
            # Such as the page of a network that wants a sign-in: the hub itself says a sentence.
            raise HubAway("something else than the hub answered at its address")
        if status in _GONE:
            raise UploadGone(said)
        raise HubRefused(said)

    def _read(self, answer: _ReadAnswer, kind: type[_Kind]) -> _Kind:
        try:
            return kind.model_validate_json(answer.content)
        except ValidationError as error:
            raise HubAway("something else than the hub answered at its address") from error


def _attempt(uuid: UUID) -> str:
    return f"{PATH}/attempts/{uuid}"


def _record(uuid: UUID) -> str:
    return f"{STATION_PATH}/records/{uuid}"


def _read_at_most(answer: httpx.Response) -> bytes:
    """Return the body. Raises httpx.ReadError for one that does not end."""
    found = bytearray()
    for part in answer.iter_bytes():
        found += part
        if len(found) > _LARGEST_ANSWER:
            raise httpx.ReadError("the answer is too long")
    return bytes(found)


def _sentence(answer: _ReadAnswer) -> str:
    """Return the sentence of an error's answer; empty for an answer that is not of a hub."""
    try:
        said = from_json(answer.content)["message"]
    except (ValueError, KeyError, TypeError):
        return ""
    return one_line(said)[:_LONGEST_SENTENCE] if isinstance(said, str) else ""


def _offset(answer: _ReadAnswer) -> int:
    given = answer.headers.get(OFFSET_HEADER, "")
    if not given.isascii() or not given.isdigit() or len(given) > 15:
        raise HubAway("something else than the hub answered at its address")
    return int(given)


def _retry_after_s(answer: _ReadAnswer) -> float | None:
    """Return the seconds of a Retry-After header; None without one that can be read."""
    given = answer.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit() and len(given) < 8:
        return float(given)
    try:
        wanted, now = parsedate_to_datetime(given), parsedate_to_datetime(answer.headers["date"])
        return max(0.0, (wanted - now).total_seconds())
    except (ValueError, TypeError, KeyError):
        return None
