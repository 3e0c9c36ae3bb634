"""Lines of a case as sound: which clauses to prepare, and lines outside an encounter."""

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
from simvoice.patient.retrieval import current_wording
from simvoice.patient.voice import SpokenLine, marked_wording, mood_of, spoken_line, style_of
from simvoice.ports import Voice, VoiceStyle
from simvoice.record.events import JournalEntry, PatientMove, PatientReflection
from simvoice.runtime.stages import with_trailing_pause

# -- which clauses to prepare

Style = Callable[[Affect, Mood], VoiceStyle]
Clauses = list[tuple[str, VoiceStyle]]
"""(clause with marks, style) pairs, as the voice reads them."""


def first_clauses(plan: SpeechPlan, style: Style, *, likely_only: bool) -> Clauses:
    """Return the first clauses of all lines, because an answer waits for its first clause.

    likely_only: only those that must be ready before an encounter; else those of all moods.
    """
    return clauses(plan.lines[: plan.first if likely_only else None], style, slice(0, 1))


def remaining_clauses(plan: SpeechPlan, style: Style) -> Clauses:
    """Return the clauses to prepare after those, while no one waits.

    First the first clauses in rarer moods, then the later clauses, which would otherwise be
    synthesised while the first clause plays.
    """
    rare = clauses(plan.lines[plan.first :], style, slice(0, 1))
    later = clauses(plan.lines[: plan.likely], style, slice(1, None))
    return list(dict.fromkeys([*rare, *later]))


def clauses(lines: Iterable[SpokenLine], style: Style, which: slice = slice(None)) -> Clauses:
    """Return the clauses of these lines without duplicates; which: a slice of each line."""
    found = (
        (clause, style(each.affect, each.mood))
        for each in lines
        for clause in spoken_clauses(markup.parse(each.spoken))[which]
    )
    return list(dict.fromkeys(found))


# -- single lines


@dataclass(frozen=True, slots=True)
class LineRequest:
    """A line to speak, and the patient's state while speaking it."""

    line: str
    """The id of a line, or words with spaces, which may have marks."""
    repeated: bool = False
    """Use the wording for a repeated question."""
    affect: Affect | None = None
    """Replaces the affect of the line."""
    trust: float | None = None
    """0..1; None for the value at the start of the case. The same for distress."""
    distress: float | None = None


def requested_line(case: Case, request: LineRequest) -> SpokenLine:
    """Return the line as the patient would say it.

    Raises UsageError when there is no such line or wording.
    """
    state = _state(case, request)
    marked, affect = _wording(case, request, state)
    return spoken_line(case, marked, request.affect or affect, mood_of(state))


def _state(case: Case, request: LineRequest) -> PatientState:
    start = ledger.start(case, 0)
    values = dict(start.ledger)
    for name, value in (("trust", request.trust), ("distress", request.distress)):
        if value is not None:
            values[name] = value
    return replace(start, ledger=tuple(values.items()))


def _wording(case: Case, request: LineRequest, state: PatientState) -> tuple[str, Affect]:
    if any(each.isspace() for each in request.line):
        try:
            return markup.checked(request.line.strip()), "neutral"
        except ValueError as error:
            raise UsageError(f"{request.line!r} cannot be said: {error}") from error
    line = next((each for each in case.lines if each.id == request.line), None)
    if line is None:
        remedy = f"see the lines of {case.id} in its file, or give words in quotes"
        raise UsageError(f"there is no line {request.line!r}; {remedy}")
    if not request.repeated:
        return marked_wording(line, state, current_wording(line, state))
    if line.again is None:
        raise UsageError(f"the line {line.id} has no `again`; leave --again out, or write one")
    return marked_wording(line, state, line.again)


def line_sound(case: Case, voice: Voice, line: SpokenLine) -> Pcm:
    """Return the clauses of a line in sequence, as in an encounter: float32 [n], 16 kHz."""
    style = style_of(case.person, line.affect, line.mood)
    return np.concatenate(
        [
            with_trailing_pause(voice.speak(clause, style).pcm, clause)
            for clause in spoken_clauses(markup.parse(line.spoken))
        ]
    )


# -- the reflection

REFLECTION_PAUSE_S = 0.7
"""Pause between two sentences of the reflection, as of a speaker who thinks."""


def reflection_sound(case: Case, voice: Voice, entries: Sequence[JournalEntry]) -> Pcm | None:
    """Return the patient's reflection: float32 [n], 16 kHz; None when the record holds none."""
    reflection = next((e for e in reversed(entries) if isinstance(e, PatientReflection)), None)
    if reflection is None or not reflection.said:
        return None
    last = next((e for e in reversed(entries) if isinstance(e, PatientMove) and e.ledger), None)
    final_ledger = last.ledger if last is not None else {}
    pause = np.zeros(samples(REFLECTION_PAUSE_S), np.float32)
    parts: list[Pcm] = []
    for line in _reflection_lines(case, reflection, final_ledger):
        parts += [line_sound(case, voice, line), pause]
    return np.concatenate(parts)


def _reflection_lines(
    case: Case, reflection: PatientReflection, final_ledger: Mapping[str, float]
) -> list[SpokenLine]:
    """Return the reflection in the mood at the end of the encounter.

    An affect that this version does not know becomes neutral.
    """
    request = LineRequest(
        "", trust=final_ledger.get("trust"), distress=final_ledger.get("distress")
    )
    mood = mood_of(_state(case, request))
    known: dict[str, Affect] = {name: name for name in get_args(Affect)}
    return [
        spoken_line(case, each.spoken or each.text, known.get(each.affect, "neutral"), mood)
        for each in reflection.said
    ]
