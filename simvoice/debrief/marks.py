"""Marks on the timeline: notable moments of timing, each with a sentence."""

from __future__ import annotations

from simvoice.debrief.model import TimingMark, Who
from simvoice.debrief.wording import count_noun, duration
from simvoice.reading.reading import Reading
from simvoice.record.events import Backchannel, Delay, Hold, Interruption, SimultaneousStart
from simvoice.timing.silences import Silence, Wait, machine_share_s
from simvoice.timing.turns import PAUSE_S, Between

_GAP_S = 0.2
"""Shortest gap that is marked, in seconds. Shorter gaps are normal in conversation."""
_MACHINE_S = 0.2
"""Shortest delay of the machine that is marked, in seconds."""


def timing_marks(reading: Reading, name: str) -> list[TimingMark]:
    """Return the marks in order of time. name: the patient's name."""
    marks = [
        *_betweens(reading, name),
        *_silences(reading, name),
        *_holds(reading, name),
        *_interruptions(reading, name),
        *_simultaneous_starts(reading, name),
        *_backchannels(reading),
        *_machine_delays(reading),
    ]
    return sorted(marks, key=lambda mark: (mark.start_s, mark.end_s, mark.kind))


def _betweens(reading: Reading, name: str) -> list[TimingMark]:
    silences = {(s.start_s, s.end_s) for s in reading.timeline.silences}
    marks = []
    for stretch in reading.timeline.between:
        if (stretch.start_s, stretch.end_s) in silences:
            continue
        if stretch.kind == "pause" and stretch.length_s >= PAUSE_S and not _held(stretch, reading):
            marks.append(_pause(stretch, name))
        elif stretch.kind == "gap" and not _held(stretch, reading):
            marks += _gap(stretch, reading, name)
        elif not stretch.is_silence:
            label = f"You and {name} both spoke for {duration(stretch.length_s)}."
            marks.append(_mark(stretch, "overlap", label, stretch.length_s, breaker=stretch.after))
    return marks


def _held(stretch: Between, reading: Reading) -> bool:
    """Whether the stretch is mostly part of a hold, which has its own mark."""
    return any(
        min(stretch.end_s, hold.end_s) - max(stretch.start_s, hold.start_s) > 0.5 * stretch.length_s
        for hold in reading.of(Hold)
    )


def _pause(stretch: Between, name: str) -> TimingMark:
    who = "You" if stretch.before == "learner" else name
    label = f"{who} paused for {duration(stretch.length_s)}."
    return _mark(stretch, "pause", label, stretch.length_s, owner=stretch.before)


def _gap(stretch: Between, reading: Reading, name: str) -> list[TimingMark]:
    machine_s = machine_share_s(stretch.start_s, stretch.end_s, reading.speech_times.waits)
    length_s = stretch.length_s - (machine_s if stretch.after == "patient" else 0.0)
    if length_s < _GAP_S:
        return []
    first, second = (name, "You") if stretch.after == "learner" else ("you", name)
    label = f"{second} began {duration(length_s)} after {first} finished."
    return [_mark(stretch, "gap", label, length_s, owner=stretch.after, breaker=stretch.after)]


def _mark(
    stretch: Between,
    kind: str,
    label: str,
    length_s: float,
    *,
    owner: Who | None = None,
    breaker: Who | None = None,
) -> TimingMark:
    return TimingMark.model_validate(
        {
            "kind": kind,
            "start_s": stretch.start_s,
            "end_s": stretch.end_s,
            "label": label,
            "length_s": length_s,
            "owner": owner,
            "breaker": breaker,
        }
    )


def _silences(reading: Reading, name: str) -> list[TimingMark]:
    return [
        TimingMark(
            kind="silence",
            start_s=silence.start_s,
            end_s=silence.end_s,
            label=_silence_label(silence, name),
            owner=silence.owner,
            breaker=silence.breaker,
            silence=silence.kind,
            length_s=silence.length_s,
        )
        for silence in reading.timeline.silences
        if silence.kind != "hold"
    ]


def _silence_label(silence: Silence, name: str) -> str:
    length = duration(silence.length_s)
    broke = {"learner": "you spoke", "patient": f"{name} spoke", None: "someone spoke"}
    labels = {
        "chosen": f"{name} chose to stay silent for {length}; then {broke[silence.breaker]}.",
        "answering": f"{name} took {length} to answer.",
        "after_news": f"Silence of {length} after the news; then {broke[silence.breaker]}.",
        "after_cue": f"{name} showed a feeling; you spoke after {length}.",
        "after_question": f"{name} asked a question; you answered after {length}.",
        "after_statement": f"{name} finished speaking; you spoke after {length}.",
        "unanswered": f"It was your turn for {length}; then {name} continued.",
        "unclear": f"No one spoke for {length}.",
        "hold": f"{name} fell silent for {length}.",
    }
    if silence.kind == "mid_turn":
        who = "You" if silence.owner == "learner" else name
        return f"{who} paused for {length} and then continued."
    return labels[silence.kind]


def _holds(reading: Reading, name: str) -> list[TimingMark]:
    marks = []
    for hold in reading.of(Hold):
        length_s = hold.end_s - hold.start_s
        ending = (
            f"and you let the silence last {duration(length_s)}"
            if hold.outcome == "held"
            else f"and you spoke after {duration(length_s)}"
        )
        marks.append(
            TimingMark(
                kind="hold",
                start_s=hold.start_s,
                end_s=hold.end_s,
                label=f"{name} fell silent, {ending}.",
                owner="patient",
                breaker="learner" if hold.outcome == "filled" else "patient",
                silence="hold",
                outcome=hold.outcome,
                length_s=length_s,
            )
        )
    return marks


def _interruptions(reading: Reading, name: str) -> list[TimingMark]:
    return [
        TimingMark(
            kind="interruption",
            start_s=entry.start_s,
            end_s=max(entry.start_s, entry.stopped_s),
            label=_interruption_label(entry, name),
            owner="learner",
            length_s=max(0.0, entry.stopped_s - entry.start_s),
            words_lost=entry.lost_words,
            seconds_lost=entry.lost_s,
        )
        for entry in reading.of(Interruption)
    ]


def _interruption_label(entry: Interruption, name: str) -> str:
    if entry.lost_words == 0:
        return f"You interrupted {name} in the middle of the last word."
    left = f"{count_noun(entry.lost_words, 'word')} ({duration(entry.lost_s)})"
    return f"You interrupted {name}, who had {left} left to say."


def _simultaneous_starts(reading: Reading, name: str) -> list[TimingMark]:
    return [
        TimingMark(
            kind="together",
            start_s=entry.start_s,
            end_s=max(entry.start_s, entry.stopped_s),
            label=f"You and {name} started at the same time; {name} stopped.",
            length_s=max(0.0, entry.stopped_s - entry.start_s),
            words_lost=entry.lost_words,
            seconds_lost=entry.lost_s,
        )
        for entry in reading.of(SimultaneousStart)
    ]


def _backchannels(reading: Reading) -> list[TimingMark]:
    return [
        TimingMark(
            kind="backchannel",
            start_s=entry.start_s,
            end_s=entry.end_s,
            label=f"You showed that you were listening: “{entry.text}”."
            if entry.text
            else "You showed that you were listening.",
            owner="learner",
            length_s=entry.end_s - entry.start_s,
        )
        for entry in reading.of(Backchannel)
    ]


def _machine_delays(reading: Reading) -> list[TimingMark]:
    marks = []
    for entry in reading.of(Delay):
        own_s = Wait(entry.speech_end_s, entry.first_sound_s, entry.chosen_silence_s).machine_s
        if own_s >= _MACHINE_S:
            marks.append(
                TimingMark(
                    kind="machine",
                    start_s=entry.speech_end_s,
                    end_s=entry.speech_end_s + own_s,
                    label=f"The machine took {duration(own_s)} to answer; this is not counted.",
                    length_s=own_s,
                )
            )
    return marks
