"""Progress at a glance, for the first page of a learner: two sentences, and what to try next."""

from __future__ import annotations

from collections.abc import Sequence

from simvoice.display import count_noun
from simvoice.progress.brief import Brief
from simvoice.progress.course import build_progress, start_of
from simvoice.progress.model import CaseProgress
from simvoice.strict_model import StrictModel


class SuggestedTry(StrictModel):
    """What the last debrief that suggests anything suggests."""

    attempt: str
    title: str
    """What to try, in a few words."""
    case_id: str
    patient_name: str
    when: str
    """Start of that attempt, ISO 8601 with time zone."""
    again_turn: int | None
    """Turn of the checkpoint to retry from; None without one."""


class ProgressGlance(StrictModel):
    """What a first page says of a learner's attempts."""

    lines: tuple[str, ...]
    """At most two sentences; none without an attempt that can be read."""
    next_try: SuggestedTry | None


def glance_at(briefs: Sequence[Brief]) -> ProgressGlance:
    """Return the glance at these attempts of one learner, in any order."""
    found = build_progress("", briefs).courses
    whole = [course for course in found if course.attempts]
    if not whole:
        return ProgressGlance(lines=(), next_try=_next_try(briefs))
    count = sum(len(course.attempts) for course in whole)
    met = count_noun(len(whole), "patient")
    first = f"{count_noun(count, 'whole conversation')} so far, with {met}."
    return ProgressGlance(lines=(first, _change(whole[0])), next_try=_next_try(briefs))


def _change(course: CaseProgress) -> str:
    """Return what changed in the case with the latest attempt, in a sentence."""
    same = [each for each in course.attempts if each.comparable]
    if len(same) < 2:
        return (
            f"Speak with {course.patient_name} again, and you can see whether something has "
            "changed."
        )
    changed = [
        series.name
        for series in (*course.headings, *course.agreed, *course.metrics)
        if series.first_to_last is not None and series.first_to_last.verdict == "changed"
    ]
    since = f"With {course.patient_name}, from the first to the last of {len(same)}"
    if not changed:
        return f"{since}: no change that can be told from chance."
    more = f", and {len(changed) - 2} more" if len(changed) > 2 else ""
    return f"{since}, this has changed: {', '.join(changed[:2])}{more}."


def _next_try(briefs: Sequence[Brief]) -> SuggestedTry | None:
    for brief in sorted(briefs, key=start_of, reverse=True):
        if brief.advice and not brief.awaits_reflection:
            advice = brief.advice[0]
            return SuggestedTry(
                attempt=brief.attempt,
                title=advice.title,
                case_id=brief.case_id,
                patient_name=brief.patient_name,
                when=brief.when,
                again_turn=advice.again_turn,
            )
    return None
