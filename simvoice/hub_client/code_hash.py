"""Codes as people type them, and the hash by which a station knows one without its hub.

A code is 12 characters of an alphabet without look-alikes (52 bits). Neither the hub nor a station
stores its text. The hub finds a code by a hash under its secret key (`hub.codes`). A station has no
such key: it gets `code_hash` of each code with the salt of its roster.
"""

from __future__ import annotations

import hashlib
from typing import Final

ALPHABET: Final = "CDFHJKMNPRTVWXY34679"
"""No vowels, which would make words, and at most one of those that look alike: 6 and G, U and V."""
LENGTH: Final = 12

SALT_BYTES: Final = 16

_GROUP: Final = 4
_LONGEST_TYPED: Final = 100
"""What is longer is no code with spaces in it; the rest is not looked at."""

_SCRYPT_N: Final = 2**12
_SCRYPT_R: Final = 8
"""4 MB and about 10 ms for a hash. Whoever copies a roster from a station's disk and tries all 2^52
codes needs a million years of a core; a learner who types one waits for one hash."""


def normal(given: str) -> str:
    """Return a typed code in one form: upper case, without spaces and dashes; empty if impossible.

    An impossible code has another length, or a character that no code has.
    """
    typed = "".join(given[:_LONGEST_TYPED].split()).replace("-", "").upper()
    is_possible = len(typed) == LENGTH and all(letter in ALPHABET for letter in typed)
    return typed if is_possible else ""


def shown(typed: str) -> str:
    """Return a code in groups of four: "CDFH-JKMN-PRTV"."""
    groups = [typed[at : at + _GROUP] for at in range(0, len(typed), _GROUP)]
    return "-".join(groups)


def code_hash(text: str, salt: str) -> str:
    """Return the hash of a code as a roster has it, in hex [64].

    text: as typed. salt: `SALT_BYTES` bytes in hex, the same for all codes of a hub. Raises
    ValueError for a text that is no code; ask `normal` first.
    """
    typed = normal(text)
    if not typed:
        raise ValueError("this text is no code")
    return hashlib.scrypt(
        typed.encode("ascii"),
        salt=bytes.fromhex(salt),
        n=_SCRYPT_N,
        r=_SCRYPT_R,
        p=1,
        dklen=32,
    ).hex()
