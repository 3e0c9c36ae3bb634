"""The turning points: where the patient's trust rose or fell most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simvoice.debrief.model import TurningPoint
from simvoice.debrief.moments import TRUST, Exchange, moment
from simvoice.record.events import JournalEntry

MOST: Final = 3
"""Turning points that are shown."""
LEAST_CHANGE: Final = 0.03
"""Trust, 0..1, by which one answer of hers has to rise or fall to count."""

_ROUNDING = 1e-6


def turning_points(
    entries: Sequence[JournalEntry], answered: Sequence[Exchange]
) -> tuple[TurningPoint, ...]:
    """The three moves that changed trust most, in order of time.

    The rule: all steps of trust in one move are added up; a move counts from a change of .03 on, up
    or down; of these the three greatest are taken, the earlier one where two are equal. The causes
    are those that moved trust the way it went.
    """
    changed = [(_change(each), each) for each in answered]
    great = [pair for pair in changed if abs(pair[0]) >= LEAST_CHANGE - _ROUNDING]
    most = sorted(great, key=lambda pair: (-round(abs(pair[0]), 4), pair[1].at_s))[:MOST]
    return tuple(
        _point(entries, change, each) for change, each in sorted(most, key=lambda p: p[1].at_s)
    )


def _change(exchange: Exchange) -> float:
    return sum(step.after - step.before for step in exchange.of(TRUST))


def _point(entries: Sequence[JournalEntry], change: float, each: Exchange) -> TurningPoint:
    steps = each.of(TRUST)
    cut_off = any(speech.unsaid for speech in each.answer[-1:])
    along = [step for step in steps if (step.after - step.before) * change > 0.0]
    return TurningPoint(
        moment=moment(entries, each.at_s, each.end_s),
        rose=change > 0.0,
        before=steps[0].before,
        after=steps[-1].after,
        causes=tuple(dict.fromkeys(step.cause for step in along)),
        words=each.turn.text if each.turn is not None else "",
        answer=f"{each.heard} …" if cut_off and each.heard else each.heard,
    )
