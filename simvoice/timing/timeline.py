"""The timeline of a conversation: everything that follows from who spoke when."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simvoice.timing.intervals import Intervals, empty, intersect, intervals, total_s, union
from simvoice.timing.silences import (
    HoldInterval,
    Silence,
    Utterance,
    Wait,
    machine_share_s,
    silences,
)
from simvoice.timing.turns import (
    PAUSE_S,
    Between,
    Speaker,
    StateInterval,
    Turn,
    gaps_and_overlaps,
    state_intervals,
    turns,
)


@dataclass(frozen=True, eq=False)
class SpeechTimes:
    """When each speaker spoke, session seconds: the input of every timing measure."""

    learner: Intervals
    """The learner's speech without backchannels."""
    patient: Intervals
    """The patient's speech as it was played, without backchannels where these are known."""
    start_s: float
    end_s: float
    """Start and end of the encounter."""
    backchannels: Intervals = field(default_factory=empty)
    """The learner's short acknowledgements: speech that does not ask for the turn."""
    patient_backchannels: Intervals = field(default_factory=empty)
    """The patient's backchannels where they are known; otherwise `patient` includes them."""
    waits: tuple[Wait, ...] = ()
    holds: tuple[HoldInterval, ...] = ()
    asides: Intervals = field(default_factory=empty)
    """Times in which no one was to speak: the learner typed, or the clock was held."""
    utterances: tuple[Utterance, ...] = ()
    """Empty when only sound is known."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """States, turns and silences of a conversation, each computed on first use."""

    speech_times: SpeechTimes

    @cached_property
    def states(self) -> list[StateInterval]:
        """The four states without backchannels, in order and without a break."""
        times = self.speech_times
        return state_intervals(times.learner, times.patient, times.start_s, times.end_s)

    @cached_property
    def between(self) -> list[Between]:
        """Pauses, gaps and overlaps."""
        return gaps_and_overlaps(self.states, self.speech_times.asides)

    @cached_property
    def turns(self) -> list[Turn]:
        """Turns of both speakers, in order."""
        times = self.speech_times
        return turns(times.learner, times.patient, times.asides)

    @cached_property
    def silences(self) -> list[Silence]:
        """Silences of two seconds and more, the machine's own delay left out."""
        times = self.speech_times
        return silences(
            self.between, waits=times.waits, holds=times.holds, utterances=times.utterances
        )

    def speech_s(self, who: Speaker) -> float:
        """Seconds of one speaker's speech, backchannels included."""
        times = self.speech_times
        own = union(*self._speech_and_backchannels(who))
        return total_s(intersect(own, intervals([(times.start_s, times.end_s)])))

    def _speech_and_backchannels(self, who: Speaker) -> tuple[Intervals, Intervals]:
        times = self.speech_times
        if who == "learner":
            return times.learner, times.backchannels
        return times.patient, times.patient_backchannels

    def floor_share(self, who: Speaker) -> float | None:
        """One speaker's share of the time of all turns, 0..1, pauses within turns included; None
        without a turn."""
        own_s = sum(turn.length_s for turn in self.turns if turn.who == who)
        both_s = sum(turn.length_s for turn in self.turns)
        return own_s / both_s if both_s > 0.0 else None

    def talk_share(self, who: Speaker) -> float | None:
        """One speaker's share of all speech, 0..1; None when no one spoke."""
        both_s = self.speech_s("learner") + self.speech_s("patient")
        return self.speech_s(who) / both_s if both_s > 0.0 else None

    def pauses_s(self, who: Speaker, at_least_s: float = PAUSE_S) -> NDArray[np.float64]:
        """float64 [n]: lengths of one speaker's pauses.

        These are the pauses of Heldner & Edlund 2010, without holds and without silences in which
        the other speaker was due to answer.
        """
        others = {(s.start_s, s.end_s) for s in self.silences if s.kind != "mid_turn"}
        return np.array(
            [
                b.length_s
                for b in self.between
                if b.kind == "pause"
                and b.before == who
                and b.length_s >= at_least_s
                and (b.start_s, b.end_s) not in others
            ],
            dtype=np.float64,
        )

    def transfers_s(self, to: Speaker) -> NDArray[np.float64]:
        """float64 [n]: floor transfer offsets with which one speaker took the turn, seconds.

        Negative where that speaker began before the other had ended. The machine's own delay is
        subtracted from the patient's offsets. Holds are left out of the learner's: they are not
        slow answers.
        """
        held = {(s.start_s, s.end_s) for s in self.silences if s.kind == "hold"}
        offsets = []
        for stretch in self.between:
            offset = stretch.transfer_s
            if offset is None or stretch.after != to or (stretch.start_s, stretch.end_s) in held:
                continue
            if to == "learner" and self.is_in_hold(stretch.start_s, stretch.end_s):
                continue
            if to == "patient" and stretch.kind == "gap":
                offset -= machine_share_s(stretch.start_s, stretch.end_s, self.speech_times.waits)
            offsets.append(offset)
        return np.array(offsets, dtype=np.float64)

    def is_in_hold(self, start_s: float, end_s: float) -> bool:
        """Whether more than half of a stretch is in a hold, even a hold too short for a silence."""
        return any(
            min(end_s, hold.end_s) - max(start_s, hold.start_s) > 0.5 * (end_s - start_s)
            for hold in self.speech_times.holds
        )

    def overlaps(self) -> list[Between]:
        """Stretches in which both spoke, of every kind."""
        return [b for b in self.between if not b.is_silence]

    def longest_turn(self, who: Speaker) -> Turn | None:
        """One speaker's longest turn; None without a turn."""
        own = [turn for turn in self.turns if turn.who == who]
        return max(own, key=lambda turn: turn.length_s, default=None)
