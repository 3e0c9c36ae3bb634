"""Identifiers of attempts. They are folder names, so nothing else may pass for one."""

from __future__ import annotations

import re
import secrets
from datetime import datetime

from simvoice.errors import AttemptError

_SHAPE = re.compile(r"[0-9]{8}-[0-9]{6}-[a-z0-9]+(?:-[a-z0-9]+)*-[a-z0-9]{4}")
_LONGEST = 120
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without the pairs that are hard to tell apart when read aloud."""


def new_id(case_id: str, when: datetime) -> str:
    """An identifier such as `20261122-101530-breast-biopsy-k3f9`.

    when: the local wall-clock time of the start. Two attempts in the same second differ in the
    last four letters.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", case_id.lower()).strip("-")[:80].strip("-") or "case"
    tail = "".join(secrets.choice(_LETTERS) for _ in range(4))
    return f"{when:%Y%m%d-%H%M%S}-{slug}-{tail}"


def is_id(text: str) -> bool:
    """Whether `text` has the shape of an identifier (and so cannot leave the folder)."""
    return len(text) <= _LONGEST and _SHAPE.fullmatch(text) is not None


def check_id(text: str) -> str:
    """`text`, when it is an identifier. Raises AttemptError otherwise."""
    if not is_id(text):
        shown = text if len(text) <= 60 else text[:60] + "…"
        raise AttemptError(
            f"{shown!r} is not an attempt's id; run: simvoice attempts list, to see them"
        )
    return text
