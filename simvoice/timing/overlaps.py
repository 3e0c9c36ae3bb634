"""Classify overlaps: acknowledgements, early starts, interruptions, attempts.

The kind follows from the sound, and from the words where they are known:

- *acknowledgement* (backchannel): the listener makes a short sound; the speaker continues.
- *early*: the next speaker begins in the last moments of a turn that the speaker finishes
  (a cooperative overlap: Heldner & Edlund 2010 find them in two of five changes of speaker).
- *interruption*: the listener begins in the middle of a turn, and the speaker breaks off: the turn
  passes before the words are complete.
- *attempt*: the listener begins in the middle of a turn and says more than an acknowledgement, and
  the speaker continues: an interruption that does not succeed.

Beckman & Frankel 1984 and Mulder-Vos 2023 count only what takes the turn as an interruption; two of
three short sounds in a patient's opening statement do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simvoice.acknowledgements import is_acknowledgement, lower_words
from simvoice.sentences import ends_sentence
from simvoice.timing.intervals import Intervals, bridge, intersect, intervals, total_s
from simvoice.timing.prosody import VoiceProfile
from simvoice.timing.turns import Speaker, TimedWord

OverlapKind = Literal["acknowledgement", "early", "interruption", "attempt", "together"]
"""together: both began at once and one gave way; only a live encounter records this kind."""

SHORT_S = 1.0
"""Longest acknowledgement, seconds. 95 of 100 that PriMock57 transcribes are shorter."""
EARLY_S = 0.45
"""Longest overlap of an early start, seconds."""
_TOUCH_S = 0.1
"""Seconds. An overlap this short comes from the edges of words and never interrupts."""
_BROKEN_DB = 2.0
"""A finished phrase falls by more than this at its end; one that is broken off falls less."""
_JOIN_S = 0.3
"""Longest pause inside one remark of a listener ("oh – okay"), seconds."""
_BREATH_S = 0.5
"""Seconds after speech within which an acknowledgement may begin."""
_OUTLASTS_S = 0.05
"""Seconds by which one speaker must end later to count as ending after the other."""
_SAME_S = 0.005
"""Seconds by which two times of one onset may differ through rounding."""
_YIELDS_S = 0.6
"""Seconds within which a short remark ("hang on") makes a speaker break off."""
_RESUMES_S = 6.0
"""Seconds within which a speaker who was only acknowledged continues."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """One remark that began while the other speaker spoke."""

    kind: OverlapKind
    by: Speaker
    """The speaker who began during the other's speech."""
    start_s: float
    end_s: float
    """End of the overlap: one of the two falls silent."""
    lost_s: float | None = None
    """Seconds of speech that the other speaker did not say; None where only the sound is known."""
    lost_words: int | None = None
    both_s: float = 0.0
    """Seconds between start and end in which both voices sound: the depth of an interruption. A
    speaker may pause there, so it can be less than the time between them."""


def overlaps(
    learner: Intervals,
    patient: Intervals,
    voices: dict[Speaker, VoiceProfile],
    words: Sequence[TimedWord] = (),
) -> list[Overlap]:
    """All overlaps, in order of their starts.

    learner, patient: speech of each speaker, acknowledgements included. voices: of both speakers,
    for how phrases end. words: of both speakers, where known.
    """
    spoken: dict[Speaker, list[TimedWord]] = {"learner": [], "patient": []}
    for word in words:
        spoken[word.who].append(word)
    lanes: dict[Speaker, Intervals] = {"learner": learner, "patient": patient}
    found = _find_acknowledgements(lanes, spoken)
    turn_speech: dict[Speaker, Intervals] = {
        who: split_acknowledgements(own, [o for o in found if o.by == who])[0]
        for who, own in lanes.items()
    }
    for by, who in _PAIRS:
        ends = _PhraseEnds(voices[who], spoken[who])
        for start, end in bridge(turn_speech[by], _JOIN_S).tolist():
            classified = _classify_remark(start, end, turn_speech[who], ends)
            if classified is not None:
                kind, until_s = classified
                found.append(Overlap(kind, by, start, until_s))
    return sorted(found, key=lambda overlap: overlap.start_s)


_PAIRS: tuple[tuple[Speaker, Speaker], ...] = (("learner", "patient"), ("patient", "learner"))


def _find_acknowledgements(
    lanes: dict[Speaker, Intervals], spoken: dict[Speaker, list[TimedWord]]
) -> list[Overlap]:
    found = []
    for by, who in _PAIRS:
        for start, end in bridge(lanes[by], _JOIN_S).tolist():
            until_s = _acknowledgement_end(start, end, lanes[by], lanes[who], spoken[by])
            if until_s is not None:
                found.append(Overlap("acknowledgement", by, start, until_s))
    return found


@dataclass(frozen=True, slots=True)
class _PhraseEnds:
    """How one speaker's phrases end."""

    voice: VoiceProfile
    words: Sequence[TimedWord]

    def is_broken(self, at_s: float) -> bool:
        """Whether the phrase that ends at `at_s` was broken off, by its words where known."""
        before = [w for w in self.words if w.start_s < at_s + 0.1 and w.end_s > at_s - 2.0]
        if before:
            return not ends_sentence(" ".join(word.text for word in before[-2:]))
        if self.voice.end_s.size == 0:
            return False
        nearest = int(np.argmin(np.abs(self.voice.end_s - at_s)))
        if abs(float(self.voice.end_s[nearest]) - at_s) > 0.1:
            return False
        return float(self.voice.falls_db[nearest]) < _BROKEN_DB


def _acknowledgement_end(
    start_s: float,
    end_s: float,
    own: Intervals,
    other: Intervals,
    words: Sequence[TimedWord],
) -> float | None:
    """End of the overlap of an acknowledgement; None when the remark is not an acknowledgement."""
    by_words = _only_acknowledges(start_s, end_s, words)
    if by_words is False or (by_words is None and end_s - start_s > SHORT_S):
        return None
    index = int(np.searchsorted(other[:, 0], start_s, side="right")) - 1
    if index < 0 or start_s - other[index, 1] > _BREATH_S:
        return None
    stops_s = float(other[index, 1])
    if stops_s > end_s + _OUTLASTS_S:
        return end_s
    resumes_s = float(other[index + 1, 0]) if index + 1 < len(other) else np.inf
    if stops_s <= start_s + _TOUCH_S / 2.0:  # in a breath of the speaker, who continues over it
        return end_s if resumes_s < end_s else None
    following = int(np.searchsorted(own[:, 0], end_s))
    continues_s = float(own[following, 0]) if following < len(own) else np.inf
    if resumes_s > min(continues_s, end_s + _RESUMES_S):
        return None
    return min(end_s, stops_s)


def _classify_remark(
    start_s: float, end_s: float, other: Intervals, ends: _PhraseEnds
) -> tuple[OverlapKind, float] | None:
    """(kind, end of the overlap) of a remark that is not an acknowledgement; None when it did not
    begin during the other's speech."""
    index = int(np.searchsorted(other[:, 0], start_s, side="right")) - 1
    if index < 0 or other[index, 1] <= start_s + _TOUCH_S / 2.0:
        return None
    stops_s = float(other[index, 1])
    if stops_s > end_s + _OUTLASTS_S:
        if stops_s - end_s <= _YIELDS_S and ends.is_broken(stops_s):
            return "interruption", stops_s
        return "attempt", end_s
    overlap_s = stops_s - start_s
    if overlap_s <= _TOUCH_S or (overlap_s <= EARLY_S and not ends.is_broken(stops_s)):
        return "early", stops_s
    return "interruption", stops_s


def _only_acknowledges(start_s: float, end_s: float, words: Sequence[TimedWord]) -> bool | None:
    """Whether the words of a remark only acknowledge; None where they are not known."""
    inside = [w for w in words if start_s - 0.1 < (w.start_s + w.end_s) / 2.0 < end_s + 0.1]
    if not inside:
        return None
    if inside[-1].text.endswith(","):  # "No, nothing like that": a pause after the first word
        return False
    text = " ".join(word.text for word in inside)
    return is_acknowledgement(text) if lower_words(text) else None


def with_depth(found: Sequence[Overlap], learner: Intervals, patient: Intervals) -> list[Overlap]:
    """The overlaps with the time in which both voices sound, in order of their starts.

    learner, patient: all speech of each speaker, acknowledgements included.
    """
    both = intersect(learner, patient)
    measured = [
        replace(each, both_s=total_s(intersect(both, intervals([(each.start_s, each.end_s)]))))
        for each in found
    ]
    return sorted(measured, key=lambda overlap: overlap.start_s)


def overlaps_of_kind(found: Sequence[Overlap], kind: OverlapKind, by: Speaker) -> list[Overlap]:
    """The overlaps of one kind that one speaker began."""
    return [overlap for overlap in found if overlap.kind == kind and overlap.by == by]


def split_acknowledgements(
    own: Intervals, acknowledged: Sequence[Overlap]
) -> tuple[Intervals, Intervals]:
    """One speaker's speech, split into (turn speech, acknowledgements).

    An acknowledgement takes all stretches from its start to the next pause of `_JOIN_S`.
    """
    remarks = bridge(own, _JOIN_S)
    if len(remarks) == 0 or not acknowledged:
        return own, own[:0]
    starts = np.array([overlap.start_s for overlap in acknowledged])
    nearest = np.abs(remarks[:, 0][None] - starts[:, None]).argmin(axis=1)
    begins_there = np.abs(remarks[nearest, 0] - starts) <= _SAME_S
    taken = remarks[np.unique(nearest[begins_there])]
    is_taken = _within(own, taken)
    return intervals(own[~is_taken]), intervals(own[is_taken])


def _within(own: Intervals, taken: Intervals) -> NDArray[np.bool_]:
    if len(taken) == 0:
        return np.zeros(len(own), dtype=np.bool_)
    index = np.searchsorted(taken[:, 0], own[:, 0] + 1e-6, side="right") - 1
    return np.asarray(
        (index >= 0) & (own[:, 1] <= taken[np.maximum(index, 0), 1] + 1e-6), dtype=np.bool_
    )
