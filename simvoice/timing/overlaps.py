"""What happens where both speak: acknowledgements, early starts, interruptions, attempts.

Where nobody wrote down what was meant, it is read from what the sound shows (and from the words
where they are known):

- *acknowledgement* (backchannel): a short sound of the listener's; the speaker goes on.
- *early*: the next speaker begins in the last moments of a turn that is brought to its end
  (a cooperative overlap: Heldner & Edlund 2010 find them in two of five changes of speaker).
- *interruption*: the listener begins in the middle of what is being said, and the speaker breaks
  off: the floor is taken before the words were done.
- *attempt*: the listener begins in the middle and says more than an acknowledgement, and the
  speaker goes on: an interruption that did not succeed.

Beckman & Frankel 1984 and Mulder-Vos 2023 count only what takes the floor as an interruption; two
of three short sounds in a patient's opening statement take none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simvoice.timing.intervals import Intervals, bridge, intervals
from simvoice.timing.prosody import VoiceProfile
from simvoice.timing.turns import Speaker, TimedWord

OverlapKind = Literal["acknowledgement", "early", "interruption", "attempt", "together"]
"""together: both began at once and one gave way; only a floor that decides live tells it apart."""

SHORT_S = 1.0
"""Seconds: an acknowledgement is no longer. 95 of 100 that PriMock57 transcribes are shorter."""
EARLY_S = 0.45
"""Seconds: who begins sooner before the end of a turn does not wait for it."""
_TOUCH_S = 0.1
"""Seconds: an overlap as short comes from the edges of words; it does not interrupt anything."""
_BROKEN_DB = 2.0
"""A phrase that is brought to its end falls further than this; one broken off has not begun to."""
_JOIN_S = 0.3
"""Seconds between two stretches of a listener's that are still one remark ("oh – okay")."""
_BREATH_S = 0.5
"""Seconds of a speaker's pause in which an acknowledgement may begin."""
_OUTLASTS_S = 0.05
"""Seconds by which one has to be longer to be heard to end after the other."""
_SAME_S = 0.005
"""Seconds by which two times of one onset differ by rounding."""
_YIELDS_S = 0.6
"""Seconds within which a speaker breaks off whom a short remark ("hang on") has stopped."""
_RESUMES_S = 6.0
"""Seconds within which a speaker who was only acknowledged goes on, be it after a long pause."""

_ACKNOWLEDGEMENTS = frozenset(
    (
        *("mm", "mhm", "mmhm", "mm-hm", "mm-hmm", "mhmm", "hm", "hmm", "uh-huh", "uhhuh", "uh"),
        *("huh", "oh", "ah", "aha", "yeah", "yes", "yep", "yup", "no", "okay", "ok", "right"),
        *("i", "see", "know", "sure", "of", "course", "good", "fine", "exactly", "really"),
    )
)
"""Words of which an acknowledgement is made ("oh", "I see", "of course")."""
_PLAIN = re.compile(r"[^a-z'-]")


@dataclass(frozen=True, slots=True)
class Overlap:
    """One remark that began while the other one spoke."""

    kind: OverlapKind
    by: Speaker
    """Who began."""
    start_s: float
    end_s: float
    """Where the overlap ends: one of the two has fallen silent."""
    lost_s: float | None = None
    """Seconds of speech the other one had left; None where only the sound is known."""
    lost_words: int | None = None

    @property
    def length_s(self) -> float:
        """Seconds in which both spoke: how deep an interruption went."""
        return self.end_s - self.start_s


def overlaps(
    learner: Intervals,
    patient: Intervals,
    voices: dict[Speaker, VoiceProfile],
    words: Sequence[TimedWord] = (),
) -> list[Overlap]:
    """In order of their starts.

    learner, patient: where each one speaks, acknowledgements included. voices: of both, for how
    a phrase ends. words: of both, where known.
    """
    said: dict[Speaker, list[TimedWord]] = {"learner": [], "patient": []}
    for word in words:
        said[word.who].append(word)
    lanes: dict[Speaker, Intervals] = {"learner": learner, "patient": patient}
    found = _acknowledged(lanes, said)
    floor: dict[Speaker, Intervals] = {
        who: without(own, [o for o in found if o.by == who])[0] for who, own in lanes.items()
    }
    for by, who in _PAIRS:
        ends = _Ends(voices[who], said[who])
        for start, end in bridge(floor[by], _JOIN_S).tolist():
            taken = _taken(start, end, floor[who], ends)
            if taken is not None:
                found.append(Overlap(taken[0], by, start, taken[1]))
    return sorted(found, key=lambda overlap: overlap.start_s)


_PAIRS: tuple[tuple[Speaker, Speaker], ...] = (("learner", "patient"), ("patient", "learner"))


def _acknowledged(
    lanes: dict[Speaker, Intervals], said: dict[Speaker, list[TimedWord]]
) -> list[Overlap]:
    found = []
    for by, who in _PAIRS:
        for start, end in bridge(lanes[by], _JOIN_S).tolist():
            until_s = _acknowledged_until(start, end, lanes[by], lanes[who], said[by])
            if until_s is not None:
                found.append(Overlap("acknowledgement", by, start, until_s))
    return found


@dataclass(frozen=True, slots=True)
class _Ends:
    """How one speaker's phrases end."""

    voice: VoiceProfile
    words: Sequence[TimedWord]

    def is_broken(self, at_s: float) -> bool:
        """Whether what ends here was broken off, by its words where they are known."""
        before = [w for w in self.words if w.start_s < at_s + 0.1 and w.end_s > at_s - 2.0]
        if before:
            return not before[-1].text.rstrip("\"'”’)").endswith((".", "?", "!"))
        if self.voice.end_s.size == 0:
            return False
        nearest = int(np.argmin(np.abs(self.voice.end_s - at_s)))
        if abs(float(self.voice.end_s[nearest]) - at_s) > 0.1:
            return False
        return float(self.voice.falls_db[nearest]) < _BROKEN_DB


def _acknowledged_until(
    start_s: float,
    end_s: float,
    own: Intervals,
    other: Intervals,
    said: Sequence[TimedWord],
) -> float | None:
    """Where the overlap of an acknowledgement ends; None when a remark is none."""
    by_words = _says(start_s, end_s, said)
    if by_words is False or (by_words is None and end_s - start_s > SHORT_S):
        return None
    index = int(np.searchsorted(other[:, 0], start_s, side="right")) - 1
    if index < 0 or start_s - other[index, 1] > _BREATH_S:
        return None
    stops_s = float(other[index, 1])
    if stops_s > end_s + _OUTLASTS_S:
        return end_s
    resumes_s = float(other[index + 1, 0]) if index + 1 < len(other) else np.inf
    if stops_s <= start_s + _TOUCH_S / 2.0:  # in a breath of the speaker's, who goes on over it
        return end_s if resumes_s < end_s else None
    following = int(np.searchsorted(own[:, 0], end_s))
    goes_on_s = float(own[following, 0]) if following < len(own) else np.inf
    if resumes_s > min(goes_on_s, end_s + _RESUMES_S):
        return None
    return min(end_s, stops_s)


def _taken(
    start_s: float, end_s: float, other: Intervals, ends: _Ends
) -> tuple[OverlapKind, float] | None:
    """What a remark that is no acknowledgement was, and where its overlap ends; None when it did
    not begin in the other's speech."""
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


def _says(start_s: float, end_s: float, said: Sequence[TimedWord]) -> bool | None:
    """Whether the words of a remark only acknowledge; None where its words are not known."""
    inside = [w for w in said if start_s - 0.1 < (w.start_s + w.end_s) / 2.0 < end_s + 0.1]
    if not inside:
        return None
    if inside[-1].text.endswith(","):  # "No, nothing like that": a pause after the first word
        return False
    return all(_PLAIN.sub("", w.text.lower()).strip("'-") in _ACKNOWLEDGEMENTS for w in inside)


def of_kind(found: Sequence[Overlap], kind: OverlapKind, by: Speaker) -> list[Overlap]:
    """Those of one kind and one speaker."""
    return [overlap for overlap in found if overlap.kind == kind and overlap.by == by]


def without(own: Intervals, acknowledged: Sequence[Overlap]) -> tuple[Intervals, Intervals]:
    """One speaker's speech as (without, only) acknowledgements. Each of these is a remark: all
    stretches from where it begins to where the next pause of `_JOIN_S` is."""
    remarks = bridge(own, _JOIN_S)
    if len(remarks) == 0 or not acknowledged:
        return own, own[:0]
    starts = np.array([overlap.start_s for overlap in acknowledged])
    nearest = np.abs(remarks[:, 0][None] - starts[:, None]).argmin(axis=1)
    begins_there = np.abs(remarks[nearest, 0] - starts) <= _SAME_S
    taken = remarks[np.unique(nearest[begins_there])]
    is_taken = _inside(own, taken)
    return intervals(own[~is_taken]), intervals(own[is_taken])


def _inside(own: Intervals, taken: Intervals) -> NDArray[np.bool_]:
    if len(taken) == 0:
        return np.zeros(len(own), dtype=np.bool_)
    index = np.searchsorted(taken[:, 0], own[:, 0] + 1e-6, side="right") - 1
    return np.asarray(
        (index >= 0) & (own[:, 1] <= taken[np.maximum(index, 0), 1] + 1e-6), dtype=np.bool_
    )
