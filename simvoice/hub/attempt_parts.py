"""Parts of one attempt: a record that was cut off, and the records in which it went on.

Each part has a recording and a debrief of its own. Lists, counts and exports take them as one
attempt. Functions with a session work in its transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, aliased

from simvoice.hub.storage.tables import StoredAttempt
from simvoice.record.endings import end_words

_PROGRAM_ENDED: Final = frozenset({"stopped", "fault", ""})
"""Reasons of an end (`record.events.Ended.reason`) after which the program starts again."""


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of an attempt a record is."""

    number: int
    """1 for the first one."""
    siblings: tuple[StoredAttempt, ...]
    """All parts that are here, in order, this one too."""
    whole: UUID
    """Names the attempt as a whole: the UUID of its first part."""
    interrupted: str = ""
    """How this part was interrupted; empty for the last one."""
    is_begun_elsewhere: bool = False
    """The first part is not here: not yet, or it was erased."""

    @property
    def count(self) -> int:
        """How many parts are here."""
        return len(self.siblings)

    @property
    def words(self) -> str:
        """It in words: "part 1 of 2, interrupted by a restart"."""
        said = f"part {self.number} of {self.count}" if self.count > 1 else "last part"
        if self.interrupted:
            said += f", interrupted {self.interrupted}"
        return f"{said}; the beginning is not here" if self.is_begun_elsewhere else said


def parts_of(session: Session, attempts: Iterable[StoredAttempt]) -> dict[UUID, Part]:
    """Return which part each of these attempts is; nothing for one that is whole."""
    wanted = {each.id: each for each in attempts}
    known = _with_siblings(session, wanted)
    later: dict[UUID, list[StoredAttempt]] = {}
    for each in known.values():
        if each.continues is not None:
            later.setdefault(each.continues, []).append(each)
    found: dict[UUID, Part] = {}
    for first in known.values():
        if first.continues is None or not _same_learner(first, known.get(first.continues)):
            found |= _chain(first, later)
    return {each: found[each] for each in wanted if each in found}


def _with_siblings(
    session: Session, attempts: dict[UUID, StoredAttempt]
) -> dict[UUID, StoredAttempt]:
    """Return attempts with all that they go on from, and all that goes on from them."""
    known, new = dict(attempts), dict(attempts)
    while new:
        before = {each.continues for each in new.values() if each.continues is not None}
        asked = or_(StoredAttempt.id.in_(before), StoredAttempt.continues.in_(new))
        rows = session.scalars(select(StoredAttempt).where(asked))
        new = {each.id: each for each in rows if each.id not in known}
        known |= new
    return known


def _chain(first: StoredAttempt, later: dict[UUID, list[StoredAttempt]]) -> dict[UUID, Part]:
    chain = list(_follow(first, later))
    if len(chain) == 1 and first.continues is None:
        return {}
    return {
        each.id: Part(
            number=number,
            siblings=tuple(chain),
            whole=first.continues or first.id,
            interrupted=_interrupted(each.reason) if number < len(chain) else "",
            is_begun_elsewhere=first.continues is not None,
        )
        for number, each in enumerate(chain, 1)
    }


def _follow(
    first: StoredAttempt, later: dict[UUID, list[StoredAttempt]]
) -> Iterator[StoredAttempt]:
    """Yield an attempt and what goes on from it; each once, whatever a device has sent."""
    seen, waiting = {first.id}, [first]
    while waiting:
        each = waiting.pop()
        yield each
        after = [
            one for one in later.get(each.id, ()) if one.id not in seen and _same_learner(one, each)
        ]
        seen.update(one.id for one in after)
        waiting += sorted(after, key=lambda one: (one.started_at, one.id), reverse=True)


def _same_learner(one: StoredAttempt, other: StoredAttempt | None) -> bool:
    return other is not None and (one.owner_id, one.code_id) == (other.owner_id, other.code_id)


def begins_attempt() -> ColumnElement[bool]:
    """Return the condition that leaves out records that go on from one of the same learner.

    With it, parts of one attempt count once.
    """
    earlier = aliased(StoredAttempt)
    known = select(earlier.id).where(
        and_(
            earlier.id == StoredAttempt.continues,
            earlier.owner_id.is_not_distinct_from(StoredAttempt.owner_id),
            earlier.code_id.is_not_distinct_from(StoredAttempt.code_id),
        )
    )
    return ~known.exists()


def _interrupted(reason: str) -> str:
    words = end_words(reason)
    if words.is_cut_short and reason not in _PROGRAM_ENDED:
        return f"when {words.clause}"
    return "by a restart"
