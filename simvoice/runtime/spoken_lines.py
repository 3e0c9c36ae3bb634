"""Lines of a case as sound: which clauses to prepare, and lines without an encounter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from simvoice import markup
from simvoice.audio import Pcm, samples
from simvoice.conversation.clauses import spoken_clauses
from simvoice.errors import UsageError
from simvoice.patient import ledger
from simvoice.patient.case.schema import Case
from simvoice.patient.checking.rehearsal import SpeechPlan
from simvoice.patient.decisions import Affect, Mood, PatientState
from simvoice.patient.retrieval import wording
from simvoice.patient.voice import (SpokenLine, mood_of, saying, style_of, wording_of)
from simvoice.ports import Voice, VoiceStyle
from simvoice.record.events import JournalEntry, PatientMove, PatientReflection
from simvoice.runtime.stages import with_trailing_pause

# -- prepared clauses -------------------------------------------------------------------------
# Which clauses to make sound before they are needed, in which order and style.


Style = Callable[[Affect, Mood], VoiceStyle]
Clauses = list[tuple[str, VoiceStyle]]
"""Each as the voice is given it."""


def first_clauses(plan: SpeechPlan, style: Style, *, likely_only: bool) -> Clauses:
    """First clauses, which is what an answer waits for: those that have to be there before she
    can be met, or all in every mood."""
    return clauses(plan.sayings[: plan.first if likely_only else None], style, slice(0, 1))


def remaining_clauses(plan: SpeechPlan, style: Style) -> Clauses:
    """What is made after that while nobody waits: first clauses in rarer moods, then what
    follows a first clause and would else be made while it sounds."""
    rare = clauses(plan.sayings[plan.first :], style, slice(0, 1))
    later = clauses(plan.sayings[: plan.likely], style, slice(1, None))
    return list(dict.fromkeys([*rare, *later]))


def clauses(sayings: Iterable[SpokenLine], style: Style, which: slice = slice(None)) -> Clauses:
    """The clauses of these sayings, each once. which: of each saying's clauses."""
    found = (
        (clause, style(each.affect, each.mood))
        for each in sayings
        for clause in spoken_clauses(markup.parse(each.spoken))[which]
    )
    return list(dict.fromkeys(found))


# -- spoken lines -----------------------------------------------------------------------------
# Lines of a case as sound, without an encounter around them: for authors, and afterwards.


@dataclass(frozen=True, slots=True)
class LineRequest:
    """Which line to hear, and how she is when she says it."""

    line: str
    """The id of a line, or words with spaces, which may have marks."""
    again: bool = False
    """The wording for when she is asked the same once more."""
    affect: Affect | None = None
    """Instead of the line's own."""
    trust: float | None = None
    """0..1; None leaves it as the case starts."""
    distress: float | None = None


def saying_for(case: Case, wanted: LineRequest) -> SpokenLine:
    """How she would say it. Raises UsageError when there is no such line or wording."""
    state = _state(case, wanted)
    marked, affect = _words(case, wanted, state)
    return saying(case, marked, wanted.affect or affect, mood_of(state))


def _state(case: Case, wanted: LineRequest) -> PatientState:
    begun = ledger.start(case, 0)
    values = dict(begun.ledger)
    for name, value in (("trust", wanted.trust), ("distress", wanted.distress)):
        if value is not None:
            values[name] = value
    return replace(begun, ledger=tuple(values.items()))


def _words(case: Case, wanted: LineRequest, state: PatientState) -> tuple[str, Affect]:
    if any(each.isspace() for each in wanted.line):
        try:
            return markup.checked(wanted.line.strip()), "neutral"
        except ValueError as error:
            raise UsageError(f"{wanted.line!r} cannot be said: {error}") from error
    line = next((each for each in case.lines if each.id == wanted.line), None)
    if line is None:
        remedy = f"see the lines of {case.id} in its file, or give words in quotes"
        raise UsageError(f"there is no line {wanted.line!r}; {remedy}")
    if not wanted.again:
        return wording_of(line, state, wording(line, state))
    if line.again is None:
        raise UsageError(f"the line {line.id} has no `again`; leave --again out, or write one")
    return wording_of(line, state, line.again)


BREATH_S = 0.7
"""Between two things she says afterwards: the pause between sentences of somebody who thinks."""


def reflection_sound(case: Case, voice: Voice, entries: Sequence[JournalEntry]) -> Pcm | None:
    """What she said afterwards, float32 [n] at 16 kHz; None when the record has nothing of it."""
    said = next((e for e in reversed(entries) if isinstance(e, PatientReflection)), None)
    if said is None or not said.said:
        return None
    last = next((e for e in reversed(entries) if isinstance(e, PatientMove) and e.ledger), None)
    left = last.ledger if last is not None else {}
    breath = np.zeros(samples(BREATH_S), np.float32)
    parts: list[Pcm] = []
    for saying_ in _felt(case, said, left):
        parts += [saying_sound(case, voice, saying_), breath]
    return np.concatenate(parts)


def _felt(case: Case, said: PatientReflection, left: Mapping[str, float]) -> list[SpokenLine]:
    """How she says it, as the encounter left her. An affect that this version does not know is
    said plainly."""
    state = _state(case, LineRequest("", trust=left.get("trust"), distress=left.get("distress")))
    known: dict[str, Affect] = {name: name for name in get_args(Affect)}
    return [
        saying(case, each.spoken or each.text, known.get(each.affect, "neutral"), mood_of(state))
        for each in said.said
    ]


def saying_sound(case: Case, voice: Voice, said: SpokenLine) -> Pcm:
    """float32 [n] at 16 kHz: her clauses one after the other, as in an encounter."""
    style = style_of(case.person, said.affect, said.mood)
    clauses = spoken_clauses(markup.parse(said.spoken))
    return np.concatenate(
        [with_trailing_pause(voice.speak(clause, style).pcm, clause) for clause in clauses]
    )
