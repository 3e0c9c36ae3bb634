"""Encryption of recordings at rest, with age (https://age-encryption.org, pyrage). An option.

The hub encrypts for its recipients and needs one of their identities to read again. Without the
identity file the store is of no use: a stolen disk or a bucket of someone else's shows sizes and
times alone. What the hub opens for a page is decrypted in its private cache folder meanwhile.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simvoice.errors import RecordingLost, SettingError
from simvoice.record.files import storage_error
from simvoice.release.age import (
    Altered,
    NoKeyFits,
    decrypt_stream,
    encrypt_stream,
    read_identities,
    read_recipient,
    recipient_of,
)
from simvoice.strict_model import StrictModel

SUFFIX = ".age"
"""Ends the key of each object that is encrypted, so that a store can have both."""


class EncryptionSettings(StrictModel):
    """How the hub encrypts what it keeps. Without recipients it does not."""

    recipients: tuple[str, ...] = ()
    """Public keys ("age1…"). Each can read what is stored from then on: that of the hub, and one
    whose identity is locked away for the day on which the hub's is lost."""
    identities: Path | None = None
    """The file of the hub's secret keys, one a line. After a change of keys it holds the old ones
    too: what was stored before stays encrypted for them."""


class Encryption:
    """Encrypts and decrypts files. Thread-safe."""

    def __init__(self, settings: EncryptionSettings) -> None:
        """Read the keys. Raises SettingError when a key is missing, damaged or does not fit."""
        self._recipients = [read_recipient(text) for text in settings.recipients]
        self._identities: Sequence[Any] = ()
        if settings.identities is not None:
            self._identities = read_identities(settings.identities)
        if not self._recipients:
            return
        if not self._identities:
            raise SettingError(
                "encryption needs the file of the secret keys; name it with `identities`, or make "
                "one: simvoice hub key FILE"
            )
        ours = {recipient_of(identity) for identity in self._identities}
        if not ours & set(settings.recipients):
            raise SettingError(
                f"none of the keys in {settings.identities} can read what would be encrypted for "
                f"{settings.recipients[0][:20]}…; add the recipient of this file, "
                f"{min(ours)}, or give the right file"
            )

    @property
    def is_on(self) -> bool:
        """Whether new objects are encrypted."""
        return bool(self._recipients)

    def seal(self, data: bytes) -> bytes:
        """Return bytes, encrypted."""
        out = io.BytesIO()
        encrypt_stream(io.BytesIO(data), out, self._recipients)
        return out.getvalue()

    def unseal(self, sealed: bytes) -> bytes:
        """Return what was sealed. Raises RecordingLost when no key fits or it was altered."""
        out = io.BytesIO()
        decrypt_stream(io.BytesIO(sealed), out, self._identities)
        return out.getvalue()

    def encrypt(self, source: Path, target: Path) -> None:
        """Write an encrypted copy of a file. target: a new file.

        Raises StorageFull or SimvoiceError.
        """
        try:
            with source.open("rb") as given, _new_file(target) as out:
                encrypt_stream(given, out, self._recipients)
        except OSError as error:
            raise storage_error(error, "encrypting a recording") from error

    def decrypt(self, source: Path, target: Path) -> None:
        """Write a decrypted copy of a file. target: a new file.

        Raises RecordingLost when no key fits or the file was altered, StorageFull, SimvoiceError.
        """
        if not self._identities:
            raise RecordingLost(
                "the recording is encrypted and this hub has no key; name the file of its secret "
                "keys with `identities`"
            )
        try:
            with source.open("rb") as given, _new_file(target) as out:
                decrypt_stream(given, out, self._identities)
        except NoKeyFits as error:
            target.unlink(missing_ok=True)
            raise RecordingLost(
                "the recording cannot be decrypted: none of this hub's keys fits; add the older "
                "key to the file of secret keys"
            ) from error
        except Altered as error:
            target.unlink(missing_ok=True)
            raise RecordingLost(
                "the recording cannot be decrypted: it was altered; restore it from a backup of "
                "the store"
            ) from error
        except OSError as error:
            target.unlink(missing_ok=True)
            raise storage_error(error, "decrypting a recording") from error


def _new_file(path: Path) -> Any:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
