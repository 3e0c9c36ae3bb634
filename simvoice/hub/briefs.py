"""Briefs: what a page of many attempts needs of each, in one row of the database.

A page of a cohort or of a learner's progress opens no record. A brief takes a second of a core, so
`fill` makes a few at a time: the hub once a minute, and a page that misses some. It is made again
when simvoice or its rules have changed, and when more of the attempt has arrived. It goes with its
attempt.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from typing import Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import ColumnElement, Text, and_, cast, select
from sqlalchemy.orm import Session

from simvoice.debrief.build import build_debrief
from simvoice.debrief.model import Debrief, ItemResult
from simvoice.errors import AttemptError, SimvoiceError, StorageAway
from simvoice.hub import attempts
from simvoice.hub.storage.tables import AttemptBrief, StoredAttempt
from simvoice.hub.storage.upsert import put
from simvoice.progress.brief import Brief, build_brief
from simvoice.progress.brief_store import code_fingerprint
from simvoice.reading.reading import read
from simvoice.record.events import Header
from simvoice.record.store import Attempt
from simvoice.release.contents import Contents
from simvoice.release.numbers import ReleasedNumbers, load_numbers, numbers_of
from simvoice.rounding import Seconds
from simvoice.scoring.instruments.instrument import CRITICAL
from simvoice.scoring.metrics.definitions import followed
from simvoice.strict_model import StrictModel

_log = logging.getLogger(__name__)

_FORMAT = 2
"""Increase it whenever the fields of `Figures`, or what they count, change."""

_working = threading.Lock()
"""Only one brief is made at a time: it takes 1 s of a core, and encounters may be running."""

_RETRY_S = 3600.0
"""After so long, an attempt that could not be read is tried again: its store may be repaired."""
_unreadable: dict[UUID, float] = {}
"""Since when an attempt cannot be read, in seconds of the monotonic clock."""


class FigureTally(StrictModel):
    """How many items of one heading or instrument had each outcome."""

    met: int
    not_met: int
    not_judged: int


FigureOutcome = Literal["met", "not met", "open", "not judged", "counted"]


class OwnItem(StrictModel):
    """An item that only the case has."""

    id: str
    text: str


class Figures(StrictModel):
    """What a cohort needs of one attempt. No word that anyone said is in it.

    It is flat and small, because a page reads hundreds.
    """

    case_sha256: str
    """Version of the case; figures of two versions are not put together."""
    visit: tuple[str, ...]
    """Kinds of visit, for norms (`scoring.metrics.norms`)."""
    part: Literal["", "retry", "drill", "continued"]
    """Why it is no whole encounter; empty when it is one."""
    continues: UUID | None = None
    """The attempt that was cut off and goes on here."""
    duration_s: Seconds
    learner_turns: int
    numbers: dict[str, float]
    """By key, in the unit of the registry; metrics without a value are missing."""
    lists: dict[str, FigureTally]
    """By the id of the heading or instrument."""
    items: dict[str, FigureOutcome] | None
    """By the id of the item, as the machine judged it; None when words are missing here. Shown only
    to whom words are released."""
    counts: dict[str, float] = Field(default_factory=dict)
    """The number of each item whose outcome is "counted"."""
    moments: dict[str, float] = Field(default_factory=dict)
    """Session second of the first evidence of each item that has any."""
    own_items: tuple[OwnItem, ...] = ()
    """The critical items of the case, in words of its author."""


class MadeBrief(StrictModel):
    """Both parts of a brief."""

    brief: Brief | None
    """For the learner; None for an attempt of which only numbers are here."""
    figures: Figures


# -- make ------------------------------------------------------------------------------------------


def make(attempt: Attempt, contents: Contents) -> MadeBrief:
    """Return the brief of an attempt. contents: how much of it is here. Raises AttemptError."""
    header = attempt.header
    if not contents.holds_words:
        numbers = load_numbers(attempt.folder)
        if numbers is None:
            raise AttemptError(f"the numbers of attempt {attempt.id} are missing")
        return MadeBrief(brief=None, figures=_figures(header, numbers, None))
    reading = read(attempt)
    debrief = build_debrief(attempt, reading, with_peaks=False)
    numbers = numbers_of(debrief, header.uuid or UUID(int=0), contents)
    if not contents.holds_sound:
        # those of the learner's machine, which had the sound; researchers get the same
        numbers = load_numbers(attempt.folder) or numbers
    return MadeBrief(
        brief=build_brief(attempt, reading, debrief), figures=_figures(header, numbers, debrief)
    )


def _figures(header: Header, numbers: ReleasedNumbers, debrief: Debrief | None) -> Figures:
    items: dict[str, ItemResult] = {}
    if debrief is not None:
        lists = (*debrief.instruments, *debrief.headings)
        items = {item.id: item for each in lists for item in each.items if not item.human}
    known = set(followed())
    return Figures(
        case_sha256=header.case_sha256,
        visit=header.visit,
        part=_part(header),
        continues=header.continues.uuid if header.continues is not None else None,
        duration_s=numbers.duration_s,
        learner_turns=numbers.learner_turns,
        numbers={
            each.key: each.value
            for each in numbers.numbers
            if each.value is not None and each.key in known
        },
        lists={
            each.list_id: FigureTally(
                met=each.met, not_met=each.not_met, not_judged=each.not_judged
            )
            for each in numbers.lists
        },
        items={key: item.outcome for key, item in items.items()} if debrief else None,
        counts={
            key: item.value
            for key, item in items.items()
            if item.outcome == "counted" and item.value is not None
        },
        moments={key: item.evidence[0].at_s for key, item in items.items() if item.evidence},
        own_items=tuple(
            OwnItem(id=key, text=item.text)
            for key, item in items.items()
            if key.startswith(f"{CRITICAL}-")
        ),
    )


def _part(header: Header) -> Literal["", "retry", "drill", "continued"]:
    if header.continues is not None:
        return "continued"
    if header.moment is not None:
        return "drill"
    return "retry" if header.again is not None else ""


# -- store and load --------------------------------------------------------------------------------


def made_by() -> str:
    """Return what a brief that is made now is made by."""
    return f"{_FORMAT} {code_fingerprint()}"


def store(session: Session, attempt_id: UUID, contents: Contents, made: MadeBrief) -> bool:
    """Store the brief of an attempt; False when the attempt was erased or replaced meanwhile."""
    row = session.get(StoredAttempt, attempt_id, with_for_update=True)
    if row is None or row.contents != contents:
        return False
    brief = made.brief.model_dump(mode="json") if made.brief is not None else None
    put(
        session,
        AttemptBrief(
            attempt_id=attempt_id,
            made_by=made_by(),
            contents=contents.value,
            brief=brief,
            figures=made.figures.model_dump(mode="json"),
        ),
    )
    return True


def note_reflected(session: Session, attempt_id: UUID) -> None:
    """Note that a learner has written before the debrief, which is shown from now on."""
    row = session.get(AttemptBrief, attempt_id, with_for_update=True)
    if row is not None and row.brief is not None:
        row.brief = {**row.brief, "awaits_reflection": False}


def _is_fresh() -> ColumnElement[bool]:
    return and_(
        AttemptBrief.attempt_id == StoredAttempt.id,
        AttemptBrief.contents == StoredAttempt.contents,
        AttemptBrief.made_by == made_by(),
    )


def load(session: Session, attempt_ids: Collection[UUID]) -> dict[UUID, Brief]:
    """Return the briefs of these attempts for their learner; those that are missing are not in it.

    An attempt of which only numbers are here has none.
    """
    rows = session.execute(
        select(AttemptBrief.attempt_id, AttemptBrief.brief)
        .join(StoredAttempt, _is_fresh())
        .where(AttemptBrief.attempt_id.in_(attempt_ids))
    )
    return {key: Brief.model_validate(brief) for key, brief in rows if brief is not None}


def load_figures(session: Session, attempt_ids: Collection[UUID]) -> dict[UUID, Figures]:
    """Return the figures of these attempts; those that are missing are not in it."""
    rows = session.execute(
        select(AttemptBrief.attempt_id, cast(AttemptBrief.figures, Text))
        .join(StoredAttempt, _is_fresh())
        .where(AttemptBrief.attempt_id.in_(attempt_ids))
    )
    # from text: twice as fast as from what the driver makes of it
    return {key: Figures.model_validate_json(figures) for key, figures in rows}


# -- fill ------------------------------------------------------------------------------------------


def missing(session: Session, attempt_ids: Collection[UUID] | None = None) -> list[UUID]:
    """Return the attempts without a brief that is up to date, the newest first.

    attempt_ids: among these; None for all on the hub.
    """
    asked = (
        select(StoredAttempt.id)
        .outerjoin(AttemptBrief, _is_fresh())
        .where(AttemptBrief.attempt_id.is_(None))
        .order_by(StoredAttempt.started_at.desc(), StoredAttempt.id)
    )
    if attempt_ids is not None:
        asked = asked.where(StoredAttempt.id.in_(attempt_ids))
    return list(session.scalars(asked))


def fill(
    parts: attempts.Parts, attempt_ids: Collection[UUID] | None = None, *, time_s: float | None
) -> int:
    """Make missing briefs and return how many are missing still.

    attempt_ids: among these; None for all on the hub. time_s: seconds after which no other is
    begun; None for no limit. An attempt that cannot be read stays missing, and the log says why.
    Raises DatabaseAway.
    """
    until_s = None if time_s is None else time.monotonic() + time_s
    with parts.database.read() as session:
        left = missing(session, attempt_ids)
    made = 0
    for attempt_id in left:
        if time.monotonic() < _unreadable.get(attempt_id, -_RETRY_S) + _RETRY_S:
            continue
        if until_s is not None and time.monotonic() >= until_s:
            break
        with _working:
            made += _fill_one(parts, attempt_id)
    return len(left) - made


def _fill_one(parts: attempts.Parts, attempt_id: UUID) -> bool:
    """Make the brief of an attempt that has none; True when it has one now, or is gone."""
    with parts.database.read() as session:
        row = session.get(StoredAttempt, attempt_id)
        if row is None or not missing(session, [attempt_id]):
            return True  # erased, or made by another request, since it was listed
    contents = Contents(row.contents)
    try:
        with attempts.opened(parts, attempt_id) as attempt:
            found = make(attempt, contents)
    except StorageAway:
        raise
    except SimvoiceError as error:
        _log.warning("no brief of attempt=%s: %s", attempt_id, error)
        _unreadable[attempt_id] = time.monotonic()
        return False
    _unreadable.pop(attempt_id, None)
    with parts.database.begin() as session:
        return store(session, attempt_id, contents, found)
