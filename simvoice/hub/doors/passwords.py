"""Hash and check passwords with Argon2id."""

from __future__ import annotations

import threading
import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from simvoice.errors import UsageError

LEAST = 10
"""Characters of the shortest password. Source: NIST SP 800-63B asks for 8 or more."""
MOST = 500
"""Characters of the longest password: whole sentences are welcome, megabytes are not."""

_AT_ONCE = 4
"""Hashes that are computed at the same time: each takes 64 MB, and a flood must not fill memory."""


class Passwords:
    """Hashes and verifies. Thread-safe."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        """hasher: default argon2-cffi's, which follows RFC 9106 for 64 MB of memory."""
        self._hasher = hasher or PasswordHasher()
        self._turn = threading.BoundedSemaphore(_AT_ONCE)
        made = self._hasher
        self._nobody = _nobody_hash(made.time_cost, made.memory_cost, made.parallelism)

    def hash(self, password: str) -> str:
        """Return the hash to store."""
        with self._turn:
            return self._hasher.hash(_normal(password))

    def verify(self, stored: str | None, password: str) -> bool:
        """Return True when the password is the one of a stored hash.

        stored: None for an account that does not exist or has no password: this takes as long as
        a wrong password, so that the time does not tell which accounts exist.
        """
        with self._turn:
            try:
                self._hasher.verify(stored or self._nobody, _normal(password)[:MOST])
            except (VerifyMismatchError, VerificationError, InvalidHashError):
                return False
        return stored is not None and len(password) <= MOST

    def is_old(self, stored: str) -> bool:
        """Return True when a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)


@cache
def _nobody_hash(time_cost: int, memory_cost: int, parallelism: int) -> str:
    """Return the hash of a password that belongs to no account."""
    hasher = PasswordHasher(time_cost, memory_cost, parallelism)
    return hasher.hash("a password that belongs to no account")


def _normal(password: str) -> str:
    """Return one form for all ways to type the same characters. Source: NIST SP 800-63B."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode("utf-8")


def check_new(password: str, *parts: str) -> None:
    """Raise UsageError, with a sentence, for a password that is too weak to be used.

    parts: the person's login and name, which a password must not consist of.
    """
    if len(_normal(password)) < LEAST:
        raise UsageError(f"Give a password of at least {LEAST} characters. Several words are good.")
    if len(password) > MOST:
        raise UsageError(f"Give a password of at most {MOST} characters.")
    rest = _normal(password).casefold()
    if len(set(rest)) < 5:
        raise UsageError("Give a password with more different characters.")
    for part in (
        *parts,
        "simvoice",
        "password",
        "passwort",
        "qwertyuiop",
        "1234567890",
        "12345678",
    ):
        rest = rest.replace(part.casefold(), "") if len(part) > 2 else rest
    if len(rest) < 4:
        raise UsageError("Give a password that is not made of your name or of a common password.")
