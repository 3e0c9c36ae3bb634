"""Which clauses to make sound before they are needed, in which order and style."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from simvoice import markup
from simvoice.conversation.clauses import spoken_clauses
from simvoice.patient.checking.rehearsal import Plan
from simvoice.patient.decisions import Affect, Mood
from simvoice.patient.voice import Saying
from simvoice.ports import VoiceStyle

Style = Callable[[Affect, Mood], VoiceStyle]
Clauses = list[tuple[str, VoiceStyle]]
"""Each as the voice is given it."""


def needed(plan: Plan, style: Style, *, likely_only: bool) -> Clauses:
    """First clauses, which is what an answer waits for: those that have to be there before she
    can be met, or all in every mood."""
    return clauses(plan.sayings[: plan.first if likely_only else None], style, slice(0, 1))


def welcome(plan: Plan, style: Style) -> Clauses:
    """What is made after that while nobody waits: first clauses in rarer moods, then what
    follows a first clause and would else be made while it sounds."""
    rare = clauses(plan.sayings[plan.first :], style, slice(0, 1))
    later = clauses(plan.sayings[: plan.likely], style, slice(1, None))
    return list(dict.fromkeys([*rare, *later]))


def clauses(sayings: Iterable[Saying], style: Style, which: slice = slice(None)) -> Clauses:
    """The clauses of these sayings, each once. which: of each saying's clauses."""
    found = (
        (clause, style(each.affect, each.mood))
        for each in sayings
        for clause in spoken_clauses(markup.parse(each.spoken))[which]
    )
    return list(dict.fromkeys(found))
