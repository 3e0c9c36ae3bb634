"""A conversation of which everything is known: grown on a skeleton, spoken by two voices.

What is planted beyond turns and pauses carries its name:

- acknowledgement: a short sound of the listener's while the speaker goes on;
- early: the next speaker begins in the last moments of a turn that was being finished;
- interruption: the listener begins in the middle of a sentence, and the speaker breaks off in it;
- attempt: the listener begins in the middle of a sentence and the speaker goes on regardless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from simvoice.audio import RATE, Pcm, samples
from simvoice.research.calibrate.clips import Bank, Take, faded
from simvoice.research.calibrate.clips import ClipKind as Spoken
from simvoice.research.calibrate.skeleton import SkeletonUtterance
from simvoice.timing.intervals import Intervals, intervals
from simvoice.timing.turns import Speaker, TimedWord

PlantedKind = Literal["acknowledgement", "early", "interruption", "attempt"]

LEAD_S = 1.0
"""Seconds before the first and after the last sound."""
EARLIEST_S = 0.4
"""Seconds by which a finished turn is overlapped at most; who begins sooner interrupts."""
_TOUCH_S = 0.06
_MURMUR_S = 0.9
"""Utterances as short are single words: answers, thanks."""
_PAUSE_S = (0.45, 0.55)
"""Median, and deviation of the logarithm, of pauses within a turn."""
_LONG_SILENCE = 0.04
"""Share of pauses that are silences of 2 to 6 s, so that there are some to be found."""
_ACKNOWLEDGES = 0.35
"""A long turn is acknowledged again and again with this probability at each of its sentences."""
_INTERRUPTS = 0.2
"""More often than people do it, so that there are some to be told apart in every conversation."""
_ATTEMPTS = 0.1
_FILLED = 0.1
"""Share of sentences with a filled pause before them."""
_SHORT = 0.15
"""Share of interruptions that are as short as "But why?"."""


@dataclass(frozen=True, slots=True)
class PlantedEvent:
    """Something planted where both speak."""

    kind: PlantedKind
    by: Speaker
    start_s: float
    end_s: float
    """Where the interrupted one falls silent; else where the one who began ends."""


@dataclass(frozen=True, eq=False)
class Planted:
    """Two clean channels and the truth of them."""

    learner: Pcm
    patient: Pcm
    floor: dict[Speaker, Intervals]
    """Where each one speaks, without acknowledgements."""
    acknowledgements: dict[Speaker, Intervals]
    events: tuple[PlantedEvent, ...]
    words: tuple[TimedWord, ...]
    syllables_s: dict[Speaker, tuple[float, ...]]
    """When each syllable ends."""

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.learner.size / RATE

    def channel(self, who: Speaker) -> Pcm:
        """One speaker's sound."""
        return self.learner if who == "learner" else self.patient


@dataclass(slots=True)
class _Placed:
    take: Take
    who: Speaker
    start_s: float
    """Where its first sound lies."""
    acknowledges: bool = False
    cut_s: float = float("inf")
    """Where it breaks off."""

    @property
    def end_s(self) -> float:
        return min(self.cut_s, self.start_s + self.take.length_s)


@dataclass(slots=True)
class _Stage:
    """A conversation in the making."""

    banks: dict[Speaker, Bank]
    random: np.random.Generator
    placed: list[_Placed] = field(default_factory=list)
    events: list[PlantedEvent] = field(default_factory=list)
    free_s: dict[Speaker, float] = field(default_factory=lambda: {"learner": 0.0, "patient": 0.0})
    """From when on each voice is free again."""
    last: Speaker | None = None
    """Who had the floor last."""

    def pick(self, who: Speaker, kind: Spoken) -> Take:
        takes = self.banks[who][kind]
        return takes[int(self.random.integers(len(takes)))]

    def place(self, take: Take, who: Speaker, start_s: float, acknowledges: bool = False) -> None:
        self.placed.append(_Placed(take, who, start_s, acknowledges))
        self.free_s[who] = max(self.free_s[who], start_s + take.length_s)

    def turn(self, who: Speaker, start_s: float, length_s: float) -> list[_Placed]:
        """Sentences and pauses for about `length_s`; at least one."""
        begun = len(self.placed)
        at_s = max(start_s, self.free_s[who] + 0.2)
        until_s = at_s + length_s
        kind: Spoken = "acknowledgements" if length_s < _MURMUR_S else "sentences"
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
    """Grow a conversation of about `length_s` seconds; equal seeds give equal ones."""
    stage = _Stage(banks, np.random.default_rng(seed))
    last_s = LEAD_S
    for beat in skeleton:
        if last_s > length_s:
            break
        if beat.acknowledges:
            continue  # a long turn brings its own
        offset_s = min(beat.offset_s, 4.0)
        if offset_s < -EARLIEST_S:  # transcribers' margins, and overlaps that are planted below
            offset_s = float(stage.random.uniform(-EARLIEST_S, 0.3))
        if -_TOUCH_S < offset_s < _TOUCH_S or (offset_s < 0.0 and beat.length_s < _MURMUR_S):
            offset_s = _TOUCH_S  # too close to be called either, or too short to claim the floor
        made = stage.turn(beat.who, max(LEAD_S, last_s + offset_s), min(beat.length_s, 20.0))
        if made[0].start_s < last_s and stage.last != beat.who:
            stage.events.append(PlantedEvent("early", beat.who, made[0].start_s, last_s))
        stage.last = beat.who
        last_s = _listen(stage, made)
    return _render(stage)


def _other(who: Speaker) -> Speaker:
    return "patient" if who == "learner" else "learner"


def _listen(stage: _Stage, made: list[_Placed]) -> float:
    """What the listener does during a turn; returns when the floor is free again."""
    listener = _other(made[0].who)
    for index, placed in enumerate(made):
        chance = float(stage.random.random())
        if chance < _INTERRUPTS and placed.take.length_s > 1.6:
            if (end_s := _interrupt(stage, listener, made, index)) is not None:
                return end_s
        elif chance < _INTERRUPTS + _ATTEMPTS:
            _attempt(stage, listener, placed)
        elif chance < _INTERRUPTS + _ATTEMPTS + _ACKNOWLEDGES:
            _acknowledge(stage, listener, placed, made[-1].end_s)
    return made[-1].end_s


def _is_sounding(placed: _Placed, at_s: float) -> bool:
    inside = at_s - placed.start_s + placed.take.onset_s
    return any(a <= inside < b for a, b in placed.take.speech)


def _interrupt(stage: _Stage, listener: Speaker, made: list[_Placed], index: int) -> float | None:
    """Begin in the middle of a sentence, which then breaks off. None when there is no room."""
    placed = made[index]
    overlap_s = float(np.clip(stage.random.lognormal(np.log(0.5), 0.4), 0.2, 1.2))
    latest_s = placed.end_s - overlap_s - 0.3
    start_s = float(
        stage.random.uniform(placed.start_s + 0.4, max(placed.start_s + 0.41, latest_s))
    )
    cut_s = start_s + overlap_s
    if start_s > latest_s or stage.free_s[listener] > start_s - 0.3:
        return None
    if not (_is_sounding(placed, start_s) and _is_sounding(placed, cut_s - 0.02)):
        return None
    placed.cut_s = cut_s
    dropped = {id(later) for later in made[index + 1 :]}
    stage.placed = [p for p in stage.placed if id(p) not in dropped]
    stage.free_s[placed.who] = cut_s
    kind: Spoken = "short" if stage.random.random() < _SHORT else "sentences"
    take = stage.pick(listener, kind)
    stage.place(take, listener, start_s)
    stage.events.append(PlantedEvent("interruption", listener, start_s, cut_s))
    stage.last = listener
    return start_s + take.length_s


def _attempt(stage: _Stage, listener: Speaker, placed: _Placed) -> None:
    """Begin in the middle of a sentence and be talked over."""
    short = stage.random.random() < _SHORT
    take = stage.pick(listener, "short" if short else "sentences")
    start_s = float(stage.random.uniform(placed.start_s + 0.4, placed.start_s + 0.9))
    end_s = start_s + take.length_s
    if stage.free_s[listener] > start_s - 0.3 or end_s + 0.3 > placed.end_s:
        return
    stage.place(take, listener, start_s)
    stage.events.append(PlantedEvent("attempt", listener, start_s, end_s))


def _acknowledge(stage: _Stage, listener: Speaker, placed: _Placed, turn_end_s: float) -> None:
    """A short sound anywhere from the middle of a sentence to its last moment."""
    take = stage.pick(listener, "acknowledgements")
    if placed.take.length_s < 0.6:
        return
    start_s = placed.start_s + 0.3 + float(stage.random.uniform(0.0, placed.take.length_s - 0.35))
    if stage.free_s[listener] > start_s - 0.3 or start_s + take.length_s + 0.4 > turn_end_s:
        return
    stage.place(take, listener, start_s, acknowledges=True)
    stage.events.append(PlantedEvent("acknowledgement", listener, start_s, start_s + take.length_s))


# -- sound and truth ------------------------------------------------------------------------


def _render(stage: _Stage) -> Planted:
    end_s = max(placed.end_s for placed in stage.placed) + LEAD_S
    sound: dict[Speaker, Pcm] = {
        who: np.zeros(samples(end_s), np.float32) for who in ("learner", "patient")
    }
    floor: dict[Speaker, list[tuple[float, float]]] = {"learner": [], "patient": []}
    murmured: dict[Speaker, list[tuple[float, float]]] = {"learner": [], "patient": []}
    words: list[TimedWord] = []
    syllables: dict[Speaker, list[float]] = {"learner": [], "patient": []}
    for placed in stage.placed:
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
        (murmured if placed.acknowledges else floor)[placed.who].extend(spans)
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
        {who: intervals(pairs) for who, pairs in floor.items()},
        {who: intervals(pairs) for who, pairs in murmured.items()},
        tuple(sorted(stage.events, key=lambda event: event.start_s)),
        tuple(sorted(words, key=lambda word: word.start_s)),
        {who: tuple(sorted(ends)) for who, ends in syllables.items()},
    )
