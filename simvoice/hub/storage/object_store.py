"""The store of recordings: a local folder, or a bucket of a store that speaks S3 (obstore).

An object is written once, under a key that no other write uses, and is never changed. A reader sees
it whole or not at all. Nothing here knows what an object holds.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import LocalStore, S3Store

from simvoice.errors import (
    ObjectsAway,
    RecordingLost,
    SettingError,
    SimvoiceError,
    StorageFull,
    StorageRefused,
)
from simvoice.record.files import sync_folder

_log = logging.getLogger(__name__)

CA_VARIABLE = "SIMVOICE_STORE_CA"
"""The environment variable that names a PEM file: the authority of a lab's own S3 server."""

_KEY = re.compile(r"[a-z0-9]+(?:/[a-z0-9][a-z0-9._-]*)+")
_PART_BYTES = 8 * 1024 * 1024
"""A larger file is sent in parts of this size, so that memory holds a few parts of it."""
_PARTS_AT_ONCE = 2
_CHUNK_BYTES = 1024 * 1024
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_METADATA_ENDPOINT",
)
"""Without one of these obstore would ask an address that only machines at Amazon have."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing shows it."""

    key: str
    size: int
    """Bytes."""
    modified_at: datetime


class ObjectStore:
    """Where the files of attempts are kept. All methods may be called from any thread."""

    def __init__(self, url: str) -> None:
        """url: a folder, or `s3://bucket/prefix`. Connects to nothing yet.

        For S3 the usual variables of the environment apply: AWS_ACCESS_KEY_ID,
        AWS_SECRET_ACCESS_KEY, AWS_REGION, and AWS_ENDPOINT_URL for a server other than Amazon's.
        Raises SettingError for what cannot be used.
        """
        self._root: Path | None = None
        self._opened: LocalStore | S3Store | None = None
        if url.startswith("s3://"):
            self.description = f"the store {url.rstrip('/')}"
            self._opened = _bucket(url)
        elif "://" in url or not url:
            raise SettingError(
                f"the store {url[:60]!r} cannot be used; give a folder or s3://bucket/prefix"
            )
        else:
            self._root = Path(os.path.abspath(url))
            self.description = f"the store {self._root}"

    @property
    def folder(self) -> Path | None:
        """The folder of a local store; None for S3."""
        return self._root

    @property
    def _store(self) -> LocalStore | S3Store:
        if self._opened is None:
            assert self._root is not None
            # Not made here: a folder that is missing may be on a disk that is not mounted.
            if not self._root.is_dir():
                raise ObjectsAway(f"{self.description} is not there; is its disk mounted?")
            self._opened = LocalStore(self._root, automatic_cleanup=True)
        elif self._root is not None and not self._root.is_dir():
            raise ObjectsAway(f"{self.description} is not there; is its disk mounted?")
        return self._opened

    def make(self) -> None:
        """Make the folder of a local store if it is missing. Raises StorageRefused."""
        if self._root is None:
            return
        try:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StorageRefused(
                f"{self.description} cannot be made ({error.strerror}); check its permissions"
            ) from error

    def probe(self) -> None:
        """Write, read and remove an object. Also removes what a killed process left half written.

        Raises SettingError for a bucket, key or right that is missing, StorageRefused for a folder
        that cannot be written, StorageFull, and ObjectsAway.
        """
        self._remove_half_written()
        key = f"probe/{secrets.token_hex(8)}"
        try:
            obstore.put(self._store, key, b"simvoice", use_multipart=False)
            found = bytes(obstore.get(self._store, key).bytes())
            obstore.delete(self._store, [key])
        except FileNotFoundError as error:
            raise SettingError(
                f"{self.description} cannot be used: {_first_line(error)}"
            ) from error
        except (PermissionDeniedError, UnauthenticatedError) as error:
            if self._root is not None:
                self._raise(error, "be written")
            raise SettingError(
                f"{self.description} refuses this hub ({_first_line(error)}); check its access key "
                "and that it may write, read, list and delete"
            ) from error
        except (BaseError, OSError, ValueError) as error:
            self._raise(error, "be written")
        if found != b"simvoice":
            raise SettingError(f"{self.description} gives back something else than it was given")

    # -- objects --------------------------------------------------------------------------------

    def put(self, key: str, file: Path) -> None:
        """Store a file. When this returns, it survives a power cut.

        Raises StorageFull, StorageRefused or ObjectsAway. No part of it can be seen then.
        """
        _check(key)
        try:
            size = file.stat().st_size
            obstore.put(
                self._store,
                key,
                file,
                use_multipart=size > _PART_BYTES,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )
            self._sync(key)
            kept = obstore.head(self._store, key)["size"]
        except (BaseError, OSError, ValueError) as error:
            self._raise(error, "keep a recording")
        if kept != size:
            self.remove([key])
            raise ObjectsAway(
                f"{self.description} kept {kept} of {size} bytes of a file; try again"
            )

    def get(self, key: str, file: Path) -> None:
        """Write an object into a new file that only its owner can read.

        Raises RecordingLost when the store does not have it, ObjectsAway, and StorageFull or
        SimvoiceError for the file.
        """
        _check(key)
        try:
            stream = obstore.get(self._store, key).stream(min_chunk_size=_CHUNK_BYTES)
            fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "wb") as out:
                for chunk in stream:
                    out.write(chunk)
        except FileNotFoundError as error:
            raise RecordingLost(f"{self.description} does not have {key}") from error
        except (BaseError, OSError, ValueError) as error:
            self._raise(error, "give a recording")

    def listed(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield all objects, or those below a prefix such as "attempts/". Raises ObjectsAway."""
        if prefix:
            _check(prefix.rstrip("/") + "/x")
        try:
            for batch in obstore.list(self._store, prefix=prefix or None):
                for found in batch:
                    yield StoredObject(found["path"], found["size"], found["last_modified"])
        except (BaseError, OSError, ValueError) as error:
            self._raise(error, "be listed")

    def remove(self, keys: Iterable[str]) -> None:
        """Remove objects; those that are not there do not count. Raises ObjectsAway."""
        for key in keys:
            _check(key)
            try:
                obstore.delete(self._store, [key])
            except FileNotFoundError:
                continue
            except (BaseError, OSError, ValueError) as error:
                self._raise(error, "remove a recording")

    # -- a local folder -------------------------------------------------------------------------

    def _sync(self, key: str) -> None:
        """Make a new object and the names of its folders survive a power cut."""
        if self._root is None:
            return  # S3 answers when it has done so
        path = self._root / key
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fchmod(fd, 0o600)
            os.fsync(fd)
        finally:
            os.close(fd)
        for folder in path.parents:
            sync_folder(folder)
            if folder == self._root:
                return

    def _remove_half_written(self) -> None:
        """Remove files that a killed process was writing: obstore names them `key#number`."""
        if self._root is None:
            return  # S3 shows no parts; the bucket's own rule has to remove them
        for path in self._root.rglob("*#*"):
            if path.name.rpartition("#")[2].isdigit():
                with suppress(OSError):
                    path.unlink()

    # -- errors ---------------------------------------------------------------------------------

    def _raise(self, error: Exception, what: str) -> NoReturn:
        """Raise what a failed operation means to the hub. what: what the store cannot do."""
        if isinstance(error, SimvoiceError):
            raise error
        said = str(error)
        if "os error 28" in said or "os error 122" in said or _is_full(error):
            raise StorageFull(
                f"the disk of {self.description} is full; free some space and try again"
            ) from error
        if self._root is not None and isinstance(error, PermissionDeniedError | PermissionError):
            raise StorageRefused(
                f"{self.description} cannot {what}; check the permissions of its folder"
            ) from error
        _log.warning("%s cannot %s: %s", self.description, what, _first_line(error))
        raise ObjectsAway(
            f"{self.description} cannot {what} now ({_first_line(error)}); nothing is lost, try "
            "again in a moment"
        ) from error


def _is_full(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in (28, 122)


def _first_line(error: Exception) -> str:
    """Return what an error says to people: obstore adds its own structure below."""
    code = re.search(r"<Code>(\w+)</Code>", str(error))
    if code is not None:
        return f"it answers {code[1]}"
    line = str(error).split("\n")[0]
    if "error sending request" in line:
        return "it does not answer"
    return line[:160].rstrip(". ") or type(error).__name__


def _check(key: str) -> None:
    """Refuse what is no key of ours, before it becomes a path."""
    if len(key) > 300 or _KEY.fullmatch(key) is None:
        raise ValueError(f"{key[:60]!r} is not the key of an object")


# -- S3 -------------------------------------------------------------------------------------------


def _bucket(url: str) -> S3Store:
    parts = urlsplit(url)
    prefix = parts.path.strip("/")
    if not parts.hostname or parts.port or parts.username or parts.query or parts.fragment:
        raise SettingError(f"the store {url[:60]!r} cannot be used; write s3://bucket/prefix")
    if not any(os.environ.get(name) for name in _CREDENTIALS):
        raise SettingError(
            f"the store {url[:60]} needs an access key; set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY"
        )
    config: dict[str, Any] = {}
    if not os.environ.get("AWS_CHECKSUM_ALGORITHM"):
        config["checksum_algorithm"] = "SHA256"  # the server compares what arrives with it
    client: dict[str, Any] = {"connect_timeout": "3s", "read_timeout": "20s", "timeout": "10m"}
    if (endpoint := _endpoint()).startswith("http://"):
        is_asked_for = os.environ.get("AWS_ALLOW_HTTP", "").lower() in {"1", "true", "yes"}
        if not (is_asked_for or _is_loopback(endpoint)):
            raise SettingError(
                f"{endpoint} would send recordings in the clear; use https://, or set "
                "AWS_ALLOW_HTTP=true in a network that nobody else can read"
            )
        client["allow_http"] = True
    if authority := os.environ.get(CA_VARIABLE):
        client["root_certificate"] = _read_authority(Path(authority))
    try:
        return S3Store(
            parts.hostname,
            prefix=prefix or None,
            config=config,  # type: ignore[arg-type]
            client_options=client,  # type: ignore[arg-type]
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=8)},
        )
    except (BaseError, ValueError) as error:
        raise SettingError(f"the store {url[:60]} cannot be used: {_first_line(error)}") from error


def _endpoint() -> str:
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read_authority(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingError(
            f"the certificate {file} ({CA_VARIABLE}) cannot be read ({error.strerror})"
        ) from error
