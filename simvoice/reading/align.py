"""Move the times of a journal to what the ear hears.

During an encounter, the journal is written with the times at hand: a learner's turn ends when the
voice detector says so, and a line of the patient ends with its clip. A listener hears the first and
the last sound of a voice. This module finds these moments and moves every entry that is timed by
them, so that all readers of a record use one time base.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from simvoice.record.events import (
    Backchannel,
    Delay,
    DeliveredWord,
    Hold,
    Interruption,
    JournalEntry,
    LearnerTurn,
    PatientSpeech,
    SimultaneousStart,
)
from simvoice.rounding import round_seconds
from simvoice.timing.intervals import Intervals, bridge, intersect, intervals, union

SAME_S = 0.3
"""Largest difference between the live and the detected time of one onset or end of the learner's
voice, seconds."""

WORD_BRIDGE_S = 0.15
"""Longest time between two words of the patient within one stretch of voice, seconds: the closure
before a stop, not a pause."""

_FADE_S = 0.1
"""Seconds by which a line may sound after its journal entry ends: the detector averages over
frames."""

_TICK_S = 0.0015
"""Largest difference between two journal times that mean the same moment: both are rounded to 1 ms.
"""

_Timed = TypeVar("_Timed", LearnerTurn, Backchannel, PatientSpeech)


@dataclass(slots=True)
class _Moves:
    """From journal times of one speaker to heard times, session seconds."""

    onsets: dict[float, float] = field(default_factory=dict)
    ends: dict[float, float] = field(default_factory=dict)

    def onset(self, at_s: float) -> float:
        return _moved(self.onsets, at_s)

    def end(self, at_s: float) -> float:
        return _moved(self.ends, at_s)

    def add(self, before: _Timed, after: _Timed) -> None:
        self.onsets[before.start_s] = after.start_s
        self.ends[before.end_s] = after.end_s


def _moved(moves: Mapping[float, float], at_s: float) -> float:
    """The heard time of a journal time; the same time when it is not one of these moments."""
    nearest = min(moves, key=lambda known: abs(known - at_s), default=None)
    if nearest is None or abs(nearest - at_s) > _TICK_S:
        return at_s
    return moves[nearest]


def patient_word_intervals(entries: Iterable[JournalEntry]) -> Intervals:
    """The patient's speech by the journal alone: its words, with closures bridged.

    A line without word times counts from its start to its end.
    """
    spoken = intervals([])
    for entry in entries:
        if not isinstance(entry, PatientSpeech):
            continue
        extent = intervals([(entry.start_s, entry.end_s)])
        words = intervals([(word.start_s, word.end_s) for word in entry.words])
        part = intersect(bridge(words, WORD_BRIDGE_S), extent) if len(words) else extent
        spoken = union(spoken, part)
    return spoken


def align(
    entries: Sequence[JournalEntry], patient: Intervals, learner: Intervals | None
) -> tuple[JournalEntry, ...]:
    """The journal with its entries at the times of the first and last sound of each voice.

    patient, learner: all speech of each speaker, session seconds. learner: None leaves the
    learner's times as they are. Entries keep their order.
    """
    learner_moves, patient_moves = _Moves(), _Moves()
    found: dict[int, JournalEntry] = {}
    for entry in entries:
        if isinstance(entry, PatientSpeech):
            heard = _patient_speech(entry, patient)
            patient_moves.add(entry, heard)
            found[id(entry)] = heard
        elif isinstance(entry, LearnerTurn) and learner is not None and not entry.is_typed:
            found[id(entry)] = own = _learner_speech(entry, learner)
            learner_moves.add(entry, own)
        elif isinstance(entry, Backchannel) and learner is not None:
            found[id(entry)] = acknowledged = _learner_speech(entry, learner)
            learner_moves.add(entry, acknowledged)
    return tuple(
        found[id(entry)] if id(entry) in found else _follow(entry, learner_moves, patient_moves)
        for entry in entries
    )


def _patient_speech(entry: PatientSpeech, patient: Intervals) -> PatientSpeech:
    heard = intersect(patient, intervals([(entry.start_s, entry.end_s + _FADE_S)]))
    if len(heard) == 0:
        return entry
    start_s, end_s = round_seconds(heard[0, 0]), round_seconds(heard[-1, 1])
    words = tuple(_inside(word, start_s, end_s) for word in entry.words)
    return entry.model_copy(update={"start_s": start_s, "end_s": end_s, "words": words})


def _inside(word: DeliveredWord, start_s: float, end_s: float) -> DeliveredWord:
    """The word, cut to the line's sound."""
    first, last = (min(max(at_s, start_s), end_s) for at_s in (word.start_s, word.end_s))
    if (first, last) == (word.start_s, word.end_s):
        return word
    return word.model_copy(update={"start_s": first, "end_s": last})


def _learner_speech(entry: _Timed, learner: Intervals) -> _Timed:
    """The turn from its first to its last sound.

    A stretch of sound that reaches far beyond the entry is noise, or another turn, at that side;
    there the live time stays.
    """
    touching = learner[(learner[:, 1] > entry.start_s) & (learner[:, 0] < entry.end_s)]
    if len(touching) == 0:
        return entry
    first, last = float(touching[0, 0]), float(touching[-1, 1])
    start_s = first if abs(first - entry.start_s) <= SAME_S else entry.start_s
    end_s = last if abs(last - entry.end_s) <= SAME_S else entry.end_s
    if end_s <= start_s:
        return entry
    return entry.model_copy(
        update={"start_s": round_seconds(start_s), "end_s": round_seconds(end_s)}
    )


def _follow(entry: JournalEntry, learner: _Moves, patient: _Moves) -> JournalEntry:
    """An entry whose times are those of turns and lines, moved with them."""
    match entry:
        case Interruption() | SimultaneousStart():
            start_s = learner.onset(entry.start_s)
            changed = {
                "start_s": start_s,
                "stopped_s": max(start_s, patient.end(entry.stopped_s)),
            }
        case Hold():
            start_s = patient.end(entry.start_s)
            until = _first_change(entry.end_s, learner.onset, patient.onset)
            changed = {"start_s": start_s, "end_s": max(start_s, until)}
        case Delay():
            changed = {
                "speech_end_s": learner.end(entry.speech_end_s),
                "first_sound_s": patient.onset(entry.first_sound_s),
            }
        case _:
            return entry
    return entry.model_copy(update=changed)


def _first_change(at_s: float, *moves: Callable[[float], float]) -> float:
    return next((moved for move in moves if (moved := move(at_s)) != at_s), at_s)
