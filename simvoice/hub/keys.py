"""The hub's secret key, from which a key for each purpose is derived."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from simvoice.errors import StorageRefused

_FILE = "secret.key"
_BYTES = 32


class Keys:
    """One secret of 32 bytes. It signs and hashes; it encrypts nothing that is kept."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _BYTES:
            raise ValueError("the secret is too short")
        self._secret = secret

    def sign(self, purpose: str, text: str) -> str:
        """Return the keyed hash of a text, in hex [64]. Two purposes have nothing in common."""
        key = hmac.digest(self._secret, purpose.encode(), hashlib.sha256)
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def has_keys(folder: Path) -> bool:
    """Return whether a hub was started with this data folder: its first start makes its key."""
    return (folder / _FILE).exists()


def load_keys(folder: Path) -> Keys:
    """Return the keys of a data folder; the first time, make them. Only the owner can read them.

    Raises StorageRefused when the file cannot be read or written, or is damaged.
    """
    file = folder / _FILE
    try:
        if not file.exists():
            partial = file.with_suffix(f".{secrets.token_hex(4)}")
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as opened:
                opened.write(secrets.token_hex(_BYTES))
                opened.flush()
                os.fsync(opened.fileno())
            try:
                os.link(partial, file)  # of two processes that start together, one is first
            except FileExistsError:
                pass
            finally:
                partial.unlink()
        return Keys(bytes.fromhex(file.read_text(encoding="ascii").strip()))
    except ValueError as error:
        raise StorageRefused(
            f"{file} is damaged; restore it from a backup, or move it away: then everyone signs in "
            "again and codes that were given out are void"
        ) from error
    except OSError as error:
        raise StorageRefused(f"{file} cannot be used ({error.strerror})") from error
