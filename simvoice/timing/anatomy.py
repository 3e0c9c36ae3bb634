"""A conversation taken apart: everything that follows from who spoke when."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simvoice.timing.intervals import Intervals, empty, intersect, intervals, total_s, union
from simvoice.timing.silences import Held, Silence, Utterance, Wait, machine_share_s, silences
from simvoice.timing.turns import (
    PAUSE_S,
    Between,
    Speaker,
    StateInterval,
    Turn,
    betweens,
    stretches,
    turns,
)


@dataclass(frozen=True, eq=False)
class SpeechTimes:
    """What was spoken when, session seconds: the input of every timing measure."""

    learner: Intervals
    """The learner's speech without backchannels."""
    patient: Intervals
    """The patient's speech as heard, likewise."""
    start_s: float
    end_s: float
    """The encounter lasted from `start_s` to `end_s`."""
    backchannels: Intervals = field(default_factory=empty)
    """The learner's short acknowledgements: speech, but no bid for the floor."""
    patient_backchannels: Intervals = field(default_factory=empty)
    """The patient's, where they are told apart; else they lie in `patient`."""
    waits: tuple[Wait, ...] = ()
    holds: tuple[Held, ...] = ()
    utterances: tuple[Utterance, ...] = ()
    """Empty when only sound is known."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """The parts of a conversation; computed on first use."""

    spoken: SpeechTimes

    @cached_property
    def row(self) -> list[StateInterval]:
        """The four states, without backchannels, as one unbroken row."""
        said = self.spoken
        return stretches(said.learner, said.patient, said.start_s, said.end_s)

    @cached_property
    def between(self) -> list[Between]:
        """Pauses, gaps and overlaps."""
        return betweens(self.row)

    @cached_property
    def turns(self) -> list[Turn]:
        """Turns of both, in order."""
        return turns(self.spoken.learner, self.spoken.patient)

    @cached_property
    def silences(self) -> list[Silence]:
        """Silences of two seconds and more, without the machine's share."""
        said = self.spoken
        return silences(
            self.between, waits=said.waits, holds=said.holds, utterances=said.utterances
        )

    def speech_s(self, who: Speaker) -> float:
        """Seconds of one speaker's voice, backchannels included."""
        said = self.spoken
        own = union(*self._lanes(who))
        return total_s(intersect(own, intervals([(said.start_s, said.end_s)])))

    def _lanes(self, who: Speaker) -> tuple[Intervals, Intervals]:
        """One speaker's speech and acknowledgements."""
        said = self.spoken
        if who == "learner":
            return said.learner, said.backchannels
        return said.patient, said.patient_backchannels

    def floor_share(self, who: Speaker) -> float | None:
        """0..1: one speaker's share of the time in which somebody had the floor, pauses within
        turns included; None without a turn."""
        held = [turn.length_s for turn in self.turns if turn.who == who]
        both_s = sum(turn.length_s for turn in self.turns)
        return sum(held) / both_s if both_s > 0.0 else None

    def talk_share(self, who: Speaker) -> float | None:
        """0..1: one speaker's share of all speech; None when nobody spoke."""
        both_s = self.speech_s("learner") + self.speech_s("patient")
        return self.speech_s(who) / both_s if both_s > 0.0 else None

    def pauses_s(self, who: Speaker, at_least_s: float = PAUSE_S) -> NDArray[np.float64]:
        """float64 [n]: lengths of one speaker's pauses.

        A silence between two utterances of hers that the other one was due to answer is not a
        pause; neither is a hold. What is left of Heldner & Edlund's pauses is returned.
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
        """float64 [n]: floor transfer offsets with which one speaker took over, seconds.

        Negative where they began before the other had ended. The machine's own delay is taken
        off the patient's; a hold the patient chose is no slow answer of the learner's, so those
        are left out.
        """
        held = {(s.start_s, s.end_s) for s in self.silences if s.kind == "hold"}
        offsets = []
        for stretch in self.between:
            offset = stretch.transfer_s
            if offset is None or stretch.after != to or (stretch.start_s, stretch.end_s) in held:
                continue
            if to == "learner" and self._in_hold(stretch):
                continue
            if to == "patient" and stretch.kind == "gap":
                offset -= machine_share_s(stretch.start_s, stretch.end_s, self.spoken.waits)
            offsets.append(offset)
        return np.array(offsets, dtype=np.float64)

    def _in_hold(self, stretch: Between) -> bool:
        """Whether it lies in a hold, also one filled so soon that it made no silence."""
        return any(
            min(stretch.end_s, hold.end_s) - max(stretch.start_s, hold.start_s)
            > 0.5 * stretch.length_s
            for hold in self.spoken.holds
        )

    def overlaps(self) -> list[Between]:
        """Stretches in which both spoke, of every kind."""
        return [b for b in self.between if not b.is_silence]

    def longest_turn(self, who: Speaker) -> Turn | None:
        """One speaker's longest turn: the longest monologue; None without a turn."""
        own = [turn for turn in self.turns if turn.who == who]
        return max(own, key=lambda turn: turn.length_s, default=None)
