"""A learner's word that an item is wrong: taken, shown, and withdrawn."""

from __future__ import annotations

from datetime import datetime

from simvoice.debrief.model import Objected
from simvoice.errors import UsageError
from simvoice.record.ratings import Objection, add_objection, objections_of, withdraw_objection
from simvoice.record.store import Attempt
from simvoice.scoring.instruments.instrument import items_with

LONGEST = 600
"""Characters: a few sentences, about what a minute of writing gives."""


def object_to(attempt: Attempt, item: str, why: str, when: datetime) -> Objected:
    """Keep an objection with its attempt.

    when: with its zone. Raises UsageError for an item that is not there and for words that are
    none or too many.
    """
    if item not in items_with(attempt.header):
        raise UsageError(
            f"there is no item {item[:100] or 'without a name'} in this attempt; "
            f"run: simvoice debrief {attempt.id} --items, to see their names"
        )
    said = " ".join(why.split())
    if not said:
        raise UsageError("say in your own words what is wrong, then send it")
    if len(said) > LONGEST:
        raise UsageError(
            f"your words have {len(said)} characters and {LONGEST} are the most; shorten them"
        )
    wall_time = when.isoformat(timespec="seconds")
    add_objection(attempt.folder, Objection(item=item, why=said, wall_time=wall_time))
    kept = (e for e in reversed(objections_of(attempt.folder)) if (e.item, e.why) == (item, said))
    return Objected(number=next(kept).number, why=said)


def withdraw(attempt: Attempt, number: int, when: datetime) -> None:
    """Take an objection back. Raises AttemptError when none stands under that number."""
    withdraw_objection(attempt.folder, number, when.isoformat(timespec="seconds"))
