"""Silences of two seconds and more: whose turn it was, what kind, and who broke them.

Two seconds is the threshold of Bartels et al. 2016 and Gramling et al. 2022
(doi 10.1016/j.pec.2021.10.032). The machine's own delay is no silence and is taken off before
a stretch is measured against the threshold; what the patient chose to keep is hers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from simvoice.timing.turns import Between, Speaker

SILENCE_S = 2.0
"""Seconds from which nobody speaking counts as a silence."""

_NEAR_S = 0.05
"""Seconds by which a detector's edge of a stretch may differ from an utterance's."""

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
"""hold: the patient fell quiet after a blow. chosen: the patient kept quiet before speaking.
answering: the patient took that long to answer. after_news: the learner had told the news, and the
patient was due. after_cue: the patient had shown a feeling, and the learner was due.
after_question / after_statement: the learner took that long to answer one. unanswered: the learner
did not, and the patient went on. mid_turn: the speaker stopped and went on. unclear: both had
stopped or began at once."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What the record says of the time before one answer of the patient's, session seconds."""

    start_s: float
    """End of the learner's speech."""
    end_s: float
    """First sound of the answer."""
    chosen_s: float
    """Seconds of it that the patient chose."""

    @property
    def machine_s(self) -> float:
        """Seconds that were the machine's own."""
        return max(0.0, self.end_s - self.start_s - max(0.0, self.chosen_s))


@dataclass(frozen=True, slots=True)
class Held:
    """A silence the patient chose after a blow."""

    start_s: float
    end_s: float
    outcome: Literal["held", "filled"]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One utterance of a speaker's: speech that is meant as one, pauses included."""

    who: Speaker
    start_s: float
    end_s: float
    is_question: bool = False
    is_news: bool = False
    """The learner told the news in it."""
    is_cue: bool = False
    """The patient showed a feeling or a worry in it (VR-CoDES: a cue or concern)."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence that lasted, once the machine's share was taken off."""

    start_s: float
    end_s: float
    length_s: float
    """Seconds without the machine's own delay."""
    machine_s: float
    """Seconds of the stretch that were the machine's."""
    owner: Speaker | None
    """Whose turn it was to speak, or who chose the silence; None when that is unclear."""
    kind: SilenceKind
    breaker: Speaker | None
    outcome: Literal["held", "filled"] | None = None
    """For a hold."""


def silences(
    between: Sequence[Between],
    *,
    waits: Sequence[Wait] = (),
    holds: Sequence[Held] = (),
    utterances: Sequence[Utterance] = (),
    at_least_s: float = SILENCE_S,
) -> list[Silence]:
    """The silences among `between`, in order. What lies before the first and after the last
    speech is none: nobody was waiting there."""
    found = []
    for stretch in between:
        if not stretch.is_silence or stretch.kind == "edge":
            continue
        machine_s = machine_share_s(stretch.start_s, stretch.end_s, waits)
        length_s = stretch.length_s - machine_s
        if length_s < at_least_s - 1e-9:
            continue
        owner, kind, outcome = _typed(stretch, waits, holds, utterances)
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
    """Seconds of a stretch that the machine's own delay accounts for."""
    return sum(
        min(wait.machine_s, max(0.0, min(end_s, wait.end_s) - max(start_s, wait.start_s)))
        for wait in waits
    )


def _typed(
    stretch: Between,
    waits: Sequence[Wait],
    holds: Sequence[Held],
    utterances: Sequence[Utterance],
) -> tuple[Speaker | None, SilenceKind, Literal["held", "filled"] | None]:
    for hold in holds:
        shared_s = _shared_s(stretch, hold.start_s, hold.end_s)
        if shared_s > 0.5 * min(stretch.length_s, hold.end_s - hold.start_s):
            return "patient", "hold", hold.outcome
    if stretch.before is None or stretch.after is None:
        return None, "unclear", None
    is_one = not utterances or any(
        u.start_s < stretch.start_s + _NEAR_S and stretch.end_s - _NEAR_S < u.end_s
        for u in utterances
        if u.who == stretch.before == stretch.after
    )
    if stretch.before == stretch.after and is_one:
        return stretch.before, "mid_turn", None
    last = _last(stretch, utterances)
    if stretch.before == "learner":
        told = last is not None and last.is_news
        return "patient", "after_news" if told else _patients(stretch, waits), None
    if stretch.after == "patient":
        return "learner", "unanswered", None
    if last is not None and last.is_cue:
        return "learner", "after_cue", None
    asked = last is not None and last.is_question
    return "learner", "after_question" if asked else "after_statement", None


def _last(stretch: Between, utterances: Sequence[Utterance]) -> Utterance | None:
    """The last utterance of who spoke before a silence; None where none is known."""
    said = [
        u for u in utterances if u.who == stretch.before and u.start_s < stretch.start_s + _NEAR_S
    ]
    return max(said, key=lambda u: u.start_s, default=None)


def _patients(stretch: Between, waits: Sequence[Wait]) -> SilenceKind:
    if stretch.after == "learner":
        return "chosen"  # the learner had finished, she said nothing, and the learner went on
    chosen_s = max(
        (w.chosen_s for w in waits if _shared_s(stretch, w.start_s, w.end_s) > 0.0), default=0.0
    )
    return "chosen" if chosen_s >= 0.5 * SILENCE_S else "answering"


def _shared_s(stretch: Between, start_s: float, end_s: float) -> float:
    return max(0.0, min(stretch.end_s, end_s) - max(stretch.start_s, start_s))
