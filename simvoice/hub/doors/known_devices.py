"""Browsers that have signed in before, so that an attack from elsewhere does not lock them out.

The cookie holds signed entries: a random value, and a signature over it and the person. It lets
nobody in; it only gives the browser a count of its own (`throttle`).
"""

from __future__ import annotations

import hmac
import secrets
from uuid import UUID

from simvoice.hub.keys import Keys

_MOST = 8
"""People who share one browser of a lab and are remembered in it."""

_LONGEST = 2048


def _signature(keys: Keys, person_id: UUID, value: str) -> str:
    return keys.sign("known device", f"{person_id} {value}")[:32]


def find(keys: Keys, cookie: str | None, person_id: UUID) -> str | None:
    """Return the value of a browser at which this person has signed in before; else None."""
    for entry in (cookie or "")[:_LONGEST].split("~")[:_MOST]:
        value, _, signature = entry.partition(".")
        expected = _signature(keys, person_id, value)
        if value and hmac.compare_digest(signature.encode("utf-8", "replace"), expected.encode()):
            return value
    return None


def add(keys: Keys, cookie: str | None, person_id: UUID) -> str:
    """Return the cookie of a browser at which this person signs in."""
    if find(keys, cookie, person_id) is not None:
        assert cookie is not None
        return cookie
    value = secrets.token_hex(12)
    entries = [f"{value}.{_signature(keys, person_id, value)}"]
    entries += [one for one in (cookie or "")[:_LONGEST].split("~") if one.isascii() and one]
    return "~".join(entries[:_MOST])
