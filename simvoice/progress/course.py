"""A learner's attempts over time, case by case, and what can be said of change.

Only whole attempts at one version of a case are compared: another go at a moment is half an
encounter, and a case that was changed is another patient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Literal

from simvoice.errors import UsageError
from simvoice.progress.advice import tried
from simvoice.progress.brief import NUMBERS, Brief
from simvoice.progress.brief_store import Looked, Skipped, called, learners
from simvoice.progress.compare import (
    TOO_LITTLE,
    ComparedNumber,
    compare_agreed,
    compare_headings,
    compare_metric,
    heading_of,
    number_of,
    share_of,
)
from simvoice.progress.model import (
    CaseProgress,
    KnownLearner,
    NumberSeries,
    Point,
    ProgressReport,
    Went,
)
from simvoice.scoring.instruments.instrument import headings
from simvoice.scoring.metrics.change import minimal_detectable_change
from simvoice.scoring.metrics.definitions import Definition, definitions
from simvoice.scoring.metrics.interval import shipped_errors
from simvoice.scoring.metrics.quantities import quantity, reason_clause
from simvoice.scoring.raters.human_range import HumanAgreement, format_value, human_agreements

_CUT_SHORT = frozenset({"device", "closed", "fault"})
"""Ends that nobody chose."""


def known(looked: Looked) -> tuple[KnownLearner, ...]:
    """Whose attempts there are, by name; those without a name are the last."""
    found = [(called(b.learner), b.when) for b in looked.briefs]
    found += [(called(each.learner), each.when) for each in looked.waiting]
    found += [(called(name), "") for name, _ in looked.skipped if name is not None]
    last: dict[str, str] = {}
    for name, when in found:
        last[name] = max(last.get(name, ""), when, key=lambda text: _moment(text, ""))
    counted = learners(name for name, _ in found)
    return tuple(
        KnownLearner(learner=n, attempts=many, last=last[n]) for n, many in counted.items()
    )


def of_learner(looked: Looked, learner: str, case: str | None = None) -> Looked:
    """What is known of one learner's attempts. Raises UsageError when there are none.

    learner: the pseudonym; "-" or nothing for attempts without one. case: the id of the only one
    to look at. What cannot be told to be anybody's is left in.
    """
    name = called(learner)
    names = [each.learner for each in known(looked)]
    if name not in names:
        near = get_close_matches(name, [each for each in names if each], n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        who = f"by {name!r}" if name else "without a name"
        raise UsageError(
            f"there is no attempt {who}; {hint}run: simvoice progress, to see whose there are"
        )
    briefs = [each for each in looked.briefs if called(each.learner) == name]
    waiting = [each for each in looked.waiting if called(each.learner) == name]
    cases = {b.case_id for b in briefs} | {w.case_id for w in waiting}
    if case is not None and case not in cases:
        there = ", ".join(sorted(cases)) or "none"
        raise UsageError(f"there is no finished attempt at the case {case!r}; there are: {there}")
    return Looked(
        tuple(each for each in briefs if case in (None, each.case_id)),
        tuple(each for each in waiting if case in (None, each.case_id)),
        tuple(each for each in looked.skipped if each[0] is None or called(each[0]) == name),
    )


def progress_of(
    learner: str,
    briefs: Iterable[Brief],
    skipped: Iterable[Skipped] = (),
    waiting: int = 0,
) -> ProgressReport:
    """briefs: that learner's, in any order. waiting: how many of them are not read yet."""
    by_case: dict[str, list[Brief]] = {}
    for each in sorted(briefs, key=_when):
        by_case.setdefault(each.case_id, []).append(each)
    courses = sorted(
        (_course(found) for found in by_case.values()),
        key=lambda each: max((_moment(w.when, w.attempt) for w in each.attempts), default=0.0),
        reverse=True,
    )
    name = called(learner)
    notes = []
    if not name:
        notes.append("Attempts without a name are taken for one person's.")
    if courses:
        notes.append(
            "The patient is the same each time, so to do better here may be to know this patient; "
            "whether it carries over to another one, another case shows."
        )
    return ProgressReport(
        learner=name,
        courses=tuple(courses),
        skipped=tuple(skipped),
        notes=tuple(notes),
        waiting=waiting,
    )


def _when(brief: Brief) -> tuple[float, str]:
    return _moment(brief.when, brief.attempt), brief.attempt


def _moment(when: str, attempt: str) -> float:
    """Seconds since the epoch; without a time of its own, by the one in the attempt's id."""
    try:
        found = datetime.fromisoformat(when)
    except ValueError:
        try:
            found = datetime.strptime(attempt[:15], "%Y%m%d-%H%M%S")
        except ValueError:
            return 0.0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _course(briefs: Sequence[Brief]) -> CaseProgress:
    """Attempts at one case in order of time."""
    whole = [each for each in briefs if each.again is None]
    version = whole[-1].case_sha256 if whole else ""
    same = [each for each in whole if each.case_sha256 == version]
    made = _Maker(whole, same)
    course = CaseProgress(
        case_id=briefs[-1].case_id,
        title=briefs[-1].case_title,
        patient_name=briefs[-1].patient_name,
        attempts=tuple(
            Went(
                attempt=each.attempt,
                number=number,
                when=each.when,
                length_s=each.length_s,
                reason=each.reason,
                comparable=each.case_sha256 == version,
            )
            for number, each in enumerate(whole, 1)
        ),
        headings=tuple(made.heading(h.id, h.name) for h in headings()) if whole else (),
        agreed=tuple(made.agreed(number) for number in human_agreements().values())
        if whole
        else (),
        metrics=tuple(made.metric(entry) for entry in _followed()) if whole else (),
        tried=tried(briefs),
        goes=len(briefs) - len(whole),
        notes=(),
    )
    return course.model_copy(update={"notes": tuple(_notes(course, whole, same))})


def _followed() -> tuple[Definition, ...]:
    """Metrics that are followed over time and whose minimal detectable change is known."""
    table = shipped_errors()
    return tuple(
        entry
        for entry in definitions()
        if entry.key in NUMBERS
        and table is not None
        and minimal_detectable_change(entry.key, table) is not None
    )


class _Maker:
    """Makes the series of one case. whole: the attempts. same: those that may be compared."""

    def __init__(self, whole: Sequence[Brief], same: Sequence[Brief]) -> None:
        self._whole = whole
        self._same = same
        self._ids = frozenset(each.attempt for each in same)

    def heading(self, key: str, name: str) -> NumberSeries:
        def point(brief: Brief) -> Point:
            found = heading_of(brief, key)
            share = None if found is None else share_of(found)
            if found is None or share is None:
                return self._none(brief, TOO_LITTLE)
            low, high = 100.0 * share.low, 100.0 * share.high
            judged = len(found.met) + len(found.not_met)
            return self._point(
                brief,
                share.value,
                (share.low, share.high),
                f"{100.0 * share.value:.0f} % ({low:.0f} to {high:.0f}; {len(found.met)} of "
                f"{judged} items)",
            )

        return self._series(
            (key, name, "heading", "share"),
            "95 %, as so few items have it",
            point,
            lambda before, after: compare_headings(before, after, key),
        )

    def agreed(self, number: HumanAgreement) -> NumberSeries:
        def point(brief: Brief) -> Point:
            value = number.value(brief.counts)
            if value is None:
                return self._none(brief, "no question was recognised")
            low, high = number.interval(value)
            ends = " to ".join(format_value(number, end).removesuffix(" %") for end in (low, high))
            return self._point(brief, value, (low, high), f"{format_value(number, value)} ({ends})")

        return self._series(
            (number.key, number.name, "agreed", number.unit),
            "95 %, as far as people differ who code the same encounter",
            point,
            lambda before, after: compare_agreed(before, after, number),
        )

    def metric(self, entry: Definition) -> NumberSeries:
        def point(brief: Brief) -> Point:
            found = number_of(brief, entry.key)
            if found is None or found.value is None:
                why = "not measured" if found is None else found.reason
                return self._none(brief, reason_clause(why))
            shown = quantity(entry.unit, found.value)
            if found.low is None or found.high is None:
                return self._point(brief, found.value, None, shown)
            ends = _ends(entry, found.low, found.high, shown)
            return self._point(brief, found.value, (found.low, found.high), f"{shown} ({ends})")

        return self._series(
            (entry.key, entry.name, "metric", entry.unit),
            "90 %, the error of measuring under that recording's conditions, where it is known; a "
            "known slant is taken off",
            point,
            lambda before, after: compare_metric(before, after, entry.key),
        )

    def _point(
        self, brief: Brief, value: float, ends: tuple[float, float] | None, shown: str
    ) -> Point:
        low, high = ends or (None, None)
        return Point(
            attempt=brief.attempt,
            value=value,
            low=low,
            high=high,
            shown=shown,
            comparable=brief.attempt in self._ids,
        )

    def _none(self, brief: Brief, why: str) -> Point:
        return Point(
            attempt=brief.attempt, value=None, shown=why, comparable=brief.attempt in self._ids
        )

    def _series(
        self,
        what: tuple[str, str, Literal["heading", "agreed", "metric"], str],
        interval: str,
        point: Callable[[Brief], Point],
        compare: Callable[[Brief, Brief], ComparedNumber],
    ) -> NumberSeries:
        key, name, kind, unit = what
        same = self._same
        return NumberSeries(
            key=key,
            name=name,
            kind=kind,
            unit=unit,
            interval=interval,
            points=tuple(point(each) for each in self._whole),
            first_to_last=compare(same[0], same[-1]) if len(same) > 1 else None,
            previous_to_last=compare(same[-2], same[-1]) if len(same) > 2 else None,
        )


def _ends(entry: Definition, low: float, high: float, shown: str) -> str:
    """Both ends of an interval, without the unit where it is that of the value shown."""
    unit = shown.partition(" ")[2]
    ends = [quantity(entry.unit, end) for end in (low, high)]
    if unit and all(end.partition(" ")[2] == unit for end in ends):
        ends = [end.partition(" ")[0] for end in ends]
    return " to ".join(ends)


def _notes(course: CaseProgress, whole: Sequence[Brief], same: Sequence[Brief]) -> list[str]:
    notes = []
    if not whole:
        return ["Only other goes at moments are left, and none of the attempts they began in."]
    others = len(whole) - len(same)
    if others:
        are = "1 attempt is" if others == 1 else f"{others} attempts are"
        notes.append(
            f"{are} of another version of the case: shown, and compared with nothing, for a case "
            "that was changed is another patient."
        )
    if len(same) == 1:
        notes.append("There is one attempt to go by as yet, so nothing can be said of change.")
    if len({(each.simvoice, each.recogniser) for each in same}) > 1:
        notes.append(
            "The attempts were recorded by different versions of simvoice or heard by different "
            "recognisers, which may have coded the same words differently."
        )
    if any(each.reason in _CUT_SHORT for each in same):
        notes.append("An attempt that was broken off had less time for everything.")
    compared = [
        each
        for series in (*course.headings, *course.agreed, *course.metrics)
        for each in (series.first_to_last, series.previous_to_last)
        if each is not None and each.verdict != "not comparable"
    ]
    if compared:
        notes.append(
            f"{len(compared)} comparisons are made here. Of twenty such comparisons one is called "
            "changed by chance where nothing has changed."
        )
    if any(each.only_in_one for each in compared):
        notes.append(
            "Not every item could be judged in every attempt: one counts only where there was an "
            "occasion for it, so two shares of one heading may stand on different items."
        )
    return notes
