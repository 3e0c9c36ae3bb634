"""Who has the turn: the four states of a two-party conversation, and what is between speakers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from simvoice.timing.intervals import Intervals, covers, intervals

# -- turns ------------------------------------------------------------------------------------
# Who has the floor: the four states of a two-party conversation, and what lies between speakers.
#
# Terms and definitions follow Heldner & Edlund 2010, "Pauses, gaps and overlaps in conversations",
# Journal of Phonetics 38(4), doi 10.1016/j.wocn.2010.08.002. At every moment the learner speaks,
# the patient speaks, both do, or nobody does. A stretch in which nobody speaks is a *pause* when
# the same speaker goes on after it and a *gap* when the other does. A stretch in which both speak
# is an overlap *between* speakers when the other goes on after it and *within* a speaker when the
# first does. The *floor transfer offset* is the length of a gap, or minus that of an overlap
# between speakers.
#
# A pause is therefore never the distance between two stretches of one speaker's: the other may
# have spoken there.


Speaker = Literal["learner", "patient"]
TurnState = Literal["learner", "patient", "both", "nobody"]

PAUSE_S = 0.2
"""Pauses shorter than this are left out of counts: stops in fluent speech last up to 0.18 s."""


@dataclass(frozen=True, slots=True)
class StateInterval:
    """A longest stretch of time in one state."""

    start_s: float
    end_s: float
    floor: TurnState

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Between:
    """A stretch in which nobody or both spoke, and who spoke alone around it."""

    start_s: float
    end_s: float
    kind: Literal["pause", "gap", "overlap_between", "overlap_within", "edge", "unclear"]
    """edge: before the first or after the last speech. unclear: both began or ended together."""
    before: Speaker | None
    after: Speaker | None
    is_silence: bool
    """Nobody spoke; else both did."""

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s

    @property
    def transfer_s(self) -> float | None:
        """Floor transfer offset, seconds; None when the floor did not change hands here."""
        if self.kind == "gap":
            return self.length_s
        return -self.length_s if self.kind == "overlap_between" else None


@dataclass(frozen=True, slots=True)
class Turn:
    """From a speaker's first sound to the last before the other one takes the floor."""

    who: Speaker
    start_s: float
    end_s: float
    speech_s: float
    """Seconds of it in which the speaker's voice sounds."""

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s


def stretches(
    learner: Intervals, patient: Intervals, start_s: float, end_s: float
) -> list[StateInterval]:
    """The conversation from `start_s` to `end_s` as one unbroken row of states."""
    if end_s <= start_s:
        return []
    edges = np.concatenate(([start_s, end_s], learner.ravel(), patient.ravel()))
    edges = np.unique(np.clip(edges, start_s, end_s))
    middles = (edges[:-1] + edges[1:]) / 2.0
    code = covers(learner, middles) + 2 * covers(patient, middles)
    names: tuple[TurnState, ...] = ("nobody", "learner", "patient", "both")
    row: list[StateInterval] = []
    for begin, finish, state in zip(edges[:-1], edges[1:], code, strict=True):
        floor = names[int(state)]
        if row and row[-1].floor == floor:
            row[-1] = StateInterval(row[-1].start_s, float(finish), floor)
        else:
            row.append(StateInterval(float(begin), float(finish), floor))
    return row


def betweens(row: Sequence[StateInterval]) -> list[Between]:
    """Pauses, gaps and overlaps of a row from `stretches`, in order."""
    found = []
    for index, stretch in enumerate(row):
        if stretch.floor not in ("nobody", "both"):
            continue
        before = _alone(row, index, -1)
        after = _alone(row, index, +1)
        kind = _kind(row, index, before, after)
        is_silence = stretch.floor == "nobody"
        found.append(Between(stretch.start_s, stretch.end_s, kind, before, after, is_silence))
    return found


def _alone(row: Sequence[StateInterval], index: int, step: int) -> Speaker | None:
    """Who speaks alone next to a stretch. From a silence one looks through speaking together
    (both fell silent at once), but never through another silence."""
    is_silence = row[index].floor == "nobody"
    index += step
    if is_silence and 0 <= index < len(row) and row[index].floor == "both":
        index += step
    if 0 <= index < len(row):
        floor = row[index].floor
        if floor == "learner" or floor == "patient":
            return floor
    return None


def _kind(
    row: Sequence[StateInterval], index: int, before: Speaker | None, after: Speaker | None
) -> Literal["pause", "gap", "overlap_between", "overlap_within", "edge", "unclear"]:
    if row[index].floor == "nobody" and index in (0, len(row) - 1):
        return "edge"
    if before is None or after is None:
        return "unclear"
    if row[index].floor == "nobody":
        return "pause" if before == after else "gap"
    return "overlap_within" if before == after else "overlap_between"


def turns(learner: Intervals, patient: Intervals) -> list[Turn]:
    """Turns in order of their starts.

    Speech of one speaker that begins and ends while the other's voice sounds takes no floor and
    makes no turn; take backchannels out beforehand where they are known.
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
        if made and made[-1].who == who:
            last = made[-1]
            made[-1] = Turn(who, last.start_s, end, last.speech_s + end - start)
        else:
            made.append(Turn(who, start, end, end - start))
    return made


def _is_inside(start_s: float, end_s: float, other: Intervals) -> bool:
    return bool(np.any((other[:, 0] <= start_s) & (end_s <= other[:, 1])))


def speech_of(made: Sequence[Turn], who: Speaker) -> Intervals:
    """The extents of one speaker's turns, pauses included: the time they held the floor."""
    return intervals([(turn.start_s, turn.end_s) for turn in made if turn.who == who])


# -- words ------------------------------------------------------------------------------------
# Words and when they sounded, from an alignment, a recogniser or a transcript.


@dataclass(frozen=True, slots=True)
class TimedWord:
    """One word of one speaker's, session seconds."""

    who: Speaker
    text: str
    start_s: float
    end_s: float
