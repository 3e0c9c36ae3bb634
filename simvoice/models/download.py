"""One URL to one file, resumable."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import certifi
import httpx

from simvoice import __version__
from simvoice.errors import FetchError
from simvoice.models.manifest import sha256_of

ATTEMPTS = 5
"""Attempts in a row that bring nothing new before giving up."""

PAUSE_S = 1.0
"""Seconds before the second attempt; doubled for each further one."""

Advance = Callable[[int], None]
"""Called with the bytes that arrived (negative when a download has to start again)."""


class DamagedError(FetchError):
    """Something arrived whole and is not what was published; what is kept of it is useless."""


class Downloader:
    """Downloads over one pool of connections. Use as a context manager."""

    received_bytes = 0
    """What came over the network so far."""

    def __init__(self, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._pause = pause
        self._client = httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(60.0, connect=20.0),
            verify=_trust(),
            # What arrives has to be the bytes themselves, or a range would not continue them.
            headers={"Accept-Encoding": "identity", "User-Agent": f"simvoice/{__version__}"},
        )

    def __enter__(self) -> Downloader:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def fetch(
        self,
        url: str,
        target: Path,
        *,
        what: str,
        sha256: str | None = None,
        headers: Mapping[str, str] | None = None,
        advance: Advance = lambda _: None,
    ) -> None:
        """Bring `url` to `target`, going on from what an earlier call left in `*.partial`.

        `target` appears only once whole and, when `sha256` is given, only when it matches.
        Raises FetchError naming `what`; an OSError of the disk passes through.
        """
        partial = target.with_name(f"{target.name}.partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        advance(_size(partial))
        fruitless = 0
        while True:
            before = _size(partial)
            try:
                self._continue(url, partial, dict(headers or {}), what, advance)
                break
            except httpx.HTTPError as error:
                fruitless = 0 if _size(partial) > before else fruitless + 1
                if fruitless >= ATTEMPTS:
                    raise FetchError(
                        f"{what} did not arrive ({_reason(error)}); "
                        "check the network and run the same command again, it goes on from here"
                    ) from error
                self._pause(PAUSE_S * 2 ** max(0, fruitless - 1))
        if sha256 is not None and sha256_of(partial) != sha256:
            partial.unlink()
            raise DamagedError(
                f"{what} arrived altered (its SHA-256 is not the published one); "
                "run the same command again, or try another network"
            )
        partial.replace(target)

    def _continue(
        self, url: str, partial: Path, headers: dict[str, str], what: str, advance: Advance
    ) -> None:
        have = _size(partial)
        if have:
            headers["Range"] = f"bytes={have}-"
        with self._client.stream("GET", url, headers=headers) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                if response.headers.get("Content-Range") == f"bytes */{have}":
                    return  # whole already: only the last step was missing
                _start_again(partial, have, advance)
                raise httpx.ReadError("the server lost the beginning")
            if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                response.raise_for_status()
            if response.status_code >= httpx.codes.BAD_REQUEST:
                raise FetchError(
                    f"{what} was refused (HTTP {response.status_code}); "
                    "check the index or hub that is configured and run the same command again"
                )
            goes_on = response.status_code == httpx.codes.PARTIAL_CONTENT and response.headers.get(
                "Content-Range", ""
            ).startswith(f"bytes {have}-")
            if have and not goes_on:
                _start_again(partial, have, advance)
            with partial.open("ab") as handle:
                for chunk in response.iter_raw():
                    handle.write(chunk)
                    self.received_bytes += len(chunk)
                    advance(len(chunk))


def _start_again(partial: Path, have: int, advance: Advance) -> None:
    partial.write_bytes(b"")
    advance(-have)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _reason(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    return "the connection broke off"


def _trust() -> ssl.SSLContext:
    # The system's certificates, as a lab's proxy needs; certifi's too, for a Python without any.
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
