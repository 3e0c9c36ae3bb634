"""Download one URL to one file, and resume interrupted downloads."""

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
"""Consecutive attempts without new bytes before the download fails."""

PAUSE_S = 1.0
"""Seconds before the second attempt; doubled for each further one."""

Advance = Callable[[int], None]
"""Called with the number of bytes that arrived (negative when a download starts again)."""


class DamagedError(FetchError):
    """A file arrived completely but is not the published one; the local copy is useless."""


class Downloader:
    """Downloads over one pool of connections. Use as a context manager."""

    received_bytes = 0
    """Bytes received over the network so far."""

    def __init__(self, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._pause = pause
        self._client = httpx.Client(
            follow_redirects=True,
            timeout=httpx.Timeout(60.0, connect=20.0),
            verify=_trust(),
            # The bytes must arrive without compression, or a range request cannot continue them.
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
        """Download `url` to `target`, continuing the `*.partial` file of an earlier call.

        `target` appears only when it is complete and, if `sha256` is given, matches. Raises
        FetchError that names `what`; an OSError of the disk passes through.
        """
        partial = target.with_name(f"{target.name}.partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        advance(_size(partial))
        failures = 0
        while True:
            before = _size(partial)
            try:
                self._continue(url, partial, dict(headers or {}), what, advance)
                break
            except httpx.HTTPError as error:
                failures = 0 if _size(partial) > before else failures + 1
                if failures >= ATTEMPTS:
                    raise FetchError(
                        f"{what} could not be downloaded ({_reason(error)}); check the network "
                        "and run the same command again, which continues the download"
                    ) from error
                self._pause(PAUSE_S * 2 ** max(0, failures - 1))
        if sha256 is not None and sha256_of(partial) != sha256:
            partial.unlink()
            raise DamagedError(
                f"{what} was changed on the way (its SHA-256 is not the published one); "
                "run the same command again, or try another network"
            )
        partial.replace(target)

    def _continue(
        self, url: str, partial: Path, headers: dict[str, str], what: str, advance: Advance
    ) -> None:
        size = _size(partial)
        if size:
            headers["Range"] = f"bytes={size}-"
        with self._client.stream("GET", url, headers=headers) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and size:
                if response.headers.get("Content-Range") == f"bytes */{size}":
                    return  # already complete
                _restart(partial, size, advance)
                raise httpx.ReadError("the server does not continue this file")
            if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                response.raise_for_status()
            if response.status_code >= httpx.codes.BAD_REQUEST:
                raise FetchError(
                    f"{what} was refused (HTTP {response.status_code}); "
                    "check the configured index or hub and run the same command again"
                )
            continues = (
                response.status_code == httpx.codes.PARTIAL_CONTENT
                and response.headers.get("Content-Range", "").startswith(f"bytes {size}-")
            )
            if size and not continues:
                _restart(partial, size, advance)
            with partial.open("ab") as handle:
                for chunk in response.iter_raw():
                    handle.write(chunk)
                    self.received_bytes += len(chunk)
                    advance(len(chunk))


def _restart(partial: Path, size: int, advance: Advance) -> None:
    partial.write_bytes(b"")
    advance(-size)


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
    return "the connection was interrupted"


def _trust() -> ssl.SSLContext:
    # The system's certificates, for a lab's proxy, and certifi's, for a Python without any.
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
