"""Encryption with age (https://age-encryption.org): keys and streams. The only user of pyrage.

A recipient ("age1…") can be known to everyone; what is encrypted for it needs its identity (the
secret key) to be read again. Both ways are streams: memory does not grow with a file.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyrage  # type: ignore[import-untyped]

from simvoice.errors import RecordingLost, SettingError, SimvoiceError, StorageRefused

SECRET_BEGINS = "AGE-SECRET-KEY-1"

_LARGEST_FILE = 100_000


class Readable(Protocol):
    """Where bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to so many bytes; none at the end."""


class Writable(Protocol):
    """Where bytes are written to."""

    def write(self, data: Any, /) -> int:
        """Write all of them and return how many."""

    def flush(self) -> Any:
        """Let nothing wait."""


class NoKeyFits(RecordingLost):
    """None of the identities can read what was encrypted."""


class Altered(RecordingLost):
    """What was encrypted is not as it was: bytes are other ones, or missing."""


# -- keys ---------------------------------------------------------------------------------------


def make_identity(file: Path) -> str:
    """Write a new identity into a new file that only its owner can read; return its recipient.

    Raises FileExistsError and other errors of the operating system. The file survives a power cut.
    """
    identity = pyrage.x25519.Identity.generate()
    recipient = str(identity.to_public())
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as out:
        out.write(f"# public key: {recipient}\n{identity}\n")
        out.flush()
        os.fsync(fd)
    return recipient


def make_key(file: Path) -> str:
    """Write a new secret key into a new file, and return its public key for `recipients`.

    Raises StorageRefused when the file exists or cannot be written. Keep a copy of the file away
    from the hub: without it nobody can read the recordings again.
    """
    try:
        return make_identity(file)
    except FileExistsError as error:
        raise StorageRefused(
            f"{file} exists, and a key that is overwritten is lost; give another name"
        ) from error
    except OSError as error:
        raise StorageRefused(f"{file} cannot be written ({error.strerror})") from error


def read_recipient(text: str) -> Any:
    """Return the recipient in a text ("age1…"). Raises SettingError for anything else."""
    if text.startswith(SECRET_BEGINS):
        raise SettingError(
            "a secret key stands among the recipients of the encryption; anybody who reads the "
            "settings has it: make a new key and write its public one (age1…) there"
        )
    try:
        return pyrage.x25519.Recipient.from_str(text.strip())
    except (pyrage.RecipientError, ValueError) as error:
        raise SettingError(
            f"{text[:20]!r} is not the public key of age; it begins with age1 and is what "
            "`simvoice hub key FILE` prints"
        ) from error


def recipient_of(identity: Any) -> str:
    """Return the recipient of an identity, as text."""
    return str(identity.to_public())


def read_identities(file: Path) -> Sequence[Any]:
    """Return the secret keys in a file, one a line, in their order.

    Raises SettingError when it is missing or damaged, or when others can read it.
    """
    try:
        status = file.stat()
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SettingError(
                f"{file} holds secret keys and others can read it; run: chmod 600 {file}"
            )
        text = file.read_bytes()[:_LARGEST_FILE].decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingError(f"the file of secret keys {file} cannot be read ({why})") from error
    lines = [line.strip() for line in text.splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    try:
        found = [pyrage.x25519.Identity.from_str(key) for key in keys]
    except (pyrage.IdentityError, ValueError) as error:
        raise SettingError(
            f"{file} has a line that is no secret key of age ({SECRET_BEGINS}…); restore it from "
            "its copy"
        ) from error
    if not found:
        raise SettingError(f"{file} has no secret key of age in it; restore it from its copy")
    return found


# -- streams ------------------------------------------------------------------------------------


class _Watched:
    """A stream that keeps its first error, and does nothing after it.

    pyrage passes on only the text of some errors, and writes again what it could not write.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.error: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        found: bytes = self._do(self._stream.read, size)
        return found

    def write(self, data: bytes) -> int:
        done: int = self._do(self._stream.write, data)
        return done

    def flush(self) -> None:
        self._do(self._stream.flush)

    def _do(self, work: Callable[..., Any], *given: object) -> Any:
        if self.error is not None:
            raise self.error
        try:
            return work(*given)
        except Exception as error:
            self.error = error
            raise


def encrypt_stream(given: Readable, out: Writable, recipients: Sequence[Any]) -> None:
    """Encrypt everything that can be read from `given`. Raises what the two streams raise."""
    source, sink = _Watched(given), _Watched(out)
    try:
        pyrage.encrypt_io(source, sink, recipients)
    except Exception as error:
        found = source.error or sink.error
        if found is not None and found is not error:
            raise found from error
        if isinstance(error, pyrage.EncryptError):
            raise SimvoiceError(f"encrypting failed ({error}); report it as a fault") from error
        raise


def decrypt_stream(given: Readable, out: Writable, identities: Sequence[Any]) -> None:
    """Decrypt what can be read from `given`. What is written is authentic, up to an error.

    Raises NoKeyFits, Altered, and what the two streams raise.
    """
    source, sink = _Watched(given), _Watched(out)
    try:
        pyrage.decrypt_io(source, sink, identities)
    except Exception as error:
        found = source.error or sink.error
        if found is not None:
            if found is error:
                raise
            raise found from error
        if isinstance(error, pyrage.DecryptError) and re.search("No matching keys", str(error)):
            raise NoKeyFits("none of the keys fits what was encrypted") from error
        if isinstance(error, pyrage.DecryptError | OSError):
            raise Altered("what was encrypted was altered") from error
        raise
