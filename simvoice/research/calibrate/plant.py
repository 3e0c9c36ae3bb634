"""Plant a conversation with known truth: times from a skeleton, spoken by two voices.

Besides turns and pauses, these events are planted:

- acknowledgement: a short sound by the listener while the speaker continues;
- early: the next speaker begins in the last moments of a turn that is about to end;
- interruption: the listener begins in the middle of a sentence, and the speaker breaks off;
- attempt: the listener begins in the middle of a sentence, and the speaker continues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from simvoice.audio import RATE, Pcm, samples
from simvoice.research.calibrate.clips import Bank, Take, faded
from simvoice.research.calibrate.clips import ClipKind as SpokenKind
from simvoice.research.calibrate.skeleton import SkeletonUtterance
from simvoice.timing.intervals import Intervals, intervals
from simvoice.timing.turns import Speaker, TimedWord

PlantedKind = Literal["acknowledgement", "early", "interruption", "attempt"]

LEAD_S = 1.0
"""Seconds before the first and after the last sound."""
EARLIEST_S = 0.4
"""Seconds of overlap up to which a start counts as early; a longer overlap is an interruption."""
_TOUCH_S = 0.06
_MURMUR_S = 0.9
"""Seconds: shorter utterances are single words, such as answers and thanks."""
_PAUSE_S = (0.45, 0.55)
"""Median, and deviation of the logarithm, of pauses within a turn."""
_LONG_SILENCE = 0.04
"""Share of pauses that are silences of 2 to 6 s, so that every measure has some to find."""
_ACKNOWLEDGES = 0.35
"""Probability of an acknowledgement at each sentence of a long turn."""
_INTERRUPTS = 0.2
"""Higher than in real conversations, so that each one has interruptions to detect."""
_ATTEMPTS = 0.1
_FILLED = 0.1
"""Share of sentences with a filled pause before them."""
_SHORT = 0.15
"""Share of interruptions that are as short as "But why?"."""


@dataclass(frozen=True, slots=True)
class PlantedEvent:
    """A planted event in which both speak."""

    kind: PlantedKind
    by: Speaker
    start_s: float
    end_s: float
    """When the interrupted speaker stops; for other kinds, when the one who began stops."""


@dataclass(frozen=True, eq=False)
class Planted:
    """Two clean channels and their true contents."""

    learner: Pcm
    patient: Pcm
    turn_speech: dict[Speaker, Intervals]
    """The speech of each speaker, without acknowledgements."""
    acknowledgements: dict[Speaker, Intervals]
    events: tuple[PlantedEvent, ...]
    words: tuple[TimedWord, ...]
    syllables_s: dict[Speaker, tuple[float, ...]]
    """The ends of the syllables, seconds."""

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.learner.size / RATE

    def channel(self, who: Speaker) -> Pcm:
        """Return a speaker's sound."""
        return self.learner if who == "learner" else self.patient


@dataclass(slots=True)
class _PlacedTake:
    take: Take
    who: Speaker
    start_s: float
    """When its first sound begins."""
    acknowledges: bool = False
    cut_s: float = float("inf")
    """When it breaks off."""

    @property
    def end_s(self) -> float:
        return min(self.cut_s, self.start_s + self.take.length_s)


@dataclass(slots=True)
class _Draft:
    """A conversation that is being planted."""

    banks: dict[Speaker, Bank]
    random: np.random.Generator
    placed: list[_PlacedTake] = field(default_factory=list)
    events: list[PlantedEvent] = field(default_factory=list)
    free_s: dict[Speaker, float] = field(default_factory=lambda: {"learner": 0.0, "patient": 0.0})
    """When each voice has finished its last sentence."""
    last: Speaker | None = None
    """The speaker of the last turn."""

    def pick(self, who: Speaker, kind: SpokenKind) -> Take:
        takes = self.banks[who][kind]
        return takes[int(self.random.integers(len(takes)))]

    def place(self, take: Take, who: Speaker, start_s: float, acknowledges: bool = False) -> None:
        self.placed.append(_PlacedTake(take, who, start_s, acknowledges))
        self.free_s[who] = max(self.free_s[who], start_s + take.length_s)

    def turn(self, who: Speaker, start_s: float, length_s: float) -> list[_PlacedTake]:
        """Place sentences and pauses for about `length_s`, at least one sentence."""
        begun = len(self.placed)
        at_s = max(start_s, self.free_s[who] + 0.2)
        until_s = at_s + length_s
        kind: SpokenKind = "acknowledgements" if length_s < _MURMUR_S else "sentences"
        while True:
            if kind == "sentences" and self.random.random() < _FILLED:
                filler = self.pick(who, "fillers")
                self.place(filler, who, at_s)
                at_s += filler.length_s + self.pause_s()
            take = self.pick(who, kind)
            self.place(take, who, at_s)
            at_s += take.length_s + self.pause_s()
            if at_s + 0.8 > until_s:
                return self.placed[begun:]
            kind = "sentences"

    def pause_s(self) -> float:
        if self.random.random() < _LONG_SILENCE:
            return float(self.random.uniform(2.2, 6.0))
        return float(np.clip(self.random.lognormal(np.log(_PAUSE_S[0]), _PAUSE_S[1]), 0.2, 1.9))


def plant(
    skeleton: Sequence[SkeletonUtterance], banks: dict[Speaker, Bank], seed: int, length_s: float
) -> Planted:
    """Plant a conversation of about `length_s` seconds; equal seeds give equal ones."""
    draft = _Draft(banks, np.random.default_rng(seed))
    last_s = LEAD_S
    for utterance in skeleton:
        if last_s > length_s:
            break
        if utterance.acknowledges:
            continue  # acknowledgements are planted within long turns
        offset_s = min(utterance.offset_s, 4.0)
        if offset_s < -EARLIEST_S:  # transcribers' margins, and overlaps that are planted below
            offset_s = float(draft.random.uniform(-EARLIEST_S, 0.3))
        is_murmur = utterance.length_s < _MURMUR_S
        if -_TOUCH_S < offset_s < _TOUCH_S or (offset_s < 0.0 and is_murmur):
            offset_s = _TOUCH_S  # too close to be a gap or an overlap, or too short for a turn
        made = draft.turn(
            utterance.who, max(LEAD_S, last_s + offset_s), min(utterance.length_s, 20.0)
        )
        if made[0].start_s < last_s and draft.last != utterance.who:
            draft.events.append(PlantedEvent("early", utterance.who, made[0].start_s, last_s))
        draft.last = utterance.who
        last_s = _plant_listener_events(draft, made)
    return _render(draft)


def _other(who: Speaker) -> Speaker:
    return "patient" if who == "learner" else "learner"


def _plant_listener_events(draft: _Draft, made: list[_PlacedTake]) -> float:
    """Plant the listener's events during a turn; return when the turn ends."""
    listener = _other(made[0].who)
    for index, placed in enumerate(made):
        chance = float(draft.random.random())
        if chance < _INTERRUPTS and placed.take.length_s > 1.6:
            if (end_s := _interrupt(draft, listener, made, index)) is not None:
                return end_s
        elif chance < _INTERRUPTS + _ATTEMPTS:
            _attempt(draft, listener, placed)
        elif chance < _INTERRUPTS + _ATTEMPTS + _ACKNOWLEDGES:
            _acknowledge(draft, listener, placed, made[-1].end_s)
    return made[-1].end_s


def _is_sounding(placed: _PlacedTake, at_s: float) -> bool:
    inside = at_s - placed.start_s + placed.take.onset_s
    return any(a <= inside < b for a, b in placed.take.speech)


def _interrupt(
    draft: _Draft, listener: Speaker, made: list[_PlacedTake], index: int
) -> float | None:
    """Plant an interruption and return its end; None when the sentence is too short for it."""
    placed = made[index]
    overlap_s = float(np.clip(draft.random.lognormal(np.log(0.5), 0.4), 0.2, 1.2))
    latest_s = placed.end_s - overlap_s - 0.3
    start_s = float(
        draft.random.uniform(placed.start_s + 0.4, max(placed.start_s + 0.41, latest_s))
    )
    cut_s = start_s + overlap_s
    if start_s > latest_s or draft.free_s[listener] > start_s - 0.3:
        return None
    if not (_is_sounding(placed, start_s) and _is_sounding(placed, cut_s - 0.02)):
        return None
    placed.cut_s = cut_s
    dropped = {id(later) for later in made[index + 1 :]}
    draft.placed = [p for p in draft.placed if id(p) not in dropped]
    draft.free_s[placed.who] = cut_s
    kind: SpokenKind = "short" if draft.random.random() < _SHORT else "sentences"
    take = draft.pick(listener, kind)
    draft.place(take, listener, start_s)
    draft.events.append(PlantedEvent("interruption", listener, start_s, cut_s))
    draft.last = listener
    return start_s + take.length_s


def _attempt(draft: _Draft, listener: Speaker, placed: _PlacedTake) -> None:
    """Plant a start in the middle of a sentence, which the speaker continues."""
    short = draft.random.random() < _SHORT
    take = draft.pick(listener, "short" if short else "sentences")
    start_s = float(draft.random.uniform(placed.start_s + 0.4, placed.start_s + 0.9))
    end_s = start_s + take.length_s
    if draft.free_s[listener] > start_s - 0.3 or end_s + 0.3 > placed.end_s:
        return
    draft.place(take, listener, start_s)
    draft.events.append(PlantedEvent("attempt", listener, start_s, end_s))


def _acknowledge(draft: _Draft, listener: Speaker, placed: _PlacedTake, turn_end_s: float) -> None:
    """Plant an acknowledgement anywhere from the middle of a sentence to its last moment."""
    take = draft.pick(listener, "acknowledgements")
    if placed.take.length_s < 0.6:
        return
    start_s = placed.start_s + 0.3 + float(draft.random.uniform(0.0, placed.take.length_s - 0.35))
    if draft.free_s[listener] > start_s - 0.3 or start_s + take.length_s + 0.4 > turn_end_s:
        return
    draft.place(take, listener, start_s, acknowledges=True)
    draft.events.append(PlantedEvent("acknowledgement", listener, start_s, start_s + take.length_s))


# -- sound and truth ------------------------------------------------------------------------


def _render(draft: _Draft) -> Planted:
    end_s = max(placed.end_s for placed in draft.placed) + LEAD_S
    sound: dict[Speaker, Pcm] = {
        who: np.zeros(samples(end_s), np.float32) for who in ("learner", "patient")
    }
    turn_speech: dict[Speaker, list[tuple[float, float]]] = {"learner": [], "patient": []}
    acknowledgements: dict[Speaker, list[tuple[float, float]]] = {"learner": [], "patient": []}
    words: list[TimedWord] = []
    syllables: dict[Speaker, list[float]] = {"learner": [], "patient": []}
    for placed in draft.placed:
        at = samples(placed.start_s - placed.take.onset_s)
        by_s = at / RATE
        pcm = placed.take.pcm
        if placed.cut_s < by_s + pcm.size / RATE:
            pcm = faded(pcm[: samples(placed.cut_s - by_s)])
        sound[placed.who][at : at + pcm.size] += pcm
        spans = [
            (a + by_s, min(b + by_s, placed.cut_s))
            for a, b in placed.take.speech
            if a + by_s < placed.cut_s
        ]
        (acknowledgements if placed.acknowledges else turn_speech)[placed.who].extend(spans)
        words += [
            TimedWord(placed.who, w.text, w.start_s + by_s, w.end_s + by_s)
            for w in placed.take.words
            if w.end_s + by_s <= placed.cut_s
        ]
        syllables[placed.who] += [
            s + by_s for s in placed.take.syllables_s if s + by_s <= placed.cut_s
        ]
    return Planted(
        sound["learner"],
        sound["patient"],
        {who: intervals(pairs) for who, pairs in turn_speech.items()},
        {who: intervals(pairs) for who, pairs in acknowledgements.items()},
        tuple(sorted(draft.events, key=lambda event: event.start_s)),
        tuple(sorted(words, key=lambda word: word.start_s)),
        {who: tuple(sorted(ends)) for who, ends in syllables.items()},
    )
