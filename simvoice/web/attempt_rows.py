"""The list of attempts on the first page: retries and later parts are folded into the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simvoice.record.store import AttemptSummary


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt with what belongs to it."""

    first: AttemptSummary
    later: tuple[AttemptSummary, ...]
    """Its retries, and the parts in which it went on; the oldest first."""


def attempt_rows(listed: Sequence[AttemptSummary]) -> list[AttemptRow]:
    """Return the rows of a list. listed: the newest first; so are the rows, by their newest."""
    by_id = {each.id: each for each in listed}
    rows: dict[str, list[AttemptSummary]] = {}
    for each in listed:
        first, seen = each, {each.id}
        while (before := by_id.get(first.again_of or first.continues)) and before.id not in seen:
            first = before
            seen.add(first.id)
        rows.setdefault(first.id, []).append(each)
    return [
        AttemptRow(by_id[key], tuple(each for each in reversed(found) if each.id != key))
        for key, found in rows.items()
    ]
