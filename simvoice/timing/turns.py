"""Turns of a two-party conversation, and the pauses, gaps and overlaps between them.

Terms and definitions follow Heldner & Edlund 2010, "Pauses, gaps and overlaps in conversations",
Journal of Phonetics 38(4), doi 10.1016/j.wocn.2010.08.002. At every moment the learner speaks, the
patient speaks, both speak, or no one does. A stretch in which no one speaks is a *pause* when the
same speaker continues and a *gap* when the other speaker does. A stretch in which both speak is an
overlap *between* speakers when the other speaker continues and *within* a speaker when the first
one does. The *floor transfer offset* is the length of a gap, or minus the length of an overlap
between speakers.

A pause is therefore never the distance between two stretches of one speaker: the other may have
spoken there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simvoice.timing.intervals import Intervals, covers, intervals

Speaker = Literal["learner", "patient"]
TurnState = Literal["learner", "patient", "both", "nobody"]

PAUSE_S = 0.2
"""Seconds. Shorter pauses are not counted: stops in fluent speech last up to 0.18 s."""


@dataclass(frozen=True, slots=True)
class StateInterval:
    """The longest possible stretch of time in one state."""

    start_s: float
    end_s: float
    state: TurnState

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s


BetweenKind = Literal[
    "pause", "gap", "overlap_between", "overlap_within", "edge", "unclear", "aside"
]
"""edge: before the first or after the last speech. unclear: both began or ended together. aside:
no one was to speak, because the learner typed or the clock was held."""


@dataclass(frozen=True, slots=True)
class Between:
    """A stretch in which no one or both spoke, and who spoke alone before and after it."""

    start_s: float
    end_s: float
    kind: BetweenKind
    before: Speaker | None
    after: Speaker | None
    is_silence: bool
    """True when no one spoke, False when both did."""

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s

    @property
    def transfer_s(self) -> float | None:
        """Floor transfer offset, seconds; None when the turn did not pass to the other speaker."""
        if self.kind == "gap":
            return self.length_s
        return -self.length_s if self.kind == "overlap_between" else None


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker's speech until the other speaker takes the turn."""

    who: Speaker
    start_s: float
    end_s: float
    speech_s: float
    """Seconds of speech in the turn, pauses left out."""

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s


def state_intervals(
    learner: Intervals, patient: Intervals, start_s: float, end_s: float
) -> list[StateInterval]:
    """Split the time from `start_s` to `end_s` into states, in order and without a break."""
    if end_s <= start_s:
        return []
    edges = np.concatenate(([start_s, end_s], learner.ravel(), patient.ravel()))
    edges = np.unique(np.clip(edges, start_s, end_s))
    middles = (edges[:-1] + edges[1:]) / 2.0
    code = covers(learner, middles) + 2 * covers(patient, middles)
    names: tuple[TurnState, ...] = ("nobody", "learner", "patient", "both")
    states: list[StateInterval] = []
    for begin, finish, number in zip(edges[:-1], edges[1:], code, strict=True):
        state = names[int(number)]
        if states and states[-1].state == state:
            states[-1] = StateInterval(states[-1].start_s, float(finish), state)
        else:
            states.append(StateInterval(float(begin), float(finish), state))
    return states


def gaps_and_overlaps(
    states: Sequence[StateInterval], asides: Intervals | None = None
) -> list[Between]:
    """Pauses, gaps and overlaps among states from `state_intervals`, in order.

    asides: times in which no one was to speak; a stretch of silence that touches one is an aside.
    """
    found = []
    for index, stretch in enumerate(states):
        if stretch.state not in ("nobody", "both"):
            continue
        before = _single_speaker(states, index, -1)
        after = _single_speaker(states, index, +1)
        kind: BetweenKind = _kind(states, index, before, after)
        is_silence = stretch.state == "nobody"
        if is_silence and kind != "edge" and _touches(stretch, asides):
            kind = "aside"
        found.append(Between(stretch.start_s, stretch.end_s, kind, before, after, is_silence))
    return found


def _single_speaker(states: Sequence[StateInterval], index: int, step: int) -> Speaker | None:
    """The speaker who speaks alone next to a stretch.

    From a silence, a stretch in which both speak is skipped (both fell silent at once); another
    silence never is.
    """
    is_silence = states[index].state == "nobody"
    index += step
    if is_silence and 0 <= index < len(states) and states[index].state == "both":
        index += step
    if 0 <= index < len(states):
        state = states[index].state
        if state == "learner" or state == "patient":
            return state
    return None


def _touches(stretch: StateInterval, asides: Intervals | None) -> bool:
    if asides is None:
        return False
    return bool(np.any((asides[:, 0] < stretch.end_s) & (stretch.start_s < asides[:, 1])))


def _kind(
    states: Sequence[StateInterval], index: int, before: Speaker | None, after: Speaker | None
) -> BetweenKind:
    if states[index].state == "nobody" and index in (0, len(states) - 1):
        return "edge"
    if before is None or after is None:
        return "unclear"
    if states[index].state == "nobody":
        return "pause" if before == after else "gap"
    return "overlap_within" if before == after else "overlap_between"


def turns(learner: Intervals, patient: Intervals, asides: Intervals | None = None) -> list[Turn]:
    """Turns of both speakers, in order of their starts.

    Speech that begins and ends while the other speaker speaks is no turn. Remove backchannels
    beforehand where they are known. asides: no turn goes on after one that begins in its silence.
    """
    lanes: tuple[tuple[Speaker, Intervals, Intervals], ...] = (
        ("learner", learner, patient),
        ("patient", patient, learner),
    )
    spoken = [
        (float(start), float(end), who)
        for who, own, other in lanes
        for start, end in own
        if not _is_inside(float(start), float(end), other)
    ]
    made: list[Turn] = []
    for start, end, who in sorted(spoken):
        last = made[-1] if made else None
        if last is not None and last.who == who and not _parts(asides, last.end_s, start):
            made[-1] = Turn(who, last.start_s, end, last.speech_s + end - start)
        else:
            made.append(Turn(who, start, end, end - start))
    return made


def _parts(asides: Intervals | None, end_s: float, start_s: float) -> bool:
    """Return True when an aside lies between two stretches of speech."""
    if asides is None:
        return False
    return bool(np.any((asides[:, 0] < start_s) & (end_s < asides[:, 1])))


def _is_inside(start_s: float, end_s: float, other: Intervals) -> bool:
    return bool(np.any((other[:, 0] <= start_s) & (end_s <= other[:, 1])))


def turn_extents(made: Sequence[Turn], who: Speaker) -> Intervals:
    """The time of one speaker's turns, pauses included."""
    return intervals([(turn.start_s, turn.end_s) for turn in made if turn.who == who])


@dataclass(frozen=True, slots=True)
class TimedWord:
    """One spoken word, session seconds; from an alignment, a recogniser or a transcript."""

    who: Speaker
    text: str
    start_s: float
    end_s: float
