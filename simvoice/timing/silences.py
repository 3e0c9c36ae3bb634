"""Silences of two seconds and more: who owns each one, its kind, and who broke it.

Two seconds is the threshold of Bartels et al. 2016 and Gramling et al. 2022
(doi 10.1016/j.pec.2021.10.032). The machine's own delay is not part of a silence: it is subtracted
before a stretch is compared with the threshold. A silence that the patient chose belongs to the
patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from simvoice.timing.turns import Between, Speaker

SILENCE_S = 2.0
"""Shortest stretch without speech that counts as a silence, seconds."""

_NEAR_S = 0.05
"""Largest difference between the detected and the recorded edge of an utterance, seconds."""

SilenceKind = Literal[
    "hold",
    "chosen",
    "answering",
    "after_news",
    "after_cue",
    "after_question",
    "after_statement",
    "unanswered",
    "mid_turn",
    "unclear",
]
"""hold: the patient kept silent after hard news. chosen: the patient chose to wait before speaking.
answering: the patient took that long to answer. after_news: the learner had told the news, and the
patient was due to speak. after_cue: the patient had shown a feeling or a worry, other than in a
question, and the learner was due to speak. after_question: the learner took that long to answer
one, or gave no answer until the patient spoke again. after_statement: the learner took that long to
speak. unanswered: the learner said nothing to a statement, and the patient continued. mid_turn: the
speaker stopped and continued. unclear: both stopped or began at once."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The time before one answer of the patient, from the record, session seconds."""

    start_s: float
    """End of the learner's speech."""
    end_s: float
    """First sound of the answer."""
    chosen_s: float
    """Seconds of the wait that the patient chose."""

    @property
    def machine_s(self) -> float:
        """Seconds of the wait that the machine needed."""
        return max(0.0, self.end_s - self.start_s - max(0.0, self.chosen_s))


@dataclass(frozen=True, slots=True)
class HoldInterval:
    """A hold: a silence that the patient keeps after hard news, session seconds."""

    start_s: float
    end_s: float
    outcome: Literal["held", "filled"]


@dataclass(frozen=True, slots=True)
class Utterance:
    """Speech of one speaker that belongs together, pauses included, session seconds."""

    who: Speaker
    start_s: float
    end_s: float
    is_question: bool = False
    is_news: bool = False
    """The learner tells the news in it."""
    is_cue: bool = False
    """The patient shows a feeling or a worry in it (VR-CoDES: a cue or concern)."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence of `SILENCE_S` or more after the machine's delay is subtracted."""

    start_s: float
    end_s: float
    length_s: float
    """Seconds without the machine's own delay."""
    machine_s: float
    """Seconds of the stretch that the machine needed."""
    owner: Speaker | None
    """Who was due to speak, or who chose the silence; None when that is unclear."""
    kind: SilenceKind
    breaker: Speaker | None
    """Who spoke first after it."""
    outcome: Literal["held", "filled"] | None = None
    """Only for a hold."""


def silences(
    between: Sequence[Between],
    *,
    waits: Sequence[Wait] = (),
    holds: Sequence[HoldInterval] = (),
    utterances: Sequence[Utterance] = (),
    at_least_s: float = SILENCE_S,
) -> list[Silence]:
    """The silences among `between`, in order.

    The time before the first and after the last speech is no silence, and an aside is none: no one
    was due to speak.
    """
    found = []
    for stretch in between:
        if not stretch.is_silence or stretch.kind in ("edge", "aside"):
            continue
        machine_s = machine_share_s(stretch.start_s, stretch.end_s, waits)
        length_s = stretch.length_s - machine_s
        if length_s < at_least_s - 1e-9:
            continue
        owner, kind, outcome = _classify(stretch, waits, holds, utterances)
        found.append(
            Silence(
                stretch.start_s,
                stretch.end_s,
                length_s,
                machine_s,
                owner,
                kind,
                stretch.after,
                outcome,
            )
        )
    return found


def machine_share_s(start_s: float, end_s: float, waits: Sequence[Wait]) -> float:
    """Seconds of a stretch in which the machine prepared an answer."""
    return sum(
        min(wait.machine_s, max(0.0, min(end_s, wait.end_s) - max(start_s, wait.start_s)))
        for wait in waits
    )


def _classify(
    stretch: Between,
    waits: Sequence[Wait],
    holds: Sequence[HoldInterval],
    utterances: Sequence[Utterance],
) -> tuple[Speaker | None, SilenceKind, Literal["held", "filled"] | None]:
    for hold in holds:
        shared_s = _overlap_s(stretch, hold.start_s, hold.end_s)
        if shared_s > 0.5 * min(stretch.length_s, hold.end_s - hold.start_s):
            return "patient", "hold", hold.outcome
    if stretch.before is None or stretch.after is None:
        return None, "unclear", None
    is_same_utterance = not utterances or any(
        u.start_s < stretch.start_s + _NEAR_S and stretch.end_s - _NEAR_S < u.end_s
        for u in utterances
        if u.who == stretch.before == stretch.after
    )
    if stretch.before == stretch.after and is_same_utterance:
        return stretch.before, "mid_turn", None
    last = _last_utterance(stretch, utterances)
    if stretch.before == "learner":
        told = last is not None and last.is_news
        return "patient", "after_news" if told else _patient_silence_kind(stretch, waits), None
    asked = last is not None and last.is_question
    if stretch.after == "patient" and not asked:
        return "learner", "unanswered", None
    if asked:
        return "learner", "after_question", None
    is_cue = last is not None and last.is_cue and stretch.after == "learner"
    return "learner", "after_cue" if is_cue else "after_statement", None


def _last_utterance(stretch: Between, utterances: Sequence[Utterance]) -> Utterance | None:
    """The last utterance before a silence; None where none is known."""
    earlier = [
        u for u in utterances if u.who == stretch.before and u.start_s < stretch.start_s + _NEAR_S
    ]
    return max(earlier, key=lambda u: u.start_s, default=None)


def _patient_silence_kind(stretch: Between, waits: Sequence[Wait]) -> SilenceKind:
    if stretch.after == "learner":
        return "chosen"  # the learner had finished, the patient said nothing, the learner continued
    chosen_s = max(
        (w.chosen_s for w in waits if _overlap_s(stretch, w.start_s, w.end_s) > 0.0), default=0.0
    )
    return "chosen" if chosen_s >= 0.5 * SILENCE_S else "answering"


def _overlap_s(stretch: Between, start_s: float, end_s: float) -> float:
    return max(0.0, min(stretch.end_s, end_s) - max(stretch.start_s, start_s))
