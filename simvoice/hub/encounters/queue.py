"""The queue before the encounters: who is next, and how long it takes, without flattery.

The order is that in which people came. Someone who closes the waiting page keeps the place for a
short time, so that a reload costs nothing. A place in an encounter that is offered and not taken
goes to the next. All times are seconds of one clock that the caller reads.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Generic, TypeVar

from simvoice.display import count_noun

Who = TypeVar("Who")
"""What tells learners apart: a person's id, or that of an exam code."""

GRACE_S = 20.0
"""A waiting page asks every few seconds. One that has not asked for so long is closed."""

OFFER_S = 60.0
"""Time to take a place that is offered: to read one sentence and press a button."""

CHANGE_S = 15.0
"""Between two encounters in one place: the next learner presses the button and the line opens."""

USUAL_S = 480.0
"""Length of an encounter of which nothing is known."""

_REMEMBERED = 50
"""Measured encounters of a case that count: a day or two of a lab."""

_FEWEST = 3
"""With fewer measured encounters of a case, its time limit counts."""


@dataclass(frozen=True, slots=True)
class QueuePlace(Generic[Who]):
    """Someone's place in the queue."""

    who: Who
    case_id: str
    joined_s: float
    seen_s: float
    """When the waiting page asked last."""
    offered_s: float | None = None
    """Since when an encounter is offered; None while the person waits."""


@dataclass
class WaitingList(Generic[Who]):
    """The people who wait, in order. Not thread-safe."""

    grace_s: float = GRACE_S
    offer_s: float = OFFER_S
    _places: list[QueuePlace[Who]] = field(default_factory=list)

    def join(self, who: Who, case_id: str, now_s: float) -> None:
        """Put someone at the end. Who waits already keeps the place, also for another case."""
        found = self.find(who)
        if found is None:
            self._places.append(QueuePlace(who, case_id, now_s, now_s))
        else:
            self._put(replace(found, case_id=case_id, seen_s=now_s))

    def leave(self, who: Who) -> None:
        """Remove someone who no longer wants to wait, or whose encounter begins."""
        self._places = [place for place in self._places if place.who != who]

    def see(self, who: Who, now_s: float) -> None:
        """Note that someone's waiting page is open."""
        found = self.find(who)
        if found is not None:
            self._put(replace(found, seen_s=now_s))

    def find(self, who: Who) -> QueuePlace[Who] | None:
        """Return someone's place; None for one who does not wait."""
        return next((place for place in self._places if place.who == who), None)

    def sweep(self, now_s: float) -> list[Who]:
        """Remove those whose page is closed, or who did not take what was offered, and return
        them."""
        gone = [place.who for place in self._places if self._is_gone(place, now_s)]
        self._places = [place for place in self._places if place.who not in gone]
        return gone

    def offer(
        self, free: int, now_s: float, is_ready: Callable[[QueuePlace[Who]], bool] = lambda _: True
    ) -> list[Who]:
        """Offer free places to those who come first, and return those who are new among them.

        free: places of the pool that no encounter has. Places that are offered already count.
        is_ready: False for someone whose patient is still being prepared, and who is passed over.
        """
        offered = sum(place.offered_s is not None for place in self._places)
        new: list[Who] = []
        for place in self._places:
            if offered + len(new) >= free:
                break
            if place.offered_s is None and is_ready(place):
                new.append(place.who)
        for who in new:
            found = self.find(who)
            assert found is not None
            self._put(replace(found, offered_s=now_s))
        return new

    def withdraw_offers(self) -> None:
        """Let all wait on, each in the same place: no one is admitted now."""
        self._places = [replace(place, offered_s=None) for place in self._places]

    def all(self) -> list[QueuePlace[Who]]:
        """Return all places, in order."""
        return list(self._places)

    def ahead_of(self, who: Who) -> list[QueuePlace[Who]]:
        """Return the places before someone's."""
        before: list[QueuePlace[Who]] = []
        for place in self._places:
            if place.who == who:
                break
            before.append(place)
        return before

    def __len__(self) -> int:
        """The number of people who wait or were offered a place."""
        return len(self._places)

    def _is_gone(self, place: QueuePlace[Who], now_s: float) -> bool:
        if place.offered_s is not None and now_s - place.offered_s > self.offer_s:
            return True
        return now_s - place.seen_s > self.grace_s

    def _put(self, changed: QueuePlace[Who]) -> None:
        self._places = [changed if p.who == changed.who else p for p in self._places]


# -- how long it takes


class MeasuredLengths:
    """How long encounters of each case really took. Not thread-safe."""

    def __init__(self) -> None:
        self._lengths: dict[str, deque[float]] = {}

    def add(self, case_id: str, length_s: float) -> None:
        """Note the length of an encounter that is over."""
        self._lengths.setdefault(case_id, deque(maxlen=_REMEMBERED)).append(length_s)

    def expected_s(self, case_id: str, limit_s: float | None) -> float:
        """Return how long a new encounter takes: the median, at most its time limit."""
        known = self._lengths.get(case_id, ())
        if len(known) < _FEWEST:
            return USUAL_S if limit_s is None else limit_s
        return min(median(known), math.inf if limit_s is None else limit_s)

    def left_s(self, case_id: str, elapsed_s: float, limit_s: float | None) -> float:
        """Return how long an encounter goes on that has taken `elapsed_s`.

        Only measured encounters that took longer say something about it.
        """
        longest_s = (USUAL_S if limit_s is None else limit_s) - elapsed_s
        longer = [length for length in self._lengths.get(case_id, ()) if length > elapsed_s]
        left_s = median(longer) - elapsed_s if len(longer) >= _FEWEST else longest_s
        return max(0.0, left_s if limit_s is None else min(left_s, longest_s))


def estimate_wait_s(left_s: Iterable[float], ahead_s: Sequence[float], places: int) -> float | None:
    """Return the seconds until someone gets a place; None when there are no places.

    left_s: how long each running encounter goes on. ahead_s: how long the encounter of each person
    before takes, in order. places: those of the whole pool.
    """
    if places < 1:
        return None
    running = sorted(left_s)
    free_at = [0.0] * max(0, places - len(running)) + running
    # A pool that was made smaller has more running encounters than places: the first to end give
    # none back.
    free_at = free_at[max(0, len(free_at) - places) :]
    heapq.heapify(free_at)
    for length_s in ahead_s:
        at_s = heapq.heappop(free_at)
        heapq.heappush(free_at, at_s + CHANGE_S + length_s)
    at_s = heapq.heappop(free_at)
    return at_s + CHANGE_S if at_s > 0.0 else 0.0


def wait_in_words(ahead: int, estimate_s: float | None) -> str:
    """Return the sentence of the waiting page: "2 before you, about 6 minutes."."""
    who = "You are next" if ahead == 0 else f"{ahead} before you"
    if estimate_s is None:
        return f"{who}."
    minutes = max(1, math.ceil(estimate_s / 60.0))
    return f"{who}, about {count_noun(minutes, 'minute')}."
