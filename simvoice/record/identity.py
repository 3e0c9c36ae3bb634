"""The identity of an attempt: one UUID, the same on every machine that has a copy of its record.

The readable identifier (`20261122-101530-breast-biopsy-k3f9`) names a folder on one computer. Two
computers can make the same one; a hub that collects attempts of many needs more.
"""

from __future__ import annotations

import json
from uuid import UUID, uuid4, uuid5

from simvoice.record.events import Header

_OLDER_RECORDS = UUID("5b8f6f0e-6a36-4c0f-9d53-3f1f0f6d9f11")
"""The namespace of UUIDs that are derived. It never changes: an attempt would count as another."""


def new_uuid() -> UUID:
    """Return the UUID of an attempt that begins now."""
    return uuid4()


def attempt_uuid(header: Header) -> UUID:
    """Return the UUID of an attempt.

    A record of release 0.1 states none. Its UUID is derived (version 5, RFC 9562) from what its
    header says and no later version changes, so every copy of the record has the same.
    """
    if header.uuid is not None:
        return header.uuid
    known = [header.attempt, header.case_id, header.case_sha256, header.seed, header.machine]
    return uuid5(_OLDER_RECORDS, json.dumps(known, ensure_ascii=True))
